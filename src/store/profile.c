#include "store/profile.h"

#include "store/rows_int.h"
#include "store/store_int.h"

enum rc profile_field_put(struct txn_rw *txn, int64_t user, str key, str value)
{
	return RUN(txn, profile_field_put, I(user), T(key), T(value));
}

enum rc profile_field_delete(struct txn_rw *txn, int64_t user, str key)
{
	return RUN(txn, profile_field_delete, I(user), T(key));
}

enum rc profile_fields(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct profile_field **ret_fields, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct profile_field);
	struct query CLEANUP(query_close) q = QUERY(txn, profile_fields, I(user));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct profile_field *field = rows_add(&rows);
		if (!field)
			break;
		*field = (struct profile_field){col_dup(&q, 0, arena), col_dup(&q, 1, arena)};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_fields = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}
