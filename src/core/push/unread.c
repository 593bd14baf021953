/* What a user has not read of a room, carried on from where the last asking came to. */
#include "core/push/unread_int.h"

#include "base/heap.h"
#include "store/ignored.h"
#include "store/unread.h"

#include <string.h>

enum { CHECKPOINT_AFTER = 256 }; /* events judged: then a checkpoint is stored */

/* ---- what is kept ---- */

static void unread_free(struct cached *cached)
{
	heap_free(CONTAINER_OF(cached, struct unread, cached));
}

static void unread_unref(struct unread **unread)
{
	if (*unread)
		cached_unref(&(*unread)->cached);
}

static struct unread *unread_get_kept(struct push *push, int64_t user, int64_t room)
{
	struct cached *cached = cache_get(&push->unread, cache_key(user, room));
	struct unread *unread = cached ? CONTAINER_OF(cached, struct unread, cached) : NULL;
	if (!unread || (unread->user == user && unread->room == room))
		return unread;
	cached_unref(cached);
	return NULL;
}

/* Behind the object stand the items, the ids of threads, and their texts. */
static struct unread *unread_new(int64_t user, int64_t room, const struct tally *tally)
{
	size_t items = tally->count * sizeof *tally->items;
	size_t threads = tally->thread_count * sizeof *tally->threads, texts = 0;
	for (size_t i = 0; i < tally->thread_count; i++)
		texts += tally->threads[i].n;
	size_t bytes = sizeof(struct unread) + threads + items + texts;
	struct unread *unread = heap_alloc(bytes);
	if (!unread)
		return NULL;
	*unread = (struct unread){.user = user, .room = room, .tally = *tally};
	unread->cached = (struct cached){
	    .key = cache_key(user, room), .bytes = bytes, .free = unread_free, .refs = 1};
	unread->tally.threads = (str *)(void *)(unread + 1);
	unread->tally.items =
	    (struct tally_item *)(void *)(unread->tally.threads + tally->thread_count);
	char *text = (char *)(unread->tally.items + tally->count);
	if (items)
		memcpy(unread->tally.items, tally->items, items);
	for (size_t i = 0; i < tally->thread_count; i++) {
		str root = tally->threads[i];
		if (root.n)
			memcpy(text, root.p, root.n);
		unread->tally.threads[i] = str_bytes(text, root.n);
		text += root.n;
	}
	return unread;
}

static void checkpoint_later(struct push_run *run, struct unread *unread)
{
	if (run->checkpoint_count == PUSH_CHECKPOINTS_MAX)
		return;
	cached_ref(&unread->cached);
	run->checkpoints[run->checkpoint_count++] = unread;
}

/* Another run may have come further meanwhile: then it is that one's that stays. */
static enum rc keep(struct push_run *run, int64_t room, struct tally *tally)
{
	bool is_far = tally->judged >= CHECKPOINT_AFTER;
	struct unread *unread CLEANUP(unread_unref) = NULL;
	struct unread *other CLEANUP(unread_unref) = NULL;
	if (is_far)
		tally->judged = 0;
	unread = unread_new(run->session->user, room, tally);
	if (!unread)
		return RC_NOMEM;
	other = unread_get_kept(run->push, unread->user, room);
	if (!other || other->tally.upto <= tally->upto)
		cache_put(&run->push->unread, &unread->cached);
	if (is_far)
		checkpoint_later(run, unread);
	return RC_OK;
}

/* ---- judging events ---- */

struct judge {
	struct push_run *run;
	const struct room_view *view;
	struct arena *arena; /* of the tally */
	struct arena scratch;
	struct tally *tally;
};

static enum rc may_see(struct judge *judge, const struct facts *facts, bool *ret_may)
{
	struct event_row row;
	*ret_may = true;
	if (!facts->is_on_fork)
		return RC_OK;
	TRY(event_get(judge->run->txn, &judge->scratch, facts->event, &row));
	return room_event_visible(judge->run->txn, &judge->scratch, judge->view, &row, ret_may);
}

/* What was before the user came, or came again, is not counted. */
static void follow_member(struct judge *judge, const struct facts *facts)
{
	if (!facts->is_member || !str_eq(facts->member_user_id, judge->run->session->user_id))
		return;
	if (facts->begins_join || facts->membership != MEMBERSHIP_JOIN)
		tally_clear(judge->tally);
}

static enum rc judge_event(void *self, const struct facts *facts)
{
	struct judge *judge = self;
	struct push_outcome outcome;
	bool may;
	judge->tally->judged++;
	arena_clear(&judge->scratch);
	follow_member(judge, facts);
	if (facts->redacts_pos)
		tally_remove(judge->tally, facts->redacts_pos);
	if (facts->is_redacted || facts->sender == judge->run->session->user ||
	    nids_have(&judge->run->ignored, facts->sender))
		return RC_OK;
	TRY(push_run_ask(judge->run, &judge->scratch, judge->view, facts, &outcome));
	if (!outcome.notify)
		return RC_OK;
	TRY(may_see(judge, facts, &may));
	return may ? tally_add(
			 judge->tally, judge->arena, facts->pos, facts->thread, outcome.highlight)
		   : RC_OK;
}

