#include "store_fixture.h"

#include "base/fault.h"
#include "base/log.h"

#include "store/postgres_int.h"
#include "store/sqlite_int.h"
#include "store/store_int.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BYTES = 64 << 20 };

struct store_config fixture_config(const struct fixture *f)
{
	return (struct store_config){
	    .directory = str_of(f->directory),
	    .database = str_of(f->database),
	    .statement_timeout_ms = f->statement_timeout_ms,
	    .readers_max = 4,
	    .group_max_jobs = f->group_max_jobs,
	    .group_max_ms = f->group_max_ms,
	    .clock = &f->clock,
	    .rng = &f->rng,
	};
}

void fixture_open(struct fixture *f)
{
	struct store_config config = fixture_config(f);
	struct fail fail = {0};
	enum rc rc = store_open(&config, &f->store, &fail);
	if (rc != RC_OK)
		fail_msg("store_open: %s: %s", rc_name(rc), fail.message);
}

void fixture_close(struct fixture *f)
{
	store_close(TAKE(f->store));
}

void fixture_reopen(struct fixture *f)
{
	fixture_close(f);
	fixture_open(f);
}

static bool is_on_postgres(const struct fixture *f)
{
	return f->database[0] != '\0';
}

bool fixture_is_on_postgres(void)
{
	const char *database = getenv("EXEUNT_TEST_DATABASE");
	if (database && database[0] != '\0')
		return true;
	print_message("skipped: it needs PostgreSQL, which tools/with_postgres.py starts\n");
	return false;
}

void only_on_sqlite(const struct fixture *f)
{
	if (is_on_postgres(f))
		skip(); /* about files and plans of SQLite */
}

int fixture_often(const struct fixture *f, int n)
{
	return is_on_postgres(f) && n > 100 ? n / 25 : n;
}

static void postgres_sql(const char *database, const char *sql)
{
	PGconn *db = PQconnectdb(database);
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	PQclear(result);
	PQfinish(db);
}

static void schema_make(struct fixture *f)
{
	const char *database = getenv("EXEUNT_TEST_DATABASE");
	char sql[128];
	if (!database || database[0] == '\0')
		return;
	str letters = rng_text(&rng_system, &f->arena, RNG_UPPERCASE, 16);
	snprintf(f->schema, sizeof f->schema, "T%.*s", STR_ARG(letters));
	snprintf(sql, sizeof sql, "SET client_min_messages=warning; CREATE SCHEMA \"%s\"", f->schema);
	postgres_sql(database, sql);
	int n = snprintf(f->database, sizeof f->database, "%s options='-csearch_path=\"%s\"'", database, f->schema);
	assert_in_range(n, 1, sizeof f->database - 1);
}

static void schema_drop(struct fixture *f)
{
	char sql[128];
	if (!is_on_postgres(f))
		return;
	snprintf(sql, sizeof sql,
	    "SET client_min_messages=warning; SET lock_timeout='20s'; DROP SCHEMA \"%s\" CASCADE",
	    f->schema);
	postgres_sql(f->database, sql);
}

static void files_remove(const struct fixture *f)
{
	static const char *const names[] = {"exeunt.db", "exeunt.db-wal", "exeunt.db-shm"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[300];
		snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
		unlink(path);
	}
}

