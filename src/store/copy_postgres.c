/* PostgreSQL as a side of a copy: COPY in binary, both ways. */
#include "store/copy_int.h"

#include "base/heap.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
	MESSAGE_BYTES = 512,
	TEXT_BYTES = 2200,
	VERSION_MIN = 130000,
	HEADER_BYTES = 19, /* signature, flags, no extension */
	BEAT_LOOKS_MS = 25,
	LOCK_LOOKS_MS = 50,
	LOCK_WAIT_MS = 5000,
	LEFT_MAX = 100,
};

static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* with the NUL at the end: 19 */

struct postgres_side {
	PGconn *db;
	char *data; /* libpq's, of the last row */
	bool is_scanning, had_header;
	char message[MESSAGE_BYTES];
};

static struct postgres_side *postgres_of(const struct side *side)
{
	return side->db;
}

/* Several lines become one. */
static enum rc failed(struct postgres_side *pg, const PGresult *result)
{
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *text = result ? PQresultErrorMessage(result) : PQerrorMessage(pg->db);
	snprintf(pg->message, sizeof pg->message, "%s", text);
	for (size_t n = strlen(pg->message); n > 0 && pg->message[n - 1] == '\n'; n--)
		pg->message[n - 1] = '\0';
	for (char *p = pg->message; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	if (PQstatus(pg->db) != CONNECTION_OK)
		return RC_UNAVAILABLE;
	if (sqlstate && strcmp(sqlstate, "23505") == 0)
		return RC_EXISTS;
	if (sqlstate && strcmp(sqlstate, "55P03") == 0) /* lock_not_available */
		return RC_BUSY;
	return sqlstate && strcmp(sqlstate, "53100") == 0 ? RC_DISK_FULL : RC_IO;
}

/* All results of what was sent; the first failure counts. */
static enum rc drain(struct postgres_side *pg)
{
	enum rc rc = RC_OK;
	for (PGresult *result; (result = PQgetResult(pg->db)) != NULL; PQclear(result)) {
		ExecStatusType status = PQresultStatus(result);
		bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
		if (!is_good && rc == RC_OK)
			rc = failed(pg, result);
	}
	return rc;
}

static enum rc exec(struct side *side, const char *sql)
{
	struct postgres_side *pg = postgres_of(side);
	if (PQsendQuery(pg->db, sql) != 1)
		return failed(pg, NULL);
	return drain(pg);
}

/* ---- opening ---- */

static enum rc text_keep(str text, char *kept, struct fail *fail)
{
	if (text.n >= TEXT_BYTES || (text.n && memchr(text.p, '\0', text.n)))
		return fail_set(fail, RC_INVALID_PARAM, "A connection string or password is too long");
	snprintf(kept, TEXT_BYTES, "%.*s", STR_ARG(text));
	return RC_OK;
}

static enum rc connect_to(struct side *side, const struct copy_place *place, struct fail *fail)
{
	struct postgres_side *pg = postgres_of(side);
	char database[TEXT_BYTES], password[TEXT_BYTES];
	TRY(text_keep(place->database, database, fail));
	TRY(text_keep(place->database_password, password, fail));
	const char *names[] = {"application_name", "connect_timeout", "dbname", "client_encoding",
		password[0] ? "password" : NULL, NULL};
	const char *values[] = {"exeunt migrate", "10", database, "UTF8", password, NULL};
	pg->db = PQconnectdbParams(names, values, 1);
	explicit_bzero(password, sizeof password);
	if (!pg->db || PQstatus(pg->db) != CONNECTION_OK) {
		(void)failed(pg, NULL);
		return fail_set(fail, RC_UNAVAILABLE, "Cannot connect to the database of %s: %s", side->what, pg->message);
	}
	if (PQserverVersion(pg->db) < VERSION_MIN)
		return fail_set(fail, RC_CONFLICT, "The database of %s is older than PostgreSQL %d", side->what,
		    VERSION_MIN / 10000);
	return exec(side, "SET statement_timeout=0; SET idle_in_transaction_session_timeout=0; SET lock_timeout='5s';"
			  "SET client_min_messages=error; SET enable_sort=off; SET synchronous_commit=off");
}

/*
 * Two copies never work on the same tables. That of one that was killed holds the lock until the server notices: hence
 * the wait.
 */
static enum rc copy_lock(struct side *side, struct fail *fail)
{
	int64_t is_ours = 0;
	for (int waited_ms = 0; !is_ours && waited_ms <= LOCK_WAIT_MS; waited_ms += LOCK_LOOKS_MS) {
		if (waited_ms)
			poll(NULL, 0, LOCK_LOOKS_MS);
		TRY(side_number(side,
		    "SELECT pg_try_advisory_lock(1163416910, (SELECT CAST(CAST(oid AS bigint) % 2147483647 AS integer)"
		    " FROM pg_catalog.pg_namespace WHERE nspname=current_schema()))::int::bigint",
		    &is_ours));
	}
	return is_ours ? RC_OK : fail_set(fail, RC_EXISTS, "Another 'exeunt migrate' works on %s", side->what);
}

static enum rc has_table(struct side *side, const char *name, bool *ret_has)
{
	char sql[128];
	int64_t count = 0;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_catalog.pg_class WHERE oid=to_regclass('%s')", name);
	TRY(side_number(side, sql, &count));
	*ret_has = count > 0;
	return RC_OK;
}

/* A process that lives beats; what an ended one left behind does not. */
static enum rc nobody_beats(struct side *side, int64_t wait_ms, struct fail *fail)
{
	static const char sql[] =
	    "SELECT CAST(coalesce(sum(beat), 0) * 1000 + count(*) AS bigint) FROM processes";
	int64_t before = 0, now = 0;
	TRY(side_number(side, sql, &before));
	for (int64_t waited_ms = 0; before != 0 && waited_ms < wait_ms; waited_ms += BEAT_LOOKS_MS) {
		poll(NULL, 0, BEAT_LOOKS_MS);
		TRY(side_number(side, sql, &now));
		if (now != before)
			return fail_set(fail, RC_EXISTS, "An exeunt serves from %s: stop all of its processes first",
			    side->what);
	}
	return RC_OK;
}

/* One view of it all; and no write passes, since each takes the numbers. */
static enum rc source_lock(struct side *side, struct fail *fail)
{
	enum rc rc = exec(side, "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE numbers IN EXCLUSIVE MODE");
	if (rc == RC_BUSY)
		return fail_set(fail, RC_EXISTS, "Somebody writes to %s: stop all of its processes first", side->what);
	return rc;
}

static enum rc postgres_open(struct side *side, const struct copy_place *place, struct fail *fail)
{
	bool has_numbers = false, has_processes = false;
	struct postgres_side *pg = heap_new(struct postgres_side);
	if (!pg)
		return RC_NOMEM;
	side->db = pg;
	TRY(connect_to(side, place, fail));
	TRY(copy_lock(side, fail));
	TRY(has_table(side, "numbers", &has_numbers));
	TRY(has_table(side, "processes", &has_processes));
	if (!side->is_target && !has_numbers)
		return fail_set(fail, RC_NOT_FOUND, "There is no server in the database of %s", side->what);
	if (has_processes)
		TRY(nobody_beats(side, side->beat_wait_ms, fail));
	return side->is_target ? RC_OK : source_lock(side, fail);
}

static void postgres_close(struct side *side)
{
	struct postgres_side *pg = postgres_of(side);
	PQfreemem(pg->data);
	PQfinish(pg->db);
	heap_free(pg);
}

/* ---- reading ---- */

static void cancel(struct postgres_side *pg)
{
	PGcancel *cancel = PQgetCancel(pg->db);
	char why[256];
	if (cancel)
		(void)PQcancel(cancel, why, sizeof why);
	PQfreeCancel(cancel);
}

/* Reads what is left. Where that is much, a failure ends the copy: cancelling takes the transaction along. */
static void scan_end(struct side *side)
{
	struct postgres_side *pg = postgres_of(side);
	for (int messages = 0; pg->is_scanning; messages++) {
		PQfreemem(TAKE(pg->data));
		if (messages == LEFT_MAX)
			cancel(pg);
		if (PQgetCopyData(pg->db, &pg->data, 0) >= 0)
			continue;
		pg->is_scanning = false;
		(void)drain(pg);
	}
}

static enum rc scan(struct side *side, const char *sql)
{
	struct postgres_side *pg = postgres_of(side);
	struct arena CLEANUP(arena_release) scratch;
	scan_end(side);
	arena_init(&scratch, (size_t)4 * COPY_SQL_MAX_BYTES);
	str copy = arena_printf(&scratch, "COPY (%s) TO STDOUT (FORMAT binary)", sql);
	TRY(arena_status(&scratch));
	PGresult *result = PQexec(pg->db, copy.p);
	enum rc rc = PQresultStatus(result) == PGRES_COPY_OUT ? RC_OK : failed(pg, result);
	PQclear(result);
	pg->is_scanning = rc == RC_OK;
	pg->had_header = false;
	return rc;
}

/* The next message of the copy; RC_NOT_FOUND: it is over. */
static enum rc message_read(struct postgres_side *pg, str *ret_data)
{
	PQfreemem(TAKE(pg->data));
	int n = PQgetCopyData(pg->db, &pg->data, 0);
	if (n >= 0) {
		*ret_data = str_bytes(pg->data, (size_t)n);
		return RC_OK;
	}
	pg->is_scanning = false;
	if (n == -1)
		TRY(drain(pg));
	return n == -1 ? RC_NOT_FOUND : failed(pg, NULL);
}

static bool is_trailer(str data)
{
	return data.n == 2 && (unsigned char)data.p[0] == 0xff && (unsigned char)data.p[1] == 0xff;
}

/* The server sends a row a message, and the header before the first. */
static enum rc step(struct side *side, str *ret_row)
{
	struct postgres_side *pg = postgres_of(side);
	for (;;) {
		str data;
		TRY(message_read(pg, &data));
		if (!pg->had_header) {
			if (!str_starts(data, str_bytes(header, HEADER_BYTES)))
				return RC_CORRUPT;
			pg->had_header = true;
			data = str_from(data, HEADER_BYTES);
		}
		if (data.n == 0 || is_trailer(data))
			continue;
		*ret_row = data;
		return RC_OK;
	}
}

/* ---- writing ---- */

static enum rc put_begin(struct side *side, const struct copy_table *table)
{
	struct postgres_side *pg = postgres_of(side);
	struct arena CLEANUP(arena_release) scratch;
	struct buf sql;
	arena_init(&scratch, (size_t)4 * COPY_SQL_MAX_BYTES);
	buf_init(&sql, &scratch, COPY_SQL_MAX_BYTES);
	buf_put(&sql, STR("COPY "));
	put_name(&sql, table->name);
	buf_putc(&sql, '(');
	put_names(&sql, table);
	buf_put(&sql, STR(") FROM STDIN (FORMAT binary)"));
	buf_putc(&sql, '\0');
	TRY(buf_status(&sql));
	PGresult *result = PQexec(pg->db, sql.p);
	enum rc rc = PQresultStatus(result) == PGRES_COPY_IN ? RC_OK : failed(pg, result);
	PQclear(result);
	return rc;
}

static enum rc put(struct side *side, const struct copy_table *table, const struct batch *batch)
{
	struct postgres_side *pg = postgres_of(side);
	if (batch->bytes.n > INT32_MAX)
		return RC_TOO_LARGE;
	TRY(put_begin(side, table));
	if (PQputCopyData(pg->db, header, HEADER_BYTES) != 1 ||
	    PQputCopyData(pg->db, batch->bytes.p, (int)batch->bytes.n) != 1 ||
	    PQputCopyData(pg->db, "\377\377", 2) != 1 || PQputCopyEnd(pg->db, NULL) != 1)
		return failed(pg, NULL);
	return drain(pg);
}

static void put_literal(struct buf *sql, const struct copy_column *column, str bytes)
{
	(void)column;
	buf_put(sql, STR("'\\x"));
	for (size_t i = 0; i < bytes.n; i++)
		buf_printf(sql, "%02x", (unsigned)(unsigned char)bytes.p[i]);
	buf_put(sql, STR("'::bytea"));
}

static void put_counter_get(struct buf *sql, str table)
{
	buf_printf(sql,
	    "SELECT coalesce(greatest((SELECT max(nid) FROM \"%.*s\"),"
	    " pg_sequence_last_value(pg_get_serial_sequence('\"%.*s\"', 'nid')::regclass)), 0)",
	    STR_ARG(table), STR_ARG(table));
}

static void put_counter_set(struct buf *sql, str table, int64_t value)
{
	buf_printf(sql, "SELECT setval(pg_get_serial_sequence('\"%.*s\"', 'nid'), %lld, %s)", STR_ARG(table),
	    (long long)(value > 0 ? value : 1), value > 0 ? "true" : "false");
}

/* The log is flushed up to this commit, and so are all before it. */
static enum rc settle(struct side *side)
{
	TRY(exec(side, "SET synchronous_commit=on"));
	for (size_t i = 0; i < side->catalog.count; i++)
		TRY(side_execf(side, "ANALYZE \"%.*s\"", STR_ARG(side->catalog.tables[i].name)));
	return RC_OK;
}

static const char *message(const struct side *side)
{
	return postgres_of(side)->message;
}

const struct side_ops side_postgres = {
    .catalog_sql =
	"SELECT c.relname::text, a.attname::text,"
	" CASE a.atttypid WHEN 'bigint'::regtype THEN 1::bigint WHEN 'bytea'::regtype THEN 2 ELSE 0 END,"
	" coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)::bigint, (a.attidentity<>'')::int::bigint"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid=c.relnamespace AND n.nspname=current_schema()"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid=c.oid AND a.attnum>0 AND NOT a.attisdropped"
	" LEFT JOIN pg_catalog.pg_index i ON i.indrelid=c.oid AND i.indisprimary"
	" WHERE c.relkind IN ('r', 'p') ORDER BY c.relname::text COLLATE \"C\", a.attnum",
    .open = postgres_open,
    .close = postgres_close,
    .exec = exec,
    .scan = scan,
    .step = step,
    .scan_end = scan_end,
    .put = put,
    .put_literal = put_literal,
    .put_counter_get = put_counter_get,
    .put_counter_set = put_counter_set,
    .settle = settle,
    .message = message,
};
