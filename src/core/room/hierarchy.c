/*
 * GET /rooms/{roomId}/hierarchy: a walk through a space, parents before their children, each room once.
 *
 * A token names the last room that was shown, and how many there were: the next page walks again from the space itself
 * and goes on behind that room, so that no process has to remember anything. A room that is gone by then is replaced by
 * the count.
 */
#include "base/map.h"
#include "core/room/cards.h"
#include "core/room/space_children.h"
#include "core/room/spaces.h"
#include "matrix/event.h"

#include <inttypes.h>

enum { ROOM_SCRATCH_BYTES = 128 << 20, TOKEN_PARTS = 5 };

/* A room that is to be looked at. */
struct waiting {
	str room_id;
	int64_t depth;
};

/* What a token says, and what the next one will say. */
struct position {
	int64_t root, last; /* nids; `last` 0: nothing was shown */
	int64_t count;      /* rooms shown so far */
};

struct walk {
	const struct hierarchy_wish *wish;
	struct txn_ro *txn;
	struct arena *arena;  /* of the whole walk */
	struct arena scratch; /* of one room */
	struct buf *out;
	struct waiting *stack; /* the next one is the last */
	size_t stack_count, stack_capacity;
	struct map64 met;
	struct position from, at;
	bool by_count; /* skips from.count rooms, not all up to from.last */
	bool began;    /* rooms are shown */
	size_t shown;
	bool more;
};

/* ---- tokens ---- */

static enum rc from_read(
    const struct hierarchy_wish *wish, struct position *ret_from, struct fail *fail)
{
	int64_t parts[TOKEN_PARTS];
	str rest = wish->from, part;
	size_t count = 0;
	*ret_from = (struct position){0};
	if (wish->from.n == 0)
		return RC_OK;
	while (count < TOKEN_PARTS && str_split(&rest, '-', &part) &&
	       str_to_i64(part, 0, INT64_MAX, &parts[count]))
		count++;
	if (count < TOKEN_PARTS || rest.p)
		return fail_set(fail, RC_INVALID_PARAM, "from is no token of an earlier answer");
	if (parts[3] != wish->max_depth || parts[4] != (int64_t)wish->suggested_only)
		return fail_set(fail, RC_INVALID_PARAM,
		    "max_depth and suggested_only must stay as they were when the token was made");
	*ret_from = (struct position){parts[0], parts[1], parts[2]};
	return RC_OK;
}

static void next_batch_put(const struct walk *walk)
{
	json_put_key(walk->out, STR("next_batch"));
	buf_printf(walk->out, "\"%" PRId64 "-%" PRId64 "-%" PRId64 "-%" PRId64 "-%d\"",
	    walk->at.root, walk->at.last, walk->at.count, walk->wish->max_depth,
	    walk->wish->suggested_only);
}

/* ---- the walk ---- */

static enum rc push(struct walk *walk, str room_id, int64_t depth)
{
	if (walk->stack_count == walk->stack_capacity) {
		size_t capacity = walk->stack_capacity ? walk->stack_capacity * 2 : 64;
		struct waiting *grown = arena_grow(walk->arena, walk->stack,
		    walk->stack_count * sizeof *grown, capacity * sizeof *grown);
		TRY(arena_status(walk->arena));
		walk->stack = grown;
		walk->stack_capacity = capacity;
	}
	walk->stack[walk->stack_count++] = (struct waiting){arena_dup(walk->arena, room_id), depth};
	return arena_status(walk->arena);
}

/* The first child is the next one to be looked at. */
static enum rc children_push(
    struct walk *walk, const struct space_child *children, size_t count, int64_t depth)
{
	size_t space = HIERARCHY_WAITING_MAX - walk->stack_count;
	if (depth > walk->wish->max_depth)
		return RC_OK;
	for (size_t i = count < space ? count : space; i-- > 0;)
		TRY(push(walk, children[i].room_id, depth));
	return RC_OK;
}

static void room_show(struct walk *walk, const struct card_view *view,
    const struct space_child *children, size_t count)
{
	json_put_comma(walk->out);
	buf_putc(walk->out, '{');
	card_view_put(walk->out, view);
	json_put_key(walk->out, STR("children_state"));
	buf_putc(walk->out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(walk->out);
		event_put_client(walk->out, children[i].canonical, children[i].event_id,
		    view->card.room_id, EVENT_FORM_DATED, NULL);
	}
	buf_put(walk->out, STR("]}"));
	walk->shown++;
}

