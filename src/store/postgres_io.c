/* Connections to PostgreSQL: what is sent, what comes back and when it does not, and what failures mean. */
#include "store/postgres_conn_int.h"

#include "base/assert.h"
#include "base/clock.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
	LOOK_MS = 1000,
	/*
	 * Encrypted, a part of an answer may have been read from the socket by the layer between and wait there: the socket
	 * does not tell.
	 */
	LOOK_ENCRYPTED_MS = 20,
};

/* ---- failures ---- */

static const struct {
	const char *sqlstate; /* or the beginning of it */
	enum rc rc;
} outcomes[] = {
    {"23505", RC_EXISTS}, /* unique_violation */
    {"23", RC_CORRUPT},   /* the other integrity constraints */
    {"40", RC_CONFLICT},  /* serialization_failure, deadlock_detected */
    {"53100", RC_DISK_FULL},
    {"53200", RC_NOMEM},
    {"53", RC_UNAVAILABLE},    /* too_many_connections and others of insufficient resources */
    {"57014", RC_BUSY},        /* query_canceled: statement_timeout */
    {"57P", RC_UNAVAILABLE},   /* admin_shutdown, crash_shutdown, cannot_connect_now */
    {"25P03", RC_UNAVAILABLE}, /* idle_in_transaction_session_timeout */
    {"55P03", RC_BUSY},        /* lock_not_available */
    {"08", RC_UNAVAILABLE},    /* connection exceptions */
    {"28", RC_FORBIDDEN},      /* invalid authorization */
    {"42501", RC_FORBIDDEN},   /* insufficient_privilege */
    {"XX", RC_CORRUPT},
};

static enum rc sqlstate_rc(const char *sqlstate)
{
	for (size_t i = 0; i < COUNT_OF(outcomes); i++)
		if (sqlstate &&
		    strncmp(sqlstate, outcomes[i].sqlstate, strlen(outcomes[i].sqlstate)) == 0)
			return outcomes[i].rc;
	return RC_IO;
}

/* libpq's sentences end with a line end, and may hold several lines. */
void pg_message_keep(struct postgres *pg, const char *message)
{
	snprintf(pg->message, sizeof pg->message, "%s", message ? message : "");
	size_t n = strlen(pg->message);
	while (n > 0 && pg->message[n - 1] == '\n')
		pg->message[--n] = '\0';
	for (char *p = pg->message; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
}

enum rc pg_failed(struct postgres *pg, enum rc rc, const char *message)
{
	if (PQstatus(pg->db) == CONNECTION_BAD || rc == RC_UNAVAILABLE) {
		pg->is_lost = true;
		rc = RC_UNAVAILABLE;
	}
	if (pg->rc == RC_OK || (pg->is_lost && pg->rc != RC_UNAVAILABLE)) {
		pg->rc = rc;
		pg_message_keep(pg, message);
	}
	return pg->rc;
}

enum rc pg_failed_result(struct postgres *pg, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return pg_failed(pg, sqlstate_rc(sqlstate), PQresultErrorMessage(result));
}

enum rc pg_failed_connection(struct postgres *pg)
{
	return pg_failed(pg, RC_IO, PQerrorMessage(pg->db));
}

/* ---- waiting ---- */

/* Until something can be read, or written where something is to be, or the time to look again has come. */
static bool socket_wait(const struct postgres *pg, bool has_output, int64_t wait_ms)
{
	struct pollfd fd = {.fd = PQsocket(pg->db), .events = POLLIN};
	if (has_output)
		fd.events |= POLLOUT;
	return poll(&fd, 1, (int)wait_ms) > 0;
}

static bool is_encrypted(PGconn *db)
{
	return PQsslInUse(db) || PQgssEncInUse(db);
}

static enum rc failed_silent(struct postgres *pg)
{
	char message[96];
	snprintf(message, sizeof message, "the server has been silent for %lld ms",
	    (long long)pg->silence_max_ms);
	return pg_failed(pg, RC_UNAVAILABLE, message);
}

/* Sends what waits and reads until a result is there. */
static enum rc result_wait(struct postgres *pg)
{
	int64_t heard_ms = clock_mono_ms(&clock_system),
		look_ms = is_encrypted(pg->db) ? LOOK_ENCRYPTED_MS : LOOK_MS;
	for (;;) {
		bool has_output = PQflush(pg->db) == 1; /* one that fails is told when reading */
		if (!PQisBusy(pg->db))
			return RC_OK;
		int64_t now_ms = clock_mono_ms(&clock_system),
			left_ms = heard_ms + pg->silence_max_ms - now_ms;
		if (pg->is_patient)
			left_ms = look_ms;
		if (left_ms <= 0)
			return failed_silent(pg);
		if (socket_wait(pg, has_output, left_ms < look_ms ? left_ms : look_ms))
			heard_ms = clock_mono_ms(&clock_system);
		(void)PQconsumeInput(
		    pg->db); /* a connection that broke has a result: PQisBusy() says so */
	}
}

PGresult *pg_result_next(struct postgres *pg)
{
	return !pg->is_lost && result_wait(pg) == RC_OK ? PQgetResult(pg->db) : NULL;
}

/* ---- the pipeline ---- */

void pg_pending_add(struct postgres *pg, struct pending pending)
{
	ASSERT(pg->pending_count < PENDING_MAX);
	pg->pending[pg->pending_count++] = pending;
}

/* All results of one statement: its own, and the NULL that ends them. The wanted one is kept. */
static bool result_read(struct postgres *pg, const struct pending *pending, PGresult **ret_wanted)
{
	PGresult *result = pg_result_next(pg);
	if (!result)
		return false;
	ExecStatusType status = PQresultStatus(result);
	bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
	if (!is_good && pending->is_preparation)
		pg->prepared[pending->statement] = false;
	if (!is_good &&
	    status != PGRES_PIPELINE_ABORTED) /* that one follows a failure that has been told */
		pg_failed_result(pg, result);
	if (pending->wanted && pg->rc == RC_OK) {
		PQclear(*ret_wanted);
		*ret_wanted = result;
	} else {
		PQclear(result);
	}
	for (PGresult *more; (more = pg_result_next(pg)) != NULL;)
		PQclear(more);
	return true;
}

enum rc pg_told(struct postgres *pg)
{
	enum rc rc = pg->rc;
	if (!pg->is_lost && PQtransactionStatus(pg->db) == PQTRANS_IDLE)
		pg->rc = RC_OK;
	return rc;
}

enum rc pg_sync(struct postgres *pg, PGresult **ret_wanted)
{
	*ret_wanted = NULL;
	bool alive = !pg->is_lost && PQpipelineSync(pg->db) == 1;
	for (size_t i = 0; i < pg->pending_count && alive; i++)
		alive = result_read(pg, &pg->pending[i], ret_wanted);
	pg->pending_count = pg->pending_bytes = 0;
	PGresult *end = alive ? pg_result_next(pg) : NULL;
	if (!end || PQresultStatus(end) != PGRES_PIPELINE_SYNC) {
		pg->is_lost = true;
		pg_failed_connection(pg);
	}
	PQclear(end);
	if (pg->rc != RC_OK)
		PQclear(TAKE(*ret_wanted));
	if (*ret_wanted && PQntuples(*ret_wanted) > pg->rows_most)
		pg->rows_most = PQntuples(*ret_wanted);
	return pg_told(pg);
}
