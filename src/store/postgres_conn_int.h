/*
 * What the files of the PostgreSQL engine share: a connection, what was sent on it and not yet answered, and how it
 * failed. One thread a connection.
 *
 * Nothing here waits without an end: a server that is silent for longer than `silence_max_ms` is lost. Its own limit for
 * a statement is a little shorter, so that one that lives says itself what takes too long.
 */
#ifndef EXEUNT_STORE_POSTGRES_CONN_INT_H
#define EXEUNT_STORE_POSTGRES_CONN_INT_H

#include "store/postgres_int.h"

typedef struct pg_result PGresult; /* as in libpq-fe.h */

enum {
	PENDING_MAX = 512, /* statements sent and not yet answered */
	PARAMETERS_MAX = 20,
	MESSAGE_MAX_BYTES = 512,
	SILENCE_GRACE_MS = 2000, /* beyond the server's limit for a statement */
};

struct pending {
	enum statement statement;
	bool is_preparation;
	bool wanted; /* its result is the one that is waited for */
};

struct postgres {
	PGconn *db; /* neither sending nor reading blocks */
	enum conn_role role;
	int64_t silence_max_ms;
	bool is_patient; /* until the transaction ends: no limit */
	bool prepared[STMT_COUNT];
	struct pending pending[PENDING_MAX];
	size_t pending_count;
	size_t pending_bytes; /* of their arguments */
	unsigned cursors;     /* opened so far: they are numbered */
	int rows_most;        /* of any result so far: see postgres_rows_most() */
	bool is_lost;
	enum rc rc; /* of what was sent and failed since the transaction began */
	char message[MESSAGE_MAX_BYTES]; /* of the first of these failures */
};

static inline struct postgres *postgres_of(const struct conn *conn)
{
	return conn->db;
}

/* ---- postgres_io.c ---- */

void pg_message_keep(struct postgres *pg, const char *message); /* as one line */
/* The first failure counts: those after it follow from it. What is returned is the one that counts. */
enum rc pg_failed(struct postgres *pg, enum rc rc, const char *message);
enum rc pg_failed_result(struct postgres *pg, const PGresult *result);
enum rc pg_failed_connection(struct postgres *pg);
/*
 * How it went. Outside of a transaction a failure is over when it has been told; inside, it stays until it is rolled
 * back; a lost connection stays lost.
 */
enum rc pg_told(struct postgres *pg);

void pg_pending_add(struct postgres *pg, struct pending pending);
/* As PQgetResult(), but within the limit; NULL also when the connection is lost. */
PGresult *pg_result_next(struct postgres *pg);
/* Waits for the outcome of all that was sent. `*ret_wanted` is NULL unless all went well. */
enum rc pg_sync(struct postgres *pg, PGresult **ret_wanted);

/* ---- postgres_connect.c ---- */

enum rc postgres_open(
    struct conn *conn, const struct store *store, enum conn_role role, struct fail *fail);
void postgres_close(struct conn *conn);

/* ---- postgres.c ---- */

struct packed {
	const char *values[PARAMETERS_MAX];
	int lengths[PARAMETERS_MAX], formats[PARAMETERS_MAX];
	uint64_t numbers[PARAMETERS_MAX];
	size_t bytes;
};
/* In binary, as libpq wants them. RC_TOO_LARGE. */
enum rc pg_args_pack(const struct arg *args, size_t count, struct packed *ret_packed);
const char *pg_statement_text(enum statement statement);
/* Room for the two entries that a statement may need, and for its arguments. RC_OK: go on. */
enum rc pg_room_make(struct postgres *pg, size_t bytes);
enum rc postgres_exec(struct conn *conn, const char *sql);

/* ---- postgres_walk.c: statements of which the rows may be many are read through a cursor ---- */

bool is_walk(enum statement statement);
struct query walk_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count);
enum rc walk_more(struct query *query); /* RC_NOT_FOUND: there are no more rows */
void walk_close(struct query *query);

#endif
