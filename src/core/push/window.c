/* The newest events of active rooms, parsed once for all members. */
#include "base/heap.h"
#include "core/push/facts_int.h"

enum {
	WINDOW_MAX = 32,           /* events of a room that are kept */
	BATCH_MAX = 64,            /* events read at once */
	FACTS_MAX_BYTES = 8 << 20, /* of one event, parsed; far from what is possible */
	BATCH_MAX_BYTES = 64 << 20,
	KEPT_BYTES = 4096, /* of an event, besides what is used of its arena */
};

/* An event on the heap, shared by the windows in which it stands. */
struct kept {
	int refs; /* atomic */
	struct arena arena;
	struct facts facts;
};

/* All events of a room with floor < pos <= upto. */
struct window {
	struct cached cached;
	int64_t room, floor, upto;
	size_t count;
	struct kept *kept[];
};

static void kept_unref(struct kept *kept)
{
	if (!kept || __atomic_sub_fetch(&kept->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	arena_release(&kept->arena);
	heap_free(kept);
}

static void window_free(struct cached *cached)
{
	struct window *window = CONTAINER_OF(cached, struct window, cached);
	for (size_t i = 0; i < window->count; i++)
		kept_unref(window->kept[i]);
	heap_free(window);
}

static void window_unref(struct window **window)
{
	if (*window)
		cached_unref(&(*window)->cached);
}

static struct window *window_get(struct push *push, int64_t room)
{
	struct cached *cached = cache_get(&push->windows, (uint64_t)room);
	return cached ? CONTAINER_OF(cached, struct window, cached) : NULL;
}

/* One batch of the room's events, out of the store. */
struct batch {
	struct txn_ro *txn;
	const struct room_row *room;
	struct event_row *events;
	size_t count;
	int64_t from, upto; /* all of from < pos <= upto */
	int64_t member_count;
};

static enum rc kept_make(
    const struct batch *batch, const struct event_row *event, struct kept **ret_kept)
{
	struct arena scratch CLEANUP(arena_release);
	struct kept *kept = heap_new(struct kept);
	struct event_row row = *event;
	struct room_row room = *batch->room;
	arena_init(&scratch, BATCH_MAX_BYTES);
	if (!kept)
		return RC_NOMEM;
	kept->refs = 1;
	arena_init(&kept->arena, FACTS_MAX_BYTES);
	row.event_id = arena_dup(&kept->arena, row.event_id);
	row.state_key = arena_dup(&kept->arena, row.state_key);
	room.room_id = arena_dup(&kept->arena, room.room_id);
	enum rc rc = facts_make(
	    batch->txn, &kept->arena, &scratch, &room, &row, batch->member_count, &kept->facts);
	if (rc != RC_OK) {
		kept_unref(kept);
		return rc;
	}
	*ret_kept = kept;
	return RC_OK;
}

/* Room for `kept` and then `added`, of which the last WINDOW_MAX are to be in it. */
static struct window *window_new(int64_t room, const struct window *before, size_t added)
{
	size_t total = (before ? before->count : 0) + added;
	size_t skipped = total > WINDOW_MAX ? total - WINDOW_MAX : 0;
	struct window *window = heap_zero(1, sizeof *window + WINDOW_MAX * sizeof *window->kept);
	if (!window)
		return NULL;
	window->cached = (struct cached){
	    .key = (uint64_t)room, .bytes = sizeof *window, .free = window_free, .refs = 1};
	window->room = room;
	window->floor = before ? before->floor : 0;
	for (size_t i = 0; before && i < before->count; i++) {
		if (i < skipped) {
			window->floor = before->kept[i]->facts.pos;
			continue;
		}
		__atomic_add_fetch(&before->kept[i]->refs, 1, __ATOMIC_RELAXED);
		window->kept[window->count++] = before->kept[i];
	}
	return window;
}

/* The newest of the batch, behind what the window has. */
static enum rc window_fill(struct window *window, const struct batch *batch)
{
	size_t room_left = WINDOW_MAX - window->count;
	size_t first = batch->count > room_left ? batch->count - room_left : 0;
	if (first)
		window->floor = batch->events[first - 1].pos;
	for (size_t i = first; i < batch->count; i++) {
		TRY(kept_make(batch, &batch->events[i], &window->kept[window->count]));
		window->count++;
	}
	for (size_t i = 0; i < window->count; i++)
		window->cached.bytes += window->kept[i]->arena.used_bytes + KEPT_BYTES;
	window->upto = batch->upto;
	return RC_OK;
}

/* A window that ends with the batch takes the place of the one before. */
static enum rc window_extend(
    struct push *push, const struct window *before, const struct batch *batch)
{
	const struct window *joins = before && before->upto == batch->from ? before : NULL;
	struct window *window CLEANUP(window_unref) =
	    window_new(batch->room->room, joins, batch->count);
	if (!window)
		return RC_NOMEM;
	if (!joins)
		window->floor = batch->from;
	TRY(window_fill(window, batch));
	cache_put(&push->windows, &window->cached);
	return RC_OK;
}

static enum rc serve_window(
    const struct window *window, int64_t from, int64_t to, facts_fn *fn, void *self)
{
	for (size_t i = 0; i < window->count; i++) {
		const struct facts *facts = &window->kept[i]->facts;
		if (facts->pos > from && facts->pos <= to)
			TRY(fn(self, facts));
	}
	return RC_OK;
}

static enum rc serve_batch(const struct batch *batch, facts_fn *fn, void *self)
{
	struct arena one CLEANUP(arena_release);
	arena_init(&one, BATCH_MAX_BYTES);
	for (size_t i = 0; i < batch->count; i++) {
		struct facts facts;
		arena_clear(&one);
		TRY(facts_make(batch->txn, &one, &one, batch->room, &batch->events[i],
		    batch->member_count, &facts));
		TRY(fn(self, &facts));
	}
	return RC_OK;
}

/* Reads one batch; what is newest of the room is kept. `*ret_reached`: how far that came. */
static enum rc read_on(struct push *push, struct txn_ro *txn, const struct room_row *room,
    const struct window *window, int64_t from, int64_t to, facts_fn *fn, void *self,
    int64_t *ret_reached)
{
	struct arena arena CLEANUP(arena_release);
	struct batch batch = {.txn = txn, .room = room, .from = from};
	int64_t invited;
	bool more;
	arena_init(&arena, BATCH_MAX_BYTES);
	TRY(events_between(txn, &arena, room->room, from, to, false, BATCH_MAX, &batch.events,
	    &batch.count, &more));
	batch.upto = more ? batch.events[batch.count - 1].pos : to;
	*ret_reached = batch.upto;
	TRY(member_counts(txn, room->room, &batch.member_count, &invited));
	if (batch.upto < room->last_pos)
		return serve_batch(&batch, fn, self);
	TRY(window_extend(push, window, &batch));
	struct window *now CLEANUP(window_unref) = window_get(push, room->room);
	if (now && now->upto == batch.upto && now->floor <= from)
		return serve_window(now, from, batch.upto, fn, self);
	return serve_batch(&batch, fn, self);
}

/* One step: out of the window, or out of the store up to where the window begins. */
static enum rc step(struct push *push, struct txn_ro *txn, const struct room_row *room,
    int64_t from, int64_t to, facts_fn *fn, void *self, int64_t *ret_reached)
{
	struct window *window CLEANUP(window_unref) = window_get(push, room->room);
	if (window && from >= window->floor && from < window->upto) {
		*ret_reached = to < window->upto ? to : window->upto;
		return serve_window(window, from, *ret_reached, fn, self);
	}
	if (window && from < window->floor && window->floor < to)
		to = window->floor;
	return read_on(push, txn, room, window, from, to, fn, self, ret_reached);
}

enum rc facts_each(struct push *push, struct txn_ro *txn, const struct room_row *room, int64_t from,
    int64_t to, facts_fn *fn, void *self)
{
	if (to > room->last_pos)
		to = room->last_pos;
	while (from < to)
		TRY(step(push, txn, room, from, to, fn, self, &from));
	return RC_OK;
}
