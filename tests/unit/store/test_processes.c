/* Processes, their slots, and the fence: who was ended cannot commit. */
#include "other_store.h"

#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Written into rows of rooms: these values hold for ever. Made by another implementation of FNV-1a. */
static void slots_of_rooms_never_change(void **state)
{
	(void)state;
	static const struct {
		const char *room_id;
		size_t slot;
	} known[] = {{"", 228}, {"a", 76}, {"foobar", 113}, {"!room:example.org", 80}};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		assert_int_equal(room_slot(str_of(known[i].room_id)), known[i].slot);
}

/* Ids as they are made: about as many in each slot. */
static void rooms_are_spread_evenly(void **state)
{
	struct fixture *f = *state;
	size_t count[SLOT_COUNT] = {0};
	for (int i = 0; i < 100 * SLOT_COUNT; i++) {
		str letters = rng_text(&f->rng, &f->arena, RNG_ALPHANUMERIC, 18);
		count[room_slot(arena_printf(&f->arena, "!%.*s:example.org", STR_ARG(letters)))]++;
	}
	for (size_t i = 0; i < SLOT_COUNT; i++)
		assert_in_range(count[i], 50, 150);
}

/* ---- rows: on both engines ---- */

struct verb {
	enum { BEAT, END, GIVE } what;
	int64_t process, to;
	size_t slot;
};

static enum rc verb_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct verb *verb = arg;
	switch (verb->what) {
	case BEAT:
		return process_beat(txn, verb->process);
	case END:
		return process_end(txn, verb->process);
	case GIVE:
		break;
	}
	return slot_give(txn, verb->slot, verb->process, verb->to);
}

static enum rc run(struct fixture *f, struct verb verb)
{
	return store_write(f->store, verb_write, &verb, NULL);
}

static enum rc add_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct process_row row = {.address = STR("10.0.0.1:8008"), .link = STR("10.0.0.1:9008"),
	    .secret = STR("secret"), .key_id = STR("ed25519:k")};
	return process_add(txn, &row, arg);
}

/* A row only: the store is not fenced by it. */
static int64_t add(struct fixture *f)
{
	int64_t process = 0;
	assert_int_equal(store_write(f->store, add_write, &process, NULL), RC_OK);
	assert_true(process > 0);
	return process;
}

static size_t rows_now(struct fixture *f, struct process_row **ret_rows)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	size_t count;
	assert_int_equal(process_each(txn, &f->arena, ret_rows, &count), RC_OK);
	return count;
}

static int64_t owner_of(struct fixture *f, size_t slot)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t owners[SLOT_COUNT];
	assert_int_equal(slots_get(txn, owners), RC_OK);
	return owners[slot];
}

static void rows_come_back_as_they_were_written(void **state)
{
	struct fixture *f = *state;
	struct process_row *rows;
	assert_int_equal(rows_now(f, &rows), 0);
	int64_t first = add(f), second = add(f);
	assert_true(second > first);
	assert_int_equal(run(f, (struct verb){BEAT, .process = second}), RC_OK);
	assert_int_equal(run(f, (struct verb){BEAT, .process = second}), RC_OK);
	assert_int_equal(rows_now(f, &rows), 2);
	assert_int_equal(rows[0].process, first);
	assert_int_equal(rows[0].beat, 0);
	assert_int_equal(rows[1].process, second);
	assert_int_equal(rows[1].beat, 2);
	assert_true(str_eq(rows[1].address, STR("10.0.0.1:8008")));
	assert_true(str_eq(rows[1].link, STR("10.0.0.1:9008")));
	assert_true(str_eq(rows[1].secret, STR("secret")));
	assert_true(str_eq(rows[1].key_id, STR("ed25519:k")));
}

static void what_was_ended_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct process_row *rows;
	int64_t process = add(f);
	assert_int_equal(run(f, (struct verb){END, .process = process}), RC_OK);
	assert_int_equal(rows_now(f, &rows), 0);
	assert_int_equal(run(f, (struct verb){END, .process = process}), RC_NOT_FOUND);
	assert_int_equal(run(f, (struct verb){BEAT, .process = process}), RC_NOT_FOUND);
	assert_int_equal(run(f, (struct verb){END, .process = 12345}), RC_NOT_FOUND);
}

