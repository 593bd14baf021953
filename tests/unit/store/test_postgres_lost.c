/*
 * Connections to PostgreSQL that are lost between groups, inside one, and at every stage of its commit: what was
 * acknowledged is there, once, and the store goes on by itself.
 */
#include "other_store.h"

#include "postgres_proxy.h"
#include "store/news.h"
#include "store/postgres_int.h"
#include "store/store_int.h"

#include <libpq-fe.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20 };

/* ---- the server's side ---- */

/* Ends a backend, and waits until it is gone. */
static void backend_end(const struct fixture *f, int pid)
{
	char sql[128];
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)::int", pid);
	assert_int_equal(other_number(f, sql), 1);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid=%d", pid);
	while (other_number(f, sql) > 0)
		sched_yield();
}

static int backend_of(const struct txn_ro *txn)
{
	return PQbackendPID(postgres_db(txn_conn(txn)));
}

/* `what` happens inside the first commit from now on, and not again: a sequence remembers what is rolled back. */
static void commit_trap(struct fixture *f, const char *what)
{
	char sql[600];
	snprintf(sql, sizeof sql,
	    "CREATE SEQUENCE trapped; CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	    " IF nextval('trapped')=1 THEN %s; END IF; RETURN NULL; END $$;"
	    "CREATE CONSTRAINT TRIGGER trap AFTER UPDATE ON numbers DEFERRABLE INITIALLY DEFERRED"
	    " FOR EACH ROW EXECUTE FUNCTION trap()", what);
	fixture_sql(f, sql);
}

/* ---- jobs that count ---- */

enum cut { CUT_NEVER, CUT_FIRST, CUT_AFTER_SENDING, CUT_AFTER_ANSWER, CUT_BY_PROXY };

struct setting {
	struct fixture *f;
	struct postgres_proxy *proxy; /* NULL: directly */
	enum proxy_cut proxy_cut;
	bool stays_away;              /* after the cut */
	int64_t user, room;
	enum cut cut;
	int cut_at;                   /* in this step, when it runs for the first time */
	struct step *steps;
	char database[600];           /* as it was without the proxy */
};

struct step {
	struct write_job job;
	struct setting *setting;
	int number, runs, order;
	int64_t pos;
	enum rc rc;
};

static void cut_if(const struct step *step, enum cut cut, struct txn_rw *txn)
{
	const struct setting *s = step->setting;
	if (s->cut != cut || step->number != s->cut_at || step->runs > 1)
		return;
	if (cut == CUT_BY_PROXY) {
		proxy_refuse(s->proxy, s->stays_away);
		proxy_cut_next(s->proxy, s->proxy_cut);
	} else {
		backend_end(s->f, backend_of(txn_reading(txn)));
	}
}

/* Counts a member more: done twice it would be seen. */
static enum rc step_write(struct txn_rw *txn, struct write_job *job)
{
	struct step *step = CONTAINER_OF(job, struct step, job);
	const struct setting *s = step->setting;
	char type[16];
	int64_t joined, invited;
	step->runs++;
	snprintf(type, sizeof type, "s%d", step->number);
	cut_if(step, CUT_FIRST, txn);
	TRY(RUN(txn, room_members_add, I(1), I(0), I(s->room)));
	cut_if(step, CUT_AFTER_SENDING, txn);
	TRY(member_counts(txn_reading(txn), s->room, &joined, &invited));
	cut_if(step, CUT_AFTER_ANSWER, txn);
	TRY(account_data_put(txn, s->user, 0, str_of(type), STR("{}")));
	TRY(member_counts(txn_reading(txn), s->room, &joined, &invited)); /* all before is sent and answered */
	cut_if(step, CUT_BY_PROXY, txn);
	step->pos = txn->numbers.pos;
	return RC_OK;
}

static void step_done(struct write_job *job, enum rc rc)
{
	struct step *step = CONTAINER_OF(job, struct step, job);
	struct fixture *f = step->setting->f;
	lock_take(&f->mu);
	step->rc = rc;
	step->order = (int)f->done++;
	lock_drop(&f->mu);
	cond_broadcast(&f->changed);
}

static struct setting setting_of(void **state)
{
	struct fixture *f = *state;
	struct setting s = {.f = f, .user = fixture_user(f, "@u:x"), .room = fixture_room(f, "!r"), .cut_at = STEPS / 3};
	s.steps = arena_alloc(&f->arena, STEPS * sizeof *s.steps);
	return s;
}

/* All steps in one group, to the end. */
static void steps_run(struct setting *s)
{
	struct fixture *f = s->f;
	f->done = 0;
	gate_close(f);
	for (int i = 0; i < STEPS; i++) {
		s->steps[i] = (struct step){{.write = step_write, .done = step_done}, s, .number = i + 1};
		store_submit(f->store, &s->steps[i].job);
	}
	gate_open(f);
	numbered_wait(f, STEPS);
}

