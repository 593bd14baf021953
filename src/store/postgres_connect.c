/* Connections to PostgreSQL: opening, what a session is told, closing. */
#include "store/postgres_conn_int.h"

#include "base/heap.h"
#include "base/log.h"
#include "store/store_int.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

enum {
	VERSION_MIN = 130000, /* 13 */
	/*
	 * A process that is stopped in the middle of a transaction loses it: the writer soon, since others wait for its
	 * lock on the numbers.
	 */
	WRITER_IDLE_MS = 3000,
	READER_IDLE_MS = 60000,
	STATEMENT_TIMEOUT_MS = 10000, /* unless the configuration has another */
};

/* A host that is gone is noticed in 25 seconds while nothing is under way; else see `silence_max_ms`. */
#define KEEPALIVE_IDLE_S "10"
#define KEEPALIVE_INTERVAL_S "5"
#define KEEPALIVE_COUNT "3"

void postgres_close(struct conn *conn)
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
		(void)pg_failed(pg, RC_UNAVAILABLE, PQresultErrorMessage(notice));
	else
		LOG(LOG_DEBUG, "store", "notice of the database",
		    LOG_STR("notice", str_of(PQresultErrorMessage(notice))));
}

/* What stands before dbname the connection string may say otherwise. */
static PGconn *connect_to(const struct store *store, enum conn_role role, int64_t silence_max_ms)
{
	bool has_password = store->password[0] != '\0';
	char user_timeout[24];
	snprintf(user_timeout, sizeof user_timeout, "%lld", (long long)silence_max_ms);
	const char *names[] = {"application_name", "connect_timeout", "keepalives_idle",
	    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname",
	    "client_encoding", has_password ? "password" : NULL, NULL};
	const char *values[] = {role == CONN_WRITER ? "exeunt writer" : "exeunt", "5",
	    KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT, user_timeout, store->database,
	    "UTF8", store->password, NULL};
	return PQconnectdbParams(names, values, 1);
}

/* The server lets go of a client that has vanished as soon as a client does of the server. */
static enum rc session_configure(struct conn *conn, int64_t statement_timeout_ms)
{
	const struct postgres *pg = postgres_of(conn);
	char sql[400];
	snprintf(sql, sizeof sql,
	    "SET idle_in_transaction_session_timeout=%d; SET statement_timeout=%lld; SET "
	    "bytea_output=escape;"
	    "SET tcp_keepalives_idle=" KEEPALIVE_IDLE_S
	    "; SET tcp_keepalives_interval=" KEEPALIVE_INTERVAL_S ";"
	    "SET tcp_keepalives_count=" KEEPALIVE_COUNT "; SET tcp_user_timeout=%lld",
	    pg->role == CONN_WRITER ? WRITER_IDLE_MS : READER_IDLE_MS,
	    (long long)statement_timeout_ms, (long long)pg->silence_max_ms);
	return postgres_exec(conn, sql);
}

static enum rc server_check(struct postgres *pg, struct fail *fail)
{
	int version = PQserverVersion(pg->db);
	if (version < VERSION_MIN)
		return fail_set(fail, RC_INVALID_PARAM,
		    "The database is PostgreSQL %d.%d; %d or later is needed", version / 10000,
		    version % 10000, VERSION_MIN / 10000);
	return RC_OK;
}

static enum rc session_begin(struct conn *conn, int64_t statement_timeout_ms, struct fail *fail)
{
	struct postgres *pg = postgres_of(conn);
	TRY(server_check(pg, fail));
	if (PQsetnonblocking(pg->db, 1) != 0 || PQenterPipelineMode(pg->db) != 1)
		return pg_failed_connection(pg);
	return session_configure(conn, statement_timeout_ms);
}

static enum rc cannot_connect(const struct postgres *pg, enum rc rc, struct fail *fail)
{
	return fail_set(fail, rc, "Cannot connect to the database: %s", pg->message);
}

enum rc postgres_open(
    struct conn *conn, const struct store *store, enum conn_role role, struct fail *fail)
{
	int64_t given_ms = store->config.statement_timeout_ms,
		timeout_ms = given_ms ? given_ms : STATEMENT_TIMEOUT_MS;
	struct postgres *pg = heap_new(struct postgres);
	if (!pg)
		return RC_NOMEM;
	*conn = (struct conn){.engine = &engine_postgres, .db = pg, .writes = conn->writes};
	pg->role = role;
	pg->silence_max_ms = timeout_ms + SILENCE_GRACE_MS;
	pg->db = connect_to(store, role, pg->silence_max_ms);
	enum rc rc = RC_OK;
	if (!pg->db || PQstatus(pg->db) != CONNECTION_OK) {
		pg_message_keep(pg, pg->db ? PQerrorMessage(pg->db) : "no memory");
		rc = cannot_connect(pg, RC_UNAVAILABLE, fail);
	} else {
		rc = session_begin(conn, timeout_ms, fail);
		if (rc != RC_OK && pg->rc == rc)
			rc = cannot_connect(pg, rc, fail);
	}
	if (rc != RC_OK) {
		conn_close(conn);
		return rc;
	}
	(void)PQsetNoticeReceiver(pg->db, notice_receive, pg);
	return RC_OK;
}
