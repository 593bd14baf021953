/* Opening, the directory lock, transactions and group commit. */
#include "store_fixture.h"

#include "base/fault.h"
#include "store/sqlite_int.h"
#include "store/store_int.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_on_sqlite(const struct fixture *f)
{
	return f->database[0] == '\0';
}

static void open_makes_private_files(void **state)
{
	struct fixture *f = *state;
	const char *names[] = {"lock", "exeunt.db", "exeunt.db-wal", "exeunt.db-shm"};
	size_t count = is_on_sqlite(f) ? COUNT_OF(names) : 1;
	for (size_t i = 0; i < count; i++) {
		char path[300];
		struct stat status;
		snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
}

static void open_is_refused_twice(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	struct fail fail = {0};
	struct store_config config = fixture_config(f);
	assert_int_equal(store_open(&config, &second, &fail), RC_EXISTS);
	assert_null(second);
	assert_non_null(strstr(fail.message, f->directory));
}

static void open_tells_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct store *store = NULL;
	struct fail fail = {0};
	struct store_config config = fixture_config(f);
	config.directory = STR("/nonexistent/exeunt");
	assert_int_equal(store_open(&config, &store, &fail), RC_IO);
	assert_non_null(strstr(fail.message, "/nonexistent/exeunt"));
	config.directory = STR("");
	assert_int_equal(store_open(&config, &store, &fail), RC_INVALID_PARAM);
}

static void file_replace(const struct fixture *f, const char *name, const char *content)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", f->directory, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
}

static void open_refuses_what_is_no_database(void **state)
{
	struct fixture *f = *state;
	only_on_sqlite(f); /* a file: what PostgreSQL is asked for, but has not, is below */
	struct fail fail = {0};
	fixture_close(f);
	file_replace(f, "exeunt.db-wal", "");
	file_replace(f, "exeunt.db",
	    "This is a text of more than one hundred bytes, so that it cannot be taken for "
	    "an empty database, which it is not in the least.");
	struct store_config config = fixture_config(f);
	assert_int_equal(store_open(&config, &f->store, &fail), RC_CORRUPT);
	assert_non_null(strstr(fail.message, "damaged"));
	f->store = NULL;
}

/* A server that is not there, and a database that the server does not have: told in the server's or libpq's words. */
static void open_tells_why_it_cannot_connect(void **state)
{
	struct fixture *f = *state;
	if (is_on_sqlite(f))
		skip();
	char database[700];
	struct store *store = NULL;
	struct fail fail = {0};
	fixture_close(f);
	struct store_config config = fixture_config(f);
	config.database = STR("host=/nonexistent dbname=x password=hunter2");
	assert_int_equal(store_open(&config, &store, &fail), RC_UNAVAILABLE);
	assert_non_null(strstr(fail.message, "/nonexistent"));
	assert_null(strstr(fail.message, "hunter2"));
	snprintf(database, sizeof database, "%s dbname=nosuchdatabase", f->database);
	config.database = str_of(database);
	assert_int_equal(store_open(&config, &store, &fail), RC_UNAVAILABLE);
	assert_non_null(strstr(fail.message, "nosuchdatabase"));
	assert_null(store);
}

static enum rc version_raise(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)arg;
	(void)fail;
	return conn_exec(txn_conn(txn_reading(txn)), "INSERT INTO schema_version VALUES(1000)");
}

static void open_refuses_a_newer_schema(void **state)
{
	struct fixture *f = *state;
	struct fail fail = {0};
	assert_int_equal(store_write(f->store, version_raise, NULL, NULL), RC_OK);
	fixture_close(f);
	struct store_config config = fixture_config(f);
	assert_int_equal(store_open(&config, &f->store, &fail), RC_CONFLICT);
	assert_non_null(strstr(fail.message, "newer"));
	f->store = NULL;
}

static void tag_and_positions_survive(void **state)
{
	struct fixture *f = *state;
	char tag[TAG_LETTERS];
	str now = store_tag(f->store);
	assert_int_equal(now.n, sizeof tag);
	for (size_t i = 0; i < now.n; i++)
		assert_true(now.p[i] >= 'A' && now.p[i] <= 'Z');
	memcpy(tag, now.p, sizeof tag);
	struct numbered_job job = {.key = 1};
	numbered_submit(f, &job);
	numbered_wait(f, 1);
	assert_int_equal(store_committed_pos(f->store), 1);
	fixture_reopen(f);
	assert_memory_equal(store_tag(f->store).p, tag, sizeof tag);
	assert_int_equal(store_committed_pos(f->store), 1);
}

