/* core/room: the gate, the verbs, restricted joins, profiles in rooms. */
#include "room_rig.h"

#include "core/room/membership.h"

static void verbs_change_membership(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str room_id = rig_room(rig, &alice, "{}");
	assert_rc(rig_join(rig, &bob, room_id), RC_FORBIDDEN);
	assert_rc(rig_leave(rig, &bob, room_id), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_invite, &alice, room_id, bob.user_id), RC_OK);
	assert_int_equal(rig_membership(rig, room_id, &bob), MEMBERSHIP_INVITE);
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	assert_rc(rig_member(rig, room_kick, &bob, room_id, alice.user_id), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_kick, &alice, room_id, bob.user_id), RC_OK);
	assert_rc(rig_member(rig, room_kick, &alice, room_id, bob.user_id), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_unban, &alice, room_id, bob.user_id), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_ban, &alice, room_id, bob.user_id), RC_OK);
	assert_int_equal(rig_membership(rig, room_id, &bob), MEMBERSHIP_BAN);
	assert_rc(rig_leave(rig, &bob, room_id), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_unban, &alice, room_id, bob.user_id), RC_OK);
	assert_int_equal(rig_membership(rig, room_id, &bob), MEMBERSHIP_LEAVE);
	assert_rc(rig_join(rig, &bob, STR("!none:localhost")), RC_NOT_FOUND);
	assert_rc(rig_member(rig, room_invite, &alice, room_id, STR("@x:elsewhere.example")), RC_FORBIDDEN);
	assert_rc(rig_member(rig, room_invite, &alice, room_id, STR("bob")), RC_INVALID_PARAM);
}

static void same_membership_makes_no_event(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	size_t joined = rig_event_count(rig, room_id);
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	assert_int_equal(rig_event_count(rig, room_id), joined);
	assert_rc(rig_leave(rig, &bob, room_id), RC_OK);
	assert_rc(rig_leave(rig, &bob, room_id), RC_OK);
	assert_int_equal(rig_event_count(rig, room_id), joined + 1);
}

/* Every way in, for an account that has ended, both with the generation of now and with the old one. */
static void gate_refuses_the_dead(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob"), now = bob;
	str open = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	str closed = rig_room(rig, &alice, "{}");
	assert_rc(rig_member(rig, room_invite, &alice, closed, bob.user_id), RC_OK);
	fixture_deactivate(rig->store, bob.user);
	now.generation = bob.generation + 1;
	const struct actor *actors[] = {&bob, &now};
	for (size_t i = 0; i < COUNT_OF(actors); i++) {
		assert_rc(rig_join(rig, actors[i], open), RC_UNKNOWN_TOKEN);
		assert_rc(rig_join(rig, actors[i], closed), RC_UNKNOWN_TOKEN);
		assert_rc(rig_state(rig, actors[i], open, "m.room.member", bob.user_id, "{\"membership\":\"join\"}", NULL),
		          RC_UNKNOWN_TOKEN);
		str room_id;
		assert_rc(rig_create(rig, actors[i], "{}", &room_id), RC_UNKNOWN_TOKEN);
	}
	assert_rc(rig_member(rig, room_invite, &alice, open, bob.user_id), RC_FORBIDDEN);
	assert_non_null(strstr(rig->fail.message, "deactivated"));
	assert_rc(rig_state(rig, &alice, open, "m.room.member", bob.user_id, "{\"membership\":\"invite\"}", NULL),
	          RC_FORBIDDEN);
	str room_id;
	assert_rc(rig_create(rig, &alice, "{\"invite\":[\"@bob:localhost\"]}", &room_id), RC_FORBIDDEN);
	/* what takes a dead account out of a room stays possible */
	assert_rc(rig_member(rig, room_kick, &alice, closed, bob.user_id), RC_OK);
	assert_rc(rig_member(rig, room_ban, &alice, open, bob.user_id), RC_OK);
}

struct gate_case {
	enum membership membership;
	bool sender_is_server, member_is_dead;
	enum rc rc;
};

static void gate_table(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	fixture_deactivate(rig->store, bob.user);
	static const struct gate_case cases[] = {
		{MEMBERSHIP_JOIN, true, true, RC_FORBIDDEN},    {MEMBERSHIP_KNOCK, true, true, RC_FORBIDDEN},
		{MEMBERSHIP_INVITE, true, true, RC_FORBIDDEN},  {MEMBERSHIP_INVITE, false, true, RC_FORBIDDEN},
		{MEMBERSHIP_LEAVE, true, true, RC_OK},          {MEMBERSHIP_BAN, false, true, RC_OK},
		{MEMBERSHIP_INVITE, false, false, RC_OK},       {MEMBERSHIP_JOIN, false, false, RC_OK},
	};
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct membership_step step = {
			.membership = cases[i].membership,
			.sender = alice.user,
			.generation = cases[i].sender_is_server ? -1 : alice.generation,
			.member_user_id = cases[i].member_is_dead ? bob.user_id : alice.user_id,
		};
		struct fail fail = {0};
		char name[32];
		snprintf(name, sizeof name, "case %zu", i);
		assert_rc_of(membership_gate(txn, &rig->arena, &step, &fail), cases[i].rc, name);
	}
	struct membership_step dead = {MEMBERSHIP_LEAVE, bob.user, bob.generation, bob.user_id};
	assert_rc(membership_gate(txn, &rig->arena, &dead, NULL), RC_UNKNOWN_TOKEN);
}

