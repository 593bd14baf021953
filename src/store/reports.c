#include "store/reports.h"

#include "store/rows_int.h"
#include "store/store_int.h"

enum rc report_add(
    struct txn_rw *txn, const struct report *report, int64_t max, int64_t *ret_report)
{
	int64_t others;
	TRY(RUN(txn, report_replace, I(report->reporter), I(report->kind), T(report->room_id),
	    T(report->event_id), T(report->user_id)));
	TRY(NUMBER(&txn->ro, &others, reports_count, I(report->reporter), I(max)));
	if (others >= max)
		return RC_LIMIT_EXCEEDED;
	return NUMBER(&txn->ro, ret_report, report_add, I(report->reporter), I(report->kind),
	    T(report->room_id), T(report->event_id), T(report->user_id), T(report->reason),
	    I(report->ts_ms));
}

enum rc reports_list(struct txn_ro *txn, struct arena *arena, int64_t after, size_t limit,
    struct report **ret_reports, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct report);
	struct query CLEANUP(query_close) q = QUERY(txn, reports_list, I(after), I((int64_t)limit));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct report *report = rows_add(&rows);
		if (!report)
			break;
		*report = (struct report){
		    .report = col_i64(&q, 0),
		    .kind = (enum report_kind)col_i64(&q, 1),
		    .reporter = col_i64(&q, 2),
		    .reporter_id = col_dup(&q, 3, arena),
		    .room_id = col_dup(&q, 4, arena),
		    .event_id = col_dup(&q, 5, arena),
		    .user_id = col_dup(&q, 6, arena),
		    .reason = col_dup(&q, 7, arena),
		    .ts_ms = col_i64(&q, 8),
		};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_reports = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc report_remove(struct txn_rw *txn, int64_t report)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, report_remove, I(report)));
	return changes == 1 ? RC_OK : RC_NOT_FOUND;
}
