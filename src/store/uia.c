#include "store/uia.h"

#include "store/store_int.h"

#include <string.h>

#define HASH(sha) B((sha)->bytes, SHA256_BYTES)

enum rc uia_row_add(struct txn_rw *txn, const struct uia_row *row)
{
	return RUN(txn, uia_add, HASH(&row->id), I(row->purpose), I(row->user), HASH(&row->request),
	    I(row->expires_ms));
}

enum rc uia_row_find(
    struct txn_ro *txn, const struct sha256 *id, int64_t now_ms, struct uia_row *ret_row)
{
	struct query CLEANUP(query_close) q = QUERY(txn, uia_find, HASH(id), I(now_ms));
	TRY(query_step(&q));
	struct uia_row row = {
	    .id = *id,
	    .purpose = col_i64(&q, 0),
	    .user = col_i64(&q, 1),
	    .completed = col_i64(&q, 3),
	};
	str request = col_text(&q, 2);
	if (request.n != sizeof(row.request.bytes))
		return RC_CORRUPT;
	memcpy(row.request.bytes, request.p, request.n);
	*ret_row = row;
	return RC_OK;
}

enum rc uia_row_complete(
    struct txn_rw *txn, const struct sha256 *id, int64_t now_ms, int64_t stages, str token)
{
	int64_t changes = 0;
	TRY(RUN_COUNTED(txn, &changes, uia_complete, I(stages), T_OR_NULL(token.n > 0, token),
	    HASH(id), I(now_ms)));
	return changes == 1 ? RC_OK : RC_NOT_FOUND;
}

enum rc uia_row_take(struct txn_rw *txn, struct arena *arena, const struct sha256 *id,
    int64_t now_ms, str *ret_token)
{
	return TEXT(&txn->ro, arena, ret_token, uia_take, HASH(id), I(now_ms));
}

enum rc uia_rows_drop_expired(struct txn_rw *txn, int64_t now_ms, size_t rows_max)
{
	return RUN(txn, uia_drop_expired, I(now_ms), I((int64_t)rows_max));
}

enum rc uia_rows_drop_oldest(struct txn_rw *txn, size_t kept_max)
{
	return RUN(txn, uia_drop_oldest, I((int64_t)kept_max));
}