/* Each is done, once and in order, on positions without a gap, and was tried as often as it should have been. */
static void assert_done_once(struct setting *s, int runs)
{
	struct fixture *f = s->f;
	for (int i = 0; i < STEPS; i++) {
		assert_int_equal(s->steps[i].rc, RC_OK);
		assert_int_equal(s->steps[i].order, i);
		assert_int_equal(s->steps[i].pos, i + 1);
	}
	assert_int_equal(s->steps[s->cut_at - 1].runs, runs);
	assert_counts(f, s->room, STEPS, 0);
	assert_int_equal(store_committed_pos(f->store), STEPS);
	assert_int_equal(other_number(f, "SELECT count(*) FROM account_data"), STEPS);
	assert_int_equal(other_number(f, "SELECT pos FROM numbers"), STEPS);
	fixture_account_data(f, s->user, "after", "{}"); /* and it goes on */
	assert_int_equal(store_committed_pos(f->store), STEPS + 1);
}

/* ---- the writer's connection, ended by the server ---- */

static enum rc pid_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	*(int *)arg = backend_of(txn_reading(txn));
	return RC_OK;
}

static void killed_between_groups(void **state)
{
	struct setting s = setting_of(state);
	int pid = 0, other = 0;
	assert_int_equal(store_write(s.f->store, pid_write, &pid, NULL), RC_OK);
	backend_end(s.f, pid);
	steps_run(&s);
	assert_done_once(&s, 1);
	assert_int_equal(store_write(s.f->store, pid_write, &other, NULL), RC_OK);
	assert_int_not_equal(pid, other);
}

static void killed_inside(void **state, enum cut cut)
{
	struct setting s = setting_of(state);
	s.cut = cut;
	steps_run(&s);
	assert_done_once(&s, 2);
}

static void killed_before_a_write(void **state)
{
	killed_inside(state, CUT_FIRST);
}

static void killed_after_sending(void **state)
{
	killed_inside(state, CUT_AFTER_SENDING);
}

static void killed_after_an_answer(void **state)
{
	killed_inside(state, CUT_AFTER_ANSWER);
}

static void killed_in_the_commit(void **state)
{
	struct setting s = setting_of(state);
	commit_trap(s.f, "PERFORM pg_terminate_backend(pg_backend_pid())");
	steps_run(&s);
	assert_done_once(&s, 2);
}

/* No loss of the connection, but of the transaction. */
static void a_serialization_failure_is_tried_again(void **state)
{
	struct setting s = setting_of(state);
	commit_trap(s.f, "RAISE serialization_failure");
	steps_run(&s);
	assert_done_once(&s, 2);
}

static void a_deadlock_is_tried_again(void **state)
{
	struct setting s = setting_of(state);
	commit_trap(s.f, "RAISE deadlock_detected");
	steps_run(&s);
	assert_done_once(&s, 2);
}

/* One that fails again and again is told, and the next group does not suffer from it. */
static void a_commit_that_fails_is_told_and_over(void **state)
{
	struct setting s = setting_of(state);
	commit_trap(s.f, "RAISE disk_full");
	steps_run(&s);
	for (int i = 0; i < STEPS; i++)
		assert_int_equal(s.steps[i].rc, RC_DISK_FULL);
	assert_counts(s.f, s.room, 0, 0);
	assert_int_equal(store_committed_pos(s.f->store), 0);
	steps_run(&s);
	assert_done_once(&s, 1);
}

/* ---- cut off by the network ---- */

/* The store connects through the proxy from now on. */
static void proxy_enter(struct setting *s)
{
	struct fixture *f = s->f;
	s->proxy = proxy_new(f->database, f->directory);
	if (!s->proxy)
		skip(); /* the server does not listen on a unix socket */
	fixture_close(f);
	size_t n = strlen(f->database);
	memcpy(s->database, f->database, n + 1);
	snprintf(f->database + n, sizeof f->database - n, " host=%s port=5432", f->directory);
	fixture_open(f);
}

/* The last step is the one at which the connection is cut: so it is the rest of the group, with its commit. */
static struct setting setting_behind_proxy(void **state, enum proxy_cut cut)
{
	struct setting s = setting_of(state);
	proxy_enter(&s);
	s.cut = CUT_BY_PROXY;
	s.cut_at = STEPS;
	s.proxy_cut = cut;
	return s;
}

static void setting_end(struct setting *s)
{
	fixture_close(s->f);
	memcpy(s->f->database, s->database, sizeof s->database);
	proxy_free(TAKE(s->proxy));
}

static void cut_at_commit(struct setting *s, int runs)
{
	steps_run(s);
	assert_int_equal(proxy_cuts(s->proxy), 1);
	assert_done_once(s, runs);
	setting_end(s);
}

