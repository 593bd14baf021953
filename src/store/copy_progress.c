/*
 * How far a copy came, in the target itself. The schema, the mark "unfinished" and the first entry are made in one
 * transaction, so a target is either empty, or says what it is, or is complete.
 */
#include "store/copy_int.h"

#include "store/schema_int.h"

enum { PROGRESS_SQL_BYTES = 4 << 20 };

static int newest_version(void)
{
	int newest = 0;
	for (const struct migration *migration = migrations; migration->number != 0; migration++)
		newest = migration->number;
	return newest;
}

static enum rc version_read(struct side *side, int64_t *ret_version)
{
	*ret_version = 0;
	return side->catalog.has_version
		   ? side_number(side, "SELECT CAST(coalesce(max(version), 0) AS bigint) FROM schema_version", ret_version)
		   : RC_OK;
}

/* Told apart from others by this row: it has the tag, and where the stream and the numbers stand. */
static enum rc numbers_read(struct side *from, str *ret_numbers)
{
	const struct copy_table *numbers = catalog_find(&from->catalog, STR("numbers"));
	str row;
	if (!numbers)
		return RC_CORRUPT;
	TRY(side_scan(from, numbers, STR_EMPTY));
	enum rc rc = from->ops->step(from, &row);
	if (rc == RC_OK) {
		*ret_numbers = arena_dup(from->arena, row);
		rc = arena_status(from->arena);
	}
	from->ops->scan_end(from);
	return rc;
}

static enum rc source_check(struct side *from, struct fail *fail)
{
	int64_t version;
	TRY(catalog_read(from, fail));
	TRY(version_read(from, &version));
	if (version == SCHEMA_UNFINISHED)
		return fail_set(fail, RC_CONFLICT, "%s is an unfinished copy itself", from->what);
	if (version != newest_version() || !catalog_find(&from->catalog, STR("numbers")))
		return fail_set(fail, RC_CONFLICT,
		    "%s has the schema %lld, and this program copies %d: let its server start once, then stop it", from->what,
		    (long long)version, newest_version());
	return RC_OK;
}

/* ---- the table ---- */

static const struct copy_column blob = {.is_text = false};

enum rc progress_write(struct side *to, const struct progress_row *progress)
{
	struct arena CLEANUP(arena_release) scratch;
	struct buf sql;
	const str parts[] = {progress->source, progress->table, progress->after};
	arena_init(&scratch, (size_t)4 * PROGRESS_SQL_BYTES);
	buf_init(&sql, &scratch, PROGRESS_SQL_BYTES);
	buf_put(&sql, STR("DELETE FROM migration_progress; INSERT INTO migration_progress VALUES("));
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		to->ops->put_literal(&sql, &blob, parts[i]);
		buf_putc(&sql, ',');
	}
	buf_put_i64(&sql, progress->rows);
	buf_putc(&sql, ')');
	buf_putc(&sql, '\0');
	TRY(buf_status(&sql));
	return to->ops->exec(to, sql.p);
}

static enum rc progress_read(struct side *to, struct progress_row *ret_progress)
{
	struct field fields[4];
	str row;
	TRY(to->ops->scan(to, "SELECT source, \"table\", after, rows FROM migration_progress"));
	enum rc rc = to->ops->step(to, &row);
	bool good = rc == RC_OK && row_begin(&row, COUNT_OF(fields));
	for (size_t i = 0; i < COUNT_OF(fields) && good; i++)
		good = row_field(&row, &fields[i]);
	if (rc == RC_OK && !good)
		rc = RC_CORRUPT;
	if (rc == RC_OK) {
		*ret_progress = (struct progress_row){
		    .source = arena_dup(to->arena, fields[0].bytes),
		    .table = arena_dup(to->arena, fields[1].bytes),
		    .after = arena_dup(to->arena, fields[2].bytes),
		    .rows = field_integer(&fields[3]),
		};
		rc = arena_status(to->arena);
	}
	to->ops->scan_end(to);
	return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
}

/* ---- the target ---- */