void fixture_renew(struct fixture *f)
{
	fixture_close(f);
	schema_drop(f);
	files_remove(f);
	arena_clear(&f->arena);
	schema_make(f);
	fixture_open(f);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const char *base = getenv("TMPDIR");
	snprintf(f->directory, sizeof f->directory, "%s/exeunt-store-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(f->directory));
	log_configure(STDERR_FILENO, LOG_TEXT, LOG_ERROR);
	arena_init(&f->arena, ARENA_BYTES);
	schema_make(f);
	f->clock_fake = (struct clock_fake){.wall_ms = 1000000, .mono_ms = 1};
	f->clock = clock_fake_make(&f->clock_fake);
	f->seed = 7;
	f->rng = rng_seeded(&f->seed);
	f->group_max_jobs = 1000;
	f->group_max_ms = 50;
	lock_init(&f->mu);
	cond_init(&f->changed);
	fixture_open(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	fault_disarm();
	fixture_close(f);
	schema_drop(f);
	char lock_path[300];
	snprintf(lock_path, sizeof lock_path, "%s/lock", f->directory);
	files_remove(f);
	unlink(lock_path);
	int left = rmdir(f->directory);
	arena_release(&f->arena);
	cond_destroy(&f->changed);
	lock_destroy(&f->mu);
	free(f);
	return left; /* nothing else may be left there */
}

static void finding_print(void *self, str finding)
{
	++*(int *)self;
	print_error("store_check: %.*s\n", STR_ARG(finding));
}

void fixture_check(struct fixture *f)
{
	int findings = 0;
	assert_int_equal(store_check(f->store, finding_print, &findings), RC_OK);
	assert_int_equal(findings, 0);
}

static void sqlite_sql(const struct fixture *f, const char *sql)
{
	char path[300];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/exeunt.db", f->directory);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void fixture_sql(struct fixture *f, const char *sql)
{
	if (is_on_postgres(f))
		postgres_sql(f->database, sql);
	else
		sqlite_sql(f, sql);
}

static int64_t sqlite_number(const struct conn *conn, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_prepare_v2(sqlite_db(conn), sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static int64_t postgres_number(struct conn *conn, const char *sql)
{
	PGconn *db = postgres_db(conn);
	assert_int_equal(conn_exec(conn, ""), RC_OK); /* nothing is on its way any more */
	assert_int_equal(PQexitPipelineMode(db), 1);
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	assert_int_equal(PQenterPipelineMode(db), 1);
	return value;
}

int64_t fixture_sql_number(struct txn_rw *txn, const char *sql)
{
	struct conn *conn = txn_conn(txn_reading(txn));
	return conn->engine == &engine_sqlite ? sqlite_number(conn, sql) : postgres_number(conn, sql);
}

struct txn_ro *fixture_read(struct fixture *f)
{
	struct txn_ro *txn = NULL;
	assert_int_equal(txn_ro_begin(f->store, &txn), RC_OK);
	return txn;
}

struct made {
	str text, second, third;
	int64_t number, result;
};

static enum rc user_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct made *made = arg;
	return account_add(
	    txn, made->text, ACCOUNT_USER, STR("$argon2id$x"), false, 5, &made->result);
}

int64_t fixture_user(struct fixture *f, const char *user_id)
{
	struct made made = {.text = str_of(user_id)};
	assert_int_equal(store_write(f->store, user_write, &made, NULL), RC_OK);
	return made.result;
}

static enum rc account_data_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct made *made = arg;
	return account_data_put(txn, made->number, 0, made->text, made->second);
}

void fixture_account_data(struct fixture *f, int64_t user, const char *type, const char *content)
{
	struct made made = {.text = str_of(type), .second = str_of(content), .number = user};
	assert_int_equal(store_write(f->store, account_data_write, &made, NULL), RC_OK);
}

static enum rc deactivate_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct made *made = arg;
	bool is_new;
	return deactivation_accept(txn, made->number, false, STR("cli"), 9, &made->result, &is_new);
}

int64_t fixture_deactivate(struct fixture *f, int64_t user)
{
	struct made made = {.number = user};
	assert_int_equal(store_write(f->store, deactivate_write, &made, NULL), RC_OK);
	return made.result;
}

static enum rc room_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct made *made = arg;
	return room_add(txn, made->text, STR("12"), false, &made->result);
}

int64_t fixture_room(struct fixture *f, const char *room_id)
{
	struct made made = {.text = str_of(room_id)};
	assert_int_equal(store_write(f->store, room_write, &made, NULL), RC_OK);
	return made.result;
}

struct event_made {
	struct event_insert in;
	struct arena *arena;
	int64_t event, pos;
};

static enum rc event_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct event_made *made = arg;
	struct room_row room;
	TRY(room_get(txn_reading(txn), made->arena, made->in.room, &room));
	if (made->in.expected_head == 0)
		made->in.expected_head = room.head_event;
	made->in.depth = room.depth + 1;
	return event_insert(txn, &made->in, &made->event, &made->pos);
}

enum rc fixture_event(
    struct fixture *f, struct event_insert in, int64_t *ret_event, int64_t *ret_pos)
{
	struct event_made made = {.in = in, .arena = &f->arena};
	if (in.event_id.n == 0)
		made.in.event_id =
		    arena_printf(&f->arena, "$e%llu", (unsigned long long)++f->events_made);
	if (in.type.n == 0)
		made.in.type = STR("m.room.message");
	if (in.canonical.n == 0) {
		str membership = membership_text(in.membership);
		made.in.canonical = arena_printf(
		    &f->arena, "{\"content\":{\"membership\":\"%.*s\"}}", STR_ARG(membership));
	}
	if (in.ts_ms == 0)
		made.in.ts_ms = 1234;
	enum rc rc = store_write(f->store, event_write, &made, NULL);
	if (rc == RC_OK && ret_event)
		*ret_event = made.event;
	if (rc == RC_OK && ret_pos)
		*ret_pos = made.pos;
	return rc;
}

int64_t fixture_message(struct fixture *f, int64_t room, int64_t sender)
{
	int64_t event;
	struct event_insert in = {.room = room, .sender = sender, .generation = -1};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
	return event;
}