static void positions_are_not_used_again_after_deletion(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x");
	fixture_account_data(f, user, "t", "{}");
	int64_t pos = store_committed_pos(f->store);
	fixture_deactivate(f, user);
	fixture_reopen(f);
	assert_true(store_committed_pos(f->store) >= pos);
	fixture_account_data(f, fixture_user(f, "@b:x"), "t", "{}");
	assert_true(store_committed_pos(f->store) > pos);
}

/* ---- group commit ---- */

enum { MANY = 100 };

/* The writer is held in the first job, so that the others wait and form one group. */
static void submit_behind_a_gate(struct fixture *f, struct numbered_job *jobs, size_t count)
{
	gate_close(f);
	for (size_t i = 0; i < count; i++)
		numbered_submit(f, &jobs[i]);
	gate_open(f);
	numbered_wait(f, count);
}

static void one_that_fails_fails_alone(void **state)
{
	struct fixture *f = *state;
	static struct numbered_job jobs[MANY];
	memset(jobs, 0, sizeof jobs);
	for (int i = 0; i < MANY; i++)
		jobs[i] =
		    (struct numbered_job){.key = i + 1, .outcome = i == 41 ? RC_FORBIDDEN : RC_OK};
	submit_behind_a_gate(f, jobs, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].rc, i == 41 ? RC_FORBIDDEN : RC_OK);
		assert_int_equal(jobs[i].order, i);
		assert_int_equal(numbered_is_stored(f, i + 1), i != 41);
	}
	struct store_counters counters;
	store_counters(f->store, &counters);
	assert_int_equal(counters.failed_jobs, 1);
	if (f->database[0] == '\0') /* PostgreSQL ends the group at the failure */
		assert_int_equal(counters.group_max, MANY);
	/* The position that the failed one took is given back. */
	assert_int_equal(store_committed_pos(f->store), MANY - 1);
}

static void groups_are_bounded(void **state)
{
	struct fixture *f = *state;
	fixture_close(f);
	f->group_max_jobs = 8;
	fixture_open(f);
	static struct numbered_job jobs[MANY];
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct numbered_job){.key = i + 1};
	submit_behind_a_gate(f, jobs, MANY);
	struct store_counters counters;
	store_counters(f->store, &counters);
	assert_int_equal(counters.group_max, 8);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(jobs[i].order, i);
}

static void a_group_ends_when_its_time_is_up(void **state)
{
	struct fixture *f = *state;
	static struct numbered_job jobs[MANY];
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct numbered_job){.key = i + 1, .takes_ms = 10};
	submit_behind_a_gate(f, jobs, MANY);
	struct store_counters counters;
	store_counters(f->store, &counters);
	assert_int_equal(counters.group_max, (uint64_t)f->group_max_ms / 10);
}

static void background_jobs_yield(void **state)
{
	struct fixture *f = *state;
	static struct numbered_job jobs[20];
	for (int i = 0; i < 20; i++)
		jobs[i] = (struct numbered_job){.key = i + 1, .job.background = i < 10};
	submit_behind_a_gate(f, jobs, 20);
	for (int i = 10; i < 20; i++)
		assert_int_equal(jobs[i].order, i - 10);
	assert_int_equal(jobs[0].order, 10);
	assert_int_equal(jobs[9].order, 19);
	assert_true(jobs[1].commit >
		    jobs[10].commit); /* one with the interactive group, the others after it */
	assert_int_equal(jobs[0].commit, jobs[10].commit);
}

struct polite_job {
	struct write_job job;
	bool runs, ended_for_others, done; /* atomic */
};

static enum rc polite_write(struct txn_rw *txn, struct write_job *job)
{
	struct polite_job *polite = CONTAINER_OF(job, struct polite_job, job);
	bool waits = txn_others_wait(txn);
	assert_false(waits);
	__atomic_store_n(&polite->runs, true, __ATOMIC_RELEASE);
	while (!txn_others_wait(txn))
		sched_yield();
	__atomic_store_n(&polite->ended_for_others, true, __ATOMIC_RELEASE);
	return RC_OK;
}

static void polite_done(struct write_job *job, enum rc rc)
{
	struct polite_job *polite = CONTAINER_OF(job, struct polite_job, job);
	assert_int_equal(rc, RC_OK);
	__atomic_store_n(&polite->done, true, __ATOMIC_RELEASE);
}

