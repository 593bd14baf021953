/*
 * Redaction in every version, held against the specification's lists: Room Versions, "Redactions". Here they are as the
 * pages have them, a whole list for each change, and not as the code keeps them.
 */
#include "base/test.h"

#include "matrix/event.h"

#define KEYS_MAX 16

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const char *const top_to_v10[] = {
	"event_id", "type",       "room_id",     "sender", "state_key",        "content",    "hashes", "signatures", "depth",
	"prev_events", "prev_state", "auth_events", "origin", "origin_server_ts", "membership", NULL,
};
static const char *const top_from_v11[] = {
	"event_id", "type",  "room_id",     "sender",      "state_key",        "content", "hashes",
	"signatures", "depth", "prev_events", "auth_events", "origin_server_ts", NULL,
};

/* Every top-level member that the lists name, and some that none names, in canonical order. */
static const char *const top_all[] = {
	"age",    "auth_events", "content",  "depth",      "event_id",         "hashes",      "membership",
	"origin", "origin_server_ts", "prev_events", "prev_state", "redacts",  "room_id",     "sender",
	"signatures", "state_key", "type",   "unsigned",   "user_id",
};

struct content_list {
	const char *type;
	const char *keys[KEYS_MAX];
};

#define POWER "ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"

static const struct content_list v1_lists[] = {
	{"m.room.member", {"membership"}},
	{"m.room.create", {"creator"}},
	{"m.room.join_rules", {"join_rule"}},
	{"m.room.power_levels", {POWER}},
	{"m.room.aliases", {"aliases"}},
	{"m.room.history_visibility", {"history_visibility"}},
	{NULL, {NULL}},
}, v6_lists[] = {
	{"m.room.member", {"membership"}},
	{"m.room.create", {"creator"}},
	{"m.room.join_rules", {"join_rule"}},
	{"m.room.power_levels", {POWER}},
	{"m.room.history_visibility", {"history_visibility"}},
	{NULL, {NULL}},
}, v8_lists[] = {
	{"m.room.member", {"membership"}},
	{"m.room.create", {"creator"}},
	{"m.room.join_rules", {"join_rule", "allow"}},
	{"m.room.power_levels", {POWER}},
	{"m.room.history_visibility", {"history_visibility"}},
	{NULL, {NULL}},
}, v9_lists[] = {
	{"m.room.member", {"membership", "join_authorised_via_users_server"}},
	{"m.room.create", {"creator"}},
	{"m.room.join_rules", {"join_rule", "allow"}},
	{"m.room.power_levels", {POWER}},
	{"m.room.history_visibility", {"history_visibility"}},
	{NULL, {NULL}},
}, v11_lists[] = {
	{"m.room.member", {"membership", "join_authorised_via_users_server", "third_party_invite"}}, /* its `signed` */
	{"m.room.create", {"*"}},
	{"m.room.join_rules", {"join_rule", "allow"}},
	{"m.room.power_levels", {POWER, "invite"}},
	{"m.room.history_visibility", {"history_visibility"}},
	{"m.room.redaction", {"redacts"}},
	{NULL, {NULL}},
};

/* By version: the fragments v1, v6, v8 (on its own page), v9 and v11. */
static const struct {
	const char *const *top;
	const struct content_list *lists;
} by_version[12] = {
	{top_to_v10, v1_lists}, {top_to_v10, v1_lists}, {top_to_v10, v1_lists},   {top_to_v10, v1_lists},
	{top_to_v10, v1_lists}, {top_to_v10, v6_lists}, {top_to_v10, v6_lists},   {top_to_v10, v8_lists},
	{top_to_v10, v9_lists}, {top_to_v10, v9_lists}, {top_from_v11, v11_lists}, {top_from_v11, v11_lists},
};

static const char *const types[] = {
	"m.room.member", "m.room.create", "m.room.join_rules", "m.room.power_levels", "m.room.aliases",
	"m.room.history_visibility", "m.room.redaction", "m.room.message", "m.room.topic", "m.room.tombstone",
	"m.room.third_party_invite", "m.room.server_acl", "m.room.encryption", "",
};

/* Every key of content that a list names, and some that none names, in canonical order. */
static const char *const content_keys[] = {
	"aliases", "allow", "ban", "body", "creator", "displayname", "events", "events_default", "history_visibility",
	"invite", "join_authorised_via_users_server", "join_rule", "kick", "m.deactivated", "membership", "notifications",
	"redact", "redacts", "room_version", "state_default", "third_party_invite", "users", "users_default",
};

static bool is_listed(const char *const *keys, const char *key)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0 || strcmp(*keys, "*") == 0)
			return true;
	return false;
}

static bool keeps_content(const struct content_list *lists, const char *type, const char *key)
{
	for (; lists->type; lists++)
		if (strcmp(lists->type, type) == 0)
			return is_listed(lists->keys, key);
	return false;
}