static enum rc nid_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct made *made = arg;
	return user_nid_make(txn, made->text, &made->result);
}

int64_t fixture_member(
    struct fixture *f, int64_t room, const char *user_id, enum membership membership)
{
	struct made made = {.text = str_of(user_id)};
	int64_t event;
	assert_int_equal(store_write(f->store, nid_write, &made, NULL), RC_OK);
	struct event_insert in = {
	    .room = room,
	    .sender = made.result,
	    .generation = -1,
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = made.text,
	    .membership = membership,
	    .member_user_id = made.text,
	};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
	return event;
}

/* ---- what is there now ---- */

struct room_row room_now(struct fixture *f, int64_t room)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row row;
	assert_int_equal(room_get(txn, &f->arena, room, &row), RC_OK);
	return row;
}

struct event_row event_now(struct fixture *f, int64_t event)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row row;
	assert_int_equal(event_get(txn, &f->arena, event, &row), RC_OK);
	return row;
}

struct member_row member_now(struct fixture *f, int64_t room, const char *user_id)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct member_row row;
	int64_t user;
	assert_int_equal(user_nid_find(txn, str_of(user_id), &user), RC_OK);
	assert_int_equal(member_get(txn, &f->arena, room, user, &row), RC_OK);
	return row;
}

void assert_counts(struct fixture *f, int64_t room, int64_t joined, int64_t invited)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t j, i;
	assert_int_equal(member_counts(txn, room, &j, &i), RC_OK);
	assert_int_equal(j, joined);
	assert_int_equal(i, invited);
}

/* ---- jobs ---- */

static str numbered_name(char name[32], int key)
{
	snprintf(name, 32, "@job%d:x", key);
	return str_of(name);
}

static enum rc numbered_write(struct txn_rw *txn, struct write_job *job)
{
	struct numbered_job *mine = CONTAINER_OF(job, struct numbered_job, job);
	char name[32];
	int64_t user;
	struct store_counters counters;
	store_counters(mine->fixture->store, &counters);
	mine->commit = counters.commits;
	TRY(user_nid_make(txn, numbered_name(name, mine->key), &user));
	mine->pos = txn_next_pos(txn);
	clock_fake_advance(&mine->fixture->clock_fake, mine->takes_ms);
	return mine->outcome;
}

static void numbered_done(struct write_job *job, enum rc rc)
{
	struct numbered_job *mine = CONTAINER_OF(job, struct numbered_job, job);
	struct fixture *f = mine->fixture;
	lock_take(&f->mu);
	mine->rc = rc;
	mine->order = (int)f->done++;
	mine->seen_pos = store_committed_pos(f->store);
	lock_drop(&f->mu);
	cond_broadcast(&f->changed);
}

void numbered_submit(struct fixture *f, struct numbered_job *job)
{
	job->fixture = f;
	job->job.write = numbered_write;
	job->job.done = numbered_done;
	store_submit(f->store, &job->job);
}

void numbered_wait(struct fixture *f, size_t done)
{
	lock_take(&f->mu);
	while (f->done < done)
		cond_wait(&f->changed, &f->mu);
	lock_drop(&f->mu);
}

bool numbered_is_stored(struct fixture *f, int key)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	char name[32];
	int64_t user;
	return user_nid_find(txn, numbered_name(name, key), &user) == RC_OK;
}

static enum rc gate_write(struct txn_rw *txn, struct write_job *job)
{
	struct fixture *f = CONTAINER_OF(job, struct fixture, gate);
	int64_t user;
	lock_take(&f->mu);
	f->gate_reached = true;
	cond_broadcast(&f->changed);
	while (f->gate_shut)
		cond_wait(&f->changed, &f->mu);
	lock_drop(&f->mu);
	clock_fake_advance(&f->clock_fake,
	    f->group_max_ms); /* its group is full of time: the others form the next */
	return user_nid_make(txn, STR("@gate:x"), &user);
}

static void gate_done(struct write_job *job, enum rc rc)
{
	struct fixture *f = CONTAINER_OF(job, struct fixture, gate);
	lock_take(&f->mu);
	f->gate_passed = rc == RC_OK;
	lock_drop(&f->mu);
}

void gate_close(struct fixture *f)
{
	f->gate_shut = true;
	f->gate_reached = f->gate_passed = false;
	f->gate = (struct write_job){.write = gate_write, .done = gate_done};
	store_submit(f->store, &f->gate);
	lock_take(&f->mu);
	while (!f->gate_reached)
		cond_wait(&f->changed, &f->mu);
	lock_drop(&f->mu);
}

void gate_open(struct fixture *f)
{
	lock_take(&f->mu);
	f->gate_shut = false;
	lock_drop(&f->mu);
	cond_broadcast(&f->changed);
}
