/* core/room: leaves by deactivation. */
#include "room_rig.h"

enum { DEPARTURES_MAX = 2000 };

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
	room_rig_restart(rig, "store.commit:1:fail");
	enum rc rc;
	assert_int_equal(depart(rig, &rc), 0);
	assert_rc(rc, RC_IO);
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

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(every_kind_of_room_is_left),
		ROOM_TEST(two_users_leave_one_room),
		ROOM_TEST(failed_commit_is_tried_again),
		ROOM_TEST(rooms_go_on_while_they_are_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
