/*
 * PostgreSQL as an engine, through libpq in pipeline mode: a statement without rows is only sent, one with rows sends
 * all before it along and waits for all of them together.
 *
 * Values travel in binary: integers in network order, texts and bytes as they are. Types of parameters are what the
 * server infers from the text of the statement.
 */
#include "store/postgres_int.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/log.h"
#include "store/store_int.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PENDING_MAX = 512,     /* statements sent and not yet answered */
	PARAMETERS_MAX = 20,
	NAME_MAX_BYTES = 16,
	MESSAGE_MAX_BYTES = 512,
	VERSION_MIN = 130000,  /* 13 */
	/*
	 * A process that is stopped in the middle of a transaction loses it: the writer soon, since others wait for its
	 * lock on the numbers.
	 */
	WRITER_IDLE_MS = 3000,
	READER_IDLE_MS = 60000,
	STATEMENT_TIMEOUT_MS = 60000,
};

struct pending {
	enum statement statement;
	bool is_preparation;
	bool wanted; /* its result is the one that is waited for */
};

struct postgres {
	PGconn *db;
	bool prepared[STMT_COUNT];
	struct pending pending[PENDING_MAX];
	size_t pending_count;
	bool is_lost;
	enum rc rc;                      /* of what was sent and failed since the transaction began */
	char message[MESSAGE_MAX_BYTES]; /* of the first of these failures */
};

static struct postgres *postgres_of(const struct conn *conn)
{
	return conn->db;
}

PGconn *postgres_db(const struct conn *conn)
{
	return postgres_of(conn)->db;
}

/* ---- failures ---- */

static const struct {
	const char *sqlstate; /* or the beginning of it */
	enum rc rc;
} outcomes[] = {
    {"23505", RC_EXISTS},       /* unique_violation */
    {"23", RC_CORRUPT},         /* the other integrity constraints */
    {"40", RC_CONFLICT},        /* serialization_failure, deadlock_detected */
    {"53100", RC_DISK_FULL},
    {"53200", RC_NOMEM},
    {"53", RC_UNAVAILABLE},     /* too_many_connections and others of insufficient resources */
    {"57014", RC_BUSY},         /* query_canceled: statement_timeout */
    {"57P", RC_UNAVAILABLE},    /* admin_shutdown, crash_shutdown, cannot_connect_now */
    {"25P03", RC_UNAVAILABLE},  /* idle_in_transaction_session_timeout */
    {"55P03", RC_BUSY},         /* lock_not_available */
    {"08", RC_UNAVAILABLE},     /* connection exceptions */
    {"28", RC_FORBIDDEN},       /* invalid authorization */
    {"42501", RC_FORBIDDEN},    /* insufficient_privilege */
    {"XX", RC_CORRUPT},
};

static enum rc sqlstate_rc(const char *sqlstate)
{
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		if (sqlstate && strncmp(sqlstate, outcomes[i].sqlstate, strlen(outcomes[i].sqlstate)) == 0)
			return outcomes[i].rc;
	return RC_IO;
}

