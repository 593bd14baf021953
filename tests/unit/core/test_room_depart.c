/* core/room: leaves by deactivation. */
#include "room_rig.h"
#include "store/store_tamper.h"

enum { DEPARTURES_MAX = 2000, CROWD_MAX = 4096 };

static struct departure *due(struct room_rig *rig, size_t *ret_count)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct departure *departures;
	int64_t next_due_ms;
	assert_rc(departures_due(txn, &rig->arena, INT64_MAX, DEPARTURES_MAX, &departures, ret_count, &next_due_ms), RC_OK);
	return departures;
}

/* One pass over what is due; returns how many were done. */
static size_t depart(struct room_rig *rig, enum rc *ret_rc)
{
	size_t count, done = 0;
	struct departure *departures = due(rig, &count);
	enum rc *outcomes = arena_array(&rig->arena, enum rc, count);
	*ret_rc = rooms_depart(rig->rooms, &rig->arena, departures, count, outcomes);
	for (size_t i = 0; i < count; i++)
		done += outcomes[i] == RC_OK;
	return done;
}

struct state_search {
	str room_id;
	enum departure_state state;
	bool found;
};

static enum rc departure_seen(void *self, const struct departure *departure)
{
	struct state_search *search = self;
	if (str_eq(departure->room_id, search->room_id)) {
		search->state = departure->state;
		search->found = true;
	}
	return RC_OK;
}

static enum departure_state state_in(struct room_rig *rig, int64_t user, str room_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct deactivation job;
	struct state_search search = {.room_id = room_id};
	assert_rc(deactivation_by_user(txn, &rig->arena, user, &job), RC_OK);
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, 1 << 20);
	assert_rc(departures_of(txn, &scratch, job.job, departure_seen, &search), RC_OK);
	assert_true(search.found);
	return search.state;
}

/* Exactly one leave of the user stands in the room, it is the newest member event, and it is marked. */
static void assert_marked_leave(struct room_rig *rig, str room_id, const struct actor *actor)
{
	size_t count, leaves = 0;
	struct event_row *events = rig_events(rig, room_id, &count);
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(events[i].type, STR("m.room.member")) || !str_eq(events[i].state_key, actor->user_id))
			continue;
		json content = json_get(room_json(rig, events[i].canonical), STR("content"));
		if (!str_eq(json_get_text(content, STR("membership")), STR("leave")))
			continue;
		leaves++;
		assert_int_equal(json_count(content), 2);
		assert_true(json_is_true(json_get(content, MARKER_KEY_UNSTABLE)));
		assert_int_equal(events[i].sender, actor->user);
	}
	assert_int_equal(leaves, 1);
	assert_int_equal(rig_membership(rig, room_id, actor), MEMBERSHIP_LEAVE);
}

static void every_kind_of_room_is_left(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str joined = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	str own = rig_room(rig, &bob, "{\"room_version\":\"10\"}");
	str invited = rig_room(rig, &alice, "{\"invite\":[\"@bob:localhost\"],\"room_version\":\"11\"}");
	str kicked = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	str banned = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, joined), RC_OK);
	assert_rc(rig_join(rig, &bob, kicked), RC_OK);
	assert_rc(rig_join(rig, &bob, banned), RC_OK);
	fixture_deactivate(rig->store, bob.user);
	assert_rc(rig_member(rig, room_kick, &alice, kicked, bob.user_id), RC_OK);
	assert_rc(rig_member(rig, room_ban, &alice, banned, bob.user_id), RC_OK);
	enum rc rc;
	assert_int_equal(depart(rig, &rc), 5);
	assert_rc(rc, RC_OK);
	assert_marked_leave(rig, joined, &bob);
	assert_marked_leave(rig, own, &bob);
	assert_marked_leave(rig, invited, &bob);
	assert_int_equal(state_in(rig, bob.user, joined), DEPARTURE_LEFT);
	assert_int_equal(state_in(rig, bob.user, invited), DEPARTURE_LEFT);
	assert_int_equal(state_in(rig, bob.user, kicked), DEPARTURE_ALREADY_LEFT);
	assert_int_equal(state_in(rig, bob.user, banned), DEPARTURE_BANNED);
	assert_int_equal(rig_membership(rig, banned, &bob), MEMBERSHIP_BAN);
	/* and again: nothing is due, nothing is sent twice */
	assert_int_equal(depart(rig, &rc), 0);
	assert_marked_leave(rig, joined, &bob);
	assert_rc(rig_send(rig, &alice, joined, "m.room.message", "", "{}", NULL), RC_OK);
}

