/*
 * PostgreSQL as an engine, through libpq in pipeline mode: a statement without rows is only sent, one with rows sends
 * all before it along and waits for all of them together.
 *
 * Values travel in binary: integers in network order, texts and bytes as they are. Types of parameters are what the
 * server infers from the text of the statement.
 */
#include "store/postgres_conn_int.h"

#include "base/assert.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

enum {
	/*
	 * What is sent stays below the size at which libpq begins to send by itself: so that each part of a transaction that
	 * has reached the server is followed by a Sync. Without one the server waits for the next part without any limit,
	 * with all its locks, and who sends may stand still.
	 */
	PENDING_MAX_BYTES = 40000,
	STATEMENT_BYTES = 100, /* of one without arguments */
};

PGconn *postgres_db(const struct conn *conn)
{
	return postgres_of(conn)->db;
}

int postgres_rows_most(const struct conn *conn)
{
	return postgres_of(conn)->rows_most;
}

/* ---- sending ---- */

const char *pg_statement_text(enum statement statement)
{
	const struct statement_text *text = &statement_texts[statement];
	return text->postgres ? text->postgres : text->sqlite;
}

enum rc pg_args_pack(const struct arg *args, size_t count, struct packed *ret_packed)
{
	ASSERT(count <= PARAMETERS_MAX);
	ret_packed->bytes = 0;
	for (size_t i = 0; i < count; i++) {
		const struct arg *arg = &args[i];
		bool is_number = arg->kind == ARG_I64;
		if (arg->bytes.n > INT32_MAX)
			return RC_TOO_LARGE;
		ret_packed->numbers[i] = htobe64((uint64_t)arg->number);
		ret_packed->values[i] = arg->is_null   ? NULL
					: is_number    ? (const char *)&ret_packed->numbers[i]
					: arg->bytes.n ? arg->bytes.p
						       : "";
		ret_packed->lengths[i] =
		    is_number ? (int)sizeof ret_packed->numbers[i] : (int)arg->bytes.n;
		ret_packed->formats[i] = 1;
		ret_packed->bytes += (size_t)ret_packed->lengths[i];
	}
	return RC_OK;
}

enum rc pg_room_make(struct postgres *pg, size_t bytes)
{
	PGresult *none;
	bool is_full = pg->pending_count + 2 > PENDING_MAX ||
		       (pg->pending_bytes > 0 && pg->pending_bytes + bytes > PENDING_MAX_BYTES);
	return is_full ? pg_sync(pg, &none) : pg->rc;
}

/* By the name of its row, which the server's log and views show. */
static enum rc statement_prepare(struct postgres *pg, enum statement statement)
{
	if (pg->prepared[statement])
		return RC_OK;
	if (PQsendPrepare(pg->db, statement_texts[statement].name, pg_statement_text(statement), 0,
		NULL) != 1)
		return pg_failed_connection(pg);
	pg->prepared[statement] = true;
	pg_pending_add(pg, (struct pending){statement, true, false});
	return RC_OK;
}

static enum rc statement_send(struct postgres *pg, enum statement statement, const struct arg *args, size_t count,
                              bool wanted)
{
	struct packed packed;
	TRY(pg_args_pack(args, count, &packed));
	TRY(pg_room_make(pg, packed.bytes));
	TRY(statement_prepare(pg, statement));
	if (PQsendQueryPrepared(pg->db, statement_texts[statement].name, (int)count, packed.values,
		packed.lengths, packed.formats, 1) != 1)
		return pg_failed_connection(pg);
	pg_pending_add(pg, (struct pending){statement, false, wanted});
	pg->pending_bytes += packed.bytes + STATEMENT_BYTES;
	return RC_OK;
}

/* ---- transactions ---- */

/* What failed belonged to the transaction that ends here; a lost connection stays lost. */
static enum rc rolled_back(struct postgres *pg)
{
	pg->rc = pg->is_lost ? RC_UNAVAILABLE : RC_OK;
	return pg->rc;
}

static bool postgres_is_lost(const struct conn *conn)
{
	return postgres_of(conn)->is_lost;
}

/* A server that ended while nobody used the connection has said so (notice_receive() hears it), or closed it. */
static enum rc still_there(struct postgres *pg)
{
	bool is_open = PQconsumeInput(pg->db) == 1;
	(void)PQisBusy(pg->db); /* looks at what has come */
	if (!is_open || PQstatus(pg->db) != CONNECTION_OK)
		return pg_failed_connection(pg);
	return pg->rc;
}

/*
 * The words of transactions. A savepoint that is rolled back to takes the failures after it along. A commit of a
 * transaction that has failed is a rollback for the server, and a failure here.
 *
 * The server's limit is not for a commit: one that waits for a standby would be called committed when its time is over.
 */
