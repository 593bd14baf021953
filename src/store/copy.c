#include "store/copy_int.h"

#include "base/fault.h"

void copy_show(struct copying *copying)
{
	if (copying->config->progress)
		copying->config->progress(copying->config->self, &copying->shown);
}

/* ---- one batch ---- */

static enum rc batch_add(struct batch *batch, str row)
{
	batch->last = batch->bytes.n;
	batch->rows++;
	return bytes_add(&batch->bytes, row.p, row.n);
}

static bool batch_is_full(const struct batch *batch)
{
	return batch->bytes.n >= COPY_BATCH_BYTES || batch->rows == COPY_BATCH_ROWS;
}

/* RC_NOT_FOUND: the table has no more rows; what is in the batch are the last ones. */
static enum rc batch_fill(struct copying *copying, const struct copy_table *table)
{
	struct side *from = &copying->from;
	struct batch *batch = &copying->batch;
	str row;
	batch->bytes.n = batch->last = 0;
	batch->rows = 0;
	while (!batch_is_full(batch)) {
		TRY(from->ops->step(from, &row));
		if (!row_fits(row, table))
			return RC_CORRUPT;
		TRY(batch_add(batch, row));
	}
	return RC_OK;
}

static enum rc begin(struct side *to)
{
	return to->ops->exec(to, to->ops == &side_sqlite ? "BEGIN IMMEDIATE" : "BEGIN");
}

/* The rows, and that they are there, in one transaction. */
static enum rc batch_write(struct copying *copying, const struct copy_table *table, const struct progress_row *progress)
{
	struct side *to = &copying->to;
	TRY(begin(to));
	if (copying->batch.rows)
		TRY(to->ops->put(to, table, &copying->batch));
	TRY(progress_write(to, progress));
	FAULT("copy.batch.before_commit");
	TRY(to->ops->exec(to, "COMMIT"));
	return FAULT_FAILS("copy.batch.committed") ? RC_IO : RC_OK;
}

static void batch_done(struct copying *copying)
{
	copying->progress.rows += copying->batch.rows;
	copying->report.rows_copied += copying->batch.rows;
	copying->shown.rows = copying->progress.rows;
	copy_show(copying);
}

/* ---- one table ---- */

static enum rc table_rows_copy(struct copying *copying, const struct copy_table *from, const struct copy_table *to,
                               struct bytes *key)
{
	const struct batch *batch = &copying->batch;
	for (;;) {
		enum rc rc = batch_fill(copying, from);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return side_fail(&copying->from, rc, copying->fail);
		if (batch->rows == 0)
			return RC_OK;
		struct progress_row next = copying->progress;
		next.rows += batch->rows;
		TRY(row_key(key, str_bytes(batch->bytes.p + batch->last, batch->bytes.n - batch->last), from));
		next.after = str_bytes(key->p, key->n);
		TRY(batch_write(copying, to, &next));
		batch_done(copying);
		if (rc == RC_NOT_FOUND)
			return RC_OK;
	}
}

/* The counter, and on to the next table, in one transaction. */
static enum rc table_end(struct copying *copying, const struct copy_table *from, str next)
{
	struct side *to = &copying->to;
	struct progress_row progress = {copying->progress.source, next, STR_EMPTY, copying->progress.rows};
	TRY(begin(to));
	if (from->keys[0]->is_counter)
		TRY(counter_copy(&copying->from, to, from));
	TRY(progress_write(to, &progress));
	FAULT("copy.table.before_commit");
	TRY(to->ops->exec(to, "COMMIT"));
	copying->progress = progress;
	return FAULT_FAILS("copy.table.committed") ? RC_IO : RC_OK;
}

/* The target has a row of its own there: it was made with the schema. */
static enum rc numbers_clear(struct copying *copying, const struct copy_table *table)
{
	bool is_first = copying->progress.after.n == 0;
	return is_first && str_eq(table->name, STR("numbers")) ? side_execf(&copying->to, "DELETE FROM numbers") : RC_OK;
}

