#include "base/test.h"

#include "matrix/power_levels.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct event event_of(const char *version, const char *sender, const char *content)
{
	struct event event = {.version = room_version_find(str_of(version)), .sender = str_of(sender)};
	assert_rc_of(json_parse(&arena, str_of(content), &event.content, NULL), RC_OK, content);
	return event;
}

#define CREATE "{\"additional_creators\":[\"@second:a\",5],\"creator\":\"@named:a\"}"

static void levels_of_users(void **state)
{
	(void)state;
	static const struct {
		const char *version, *power, *user;
		int64_t level;
	} rows[] = {
		/* No m.room.power_levels: the creator has 100. */
		{"10", NULL, "@named:a", 100},
		{"10", NULL, "@sender:a", 0},
		{"11", NULL, "@sender:a", 100},
		{"11", NULL, "@named:a", 0},
		{"11", NULL, "@second:a", 0},
		{"12", NULL, "@sender:a", POWER_INFINITE},
		{"12", NULL, "@second:a", POWER_INFINITE},
		{"12", NULL, "@named:a", 0},
		{"10", "{}", "@named:a", 0},
		{"11", "{}", "@sender:a", 0},
		{"12", "{}", "@sender:a", POWER_INFINITE},
		{"12", "{\"users\":{\"@sender:a\":5}}", "@sender:a", POWER_INFINITE},
		{"12", "{\"users\":{\"@u:a\":5},\"users_default\":7}", "@u:a", 5},
		{"12", "{\"users\":{\"@u:a\":5},\"users_default\":7}", "@v:a", 7},
		{"10", "{\"users\":{\"@u:a\":\"5\"},\"users_default\":7}", "@u:a", 7},
		{"10", "{\"users\":[],\"users_default\":\"7\"}", "@u:a", 0},
		{"10", "{\"users_default\":-9007199254740991}", "@u:a", -9007199254740991},
		{"11", "{\"users_default\":9007199254740991}", "", 9007199254740991},
		{"12", "{\"users_default\":9007199254740991}", "", 9007199254740991},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct event create = event_of(rows[i].version, "@sender:a", CREATE);
		struct event power = event_of(rows[i].version, "@sender:a", rows[i].power ? rows[i].power : "{}");
		struct power_levels levels = power_levels_of(&create, rows[i].power ? &power : NULL);
		int64_t level = power_of_user(&levels, str_of(rows[i].user));
		if (level != rows[i].level)
			fail_msg("row %zu: %lld", i, (long long)level);
	}
}

static void levels_to_send_and_act(void **state)
{
	(void)state;
	static const struct {
		const char *power;
		int64_t message, topic, named, ban, kick, redact, invite;
	} rows[] = {
		{NULL, 0, 50, 50, 50, 50, 50, 0},
		{"{}", 0, 50, 50, 50, 50, 50, 0},
		{"{\"events_default\":1,\"state_default\":2,\"events\":{\"m.room.name\":3},\"ban\":4,\"kick\":5,"
	         "\"redact\":6,\"invite\":7}", 1, 2, 3, 4, 5, 6, 7},
		{"{\"events_default\":\"1\",\"state_default\":null,\"events\":{\"m.room.name\":\"3\"},\"ban\":[],"
	         "\"kick\":{},\"redact\":true,\"invite\":\"7\"}", 0, 50, 50, 50, 50, 50, 0},
		{"{\"events\":5}", 0, 50, 50, 50, 50, 50, 0},
	};
	struct event create = event_of("11", "@c:a", "{}");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct event power = event_of("11", "@c:a", rows[i].power ? rows[i].power : "{}");
		struct power_levels levels = power_levels_of(&create, rows[i].power ? &power : NULL);
		assert_int_equal(power_to_send(&levels, STR("m.room.message"), false), rows[i].message);
		assert_int_equal(power_to_send(&levels, STR("m.room.topic"), true), rows[i].topic);
		assert_int_equal(power_to_send(&levels, STR("m.room.name"), true), rows[i].named);
		assert_int_equal(power_for_action(&levels, STR("ban")), rows[i].ban);
		assert_int_equal(power_for_action(&levels, STR("kick")), rows[i].kick);
		assert_int_equal(power_for_action(&levels, STR("redact")), rows[i].redact);
		assert_int_equal(power_for_action(&levels, STR("invite")), rows[i].invite);
	}
}

static void creators(void **state)
{
	(void)state;
	struct event create = event_of("12", "@sender:a", CREATE);
	assert_true(is_room_creator(&create, STR("@sender:a")));
	assert_true(is_room_creator(&create, STR("@second:a")));
	assert_false(is_room_creator(&create, STR("@named:a")));
	assert_false(is_room_creator(&create, STR("")));
	assert_false(is_room_creator(NULL, STR("@sender:a")));
	create = event_of("10", "@sender:a", CREATE);
	assert_true(is_room_creator(&create, STR("@named:a")));
	assert_false(is_room_creator(&create, STR("@sender:a")));
	struct power_levels nothing = power_levels_of(NULL, NULL);
	assert_int_equal(power_of_user(&nothing, STR("@sender:a")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_of_users),
		cmocka_unit_test(levels_to_send_and_act),
		cmocka_unit_test(creators),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
