/*
 * Walks over many rows: a cursor hands them over in portions, so that memory does not grow with the table, and other
 * statements can run between two rows. libpq would keep all rows of a result.
 */
#include "store/postgres_conn_int.h"

#include "base/assert.h"

#include <libpq-fe.h>
#include <stdio.h>

enum { WALK_ROWS = 200, WALK_SQL_MAX_BYTES = 2000 };

bool is_walk(enum statement statement)
{
	static const enum statement walks[] = {
	    STMT_account_each,
	    STMT_deactivation_each,
	    STMT_departures_of,
	    STMT_check_membership_contents,
	};
	for (size_t i = 0; i < COUNT_OF(walks); i++)
		if (walks[i] == statement)
			return true;
	return false;
}

static enum rc text_send(struct postgres *pg, enum statement statement, const char *sql,
    const struct packed *args, size_t count, bool wanted)
{
	TRY(pg_room_make(pg, args->bytes));
	if (PQsendQueryParams(
		pg->db, sql, (int)count, NULL, args->values, args->lengths, args->formats, 1) != 1)
		return pg_failed_connection(pg);
	pg_pending_add(pg, (struct pending){statement, false, wanted});
	return RC_OK;
}

static enum rc portion_fetch(struct query *query)
{
	struct postgres *pg = postgres_of(query->conn);
	static const struct packed none;
	PGresult *result = NULL;
	char sql[64];
	snprintf(sql, sizeof sql, "FETCH %d FROM walk%u", WALK_ROWS, query->cursor);
	TRY(text_send(pg, STMT_COUNT, sql, &none, 0, true));
	TRY(pg_sync(pg, &result));
	query->rows = result;
	query->row = -1;
	return RC_OK;
}

static enum rc cursor_declare(struct postgres *pg, enum statement statement, const struct arg *args,
    size_t count, unsigned cursor)
{
	struct packed packed;
	char sql[WALK_SQL_MAX_BYTES];
	int n = snprintf(sql, sizeof sql, "DECLARE walk%u NO SCROLL CURSOR FOR /* %s */ %s", cursor,
	    statement_texts[statement].name, pg_statement_text(statement));
	ASSERT(n > 0 && n < (int)sizeof sql);
	TRY(pg_args_pack(args, count, &packed));
	return text_send(pg, statement, sql, &packed, count, false);
}

struct query walk_open(
    struct conn *conn, enum statement statement, const struct arg *args, size_t count)
{
	struct postgres *pg = postgres_of(conn);
	struct query q = {.conn = conn, .row = -1, .cursor = ++pg->cursors};
	q.rc = cursor_declare(pg, statement, args, count, q.cursor);
	if (q.rc == RC_OK)
		q.rc = portion_fetch(&q);
	return q;
}

enum rc walk_more(struct query *query)
{
	if (PQntuples(query->rows) < WALK_ROWS)
		return RC_NOT_FOUND;
	PQclear(TAKE(query->rows));
	TRY(portion_fetch(query));
	return ++query->row < PQntuples(query->rows) ? RC_OK : RC_NOT_FOUND;
}

/* What fails here fails the end of the transaction, too, which tells it. */
void walk_close(struct query *query)
{
	struct postgres *pg = postgres_of(query->conn);
	static const struct packed none;
	char sql[32];
	snprintf(sql, sizeof sql, "CLOSE walk%u", query->cursor);
	if (pg->rc == RC_OK)
		(void)text_send(pg, STMT_COUNT, sql, &none, 0, false);
}
