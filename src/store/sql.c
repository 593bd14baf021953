#include "store/sql_int.h"

#include "store/store_int.h"

#include <string.h>

const char *const statement_texts[STMT_COUNT] = {
#define STMT(name, sqlite, other) [STMT_##name] = (sqlite),
#include "store/statements.def"
#undef STMT
};

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

enum rc conn_exec(struct conn *conn, const char *sql)
{
	return sqlite_rc(sqlite3_exec(conn->db, sql, NULL, NULL, NULL));
}

static enum rc conn_configure(struct conn *conn, const struct conn_options *options)
{
	char sql[512];
	sqlite3_snprintf(sizeof sql, sql,
	    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;"
	    "PRAGMA cache_size=-%d; PRAGMA query_only=%d;",
	    options->cache_kib, options->write ? 0 : 1);
	TRY(conn_exec(conn, sql));
	/* The last connection to close leaves the WAL file as long as it is: see writer_int.h. */
	int persist = 1;
	return sqlite_rc(sqlite3_file_control(conn->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist));
}

enum rc conn_open(struct conn *conn, const char *path, const struct conn_options *options)
{
	*conn = (struct conn){0};
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int code = sqlite3_open_v2(path, &conn->db, flags, NULL);
	enum rc rc = code == SQLITE_CANTOPEN ? RC_FORBIDDEN : sqlite_rc(code);
	if (rc == RC_OK) {
		sqlite3_extended_result_codes(conn->db, 1);
		sqlite3_busy_timeout(conn->db, options->busy_ms);
		rc = conn_configure(conn, options);
	}
	if (rc != RC_OK)
		conn_close(conn);
	return rc;
}

void conn_close(struct conn *conn)
{
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(TAKE(conn->statements[i]));
	sqlite3_close_v2(TAKE(conn->db));
}

static enum rc prepare(
    struct conn *conn, enum statement statement, unsigned flags, sqlite3_stmt **ret_stmt)
{
	const char *text = statement_texts[statement];
	return sqlite_rc(sqlite3_prepare_v3(conn->db, text, -1, flags, ret_stmt, NULL));
}

enum rc conn_run(struct conn *conn, enum statement statement)
{
	struct query CLEANUP(query_close) q = query_open(conn, statement, NULL, 0);
	return query_run(&q);
}

static enum rc bind(sqlite3_stmt *stmt, int at, const struct arg *arg)
{
	if (arg->kind == ARG_NULL)
		return sqlite_rc(sqlite3_bind_null(stmt, at));
	if (arg->kind == ARG_I64)
		return sqlite_rc(sqlite3_bind_int64(stmt, at, arg->number));
	const char *p = arg->bytes.n ? arg->bytes.p : ""; /* a NULL pointer would be SQL's NULL */
	if (arg->kind == ARG_BYTES)
		return sqlite_rc(sqlite3_bind_blob64(stmt, at, p, arg->bytes.n, SQLITE_STATIC));
	return sqlite_rc(
	    sqlite3_bind_text64(stmt, at, p, arg->bytes.n, SQLITE_STATIC, SQLITE_UTF8));
}

struct query query_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count)
{
	struct query q = {.conn = conn};
	sqlite3_stmt **kept = &conn->statements[statement];
	if (!*kept)
		q.rc = prepare(conn, statement, SQLITE_PREPARE_PERSISTENT, kept);
	q.stmt = *kept;
	if (q.stmt && sqlite3_stmt_busy(q.stmt)) {
		q.temporary = true; /* a walk whose callback runs the same walk */
		q.stmt = NULL;
		q.rc = prepare(conn, statement, 0, &q.stmt);
	}
	for (size_t i = 0; i < count && q.rc == RC_OK; i++)
		q.rc = bind(q.stmt, (int)i + 1, &args[i]);
	return q;
}

void query_close(struct query *query)
{
	if (query->temporary)
		sqlite3_finalize(query->stmt);
	else
		sqlite3_reset(query->stmt); /* bindings stay: each use binds all of them again */
	query->stmt = NULL;
}

enum rc query_step(struct query *query)
{
	if (query->rc != RC_OK)
		return query->rc;
	int code = sqlite3_step(query->stmt);
	if (code == SQLITE_ROW)
		return RC_OK;
	query->rc = code == SQLITE_DONE ? RC_NOT_FOUND : sqlite_rc(code);
	return query->rc;
}

enum rc query_run(struct query *query)
{
	enum rc rc;
	do
		rc = query_step(query);
	while (rc == RC_OK);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

int64_t query_changes(const struct query *query)
{
	return sqlite3_changes64(query->conn->db);
}

int64_t col_i64(const struct query *query, int column)
{
	return sqlite3_column_int64(query->stmt, column);
}

str col_text(const struct query *query, int column)
{
	const void *p = sqlite3_column_blob(query->stmt, column);
	return str_bytes(p, p ? (size_t)sqlite3_column_bytes(query->stmt, column) : 0);
}

str col_dup(const struct query *query, int column, struct arena *arena)
{
	return arena_dup(arena, col_text(query, column));
}

enum rc sql_run(struct txn_rw *txn, enum statement statement, const struct arg *args, size_t count,
    int64_t *ret_changes)
{
	struct query CLEANUP(query_close) q =
	    query_open(txn_conn(txn_reading(txn)), statement, args, count);
	TRY(query_run(&q));
	if (ret_changes)
		*ret_changes = query_changes(&q);
	return RC_OK;
}

enum rc sql_number(struct txn_ro *txn, enum statement statement, const struct arg *args,
    size_t count, int64_t *ret_number)
{
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), statement, args, count);
	TRY(query_step(&q));
	*ret_number = col_i64(&q, 0);
	return RC_OK;
}

enum rc sql_text(struct txn_ro *txn, enum statement statement, const struct arg *args, size_t count,
    struct arena *arena, str *ret_text)
{
	struct query CLEANUP(query_close) q = query_open(txn_conn(txn), statement, args, count);
	TRY(query_step(&q));
	str text = col_dup(&q, 0, arena);
	TRY(arena_status(arena));
	*ret_text = text;
	return RC_OK;
}
