/* SQLite as an engine: WAL, one connection that writes, several that read. */
#include "store/sqlite_int.h"

#include "base/heap.h"
#include "store/store_int.h"

#include <pthread.h>
#include <string.h>

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *statements[STMT_COUNT]; /* prepared when first needed */
};

struct sqlite_options {
	bool write;
	int cache_kib;
	int busy_ms;
};

static const struct sqlite_options options_of[] = {
    [CONN_WRITER] = {true, WRITER_CACHE_KIB, WRITER_BUSY_MS},
    [CONN_READER] = {false, READER_CACHE_KIB, READER_BUSY_MS},
    [CONN_CHECKPOINT] = {true, CHECKPOINT_CACHE_KIB, READER_BUSY_MS},
};

static pthread_once_t sqlite_once = PTHREAD_ONCE_INIT;

/* No memory statistics: they would put a process-wide lock around each allocation. */
static void sqlite_configure(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static struct sqlite *sqlite_of(const struct conn *conn)
{
	return conn->db;
}

sqlite3 *sqlite_db(const struct conn *conn)
{
	return sqlite_of(conn)->db;
}

enum rc sqlite_rc(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_NOMEM:
		return RC_NOMEM;
	case SQLITE_FULL:
		return RC_DISK_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_MISMATCH:
		return RC_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RC_BUSY;
	case SQLITE_TOOBIG:
		return RC_TOO_LARGE;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return RC_FORBIDDEN;
	case SQLITE_CONSTRAINT:
		if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    code == SQLITE_CONSTRAINT_ROWID)
			return RC_EXISTS;
		return RC_CORRUPT; /* NOT NULL, foreign keys: a row points to nothing */
	default:
		return RC_IO;
	}
}

static enum rc sqlite_exec(struct conn *conn, const char *sql)
{
	return sqlite_rc(sqlite3_exec(sqlite_db(conn), sql, NULL, NULL, NULL));
}

static enum rc configure(struct conn *conn, const struct sqlite_options *options)
{
	char sql[512];
	sqlite3_snprintf(sizeof sql, sql,
	    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;"
	    "PRAGMA cache_size=-%d; PRAGMA query_only=%d;",
	    options->cache_kib, options->write ? 0 : 1);
	TRY(sqlite_exec(conn, sql));
	/* The last connection to close leaves the WAL file as long as it is: see wal_lay_out(). */
	int persist = 1;
	return sqlite_rc(
	    sqlite3_file_control(sqlite_db(conn), NULL, SQLITE_FCNTL_PERSIST_WAL, &persist));
}

static void sqlite_close(struct conn *conn)
{
	struct sqlite *sqlite = sqlite_of(conn);
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(TAKE(sqlite->statements[i]));
	sqlite3_close_v2(TAKE(sqlite->db));
	heap_free(sqlite);
}

static enum rc sqlite_open(
    struct conn *conn, const struct store *store, enum conn_role role, struct fail *fail)
{
	const struct sqlite_options *options = &options_of[role];
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	pthread_once(&sqlite_once, sqlite_configure);
	struct sqlite *sqlite = heap_new(struct sqlite);
	if (!sqlite)
		return RC_NOMEM;
	*conn = (struct conn){.engine = &engine_sqlite, .db = sqlite};
	int code = sqlite3_open_v2(store->path, &sqlite->db, flags, NULL);
	enum rc rc = code == SQLITE_CANTOPEN ? RC_FORBIDDEN : sqlite_rc(code);
	if (rc == RC_OK) {
		sqlite3_extended_result_codes(sqlite->db, 1);
		sqlite3_busy_timeout(sqlite->db, options->busy_ms);
		rc = configure(conn, options);
	}
	if (rc == RC_OK)
		return RC_OK;
	conn_close(conn);
	return fail_set(fail, rc, "Cannot open the database %s: %s", store->path,
	    rc == RC_CORRUPT ? "it is damaged or no database" : rc_sentence(rc));
}

