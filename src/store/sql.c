#include "store/sql_int.h"

#include "store/engine_int.h"
#include "store/store_int.h"

const struct statement_text statement_texts[STMT_COUNT] = {
#define STMT(name, sqlite, postgres) [STMT_##name] = {#name, (sqlite), (postgres)},
#include "store/statements.def"
#undef STMT
};

void conn_close(struct conn *conn)
{
	if (conn->engine)
		conn->engine->close(conn);
	*conn = (struct conn){.writes = conn->writes};
}

enum rc conn_exec(struct conn *conn, const char *sql)
{
	return conn->engine->exec(conn, sql);
}

const char *conn_message(const struct conn *conn)
{
	return conn->engine ? conn->engine->message(conn) : "it is closed";
}

bool conn_in_transaction(const struct conn *conn)
{
	return conn->engine && conn->engine->in_transaction(conn);
}

/* All of them begin with SELECT, or with a word of transactions, which does not count. */
static bool is_write(enum statement statement)
{
	const char first = statement_texts[statement].sqlite[0];
	return first == 'I' || first == 'U' || first == 'D';
}

enum rc conn_run(struct conn *conn, enum statement statement)
{
	return conn->engine->run(conn, statement, NULL, 0, NULL);
}

enum rc conn_be_patient(struct conn *conn)
{
	return conn->engine->be_patient ? conn->engine->be_patient(conn) : RC_OK;
}

struct query query_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count)
{
	conn->writes += is_write(statement);
	return conn->engine->query(conn, statement, args, count);
}

void query_close(struct query *query)
{
	if (query->rows)
		query->conn->engine->query_close(query);
	query->rows = NULL;
}

enum rc query_step(struct query *query)
{
	if (query->rc == RC_OK)
		query->rc = query->conn->engine->query_step(query);
	return query->rc;
}

int64_t col_i64(const struct query *query, int column)
{
	return query->conn->engine->col_i64(query, column);
}

str col_text(const struct query *query, int column)
{
	return query->conn->engine->col_text(query, column);
}

str col_dup(const struct query *query, int column, struct arena *arena)
{
	return arena_dup(arena, col_text(query, column));
}

enum rc sql_run(struct txn_rw *txn, enum statement statement, const struct arg *args, size_t count,
    int64_t *ret_changes)
{
	struct conn *conn = txn_conn(txn_reading(txn));
	conn->writes++;
	return conn->engine->run(conn, statement, args, count, ret_changes);
}

enum rc sql_run_one(struct txn_rw *txn, enum rc otherwise, enum statement statement,
    const struct arg *args, size_t count)
{
	struct conn *conn = txn_conn(txn_reading(txn));
	bool is_told_later = conn->engine->is_deferred && !conn->is_careful;
	int64_t changes = 1;
	TRY(sql_run(txn, statement, args, count, is_told_later ? NULL : &changes));
	return changes == 1 ? RC_OK : otherwise;
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
