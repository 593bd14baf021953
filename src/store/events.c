/* Reading events. */
#include "base/buf.h"
#include "store/events_int.h"
#include "store/rows_int.h"
#include "store/store_int.h"

static struct event_row event_row(const struct query *q, struct arena *arena)
{
	int64_t txn_device = col_i64(q, 17);
	str name = col_dup(q, 16, arena);
	return (struct event_row){
	    .event = col_i64(q, 0),
	    .room = col_i64(q, 1),
	    .pos = col_i64(q, 2),
	    .before = col_i64(q, 3),
	    .snapshot = col_i64(q, 4),
	    .current = col_i64(q, 5),
	    .replaced = col_i64(q, 6),
	    .verdict = (enum event_verdict)(col_i64(q, 7) & STANDING_VERDICT),
	    .is_outlier = col_i64(q, 8) != 0,
	    .sender = col_i64(q, 9),
	    .ts_ms = col_i64(q, 10),
	    .redacted_by = col_i64(q, 11),
	    .event_id = col_dup(q, 12, arena),
	    .type = col_dup(q, 13, arena),
	    .is_state = col_i64(q, 14) != 0,
	    .state_key = col_dup(q, 15, arena),
	    .txn_id = txn_device ? name : STR_EMPTY,
	    .txn_device = txn_device,
	    .delay_id = txn_device ? STR_EMPTY : name,
	    .canonical = col_dup(q, 18, arena),
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

enum rc nids_text(struct arena *arena, struct nids nids, str *ret_text)
{
	struct buf text;
	buf_init(&text, arena, SIZE_MAX);
	buf_putc(&text, '[');
	for (size_t i = 0; i < nids.n; i++) {
		if (i)
			buf_putc(&text, ',');
		buf_put_i64(&text, nids.p[i]);
	}
	buf_putc(&text, ']');
	return buf_finish(&text, ret_text);
}

enum rc event_nid_find(struct txn_ro *txn, str event_id, int64_t *ret_event)
{
	return NUMBER(txn, ret_event, event_nid, T(event_id));
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

enum rc event_page(struct query *q, struct arena *arena, size_t limit,
    struct event_row **ret_events, size_t *ret_count, bool *ret_more)
{
	struct rows rows = ROWS(arena, struct event_row);
	enum rc rc;
	bool more = false;
	while ((rc = query_step(q)) == RC_OK) {
		more = rows.count == limit;
		struct event_row *row = more ? NULL : rows_add(&rows);
		if (!row)
			break;
		*row = event_row(q, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_events = rows.first;
	*ret_count = rows.count;
	*ret_more = more;
	return RC_OK;
}

enum rc events_of(struct txn_ro *txn, struct arena *arena, struct nids events,
    struct event_row **ret_events, size_t *ret_count)
{
	bool more;
	str list;
	TRY(nids_text(arena, events, &list));
	struct query CLEANUP(query_close) q = QUERY(txn, events_of, T(list));
	return event_page(&q, arena, SIZE_MAX, ret_events, ret_count, &more);
}

int64_t one_more(size_t limit)
{
	return limit < INT32_MAX ? (int64_t)limit + 1 : INT32_MAX;
}

enum rc events_between(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t from,
    int64_t to, bool newest_first, size_t limit, struct event_row **ret_events, size_t *ret_count,
    bool *ret_more)
{
	struct query CLEANUP(query_close) q =
	    newest_first ? QUERY(txn, events_before, I(room), I(from), I(to), I(one_more(limit)))
			 : QUERY(txn, events_after, I(room), I(from), I(to), I(one_more(limit)));
	return event_page(&q, arena, limit, ret_events, ret_count, ret_more);
}

enum rc events_by_time(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t ts_ms,
    int64_t after, bool backwards, size_t limit, struct event_row **ret_events, size_t *ret_count,
    bool *ret_more)
{
	int64_t none_seen = backwards ? INT64_MAX : 0;
	struct arg from = I(ts_ms), behind = I(after ? after : none_seen), most = I(one_more(limit));
	struct query CLEANUP(query_close) q = backwards
						  ? QUERY(txn, events_earlier, I(room), from, behind, most)
						  : QUERY(txn, events_later, I(room), from, behind, most);
	return event_page(&q, arena, limit, ret_events, ret_count, ret_more);
}

enum rc events_floor(
    struct txn_ro *txn, int64_t room, int64_t from, int64_t to, size_t max, int64_t *ret_floor)
{
	enum rc rc = NUMBER(txn, ret_floor, events_floor, I(room), I(from), I(to), I((int64_t)max));
	if (rc == RC_NOT_FOUND)
		*ret_floor = from;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc events_aside(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t after,
    size_t limit, struct event_row **ret_events, size_t *ret_count, bool *ret_more)
{
	struct query CLEANUP(query_close) q =
	    QUERY(txn, events_aside, I(room), I(after), I(one_more(limit)));
	return event_page(&q, arena, limit, ret_events, ret_count, ret_more);
}