static enum rc prepare(
    struct sqlite *sqlite, enum statement statement, unsigned flags, sqlite3_stmt **ret_stmt)
{
	const char *text = statement_texts[statement].sqlite;
	return sqlite_rc(sqlite3_prepare_v3(sqlite->db, text, -1, flags, ret_stmt, NULL));
}

static enum rc bind(sqlite3_stmt *stmt, int at, const struct arg *arg)
{
	if (arg->is_null)
		return sqlite_rc(sqlite3_bind_null(stmt, at));
	if (arg->kind == ARG_I64)
		return sqlite_rc(sqlite3_bind_int64(stmt, at, arg->number));
	const char *p = arg->bytes.n ? arg->bytes.p : ""; /* a NULL pointer would be SQL's NULL */
	if (arg->kind == ARG_BYTES)
		return sqlite_rc(sqlite3_bind_blob64(stmt, at, p, arg->bytes.n, SQLITE_STATIC));
	return sqlite_rc(
	    sqlite3_bind_text64(stmt, at, p, arg->bytes.n, SQLITE_STATIC, SQLITE_UTF8));
}

static struct query sqlite_query(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count)
{
	struct query q = {.conn = conn};
	struct sqlite *sqlite = sqlite_of(conn);
	sqlite3_stmt **kept = &sqlite->statements[statement], *stmt;
	if (!*kept)
		q.rc = prepare(sqlite, statement, SQLITE_PREPARE_PERSISTENT, kept);
	stmt = *kept;
	if (stmt && sqlite3_stmt_busy(stmt)) {
		q.temporary = true; /* a walk whose callback runs the same walk */
		stmt = NULL;
		q.rc = prepare(sqlite, statement, 0, &stmt);
	}
	for (size_t i = 0; i < count && q.rc == RC_OK; i++)
		q.rc = bind(stmt, (int)i + 1, &args[i]);
	q.rows = stmt;
	return q;
}

static void sqlite_query_close(struct query *query)
{
	if (query->temporary)
		sqlite3_finalize(query->rows);
	else
		sqlite3_reset(query->rows); /* bindings stay: each use binds all of them again */
}

static enum rc sqlite_query_step(struct query *query)
{
	int code = sqlite3_step(query->rows);
	if (code == SQLITE_ROW)
		return RC_OK;
	return code == SQLITE_DONE ? RC_NOT_FOUND : sqlite_rc(code);
}

static enum rc sqlite_run(struct conn *conn, enum statement statement, const struct arg *args,
    size_t count, int64_t *ret_changes)
{
	struct query q = sqlite_query(conn, statement, args, count);
	enum rc rc = q.rc;
	while (rc == RC_OK)
		rc = sqlite_query_step(&q);
	if (ret_changes)
		*ret_changes = sqlite3_changes64(sqlite_db(conn));
	sqlite_query_close(&q);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static int64_t sqlite_col_i64(const struct query *query, int column)
{
	return sqlite3_column_int64(query->rows, column);
}

static str sqlite_col_text(const struct query *query, int column)
{
	const void *p = sqlite3_column_blob(query->rows, column);
	return str_bytes(p, p ? (size_t)sqlite3_column_bytes(query->rows, column) : 0);
}

static bool sqlite_in_transaction(const struct conn *conn)
{
	return !sqlite3_get_autocommit(sqlite_db(conn));
}

static const char *sqlite_message(const struct conn *conn)
{
	return sqlite3_errmsg(sqlite_db(conn));
}

const struct engine engine_sqlite = {
    .name = "SQLite",
    .open = sqlite_open,
    .close = sqlite_close,
    .exec = sqlite_exec,
    .run = sqlite_run,
    .query = sqlite_query,
    .query_close = sqlite_query_close,
    .query_step = sqlite_query_step,
    .col_i64 = sqlite_col_i64,
    .col_text = sqlite_col_text,
    .in_transaction = sqlite_in_transaction,
    .message = sqlite_message,
};
