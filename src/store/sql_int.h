/*
 * SQLite as the rest of the room sees it: connections, and one prepared statement a row of statements.def.
 *
 *   struct query CLEANUP(query_close) q = QUERY(txn, user_find, T(user_id));
 *   TRY(query_step(&q));
 *   *ret_user = col_i64(&q, 0);
 *
 * A failure to prepare or bind is sticky: the next step returns it. One thread a connection.
 */
#ifndef EXEUNT_STORE_SQL_INT_H
#define EXEUNT_STORE_SQL_INT_H

#include "store/store.h"

#include <sqlite3.h>

enum statement {
#define STMT(name, sqlite, other) STMT_##name,
#include "store/statements.def"
#undef STMT
	STMT_COUNT
};

extern const char *const statement_texts[STMT_COUNT];

struct conn {
	sqlite3 *db;                          /* NULL: closed */
	sqlite3_stmt *statements[STMT_COUNT]; /* prepared when first needed */
};

struct conn_options {
	bool write;
	int cache_kib;
	int busy_ms;
};

MUST_CHECK enum rc conn_open(
    struct conn *conn, const char *path, const struct conn_options *options);
void conn_close(struct conn *conn); /* also for half-open ones */
MUST_CHECK enum rc conn_exec(
    struct conn *conn, const char *sql); /* any number of statements, no result */
MUST_CHECK enum rc conn_run(struct conn *conn, enum statement statement);
enum rc sqlite_rc(int code); /* of a result code of SQLite, extended or not */

enum arg_kind { ARG_I64, ARG_TEXT, ARG_BYTES, ARG_NULL };

struct arg {
	enum arg_kind kind;
	int64_t number;
	str bytes;
};

#define I(value) ((struct arg){.kind = ARG_I64, .number = (value)})
#define I_OR_NULL(has, value)                                                                      \
	((struct arg){.kind = (has) ? ARG_I64 : ARG_NULL, .number = (value)})
#define T(text) ((struct arg){.kind = ARG_TEXT, .bytes = (text)})
#define T_OR_NULL(has, text)                                                                       \
	((struct arg){.kind = (has) ? ARG_TEXT : ARG_NULL, .bytes = (text)})
#define B(pointer, size) ((struct arg){.kind = ARG_BYTES, .bytes = str_bytes((pointer), (size))})

struct query {
	struct conn *conn;
	sqlite3_stmt *stmt;
	bool temporary; /* the prepared one was in use: this one is finalised at the end */
	enum rc rc;     /* sticky */
};

/* Arguments are $1, $2, …; their texts must live until the query is closed. */
struct query query_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count);
void query_close(struct query *query);
MUST_CHECK enum rc query_step(struct query *query); /* RC_OK: a row; RC_NOT_FOUND: no more */
MUST_CHECK enum rc query_run(
    struct query *query);                         /* to the end; RC_EXISTS: a unique key is taken */
int64_t query_changes(const struct query *query); /* rows that the statement just run wrote */

int64_t col_i64(const struct query *query, int column);
str col_text(const struct query *query, int column); /* until the next step */
str col_dup(const struct query *query, int column, struct arena *arena);

#define ARGS(...) ((const struct arg[]){__VA_ARGS__})
#define QUERY(txn, name, ...)                                                                      \
	query_open(txn_conn(txn), STMT_##name, ARGS(__VA_ARGS__),                                  \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg))

struct conn *txn_conn(const struct txn_ro *txn);

/* Runs a statement without rows; `ret_changes` may be NULL. */
MUST_CHECK enum rc sql_run(struct txn_rw *txn, enum statement statement, const struct arg *args,
    size_t count, int64_t *ret_changes);
#define RUN(txn, name, ...)                                                                        \
	sql_run((txn), STMT_##name, ARGS(__VA_ARGS__),                                             \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), NULL)
#define RUN_COUNTED(txn, ret_changes, name, ...)                                                   \
	sql_run((txn), STMT_##name, ARGS(__VA_ARGS__),                                             \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), (ret_changes))

/* The integer in the first column of the first row. RC_NOT_FOUND. */
MUST_CHECK enum rc sql_number(struct txn_ro *txn, enum statement statement, const struct arg *args,
    size_t count, int64_t *ret_number);
#define NUMBER(txn, ret_number, name, ...)                                                         \
	sql_number((txn), STMT_##name, ARGS(__VA_ARGS__),                                          \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), (ret_number))
/* The text in the first column of the first row. RC_NOT_FOUND. */
MUST_CHECK enum rc sql_text(struct txn_ro *txn, enum statement statement, const struct arg *args,
    size_t count, struct arena *arena, str *ret_text);
#define TEXT(txn, arena, ret_text, name, ...)                                                      \
	sql_text((txn), STMT_##name, ARGS(__VA_ARGS__),                                            \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), (arena), (ret_text))

#endif
