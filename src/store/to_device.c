#include "store/to_device.h"

#include "base/fault.h"
#include "store/store_int.h"

enum rc to_device_begin(struct txn_rw *txn, int64_t scope, str type, str txn_id, int64_t *ret_pos)
{
	int64_t before;
	enum rc rc = NUMBER(&txn->ro, &before, to_device_txn_find, I(scope), T(type), T(txn_id));
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? RC_EXISTS : rc;
	int64_t pos = txn_next_pos(txn);
	TRY(RUN(txn, to_device_txn_add, I(scope), T(type), T(txn_id), I(pos)));
	TRY(RUN(txn, to_device_txns_drop, I(scope), I(TO_DEVICE_TXNS_KEPT)));
	FAULT("to_device.begun");
	*ret_pos = pos;
	return RC_OK;
}

enum rc to_device_scope_delete(struct txn_rw *txn, int64_t scope)
{
	return RUN(txn, device_delete_txns, I(scope));
}

enum rc to_device_add(
    struct txn_rw *txn, int64_t device, int64_t pos, int64_t sender, str type, str content)
{
	TRY(RUN(txn, to_device_add, I(device), I(pos), I(sender), T(type), T(content)));
	FAULT("to_device.added");
	return RUN(txn, to_device_drop_oldest, I(device), I(TO_DEVICE_PENDING_MAX));
}

enum rc to_device_between(struct txn_ro *txn, int64_t device, int64_t after, int64_t upto,
    size_t limit, to_device_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q =
	    QUERY(txn, to_device_after, I(device), I(after), I(upto), I((int64_t)limit));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct to_device_message message = {
		    .pos = col_i64(&q, 0),
		    .sender = col_text(&q, 1),
		    .type = col_text(&q, 2),
		    .content = col_text(&q, 3),
		};
		TRY(fn(self, &message));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc to_device_is_kept(struct txn_ro *txn, int64_t device, int64_t upto, bool *ret_kept)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, to_device_any, I(device), I(upto));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_kept = rc == RC_OK;
	return RC_OK;
}

enum rc to_device_acknowledge(struct txn_rw *txn, int64_t device, int64_t upto)
{
	return RUN(txn, to_device_delete, I(device), I(upto));
}
