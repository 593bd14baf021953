/* core/room: createRoom: the order and content of the first events, and every refusal. */
#include "room_rig.h"

static void assert_types(struct room_rig *rig, str room_id, const char *const *types, size_t count)
{
	size_t found;
	struct event_row *events = rig_events(rig, room_id, &found);
	assert_int_equal(found, count);
	for (size_t i = 0; i < count; i++)
		assert_str(events[i].type, str_of(types[i]));
}

static void order_is_the_specifications(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	rig_user(rig, "bob");
	str room_id = rig_room(rig, &alice,
		"{\"name\":\"N\",\"topic\":\"T\",\"room_alias_name\":\"n\",\"invite\":[\"@bob:localhost\"],\"is_direct\":true,"
		"\"initial_state\":[{\"type\":\"m.room.encryption\",\"content\":{\"algorithm\":\"m.megolm.v1.aes-sha2\"}},"
		"{\"type\":\"m.room.guest_access\",\"state_key\":\"\",\"content\":{\"guest_access\":\"forbidden\"}}]}");
	static const char *const types[] = {"m.room.create", "m.room.member", "m.room.power_levels",
		"m.room.canonical_alias", "m.room.join_rules", "m.room.history_visibility", "m.room.encryption",
		"m.room.guest_access", "m.room.name", "m.room.topic", "m.room.member"};
	assert_types(rig, room_id, types, COUNT_OF(types));
	json invite = rig_content(rig, room_id, "m.room.member", STR("@bob:localhost"));
	assert_true(json_is_true(json_get(invite, STR("is_direct"))));
	json alias = rig_content(rig, room_id, "m.room.canonical_alias", STR(""));
	assert_str(json_get_text(alias, STR("alias")), STR("#n:localhost"));
	json guests = rig_content(rig, room_id, "m.room.guest_access", STR(""));
	assert_str(json_get_text(guests, STR("guest_access")), STR("forbidden"));
	json topic = rig_content(rig, room_id, "m.room.topic", STR(""));
	json text = json_at(json_get(json_get(topic, STR("m.topic")), STR("m.text")), 0);
	assert_str(json_get_text(text, STR("body")), STR("T"));
}

static const struct {
	const char *request, *rule, *guests;
	bool listed;
} presets[] = {
	{"{}", "invite", "can_join", false},
	{"{\"visibility\":\"public\"}", "public", "forbidden", true},
	{"{\"visibility\":\"public\",\"preset\":\"private_chat\"}", "invite", "can_join", true},
	{"{\"preset\":\"public_chat\"}", "public", "forbidden", false},
	{"{\"preset\":\"trusted_private_chat\",\"visibility\":null}", "invite", "can_join", false},
};

static void presets_set_the_rules(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	for (size_t i = 0; i < COUNT_OF(presets); i++) {
		str room_id = rig_room(rig, &alice, presets[i].request);
		json rules = rig_content(rig, room_id, "m.room.join_rules", STR(""));
		json guests = rig_content(rig, room_id, "m.room.guest_access", STR(""));
		assert_str(json_get_text(rules, STR("join_rule")), str_of(presets[i].rule));
		assert_str(json_get_text(guests, STR("guest_access")), str_of(presets[i].guests));
		assert_int_equal(rig_row(rig, room_id).public_listed, presets[i].listed);
	}
}

static int64_t level_of(json content, const char *map, str key)
{
	int64_t level = -1;
	json_integer(json_get(map ? json_get(content, str_of(map)) : content, key), &level);
	return level;
}

/* Creators of v12 stand in no power levels; before it they do, trusted invitees beside them. */
static void trust_depends_on_the_version(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str old = rig_room(rig, &alice,
		"{\"room_version\":\"10\",\"preset\":\"trusted_private_chat\",\"invite\":[\"@bob:localhost\"]}");
	json levels = rig_content(rig, old, "m.room.power_levels", STR(""));
	assert_int_equal(level_of(levels, "users", alice.user_id), 100);
	assert_int_equal(level_of(levels, "users", bob.user_id), 100);
	assert_str(json_get_text(rig_content(rig, old, "m.room.create", STR("")), STR("creator")), alice.user_id);
	str new = rig_room(rig, &alice, "{\"preset\":\"trusted_private_chat\",\"invite\":[\"@bob:localhost\"],"
		"\"creation_content\":{\"additional_creators\":[\"@bob:localhost\"],\"m.federate\":false,"
		"\"room_version\":\"1\",\"creator\":\"@x:y\"}}");
	json create = rig_content(rig, new, "m.room.create", STR(""));
	levels = rig_content(rig, new, "m.room.power_levels", STR(""));
	assert_int_equal(json_count(json_get(levels, STR("users"))), 0);
	assert_int_equal(level_of(levels, "events", STR("m.room.tombstone")), 150);
	assert_int_equal(json_count(json_get(create, STR("additional_creators"))), 1);
	assert_str(json_get_text(create, STR("room_version")), STR("12"));
	bool federate = true;
	assert_true(json_bool(json_get(create, STR("m.federate")), &federate) && !federate);
	assert_int_equal(new.p[0], '!');
	assert_int_equal(str_find(new, ':'), new.n);
}

