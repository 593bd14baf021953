#include "store/dehydrated.h"

#include "base/fault.h"
#include "store/store_int.h"

enum rc dehydrated_find(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct dehydrated_device *ret_device)
{
	struct query CLEANUP(query_close) q = QUERY(txn, dehydrated_find, I(user));
	TRY(query_step(&q));
	struct dehydrated_device device = {
	    .device = col_i64(&q, 0),
	    .device_id = col_dup(&q, 1, arena),
	    .data = col_dup(&q, 2, arena),
	};
	TRY(arena_status(arena));
	*ret_device = device;
	return RC_OK;
}

enum rc dehydrated_put(struct txn_rw *txn, int64_t user, int64_t device, str data)
{
	FAULT("dehydrated.put");
	return RUN(txn, dehydrated_add, I(user), I(device), T(data));
}

enum rc dehydrated_forget(struct txn_rw *txn, int64_t user)
{
	return RUN(txn, dehydrated_forget, I(user));
}