/* The number is the fencing token: also the newest, and also after a restart, is never given out twice. */
static void numbers_are_not_used_again(void **state)
{
	struct fixture *f = *state;
	int64_t last = 0;
	for (int i = 0; i < 6; i++) {
		int64_t process = add(f);
		assert_true(process > last);
		last = process;
		assert_int_equal(run(f, (struct verb){END, .process = process}), RC_OK);
		if (i % 2)
			fixture_reopen(f);
	}
}

static void slots_change_hands(void **state)
{
	struct fixture *f = *state;
	int64_t a = add(f), b = add(f);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		assert_int_equal(owner_of(f, i), 0);
	assert_int_equal(run(f, (struct verb){GIVE, 0, a, 0}), RC_OK);
	assert_int_equal(run(f, (struct verb){GIVE, 0, a, SLOT_COUNT - 1}), RC_OK);
	assert_int_equal(owner_of(f, 0), a);
	assert_int_equal(owner_of(f, 1), 0);
	assert_int_equal(owner_of(f, SLOT_COUNT - 1), a);
	assert_int_equal(run(f, (struct verb){GIVE, 0, b, 0}), RC_CONFLICT); /* is nobody's no more */
	assert_int_equal(run(f, (struct verb){GIVE, b, a, 0}), RC_CONFLICT); /* nor b's */
	assert_int_equal(owner_of(f, 0), a);
	assert_int_equal(run(f, (struct verb){GIVE, a, b, 0}), RC_OK);
	assert_int_equal(owner_of(f, 0), b);
	assert_int_equal(run(f, (struct verb){END, .process = b}), RC_OK);
	assert_int_equal(owner_of(f, 0), 0);
	assert_int_equal(owner_of(f, SLOT_COUNT - 1), a);
	assert_int_equal(run(f, (struct verb){GIVE, 0, a, 0}), RC_OK);
	assert_int_equal(owner_of(f, 0), a);
}

/* ---- the fence: PostgreSQL ---- */

struct pair {
	struct fixture *f; /* its store is a process, too */
	int64_t process;
	struct other_store other;
};

static int pair_setup(void **state)
{
	static struct pair pair;
	void *f;
	pair = (struct pair){0};
	assert_int_equal(fixture_setup(&f), 0);
	pair.f = f;
	*state = &pair;
	if (pair.f->database[0] == '\0')
		return 0;
	other_open(pair.f, &pair.other);
	pair.process = other_register(pair.f->store, "a:1");
	pair.other.process = other_register(pair.other.store, "b:1");
	return 0;
}

static int pair_teardown(void **state)
{
	struct pair *pair = *state;
	void *f = pair->f;
	other_close(&pair->other);
	return fixture_teardown(&f);
}

/* There is one process over SQLite, which nobody else can end. */
static struct pair *pair_of(void **state)
{
	struct pair *pair = *state;
	if (pair->f->database[0] == '\0')
		skip();
	return pair;
}

static void who_was_ended_is_refused(void **state)
{
	struct pair *pair = pair_of(state);
	struct fixture *f = pair->f;
	struct numbered_job before = {.key = 1}, after = {.key = 2};
	numbered_submit(f, &before);
	numbered_wait(f, 1);
	assert_int_equal(before.rc, RC_OK);
	assert_int_equal(other_end(pair->other.store, pair->process), RC_OK);
	numbered_submit(f, &after);
	numbered_wait(f, 2);
	assert_int_equal(after.rc, RC_FENCED);
	assert_int_equal(after.pos, 0); /* it did not even run */
	assert_int_equal(other_end(f->store, pair->other.process), RC_FENCED); /* nor does it end others now */
	assert_true(numbered_is_stored(f, 1));
	assert_false(numbered_is_stored(f, 2));
	assert_int_equal(other_end(pair->other.store, 12345), RC_NOT_FOUND); /* the other one goes on */
}

static void all_that_wait_are_refused(void **state)
{
	enum { JOBS = 50 };
	struct pair *pair = pair_of(state);
	static struct numbered_job jobs[JOBS];
	assert_int_equal(other_end(pair->other.store, pair->process), RC_OK);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct numbered_job){.key = i + 1, .job.background = i % 3 == 0};
		numbered_submit(pair->f, &jobs[i]);
	}
	numbered_wait(pair->f, JOBS);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(jobs[i].rc, RC_FENCED);
	assert_int_equal(other_number(pair->f, "SELECT count(*) FROM users"), 0);
}

