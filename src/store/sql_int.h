/*
 * The database as the rest of the room sees it: connections, and one prepared statement a row of statements.def.
 * What an engine does behind this is in engine_int.h.
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

enum statement {
#define STMT(name, sqlite, postgres) STMT_##name,
#include "store/statements.def"
#undef STMT
	STMT_COUNT
};

struct statement_text {
	const char *name;
	const char *sqlite, *postgres; /* NULL: the same */
};
extern const struct statement_text statement_texts[STMT_COUNT];

struct conn {
	const struct engine *engine; /* NULL: closed */
	void *db;                    /* the engine's */
	uint64_t writes;             /* statements so far that change something */
	bool is_careful;             /* an engine that defers waits for each outcome */
};

void conn_close(struct conn *conn); /* also a closed one */
MUST_CHECK enum rc conn_exec(
    struct conn *conn, const char *sql); /* any number of statements, no result */
MUST_CHECK enum rc conn_run(struct conn *conn, enum statement statement);
/* Until the transaction that is open ends, its statements may take as long as they need. */
MUST_CHECK enum rc conn_be_patient(struct conn *conn);
const char *conn_message(const struct conn *conn); /* about the last failure */
/* Also of a closed one, which is in none. False after the engine gave a transaction up by itself, too. */
bool conn_in_transaction(const struct conn *conn);

enum arg_kind { ARG_I64, ARG_TEXT, ARG_BYTES };

struct arg {
	enum arg_kind kind;
	bool is_null;
	int64_t number;
	str bytes;
};

#define I(value) ((struct arg){.kind = ARG_I64, .number = (value)})
#define I_OR_NULL(has, value)                                                                      \
	((struct arg){.kind = ARG_I64, .is_null = !(has), .number = (value)})
#define T(text) ((struct arg){.kind = ARG_TEXT, .bytes = (text)})
#define T_OR_NULL(has, text)                                                                       \
	((struct arg){.kind = ARG_TEXT, .is_null = !(has), .bytes = (text)})
#define B(pointer, size) ((struct arg){.kind = ARG_BYTES, .bytes = str_bytes((pointer), (size))})

struct query {
	struct conn *conn;
	void *rows;     /* the engine's */
	int row;        /* the engine's */
	bool temporary; /* the engine's */
	unsigned cursor; /* the engine's; 0: none */
	enum rc rc;     /* sticky */
};

/* Arguments are $1, $2, …; their texts must live until the query is closed. */
struct query query_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count);
void query_close(struct query *query);
MUST_CHECK enum rc query_step(struct query *query); /* RC_OK: a row; RC_NOT_FOUND: no more */

int64_t col_i64(const struct query *query, int column);
str col_text(const struct query *query, int column); /* until the next step */
str col_dup(const struct query *query, int column, struct arena *arena);

#define ARGS(...) ((const struct arg[]){__VA_ARGS__})
#define QUERY(txn, name, ...)                                                                      \
	query_open(txn_conn(txn), STMT_##name, ARGS(__VA_ARGS__),                                  \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg))

struct conn *txn_conn(const struct txn_ro *txn);

/*
 * Runs a statement without rows. With `ret_changes`, which may be NULL, its outcome is known; without, an engine may
 * tell of a failure later: see engine_int.h. RC_EXISTS: a unique key is taken.
 */
MUST_CHECK enum rc sql_run(struct txn_rw *txn, enum statement statement, const struct arg *args,
    size_t count, int64_t *ret_changes);
#define RUN(txn, name, ...)                                                                        \
	sql_run((txn), STMT_##name, ARGS(__VA_ARGS__),                                             \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), NULL)
#define RUN_COUNTED(txn, ret_changes, name, ...)                                                   \
	sql_run((txn), STMT_##name, ARGS(__VA_ARGS__),                                             \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg), (ret_changes))

/*
 * Changes exactly one row, or returns `otherwise`. An engine that defers does not look: what follows in the transaction
 * must fail without that row.
 */
MUST_CHECK enum rc sql_run_one(struct txn_rw *txn, enum rc otherwise, enum statement statement,
    const struct arg *args, size_t count);
#define RUN_ONE(txn, otherwise, name, ...)                                                         \
	sql_run_one((txn), (otherwise), STMT_##name, ARGS(__VA_ARGS__),                            \
	    sizeof ARGS(__VA_ARGS__) / sizeof(struct arg))

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
