#include "store/ignored.h"

#include "store/rows_int.h"
#include "store/store_int.h"
#include "store/texts_int.h"

bool nids_have(const struct nids *ascending, int64_t nid)
{
	size_t low = 0, high = ascending->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ascending->p[middle] < nid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ascending->n && ascending->p[low] == nid;
}

enum rc ignored_users_set(
    struct txn_rw *txn, struct arena *scratch, int64_t user, const str *ignored, size_t count)
{
	struct texts before, after = {UNCONST(str *, ignored), count};
	TRY(texts_read(&txn->ro, scratch, STMT_ignored_users_of, user, &before));
	return texts_write(
	    txn, user, &before, &after, STMT_ignored_user_remove, STMT_ignored_user_add);
}

enum rc ignored_users(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct nids *ret_ignored)
{
	struct rows rows = ROWS(arena, int64_t);
	struct query CLEANUP(query_close) q = QUERY(txn, ignored_user_nids, I(user));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t *ignored = rows_add(&rows);
		if (!ignored)
			break;
		*ignored = col_i64(&q, 0);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_ignored = (struct nids){rows.first, rows.count};
	return RC_OK;
}

enum rc user_ignores(struct txn_ro *txn, int64_t user, int64_t other, bool *ret_ignores)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, user_ignores, I(user), I(other));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_ignores = rc == RC_OK;
	return RC_OK;
}
