#include "store/processes.h"

#include "store/news.h"
#include "store/rows_int.h"
#include "store/store_int.h"

#include <string.h>

size_t room_slot(str room_id)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < room_id.n; i++)
		hash = (hash ^ (unsigned char)room_id.p[i]) * UINT64_C(1099511628211);
	return (size_t)(hash >> 32) % SLOT_COUNT;
}

enum rc process_add(struct txn_rw *txn, const struct process_row *row, int64_t *ret_process)
{
	txn_tell(txn, NEWS_PROCESSES, 0);
	return NUMBER(&txn->ro, ret_process, process_add, T(row->address), T(row->link), T(row->secret),
	              T(row->key_id));
}

void store_be_process(struct store *store, int64_t process)
{
	__atomic_store_n(&store->process, process, __ATOMIC_RELEASE);
}

int64_t store_process(const struct store *store)
{
	return __atomic_load_n(&store->process, __ATOMIC_ACQUIRE);
}

enum rc process_beat(struct txn_rw *txn, int64_t process)
{
	int64_t changes = 0;
	TRY(RUN_COUNTED(txn, &changes, process_beat, I(process)));
	return changes == 1 ? RC_OK : RC_NOT_FOUND;
}

enum rc process_end(struct txn_rw *txn, int64_t process)
{
	int64_t changes = 0;
	TRY(RUN_COUNTED(txn, &changes, process_delete, I(process)));
	if (changes != 1)
		return RC_NOT_FOUND;
	TRY(RUN(txn, slots_leave, I(process)));
	TRY(RUN(txn, fence_raise));
	txn_tell(txn, NEWS_PROCESSES, 0);
	return RC_OK;
}

enum rc process_each(struct txn_ro *txn, struct arena *arena, struct process_row **ret_rows, size_t *ret_count)
{
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), STMT_process_each, NULL, 0);
	struct rows rows = ROWS(arena, struct process_row);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct process_row *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct process_row){
		    .process = col_i64(&q, 0),
		    .beat = col_i64(&q, 1),
		    .address = col_dup(&q, 2, arena),
		    .link = col_dup(&q, 3, arena),
		    .secret = col_dup(&q, 4, arena),
		    .key_id = col_dup(&q, 5, arena),
		};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rows = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc slots_get(struct txn_ro *txn, int64_t ret_processes[SLOT_COUNT])
{
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), STMT_slots_get, NULL, 0);
	enum rc rc;
	memset(ret_processes, 0, SLOT_COUNT * sizeof ret_processes[0]);
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t slot = col_i64(&q, 0);
		if (slot >= 0 && slot < SLOT_COUNT)
			ret_processes[slot] = col_i64(&q, 1);
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc slot_give(struct txn_rw *txn, size_t slot, int64_t from, int64_t to)
{
	int64_t changes = 0;
	TRY(RUN_COUNTED(txn, &changes, slot_give, I((int64_t)slot), I(to), I(from)));
	txn_tell(txn, NEWS_PROCESSES, 0);
	return changes == 1 ? RC_OK : RC_CONFLICT;
}
