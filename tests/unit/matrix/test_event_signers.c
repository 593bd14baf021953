/* Server-Server API, "Validating hashes and signatures on received events"; Room Versions, v5 and v8. */
#include "base/test.h"

#include "matrix/event.h"

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

#define JOIN(authoriser) "{\"join_authorised_via_users_server\":" authoriser ",\"membership\":\"join\"}"

static const struct {
	const char *type;
	bool is_state;
	const char *event_id, *content;
	const char *v1, *v3, *v8; /* the servers in v1 and v2, in v3 to v7, from v8 on */
} rows[] = {
	{"m.room.message", false, "$1:s", "{}", "s", "s", "s"},
	{"m.room.message", false, "$1:other:8448", "{}", "s other:8448", "s", "s"},
	{"m.room.member", true, "$1:s", JOIN("\"@b:c\""), "s", "s", "s c"},
	{"m.room.member", true, "$1:c", JOIN("\"@b:c\""), "s c", "s", "s c"},
	{"m.room.member", true, "$1:s", JOIN("\"@b:s\""), "s", "s", "s"},
	{"m.room.member", true, "$1:s", JOIN("\"b:c\""), "s", "s", "s -"},
	{"m.room.member", true, "$1:s", JOIN("\"\""), "s", "s", "s -"},
	{"m.room.member", true, "$1:s", JOIN("5"), "s", "s", "s -"},
	{"m.room.member", true, "$1:s", JOIN("null"), "s", "s", "s -"},
	{"m.room.member", true, "$1:s", "{\"join_authorised_via_users_server\":\"@b:c\",\"membership\":\"leave\"}", "s", "s",
         "s"},
	{"m.room.member", false, "$1:s", JOIN("\"@b:c\""), "s", "s", "s"},
	{"x.room.member", true, "$1:s", JOIN("\"@b:c\""), "s", "s", "s"},
	/* Who sends such an invite may be another than its sender's server. */
	{"m.room.member", true, "$1:o", "{\"membership\":\"invite\",\"third_party_invite\":{}}", "o", "", ""},
	{"m.room.member", true, "$1:s", "{\"membership\":\"invite\",\"third_party_invite\":{}}", "s", "", ""},
	{"m.room.member", true, "$1:s", "{\"membership\":\"join\",\"third_party_invite\":{}}", "s", "s", "s"},
	{"m.room.member", false, "$1:s", "{\"membership\":\"invite\",\"third_party_invite\":{}}", "s", "s", "s"},
	{"m.room.member", true, "$1:s", "{\"membership\":\"invite\"}", "s", "s", "s"},
	{"m.room.topic", true, "$1:s", "{\"membership\":\"invite\",\"third_party_invite\":{}}", "s", "s", "s"},
};

static void servers_that_must_sign(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t v = 1; v <= count; v++) {
			const char *expected = v <= 2 ? rows[i].v1 : v <= 7 ? rows[i].v3 : rows[i].v8;
			str servers[EVENT_SIGNERS_MAX];
			struct event event = {.version = &versions[v - 1], .type = str_of(rows[i].type), .sender = STR("@a:s"),
			                      .is_state = rows[i].is_state, .event_id = str_of(rows[i].event_id)};
			struct buf got;
			assert_rc(json_parse(&arena, str_of(rows[i].content), &event.content, NULL), RC_OK);
			buf_init(&got, &arena, 1000);
			size_t n = event_signers(&event, servers);
			for (size_t k = 0; k < n; k++)
				buf_printf(&got, "%s%.*s", k ? " " : "", STR_ARG(servers[k].n ? servers[k] : STR("-")));
			if (!str_eq(buf_str(&got), str_of(expected)))
				fail_msg("row %zu, version %zu: %.*s", i, v, STR_ARG(buf_str(&got)));
		}
}

#define DAY INT64_C(86400000)

static void keys_and_their_time(void **state)
{
	(void)state;
	static const struct {
		int64_t origin_server_ts, valid_until, expired, fetched;
		bool before_v5, from_v5;
	} times[] = {
		{1000, 1000, 0, 1000, true, true},
		{1001, 1000, 0, 1000, true, false},
		{8 * DAY, 30 * DAY, 0, DAY, true, true},
		{8 * DAY + 1, 30 * DAY, 0, DAY, true, false}, /* more than seven days into the future */
		{1000, 0, 0, 1000, true, false},
		{5, 2, 5, 100, true, true}, /* an old key: its expiry counts alone */
		{6, 100, 5, 100, false, false},
		{INT64_MAX, INT64_MAX, 0, INT64_MAX, true, true},
		{-5, 0, 0, 0, true, true},
	};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < COUNT_OF(times); i++)
		for (size_t v = 1; v <= count; v++)
			if (event_key_is_valid(&versions[v - 1], times[i].origin_server_ts, times[i].valid_until,
			                       times[i].expired, times[i].fetched) !=
			    (v < 5 ? times[i].before_v5 : times[i].from_v5))
				fail_msg("row %zu, version %zu", i, v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_that_must_sign),
		cmocka_unit_test(keys_and_their_time),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