/* A background job learns that another one waits, but not of background jobs: they have no right of way. */
static void a_background_job_sees_who_waits(void **state)
{
	struct fixture *f = *state;
	struct polite_job polite = {
	    .job = {.write = polite_write, .done = polite_done, .background = true}};
	struct numbered_job behind = {.key = 1, .job.background = true}, other = {.key = 2};
	store_submit(f->store, &polite.job);
	while (!__atomic_load_n(&polite.runs, __ATOMIC_ACQUIRE))
		sched_yield();
	numbered_submit(f, &behind);
	assert_false(__atomic_load_n(&polite.ended_for_others, __ATOMIC_ACQUIRE));
	numbered_submit(f, &other);
	numbered_wait(f, 2);
	while (!__atomic_load_n(&polite.done, __ATOMIC_ACQUIRE))
		sched_yield();
	assert_int_equal(other.rc, RC_OK);
	assert_true(other.order < behind.order);
}

/*
 * With a job that fails, the last one, so that the group is the same on PostgreSQL, which runs it again for that; once
 * every job is known to be good, a commit that fails is not tried again there either.
 */
static void a_failed_commit_fails_all(void **state)
{
	struct fixture *f = *state;
	static struct numbered_job jobs[MANY], again;
	for (int i = 0; i < MANY; i++)
		jobs[i] =
		    (struct numbered_job){.key = i + 1, .outcome = i == MANY - 1 ? RC_FORBIDDEN : RC_OK};
	assert_int_equal(
	    fault_arm(STR("store.commit:2:fail")), RC_OK); /* the first is that of the gate */
	submit_behind_a_gate(f, jobs, MANY);
	fault_disarm();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].rc, RC_IO);
		assert_int_equal(jobs[i].order, i);
		assert_false(numbered_is_stored(f, i + 1));
	}
	assert_int_equal(store_committed_pos(f->store), 0);
	again = (struct numbered_job){.key = 1};
	numbered_submit(f, &again);
	numbered_wait(f, MANY + 1);
	assert_int_equal(again.rc, RC_OK);
	assert_int_equal(again.pos, 1);
	assert_true(numbered_is_stored(f, 1));
}

/* Whatever it was, it may have been one job's: each gets a savepoint, and a second chance. */
static void a_failed_commit_is_tried_again(void **state)
{
	struct fixture *f = *state;
	if (is_on_sqlite(f))
		skip(); /* each job has its savepoint from the start */
	static struct numbered_job jobs[MANY];
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct numbered_job){.key = i + 1};
	assert_int_equal(fault_arm(STR("store.commit:2:fail")), RC_OK);
	submit_behind_a_gate(f, jobs, MANY);
	fault_disarm();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].rc, RC_OK);
		assert_int_equal(jobs[i].order, i);
		assert_int_equal(jobs[i].pos, i + 1); /* as if it had been the first time */
		assert_true(numbered_is_stored(f, i + 1));
	}
	assert_int_equal(store_committed_pos(f->store), MANY);
	struct store_counters counters;
	store_counters(f->store, &counters);
	assert_int_equal(counters.failed_jobs, 0);
	assert_int_equal(counters.commits, 2); /* and that of the gate */
}

static void done_order_holds_under_load(void **state)
{
	struct fixture *f = *state;
	enum { LOAD = 3000 };
	struct numbered_job *jobs = calloc(LOAD, sizeof *jobs);
	assert_non_null(jobs);
	for (int i = 0; i < LOAD; i++) {
		jobs[i].key = i + 1;
		numbered_submit(f, &jobs[i]);
		if (i % 97 == 0) /* an idle writer calls `done` itself, a busy one hands it over */
			numbered_wait(f, (size_t)i + 1);
	}
	numbered_wait(f, LOAD);
	for (int i = 0; i < LOAD; i++) {
		assert_int_equal(jobs[i].order, i);
		assert_int_equal(jobs[i].rc, RC_OK);
		assert_true(jobs[i].seen_pos >=
			    jobs[i].pos); /* readers could see it before it was acknowledged */
	}
	free(jobs);
}

static enum rc read_own(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)arg;
	int64_t before, user, found, after;
	TRY(txn_committed_pos(txn_reading(txn), &before));
	TRY(user_nid_make(txn, STR("@own:x"), &user));
	TRY(user_nid_find(txn_reading(txn), STR("@own:x"), &found));
	int64_t pos = txn_next_pos(txn);
	TRY(txn_committed_pos(txn_reading(txn), &after));
	if (found != user || pos != before + 1 || after != pos)
		return RC_UNKNOWN;
	return fail_set(fail, RC_FORBIDDEN, "as asked");
}

static void writes_see_their_own(void **state)
{
	struct fixture *f = *state;
	struct fail fail = {0};
	assert_int_equal(store_write(f->store, read_own, NULL, &fail), RC_FORBIDDEN);
	assert_string_equal(fail.message, "as asked");
}

