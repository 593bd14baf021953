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
		{"9", "{\"users\":{\"@u:a\":\"5\"},\"users_default\":7}", "@u:a", 5},
		{"9", "{\"users\":{\"@u:a\":\"five\"},\"users_default\":\" +7 \"}", "@u:a", 7},
		{"9", "{\"users\":{\"@u:a\":null},\"users_default\":\"many\"}", "@u:a", 0},
		{"5", "{\"users\":{\"@u:a\":50.57}}", "@u:a", 50},
		{"6", "{\"users\":{\"@u:a\":50.57}}", "@u:a", 0},
		{"1", NULL, "@named:a", 100},
		{"1", "{\"users\":{\"@named:a\":\"99\"}}", "@named:a", 99},
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

/* One value by one version: the fragments v1-stringy-power-levels and v1-floaty-power-levels. */
enum { NONE, FLOATS = 5, TEXTS = 9, ALL = 12 }; /* the last version that takes it */

static const struct {
	const char *value;
	int last;
	int64_t level;
} one_level_rows[] = {
	{"0", ALL, 0},
	{"-0", ALL, 0},
	{"100", ALL, 100},
	{"-9007199254740991", ALL, -9007199254740991},
	{"\"100\"", TEXTS, 100},
	{"\"000100\"", TEXTS, 100},
	{"\"+100\"", TEXTS, 100},
	{"\"-100\"", TEXTS, -100},
	{"\" 100 \"", TEXTS, 100},
	{"\" 00100 \"", TEXTS, 100},
	{"\" +100 \"", TEXTS, 100},
	{"\" -100 \"", TEXTS, -100},
	{"\"\\t\\n\\u000b\\f\\r 7\\r\\u0085\"", TEXTS, 7},
	{"\"\\u00a0\\u1680\\u2000\\u200a\\u2028\\u2029\\u202f\\u205f\\u30007\\u3000\\u2003\"", TEXTS, 7},
	{"\"-0\"", TEXTS, 0},
	{"\"9223372036854775807\"", TEXTS, INT64_MAX},
	{"\"-9223372036854775808\"", TEXTS, INT64_MIN},
	{"\"9223372036854775808\"", NONE, 0},
	{"\"-9223372036854775809\"", NONE, 0},
	{"\"99999999999999999999999999\"", NONE, 0},
	{"\"\"", NONE, 0},
	{"\" \"", NONE, 0},
	{"\"+\"", NONE, 0},
	{"\"-\"", NONE, 0},
	{"\"+-1\"", NONE, 0},
	{"\"-+1\"", NONE, 0},
	{"\"++1\"", NONE, 0},
	{"\"--1\"", NONE, 0},
	{"\"- 1\"", NONE, 0},
	{"\"1 0\"", NONE, 0},
	{"\"1.0\"", NONE, 0},
	{"\"1e2\"", NONE, 0},
	{"\"0x10\"", NONE, 0},
	{"\"1_000\"", NONE, 0},
	{"\"1a\"", NONE, 0},
	{"\"\\u0967\"", NONE, 0},
	{"\"\\u200b1\"", NONE, 0},
	{"\"1\\u0000\"", NONE, 0},
	{"50.57", FLOATS, 50},
	{"-50.57", FLOATS, -50},
	{"5.114698E4", FLOATS, 51146},
	{"0.99", FLOATS, 0},
	{"-0.99", FLOATS, 0},
	{"1e3", FLOATS, 1000},
	{"9223372036854774784.0", FLOATS, 9223372036854774784},
	{"-9223372036854775808.0", FLOATS, INT64_MIN},
	{"9223372036854775808.0", NONE, 0},
	{"-9223372036854777856.0", NONE, 0},
	{"1e300", NONE, 0},
	{"1e309", NONE, 0},
	{"18446744073709551615", NONE, 0},
	{"123456789012345678901234567890", NONE, 0},
	{"true", NONE, 0},
	{"null", NONE, 0},
	{"[1]", NONE, 0},
	{"{}", NONE, 0},
};

