/* core/deactivation: accepted once, every room left once, whatever fails in between. */
#include "core/deactivation/deactivation.h"

#include "room_rig.h"
#include "store/store_tamper.h"

#include <stdlib.h>
#include <time.h>

enum { WAIT_MS = 60000, CALLERS = 8, ROOMS_MAX = 64, RETRY_MS = 4 };

struct deact_rig {
	struct room_rig *room;
	struct deactivations *deactivations;
	size_t batch_rooms;
	int64_t accepted_calls, accepted_user; /* atomic */
};

static void on_accepted(void *self, int64_t user)
{
	struct deact_rig *rig = self;
	__atomic_add_fetch(&rig->accepted_calls, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&rig->accepted_user, user, __ATOMIC_RELAXED);
}

static void runner_open(struct deact_rig *rig, bool start)
{
	struct deactivations_config config = {
		.store = rig->room->store->store,
		.rooms = rig->room->rooms,
		.clock = &rig->room->store->clock,
		.rng = &rng_system,
		.batch_rooms = rig->batch_rooms,
		.retry_first_ms = RETRY_MS,
		.retry_max_ms = RETRY_MS * 4,
		.on_accepted = on_accepted,
		.self = rig,
	};
	assert_rc(deactivations_new(&config, &rig->deactivations), RC_OK);
	if (start)
		assert_rc(deactivations_start(rig->deactivations), RC_OK);
}

static void runner_close(struct deact_rig *rig)
{
	deactivations_stop(rig->deactivations);
	deactivations_free(TAKE(rig->deactivations));
}

static int setup(void **state)
{
	struct deact_rig *rig = calloc(1, sizeof *rig);
	void *room;
	if (room_rig_setup(&room) != 0)
		return 1;
	rig->room = room;
	rig->batch_rooms = 4;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct deact_rig *rig = *state;
	void *room = rig->room;
	runner_close(rig);
	int rc = room_rig_teardown(&room);
	free(rig);
	return rc;
}

static struct deactivation job_of(struct deact_rig *rig, int64_t user)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct deactivation job;
	assert_rc(deactivation_by_user(txn, &rig->room->arena, user, &job), RC_OK);
	return job;
}

/* Until `left` rooms or more are left (or the job is finished); time goes on meanwhile. */
static struct deactivation wait_for(struct deact_rig *rig, int64_t user, int64_t left)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MS; i++) {
		struct deactivation job = job_of(rig, user);
		if (job.finished_ms || job.left >= left)
			return job;
		clock_fake_advance(&rig->room->store->clock_fake, 1);
		nanosleep(&pause, NULL); /* the runner is another thread, and the store its only sign */
	}
	fail_msg("the runner made no progress");
	return (struct deactivation){0};
}

static struct deactivation wait_finished(struct deact_rig *rig, int64_t user)
{
	return wait_for(rig, user, INT64_MAX);
}

/* Exactly one leave in the room, marked. Its position. */
static int64_t assert_one_marked_leave(struct deact_rig *rig, str room_id, const struct actor *actor)
{
	size_t count, leaves = 0;
	int64_t pos = 0;
	struct event_row *events = rig_events(rig->room, room_id, &count);
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(events[i].type, STR("m.room.member")) || !str_eq(events[i].state_key, actor->user_id))
			continue;
		json content = json_get(room_json(rig->room, events[i].canonical), STR("content"));
		if (!str_eq(json_get_text(content, STR("membership")), STR("leave")))
			continue;
		leaves++;
		pos = events[i].pos;
		assert_int_equal(json_count(content), 2);
		assert_true(json_is_true(json_get(content, MARKER_KEY_UNSTABLE)));
		assert_int_equal(events[i].sender, actor->user);
	}
	assert_int_equal(leaves, 1);
	assert_int_equal(rig_membership(rig->room, room_id, actor), MEMBERSHIP_LEAVE);
	return pos;
}

