/* Inserting events: at the head of their room, on a fork of it, or without a place. */
#include "base/fault.h"
#include "store/accounts.h"
#include "store/auth_chains_int.h"
#include "store/members_int.h"
#include "store/room_cards_int.h"
#include "store/store_int.h"

enum { EDIT_ARENA_BYTES = 64 << 20 };

static enum rc extremities_remove(struct txn_rw *txn, const struct event_insert *in)
{
	for (size_t i = 0; i < in->replaced_head_count; i++)
		TRY(RUN(txn, extremity_remove, I(in->room), I(in->replaced_heads[i])));
	return RC_OK;
}

/* ---- at the head ---- */

/*
 * Sliding sync (MSC4186) sorts rooms by these: what somebody wrote, not what became of the room. Clients still send polls
 * and shared places under the names that they had before.
 */
static bool bumps_room(const struct event_insert *in)
{
	static const str types[] = {
	    STR_INIT("m.room.message"),
	    STR_INIT("m.room.encrypted"),
	    STR_INIT("m.room.create"),
	    STR_INIT("m.sticker"),
	    STR_INIT("m.call.invite"),
	    STR_INIT("m.poll.start"),
	    STR_INIT("m.beacon_info"),
	    STR_INIT("org.matrix.msc3381.poll.start"),
	    STR_INIT("org.matrix.msc3672.beacon_info"),
	};
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (str_eq(in->type, types[i]))
			return true;
	return false;
}

static bool is_message_at_head(const struct event_insert *in)
{
	return in->place == EVENT_AT_HEAD && !in->is_state;
}

/* The room's current state. RC_CONFLICT: the head is another. */
static enum rc room_now(
    struct txn_rw *txn, int64_t room, int64_t expected_head, int64_t *ret_snapshot)
{
	struct query CLEANUP(query_close) q = QUERY(&txn->ro, room_head, I(room));
	TRY(query_step(&q));
	if (col_i64(&q, 0) != expected_head)
		return RC_CONFLICT;
	*ret_snapshot = col_i64(&q, 1);
	return RC_OK;
}

/*
 * Messages: no row is read but for a former outlier's, so that an engine that defers waits for nothing. Why it failed is
 * asked afterwards.
 */
static enum rc head_advance(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	if (at->was_outlier)
		TRY(room_now(txn, in->room, in->expected_head, &at->snapshot));
	at->before = at->snapshot;
	enum rc rc = RUN_ONE(txn, RC_CONFLICT, room_advance, I(at->event), I(in->depth), I(at->pos),
	    I_OR_NULL(bumps_room(in), at->pos), I(in->room), I(in->expected_head),
	    I(in->generation), I(in->sender));
	if (rc == RC_CONFLICT && in->generation >= 0)
		TRY(account_check_generation(&txn->ro, in->sender, in->generation));
	return rc;
}

/* The snapshot after the event, and what stood in its place. */
static enum rc state_enter(struct txn_rw *txn, struct placing *at)
{
	struct state_key key = {at->type, at->key};
	enum rc rc = snapshot_get(&txn->ro, at->before, key, &at->replaced);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	return snapshot_set(txn, at->before, key, at->event, &at->snapshot);
}

/* State events: the snapshot before is read first, since the one after it goes into the room's row. */
static enum rc head_advance_state(
    struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	int64_t changes;
	TRY(room_now(txn, in->room, in->expected_head, &at->before));
	TRY(state_enter(txn, at));
	TRY(RUN_COUNTED(txn, &changes, room_advance_state, I(at->event), I(in->depth), I(at->pos),
	    I_OR_NULL(bumps_room(in), at->pos), I(at->snapshot), I(in->room),
	    I(in->expected_head)));
	return changes == 1 ? RC_OK : RC_CONFLICT;
}

static enum rc place_at_head(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	at->pos = txn_next_pos(txn);
	txn_tell(txn, NEWS_ROOM, in->room);
	TRY(in->is_state ? head_advance_state(txn, in, at) : head_advance(txn, in, at));
	at->current = at->snapshot;
	if (in->is_state)
		TRY(room_card_enter(txn, in));
	if (in->replaced_head_count > 0)
		TRY(extremities_remove(txn, in));
	if (in->membership == MEMBERSHIP_NONE || in->member_user_id.n == 0)
		return RC_OK;
	return membership_put(txn, in, at);
}

/* ---- on a fork ---- */

/* The snapshot that an edit describes. */
static enum rc edit_apply(struct txn_rw *txn, const struct snapshot_edit *edit, int64_t event,
    int64_t *ret_snapshot)
{
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, EDIT_ARENA_BYTES);
	if (edit->base < 0) /* an outlier's */
		return RC_INVALID_PARAM;
	if (edit->count > SNAPSHOT_CHANGES_MAX)
		return RC_TOO_LARGE;
	struct state_entry *entries = arena_array(&arena, struct state_entry, edit->count);
	TRY(arena_status(&arena));
	for (size_t i = 0; i < edit->count; i++) {
		const struct state_change *change = &edit->changes[i];
		TRY(type_nid_make(txn, change->type, &entries[i].at.type));
		TRY(key_nid_make(txn, change->state_key, &entries[i].at.key));
		entries[i].event = change->event == EVENT_ITSELF ? event : change->event;
	}
	return snapshot_apply(txn, edit->base, entries, edit->count, ret_snapshot);
}