static void put_content(struct buf *buf, const struct content_list *lists_or_all, const char *type)
{
	buf_putc(buf, '{');
	for (size_t i = 0; i < COUNT_OF(content_keys); i++) {
		if (lists_or_all && !keeps_content(lists_or_all, type, content_keys[i]))
			continue;
		json_put_key(buf, str_of(content_keys[i]));
		if (strcmp(content_keys[i], "third_party_invite") != 0)
			buf_put(buf, STR("[5]"));
		else if (!lists_or_all || strcmp(type, "m.room.create") == 0)
			buf_put(buf, STR("{\"display_name\":\"x\",\"signed\":{\"token\":\"t\"}}"));
		else
			buf_put(buf, STR("{\"signed\":{\"token\":\"t\"}}"));
	}
	buf_putc(buf, '}');
}

/* The whole event, or (with a version) what must be left of it. */
static str event_text(const char *type, int version)
{
	struct buf buf;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_putc(&buf, '{');
	for (size_t i = 0; i < COUNT_OF(top_all); i++) {
		if (version && !is_listed(by_version[version - 1].top, top_all[i]))
			continue;
		json_put_key(&buf, str_of(top_all[i]));
		if (strcmp(top_all[i], "content") == 0)
			put_content(&buf, version ? by_version[version - 1].lists : NULL, type);
		else if (strcmp(top_all[i], "type") == 0)
			json_put_text(&buf, str_of(type));
		else
			buf_printf(&buf, "{\"kept\":%zu}", i);
	}
	buf_putc(&buf, '}');
	return buf_str(&buf);
}

static void every_type_in_every_version(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	assert_int_equal(count, COUNT_OF(by_version));
	for (size_t t = 0; t < COUNT_OF(types); t++) {
		json root = NULL;
		assert_rc(json_parse(&arena, event_text(types[t], 0), &root, NULL), RC_OK);
		for (int v = 1; v <= (int)count; v++) {
			str redacted = STR_EMPTY, expected = event_text(types[t], v);
			assert_rc(event_redact(&arena, &versions[v - 1], root, &redacted), RC_OK);
			if (!str_eq(redacted, expected))
				fail_msg("%s in version %d:\n%.*s\n%.*s", types[t], v, STR_ARG(redacted), STR_ARG(expected));
		}
	}
}

/* v11: of the invite only `signed` is left, and what is no object goes altogether. */
static void third_party_invites(void **state)
{
	(void)state;
	static const struct {
		const char *invite, *left;
	} rows[] = {
		{"{\"signed\":{\"b\":1,\"a\":2},\"z\":1}", "{\"third_party_invite\":{\"signed\":{\"a\":2,\"b\":1}}}"},
		{"{\"signed\":null}", "{\"third_party_invite\":{\"signed\":null}}"},
		{"{\"display_name\":\"x\"}", "{\"third_party_invite\":{}}"},
		{"{}", "{\"third_party_invite\":{}}"},
		{"[]", "{}"},
		{"\"x\"", "{}"},
		{"null", "{}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json root = NULL;
		str redacted;
		str text = arena_printf(&arena, "{\"content\":{\"third_party_invite\":%s},\"type\":\"m.room.member\"}",
		                        rows[i].invite);
		assert_rc(json_parse(&arena, text, &root, NULL), RC_OK);
		assert_rc(event_redact(&arena, room_version_find(STR("11")), root, &redacted), RC_OK);
		assert_str(redacted, arena_printf(&arena, "{\"content\":%s,\"type\":\"m.room.member\"}", rows[i].left));
		assert_rc(event_redact(&arena, room_version_find(STR("10")), root, &redacted), RC_OK);
		assert_str(redacted, STR("{\"content\":{},\"type\":\"m.room.member\"}"));
	}
}

/* Before v6 numbers of any kind survive in what is kept. */
static void numbers_of_old_rooms(void **state)
{
	(void)state;
	static const str text = STR_INIT("{\"content\":{\"ban\":5e1,\"users\":{\"@a:b\":18446744073709551616}},"
	                                 "\"type\":\"m.room.power_levels\"}");
	json root = NULL;
	str redacted = STR("untouched");
	assert_rc(json_parse(&arena, text, &root, NULL), RC_OK);
	assert_rc(event_redact(&arena, room_version_find(STR("5")), root, &redacted), RC_OK);
	assert_str(redacted, STR("{\"content\":{\"ban\":50.0,\"users\":{\"@a:b\":18446744073709551616}},"
	                         "\"type\":\"m.room.power_levels\"}"));
	redacted = STR("untouched");
	assert_rc(event_redact(&arena, room_version_find(STR("6")), root, &redacted), RC_BAD_JSON);
	assert_str(redacted, STR("untouched"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_in_every_version),
		cmocka_unit_test(third_party_invites),
		cmocka_unit_test(numbers_of_old_rooms),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
