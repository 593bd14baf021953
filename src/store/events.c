/* Events: the insert at the head of a room, and reading. */
#include "store/members_int.h"
#include "store/rows_int.h"
#include "store/store_int.h"

/* What an insert works out before it writes. */
struct placing {
	int64_t event, pos, type;
	int64_t key; /* of state events */
	int64_t snapshot, replaced;
};

static enum rc head_advance(struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	struct txn_ro *ro = &txn->ro;
	enum rc rc = NUMBER(ro, &at->snapshot, room_advance, I(at->event), I(in->depth), I(at->pos),
	    I(in->room), I(in->expected_head));
	return rc == RC_NOT_FOUND ? RC_CONFLICT : rc;
}

/* State events: the snapshot before is read first, since the one after it goes into the room's row. */
static enum rc head_advance_state(
    struct txn_rw *txn, const struct event_insert *in, struct placing *at)
{
	struct txn_ro *ro = &txn->ro;
	int64_t before;
	{
		struct query CLEANUP(query_close) q = QUERY(ro, room_head, I(in->room));
		TRY(query_step(&q));
		if (col_i64(&q, 0) != in->expected_head)
			return RC_CONFLICT;
		before = col_i64(&q, 1);
	}
	TRY(key_nid_make(txn, in->state_key, &at->key));
	struct state_key key = {at->type, at->key};
	enum rc rc = snapshot_get(ro, before, key, &at->replaced);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	TRY(snapshot_set(txn, before, key, at->event, &at->snapshot));
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, room_advance_state, I(at->event), I(in->depth), I(at->pos),
	    I(at->snapshot), I(in->room), I(in->expected_head)));
	return changes == 1 ? RC_OK : RC_CONFLICT;
}

static enum rc event_add(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at)
{
	/* The columns that all four statements begin with. */
#define COMMON                                                                                     \
	I(at->event), I(in->room), I(at->pos), I(at->snapshot), I(at->replaced), I(in->sender),    \
	    I(in->ts_ms), I(at->type), T(in->event_id), B(in->canonical.p, in->canonical.n)
	if (in->is_state && in->txn_device != 0)
		return RUN(
		    txn, event_add_state_txn, COMMON, I(at->key), I(in->txn_device), T(in->txn_id));
	if (in->is_state)
		return RUN(txn, event_add_state, COMMON, I(at->key));
	if (in->txn_device != 0)
		return RUN(txn, event_add_txn, COMMON, I(in->txn_device), T(in->txn_id));
	return RUN(txn, event_add, COMMON);
#undef COMMON
}

enum rc event_insert(
    struct txn_rw *txn, const struct event_insert *in, int64_t *ret_event, int64_t *ret_pos)
{
	if (in->generation >= 0)
		TRY(account_check_generation(&txn->ro, in->sender, in->generation));
	struct placing at = {.event = ++txn->numbers.event, .pos = txn_next_pos(txn)};
	TRY(type_nid_make(txn, in->type, &at.type));
	TRY(in->is_state ? head_advance_state(txn, in, &at) : head_advance(txn, in, &at));
	TRY(event_add(txn, in, &at));
	if (in->membership != MEMBERSHIP_NONE && in->member_user_id.n > 0)
		TRY(membership_put(txn, in, at.event, at.pos));
	if (in->redacts.n > 0)
		TRY(RUN(txn, event_redact, I(at.event),
		    B(in->redacted_canonical.p, in->redacted_canonical.n), T(in->redacts),
		    I(in->room)));
	*ret_event = at.event;
	*ret_pos = at.pos;
	return RC_OK;
}

static struct event_row event_row(const struct query *q, struct arena *arena)
{
	return (struct event_row){
	    .event = col_i64(q, 0),
	    .room = col_i64(q, 1),
	    .pos = col_i64(q, 2),
	    .snapshot = col_i64(q, 3),
	    .replaced = col_i64(q, 4),
	    .sender = col_i64(q, 5),
	    .ts_ms = col_i64(q, 6),
	    .redacted_by = col_i64(q, 7),
	    .event_id = col_dup(q, 8, arena),
	    .type = col_dup(q, 9, arena),
	    .is_state = col_i64(q, 10) != 0,
	    .state_key = col_dup(q, 11, arena),
	    .txn_id = col_dup(q, 12, arena),
	    .txn_device = col_i64(q, 13),
	    .canonical = col_dup(q, 14, arena),
	};
}

static enum rc event_one(struct query *q, struct arena *arena, struct event_row *ret_event)
{
	TRY(query_step(q));
	struct event_row event = event_row(q, arena);
	TRY(arena_status(arena));
	*ret_event = event;
	return RC_OK;
}

enum rc event_get(
    struct txn_ro *txn, struct arena *arena, int64_t event, struct event_row *ret_event)
{
	struct query CLEANUP(query_close) q = QUERY(txn, event_get, I(event));
	return event_one(&q, arena, ret_event);
}

enum rc event_find(
    struct txn_ro *txn, struct arena *arena, str event_id, struct event_row *ret_event)
{
	struct query CLEANUP(query_close) q = QUERY(txn, event_find, T(event_id));
	return event_one(&q, arena, ret_event);
}

enum rc event_by_txn(struct txn_ro *txn, struct arena *arena, int64_t device, int64_t room,
    str type, str txn_id, str *ret_event_id)
{
	int64_t type_nid;
	TRY(type_nid_find(txn, type, &type_nid));
	return TEXT(
	    txn, arena, ret_event_id, event_by_txn, I(device), I(room), I(type_nid), T(txn_id));
}

enum rc state_event(struct txn_ro *txn, struct arena *arena, int64_t snapshot, str type,
    str state_key, struct event_row *ret_event)
{
	struct state_key key;
	int64_t event;
	TRY(type_nid_find(txn, type, &key.type));
	TRY(key_nid_find(txn, state_key, &key.key));
	TRY(snapshot_get(txn, snapshot, key, &event));
	enum rc rc = event_get(txn, arena, event, ret_event);
	return rc == RC_NOT_FOUND ? RC_CORRUPT
				  : rc; /* the snapshot names an event that is not there */
}

enum rc events_between(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t from,
    int64_t to, bool newest_first, size_t limit, struct event_row **ret_events, size_t *ret_count,
    bool *ret_more)
{
	struct rows rows = ROWS(arena, struct event_row);
	int64_t one_more = limit < INT32_MAX ? (int64_t)limit + 1 : INT32_MAX;
	struct query CLEANUP(query_close) q =
	    newest_first ? QUERY(txn, events_before, I(room), I(from), I(to), I(one_more))
			 : QUERY(txn, events_after, I(room), I(from), I(to), I(one_more));
	enum rc rc;
	bool more = false;
	while ((rc = query_step(&q)) == RC_OK) {
		more = rows.count == limit;
		struct event_row *row = more ? NULL : rows_add(&rows);
		if (!row)
			break;
		*row = event_row(&q, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_events = rows.first;
	*ret_count = rows.count;
	*ret_more = more;
	return RC_OK;
}