static void join_rooms(struct deact_rig *rig, const struct actor *host, const struct actor *guest, str *rooms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		rooms[i] = rig_room(rig->room, host, "{\"preset\":\"public_chat\"}");
		assert_rc(rig_join(rig->room, guest, rooms[i]), RC_OK);
	}
}

static void accept_deactivation(struct deact_rig *rig, const struct actor *actor, bool erase)
{
	struct fail fail = {0};
	assert_rc(deactivate(rig->deactivations, actor->user, erase, actor->user_id, &fail), RC_OK);
}

static void every_room_is_left(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[10], invited;
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	invited = rig_room(rig->room, &alice, "{\"invite\":[\"@bob:localhost\"]}");
	runner_open(rig, true);
	accept_deactivation(rig, &bob, false);
	assert_int_equal(rig->accepted_calls, 1);
	assert_int_equal(rig->accepted_user, bob.user);
	struct deactivation job = wait_finished(rig, bob.user);
	assert_int_equal(job.total, COUNT_OF(rooms) + 1);
	assert_int_equal(job.left, job.total);
	for (size_t i = 0; i < COUNT_OF(rooms); i++)
		assert_one_marked_leave(rig, rooms[i], &bob);
	assert_one_marked_leave(rig, invited, &bob);
	assert_rc(rig_join(rig->room, &bob, rooms[0]), RC_UNKNOWN_TOKEN);
}

static void nobody_and_no_rooms(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	struct fail fail = {0};
	runner_open(rig, true);
	assert_rc(deactivate(rig->deactivations, 999999, false, STR("cli"), &fail), RC_NOT_FOUND);
	assert_true(fail.message[0] != '\0');
	assert_int_equal(rig->accepted_calls, 0);
	accept_deactivation(rig, &alice, false);
	assert_true(job_of(rig, alice.user).finished_ms > 0); /* at once */
}

/* A new runner goes on where the one before was stopped, as after a restart of the process. */
static void a_stopped_runner_is_followed(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[24];
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	rig->batch_rooms = 1;
	runner_open(rig, false);
	accept_deactivation(rig, &bob, false); /* on disk; no runner yet */
	runner_close(rig);
	int64_t left = 0, runs = 0;
	do {
		room_rig_restart(rig->room, NULL);
		runner_open(rig, true);
		left = wait_for(rig, bob.user, left + 1).left;
		runner_close(rig);
		runs++;
	} while (!job_of(rig, bob.user).finished_ms);
	for (size_t i = 0; i < COUNT_OF(rooms); i++)
		assert_one_marked_leave(rig, rooms[i], &bob);
	print_message("%lld runners\n", (long long)runs);
}

static void failed_commits_are_tried_again(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	for (int k = 1; k <= 4; k++) {
		str name = arena_printf(&rig->room->arena, "bob%d", k), rooms[12];
		struct actor bob = rig_user(rig->room, arena_cstr(&rig->room->arena, name));
		const char *fault;
		struct fail fail = {0};
		join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
		enum rc failed = tamper_fail_commit(rig->room->store, k, &fault);
		room_rig_restart(rig->room, fault);
		runner_open(rig, true);
		enum rc rc = deactivate(rig->deactivations, bob.user, false, bob.user_id, &fail);
		assert_rc(rc, k == 1 ? failed : RC_OK); /* the first commit is that of the acceptance */
		if (k == 1) {
			assert_int_equal(rig_membership(rig->room, rooms[0], &bob), MEMBERSHIP_JOIN);
			assert_rc(rig_send(rig->room, &bob, rooms[0], "m.room.message", "", "{}", NULL), RC_OK);
			accept_deactivation(rig, &bob, false);
		}
		assert_int_equal(wait_finished(rig, bob.user).left, COUNT_OF(rooms));
		for (size_t i = 0; i < COUNT_OF(rooms); i++)
			assert_one_marked_leave(rig, rooms[i], &bob);
		runner_close(rig);
	}
}

struct found {
	str room_id;
	struct departure departure;
	struct arena *arena;
};

