/*
 * Copies of a database in which every table has rows: from SQLite to SQLite, and with EXEUNT_TEST_DATABASE to PostgreSQL
 * and back. What a copy must hold is asked from SQLite, not from the code that copies.
 */
#include "other_store.h"

#include "store/copy.h"
#include "store/schema_int.h"

#include "base/fault.h"
#include "base/log.h"

#include <libpq-fe.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TABLES_MIN = 20, ROWS = 30, BIG_BYTES = 300000, KILLS_MAX = 400, FILE_MAX_BYTES = 8 << 20 };

struct copies {
	char base[200], a[256], b[256], c[256]; /* directories: the source, and what is copied */
	char database[600], schema[32];         /* of PostgreSQL; empty: there is none */
	struct arena arena;
	struct copy_progress last;
	int calls;
};

/* ---- the databases ---- */

static void postgres_sql(const char *database, const char *sql)
{
	PGconn *db = PQconnectdb(database);
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	PQclear(result);
	PQfinish(db);
}

static sqlite3 *database_open(const char *directory)
{
	char path[300];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/exeunt.db", directory);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static void sqlite_do(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static void sqlite_sql(const char *directory, const char *sql)
{
	sqlite3 *db = database_open(directory);
	sqlite_do(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t sqlite_value(const char *directory, const char *sql)
{
	sqlite3 *db = database_open(directory);
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static enum rc store_try(const char *directory, struct store **ret_store, struct fail *fail)
{
	struct store_config config = {
	    .directory = str_of(directory),
	    .readers_max = 2,
	    .group_max_jobs = 10,
	    .group_max_ms = 10,
	    .clock = &clock_system,
	    .rng = &rng_system,
	};
	return store_open(&config, ret_store, fail);
}

static struct store *store_at(const char *directory)
{
	struct store *store = NULL;
	struct fail fail = {0};
	if (store_try(directory, &store, &fail) != RC_OK)
		fail_msg("store_open: %s", fail.message);
	return store;
}

static void files_remove(const char *directory)
{
	static const char *const names[] = {"exeunt.db", "exeunt.db-wal", "exeunt.db-shm", "lock"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[300];
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

/* ---- rows for every table ---- */

static void value_bind(sqlite3_stmt *stmt, int at, const char *type, bool is_nullable, bool is_key, int row)
{
	static const int64_t odd[] = {INT64_MIN, INT64_MAX, -1, 0, 1, 255, 256, INT64_C(1) << 40};
	unsigned char bytes[64];
	int n = snprintf((char *)bytes, sizeof bytes, "v%d ", row) + 3;
	memcpy(bytes + n - 3, strcmp(type, "BLOB") == 0 ? "\xff\x00\x80" : "\xc3\x00z", 3);
	if (is_nullable && row % 3 == 1)
		sqlite3_bind_null(stmt, at);
	else if (strcmp(type, "INTEGER") == 0)
		sqlite3_bind_int64(stmt, at, is_key || row >= (int)COUNT_OF(odd) ? 1000 + row * 3 : odd[row]);
	else if (strcmp(type, "BLOB") == 0)
		sqlite3_bind_blob(stmt, at, bytes, row ? n : 0, SQLITE_TRANSIENT);
	else
		sqlite3_bind_text(stmt, at, (const char *)bytes, row ? n : 0, SQLITE_TRANSIENT);
}

static void table_fill(sqlite3 *db, const char *table)
{
	struct column {
		char type[16];
		bool is_nullable, is_key;
	} columns[64];
	int count = 0;
	char sql[512];
	sqlite3_stmt *info = NULL, *insert = NULL;
	snprintf(sql, sizeof sql, "PRAGMA table_info(%s)", table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &info, NULL), SQLITE_OK);
	for (; sqlite3_step(info) == SQLITE_ROW; count++) {
		snprintf(columns[count].type, 16, "%s", (const char *)sqlite3_column_text(info, 2));
		columns[count].is_key = sqlite3_column_int(info, 5) > 0;
		columns[count].is_nullable = !columns[count].is_key && sqlite3_column_int(info, 3) == 0;
	}
	sqlite3_finalize(info);
	int n = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES(", table);
	for (int i = 0; i < count; i++)
		n += snprintf(sql + n, sizeof sql - (size_t)n, i ? ",?" : "?");
	snprintf(sql + n, sizeof sql - (size_t)n, ")");
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &insert, NULL), SQLITE_OK);
	for (int row = 0; row < ROWS; row++) {
		for (int i = 0; i < count; i++)
			value_bind(insert, i + 1, columns[i].type, columns[i].is_nullable, columns[i].is_key, row);
		if (sqlite3_step(insert) != SQLITE_DONE)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
}

/* Unique indices bind columns that have the same value in few rows only: by chance there is none now. */
static int database_fill(const char *directory)
{
	sqlite3 *db = database_open(directory);
	sqlite3_stmt *tables = NULL;
	int count = 0;
	sqlite_do(db, "BEGIN");
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite%'"
			     " AND name NOT IN ('schema_version', 'numbers')",
			     -1, &tables, NULL),
	    SQLITE_OK);
	for (; sqlite3_step(tables) == SQLITE_ROW; count++)
		table_fill(db, (const char *)sqlite3_column_text(tables, 0));
	sqlite3_finalize(tables);
	char sql[200];
	snprintf(sql, sizeof sql,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10)"
	    "INSERT INTO state_nodes SELECT 1000000+i, randomblob(%d) FROM n", BIG_BYTES);
	sqlite_do(db, sql);
	/* And long rows whose key has texts, of which several batches are made. */
	snprintf(sql, sizeof sql,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10)"
	    "INSERT INTO receipts SELECT 7, 7, 'm.read', 'thread'||i, hex(zeroblob(%d)), 1, 1, 1 FROM n", BIG_BYTES / 2);
	sqlite_do(db, sql);
	/* A number that was given out and must not be again. */
	sqlite_do(db, "INSERT INTO devices(nid, user_nid, device_id, display_name) VALUES(7777, 5, 'gone', '');"
		      "DELETE FROM devices WHERE nid=7777; UPDATE numbers SET pos=4711, event=1087; COMMIT");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return count;
}

static void schema_drop(const struct copies *t)
{
	char sql[128];
	if (!t->database[0])
		return;
	snprintf(sql, sizeof sql, "SET client_min_messages=warning; DROP SCHEMA IF EXISTS \"%s\" CASCADE", t->schema);
	postgres_sql(t->database, sql);
}

static void schema_make(const struct copies *t)
{
	char sql[128];
	if (!t->database[0])
		return;
	schema_drop(t);
	snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", t->schema);
	postgres_sql(t->database, sql);
}

static int setup(void **state)
{
	struct copies *t = calloc(1, sizeof *t);
	const char *tmp = getenv("TMPDIR"), *database = getenv("EXEUNT_TEST_DATABASE");
	snprintf(t->base, sizeof t->base, "%s/exeunt-copy-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->base));
	snprintf(t->a, sizeof t->a, "%s/a", t->base);
	snprintf(t->b, sizeof t->b, "%s/b", t->base);
	snprintf(t->c, sizeof t->c, "%s/c", t->base);
	assert_int_equal(mkdir(t->a, 0700), 0);
	log_configure(STDERR_FILENO, LOG_TEXT, LOG_ERROR);
	arena_init(&t->arena, 64 << 20);
	if (database && database[0]) {
		str letters = rng_text(&rng_system, &t->arena, RNG_UPPERCASE, 16);
		snprintf(t->schema, sizeof t->schema, "T%.*s", STR_ARG(letters));
		snprintf(t->database, sizeof t->database, "%s options='-csearch_path=\"%s\"'", database, t->schema);
		schema_make(t);
	}
	store_close(store_at(t->a));
	assert_true(database_fill(t->a) >= TABLES_MIN);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct copies *t = *state;
	fault_disarm();
	schema_drop(t);
	files_remove(t->a);
	files_remove(t->b);
	files_remove(t->c);
	int left = rmdir(t->base);
	arena_release(&t->arena);
	free(t);
	return left;
}

/* ---- copies ---- */

static struct copy_place in_directory(const char *directory)
{
	return (struct copy_place){.sqlite_directory = str_of(directory)};
}

static struct copy_place in_postgres(const struct copies *t)
{
	return (struct copy_place){.database = str_of(t->database)};
}

/* Where the engine under test is: PostgreSQL, or else SQLite. */
static struct copy_place middle(const struct copies *t)
{
	return t->database[0] ? in_postgres(t) : in_directory(t->b);
}

static void middle_sql(const struct copies *t, const char *sql)
{
	if (t->database[0])
		postgres_sql(t->database, sql);
	else
		sqlite_sql(t->b, sql);
}

static int64_t middle_value(const struct copies *t, const char *sql)
{
	return t->database[0] ? database_number(t->database, sql) : sqlite_value(t->b, sql);
}

static void middle_empty(struct copies *t)
{
	files_remove(t->b);
	schema_make(t);
}

static void on_progress(void *self, const struct copy_progress *progress)
{
	struct copies *t = self;
	assert_true(progress->rows <= progress->rows_total);
	assert_true(progress->rows >= t->last.rows || progress->is_verifying);
	t->last = *progress;
	t->calls++;
}

static enum rc copy_try(struct copies *t, struct copy_place from, struct copy_place to, struct copy_report *report,
                        struct fail *fail)
{
	struct copy_config config = {.from = from, .to = to, .beat_wait_ms = 60, .progress = on_progress, .self = t};
	t->last = (struct copy_progress){0};
	return store_copy(&config, &t->arena, report, fail);
}

static struct copy_report copy_good(struct copies *t, struct copy_place from, struct copy_place to)
{
	struct copy_report report = {0};
	struct fail fail = {0};
	enum rc rc = copy_try(t, from, to, &report, &fail);
	if (rc != RC_OK)
		fail_msg("store_copy: %s: %s", rc_name(rc), fail.message);
	for (size_t i = 0; i < report.count; i++)
		if (!report.verdicts[i].is_same)
			fail_msg("%.*s differs", STR_ARG(report.verdicts[i].table));
	assert_true(report.is_same);
	return report;
}

static void copy_bad(struct copies *t, struct copy_place from, struct copy_place to, enum rc expected, const char *part)
{
	struct copy_report report = {0};
	struct fail fail = {0};
	enum rc rc = copy_try(t, from, to, &report, &fail);
	if (rc != expected || !strstr(fail.message, part))
		fail_msg("expected %s with '%s', got %s: %s", rc_name(expected), part, rc_name(rc), fail.message);
}

/* SQLite compares: no row of one side is missing on the other. */
static void assert_same_databases(const char *one, const char *other)
{
	sqlite3 *db = database_open(one);
	sqlite3_stmt *tables = NULL, *differences = NULL;
	char sql[600];
	int compared = 0;
	snprintf(sql, sizeof sql, "ATTACH '%s/exeunt.db' AS other", other);
	sqlite_do(db, sql);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT name FROM main.sqlite_schema WHERE type='table' AND name<>'sqlite_stat1'"
			     " UNION SELECT name FROM other.sqlite_schema WHERE type='table' AND name<>'sqlite_stat1'",
			     -1, &tables, NULL),
	    SQLITE_OK);
	for (; sqlite3_step(tables) == SQLITE_ROW; compared++) {
		const char *name = (const char *)sqlite3_column_text(tables, 0);
		snprintf(sql, sizeof sql,
		    "SELECT (SELECT count(*) FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM other.%s)) +"
		    " (SELECT count(*) FROM (SELECT * FROM other.%s EXCEPT SELECT * FROM main.%s)) +"
		    " abs((SELECT count(*) FROM main.%s) - (SELECT count(*) FROM other.%s))",
		    name, name, name, name, name, name);
		if (sqlite3_prepare_v2(db, sql, -1, &differences, NULL) != SQLITE_OK)
			fail_msg("%s: %s", sql, sqlite3_errmsg(db));
		assert_int_equal(sqlite3_step(differences), SQLITE_ROW);
		if (sqlite3_column_int64(differences, 0))
			fail_msg("%s differs", name);
		sqlite3_finalize(differences);
	}
	sqlite3_finalize(tables);
	assert_true(compared > TABLES_MIN);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- the tests ---- */

static void every_table_arrives(void **state)
{
	struct copies *t = *state;
	struct copy_report report = copy_good(t, in_directory(t->a), in_directory(t->b));
	assert_same_databases(t->a, t->b);
	assert_int_equal(report.rows_copied, t->last.rows_total);
	assert_int_equal(t->last.rows, t->last.rows_total);
	assert_true(t->calls > (int)report.count); /* the big table takes several batches */
	size_t found = 0;
	for (const struct migration *m = migrations; m->number != 0; m++)
		for (const char *p = m->sqlite; (p = strstr(p, "CREATE TABLE ")) != NULL; p++, found++) {
			str name = str_first(str_of(p + 13), str_find(str_of(p + 13), '('));
			bool is_there = false;
			for (size_t i = 0; i < report.count; i++)
				is_there |= str_eq(report.verdicts[i].table, name) && report.verdicts[i].to_rows > 0;
			if (!is_there)
				fail_msg("the table %.*s was not copied", STR_ARG(name));
		}
	assert_int_equal(found, report.count);
	assert_int_equal(sqlite_value(t->b, "SELECT count(*) FROM sqlite_schema WHERE name='migration_progress'"), 0);
	struct store *a = store_at(t->a), *b = store_at(t->b);
	assert_true(str_eq(store_tag(a), store_tag(b)));
	assert_int_equal(store_committed_pos(b), 4711);
	store_close(a);
	store_close(b);
}

static void to_postgres_and_back(void **state)
{
	struct copies *t = *state;
	if (!t->database[0]) {
		print_message("skipped: EXEUNT_TEST_DATABASE names no PostgreSQL\n");
		skip();
	}
	copy_good(t, in_directory(t->a), in_postgres(t));
	assert_int_equal(database_number(t->database, "SELECT count(*) FROM filters"), ROWS);
	assert_int_equal(
	    database_number(t->database, "SELECT count(*) FROM users WHERE user_id='\\x763320c3007a' AND nid=1009"), 1);
	assert_int_equal(
	    database_number(t->database, "SELECT count(*) FROM receipts WHERE ts_ms=-9223372036854775808"), 1);
	/* The next numbers are new ones. */
	assert_int_equal(
	    database_number(t->database, "SELECT nextval(pg_get_serial_sequence('devices', 'nid'))"), 7778);
	assert_int_equal(
	    database_number(t->database, "SELECT nextval(pg_get_serial_sequence('users', 'nid'))"), 1000 + 3 * ROWS - 2);
	postgres_sql(t->database, "SELECT setval(pg_get_serial_sequence('devices', 'nid'), 7777)");
	copy_good(t, in_postgres(t), in_directory(t->c));
	assert_same_databases(t->a, t->c);
	assert_int_equal(sqlite_value(t->c, "SELECT seq FROM sqlite_sequence WHERE name='devices'"), 7777);
	store_close(store_at(t->c));
}

static void files_read(const char *directory, struct arena *arena, str ret[2])
{
	static const char *const names[] = {"exeunt.db", "exeunt.db-wal"};
	for (int i = 0; i < 2; i++) {
		char path[300];
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		FILE *file = fopen(path, "r");
		ret[i] = STR_EMPTY;
		if (!file)
			continue;
		char *p = arena_alloc(arena, FILE_MAX_BYTES);
		assert_non_null(p);
		ret[i] = str_bytes(p, fread(p, 1, FILE_MAX_BYTES, file));
		assert_in_range(ret[i].n, 1, FILE_MAX_BYTES - 1);
		fclose(file);
	}
}

/* Also what stands in the WAL only, as after a crash. */
static void the_source_stays_as_it_is(void **state)
{
	struct copies *t = *state;
	str before[2], after[2];
	sqlite3 *db = database_open(t->a);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite_do(db, "UPDATE numbers SET fence=fence+1");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	files_read(t->a, &t->arena, before);
	assert_true(before[1].n > 0);
	copy_good(t, in_directory(t->a), middle(t));
	files_read(t->a, &t->arena, after);
	assert_true(str_eq(before[0], after[0]));
	assert_true(str_eq(before[1], after[1]));
	assert_int_equal(middle_value(t, "SELECT fence FROM numbers"), 1);
}

/* True: the child died at its fault point. */
static bool killed_at(struct copies *t, int kill_at)
{
	char spec[32];
	int status;
	snprintf(spec, sizeof spec, "*:%d", kill_at);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct copy_report report = {0};
		struct fail fail = {0};
		log_configure(STDERR_FILENO, LOG_TEXT, LOG_ERROR);
		_exit(fault_arm(str_of(spec)) == RC_OK &&
				      copy_try(t, in_directory(t->a), middle(t), &report, &fail) == RC_OK && report.is_same
			  ? 0
			  : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSIGNALED(status);
}

/* After the last point the copy is complete, and another one is refused. */
static bool is_complete(struct copies *t)
{
	struct copy_report report;
	struct fail fail = {0};
	enum rc rc = copy_try(t, in_directory(t->a), middle(t), &report, &fail);
	if (rc == RC_OK)
		assert_true(report.is_same);
	else
		assert_non_null(strstr(fail.message, "not empty"));
	return rc == RC_CONFLICT;
}

static void killed_at_every_point_it_goes_on(void **state)
{
	struct copies *t = *state;
	const int steps = t->database[0] ? 19 : 3; /* each table has four points: all kinds are met */
	int kills = 0, resumed = 0;
	for (int at = 1; killed_at(t, at); at += steps, kills++) {
		assert_true(at < KILLS_MAX);
		resumed += !is_complete(t);
		if (t->database[0])
			copy_good(t, middle(t), in_directory(t->c));
		assert_same_databases(t->a, t->database[0] ? t->c : t->b);
		files_remove(t->c);
		middle_empty(t);
	}
	print_message("killed at %d points, %d times before the end\n", kills, resumed);
	assert_true(kills * steps > TABLES_MIN * 2);
	assert_true(resumed >= kills - 1);
}

/* Ends after `batches` batches, with what came until then in the target. */
static void interrupt(struct copies *t, int batches)
{
	char spec[64];
	snprintf(spec, sizeof spec, "copy.batch.committed:%d:fail", batches);
	assert_int_equal(fault_arm(str_of(spec)), RC_OK);
	copy_bad(t, in_directory(t->a), middle(t), RC_IO, "target");
	fault_disarm();
}

static void an_unfinished_copy_serves_nobody(void **state)
{
	struct copies *t = *state;
	interrupt(t, 6);
	struct store *store = NULL;
	struct fail fail = {0};
	assert_int_equal(mkdir(t->c, 0700), 0);
	struct store_config config = {
	    .directory = str_of(t->c),
	    .sqlite_directory = str_of(t->b),
	    .database = str_of(t->database),
	    .readers_max = 2,
	    .group_max_jobs = 10,
	    .group_max_ms = 10,
	    .clock = &clock_system,
	    .rng = &rng_system,
	};
	assert_int_equal(store_open(&config, &store, &fail), RC_CONFLICT);
	assert_non_null(strstr(fail.message, "unfinished copy"));
	copy_bad(t, middle(t), in_directory(t->c), RC_CONFLICT, "unfinished");
	struct copy_report report = copy_good(t, in_directory(t->a), middle(t));
	assert_true(report.rows_before > 0 && report.rows_copied > 0);
	assert_int_equal(report.rows_before + report.rows_copied, t->last.rows_total);
}

/*
 * Each run writes one batch and ends: keys of every kind are where one goes on. On PostgreSQL a few, since its runs are
 * slow. Returns the number of runs.
 */
static int copy_by_batches(struct copies *t, struct copy_place from, struct copy_place to)
{
	const char *spec = t->database[0] ? "copy.batch.committed:7:fail" : "copy.batch.committed:1:fail";
	struct copy_report report = {0};
	struct fail fail = {0};
	enum rc rc = RC_IO;
	int runs = 0;
	for (; rc == RC_IO; runs++) {
		assert_true(runs < KILLS_MAX);
		fail = (struct fail){0};
		assert_int_equal(fault_arm(str_of(spec)), RC_OK);
		rc = copy_try(t, from, to, &report, &fail);
		fault_disarm();
	}
	if (rc != RC_OK)
		fail_msg("store_copy: %s: %s", rc_name(rc), fail.message);
	assert_true(report.is_same);
	return runs;
}

static void batch_after_batch(void **state)
{
	struct copies *t = *state;
	const int batches = TABLES_MIN + 4;
	assert_true(copy_by_batches(t, in_directory(t->a), middle(t)) > (t->database[0] ? batches / 7 : batches));
	copy_by_batches(t, middle(t), in_directory(t->c));
	assert_same_databases(t->a, t->c);
}

static void damage_on_the_way_is_found(void **state)
{
	struct copies *t = *state;
	static const char *const damages[] = {
	    "UPDATE accounts SET kind=kind+1 WHERE user_nid=1030",
	    "DELETE FROM account_data WHERE user_nid=1030",
	    "INSERT INTO aliases VALUES('x', 1, 2)",
	};
	for (size_t i = 0; i < COUNT_OF(damages); i++) {
		struct copy_report report = {0};
		struct fail fail = {0};
		size_t different = 0;
		middle_empty(t);
		interrupt(t, 8);
		middle_sql(t, damages[i]);
		assert_int_equal(copy_try(t, in_directory(t->a), middle(t), &report, &fail), RC_OK);
		assert_false(report.is_same);
		for (size_t k = 0; k < report.count; k++)
			different += !report.verdicts[k].is_same;
		assert_int_equal(different, 1);
		/* It stays unfinished: asked again, it says the same. */
		assert_int_equal(copy_try(t, in_directory(t->a), middle(t), &report, &fail), RC_OK);
		assert_false(report.is_same);
		assert_int_equal(report.rows_copied, 0);
	}
}

static void another_source_does_not_go_on(void **state)
{
	struct copies *t = *state;
	interrupt(t, 6);
	sqlite_sql(t->a, "UPDATE numbers SET pos=pos+1");
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "something else");
}

static void a_target_with_data_is_refused(void **state)
{
	struct copies *t = *state;
	copy_good(t, in_directory(t->a), middle(t));
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "not empty");
	middle_empty(t);
	if (!t->database[0]) {
		assert_int_equal(mkdir(t->b, 0700), 0);
		store_close(store_at(t->b)); /* a server looked at it once: still empty */
		copy_good(t, in_directory(t->a), middle(t));
		middle_empty(t);
		assert_int_equal(mkdir(t->b, 0700), 0);
		char path[300];
		snprintf(path, sizeof path, "%s/exeunt.db", t->b);
		sqlite3 *db = NULL;
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
	}
	middle_sql(t, "CREATE TABLE theirs(a integer)");
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "theirs");
	assert_int_equal(middle_value(t, "SELECT count(*) FROM theirs"), 0);
}

