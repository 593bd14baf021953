/* Which rooms changed for a user: what an incremental /sync asks first. */
#include "store/rooms.h"
#include "store/rows_int.h"
#include "store/store_int.h"

/*
 * Two ways: over the positions of the span, or over the rooms of the user. A short span is taken without asking how
 * many rooms there are; a long one never.
 */
enum { SPAN_SMALL = 64, SPAN_MAX = 4096 };

static enum rc span_is_cheaper(struct txn_ro *txn, int64_t user, int64_t span, bool *ret_cheaper)
{
	int64_t rooms = 0;
	if (span > SPAN_SMALL && span <= SPAN_MAX)
		TRY(NUMBER(txn, &rooms, memberships_count, I(user), I(span)));
	*ret_cheaper = span <= SPAN_SMALL || (span <= SPAN_MAX && rooms >= span);
	return RC_OK;
}

static enum rc rooms_collect(
    struct query *q, struct arena *arena, int64_t **ret_rooms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, int64_t);
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		int64_t *room = rows_add(&rows);
		if (!room)
			break;
		*room = col_i64(q, 0);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rooms = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc rooms_changed_for(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
    int64_t to, int64_t **ret_rooms, size_t *ret_count)
{
	bool by_span;
	TRY(span_is_cheaper(txn, user, to - since, &by_span));
	struct query CLEANUP(query_close) q =
	    by_span
		? QUERY(txn, rooms_changed_by_span, I(user), I(since), I(to), I(MEMBERSHIP_KNOCK))
		: QUERY(txn, rooms_changed_by_user, I(since), I(user), I(MEMBERSHIP_KNOCK), I(to));
	return rooms_collect(&q, arena, ret_rooms, ret_count);
}

enum rc receipt_rooms_changed_for(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t since, int64_t to, int64_t **ret_rooms, size_t *ret_count)
{
	bool by_span;
	TRY(span_is_cheaper(txn, user, to - since, &by_span));
	struct query CLEANUP(query_close) q =
	    by_span
		? QUERY(txn, receipt_rooms_by_span, I(user), I(MEMBERSHIP_JOIN), I(since), I(to))
		: QUERY(txn, receipt_rooms_by_user, I(user), I(MEMBERSHIP_JOIN), I(since), I(to));
	return rooms_collect(&q, arena, ret_rooms, ret_count);
}