/* Shown, or skipped because an earlier page showed it. */
static void room_pass(struct walk *walk, const struct card_view *view,
    const struct space_child *children, size_t count)
{
	bool is_full = walk->shown == walk->wish->limit || walk->out->n > HIERARCHY_PAGE_MAX_BYTES;
	if (walk->began && walk->shown > 0 && is_full) {
		walk->more = true;
		return;
	}
	if (walk->began)
		room_show(walk, view, children, count);
	walk->at.last = view->card.room;
	walk->at.count++;
	if (!walk->began)
		walk->began = walk->by_count ? walk->at.count >= walk->from.count
					     : walk->at.last == walk->from.last;
}

/* RC_NOT_FOUND: not there for the viewer, or met before. */
static enum rc room_meet(struct walk *walk, str room_id, struct card_view *ret_view)
{
	struct room_row room;
	TRY(room_find(walk->txn, &walk->scratch, room_id, &room));
	if (map64_get(&walk->met, (uint64_t)room.room))
		return RC_NOT_FOUND;
	TRY(map64_put(&walk->met, (uint64_t)room.room, walk, NULL));
	TRY(card_view_open(walk->txn, &walk->scratch, room.room, walk->wish->viewer, ret_view));
	return ret_view->is_visible ? RC_OK : RC_NOT_FOUND;
}

static enum rc step(struct walk *walk, const struct waiting *next)
{
	struct card_view view;
	struct space_child *children = NULL;
	size_t count = 0;
	enum rc rc = room_meet(walk, next->room_id, &view);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND && next->depth > 0 ? RC_OK : rc;
	if (next->depth == 0)
		walk->at.root = view.card.room;
	if (str_eq(view.card.room_type, STR("m.space")))
		TRY(space_children(walk->txn, &walk->scratch, view.card.snapshot,
		    walk->wish->suggested_only, SPACE_CHILDREN_MAX, &children, &count));
	room_pass(walk, &view, children, count);
	TRY(buf_status(walk->out));
	return children_push(walk, children, count, next->depth + 1);
}

/* From the space to the end of the page. RC_NOT_FOUND: the viewer may not see the space. */
static enum rc walk_run(struct walk *walk)
{
	TRY(push(walk, walk->wish->room_id, 0));
	while (
	    walk->stack_count > 0 && !walk->more && map64_count(&walk->met) < HIERARCHY_ROOMS_MAX) {
		struct waiting next = walk->stack[--walk->stack_count];
		TRY(step(walk, &next));
		arena_clear(&walk->scratch);
	}
	return RC_OK;
}

static void walk_release(struct walk *walk)
{
	map64_release(&walk->met);
	arena_release(&walk->scratch);
}

static enum rc page_walk(const struct walk *plan, struct walk *ret_walk)
{
	struct walk CLEANUP(walk_release) walk = *plan;
	map64_init(&walk.met);
	arena_init(&walk.scratch, ROOM_SCRATCH_BYTES);
	walk.began = walk.from.count == 0;
	TRY(walk_run(&walk));
	ret_walk->at = walk.at;
	ret_walk->began = walk.began;
	ret_walk->more = walk.more;
	return RC_OK;
}

enum rc room_hierarchy_answer(struct store *store, struct arena *arena,
    const struct hierarchy_wish *wish, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct walk walk = {.wish = wish, .arena = arena, .out = out};
	TRY(from_read(wish, &walk.from, fail));
	TRY(txn_ro_begin(store, &txn));
	walk.txn = txn;
	buf_put(out, STR("{\"rooms\":["));
	enum rc rc = page_walk(&walk, &walk);
	if (rc == RC_OK && !walk.began) {
		walk.by_count = true;
		walk.at = (struct position){0};
		rc = page_walk(&walk, &walk);
	}
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, RC_FORBIDDEN, "You may not see this room, or there is none");
	TRY(rc);
	if (walk.from.count > 0 && walk.from.root != walk.at.root)
		return fail_set(fail, RC_INVALID_PARAM, "from is a token of another space");
	buf_putc(out, ']');
	if (walk.more)
		next_batch_put(&walk);
	buf_putc(out, '}');
	return buf_status(out);
}