static void what_is_in_use_is_refused(void **state)
{
	struct copies *t = *state;
	struct store *store = store_at(t->a);
	copy_bad(t, in_directory(t->a), middle(t), RC_EXISTS, "An exeunt has");
	store_close(store);
	sqlite3 *db = database_open(t->a); /* without the lock of the directory */
	sqlite_do(db, "BEGIN; SELECT * FROM numbers");
	copy_bad(t, in_directory(t->a), middle(t), RC_EXISTS, "stop it first");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	copy_bad(t, in_directory(t->a), in_directory(t->a), RC_EXISTS, "stop it first");
	assert_int_equal(mkdir(t->c, 0700), 0);
	copy_bad(t, in_directory(t->c), middle(t), RC_NOT_FOUND, "There is no database");
	if (!t->database[0])
		return;
	copy_bad(t, in_postgres(t), in_directory(t->b), RC_NOT_FOUND, "no server");
	copy_good(t, in_directory(t->a), in_postgres(t));
	PGconn *other = PQconnectdb(t->database);
	PQclear(PQexec(other, "BEGIN; SELECT * FROM numbers FOR UPDATE"));
	copy_bad(t, in_postgres(t), in_directory(t->b), RC_EXISTS, "Somebody writes");
	PQclear(PQexec(other, "ROLLBACK"));
	pid_t beater = fork();
	assert_true(beater >= 0);
	if (beater == 0) {
		PGconn *db2 = PQconnectdb(t->database);
		for (int i = 0; i < 500; i++) {
			PQclear(PQexec(db2, "UPDATE processes SET beat=beat+1 WHERE nid=1000"));
			usleep(20000);
		}
		_exit(0);
	}
	copy_bad(t, in_postgres(t), in_directory(t->b), RC_EXISTS, "serves from");
	assert_int_equal(kill(beater, SIGKILL), 0);
	assert_int_equal(waitpid(beater, NULL, 0), beater);
	PQfinish(other);
}

static void another_schema_is_refused(void **state)
{
	struct copies *t = *state;
	sqlite_sql(t->a, "INSERT INTO schema_version VALUES(999)");
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "schema 999");
	sqlite_sql(t->a, "DELETE FROM schema_version WHERE version=999; CREATE TABLE more(a REAL)");
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "column a of more");
	sqlite_sql(t->a, "DROP TABLE more; CREATE TABLE more(a INTEGER)");
	copy_bad(t, in_directory(t->a), middle(t), RC_CONFLICT, "table");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_table_arrives),
	    TEST(to_postgres_and_back),
	    TEST(the_source_stays_as_it_is),
	    TEST(killed_at_every_point_it_goes_on),
	    TEST(an_unfinished_copy_serves_nobody),
	    TEST(batch_after_batch),
	    TEST(damage_on_the_way_is_found),
	    TEST(another_source_does_not_go_on),
	    TEST(a_target_with_data_is_refused),
	    TEST(what_is_in_use_is_refused),
	    TEST(another_schema_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
