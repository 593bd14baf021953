/* Which auth events an event takes, and the rules on those it gives. */
#include "base/test.h"

#include "graph/room.h"

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

#define MEMBERSHIP(what) "{\"membership\":\"" what "\"}"
#define TOKEN_INVITE "{\"membership\":\"invite\",\"third_party_invite\":{\"signed\":{\"token\":\"tok\"}}}"
#define AUTHORISED(by, what) "{\"join_authorised_via_users_server\":\"" by "\",\"membership\":\"" what "\"}"

/* Keys in order, each "type state_key"; the create event is put before them where the version wants it. */
static void keys_of_events(void **state)
{
	(void)state;
	static const struct {
		const char *type, *state_key, *content, *keys;
		const char *keys_unrestricted; /* in versions without restricted joins; NULL: the same */
	} rows[] = {
		{"m.room.message", NULL, "{}", "power_levels ,member @s:a", NULL},
		{"m.room.topic", "", "{}", "power_levels ,member @s:a", NULL},
		{"m.room.member", NULL, MEMBERSHIP("join"), "power_levels ,member @s:a", NULL},
		{"m.room.member", "@s:a", MEMBERSHIP("join"), "power_levels ,member @s:a,join_rules ", NULL},
		{"m.room.member", "@t:a", MEMBERSHIP("invite"), "power_levels ,member @s:a,member @t:a,join_rules ", NULL},
		{"m.room.member", "@t:a", MEMBERSHIP("ban"), "power_levels ,member @s:a,member @t:a", NULL},
		{"m.room.member", "@s:a", MEMBERSHIP("leave"), "power_levels ,member @s:a", NULL},
		{"m.room.member", "@s:a", MEMBERSHIP("knock"), "power_levels ,member @s:a,join_rules ", NULL},
		{"m.room.member", "@t:a", TOKEN_INVITE,
	         "power_levels ,member @s:a,member @t:a,join_rules ,third_party_invite tok", NULL},
		{"m.room.member", "@s:a", AUTHORISED("@u:a", "join"), "power_levels ,member @s:a,join_rules ,member @u:a",
		 "power_levels ,member @s:a,join_rules "},
		{"m.room.member", "@s:a", AUTHORISED("@s:a", "join"), "power_levels ,member @s:a,join_rules ", NULL},
		{"m.room.member", "@s:a", AUTHORISED("@u:a", "leave"), "power_levels ,member @s:a", NULL},
		{"m.room.member", "@t:a", "{\"membership\":\"invite\",\"third_party_invite\":5}",
	         "power_levels ,member @s:a,member @t:a,join_rules ", NULL},
		{"m.room.member", "@t:a", "{\"membership\":5}", "power_levels ,member @s:a,member @t:a", NULL},
	};
	size_t versions_count;
	const struct room_version *versions = room_version_all(&versions_count);
	for (size_t v = 0; v < versions_count; v++) {
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			struct auth_key keys[AUTH_KEYS_MAX];
			struct buf text;
			json content;
			assert_rc(json_parse(&arena, str_of(rows[i].content), &content, NULL), RC_OK);
			size_t count = auth_keys(&versions[v], str_of(rows[i].type), rows[i].state_key != NULL,
			                         str_of(rows[i].state_key), STR("@s:a"), content, keys);
			buf_init(&text, &arena, 4096);
			for (size_t k = 0; k < count; k++)
				buf_printf(&text, "%s%.*s %.*s", k ? "," : "", STR_ARG(str_from(keys[k].type, 7)),
				           STR_ARG(keys[k].state_key));
			bool other = rows[i].keys_unrestricted && !versions[v].restricted_join;
			str expected = arena_printf(&arena, "%s%s",
			                            versions[v].create_in_auth_events ? "create ," : "",
			                            other ? rows[i].keys_unrestricted : rows[i].keys);
			assert_str(buf_str(&text), expected);
		}
	}
}