static enum rc departure_find(void *self, const struct departure *departure)
{
	struct found *found = self;
	if (str_eq(departure->room_id, found->room_id)) {
		found->departure = *departure;
		found->departure.reason = arena_dup(found->arena, departure->reason);
	}
	return RC_OK;
}

static struct departure departure_in(struct deact_rig *rig, int64_t user, str room_id)
{
	struct found found = {.room_id = room_id, .arena = &rig->room->arena};
	int64_t job = job_of(rig, user).job;
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, 1 << 20);
	assert_rc(departures_of(txn, &scratch, job, departure_find, &found), RC_OK);
	assert_true(found.departure.room > 0);
	return found.departure;
}

/* On a clock that stands, a room that waited for its next try would never be left. */
static void a_conflict_is_tried_again_at_once(void **state)
{
	static const struct timespec pause = {.tv_nsec = 1000000};
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[6];
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	room_rig_restart(rig->room, "deactivation.departure.conflict:2:fail");
	runner_open(rig, true);
	accept_deactivation(rig, &bob, false);
	struct deactivation job = job_of(rig, bob.user);
	for (int i = 0; i < WAIT_MS && !job.finished_ms; i++) {
		nanosleep(&pause, NULL);
		job = job_of(rig, bob.user);
	}
	assert_int_equal(job.left, COUNT_OF(rooms));
	int64_t attempts = 0;
	for (size_t i = 0; i < COUNT_OF(rooms); i++) {
		attempts += departure_in(rig, bob.user, rooms[i]).attempts;
		assert_one_marked_leave(rig, rooms[i], &bob);
	}
	assert_int_equal(attempts, 1);
}

static void ends_by_others_are_named(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[3];
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	runner_open(rig, false);
	accept_deactivation(rig, &bob, false);
	assert_rc(rig_member(rig->room, room_kick, &alice, rooms[0], bob.user_id), RC_OK);
	assert_rc(rig_member(rig->room, room_ban, &alice, rooms[1], bob.user_id), RC_OK);
	assert_rc(deactivations_start(rig->deactivations), RC_OK);
	struct deactivation job = wait_finished(rig, bob.user);
	assert_int_equal(job.left, 1);
	assert_int_equal(job.terminal, 2);
	assert_int_equal(departure_in(rig, bob.user, rooms[0]).state, DEPARTURE_ALREADY_LEFT);
	assert_int_equal(departure_in(rig, bob.user, rooms[1]).state, DEPARTURE_BANNED);
	assert_int_equal(departure_in(rig, bob.user, rooms[2]).state, DEPARTURE_LEFT);
	assert_one_marked_leave(rig, rooms[2], &bob);
}

struct caller {
	struct deact_rig *rig;
	int64_t user;
	bool erase;
	enum rc rc;
	thread thread;
};

static void *call(void *arg)
{
	struct caller *caller = arg;
	struct fail fail = {0};
	caller->rc = deactivate(caller->rig->deactivations, caller->user, caller->erase, STR("cli"), &fail);
	return NULL;
}

static enum rc job_count(void *self, const struct deactivation *job)
{
	(void)job;
	++*(int *)self;
	return RC_OK;
}

static void many_calls_are_one_job(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[6];
	struct caller callers[CALLERS];
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	runner_open(rig, true);
	for (size_t i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.rig = rig, .user = bob.user, .erase = i == CALLERS / 2};
		assert_rc(thread_start(&callers[i].thread, "caller", call, &callers[i]), RC_OK);
	}
	for (size_t i = 0; i < CALLERS; i++) {
		thread_join(callers[i].thread);
		assert_rc(callers[i].rc, RC_OK);
	}
	assert_true(wait_finished(rig, bob.user).erase);
	accept_deactivation(rig, &bob, false); /* and after it is finished; erase stays */
	struct deactivation job = job_of(rig, bob.user);
	assert_true(job.finished_ms > 0 && job.erase);
	assert_int_equal(job.left, COUNT_OF(rooms));
	for (size_t i = 0; i < COUNT_OF(rooms); i++)
		assert_one_marked_leave(rig, rooms[i], &bob);
	int jobs = 0;
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	assert_rc(deactivation_each(txn, &rig->room->arena, job_count, &jobs), RC_OK);
	assert_int_equal(jobs, 1);
}