static void commit_that_did_not_arrive(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LOSES_REQUEST);
	cut_at_commit(&s, 2);
}

static void commit_that_was_not_answered(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LOSES_ANSWER);
	cut_at_commit(&s, 1);
}

/* The server is still at it when the store asks how it went. */
static void commit_that_takes_its_time(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LEAVES);
	commit_trap(s.f, "PERFORM pg_sleep(0.7)");
	cut_at_commit(&s, 1);
}

/* ... and fails in the end. */
static void commit_that_takes_its_time_in_vain(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LEAVES);
	commit_trap(s.f, "PERFORM pg_sleep(0.7); RAISE check_violation");
	cut_at_commit(&s, 2);
}

static void everything_count(void *self, const struct news *news)
{
	__atomic_add_fetch((int *)self, news->kind == NEWS_EVERYTHING, __ATOMIC_RELAXED);
}

static bool is_positive(void *self)
{
	return __atomic_load_n((int *)self, __ATOMIC_RELAXED) > 0;
}

/*
 * Committed, and away before that is known, for longer than the store waits: the group is told that it failed. With the
 * next commit the process knows its positions, and looks at everything, since nobody was told.
 */
static void an_outcome_that_stays_unknown_is_made_good(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LOSES_ANSWER);
	int everything = 0;
	other_register(s.f->store, "a:1"); /* one that does not hear its own news */
	assert_int_equal(store_listen(s.f->store, everything_count, &everything), RC_OK);
	other_wait(is_positive, &everything, "the connection that listens");
	s.stays_away = true;
	steps_run(&s);
	for (int i = 0; i < STEPS; i++)
		assert_int_equal(s.steps[i].rc, RC_UNAVAILABLE);
	assert_int_equal(store_committed_pos(s.f->store), 0);
	assert_int_equal(everything, 1);
	proxy_refuse(s.proxy, false);
	__atomic_store_n(&everything, 0, __ATOMIC_RELAXED);
	assert_int_equal(other_number(s.f, "SELECT pos FROM numbers"), STEPS);
	fixture_account_data(s.f, s.user, "after", "{}");
	assert_int_equal(store_committed_pos(s.f->store), STEPS + 1);
	other_wait(is_positive, &everything, "a look at everything");
	assert_counts(s.f, s.room, STEPS, 0);
	assert_int_equal(other_number(s.f, "SELECT count(*) FROM account_data"), STEPS + 1);
	setting_end(&s);
}

/* Away for longer than the store waits (10 s): the group is told so, and what comes when it is back does not suffer. */
static void a_database_that_stays_away_is_told(void **state)
{
	struct setting s = setting_behind_proxy(state, PROXY_LOSES_REQUEST);
	s.stays_away = true;
	steps_run(&s);
	for (int i = 0; i < STEPS; i++)
		assert_int_equal(s.steps[i].rc, RC_UNAVAILABLE);
	proxy_refuse(s.proxy, false);
	assert_counts(s.f, s.room, 0, 0);
	s.cut = CUT_NEVER;
	steps_run(&s);
	assert_done_once(&s, 1);
	setting_end(&s);
}

/* ---- silence ---- */

enum {
	STATEMENT_TIMEOUT_MS = 4000
}; /* longer than an idle transaction of a writer's may last: see postgres_connect.c */

static void fixture_impatient(struct fixture *f)
{
	f->statement_timeout_ms = STATEMENT_TIMEOUT_MS;
}

/* The server has it, and waits for more: its own limit ends the transaction, and with it the wait of who asks. */
static void commit_swallowed_by_the_network(void **state)
{
	fixture_impatient(*state);
	struct setting s = setting_behind_proxy(state, PROXY_SWALLOWS_REQUEST);
	cut_at_commit(&s, 2);
}

static void commit_of_which_the_answer_was_swallowed(void **state)
{
	fixture_impatient(*state);
	struct setting s = setting_behind_proxy(state, PROXY_SWALLOWS_ANSWER);
	cut_at_commit(&s, 1);
}

static void a_silent_server_is_given_up_by_a_reader(void **state)
{
	struct setting s = setting_of(state);
	int64_t found;
	fixture_impatient(s.f);
	proxy_enter(&s);
	struct txn_ro *txn = fixture_read(s.f);
	assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_OK);
	proxy_cut_next(s.proxy, PROXY_SWALLOWS_ANSWER);
	assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_UNAVAILABLE);
	assert_non_null(strstr(conn_message(txn_conn(txn)), "silent for 6000 ms"));
	txn_ro_end(&txn);
	txn = fixture_read(s.f);
	assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_OK);
	assert_int_equal(found, s.user);
	txn_ro_end(&txn);
	setting_end(&s);
}

struct large {
	struct setting *setting;
	int runs;
};