static void readers_see_one_moment(void **state)
{
	struct fixture *f = *state;
	struct txn_ro *txn = NULL, *later = NULL;
	int64_t pos, user;
	assert_int_equal(txn_ro_begin(f->store, &txn), RC_OK);
	assert_ptr_equal(txn_store(txn), f->store);
	assert_int_equal(txn_committed_pos(txn, &pos), RC_OK);
	fixture_account_data(f, fixture_user(f, "@late:x"), "t", "{}");
	assert_int_equal(user_nid_find(txn, STR("@late:x"), &user), RC_NOT_FOUND);
	int64_t again;
	assert_int_equal(txn_committed_pos(txn, &again), RC_OK);
	assert_int_equal(again, pos);
	assert_int_equal(txn_ro_begin(f->store, &later), RC_OK);
	assert_int_equal(user_nid_find(later, STR("@late:x"), &user), RC_OK);
	txn_ro_end(&later);
	txn_ro_end(&txn);
	assert_null(txn);
	txn_ro_end(&txn);
}

static enum rc page_limit(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return conn_exec(txn_conn(txn_reading(txn)), arg);
}

static enum rc big_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	static char content[200000];
	memset(content, 'x', sizeof content);
	return account_data_put(
	    txn, *(const int64_t *)arg, 0, STR("big"), str_bytes(content, sizeof content));
}

/*
 * SQLite's own limit on pages gives SQLITE_FULL inside a job: the whole transaction may be given up. On PostgreSQL a
 * trigger says what a full disk says.
 */
static void a_full_database_is_told(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x");
	char pages[] = "PRAGMA max_page_count=1", no_pages[] = "PRAGMA max_page_count=1000000000";
	char trigger[] = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;"
	                 "CREATE TRIGGER full_disk BEFORE INSERT ON account_data EXECUTE FUNCTION full_disk()";
	char no_trigger[] = "DROP TRIGGER full_disk ON account_data";
	char *limit = is_on_sqlite(f) ? pages : trigger, *no_limit = is_on_sqlite(f) ? no_pages : no_trigger;
	assert_int_equal(store_write(f->store, page_limit, limit, NULL), RC_OK);
	assert_int_equal(store_write(f->store, big_write, &user, NULL), RC_DISK_FULL);
	assert_int_equal(store_write(f->store, page_limit, no_limit, NULL), RC_OK);
	assert_int_equal(store_write(f->store, big_write, &user, NULL), RC_OK);
	fixture_check(f);
}

static void check_is_silent_on_a_sound_store(void **state)
{
	struct fixture *f = *state;
	fixture_user(f, "@a:x");
	fixture_check(f);
}

static void every_statement_prepares_with_parameters_in_order(void **state)
{
	struct fixture *f = *state;
	only_on_sqlite(f); /* its texts and names; test_postgres_plans has the other's */
	sqlite3 *db = sqlite_db(&f->store->writer.conn);
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_stmt *stmt = NULL;
		const char *text = statement_texts[i].sqlite;
		if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
			fail_msg("%s: %s", text, sqlite3_errmsg(db));
		for (int at = 1; at <= sqlite3_bind_parameter_count(stmt); at++) {
			char name[16];
			snprintf(name, sizeof name, "$%d", at);
			assert_string_equal(sqlite3_bind_parameter_name(stmt, at), name);
		}
		sqlite3_finalize(stmt);
	}
}