static void override_is_applied_on_top(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{\"power_level_content_override\":{\"ban\":77,\"events\":{\"x.y\":3}}}");
	json levels = rig_content(rig, room_id, "m.room.power_levels", STR(""));
	assert_int_equal(level_of(levels, NULL, STR("ban")), 77);
	assert_int_equal(level_of(levels, NULL, STR("kick")), 50);
	assert_int_equal(level_of(levels, "events", STR("x.y")), 3);
	assert_int_equal(level_of(levels, "events", STR("m.room.tombstone")), 150);
	assert_int_equal(json_count(json_get(levels, STR("events"))), 2);
}

static const struct {
	const char *request;
	enum rc rc;
} refused[] = {
	{"[]", RC_BAD_JSON},
	{"{\"room_version\":\"nope\"}", RC_UNSUPPORTED_ROOM_VERSION},
	{"{\"room_version\":10}", RC_BAD_JSON},
	{"{\"preset\":\"x\"}", RC_INVALID_PARAM},
	{"{\"visibility\":\"x\"}", RC_INVALID_PARAM},
	{"{\"name\":1}", RC_BAD_JSON},
	{"{\"topic\":[]}", RC_BAD_JSON},
	{"{\"is_direct\":1}", RC_BAD_JSON},
	{"{\"invite\":\"@bob:localhost\"}", RC_BAD_JSON},
	{"{\"invite\":[\"bob\"]}", RC_INVALID_PARAM},
	{"{\"invite\":[\"@bob:elsewhere.example\"]}", RC_FORBIDDEN},
	{"{\"invite_3pid\":[{\"medium\":\"email\"}]}", RC_INVALID_PARAM},
	{"{\"room_alias_name\":\"\"}", RC_INVALID_PARAM},
	{"{\"room_alias_name\":\"#a:localhost\"}", RC_INVALID_PARAM},
	{"{\"creation_content\":[]}", RC_BAD_JSON},
	{"{\"creation_content\":{\"additional_creators\":[\"x\"]}}", RC_INVALID_ROOM_STATE},
	{"{\"initial_state\":[{\"type\":\"x\"}]}", RC_BAD_JSON},
	{"{\"initial_state\":[{\"type\":\"m.room.create\",\"content\":{}}]}", RC_INVALID_ROOM_STATE},
	{"{\"initial_state\":[{\"type\":\"m.room.canonical_alias\",\"content\":{\"alias\":\"#a:localhost\"}}]}", RC_BAD_ALIAS},
	{"{\"initial_state\":[{\"type\":\"m.room.member\",\"state_key\":\"@bob:localhost\","
	 "\"content\":{\"membership\":\"join\"}}]}", RC_INVALID_ROOM_STATE},
	{"{\"initial_state\":[{\"type\":\"m.room.member\",\"state_key\":\"@alice:localhost\","
	 "\"content\":{\"membership\":\"leave\",\"m.deactivated\":true}}]}", RC_FORBIDDEN},
	{"{\"power_level_content_override\":{\"users\":{\"@alice:localhost\":100}}}", RC_INVALID_ROOM_STATE},
	{"{\"room_version\":\"11\",\"name\":\"n\",\"power_level_content_override\":{\"users\":{\"@alice:localhost\":10}}}",
	 RC_INVALID_ROOM_STATE},
};

static void refusals_leave_nothing_behind(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		str room_id;
		assert_rc_of(rig_create(rig, &alice, refused[i].request, &room_id), refused[i].rc, refused[i].request);
	}
	assert_int_equal(__atomic_load_n(&rig->news, __ATOMIC_RELAXED), 0);
	assert_int_equal(store_committed_pos(rig->store->store), 0);
}

static void alias_belongs_to_one_room(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id;
	rig_room(rig, &alice, "{\"room_alias_name\":\"a\"}");
	int64_t pos = store_committed_pos(rig->store->store);
	assert_rc(rig_create(rig, &alice, "{\"room_alias_name\":\"a\"}", &room_id), RC_ROOM_IN_USE);
	assert_int_equal(store_committed_pos(rig->store->store), pos);
}

static void alike_rooms_are_different_rooms(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str before = STR_EMPTY;
	for (int i = 0; i < 50; i++) {
		str room_id = rig_room(rig, &alice, "{}");
		assert_false(str_eq(room_id, before));
		before = room_id;
	}
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(order_is_the_specifications),
		ROOM_TEST(presets_set_the_rules),
		ROOM_TEST(trust_depends_on_the_version),
		ROOM_TEST(override_is_applied_on_top),
		ROOM_TEST(refusals_leave_nothing_behind),
		ROOM_TEST(alias_belongs_to_one_room),
		ROOM_TEST(alike_rooms_are_different_rooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