static void two_users_leave_one_room(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob"), carol = rig_user(rig, "carol");
	str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	assert_rc(rig_join(rig, &carol, room_id), RC_OK);
	fixture_deactivate(rig->store, bob.user);
	fixture_deactivate(rig->store, carol.user);
	enum rc rc;
	assert_int_equal(depart(rig, &rc), 2);
	assert_marked_leave(rig, room_id, &bob);
	assert_marked_leave(rig, room_id, &carol);
}

static void failed_commit_is_tried_again(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str rooms[20];
	for (size_t i = 0; i < COUNT_OF(rooms); i++) {
		rooms[i] = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
		assert_rc(rig_join(rig, &bob, rooms[i]), RC_OK);
	}
	fixture_deactivate(rig->store, bob.user);
	const char *fault;
	enum rc rc, failed = tamper_fail_commit(rig->store, 1, &fault);
	room_rig_restart(rig, fault);
	assert_int_equal(depart(rig, &rc), 0);
	assert_rc(rc, failed);
	assert_int_equal(rig_membership(rig, rooms[0], &bob), MEMBERSHIP_JOIN);
	assert_int_equal(depart(rig, &rc), COUNT_OF(rooms));
	for (size_t i = 0; i < COUNT_OF(rooms); i++)
		assert_marked_leave(rig, rooms[i], &bob);
	room_rig_restart(rig, NULL);
}

struct talker {
	struct room_rig *rig;
	struct actor actor;
	str room_id;
	bool stop;            /* atomic */
	int sent;
	enum rc rc;
	thread thread;
};