static enum rc table_copy(struct copying *copying, size_t at)
{
	const struct catalog *tables = &copying->from.catalog;
	const struct copy_table *from = &tables->tables[at], *to = &copying->to.catalog.tables[at];
	struct bytes key = {0};
	copying->shown.table = from->name;
	TRY(numbers_clear(copying, from));
	enum rc rc = side_scan(&copying->from, from, copying->progress.after);
	if (rc != RC_OK)
		return side_fail(&copying->from, rc, copying->fail);
	rc = table_rows_copy(copying, from, to, &key);
	copying->from.ops->scan_end(&copying->from);
	bytes_free(&key);
	TRY(rc);
	return table_end(copying, from, at + 1 < tables->count ? tables->tables[at + 1].name : STR_EMPTY);
}

static enum rc tables_copy(struct copying *copying)
{
	const struct catalog *tables = &copying->from.catalog;
	while (copying->progress.table.n) {
		const struct copy_table *table = catalog_find(tables, copying->progress.table);
		if (!table)
			return RC_CORRUPT;
		enum rc rc = table_copy(copying, (size_t)(table - tables->tables));
		if (rc != RC_OK)
			return side_fail(&copying->to, rc, copying->fail);
	}
	return RC_OK;
}

/* ---- all of it ---- */

static enum rc rows_count(struct copying *copying)
{
	struct side *from = &copying->from;
	for (size_t i = 0; i < from->catalog.count; i++) {
		struct buf sql;
		int64_t count = 0;
		buf_init(&sql, copying->arena, 256);
		buf_printf(&sql, "SELECT count(*) FROM \"%.*s\"", STR_ARG(from->catalog.tables[i].name));
		TRY(buf_status(&sql));
		enum rc rc = side_number(from, sql.p, &count);
		if (rc != RC_OK)
			return side_fail(from, rc, copying->fail);
		copying->shown.rows_total += count;
	}
	return RC_OK;
}

static enum rc sides_open(struct copying *copying)
{
	const struct copy_config *config = copying->config;
	copying->from = (struct side){.what = "the source", .beat_wait_ms = config->beat_wait_ms, .lock_fd = -1};
	copying->to = (struct side){.what = "the target", .beat_wait_ms = config->beat_wait_ms, .lock_fd = -1,
	                            .is_target = true};
	enum rc rc = side_open(&copying->from, &config->from, copying->arena, copying->fail);
	if (rc != RC_OK)
		return side_fail(&copying->from, rc, copying->fail);
	rc = side_open(&copying->to, &config->to, copying->arena, copying->fail);
	return rc == RC_OK ? rc : side_fail(&copying->to, rc, copying->fail);
}

static enum rc copy_run(struct copying *copying)
{
	TRY(sides_open(copying));
	TRY(target_prepare(&copying->to, &copying->from, &copying->progress, copying->fail));
	FAULT("copy.prepared");
	TRY(rows_count(copying));
	copying->report.rows_before = copying->shown.rows_before = copying->progress.rows;
	TRY(tables_copy(copying));
	FAULT("copy.copied");
	TRY(copy_verify(copying));
	FAULT("copy.verified");
	if (!copying->report.is_same)
		return RC_OK;
	enum rc rc = target_finish(&copying->to);
	FAULT("copy.finished");
	return rc == RC_OK ? rc : side_fail(&copying->to, rc, copying->fail);
}

enum rc store_copy(const struct copy_config *config, struct arena *arena, struct copy_report *ret_report,
                   struct fail *fail)
{
	struct copying copying = {.config = config, .arena = arena, .fail = fail};
	enum rc rc = copy_run(&copying);
	bytes_free(&copying.batch.bytes);
	side_close(&copying.from);
	side_close(&copying.to);
	if (rc == RC_OK)
		*ret_report = copying.report;
	return rc;
}
