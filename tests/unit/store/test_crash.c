/*
 * Death at every fault point, a full disk, an I/O error: nothing that was acknowledged is lost, nothing is half.
 */
#include "store_fixture.h"

#include "base/fault.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 60, KILLS_MAX = 2000 };

/* ---- killed ---- */

struct told {
	struct write_job job;
	struct fixture *fixture;
	int pipe;
	int number;
};

static enum rc told_write(struct txn_rw *txn, struct write_job *job)
{
	struct told *told = CONTAINER_OF(job, struct told, job);
	char name[32], event_id[32];
	int64_t user, event, pos;
	snprintf(name, sizeof name, "@t%d:x", told->number);
	snprintf(event_id, sizeof event_id, "$t%d", told->number);
	TRY(user_nid_make(txn, str_of(name), &user));
	struct room_row room;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 1 << 16);
	TRY(room_get(txn_reading(txn), &arena, 1, &room));
	struct event_insert in = {
	    .room = 1,
	    .expected_head = room.head_event,
	    .sender = user,
	    .generation = -1,
	    .depth = room.depth + 1,
	    .event_id = str_of(event_id),
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = str_of(name),
	    .membership = MEMBERSHIP_JOIN,
	    .member_user_id = str_of(name),
	    .canonical = STR("{\"content\":{\"membership\":\"join\"}}"),
	};
	return event_insert(txn, &in, &event, &pos);
}

static void told_done(struct write_job *job, enum rc rc)
{
	struct told *told = CONTAINER_OF(job, struct told, job);
	unsigned char number = (unsigned char)told->number;
	if (rc == RC_OK && write(told->pipe, &number, 1) != 1)
		_exit(3);
}

/* The child: writes jobs, some one by one and some together, and a deactivation; tells what was acknowledged. */
static void child_run(struct fixture *f, int pipe, int kill_at)
{
	static struct told jobs[JOBS];
	char spec[32];
	snprintf(spec, sizeof spec, "*:%d", kill_at);
	fixture_open(f);
	if (fault_arm(str_of(spec)) != RC_OK)
		_exit(2);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct told){{.write = told_write, .done = told_done}, f, pipe, i + 1};
		store_submit(f->store, &jobs[i].job);
		if (i == JOBS / 2)
			fixture_deactivate(f, 1);
	}
	store_close(TAKE(f->store));
	_exit(0);
}

static void assert_kept(struct fixture *f, const bool acknowledged[JOBS + 1])
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row room;
	assert_int_equal(room_get(txn, &f->arena, 1, &room), RC_OK);
	bool missing = false;
	for (int i = 1; i <= JOBS; i++) {
		char name[32];
		struct event_row event;
		snprintf(name, sizeof name, "@t%d:x", i);
		enum rc rc = state_event(
		    txn, &f->arena, room.snapshot, STR("m.room.member"), str_of(name), &event);
		assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
		if (acknowledged[i])
			assert_int_equal(rc, RC_OK);
		if (rc == RC_OK) {
			assert_false(missing); /* in order: nothing before it is lost */
			assert_true(event.pos <= store_committed_pos(f->store));
		}
		missing |= rc != RC_OK;
	}
}

/* All of the deactivation or nothing of it. */
static void assert_deactivation_whole(struct fixture *f)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct account account;
	struct deactivation deactivation;
	assert_int_equal(account_get(txn, &f->arena, 1, &account), RC_OK);
	enum rc rc = deactivation_by_user(txn, &f->arena, 1, &deactivation);
	assert_int_equal(rc, account.deactivated_ms ? RC_OK : RC_NOT_FOUND);
	if (rc == RC_OK)
		assert_int_equal(deactivation.total, 1);
	assert_int_equal(account.password_phc.n == 0, rc == RC_OK);
}

static void new_store(struct fixture *f)
{
	fixture_renew(f);
	fixture_user(f, "@first:x");
	fixture_member(f, fixture_room(f, "!r"), "@first:x", MEMBERSHIP_JOIN);
	fixture_close(f);
}

/* True: the child died at its fault point. */
static bool child_wait(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSIGNALED(status);
}

static bool killed_at(struct fixture *f, int kill_at)
{
	int ends[2];
	bool acknowledged[JOBS + 1] = {false};
	unsigned char number;
	new_store(f);
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_run(f, ends[1], kill_at);
	close(ends[1]);
	while (read(ends[0], &number, 1) == 1)
		acknowledged[number] = true;
	close(ends[0]);
	bool killed = child_wait(child);
	fixture_open(f);
	fixture_check(f);
	assert_kept(f, acknowledged);
	assert_deactivation_whole(f);
	fixture_message(f, 1, 1); /* and it goes on */
	return killed;
}

