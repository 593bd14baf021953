/* SQLite as a side of a copy: a connection of its own, with nobody else on the file. */
#include "store/copy_int.h"

#include "base/heap.h"
#include "store/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4200, CACHE_KIB = 65536 };

struct sqlite_side {
	sqlite3 *db;
	sqlite3_stmt *scan, *insert;
	const struct copy_table *insert_into; /* what `insert` is prepared for */
	char directory[PATH_BYTES], path[PATH_BYTES];
};

static struct sqlite_side *sqlite_of(const struct side *side)
{
	return side->db;
}

static enum rc rc_of_errno(int error)
{
	return error == ENOSPC || error == EDQUOT ? RC_DISK_FULL
	       : error == EACCES || error == EPERM || error == EROFS ? RC_FORBIDDEN
	       : error == ENOENT ? RC_NOT_FOUND
				 : RC_IO;
}

static enum rc fail_path(struct fail *fail, const char *what, const char *path)
{
	int error = errno;
	return fail_set(fail, rc_of_errno(error), "%s %s: %s", what, path, strerror(error));
}

/* The lock of the server whose data directory this is, if it has one there. */
static enum rc directory_lock(struct side *side, struct fail *fail)
{
	struct sqlite_side *sqlite = sqlite_of(side);
	char path[PATH_BYTES + 8];
	snprintf(path, sizeof path, "%s/lock", sqlite->directory);
	side->lock_fd = open(path, O_RDWR | O_CLOEXEC);
	if (side->lock_fd < 0)
		return errno == ENOENT ? RC_OK : fail_path(fail, "Cannot open", path);
	if (flock(side->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return RC_OK;
	if (errno != EWOULDBLOCK)
		return fail_path(fail, "Cannot lock", path);
	return fail_set(fail, RC_EXISTS, "An exeunt has %s, the directory of %s, open: stop it first", sqlite->directory,
	    side->what);
}

/* A new name lasts only once its directory is on disk. Where that cannot be asked for, nobody can do better. */
static void directory_sync(const char *directory, const char *suffix)
{
	char path[PATH_BYTES + 8];
	snprintf(path, sizeof path, "%s%s", directory, suffix);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

static enum rc file_make(struct side *side, struct fail *fail)
{
	struct sqlite_side *sqlite = sqlite_of(side);
	if (mkdir(sqlite->directory, 0700) != 0 && errno != EEXIST)
		return fail_path(fail, "Cannot make the directory", sqlite->directory);
	int fd = open(sqlite->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_path(fail, "Cannot make", sqlite->path);
	close(fd);
	directory_sync(sqlite->directory, "");
	directory_sync(sqlite->directory, "/..");
	return RC_OK;
}

static enum rc exec(struct side *side, const char *sql)
{
	return sqlite_rc(sqlite3_exec(sqlite_of(side)->db, sql, NULL, NULL, NULL));
}

/*
 * Exclusive locking fails when anybody has the file open, and keeps everybody out until the end. The WAL of the source
 * stays as it is: it is read, and not copied into the database at the end.
 */
static enum rc configure(struct side *side)
{
	sqlite3 *db = sqlite_of(side)->db;
	int persist = 1;
	char sql[128];
	sqlite3_extended_result_codes(db, 1);
	snprintf(sql, sizeof sql, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-%d; PRAGMA foreign_keys=OFF",
	    CACHE_KIB);
	TRY(exec(side, sql));
	if (side->is_target)
		return exec(side, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
				  "PRAGMA wal_autocheckpoint=32768;" /* 128 MiB: random pages of indices meet there */
				  "BEGIN IMMEDIATE; COMMIT");
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
	return exec(side, "PRAGMA query_only=1; BEGIN; SELECT count(*) FROM sqlite_schema");
}

static enum rc path_keep(struct sqlite_side *sqlite, str directory, struct fail *fail)
{
	if (directory.n == 0 || directory.n > PATH_BYTES - 16 || memchr(directory.p, '\0', directory.n))
		return fail_set(fail, RC_INVALID_PARAM, "The path of a database's directory is empty or too long");
	snprintf(sqlite->directory, sizeof sqlite->directory, "%.*s", STR_ARG(directory));
	snprintf(sqlite->path, sizeof sqlite->path, "%.*s/exeunt.db", STR_ARG(directory));
	return RC_OK;
}

static enum rc sqlite_open(struct side *side, const struct copy_place *place, struct fail *fail)
{
	struct sqlite_side *sqlite = heap_new(struct sqlite_side);
	if (!sqlite)
		return RC_NOMEM;
	side->db = sqlite;
	TRY(path_keep(sqlite, place->sqlite_directory, fail));
	if (!side->is_target && access(sqlite->path, R_OK) != 0)
		return fail_path(fail, "There is no database", sqlite->path);
	if (side->is_target)
		TRY(file_make(side, fail));
	TRY(directory_lock(side, fail));
	int code = sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	enum rc rc = code == SQLITE_OK ? configure(side) : sqlite_rc(code);
	if (rc == RC_OK)
		return RC_OK;
	if (rc == RC_BUSY)
		return fail_set(fail, RC_EXISTS, "Somebody has %s open: stop it first", sqlite->path);
	return fail_set(fail, rc, "Cannot open %s: %s", sqlite->path, sqlite3_errmsg(sqlite->db));
}

static void sqlite_close(struct side *side)
{
	struct sqlite_side *sqlite = sqlite_of(side);
	sqlite3_finalize(sqlite->scan);
	sqlite3_finalize(sqlite->insert);
	sqlite3_close_v2(sqlite->db);
	heap_free(sqlite);
}

/* ---- reading ---- */

static void scan_end(struct side *side)
{
	sqlite3_finalize(TAKE(sqlite_of(side)->scan));
}

static enum rc scan(struct side *side, const char *sql)
{
	struct sqlite_side *sqlite = sqlite_of(side);
	scan_end(side);
	return sqlite_rc(sqlite3_prepare_v2(sqlite->db, sql, -1, &sqlite->scan, NULL));
}

static enum rc put_column(struct bytes *row, sqlite3_stmt *stmt, int column)
{
	int type = sqlite3_column_type(stmt, column);
	if (type == SQLITE_NULL)
		return row_put_null(row);
	if (type == SQLITE_INTEGER)
		return row_put_integer(row, sqlite3_column_int64(stmt, column));
	if (type == SQLITE_FLOAT)
		return RC_CORRUPT;
	const void *p = sqlite3_column_blob(stmt, column);
	return row_put_bytes(row, str_bytes(p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0));
}

static enum rc step(struct side *side, str *ret_row)
{
	sqlite3_stmt *stmt = sqlite_of(side)->scan;
	int code = sqlite3_step(stmt), columns = sqlite3_column_count(stmt);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? RC_NOT_FOUND : sqlite_rc(code);
	side->row.n = 0;
	TRY(row_put_count(&side->row, (size_t)columns));
	for (int i = 0; i < columns; i++)
		TRY(put_column(&side->row, stmt, i));
	*ret_row = str_bytes(side->row.p, side->row.n);
	return RC_OK;
}

/* ---- writing ---- */

static enum rc insert_prepare(struct side *side, const struct copy_table *table)
{
	struct sqlite_side *sqlite = sqlite_of(side);
	struct arena CLEANUP(arena_release) scratch;
	struct buf sql;
	str text;
	arena_init(&scratch, (size_t)4 * COPY_SQL_MAX_BYTES); /* before any return: it is released at each */
	if (sqlite->insert && sqlite->insert_into == table)
		return RC_OK;
	sqlite3_finalize(TAKE(sqlite->insert));
	buf_init(&sql, &scratch, COPY_SQL_MAX_BYTES);
	buf_put(&sql, STR("INSERT INTO "));
	put_name(&sql, table->name);
	buf_putc(&sql, '(');
	put_names(&sql, table);
	buf_put(&sql, STR(") VALUES("));
	for (size_t i = 0; i < table->count; i++)
		buf_put(&sql, i ? STR(",?") : STR("?"));
	buf_putc(&sql, ')');
	TRY(buf_finish(&sql, &text));
	sqlite->insert_into = table;
	return sqlite_rc(sqlite3_prepare_v2(sqlite->db, text.p, (int)text.n, &sqlite->insert, NULL));
}

static enum rc bind_field(sqlite3_stmt *stmt, int at, const struct copy_column *column, const struct field *field)
{
	const char *p = field->bytes.n ? field->bytes.p : ""; /* a NULL pointer would be SQL's NULL */
	if (field->is_null)
		return sqlite_rc(sqlite3_bind_null(stmt, at));
	if (column->is_integer)
		return sqlite_rc(sqlite3_bind_int64(stmt, at, field_integer(field)));
	if (column->is_text)
		return sqlite_rc(sqlite3_bind_text64(stmt, at, p, field->bytes.n, SQLITE_STATIC, SQLITE_UTF8));
	return sqlite_rc(sqlite3_bind_blob64(stmt, at, p, field->bytes.n, SQLITE_STATIC));
}

static enum rc row_insert(sqlite3_stmt *stmt, const struct copy_table *table, str *cursor)
{
	struct field field;
	if (!row_begin(cursor, table->count))
		return RC_CORRUPT;
	for (size_t i = 0; i < table->count; i++) {
		if (!row_field(cursor, &field))
			return RC_CORRUPT;
		TRY(bind_field(stmt, (int)i + 1, &table->columns[i], &field));
	}
	int code = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? RC_OK : sqlite_rc(code);
}

static enum rc put(struct side *side, const struct copy_table *table, const struct batch *batch)
{
	str cursor = str_bytes(batch->bytes.p, batch->bytes.n);
	TRY(insert_prepare(side, table));
	while (cursor.n)
		TRY(row_insert(sqlite_of(side)->insert, table, &cursor));
	return RC_OK;
}

static void put_literal(struct buf *sql, const struct copy_column *column, str bytes)
{
	buf_put(sql, column->is_text ? STR("CAST(x'") : STR("x'"));
	for (size_t i = 0; i < bytes.n; i++)
		buf_printf(sql, "%02x", (unsigned)(unsigned char)bytes.p[i]);
	buf_put(sql, column->is_text ? STR("' AS TEXT)") : STR("'"));
}

/* ---- counters: kept beside the table only where a number may not be given out twice ---- */

static void put_counter_get(struct buf *sql, str table)
{
	buf_printf(sql,
	    "SELECT max(coalesce((SELECT max(nid) FROM \"%.*s\"), 0),"
	    " coalesce((SELECT seq FROM sqlite_sequence WHERE name='%.*s'), 0))",
	    STR_ARG(table), STR_ARG(table));
}

static void put_counter_set(struct buf *sql, str table, int64_t value)
{
	buf_printf(sql,
	    "DELETE FROM sqlite_sequence WHERE name='%.*s'; INSERT INTO sqlite_sequence(name, seq)"
	    " SELECT name, %lld FROM sqlite_schema WHERE name='%.*s' AND sql LIKE '%%AUTOINCREMENT%%'",
	    STR_ARG(table), (long long)value, STR_ARG(table));
}

/* All of it in the one file, and that on disk. */
static enum rc settle(struct side *side)
{
	return exec(side, "PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)");
}

static const char *message(const struct side *side)
{
	return sqlite3_errmsg(sqlite_of(side)->db);
}

const struct side_ops side_sqlite = {
    .catalog_sql =
	"SELECT m.name, p.name, CASE p.type WHEN 'INTEGER' THEN 1 WHEN 'BLOB' THEN 2 WHEN 'TEXT' THEN 3 ELSE 0 END,"
	" p.pk, p.pk=1 AND p.name='nid' FROM sqlite_schema m JOIN pragma_table_info(m.name) p"
	" WHERE m.type='table' AND substr(m.name, 1, 7)<>'sqlite_' ORDER BY m.name, p.cid",
    .open = sqlite_open,
    .close = sqlite_close,
    .exec = exec,
    .scan = scan,
    .step = step,
    .scan_end = scan_end,
    .put = put,
    .put_literal = put_literal,
    .put_counter_get = put_counter_get,
    .put_counter_set = put_counter_set,
    .settle = settle,
    .message = message,
};