static void markers_are_refused_in_bodies(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	rig_verb *const verbs[] = {room_join, room_leave, room_invite, room_kick, room_ban, room_unban};
	const char *const contents[] = {"{\"m.deactivated\":true}", "{\"org.matrix.msc3759.deactivated\":null}"};
	size_t before = rig_event_count(rig, room_id);
	for (size_t i = 0; i < COUNT_OF(verbs) * COUNT_OF(contents); i++) {
		struct membership_change change = {.actor = alice, .room_id = room_id, .target_user_id = bob.user_id,
			.content = str_of(contents[i % COUNT_OF(contents)])};
		assert_rc(verbs[i / COUNT_OF(contents)](rig->rooms, &rig->arena, &change, &rig->fail), RC_FORBIDDEN);
		assert_non_null(strstr(rig->fail.message, "account/deactivate"));
	}
	assert_int_equal(rig_event_count(rig, room_id), before);
}

static void restricted_room_admits_from_another(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob"), carol = rig_user(rig, "carol");
	char rules[256], forged[256];
	str space = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}"), room_id = rig_room(rig, &alice, "{}");
	snprintf(rules, sizeof rules, "{\"join_rule\":\"restricted\",\"allow\":[{\"type\":\"m.room_membership\","
		"\"room_id\":\"%.*s\"}]}", STR_ARG(space));
	assert_rc(rig_state(rig, &alice, room_id, "m.room.join_rules", STR(""), rules, NULL), RC_OK);
	assert_rc(rig_join(rig, &bob, space), RC_OK);
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	json content = rig_content(rig, room_id, "m.room.member", bob.user_id);
	assert_str(json_get_text(content, STR("join_authorised_via_users_server")), alice.user_id);
	assert_rc(rig_join(rig, &carol, room_id), RC_FORBIDDEN);
	/* nor by naming an authoriser herself: our signature would vouch for it */
	snprintf(forged, sizeof forged, "{\"membership\":\"join\",\"join_authorised_via_users_server\":\"%.*s\"}",
		STR_ARG(alice.user_id));
	assert_rc(rig_state(rig, &carol, room_id, "m.room.member", carol.user_id, forged, NULL), RC_FORBIDDEN);
}

struct name_change {
	int64_t user;
	str name;
};

static enum rc name_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct name_change *change = arg;
	(void)fail;
	return account_set_displayname(txn, change->user, change->name);
}

/* Changes the name and has it carried on; freeing the rooms waits for the step under way. */
static void name_set(struct room_rig *rig, const struct actor *actor, const char *name, str joined)
{
	struct name_change change = {actor->user, str_of(name)};
	int64_t before = __atomic_load_n(&rig->news, __ATOMIC_ACQUIRE);
	assert_rc(store_write(rig->store->store, name_write, &change, NULL), RC_OK);
	assert_rc(rooms_propagate_profile(rig->rooms, actor), RC_OK);
	while (joined.n && __atomic_load_n(&rig->news, __ATOMIC_ACQUIRE) == before)
		sched_yield();
}

static void profile_reaches_joined_rooms_only(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str joined = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	str left = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig, &bob, joined), RC_OK);
	assert_rc(rig_join(rig, &bob, left), RC_OK);
	assert_rc(rig_leave(rig, &bob, left), RC_OK);
	name_set(rig, &bob, "Bob", joined);
	room_rig_reopen(rig);
	assert_str(json_get_text(rig_content(rig, joined, "m.room.member", bob.user_id), STR("displayname")), STR("Bob"));
	assert_int_equal(rig_membership(rig, left, &bob), MEMBERSHIP_LEAVE);
	/* unchanged: no event */
	size_t before = rig_event_count(rig, joined);
	name_set(rig, &bob, "Bob", STR_EMPTY);
	room_rig_reopen(rig);
	assert_int_equal(rig_event_count(rig, joined), before);
	/* an ended account is carried nowhere */
	fixture_deactivate(rig->store, bob.user);
	assert_rc(rooms_propagate_profile(rig->rooms, &bob), RC_OK);
	room_rig_reopen(rig);
	assert_int_equal(rig_event_count(rig, joined), before);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(verbs_change_membership),
		ROOM_TEST(same_membership_makes_no_event),
		ROOM_TEST(gate_refuses_the_dead),
		ROOM_TEST(gate_table),
		ROOM_TEST(markers_are_refused_in_bodies),
		ROOM_TEST(restricted_room_admits_from_another),
		ROOM_TEST(profile_reaches_joined_rooms_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