/* The plan of a statement: what the engine says about each step, a line each. */
static void plan_of(const struct conn *conn, enum statement statement, char *plan, size_t max)
{
	sqlite3_stmt *stmt = NULL;
	char sql[4096];
	snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", statement_texts[statement].sqlite);
	plan[0] = '\0';
	if (sqlite3_prepare_v2(sqlite_db(conn), sql, -1, &stmt, NULL) != SQLITE_OK)
		return; /* BEGIN and its like have none */
	while (sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(plan + strlen(plan), max - strlen(plan), "%s\n",
		    (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
}

static bool may_scan(enum statement statement)
{
	static const enum statement walks[] = {
	    /* of all there is, or of a table of one row */
	    STMT_numbers_get,
	    STMT_numbers_take,
	    STMT_notify,
	    STMT_fence_raise,
	    STMT_process_each,
	    STMT_slots_get,
	    STMT_slots_leave,
	    STMT_migration_lock,
	    STMT_no_timeout,
	    STMT_numbers_set,
	    STMT_tag_get,
	    STMT_tag_set,
	    STMT_account_each,
	    STMT_deactivation_each,
	    STMT_deactivations_open,
	    STMT_memberships_count,
	    STMT_account_data_count_others,
	    STMT_reports_count,
	    STMT_departures_due_count,
	    /* of what the statement itself has gathered */
	    STMT_family_after,
	    STMT_family_before,
	    /* from one end, and no further than a limit */
	    STMT_writers_drop_ended,
	    STMT_uia_drop_expired,
	    STMT_uia_drop_oldest,
	};
	for (size_t i = 0; i < COUNT_OF(walks); i++)
		if (walks[i] == statement)
			return true;
	return statement >= STMT_check_integrity; /* the last of the file: checks read everything */
}

/* Lists of nids are tables without an index: all of them is what is wanted. */
static bool scans(const char *plan)
{
	for (const char *line = plan; (line = strstr(line, "SCAN ")) != NULL; line += 5) {
		size_t n = strcspn(line, "\n");
		const char *list = strstr(line, "VIRTUAL TABLE");
		if (!list || list > line + n)
			return true;
	}
	return false;
}

/* An index that the engine does not choose is a scan that no test of a few rows notices. */
static void no_statement_scans(void **state)
{
	struct fixture *f = *state;
	only_on_sqlite(f); /* its plans; test_postgres_plans has the other's */
	static const struct {
		enum statement statement;
		const char *index;
	} chosen[] = {
	    {STMT_deactivation_finish, "departures_due"},
	    {STMT_departures_due, "departures_due"},
	    {STMT_departures_next, "departures_next"},
	    {STMT_rooms_changed_by_span, "events_pos"},
	    {STMT_receipt_rooms_by_span, "receipts_pos"},
	    {STMT_events_after, "events_room"},
	    {STMT_event_by_txn, "events_txn"},
	    {STMT_heroes, "memberships_pos"},
	    {STMT_device_delete_tokens, "tokens_user"},
	    {STMT_receipts_since, "receipts_room"},
	    {STMT_events_later, "events_ts"},
	    {STMT_events_earlier, "events_ts"},
	    {STMT_relations_found, "relations_awaited"},
	    {STMT_relation_summaries, "COVERING INDEX relations_parent"},
	    {STMT_relation_replacements, "relations_parent"},
	    {STMT_relation_thread_ends, "relations_parent"},
	    {STMT_children_before, "relations_parent"},
	    {STMT_family_before, "relations_parent"},
	    {STMT_parents_with, "relations_parent"},
	    {STMT_threads_of_room, "threads_room"},
	    {STMT_threads_of_participant, "threads_room"},
	    {STMT_receipts_of_user, "receipts_user"},
	    {STMT_events_floor, "events_room"},
	    {STMT_uia_drop_of_user, "uia_sessions_user"},
	    {STMT_user_is_known_to, "memberships_user"},
	};
	struct conn *conn = &f->store->checkpointer.conn; /* idle here */
	char plan[4096];
	for (int i = 0; i < STMT_COUNT; i++) {
		plan_of(conn, (enum statement)i, plan, sizeof plan);
		if (scans(plan) && !may_scan((enum statement)i))
			fail_msg("%s\n%s", statement_texts[i].sqlite, plan);
	}
	for (size_t i = 0; i < COUNT_OF(chosen); i++) {
		plan_of(conn, chosen[i].statement, plan, sizeof plan);
		if (!strstr(plan, chosen[i].index))
			fail_msg("%s\n%s", statement_texts[chosen[i].statement].sqlite, plan);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(open_makes_private_files),
	    TEST(open_is_refused_twice),
	    TEST(open_tells_what_is_wrong),
	    TEST(open_refuses_what_is_no_database),
	    TEST(open_tells_why_it_cannot_connect),
	    TEST(open_refuses_a_newer_schema),
	    TEST(tag_and_positions_survive),
	    TEST(positions_are_not_used_again_after_deletion),
	    TEST(one_that_fails_fails_alone),
	    TEST(groups_are_bounded),
	    TEST(a_group_ends_when_its_time_is_up),
	    TEST(background_jobs_yield),
	    TEST(a_background_job_sees_who_waits),
	    TEST(a_failed_commit_fails_all),
	    TEST(a_failed_commit_is_tried_again),
	    TEST(done_order_holds_under_load),
	    TEST(writes_see_their_own),
	    TEST(readers_see_one_moment),
	    TEST(a_full_database_is_told),
	    TEST(check_is_silent_on_a_sound_store),
	    TEST(every_statement_prepares_with_parameters_in_order),
	    TEST(no_statement_scans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
