#include "store/texts_int.h"

#include "store/rows_int.h"
#include "store/store_int.h"

#include <stdlib.h>

enum rc texts_read(struct txn_ro *txn, struct arena *arena, enum statement statement, int64_t key,
    struct texts *ret_texts)
{
	struct rows rows = ROWS(arena, str);
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), statement, ARGS(I(key)), 1);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		str *text = rows_add(&rows);
		if (!text)
			break;
		*text = col_dup(&q, 0, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_texts = (struct texts){rows.first, rows.count};
	return RC_OK;
}

static enum rc text_run(struct txn_rw *txn, enum statement statement, int64_t key, str text)
{
	return sql_run(txn, statement, ARGS(I(key), T(text)), 2, NULL);
}

enum rc texts_write(struct txn_rw *txn, int64_t key, const struct texts *before,
    const struct texts *after, enum statement remove, enum statement add)
{
	size_t old = 0, new = 0;
	while (old < before->count || new < after->count) {
		int order = old == before->count  ? 1
			    : new == after->count ? -1
						  : str_cmp(before->texts[old], after->texts[new]);
		if (order < 0)
			TRY(text_run(txn, remove, key, before->texts[old]));
		else if (order > 0)
			TRY(text_run(txn, add, key, after->texts[new]));
		old += order <= 0;
		new += order >= 0;
	}
	return RC_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const str *)a, *(const str *)b);
}

void texts_sort(struct texts *texts)
{
	size_t kept = 0;
	if (texts->count == 0)
		return;
	qsort(texts->texts, texts->count, sizeof *texts->texts, by_bytes);
	for (size_t i = 0; i < texts->count; i++)
		if (i == 0 || !str_eq(texts->texts[i], texts->texts[kept - 1]))
			texts->texts[kept++] = texts->texts[i];
	texts->count = kept;
}