static void one_level(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < COUNT_OF(one_level_rows); i++) {
		json v;
		assert_rc_of(json_parse(&arena, str_of(one_level_rows[i].value), &v, NULL), RC_OK, one_level_rows[i].value);
		for (int n = 1; n <= (int)count; n++) {
			int64_t level = 424242;
			bool is_level = power_level_read(&versions[n - 1], v, &level);
			if (is_level != (n <= one_level_rows[i].last) || level != (is_level ? one_level_rows[i].level : 424242))
				fail_msg("%s in version %d: %d, %lld", one_level_rows[i].value, n, is_level, (long long)level);
		}
	}
	assert_false(power_level_read(&versions[0], NULL, &(int64_t){0}));
}

/* Texts wherever a level may stand; what is no level counts as absent. */
static void levels_of_old_rooms(void **state)
{
	(void)state;
	struct event create = event_of("9", "@c:a", "{}");
	struct event power = event_of("9", "@c:a", "{\"events_default\":\"1\",\"state_default\":\"2\",\"events\":{"
	                                           "\"m.room.name\":\"3\",\"m.room.topic\":\"x\"},\"ban\":\" 4\","
	                                           "\"kick\":\"five\",\"redact\":\"-6\",\"invite\":\"+7\"}");
	struct power_levels levels = power_levels_of(&create, &power);
	assert_int_equal(power_to_send(&levels, STR("m.room.message"), false), 1);
	assert_int_equal(power_to_send(&levels, STR("m.room.avatar"), true), 2);
	assert_int_equal(power_to_send(&levels, STR("m.room.name"), true), 3);
	assert_int_equal(power_to_send(&levels, STR("m.room.topic"), true), 2);
	assert_int_equal(power_for_action(&levels, STR("ban")), 4);
	assert_int_equal(power_for_action(&levels, STR("kick")), 50);
	assert_int_equal(power_for_action(&levels, STR("redact")), -6);
	assert_int_equal(power_for_action(&levels, STR("invite")), 7);
	levels = power_levels_of(NULL, &power); /* the version is known by either event */
	assert_int_equal(power_for_action(&levels, STR("ban")), 4);
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

/* Unicode's White_Space, a range a row, of PropList.txt. */
static void white_space_around_a_text(void **state)
{
	(void)state;
	static const struct {
		uint32_t first, last;
		bool is_white;
	} rows[] = {
		{0x9, 0xd, true},       {0x20, 0x20, true},     {0x85, 0x85, true},     {0xa0, 0xa0, true},
		{0x1680, 0x1680, true}, {0x2000, 0x200a, true}, {0x2028, 0x2029, true}, {0x202f, 0x202f, true},
		{0x205f, 0x205f, true}, {0x3000, 0x3000, true}, {0x0, 0x8, false},      {0xe, 0x1f, false},
		{0x84, 0x84, false},    {0x86, 0x86, false},    {0x180e, 0x180e, false}, {0x200b, 0x200d, false},
		{0x2060, 0x2060, false}, {0xfeff, 0xfeff, false},
	};
	const struct room_version *v9 = room_version_find(STR("9"));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (uint32_t c = rows[i].first; c <= rows[i].last; c++) {
			int64_t level = 0;
			json before, after;
			str text = arena_printf(&arena, "\"\\u%04x7\"", c);
			assert_rc(json_parse(&arena, text, &before, NULL), RC_OK);
			text = arena_printf(&arena, "\"7\\u%04x\"", c);
			assert_rc(json_parse(&arena, text, &after, NULL), RC_OK);
			assert_int_equal(power_level_read(v9, before, &level), rows[i].is_white);
			assert_int_equal(power_level_read(v9, after, &level), rows[i].is_white);
			assert_int_equal(level, rows[i].is_white ? 7 : 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(white_space_around_a_text),
		cmocka_unit_test(levels_of_users),
		cmocka_unit_test(one_level),
		cmocka_unit_test(levels_of_old_rooms),
		cmocka_unit_test(levels_to_send_and_act),
		cmocka_unit_test(creators),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