static void create_takes_none(void **state)
{
	(void)state;
	struct auth_key keys[AUTH_KEYS_MAX];
	assert_int_equal(auth_keys(room_version_default(), STR("m.room.create"), true, STR_EMPTY, STR("@s:a"), NULL,
	                           keys), 0);
}

/* A well-chosen list for a message, and one change to it. */
struct choice {
	struct event create, power, member, other;
	struct auth_event entries[5];
	size_t count;
};

static void choose(struct choice *c, const struct room_version *version)
{
	str room = version->room_id_from_create ? STR("!aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") : STR("!r:a");
	c->create = test_event(&arena, version, room, "m.room.create", "@s:a", "", "{}");
	c->power = test_event(&arena, version, room, "m.room.power_levels", "@s:a", "", "{}");
	c->member = test_event(&arena, version, room, "m.room.member", "@s:a", "@s:a", MEMBERSHIP("join"));
	c->other = test_event(&arena, version, room, "m.room.topic", "@s:a", "", "{}");
	c->count = 0;
	c->entries[c->count++] = (struct auth_event){&c->power, false};
	c->entries[c->count++] = (struct auth_event){&c->member, false};
	if (version->create_in_auth_events)
		c->entries[c->count++] = (struct auth_event){&c->create, false};
}

/* Whatever stands first among them. */
static void rule_is(const struct choice *c, const struct room_version *version, const char *v11, const char *v12)
{
	struct event event = test_event(&arena, version, c->power.room_id, "m.room.message", "@s:a", NULL, "{}");
	const char *number = version->room_id_from_create ? v12 : v11;
	str expected = number ? arena_printf(&arena, "v%d:%s", test_version_text(version), number) : STR_EMPTY;
	struct auth_event entries[COUNT_OF(c->entries)];
	for (size_t first = 0; first < c->count; first++) {
		for (size_t i = 0; i < c->count; i++)
			entries[i] = c->entries[(first + i) % c->count];
		struct auth_verdict verdict = auth_check_auth_events(&event, entries, c->count);
		assert_str(str_of(verdict.rule), expected);
		assert_int_equal(verdict.allowed, number == NULL);
	}
}

static void given_auth_events(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		struct choice c;
		choose(&c, &versions[v]);
		rule_is(&c, &versions[v], NULL, NULL);
		c.entries[c.count++] = (struct auth_event){&c.power, false};
		rule_is(&c, &versions[v], "2.1", "3.1");
		choose(&c, &versions[v]);
		c.entries[c.count++] = (struct auth_event){&c.other, false};
		rule_is(&c, &versions[v], "2.2", "3.2");
		choose(&c, &versions[v]);
		c.member.is_state = false;
		rule_is(&c, &versions[v], "2.2", "3.2");
		choose(&c, &versions[v]);
		c.entries[1].rejected = true;
		rule_is(&c, &versions[v], "2.3", "3.3");
		choose(&c, &versions[v]);
		c.count = 2; /* without the create event, where there was one */
		rule_is(&c, &versions[v], "2.4", NULL);
		choose(&c, &versions[v]);
		c.member.room_id = STR("!other:a");
		rule_is(&c, &versions[v], "2.5", "3.5");
	}
}

/* In v12 the create event must not be among them. */
static void no_create_in_v12(void **state)
{
	(void)state;
	struct choice c;
	choose(&c, room_version_default());
	c.entries[c.count++] = (struct auth_event){&c.create, false};
	rule_is(&c, room_version_default(), NULL, "3.2");
}

/* Rule 1 allows a create event, or not, before those of the auth events are reached. */
static void create_is_judged_before(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		struct choice c;
		choose(&c, &versions[v]);
		struct auth_verdict verdict = auth_check_auth_events(&c.create, c.entries, c.count);
		assert_true(verdict.allowed);
		assert_string_equal(verdict.rule, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_events),
		cmocka_unit_test(create_takes_none),
		cmocka_unit_test(given_auth_events),
		cmocka_unit_test(no_create_in_v12),
		cmocka_unit_test(create_is_judged_before),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
