#include "store/delayed_events.h"

#include "base/fault.h"
#include "store/rows_int.h"
#include "store/store_int.h"

/* ---- reading ---- */

static struct delayed_event delayed_row(const struct query *q, struct arena *arena)
{
	return (struct delayed_event){
	    .nid = col_i64(q, 0),
	    .user = col_i64(q, 1),
	    .room = col_i64(q, 2),
	    .generation = col_i64(q, 3),
	    .user_id = col_dup(q, 4, arena),
	    .room_id = col_dup(q, 5, arena),
	    .delay_id = col_dup(q, 6, arena),
	    .type = col_dup(q, 7, arena),
	    .is_state = col_i64(q, 8) != 0,
	    .state_key = col_dup(q, 9, arena),
	    .content = col_dup(q, 10, arena),
	    .delay_ms = col_i64(q, 11),
	    .scheduled_ms = col_i64(q, 12),
	    .due_ms = col_i64(q, 13),
	    .ended_ms = col_i64(q, 14),
	    .event_id = col_dup(q, 15, arena),
	    .errcode = col_dup(q, 16, arena),
	    .error = col_dup(q, 17, arena),
	};
}

enum rc delayed_event_by_txn(struct txn_ro *txn, struct arena *arena, int64_t device, int64_t room,
    str type, str txn_id, str *ret_delay_id)
{
	return TEXT(
	    txn, arena, ret_delay_id, delayed_event_by_txn, I(device), I(room), T(type), T(txn_id));
}

enum rc delayed_event_find(
    struct txn_ro *txn, struct arena *arena, str delay_id, struct delayed_event *ret_event)
{
	struct query CLEANUP(query_close) q = QUERY(txn, delayed_event_find, T(delay_id));
	TRY(query_step(&q));
	struct delayed_event event = delayed_row(&q, arena);
	TRY(arena_status(arena));
	*ret_event = event;
	return RC_OK;
}

static enum rc delayed_rows(
    struct query *q, struct arena *arena, struct delayed_event **ret_events, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct delayed_event);
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct delayed_event *event = rows_add(&rows);
		if (!event)
			break;
		*event = delayed_row(q, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_events = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc delayed_events_of(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct delayed_event **ret_events, size_t *ret_count)
{
	struct query CLEANUP(query_close) q = QUERY(txn, delayed_events_of, I(user));
	return delayed_rows(&q, arena, ret_events, ret_count);
}

enum rc delayed_events_count(
    struct txn_ro *txn, int64_t user, int64_t *ret_count, int64_t *ret_next_due_ms)
{
	struct query CLEANUP(query_close) q = QUERY(txn, delayed_events_count, I(user));
	TRY(query_step(&q));
	*ret_count = col_i64(&q, 0);
	*ret_next_due_ms = col_i64(&q, 1);
	return RC_OK;
}

enum rc delayed_events_due(struct txn_ro *txn, struct arena *arena, int64_t now_ms, size_t max,
    struct delayed_event **ret_events, size_t *ret_count, int64_t *ret_next_due_ms)
{
	int64_t process = store_process(txn->store), next_due_ms = 0;
	struct query CLEANUP(query_close) q =
	    QUERY(txn, delayed_events_due, I(now_ms), I(process), I((int64_t)max));
	enum rc rc = NUMBER(txn, &next_due_ms, delayed_events_next, I(now_ms), I(process));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	TRY(delayed_rows(&q, arena, ret_events, ret_count));
	*ret_next_due_ms = rc == RC_OK ? next_due_ms : 0;
	return RC_OK;
}

/* ---- writing ---- */

enum rc delayed_event_add(struct txn_rw *txn, const struct delayed_event *event)
{
	bool has_txn = event->txn_device != 0;
	txn_tell(txn, NEWS_DELAYED, 0);
	FAULT("delayed.added");
	return RUN(txn, delayed_event_add, I(event->user), I(event->room), I(event->generation),
	    T(event->delay_id), T(event->type), T_OR_NULL(event->is_state, event->state_key),
	    T(event->content), I(event->delay_ms), I(event->scheduled_ms),
	    I(event->scheduled_ms + event->delay_ms), I_OR_NULL(has_txn, event->txn_device),
	    T_OR_NULL(has_txn, event->txn_id));
}

static enum rc ended_trim(struct txn_rw *txn, const struct delayed_end *end)
{
	TRY(RUN(txn, delayed_events_drop_old, I(end->user), I(end->now_ms - DELAYED_KEPT_MS)));
	return RUN(txn, delayed_events_drop_many, I(end->user), I(DELAYED_KEPT_MAX));
}

enum rc delayed_event_end(struct txn_rw *txn, const struct delayed_end *end)
{
	int64_t changes;
	int64_t now_ms = end->now_ms > 0 ? end->now_ms : 1;
	FAULT("delayed.ending");
	TRY(RUN_COUNTED(txn, &changes, delayed_event_end, I(now_ms), T(end->event_id),
	    T(end->errcode), T(end->error), I(end->nid), I(end->due_ms)));
	if (changes == 0)
		return RC_NOT_FOUND;
	FAULT("delayed.ended");
	return ended_trim(txn, end);
}

enum rc delayed_event_restart(struct txn_rw *txn, int64_t nid, int64_t now_ms)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, delayed_event_restart, I(now_ms), I(nid)));
	return changes == 0 ? RC_NOT_FOUND : RC_OK;
}

enum rc delayed_events_delete_all(struct txn_rw *txn, int64_t user)
{
	TRY(RUN(txn, delayed_events_delete, I(user)));
	return RUN(txn, delayed_events_delete_ended, I(user));
}