/* libpq's sentences end with a line end, and may hold several lines. */
static void message_keep(struct postgres *pg, const char *message)
{
	snprintf(pg->message, sizeof pg->message, "%s", message ? message : "");
	size_t n = strlen(pg->message);
	while (n > 0 && pg->message[n - 1] == '\n')
		pg->message[--n] = '\0';
	for (char *p = pg->message; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
}

/* The first failure counts: those after it follow from it. */
static enum rc failed(struct postgres *pg, enum rc rc, const char *message)
{
	if (PQstatus(pg->db) == CONNECTION_BAD || rc == RC_UNAVAILABLE) {
		pg->is_lost = true;
		rc = RC_UNAVAILABLE;
	}
	if (pg->rc == RC_OK || (pg->is_lost && pg->rc != RC_UNAVAILABLE)) {
		pg->rc = rc;
		message_keep(pg, message);
	}
	return pg->rc;
}

static enum rc failed_result(struct postgres *pg, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return failed(pg, sqlstate_rc(sqlstate), PQresultErrorMessage(result));
}

static enum rc failed_connection(struct postgres *pg)
{
	return failed(pg, RC_IO, PQerrorMessage(pg->db));
}

/* ---- the pipeline ---- */

static void pending_add(struct postgres *pg, struct pending pending)
{
	ASSERT(pg->pending_count < PENDING_MAX);
	pg->pending[pg->pending_count++] = pending;
}

/* All results of one statement: its own, and the NULL that ends them. The wanted one is kept. */
static bool result_read(struct postgres *pg, const struct pending *pending, PGresult **ret_wanted)
{
	PGresult *result = PQgetResult(pg->db);
	if (!result)
		return false;
	ExecStatusType status = PQresultStatus(result);
	bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
	if (!is_good && pending->is_preparation)
		pg->prepared[pending->statement] = false;
	if (!is_good && status != PGRES_PIPELINE_ABORTED) /* that one follows a failure that has been told */
		failed_result(pg, result);
	if (pending->wanted && pg->rc == RC_OK) {
		PQclear(*ret_wanted);
		*ret_wanted = result;
	} else {
		PQclear(result);
	}
	for (PGresult *more; (more = PQgetResult(pg->db)) != NULL;)
		PQclear(more);
	return true;
}

/*
 * How it went. Outside of a transaction a failure is over when it has been told; inside, it stays until it is rolled
 * back; a lost connection stays lost.
 */
static enum rc told(struct postgres *pg)
{
	enum rc rc = pg->rc;
	if (!pg->is_lost && PQtransactionStatus(pg->db) == PQTRANS_IDLE)
		pg->rc = RC_OK;
	return rc;
}

/* Waits for the outcome of all that was sent. `*ret_wanted` is NULL unless all went well. */
static enum rc pipeline_sync(struct postgres *pg, PGresult **ret_wanted)
{
	*ret_wanted = NULL;
	bool alive = !pg->is_lost && PQpipelineSync(pg->db) == 1;
	for (size_t i = 0; i < pg->pending_count && alive; i++)
		alive = result_read(pg, &pg->pending[i], ret_wanted);
	pg->pending_count = 0;
	PGresult *end = alive ? PQgetResult(pg->db) : NULL;
	if (!end || PQresultStatus(end) != PGRES_PIPELINE_SYNC) {
		pg->is_lost = true;
		failed_connection(pg);
	}
	PQclear(end);
	if (pg->rc != RC_OK)
		PQclear(TAKE(*ret_wanted));
	return told(pg);
}

static const char *text_of(enum statement statement)
{
	const struct statement_text *text = &statement_texts[statement];
	return text->postgres ? text->postgres : text->sqlite;
}

static enum rc statement_prepare(struct postgres *pg, enum statement statement, const char *name)
{
	if (pg->prepared[statement])
		return RC_OK;
	if (PQsendPrepare(pg->db, name, text_of(statement), 0, NULL) != 1)
		return failed_connection(pg);
	pg->prepared[statement] = true;
	pending_add(pg, (struct pending){statement, true, false});
	return RC_OK;
}

/* Room for the two entries that a statement may need. */
static enum rc room_make(struct postgres *pg)
{
	PGresult *none;
	return pg->pending_count + 2 > PENDING_MAX ? pipeline_sync(pg, &none) : pg->rc;
}

static enum rc statement_send(struct postgres *pg, enum statement statement, const struct arg *args, size_t count,
                              bool wanted)
{
	const char *values[PARAMETERS_MAX];
	int lengths[PARAMETERS_MAX], formats[PARAMETERS_MAX];
	uint64_t numbers[PARAMETERS_MAX];
	char name[NAME_MAX_BYTES];
	ASSERT(count <= PARAMETERS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct arg *arg = &args[i];
		bool is_number = arg->kind == ARG_I64;
		if (arg->bytes.n > INT32_MAX)
			return RC_TOO_LARGE;
		numbers[i] = htobe64((uint64_t)arg->number);
		values[i] = arg->is_null ? NULL : is_number ? (const char *)&numbers[i] : arg->bytes.n ? arg->bytes.p : "";
		lengths[i] = is_number ? (int)sizeof numbers[i] : (int)arg->bytes.n;
		formats[i] = 1;
	}
	snprintf(name, sizeof name, "s%d", (int)statement);
	TRY(room_make(pg));
	TRY(statement_prepare(pg, statement, name));
	if (PQsendQueryPrepared(pg->db, name, (int)count, values, lengths, formats, 1) != 1)
		return failed_connection(pg);
	pending_add(pg, (struct pending){statement, false, wanted});
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
		return failed_connection(pg);
	return pg->rc;
}

/*
 * The words of transactions. A savepoint that is rolled back to takes the failures after it along. A commit of a
 * transaction that has failed is a rollback for the server, and a failure here.
 */
static enum rc transaction_word(struct conn *conn, enum statement statement)
{
	struct postgres *pg = postgres_of(conn);
	PGresult *result = NULL;
	if (statement == STMT_begin || statement == STMT_begin_immediate)
		TRY(still_there(pg));
	bool undoes = statement == STMT_rollback || statement == STMT_rollback_to;
	if (undoes) {
		(void)pipeline_sync(pg, &result);
		PQclear(TAKE(result));
		TRY(rolled_back(pg));
	}
	TRY(statement_send(pg, statement, NULL, 0, true));
	if (statement == STMT_commit || undoes || conn->is_careful) {
		enum rc rc = pipeline_sync(pg, &result);
		bool refused = rc == RC_OK && statement == STMT_commit && strcmp(PQcmdStatus(result), "COMMIT") != 0;
		PQclear(result);
		TRY(rc);
		if (refused) {
			(void)failed(pg, RC_IO, "the transaction had failed");
			return told(pg);
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
	TRY(pipeline_sync(pg, &result));
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
	q.rc = statement_send(pg, statement, args, count, true);
	if (q.rc == RC_OK)
		q.rc = pipeline_sync(pg, &result);
	q.rows = result;
	return q;
}

static void postgres_query_close(struct query *query)
{
	PQclear(query->rows);
}

static enum rc postgres_query_step(struct query *query)
{
	return ++query->row < PQntuples(query->rows) ? RC_OK : RC_NOT_FOUND;
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
static enum rc postgres_exec(struct conn *conn, const char *sql)
{
	struct postgres *pg = postgres_of(conn);
	PGresult *none;
	TRY(pipeline_sync(pg, &none));
	if (PQexitPipelineMode(pg->db) != 1)
		return failed_connection(pg);
	PGresult *result = PQexec(pg->db, sql);
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		failed_result(pg, result);
	PQclear(result);
	if (!pg->is_lost && PQenterPipelineMode(pg->db) != 1)
		failed_connection(pg);
	return told(pg);
}

static const char *postgres_message(const struct conn *conn)
{
	return postgres_of(conn)->message;
}

/* ---- connections ---- */

static void postgres_close(struct conn *conn)
{
	struct postgres *pg = postgres_of(conn);
	PQfinish(pg->db);
	heap_free(pg);
}

/* An error that comes while nothing was asked is a notice for libpq: a fatal one ends the connection. */
static void notice_receive(void *arg, const PGresult *notice)
{
	struct postgres *pg = arg;
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		(void)failed(pg, RC_UNAVAILABLE, PQresultErrorMessage(notice));
	else
		LOG(LOG_DEBUG, "store", "notice of the database",
		    LOG_STR("notice", str_of(PQresultErrorMessage(notice))));
}

static PGconn *connect_to(const struct store *store, enum conn_role role)
{
	bool has_password = store->password[0] != '\0';
	const char *names[] = {"application_name", "connect_timeout", "dbname", "client_encoding",
		has_password ? "password" : NULL, NULL};
	const char *values[] = {role == CONN_WRITER ? "exeunt writer" : "exeunt", "5", store->database, "UTF8",
		store->password, NULL};
	return PQconnectdbParams(names, values, 1);
}

static enum rc session_configure(struct conn *conn, enum conn_role role)
{
	char sql[256];
	snprintf(sql, sizeof sql,
	    "SET idle_in_transaction_session_timeout=%d; SET statement_timeout=%d; SET bytea_output=escape",
	    role == CONN_WRITER ? WRITER_IDLE_MS : READER_IDLE_MS, STATEMENT_TIMEOUT_MS);
	return postgres_exec(conn, sql);
}

static enum rc server_check(struct postgres *pg, struct fail *fail)
{
	int version = PQserverVersion(pg->db);
	if (version < VERSION_MIN)
		return fail_set(fail, RC_INVALID_PARAM, "The database is PostgreSQL %d.%d; %d or later is needed",
		    version / 10000, version % 10000, VERSION_MIN / 10000);
	return RC_OK;
}

static enum rc postgres_open(struct conn *conn, const struct store *store, enum conn_role role, struct fail *fail)
{
	struct postgres *pg = heap_new(struct postgres);
	if (!pg)
		return RC_NOMEM;
	*conn = (struct conn){.engine = &engine_postgres, .db = pg, .writes = conn->writes};
	pg->db = connect_to(store, role);
	enum rc rc = RC_OK;
	if (!pg->db || PQstatus(pg->db) != CONNECTION_OK) {
		message_keep(pg, pg->db ? PQerrorMessage(pg->db) : "no memory");
		rc = fail_set(fail, RC_UNAVAILABLE, "Cannot connect to the database: %s", pg->message);
	}
	if (rc == RC_OK)
		rc = server_check(pg, fail);
	if (rc == RC_OK && PQenterPipelineMode(pg->db) != 1)
		rc = failed_connection(pg);
	if (rc == RC_OK)
		rc = session_configure(conn, role);
	if (rc != RC_OK) {
		conn_close(conn);
		return rc;
	}
	(void)PQsetNoticeReceiver(pg->db, notice_receive, pg);
	return RC_OK;
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
};