static enum rc transaction_word(struct conn *conn, enum statement statement)
{
	struct postgres *pg = postgres_of(conn);
	PGresult *result = NULL;
	if (statement == STMT_begin || statement == STMT_begin_immediate)
		TRY(still_there(pg));
	bool undoes = statement == STMT_rollback || statement == STMT_rollback_to;
	if (undoes) {
		(void)pg_sync(pg, &result);
		PQclear(TAKE(result));
		TRY(rolled_back(pg));
	}
	if (statement == STMT_commit && pg->role == CONN_WRITER)
		TRY(statement_send(pg, STMT_no_timeout, NULL, 0, false));
	if (statement == STMT_commit || statement == STMT_rollback)
		pg->is_patient = false;
	TRY(statement_send(pg, statement, NULL, 0, true));
	if (statement == STMT_commit || undoes || conn->is_careful) {
		enum rc rc = pg_sync(pg, &result);
		bool refused = rc == RC_OK && statement == STMT_commit && strcmp(PQcmdStatus(result), "COMMIT") != 0;
		PQclear(result);
		TRY(rc);
		if (refused) {
			(void)pg_failed(pg, RC_IO, "the transaction had failed");
			return pg_told(pg);
		}
	}
	return RC_OK;
}

static bool is_transaction_word(enum statement statement)
{
	return statement <= STMT_rollback_to;
}

static bool postgres_in_transaction(const struct conn *conn)
{
	const struct postgres *pg = postgres_of(conn);
	return !pg->is_lost && PQtransactionStatus(pg->db) != PQTRANS_IDLE;
}

/* ---- statements ---- */

static int64_t changes_of(PGresult *result)
{
	return strtoll(PQcmdTuples(result), NULL, 10);
}

static enum rc postgres_run(struct conn *conn, enum statement statement, const struct arg *args, size_t count,
                            int64_t *ret_changes)
{
	struct postgres *pg = postgres_of(conn);
	PGresult *result;
	if (is_transaction_word(statement))
		return transaction_word(conn, statement);
	TRY(statement_send(pg, statement, args, count, true));
	if (!ret_changes && !conn->is_careful)
		return RC_OK;
	TRY(pg_sync(pg, &result));
	if (ret_changes)
		*ret_changes = changes_of(result);
	PQclear(result);
	return RC_OK;
}

static struct query postgres_query(struct conn *conn, enum statement statement, const struct arg *args, size_t count)
{
	struct postgres *pg = postgres_of(conn);
	struct query q = {.conn = conn, .row = -1};
	PGresult *result = NULL;
	if (is_walk(statement))
		return walk_open(conn, statement, args, count);
	q.rc = statement_send(pg, statement, args, count, true);
	if (q.rc == RC_OK)
		q.rc = pg_sync(pg, &result);
	q.rows = result;
	return q;
}

static void postgres_query_close(struct query *query)
{
	PQclear(query->rows);
	if (query->cursor)
		walk_close(query);
}

static enum rc postgres_query_step(struct query *query)
{
	if (++query->row < PQntuples(query->rows))
		return RC_OK;
	return query->cursor ? walk_more(query) : RC_NOT_FOUND;
}

/* Big-endian, of as many bytes as the type has: bool, int2, int4, int8. */
static int64_t postgres_col_i64(const struct query *query, int column)
{
	const unsigned char *p = (const unsigned char *)PQgetvalue(query->rows, query->row, column);
	int n = PQgetlength(query->rows, query->row, column);
	uint64_t value = n > 0 && p[0] >= 128 ? UINT64_MAX : 0;
	ASSERT(n <= 8);
	for (int i = 0; i < n; i++)
		value = value << 8 | p[i];
	return (int64_t)value;
}

static str postgres_col_text(const struct query *query, int column)
{
	return str_bytes(PQgetvalue(query->rows, query->row, column),
	                 (size_t)PQgetlength(query->rows, query->row, column));
}

/* Several statements in one text: not for the pipeline. */
enum rc postgres_exec(struct conn *conn, const char *sql)
{
	struct postgres *pg = postgres_of(conn);
	PGresult *result;
	TRY(pg_sync(pg, &result));
	if (PQexitPipelineMode(pg->db) != 1 || PQsendQuery(pg->db, sql) != 1)
		return pg_failed_connection(pg);
	while ((result = pg_result_next(pg)) != NULL) {
		ExecStatusType status = PQresultStatus(result);
		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		    status != PGRES_EMPTY_QUERY)
			pg_failed_result(pg, result);
		PQclear(result);
	}
	if (!pg->is_lost && PQenterPipelineMode(pg->db) != 1)
		pg_failed_connection(pg);
	return pg_told(pg);
}

static enum rc postgres_be_patient(struct conn *conn)
{
	postgres_of(conn)->is_patient = true;
	return transaction_word(conn, STMT_no_timeout);
}

static const char *postgres_message(const struct conn *conn)
{
	return postgres_of(conn)->message;
}

const struct engine engine_postgres = {
    .name = "PostgreSQL",
    .is_shared = true,
    .is_deferred = true,
    .open = postgres_open,
    .close = postgres_close,
    .exec = postgres_exec,
    .run = postgres_run,
    .query = postgres_query,
    .query_close = postgres_query_close,
    .query_step = postgres_query_step,
    .col_i64 = postgres_col_i64,
    .col_text = postgres_col_text,
    .in_transaction = postgres_in_transaction,
    .message = postgres_message,
    .is_lost = postgres_is_lost,
    .be_patient = postgres_be_patient,
};