struct ending {
	struct pair *pair;
	enum rc rc;
	bool is_over; /* atomic */
	thread thread;
};

static void *ending_run(void *arg)
{
	struct ending *ending = arg;
	ending->rc = other_end(ending->pair->other.store, ending->pair->process);
	__atomic_store_n(&ending->is_over, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool waits_for_lock(void *self)
{
	return other_number(self, "SELECT count(*) FROM pg_locks w JOIN pg_locks n USING(pid)"
	                          " WHERE NOT w.granted AND n.granted AND n.relation='numbers'::regclass") > 0;
}

/* A commit under way when its process is ended came before that: it stands. The next one is refused. */
static void a_commit_under_way_comes_before_the_end(void **state)
{
	struct pair *pair = pair_of(state);
	struct fixture *f = pair->f;
	struct ending ending = {.pair = pair};
	struct numbered_job next = {.key = 1};
	gate_close(f); /* holds the writer in its transaction */
	assert_int_equal(thread_start(&ending.thread, "ending", ending_run, &ending), RC_OK);
	other_wait(waits_for_lock, f, "that the end waits for the commit");
	assert_false(__atomic_load_n(&ending.is_over, __ATOMIC_ACQUIRE));
	gate_open(f);
	thread_join(ending.thread);
	assert_int_equal(ending.rc, RC_OK);
	numbered_submit(f, &next);
	numbered_wait(f, 1);
	assert_int_equal(next.rc, RC_FENCED);
	lock_take(&f->mu);
	bool passed = f->gate_passed;
	lock_drop(&f->mu);
	assert_true(passed);
	assert_int_equal(other_number(f, "SELECT count(*) FROM users WHERE user_id='@gate:x'"), 1);
}

/* The fence was raised for somebody else: who is there goes on, and is asked once. */
static void the_end_of_another_is_no_matter(void **state)
{
	struct pair *pair = pair_of(state);
	int64_t third = add(pair->f);
	assert_int_equal(other_end(pair->other.store, third), RC_OK);
	int64_t fence = other_number(pair->f, "SELECT fence FROM numbers");
	fixture_user(pair->f, "@a:x");
	assert_int_equal(pair->f->store->writer.fence, fence);
	fixture_user(pair->f, "@b:x");
}

/* A store that is no process (the command line's) is not refused. */
static void a_store_of_no_process_has_no_fence(void **state)
{
	struct pair *pair = pair_of(state);
	struct other_store tool;
	other_open(pair->f, &tool);
	assert_int_equal(other_end(tool.store, pair->process), RC_OK);
	assert_int_equal(other_end(tool.store, pair->other.process), RC_OK);
	assert_int_equal(other_end(tool.store, 1), RC_NOT_FOUND);
	other_close(&tool);
}

/* Who is refused holds nobody up: it lets go of the lock that all writers need. */
static void who_is_refused_holds_nobody_up(void **state)
{
	struct pair *pair = pair_of(state);
	struct numbered_job refused = {.key = 1};
	assert_int_equal(other_end(pair->other.store, pair->process), RC_OK);
	numbered_submit(pair->f, &refused);
	numbered_wait(pair->f, 1);
	assert_int_equal(refused.rc, RC_FENCED);
	assert_int_equal(other_number(pair->f, "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING(pid)"
	    " WHERE a.state LIKE 'idle in transaction%' AND l.relation='numbers'::regclass"), 0);
}

/* ---- opening: PostgreSQL ---- */

enum { OPENERS = 6 };

struct opener {
	struct store_config config;
	char directory[256];
	struct store *store;
	struct fail fail;
	enum rc rc;
	thread thread;
};

static void *opener_run(void *arg)
{
	struct opener *opener = arg;
	opener->rc = store_open(&opener->config, &opener->store, &opener->fail);
	return NULL;
}

static void opener_end(struct opener *opener)
{
	char path[300];
	store_close(opener->store);
	snprintf(path, sizeof path, "%.260s/lock", opener->directory);
	unlink(path);
	assert_int_equal(rmdir(opener->directory), 0);
}

/* On an empty database, all at once: one makes the schema, and the others find it. */
static void stores_that_open_together_make_one_schema(void **state)
{
	struct pair *pair = pair_of(state);
	struct fixture *f = pair->f;
	static struct opener openers[OPENERS];
	other_close(&pair->other);
	fixture_close(f);
	fixture_sql(f, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables"
		       " WHERE schemaname=current_schema() LOOP EXECUTE 'DROP TABLE ' || "
		       "quote_ident(name); END LOOP;"
		       " END $$");
	for (int i = 0; i < OPENERS; i++) {
		openers[i] = (struct opener){.config = fixture_config(f)};
		snprintf(openers[i].directory, sizeof openers[i].directory, "%.200s/XXXXXX",
		    f->directory);
		assert_non_null(mkdtemp(openers[i].directory));
		openers[i].config.directory = str_of(openers[i].directory);
	}
	for (int i = 0; i < OPENERS; i++)
		assert_int_equal(
		    thread_start(&openers[i].thread, "opener", opener_run, &openers[i]), RC_OK);
	for (int i = 0; i < OPENERS; i++)
		thread_join(openers[i].thread);
	for (int i = 0; i < OPENERS; i++) {
		if (openers[i].rc != RC_OK)
			fail_msg("%s: %s", rc_name(openers[i].rc), openers[i].fail.message);
		assert_true(str_eq(store_tag(openers[i].store), store_tag(openers[0].store)));
	}
	for (int i = 0; i < OPENERS; i++)
		opener_end(&openers[i]);
	assert_int_equal(other_number(f, "SELECT count(*) FROM numbers"), 1);
	assert_int_equal(other_number(f, "SELECT count(*) - max(version) FROM schema_version"), 0);
	fixture_open(f);
}

/* ---- what writers ask for when the answer to a commit is lost: PostgreSQL ---- */

/* Of those that ended badly, once a day is over: not of one that lives, nor of one that may wake. */
static void rows_of_writers_that_ended_go(void **state)
{
	enum { DAY_MS = 24 * 60 * 60 * 1000 };
	struct pair *pair = pair_of(state);
	struct fixture *f = pair->f;
	struct other_store next;
	char sql[400];
	int64_t now_ms = 10 * (int64_t)DAY_MS, ended = add(f);
	assert_int_equal(other_end(pair->other.store, ended), RC_OK);
	f->clock_fake.wall_ms = now_ms;
	snprintf(sql, sizeof sql,
	    "DELETE FROM writers; INSERT INTO writers(writer, committed, process, written_ms) "
	    "VALUES"
	    " (1, 7, %lld, 1), (2, 7, 0, %lld), (3, 7, %lld, %lld), (4, 7, 0, 1), (5, 7, %lld, "
	    "%lld)",
	    (long long)pair->process, (long long)now_ms - DAY_MS, (long long)ended,
	    (long long)now_ms - DAY_MS, (long long)ended, (long long)now_ms - DAY_MS - 1);
	fixture_sql(f, sql);
	other_open(f, &next);
	assert_int_equal(other_number(f, "SELECT sum(writer) FROM writers"), 1 + 2 + 3);
	other_close(&next);
}

static void a_writer_says_whose_it_is_and_signs_off(void **state)
{
	struct pair *pair = pair_of(state);
	struct fixture *f = pair->f;
	char sql[128];
	snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM writers WHERE process=%lld AND written_ms=%lld",
	    (long long)pair->process, (long long)f->clock_fake.wall_ms);
	fixture_user(f, "@a:x");
	assert_int_equal(other_number(f, sql), 1);
	other_close(&pair->other);
	fixture_close(f);
	assert_int_equal(other_number(f, "SELECT count(*) FROM writers"), 0);
	fixture_open(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define PAIR(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slots_of_rooms_never_change),
	    TEST(rooms_are_spread_evenly),
	    TEST(rows_come_back_as_they_were_written),
	    TEST(what_was_ended_is_not_there),
	    TEST(numbers_are_not_used_again),
	    TEST(slots_change_hands),
	    PAIR(who_was_ended_is_refused),
	    PAIR(all_that_wait_are_refused),
	    PAIR(a_commit_under_way_comes_before_the_end),
	    PAIR(the_end_of_another_is_no_matter),
	    PAIR(a_store_of_no_process_has_no_fence),
	    PAIR(who_is_refused_holds_nobody_up),
	    PAIR(stores_that_open_together_make_one_schema),
	    PAIR(rows_of_writers_that_ended_go),
	    PAIR(a_writer_says_whose_it_is_and_signs_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