static void killed_at_every_fault_point(void **state)
{
	struct fixture *f = *state;
	int kills = 1;
	while (killed_at(f, kills))
		assert_true(++kills < KILLS_MAX);
	print_message("killed at %d points\n", kills - 1);
	assert_true(kills > JOBS); /* each acknowledgement is one, at least */
}

/* ---- killed inside a fork ---- */

struct forked {
	int64_t base, join, head; /* the state and the join from before, the head that is to stay an extremity */
};

/* A topic on a fork, which takes one member out of the room and brings a join of a deactivated one back. */
static enum rc fork_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct forked *forked = arg;
	int64_t event, pos;
	struct room_row room;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 1 << 16);
	TRY(room_get(txn_reading(txn), &arena, 1, &room));
	struct state_change changes[] = {
	    {STR("m.room.member"), STR("@b:x"), 0},
	    {STR("m.room.member"), STR("@first:x"), forked->join},
	    {STR("m.room.topic"), STR_EMPTY, EVENT_ITSELF},
	};
	struct event_insert in = {
	    .room = 1,
	    .place = EVENT_ON_FORK,
	    .expected_head = room.head_event,
	    .sender = 1,
	    .generation = -1,
	    .event_id = STR("$fork"),
	    .type = STR("m.room.topic"),
	    .is_state = true,
	    .canonical = STR("{}"),
	    .before = {.base = forked->base},
	    .current = {room.snapshot, changes, COUNT_OF(changes)},
	};
	return event_insert(txn, &in, &event, &pos);
}

static enum rc departed_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)arg;
	(void)fail;
	return departure_end(txn, 1, 1, DEPARTURE_LEFT, STR_EMPTY, STR("$left"), 10);
}

/* A deactivated user who has left, a guest, and the state from before both. */
static struct forked fork_stage(struct fixture *f)
{
	struct room_row room;
	struct forked forked;
	new_store(f);
	fixture_open(f);
	{
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		assert_int_equal(room_get(txn, &f->arena, 1, &room), RC_OK);
	}
	forked = (struct forked){room.snapshot, room.head_event, 0};
	fixture_member(f, 1, "@b:x", MEMBERSHIP_JOIN);
	fixture_deactivate(f, 1);
	forked.head = fixture_member(f, 1, "@first:x", MEMBERSHIP_LEAVE);
	assert_int_equal(store_write(f->store, departed_write, NULL, NULL), RC_OK);
	fixture_close(f);
	return forked;
}

static void fork_child_run(struct fixture *f, struct forked *forked, int kill_at)
{
	char spec[32];
	snprintf(spec, sizeof spec, "*:%d", kill_at);
	fixture_open(f);
	if (fault_arm(str_of(spec)) != RC_OK || store_write(f->store, fork_write, forked, NULL) != RC_OK)
		_exit(2);
	store_close(TAKE(f->store));
	_exit(0);
}

static enum membership membership_of(struct fixture *f, struct txn_ro *txn, const char *user_id)
{
	int64_t user;
	struct member_row member;
	assert_int_equal(user_nid_find(txn, str_of(user_id), &user), RC_OK);
	assert_int_equal(member_get(txn, &f->arena, 1, user, &member), RC_OK);
	return member.membership;
}

/* All of the fork or nothing of it. */
static bool fork_is_whole(struct fixture *f, const struct forked *forked)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row room;
	struct event_row event;
	struct deactivation job;
	int64_t *others, joined, invited, nid;
	size_t count;
	bool there = event_nid_find(txn, STR("$fork"), &nid) == RC_OK;
	assert_int_equal(room_get(txn, &f->arena, 1, &room), RC_OK);
	assert_int_equal(room.head_event, there ? nid : forked->head);
	assert_int_equal(room_extremities(txn, &f->arena, 1, &others, &count), RC_OK);
	assert_int_equal(count, there);
	assert_int_equal(member_counts(txn, 1, &joined, &invited), RC_OK);
	assert_int_equal(joined, 1);
	assert_int_equal(membership_of(f, txn, "@b:x"), there ? MEMBERSHIP_LEAVE : MEMBERSHIP_JOIN);
	assert_int_equal(membership_of(f, txn, "@first:x"), there ? MEMBERSHIP_JOIN : MEMBERSHIP_LEAVE);
	assert_int_equal(deactivation_by_user(txn, &f->arena, 1, &job), RC_OK);
	assert_int_equal(job.total, 1);
	assert_int_equal(job.pending, there);
	assert_int_equal(job.finished_ms == 0, there);
	enum rc rc = state_event(txn, &f->arena, room.snapshot, STR("m.room.topic"), STR_EMPTY, &event);
	assert_int_equal(rc, there ? RC_OK : RC_NOT_FOUND);
	return there;
}

