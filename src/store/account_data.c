/* Account data and filters. */
#include "store/accounts.h"
#include "store/rows_int.h"
#include "store/store_int.h"

enum rc account_data_put(struct txn_rw *txn, int64_t user, int64_t room, str type, str content)
{
	txn_tell(txn, NEWS_USER, user);
	return RUN(
	    txn, account_data_put, I(user), I(room), T(type), T(content), I(txn_next_pos(txn)));
}

enum rc account_data_get(
    struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room, str type, str *ret_content)
{
	return TEXT(txn, arena, ret_content, account_data_get, I(user), I(room), T(type));
}

enum rc account_data_count_others(
    struct txn_ro *txn, int64_t user, int64_t room, str type, int64_t max, int64_t *ret_count)
{
	return NUMBER(txn, ret_count, account_data_count_others, I(user), I(room), T(type), I(max));
}

enum rc account_data_pos(struct txn_ro *txn, int64_t user, int64_t room, str type, int64_t *ret_pos)
{
	enum rc rc = NUMBER(txn, ret_pos, account_data_pos, I(user), I(room), T(type));
	if (rc == RC_NOT_FOUND)
		*ret_pos = 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc data_collect(
    struct query *q, struct arena *arena, struct account_data_row **ret_rows, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct account_data_row);
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct account_data_row *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct account_data_row){
		    .room = col_i64(q, 0),
		    .pos = col_i64(q, 1),
		    .type = col_dup(q, 2, arena),
		    .content = col_dup(q, 3, arena),
		};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rows = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc account_data_since(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
    struct account_data_row **ret_rows, size_t *ret_count)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_data_since, I(user), I(since));
	return data_collect(&q, arena, ret_rows, ret_count);
}

enum rc account_data_of_room(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room,
    struct account_data_row **ret_rows, size_t *ret_count)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_data_of_room, I(user), I(room));
	return data_collect(&q, arena, ret_rows, ret_count);
}

enum rc account_data_of_type(struct txn_ro *txn, struct arena *arena, int64_t user, str type,
    struct account_data_row **ret_rows, size_t *ret_count)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_data_of_type, I(user), T(type));
	return data_collect(&q, arena, ret_rows, ret_count);
}

enum rc filter_put(struct txn_rw *txn, int64_t user, str json, int64_t *ret_filter_id)
{
	struct sha256 digest = sha256(json);
	struct arg digest_arg = B(digest.bytes, SHA256_BYTES);
	enum rc rc = NUMBER(&txn->ro, ret_filter_id, filter_find, I(user), digest_arg);
	if (rc != RC_NOT_FOUND)
		return rc;
	return NUMBER(&txn->ro, ret_filter_id, filter_add, I(user), digest_arg, T(json));
}

enum rc filter_get(
    struct txn_ro *txn, struct arena *arena, int64_t user, int64_t filter_id, str *ret_json)
{
	return TEXT(txn, arena, ret_json, filter_get, I(user), I(filter_id));
}