static enum rc judge_events(struct push_run *run, struct arena *arena, const struct room_view *view,
    int64_t from, struct tally *tally)
{
	struct judge judge = {.run = run, .view = view, .arena = arena, .tally = tally};
	arena_init(&judge.scratch, arena->budget_bytes);
	enum rc rc =
	    facts_each(run->push, run->txn, &view->room, from, run->to, judge_event, &judge);
	arena_release(&judge.scratch);
	return rc;
}

/* ---- where to begin ---- */

/* The position of the user's join, if that is what the member event is; a change of name leaves it at 0. */
static enum rc join_pos(
    struct push_run *run, struct arena *scratch, const struct room_view *view, int64_t *ret_pos)
{
	struct event_row event;
	struct facts facts;
	*ret_pos = 0;
	TRY(event_get(run->txn, scratch, view->member.event, &event));
	TRY(facts_make(run->txn, scratch, scratch, &view->room, &event, 0, &facts));
	if (facts.begins_join)
		*ret_pos = event.pos;
	return RC_OK;
}

/* A checkpoint of these rules; RC_NOT_FOUND. One that cannot be read is none. */
static enum rc checkpoint_read(
    struct push_run *run, struct arena *arena, int64_t room, struct tally *ret_tally)
{
	struct unread_row row;
	TRY(unread_get(run->txn, arena, run->session->user, room, &row));
	if (row.version != run->version)
		return RC_NOT_FOUND;
	enum rc rc = tally_parse(arena, row.state, ret_tally);
	ret_tally->upto = row.upto;
	ret_tally->version = row.version;
	return rc == RC_CORRUPT ? RC_NOT_FOUND : rc;
}

static enum rc begin_anew(struct push_run *run, struct arena *arena, const struct room_view *view,
    struct tally *ret_tally)
{
	enum rc rc = checkpoint_read(run, arena, view->room.room, ret_tally);
	if (rc != RC_NOT_FOUND)
		return rc;
	TRY(tally_init(arena, ret_tally));
	ret_tally->version = ret_tally->moved_pos = run->version;
	return RC_OK;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t read_by_unthreaded(const struct read_upto *receipts, size_t count)
{
	int64_t upto = 0;
	for (size_t i = 0; i < count; i++)
		if (!receipts[i].thread_id.n)
			upto = later(upto, receipts[i].upto);
	return upto;
}

/* Brings a tally up to what the transaction sees. */
static enum rc advance(struct push_run *run, struct arena *arena, const struct room_view *view,
    const struct read_upto *receipts, size_t count, struct tally *tally)
{
	int64_t from = tally->upto, read = read_by_unthreaded(receipts, count);
	if (read > from)
		tally->judged = 0; /* whoever begins anew begins there */
	from = later(from, read);
	if (from == 0)
		TRY(join_pos(run, arena, view, &from));
	if (run->to - from > PUSH_SCAN_MAX)
		TRY(events_floor(run->txn, view->room.room, from, run->to, PUSH_SCAN_MAX, &from));
	TRY(judge_events(run, arena, view, from, tally));
	tally_read(tally, receipts, count);
	tally->upto = run->to;
	return tally_pack(arena, tally);
}

static enum rc begin(struct push_run *run, struct arena *arena, const struct room_view *view,
    const struct unread *old, bool is_current, struct tally *ret_tally)
{
	return is_current ? tally_copy(arena, &old->tally, ret_tally)
			  : begin_anew(run, arena, view, ret_tally);
}

enum rc push_room_unread(struct push_run *run, struct arena *arena, const struct room_view *view,
    struct push_unread *ret_unread)
{
	int64_t user = run->session->user, room = view->room.room;
	struct unread *old CLEANUP(unread_unref) = unread_get_kept(run->push, user, room);
	bool is_current = old && old->tally.version == run->version;
	struct read_upto *receipts;
	struct tally tally;
	size_t count = 0;
	if (!is_current || old->tally.upto < run->to)
		TRY(receipts_of_user(run->txn, arena, user, room, is_current ? old->tally.upto : 0,
		    &receipts, &count));
	if (is_current && count == 0 && view->room.last_pos <= old->tally.upto)
		return tally_count(arena, &old->tally, run->to, ret_unread);
	TRY(begin(run, arena, view, old, is_current, &tally));
	TRY(advance(run, arena, view, receipts, count, &tally));
	if (old && !is_current && tally_is_same(&old->tally, &tally))
		tally.moved_pos = old->tally.moved_pos;
	TRY(keep(run, room, &tally));
	return tally_count(arena, &tally, run->to, ret_unread);
}