static void erase_comes_later(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	runner_open(rig, true);
	accept_deactivation(rig, &alice, false);
	assert_false(job_of(rig, alice.user).erase);
	accept_deactivation(rig, &alice, true);
	assert_true(job_of(rig, alice.user).erase);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct account account;
	assert_rc(account_get(txn, &rig->room->arena, alice.user, &account), RC_OK);
	assert_true(account.erased);
}

/* The second account does not wait until the first, with many rooms, is through. */
static void jobs_take_turns(void **state)
{
	enum { MANY = 40, FEW = 4 };
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob"),
		carol = rig_user(rig->room, "carol");
	str many[MANY], few[FEW];
	int64_t last = 0, before = 0;
	join_rooms(rig, &alice, &bob, many, MANY);
	join_rooms(rig, &alice, &carol, few, FEW);
	runner_open(rig, false);
	accept_deactivation(rig, &bob, false);
	accept_deactivation(rig, &carol, false);
	assert_rc(deactivations_start(rig->deactivations), RC_OK);
	wait_finished(rig, bob.user);
	wait_finished(rig, carol.user);
	for (size_t i = 0; i < FEW; i++) {
		int64_t pos = assert_one_marked_leave(rig, few[i], &carol);
		last = pos > last ? pos : last;
	}
	for (size_t i = 0; i < MANY; i++)
		before += assert_one_marked_leave(rig, many[i], &bob) < last;
	assert_true(before <= FEW + (int64_t)rig->batch_rooms);
}

static void shut(struct deact_rig *rig)
{
	runner_close(rig);
	rooms_free(TAKE(rig->room->rooms));
	fixture_close(rig->room->store);
}

static void open_again(struct deact_rig *rig)
{
	room_rig_restart(rig->room, NULL);
	runner_open(rig, true);
}

static void one_room_in_trouble_delays_only_itself(void **state)
{
	struct deact_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str rooms[9];
	join_rooms(rig, &alice, &bob, rooms, COUNT_OF(rooms));
	runner_open(rig, false);
	accept_deactivation(rig, &bob, false);
	int64_t poisoned = rig_row(rig->room, rooms[4]).room;
	shut(rig);
	tamper_poison_room(rig->room->store, poisoned);
	open_again(rig);
	struct deactivation job = wait_for(rig, bob.user, COUNT_OF(rooms) - 1);
	assert_int_equal(job.left, COUNT_OF(rooms) - 1);
	struct departure stuck = departure_in(rig, bob.user, rooms[4]);
	while (stuck.attempts < 3) { /* again and again, each time later */
		clock_fake_advance(&rig->room->store->clock_fake, RETRY_MS * 8);
		wait_for(rig, bob.user, job.left);
		stuck = departure_in(rig, bob.user, rooms[4]);
	}
	assert_int_equal(stuck.state, DEPARTURE_PENDING);
	assert_true(stuck.reason.n > 0 && stuck.next_try_ms > 0);
	assert_int_equal(job_of(rig, bob.user).retrying, 1);
	shut(rig);
	tamper_cure(rig->room->store);
	open_again(rig);
	clock_fake_advance(&rig->room->store->clock_fake, RETRY_MS * 8);
	assert_int_equal(wait_finished(rig, bob.user).left, COUNT_OF(rooms));
	for (size_t i = 0; i < COUNT_OF(rooms); i++)
		assert_one_marked_leave(rig, rooms[i], &bob);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_room_is_left),
		TEST(nobody_and_no_rooms),
		TEST(a_stopped_runner_is_followed),
		TEST(failed_commits_are_tried_again),
		TEST(a_conflict_is_tried_again_at_once),
		TEST(ends_by_others_are_named),
		TEST(many_calls_are_one_job),
		TEST(erase_comes_later),
		TEST(jobs_take_turns),
		TEST(one_room_in_trouble_delays_only_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