static void *talker_run(void *arg)
{
	struct talker *talker = arg;
	while (!__atomic_load_n(&talker->stop, __ATOMIC_RELAXED)) {
		struct arena arena CLEANUP(arena_release);
		struct fail fail = {0};
		arena_init(&arena, 8 << 20);
		struct room_send send = {.actor = talker->actor, .room_id = talker->room_id,
			.type = STR("m.room.message"), .content = STR("{}"), .arena = &arena, .fail = &fail};
		enum rc rc = room_send_wait(talker->rig->rooms, &send);
		if (rc != RC_OK)
			talker->rc = rc;
		else
			__atomic_add_fetch(&talker->sent, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void rooms_go_on_while_they_are_left(void **state)
{
	enum { ROOMS = 30 };
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	struct talker talkers[ROOMS];
	for (size_t i = 0; i < ROOMS; i++) {
		str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
		assert_rc(rig_join(rig, &bob, room_id), RC_OK);
		talkers[i] = (struct talker){.rig = rig, .actor = alice, .room_id = room_id, .rc = RC_OK};
	}
	for (size_t i = 0; i < ROOMS; i++)
		assert_rc(thread_start(&talkers[i].thread, "talker", talker_run, &talkers[i]), RC_OK);
	fixture_deactivate(rig->store, bob.user);
	enum rc rc = RC_OK;
	size_t left = 0;
	for (int pass = 0; pass < 50 && left < ROOMS; pass++)
		left += depart(rig, &rc);
	for (size_t i = 0; i < ROOMS; i++) {
		int before = __atomic_load_n(&talkers[i].sent, __ATOMIC_RELAXED);
		while (__atomic_load_n(&talkers[i].sent, __ATOMIC_RELAXED) < before + 2 && talkers[i].rc == RC_OK)
			sched_yield();
		__atomic_store_n(&talkers[i].stop, true, __ATOMIC_RELAXED);
	}
	for (size_t i = 0; i < ROOMS; i++)
		thread_join(talkers[i].thread);
	assert_int_equal(left, ROOMS);
	for (size_t i = 0; i < ROOMS; i++) {
		assert_rc(talkers[i].rc, RC_OK);
		assert_marked_leave(rig, talkers[i].room_id, &bob);
	}
}

/* A clock at which somebody comes to the writer whenever the time of day is asked for, as during each leave. */
struct crowd {
	struct room_rig *rig;
	struct write_job jobs[CROWD_MAX];
	size_t came;
	size_t done;          /* atomic, as `came` */
	bool comes;           /* atomic */
};

static enum rc crowd_write(struct txn_rw *txn, struct write_job *job)
{
	(void)job;
	(void)txn_next_pos(txn);
	return RC_OK;
}

static struct crowd *the_crowd;

static void crowd_done(struct write_job *job, enum rc rc)
{
	(void)job, (void)rc;
	__atomic_add_fetch(&the_crowd->done, 1, __ATOMIC_RELEASE);
}

static int64_t crowd_wall_ms(void *self)
{
	struct crowd *crowd = self;
	if (__atomic_load_n(&crowd->comes, __ATOMIC_ACQUIRE)) {
		size_t i = __atomic_fetch_add(&crowd->came, 1, __ATOMIC_ACQ_REL);
		if (i >= CROWD_MAX)
			abort();
		crowd->jobs[i] = (struct write_job){.write = crowd_write, .done = crowd_done};
		store_submit(crowd->rig->store->store, &crowd->jobs[i]);
	}
	return clock_wall_ms(&clock_system);
}

static int64_t crowd_mono_ms(void *self)
{
	(void)self;
	return clock_mono_ms(&clock_system);
}

static void crowd_end(struct crowd *crowd)
{
	__atomic_store_n(&crowd->comes, false, __ATOMIC_RELEASE);
	while (__atomic_load_n(&crowd->done, __ATOMIC_ACQUIRE) < __atomic_load_n(&crowd->came, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* Whoever waits for the writer waits for a few leaves, not for the batch; a commit that fails takes only its own along. */
static void a_batch_makes_way(void **state)
{
	enum { ROOMS = 60 };
	struct room_rig *rig = *state;
	struct crowd *crowd = the_crowd = arena_new(&rig->arena, struct crowd);
	crowd->rig = rig;
	rig->clock = (struct clock){crowd_wall_ms, crowd_mono_ms, crowd};
	room_rig_reopen(rig);
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str rooms[ROOMS];
	for (size_t i = 0; i < ROOMS; i++) {
		rooms[i] = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
		assert_rc(rig_join(rig, &bob, rooms[i]), RC_OK);
	}
	fixture_deactivate(rig->store, bob.user);
	room_rig_restart(rig, "deactivation.batch.commit:3:fail");
	struct store_counters before, after;
	store_counters(rig->store->store, &before);
	__atomic_store_n(&crowd->comes, true, __ATOMIC_RELEASE);
	enum rc rc;
	size_t left = depart(rig, &rc);
	if (rig->store->database[0] == '\0') {
		assert_rc(rc, RC_IO);
		assert_in_range(left, 2, 20);
		left += depart(rig, &rc);
	} /* PostgreSQL runs the group again, and the fault comes once */
	assert_rc(rc, RC_OK);
	crowd_end(crowd);
	store_counters(rig->store->store, &after);
	assert_int_equal(left, ROOMS);
	assert_true(after.commits - before.commits >= 6);
	for (size_t i = 0; i < ROOMS; i++)
		assert_marked_leave(rig, rooms[i], &bob);
	rig->clock = clock_system;
	room_rig_restart(rig, NULL);
}

/* A clock that tells when somebody waits for a busy room, and stops whoever asks for the time of day. */
struct hook {
	struct lock mu;
	struct cond changed;
	bool stops, stopped, waited_for;
};

static int64_t hook_wall_ms(void *self)
{
	struct hook *hook = self;
	lock_take(&hook->mu);
	hook->stopped |= hook->stops;
	cond_broadcast(&hook->changed);
	while (hook->stops)
		cond_wait(&hook->changed, &hook->mu);
	lock_drop(&hook->mu);
	return clock_wall_ms(&clock_system);
}

static int64_t hook_mono_ms(void *self)
{
	struct hook *hook = self;
	lock_take(&hook->mu);
	hook->waited_for = true;
	cond_broadcast(&hook->changed);
	lock_drop(&hook->mu);
	return clock_mono_ms(&clock_system);
}

static void hook_wait(struct hook *hook, const bool *flag)
{
	lock_take(&hook->mu);
	while (!*flag)
		cond_wait(&hook->changed, &hook->mu);
	lock_drop(&hook->mu);
}

static void hook_set(struct hook *hook, bool stops)
{
	lock_take(&hook->mu);
	hook->stops = stops;
	cond_broadcast(&hook->changed);
	lock_drop(&hook->mu);
}

struct ending {
	struct write_job job;
	int64_t user;
};

static enum rc ending_write(struct txn_rw *txn, struct write_job *job)
{
	int64_t nid;
	bool is_new;
	return deactivation_accept(txn, CONTAINER_OF(job, struct ending, job)->user, false, STR("test"), 1, &nid,
	                           &is_new);
}

static void ending_done(struct write_job *job, enum rc rc)
{
	(void)job;
	assert_rc(rc, RC_OK);
}

struct leaver {
	struct room_send send;
	struct hook *hook;
	struct arena arena;
	struct fail fail;
	bool is_over;
	enum rc rc;
};

static void leaver_done(struct room_send *send, enum rc rc)
{
	struct leaver *leaver = CONTAINER_OF(send, struct leaver, send);
	lock_take(&leaver->hook->mu);
	leaver->rc = rc;
	leaver->is_over = true;
	cond_broadcast(&leaver->hook->changed);
	lock_drop(&leaver->hook->mu);
}

struct parting {
	struct room_rig *rig;
	struct departure departures[2];
	enum rc outcomes[2], rc;
	struct arena arena;
};

static void *parting_run(void *arg)
{
	struct parting *parting = arg;
	parting->rc = rooms_depart(parting->rig->rooms, &parting->arena, parting->departures, 2, parting->outcomes);
	return NULL;
}

/*
 * The account ends; behind that in the writer's queue stands its own leave, which will be refused; the departing thread
 * sees that leave on the head. The room must not count as left.
 */
static void leave_under_way_that_fails_is_no_leave(void **state)
{
	struct room_rig *rig = *state;
	struct hook hook = {0};
	lock_init(&hook.mu);
	cond_init(&hook.changed);
	rig->clock = (struct clock){hook_wall_ms, hook_mono_ms, &hook};
	room_rig_reopen(rig);
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str one = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	str other = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, one), RC_OK);
	assert_rc(rig_join(rig, &bob, other), RC_OK);
	gate_close(rig->store);
	struct ending ending = {.job = {.write = ending_write, .done = ending_done}, .user = bob.user};
	store_submit(rig->store->store, &ending.job);
	struct leaver leaver = {.hook = &hook, .send = {.actor = bob, .room_id = one, .type = STR("m.room.member"),
		.is_state = true, .state_key = bob.user_id, .content = STR("{\"membership\":\"leave\"}"),
		.done = leaver_done}};
	arena_init(&leaver.arena, 8 << 20);
	leaver.send.arena = &leaver.arena;
	leaver.send.fail = &leaver.fail;
	room_send(rig->rooms, &leaver.send); /* returns with the write behind the gate */
	/* somebody is busy in the other room, so that the departing thread is seen when it is done with the first */
	struct talker talker = {.rig = rig, .actor = alice, .room_id = other, .rc = RC_OK, .stop = false};
	hook_set(&hook, true);
	assert_rc(thread_start(&talker.thread, "talker", talker_run, &talker), RC_OK);
	hook_wait(&hook, &hook.stopped);
	int64_t job = 1;
	struct parting parting = {.rig = rig, .rc = RC_UNKNOWN};
	arena_init(&parting.arena, 8 << 20);
	for (size_t i = 0; i < 2; i++)
		parting.departures[i] = (struct departure){.job = job, .user = bob.user, .user_id = bob.user_id,
			.room = rig_row(rig, i ? other : one).room, .room_id = i ? other : one};
	thread departing;
	assert_rc(thread_start(&departing, "departing", parting_run, &parting), RC_OK);
	hook_wait(&hook, &hook.waited_for);
	__atomic_store_n(&talker.stop, true, __ATOMIC_RELAXED);
	hook_set(&hook, false);
	gate_open(rig->store);
	thread_join(departing);
	thread_join(talker.thread);
	hook_wait(&hook, &leaver.is_over);
	assert_rc(leaver.rc, RC_UNKNOWN_TOKEN);
	assert_rc(parting.rc, RC_OK);
	assert_rc(parting.outcomes[0], RC_CONFLICT);
	enum rc rc;
	depart(rig, &rc);
	assert_marked_leave(rig, one, &bob);
	assert_marked_leave(rig, other, &bob);
	assert_int_equal(state_in(rig, bob.user, one), DEPARTURE_LEFT);
	arena_release(&leaver.arena);
	arena_release(&parting.arena);
	rig->clock = clock_system;
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(every_kind_of_room_is_left),
		ROOM_TEST(two_users_leave_one_room),
		ROOM_TEST(a_batch_makes_way),
		ROOM_TEST(failed_commit_is_tried_again),
		ROOM_TEST(rooms_go_on_while_they_are_left),
		ROOM_TEST(leave_under_way_that_fails_is_no_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
