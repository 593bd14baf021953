#include "store/unread.h"

#include "store/store_int.h"

enum rc unread_put(struct txn_rw *txn, const struct unread_row *row)
{
	return RUN(txn, unread_put, I(row->user), I(row->room), I(row->upto), I(row->version),
	    T(row->state));
}

enum rc unread_get(
    struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room, struct unread_row *ret_row)
{
	struct query CLEANUP(query_close) q = QUERY(txn, unread_get, I(user), I(room));
	TRY(query_step(&q));
	struct unread_row row = {
	    .user = user,
	    .room = room,
	    .upto = col_i64(&q, 0),
	    .version = col_i64(&q, 1),
	    .state = col_dup(&q, 2, arena),
	};
	TRY(arena_status(arena));
	*ret_row = row;
	return RC_OK;
}