static enum rc schema_make(struct side *to)
{
	TRY(to->ops->exec(to, "CREATE TABLE schema_version(version INTEGER PRIMARY KEY)"));
	for (const struct migration *migration = migrations; migration->number != 0; migration++) {
		TRY(to->ops->exec(to, to->ops == &side_sqlite ? migration->sqlite : migration->postgres));
		TRY(side_execf(to, "INSERT INTO schema_version VALUES(%d)", migration->number));
	}
	return RC_OK;
}

static enum rc target_mark(struct side *to, bool has_schema, const struct progress_row *first)
{
	TRY(to->ops->exec(to, to->ops == &side_sqlite ? "BEGIN IMMEDIATE" : "BEGIN"));
	if (!has_schema)
		TRY(schema_make(to));
	/* The types of PostgreSQL: SQLite takes any. */
	TRY(to->ops->exec(to, "CREATE TABLE migration_progress(source bytea, \"table\" bytea, after bytea, rows bigint)"));
	TRY(progress_write(to, first));
	TRY(side_execf(to, "INSERT INTO schema_version VALUES(%d)", SCHEMA_UNFINISHED));
	return to->ops->exec(to, "COMMIT");
}

/* A server that started once and did nothing leaves one row: its tag. */
static enum rc target_is_empty(struct side *to, struct fail *fail)
{
	int64_t count = 0;
	for (size_t i = 0; i < to->catalog.count; i++) {
		const struct copy_table *table = &to->catalog.tables[i];
		struct buf sql;
		bool is_numbers = str_eq(table->name, STR("numbers"));
		buf_init(&sql, to->arena, 256);
		buf_printf(&sql, "SELECT count(*) FROM \"%.*s\"%s", STR_ARG(table->name), is_numbers ? " WHERE pos>0 OR event>0" : "");
		TRY(buf_status(&sql));
		TRY(side_number(to, sql.p, &count));
		if (count)
			return fail_set(fail, RC_CONFLICT, "%s is not empty: it has rows in %.*s", to->what, STR_ARG(table->name));
	}
	return RC_OK;
}

/* Another run began it. */
static enum rc target_resume(struct side *to, struct progress_row *progress, struct fail *fail)
{
	struct progress_row found;
	if (!to->catalog.has_progress)
		return fail_set(fail, RC_CORRUPT, "%s is an unfinished copy that does not say how far it is", to->what);
	TRY(progress_read(to, &found));
	if (!str_eq(found.source, progress->source))
		return fail_set(fail, RC_CONFLICT,
		    "%s holds an unfinished copy of something else, or the source was used since: empty it and begin again",
		    to->what);
	*progress = found;
	return RC_OK;
}

static enum rc target_begin(struct side *to, struct progress_row *progress, struct fail *fail)
{
	int64_t version;
	TRY(catalog_read(to, fail));
	TRY(version_read(to, &version));
	if (version == SCHEMA_UNFINISHED)
		return target_resume(to, progress, fail);
	if (to->catalog.count && version != newest_version())
		return fail_set(fail, RC_CONFLICT, "%s is not empty: it has the table %.*s", to->what,
		    STR_ARG(to->catalog.tables[0].name));
	TRY(target_is_empty(to, fail));
	TRY(target_mark(to, version != 0, progress));
	return catalog_read(to, fail);
}

enum rc target_prepare(struct side *to, struct side *from, struct progress_row *ret_progress, struct fail *fail)
{
	struct progress_row progress = {0};
	enum rc rc = source_check(from, fail);
	if (rc == RC_OK)
		rc = numbers_read(from, &progress.source);
	if (rc != RC_OK)
		return side_fail(from, rc, fail);
	progress.table = from->catalog.tables[0].name;
	rc = target_begin(to, &progress, fail);
	if (rc != RC_OK)
		return side_fail(to, rc, fail);
	TRY(catalogs_compare(from, to, fail));
	*ret_progress = progress;
	return RC_OK;
}

enum rc target_finish(struct side *to)
{
	TRY(to->ops->settle(to));
	TRY(to->ops->exec(to, to->ops == &side_sqlite ? "BEGIN IMMEDIATE" : "BEGIN"));
	TRY(to->ops->exec(to, "DROP TABLE migration_progress"));
	TRY(side_execf(to, "DELETE FROM schema_version WHERE version=%d", SCHEMA_UNFINISHED));
	return to->ops->exec(to, "COMMIT");
}