static void killed_inside_a_fork(void **state)
{
	struct fixture *f = *state;
	int kills = 1;
	for (bool killed = true; killed; kills++) {
		struct forked forked = fork_stage(f);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			fork_child_run(f, &forked, kills);
		killed = child_wait(child);
		fixture_open(f);
		fixture_check(f);
		bool there = fork_is_whole(f, &forked);
		assert_true(killed || there);
		if (!there)
			assert_int_equal(store_write(f->store, fork_write, &forked, NULL), RC_OK);
		assert_true(fork_is_whole(f, &forked));
		fixture_message(f, 1, 1);
		assert_true(kills < KILLS_MAX);
	}
	print_message("killed at %d points of a fork\n", kills - 2);
	assert_true(kills - 2 >= 5); /* those of event_insert() alone */
}

/* ---- no space ---- */

static enum rc big_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	static char content[200000];
	memset(content, 'x', sizeof content);
	return account_data_put(
	    txn, *(const int64_t *)arg, 0, STR("big"), str_bytes(content, sizeof content));
}

static void file_size_limit(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The limit on file sizes stands for a full disk: SQLite sees a short write either way. */
static void service_resumes_when_there_is_space_again(void **state)
{
	struct fixture *f = *state;
	only_on_sqlite(f); /* a limit on our files is none on a server's: test_store.c has what that says */
	struct rlimit before;
	int64_t user = fixture_user(f, "@a:x");
	fixture_account_data(f, user, "kept", "{}");
	int64_t pos = store_committed_pos(f->store);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	file_size_limit(8192); /* below where the WAL stands */
	enum rc rc = store_write(f->store, big_write, &user, NULL);
	struct numbered_job jobs[3] = {{.key = 1}, {.key = 2}, {.key = 3}};
	for (int i = 0; i < 3; i++)
		numbered_submit(f, &jobs[i]);
	numbered_wait(f, 3);
	file_size_limit(before.rlim_cur);
	assert_true(rc == RC_IO || rc == RC_DISK_FULL);
	for (int i = 0; i < 3; i++)
		assert_true(jobs[i].rc == RC_IO || jobs[i].rc == RC_DISK_FULL);
	assert_int_equal(store_committed_pos(f->store), pos);
	assert_false(numbered_is_stored(f, 1));
	assert_int_equal(store_write(f->store, big_write, &user, NULL), RC_OK);
	assert_int_equal(store_committed_pos(f->store), pos + 1);
	fixture_check(f);
	fixture_reopen(f);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	str content;
	assert_int_equal(account_data_get(txn, &f->arena, user, 0, STR("kept"), &content), RC_OK);
	assert_int_equal(account_data_get(txn, &f->arena, user, 0, STR("big"), &content), RC_OK);
	assert_int_equal(content.n, 200000);
}

/* ---- the WAL ---- */

static void the_wal_starts_again(void **state)
{
	struct fixture *f = *state;
	only_on_sqlite(f); /* PostgreSQL keeps its own WAL, by its own settings */
	int64_t user = fixture_user(f, "@a:x");
	/* 2,000 commits of about 50 pages: 400 MB in all, were it to grow. */
	for (int i = 0; i < 2000; i++)
		assert_int_equal(store_write(f->store, big_write, &user, NULL), RC_OK);
	char path[300];
	struct stat status;
	snprintf(path, sizeof path, "%s/exeunt.db-wal", f->directory);
	assert_int_equal(stat(path, &status), 0);
	print_message("the WAL is %lld kB long\n", (long long)status.st_size / 1024);
	assert_in_range(status.st_size, 4 << 20, 64 << 20); /* as it was laid out, at least */
	fixture_check(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(killed_at_every_fault_point),
	    TEST(killed_inside_a_fork),
	    TEST(service_resumes_when_there_is_space_again),
	    TEST(the_wal_starts_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