/* Nothing is read: all of it is only sent. */
static enum rc large_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	enum { VALUES = 100, VALUE_BYTES = 2000 };
	struct large *large = arg;
	char value[VALUE_BYTES], type[16];
	memset(value, 'x', sizeof value);
	if (large->runs++ == 0)
		proxy_cut_next(large->setting->proxy, PROXY_SWALLOWS_ANSWER);
	for (int i = 0; i < VALUES; i++) {
		snprintf(type, sizeof type, "l%d", i);
		TRY(account_data_put(
		    txn, large->setting->user, 0, str_of(type), str_bytes(value, sizeof value)));
	}
	return RC_OK;
}

struct large_sender {
	struct large large;
	enum rc rc;
};

static void *large_send(void *arg)
{
	struct large_sender *sender = arg;
	sender->rc =
	    store_write(sender->large.setting->f->store, large_write, &sender->large, NULL);
	return NULL;
}

static bool is_cut(void *self)
{
	const struct setting *s = self;
	return proxy_cuts(s->proxy) > 0;
}

/* A process that stands still while it sends a group holds the others up no longer than one that does elsewhere. */
static void a_group_half_sent_lets_go_of_its_locks(void **state)
{
	struct setting s = setting_of(state);
	struct other_store other;
	struct large_sender sender = {{&s, 0}, RC_UNKNOWN};
	thread sending;
	fixture_impatient(s.f);
	other_open(s.f, &other);
	proxy_enter(&s);
	assert_int_equal(thread_start(&sending, "large", large_send, &sender), RC_OK);
	other_wait(is_cut, &s, "a part of the group at the server");
	other_register(other.store, "b:1");
	thread_join(sending);
	assert_int_equal(sender.rc, RC_OK);
	assert_int_equal(sender.large.runs, 2);
	other_close(&other);
	setting_end(&s);
}

/* ---- readers ---- */

enum { READERS = 4 }; /* as many as the fixture's store has */

static void killed_readers_are_replaced(void **state)
{
	struct fixture *f = *state;
	struct txn_ro *txns[READERS];
	int pids[READERS];
	int64_t user = fixture_user(f, "@u:x"), found;
	for (int i = 0; i < READERS; i++) {
		txns[i] = fixture_read(f);
		pids[i] = backend_of(txns[i]);
	}
	for (int i = 0; i < READERS; i++)
		txn_ro_end(&txns[i]);
	for (int i = 0; i < READERS; i++)
		backend_end(f, pids[i]);
	for (int i = 0; i < READERS; i++) {
		txns[i] = fixture_read(f);
		assert_int_equal(user_nid_find(txns[i], STR("@u:x"), &found), RC_OK);
		assert_int_equal(found, user);
	}
	for (int i = 0; i < READERS; i++)
		txn_ro_end(&txns[i]);
}

/* What it had begun to read it cannot go on with; the next one can. */
static void a_reader_killed_at_work_says_so(void **state)
{
	struct fixture *f = *state;
	int64_t found;
	fixture_user(f, "@u:x");
	for (int i = 0; i < 2 * READERS; i++) {
		struct txn_ro *txn = fixture_read(f);
		assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_OK);
		backend_end(f, backend_of(txn));
		assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_UNAVAILABLE);
		assert_int_equal(user_nid_find(txn, STR("@u:x"), &found), RC_UNAVAILABLE);
		txn_ro_end(&txn);
		struct txn_ro *CLEANUP(txn_ro_end) next = fixture_read(f);
		assert_int_equal(user_nid_find(next, STR("@u:x"), &found), RC_OK);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(killed_between_groups),
	    TEST(killed_before_a_write),
	    TEST(killed_after_sending),
	    TEST(killed_after_an_answer),
	    TEST(killed_in_the_commit),
	    TEST(a_serialization_failure_is_tried_again),
	    TEST(a_deadlock_is_tried_again),
	    TEST(a_commit_that_fails_is_told_and_over),
	    TEST(commit_that_did_not_arrive),
	    TEST(commit_that_was_not_answered),
	    TEST(commit_that_takes_its_time),
	    TEST(commit_that_takes_its_time_in_vain),
	    TEST(an_outcome_that_stays_unknown_is_made_good),
	    TEST(a_database_that_stays_away_is_told),
	    TEST(commit_swallowed_by_the_network),
	    TEST(commit_of_which_the_answer_was_swallowed),
	    TEST(a_silent_server_is_given_up_by_a_reader),
	    TEST(a_group_half_sent_lets_go_of_its_locks),
	    TEST(killed_readers_are_replaced),
	    TEST(a_reader_killed_at_work_says_so),
	};
	return fixture_is_on_postgres() ? cmocka_run_group_tests(tests, NULL, NULL) : FIXTURE_SKIPPED;
}