static bool is_replaced(const struct event_insert *in, int64_t event)
{
	for (size_t i = 0; i < in->replaced_head_count; i++)
		if (in->replaced_heads[i] == event)
			return true;
	return false;
}

/* The event is the newest forward extremity; the old head may stay one beside it. */
static enum rc head_fork(struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, room_fork, I(at->event), I(in->depth), I(at->pos),
	    I_OR_NULL(bumps_room(in), at->pos), I(at->current), I(in->room), I(in->expected_head)));
	if (changes != 1)
		return RC_CONFLICT;
	TRY(extremities_remove(txn, in));
	FAULT("store.fork.head");
	if (in->expected_head == 0 || is_replaced(in, in->expected_head))
		return RC_OK;
	return RUN(txn, extremity_add, I(in->room), I(in->expected_head));
}

/* A rejected event is in no state after it; one that is not accepted changes nothing of the room. */
static enum rc place_on_fork(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	int64_t now;
	TRY(room_now(txn, in->room, in->expected_head, &now));
	TRY(edit_apply(txn, &in->before, at->event, &at->before));
	at->snapshot = at->before;
	if (in->is_state && in->verdict != EVENT_REJECTED)
		TRY(state_enter(txn, at));
	at->current = now;
	if (in->verdict != EVENT_ACCEPTED)
		return RC_OK;
	FAULT("store.fork.before");
	at->pos = txn_next_pos(txn);
	txn_tell(txn, NEWS_ROOM, in->room);
	TRY(edit_apply(txn, &in->current, at->event, &at->current));
	TRY(head_fork(txn, in, at));
	TRY(room_card_follow(txn, in, at, now));
	return memberships_follow(txn, in, at, now);
}

/* ---- the row ---- */

static enum rc event_write(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	bool placed = in->place != EVENT_OUTLIER;
	int64_t standing = (int64_t)in->verdict + (in->marked ? STANDING_MARKED : 0);
	struct arg pos = I_OR_NULL(at->pos != 0, at->pos), snapshot = I_OR_NULL(placed, at->snapshot),
		   before = I_OR_NULL(placed && at->before != at->snapshot, at->before),
		   current = I_OR_NULL(placed && at->current != at->snapshot, at->current);
	if (at->was_outlier)
		return RUN(txn, event_place, pos, snapshot, before, current, I(at->replaced),
		    I(standing), I(at->event));
	bool has_txn = in->txn_device != 0;
	str name = has_txn ? in->txn_id : in->delay_id;
	struct arg names = T_OR_NULL(has_txn || name.n > 0, name);
	if (is_message_at_head(in))
		return RUN(txn, message_add, I(at->event), I(in->room), pos, I(standing),
		    I(in->sender), I(in->ts_ms), I(at->type), I_OR_NULL(has_txn, in->txn_device),
		    names, T(in->event_id),
		    B(in->canonical.p, in->canonical.n));
	return RUN(txn, event_add, I(at->event), I(in->room), pos, snapshot, before, current,
	    I(at->replaced), I(standing), I(in->sender), I(in->ts_ms), I(at->type),
	    I_OR_NULL(in->is_state, at->key), I_OR_NULL(has_txn, in->txn_device),
	    names, T(in->event_id), B(in->canonical.p, in->canonical.n));
}

static enum rc place(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	switch (in->place) {
	case EVENT_AT_HEAD:
		return in->verdict == EVENT_ACCEPTED ? place_at_head(txn, in, at) : RC_INVALID_PARAM;
	case EVENT_ON_FORK:
		return place_on_fork(txn, in, at);
	case EVENT_OUTLIER:
		break;
	}
	return RC_OK;
}

static enum rc insert(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	if (in->generation >= 0 && !is_message_at_head(in)) /* for these, see head_advance() */
		TRY(account_check_generation(&txn->ro, in->sender, in->generation));
	TRY(type_nid_make(txn, in->type, &at->type));
	if (in->is_state)
		TRY(key_nid_make(txn, in->state_key, &at->key));
	if (in->members)
		*in->members = (struct member_changes){.arena = in->members->arena};
	TRY(place(txn, in, at));
	TRY(event_write(txn, in, at));
	if (in->is_state && !at->was_outlier)
		TRY(auth_index_add(txn, in, at));
	TRY(relations_follow(txn, in, at));
	if (in->redacts.n == 0)
		return RC_OK;
	TRY(relation_end(txn, in->room, in->redacts));
	TRY(room_card_redact(txn, in));
	return RUN(txn, event_redact, I(at->event),
	    B(in->redacted_canonical.p, in->redacted_canonical.n), T(in->redacts), I(in->room));
}

enum rc event_insert(
    struct txn_rw *txn, const struct event_insert *in, int64_t *ret_event, int64_t *ret_pos)
{
	struct placing at = {.event = ++txn->numbers.event};
	TRY(insert(txn, in, &at));
	*ret_event = at.event;
	*ret_pos = at.pos;
	return RC_OK;
}

enum rc event_place_outlier(
    struct txn_rw *txn, const struct event_insert *in, int64_t *ret_event, int64_t *ret_pos)
{
	struct placing at = {.was_outlier = true};
	if (in->place == EVENT_OUTLIER)
		return RC_INVALID_PARAM;
	TRY(NUMBER(&txn->ro, &at.event, event_outlier, T(in->event_id), I(in->room)));
	TRY(insert(txn, in, &at));
	*ret_event = at.event;
	*ret_pos = at.pos;
	return RC_OK;
}
