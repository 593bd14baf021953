/* The conditions of push rules, case by case as the specification states them, and the order of the rules. */
#include "base/test.h"

#include "matrix/push_eval.h"

#define ALICE "@alice:example.org"

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

static json parsed(const char *text)
{
	json root = NULL;
	assert_rc_of(json_parse(&arena, str_of(text), &root, NULL), RC_OK, text);
	return root;
}

static struct push_rules none(void)
{
	struct push_rules rules;
	assert_rc(push_rules_load(&arena, PUSH_ANYBODY, STR_EMPTY, &rules), RC_OK);
	return rules;
}

static void add(struct push_rules *rules, enum push_kind kind, const char *id, const char *conditions, const char *pattern,
    const char *actions)
{
	str quoted = pattern ? arena_printf(&arena, "\"%s\"", pattern) : STR_EMPTY;
	struct push_rule_wish wish = {.kind = kind, .rule_id = str_of(id), .actions = parsed(actions)};
	if (conditions)
		wish.conditions = parsed(conditions);
	if (pattern)
		wish.pattern = parsed(arena_cstr(&arena, quoted));
	assert_rc_of(push_rules_set(rules, &wish, NULL), RC_OK, id);
}

static const struct push_ruleset *compiled(const struct push_rules *rules)
{
	const struct push_ruleset *set = NULL;
	assert_rc(push_compile(&arena, rules, &set), RC_OK);
	return set;
}

static struct push_event event_of(const char *text)
{
	json root = parsed(text);
	return (struct push_event){
	    .root = root,
	    .event_id = STR("$event"),
	    .room_id = STR("!room:example.org"),
	    .sender = json_get_text(root, STR("sender")),
	    .member_count = 3,
	    .power = {.is_known = true, .sender_level = 0},
	};
}

static struct push_outcome ask(const struct push_ruleset *set, const struct push_event *event)
{
	const struct push_reader reader = {STR(ALICE), STR("Alice M.")};
	struct push_outcome outcome = {0};
	assert_true(push_evaluate(set, event, &reader, &outcome));
	return outcome;
}

/* ---- conditions ---- */

#define MESSAGE(body) \
	"{\"content\":{\"body\":\"" body "\",\"msgtype\":\"m.text\"},\"room_id\":\"!room:example.org\"," \
	"\"sender\":\"@bob:example.org\",\"type\":\"m.room.message\"}"
#define CONTENT(content) \
	"{\"content\":{" content "},\"depth\":7,\"origin_server_ts\":5,\"room_id\":\"!room:example.org\"," \
	"\"sender\":\"@bob:example.org\",\"type\":\"org.example\"}"
#define TOPIC(topic) \
	"{\"content\":{\"topic\":" topic "},\"sender\":\"@bob:example.org\",\"state_key\":\"\",\"type\":\"m.room.topic\"}"
#define MATCH(key, pattern) "{\"kind\":\"event_match\",\"key\":\"" key "\",\"pattern\":\"" pattern "\"}"
#define IS(key, value) "{\"kind\":\"event_property_is\",\"key\":\"" key "\",\"value\":" value "}"
#define HAS(key, value) "{\"kind\":\"event_property_contains\",\"key\":\"" key "\",\"value\":" value "}"
#define FEDERATE(value) CONTENT("\"m.federate\":" value)
#define ALIASES(list) CONTENT("\"alt_aliases\":" list)

struct row {
	const char *condition, *event;
	bool holds;
};

static const struct row rows[] = {
	/* event_match: the specification's examples first */
	{MATCH("content.topic", "lunc?*"), TOPIC("\"Lunch plans\""), true},
	{MATCH("content.topic", "lunc?*"), TOPIC("\"LUNCH\""), true},
	{MATCH("content.topic", "lunc?*"), TOPIC("\" lunch\""), false},
	{MATCH("content.topic", "lunc?*"), TOPIC("\"lunc\""), false},
	{MATCH("content.topic", "lunc?*"), TOPIC("null"), false},
	{MATCH("content.body", "ex*ple"), MESSAGE("An example event."), true},
	{MATCH("content.body", "ex*ple"), MESSAGE("exple"), true},
	{MATCH("content.body", "ex*ple"), MESSAGE("An exciting triple-whammy"), true},
	{MATCH("content.body", "ex*ple"), MESSAGE("hexapleats"), false},
	{MATCH("content.body", "cake"), MESSAGE("cakes"), false},
	{MATCH("content.topic", "*"), TOPIC("\"\""), true},
	{MATCH("content.topic", "*"), TOPIC("7"), false},
	{MATCH("content.topic", "*"), TOPIC("[\"a\"]"), false},
	{MATCH("content.topic", "*"), MESSAGE("a"), false},
	{MATCH("content.topic", "b"), TOPIC("\"a b c\""), false}, /* words only in content.body */
	{MATCH("content", "*"), TOPIC("\"a\""), false},
	{MATCH("type", "m.room.*"), MESSAGE("a"), true},
	{MATCH("type", "M.ROOM.MESSAGE"), MESSAGE("a"), true},
	{MATCH("sender", "@bob:*"), MESSAGE("a"), true},
	{MATCH("room_id", "!room:example.org"), MESSAGE("a"), true},
	{MATCH("room_id", "!room:example.org"), TOPIC("\"a\""), true}, /* a create event of version 12 has none in itself */
	{MATCH("room_id", "!other:example.org"), MESSAGE("a"), false},
	{MATCH("event_id", "$event"), MESSAGE("a"), true},
	{MATCH("state_key", ""), TOPIC("\"a\""), true},
	{MATCH("state_key", ""), MESSAGE("a"), false},
	{MATCH("unsigned.age", "*"), MESSAGE("a"), false},
	{MATCH("", "*"), MESSAGE("a"), false},
	{MATCH("content.", "*"), CONTENT("\"\":\"a\""), true},
	/* paths */
	{MATCH("content.a.b", "x"), CONTENT("\"a\":{\"b\":\"x\"}"), true},
	{MATCH("content.a.b", "x"), CONTENT("\"a.b\":\"x\""), false},
	{MATCH("content.a\\\\.b", "x"), CONTENT("\"a.b\":\"x\""), true},
	{MATCH("content.a\\\\\\\\b", "x"), CONTENT("\"a\\\\b\":\"x\""), true},
	{MATCH("content.a\\\\\\\\.b", "x"), CONTENT("\"a\\\\\":{\"b\":\"x\"}"), true},
	{MATCH("content.a\\\\xb", "x"), CONTENT("\"a\\\\xb\":\"x\""), true}, /* other escapes are left as they are */
	{MATCH("content.a\\\\", "x"), CONTENT("\"a\\\\\":\"x\""), true},
	{MATCH("content.a.0", "x"), CONTENT("\"a\":[\"x\"]"), false},
	{MATCH("content.a.b", "x"), CONTENT("\"a\":\"x\""), false},
	{MATCH("content\\\\.body", "a"), MESSAGE("a"), false},
	/* what is not there for clients */
	{IS("depth", "7"), CONTENT(""), false},
	{IS("origin_server_ts", "5"), CONTENT(""), true},
	/* event_property_is */
	{IS("content.m\\\\.federate", "true"), FEDERATE("true"), true},
	{IS("content.m\\\\.federate", "true"), FEDERATE("\"true\""), false},
	{IS("content.m\\\\.federate", "true"), FEDERATE("1"), false},
	{IS("content.m\\\\.federate", "true"), FEDERATE("false"), false},
	{IS("content.m\\\\.federate", "false"), FEDERATE("false"), true},
	{IS("content.m\\\\.federate", "false"), FEDERATE("null"), false},
	{IS("content.m\\\\.federate", "null"), FEDERATE("null"), true},
	{IS("content.m\\\\.federate", "null"), CONTENT(""), false},
	{IS("content.m\\\\.federate", "1"), FEDERATE("1"), true},
	{IS("content.m\\\\.federate", "1"), FEDERATE("true"), false},
	{IS("content.m\\\\.federate", "0"), FEDERATE("false"), false},
	{IS("content.m\\\\.federate", "-9007199254740991"), FEDERATE("-9007199254740991"), true},
	{IS("content.m\\\\.federate", "1"), FEDERATE("1.0"), false},
	{IS("content.m\\\\.federate", "\"a\""), FEDERATE("\"a\""), true},
	{IS("content.m\\\\.federate", "\"a\""), FEDERATE("\"A\""), false},
	{IS("content.m\\\\.federate", "\"a*\""), FEDERATE("\"ab\""), false},
	{IS("content.m\\\\.federate", "\"a\""), FEDERATE("[\"a\"]"), false},
	{IS("content.body", "\"cake\""), MESSAGE("a cake"), false},
	{IS("room_id", "\"!room:example.org\""), MESSAGE("a"), true},
	{IS("room_id", "\"!ROOM:example.org\""), MESSAGE("a"), false},
	{IS("event_id", "\"$event\""), MESSAGE("a"), true},
	{IS("event_id", "7"), MESSAGE("a"), false},
	/* event_property_contains */
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), ALIASES("[\"#a:b\",\"#myroom:example.com\"]"), true},
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), ALIASES("[\"#MYROOM:example.com\"]"), false},
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), ALIASES("\"#myroom:example.com\""), false},
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), ALIASES("{\"#myroom:example.com\":1}"), false},
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), ALIASES("[[\"#myroom:example.com\"]]"), false},
	{HAS("content.alt_aliases", "\"#myroom:example.com\""), CONTENT(""), false},
	{HAS("content.alt_aliases", "7"), ALIASES("[\"7\",true,null,7]"), true},
	{HAS("content.alt_aliases", "7"), ALIASES("[\"7\",true,null]"), false},
	{HAS("content.alt_aliases", "true"), ALIASES("[1,\"true\"]"), false},
	{HAS("content.alt_aliases", "true"), ALIASES("[true]"), true},
	{HAS("content.alt_aliases", "null"), ALIASES("[0,\"\"]"), false},
	{HAS("content.alt_aliases", "null"), ALIASES("[null]"), true},
	{HAS("content.alt_aliases", "null"), ALIASES("[]"), false},
	{HAS("room_id", "\"!room:example.org\""), MESSAGE("a"), false},
	/* room_member_count, of a room of three */
	{"{\"kind\":\"room_member_count\",\"is\":\"3\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\"2\"}", MESSAGE("a"), false},
	{"{\"kind\":\"room_member_count\",\"is\":\"==3\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\"<3\"}", MESSAGE("a"), false},
	{"{\"kind\":\"room_member_count\",\"is\":\"<4\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\">3\"}", MESSAGE("a"), false},
	{"{\"kind\":\"room_member_count\",\"is\":\">2\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\"<=3\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\">=3\"}", MESSAGE("a"), true},
	{"{\"kind\":\"room_member_count\",\"is\":\">=4\"}", MESSAGE("a"), false},
	/* the historical condition: the display name is "Alice M." */
	{"{\"kind\":\"contains_display_name\"}", MESSAGE("hello ALICE M."), true},
	{"{\"kind\":\"contains_display_name\"}", MESSAGE("hello Alice Mx"), false},
	{"{\"kind\":\"contains_display_name\"}", MESSAGE("hello xAlice M."), false},
	{"{\"kind\":\"contains_display_name\"}", CONTENT("\"body\":[\"Alice M.\"]"), false},
	{"{\"kind\":\"contains_display_name\"}", CONTENT(""), false},
	/* what is not understood matches nothing */
	{"{\"kind\":\"org.example.unknown\"}", MESSAGE("a"), false},
	{"{\"kind\":\"device\",\"profile_tag\":\"a\"}", MESSAGE("a"), false},
};

static void conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct push_rules rules = none();
		str list = arena_printf(&arena, "[%s]", rows[i].condition);
		add(&rules, PUSH_OVERRIDE, "x", arena_cstr(&arena, list), NULL, "[\"notify\"]");
		struct push_event event = event_of(rows[i].event);
		bool matched = str_eq(ask(compiled(&rules), &event).rule_id, STR("x"));
		if (matched != rows[i].holds)
			fail_msg("%s on %s: %d", rows[i].condition, rows[i].event, matched);
	}
}

static void all_conditions_must_hold(void **state)
{
	(void)state;
	struct push_rules rules = none();
	add(&rules, PUSH_OVERRIDE, "none", "[]", NULL, "[]");
	add(&rules, PUSH_OVERRIDE, "both", "[" MATCH("content.body", "cake") "," MATCH("sender", "@bob:*") "]", NULL, "[]");
	add(&rules, PUSH_OVERRIDE, "not", "[" MATCH("content.body", "cake") ",{\"kind\":\"unknown\"}]", NULL, "[]");
	const struct push_ruleset *set = compiled(&rules);
	struct push_event cake = event_of(MESSAGE("cake")), tea = event_of(MESSAGE("tea"));
	assert_str(ask(set, &cake).rule_id, STR("both"));
	assert_str(ask(set, &tea).rule_id, STR("none"));
}

/* ---- sender_notification_permission ---- */

struct power_row {
	const char *notifications, *key;
	int64_t sender_level;
	bool holds;
};

static const struct power_row power_rows[] = {
	{NULL, "room", 50, true},
	{NULL, "room", 49, false},
	{"{}", "room", 50, true},
	{"{\"room\":20}", "room", 20, true},
	{"{\"room\":20}", "room", 19, false},
	{"{\"room\":20}", "org.example", 49, false},
	{"{\"room\":20}", "org.example", 50, true},
	{"{\"room\":\"20\"}", "room", 20, false}, /* in version 12 that is no level */
	{"{\"room\":100}", "room", POWER_INFINITE, true},
};

static void permission(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(power_rows); i++) {
		const struct power_row *row = &power_rows[i];
		struct push_rules rules = none();
		str list = arena_printf(&arena, "[{\"kind\":\"sender_notification_permission\",\"key\":\"%s\"}]", row->key);
		add(&rules, PUSH_OVERRIDE, "x", arena_cstr(&arena, list), NULL, "[]");
		struct push_event event = event_of(MESSAGE("a"));
		event.power = (struct push_power){
		    .is_known = true,
		    .version = room_version_find(STR("12")),
		    .sender_level = row->sender_level,
		    .notifications = row->notifications ? parsed(row->notifications) : NULL,
		};
		assert_int_equal(str_eq(ask(compiled(&rules), &event).rule_id, STR("x")), row->holds);
	}
}

/* Only an event whose sender's power matters asks for it. */
static void power_is_asked_for(void **state)
{
	(void)state;
	const struct push_reader reader = {STR(ALICE), STR_EMPTY};
	struct push_rules rules = none();
	const struct push_ruleset *set = compiled(&rules);
	struct push_outcome outcome;
	struct push_event event = event_of(MESSAGE("a"));
	event.power.is_known = false;
	assert_true(push_evaluate(set, &event, &reader, &outcome));
	assert_str(outcome.rule_id, STR(".m.rule.message"));
	event = event_of(CONTENT("\"m.mentions\":{\"room\":true}"));
	event.power.is_known = false;
	assert_false(push_evaluate(set, &event, &reader, &outcome));
	event.power = (struct push_power){.is_known = true, .sender_level = 50};
	assert_true(push_evaluate(set, &event, &reader, &outcome));
	assert_str(outcome.rule_id, STR(".m.rule.is_room_mention"));
	assert_true(outcome.notify && outcome.highlight);
}

/* ---- the server's rules ---- */

struct default_row {
	const char *event, *rule_id;
	bool notify, highlight;
	int64_t members;
};

#define MEMBER(membership, key) \
	"{\"content\":{\"membership\":\"" membership "\"},\"sender\":\"@bob:example.org\",\"state_key\":\"" key \
	"\",\"type\":\"m.room.member\"}"
#define TEXT(more) "{\"content\":{\"body\":\"a\"" more "},\"sender\":\"@bob:example.org\",\"type\":\"m.room.message\"}"
#define TYPE(type, more) "{\"content\":{},\"sender\":\"@bob:example.org\"" more ",\"type\":\"" type "\"}"

static const struct default_row default_rows[] = {
	{TEXT(""), ".m.rule.message", true, false, 3},
	{TEXT(""), ".m.rule.room_one_to_one", true, false, 2},
	{TEXT(""), ".m.rule.message", true, false, 1},
	{TEXT(",\"msgtype\":\"m.notice\""), ".m.rule.suppress_notices", false, false, 2},
	{TEXT(",\"msgtype\":\"m.notice\",\"m.mentions\":{\"user_ids\":[\"" ALICE "\"]}"), ".m.rule.suppress_notices", false,
	 false, 3},
	{TEXT(",\"m.mentions\":{\"user_ids\":[\"@x:y\",\"" ALICE "\"]}"), ".m.rule.is_user_mention", true, true, 3},
	{TEXT(",\"m.mentions\":{\"user_ids\":[\"@ALICE:example.org\"]}"), ".m.rule.message", true, false, 3},
	{TEXT(",\"m.mentions\":{\"user_ids\":\"" ALICE "\"}"), ".m.rule.message", true, false, 3},
	{TEXT(",\"m.mentions\":{\"user_ids\":[\"\\u0001\"]}"), ".m.rule.message", true, false, 3},
	{TEXT(",\"m.mentions\":{\"room\":true}"), ".m.rule.message", true, false, 3}, /* the sender has level 0 */
	{TEXT(",\"m.mentions\":{\"room\":\"true\"}"), ".m.rule.message", true, false, 3},
	{TEXT(",\"m.relates_to\":{\"rel_type\":\"m.replace\"}"), ".m.rule.suppress_edits", false, false, 3},
	{TEXT(",\"m.relates_to\":{\"rel_type\":\"m.thread\"}"), ".m.rule.message", true, false, 3},
	{TYPE("m.room.encrypted", ""), ".m.rule.encrypted", true, false, 3},
	{TYPE("m.room.encrypted", ""), ".m.rule.encrypted_room_one_to_one", true, false, 2},
	{TYPE("m.call.invite", ""), ".m.rule.call", true, false, 3},
	{TYPE("m.reaction", ""), ".m.rule.reaction", false, false, 2},
	{TYPE("m.room.tombstone", ",\"state_key\":\"\""), ".m.rule.tombstone", true, true, 3},
	{TYPE("m.room.tombstone", ",\"state_key\":\"x\""), "", false, false, 3},
	{TYPE("m.room.tombstone", ""), "", false, false, 3},
	{TYPE("m.room.server_acl", ",\"state_key\":\"\""), ".m.rule.room.server_acl", false, false, 3},
	{TYPE("m.room.name", ",\"state_key\":\"\""), "", false, false, 2},
	{TYPE("m.sticker", ""), "", false, false, 2},
	{MEMBER("invite", ALICE), ".m.rule.invite_for_me", true, false, 2},
	{MEMBER("invite", "@carol:example.org"), ".m.rule.member_event", false, false, 2},
	{MEMBER("join", ALICE), ".m.rule.member_event", false, false, 2},
};

static void defaults(void **state)
{
	(void)state;
	struct push_rules rules = none();
	const struct push_ruleset *set = compiled(&rules);
	for (size_t i = 0; i < COUNT_OF(default_rows); i++) {
		const struct default_row *row = &default_rows[i];
		struct push_event event = event_of(row->event);
		event.member_count = row->members;
		struct push_outcome outcome = ask(set, &event);
		if (!str_eq(outcome.rule_id, str_of(row->rule_id)))
			fail_msg("%s: %.*s", row->event, STR_ARG(outcome.rule_id));
		assert_int_equal(outcome.notify, row->notify);
		assert_int_equal(outcome.highlight, row->highlight);
	}
}

/* An id may hold what a pattern would take for wildcards. */
static void users_id_is_literal(void **state)
{
	(void)state;
	struct push_rules rules = none();
	const struct push_ruleset *set = compiled(&rules);
	const struct push_reader star = {STR("@*:example.org"), STR_EMPTY};
	struct push_event event = event_of(MEMBER("invite", "@carol:example.org"));
	struct push_outcome outcome;
	assert_true(push_evaluate(set, &event, &star, &outcome));
	assert_str(outcome.rule_id, STR(".m.rule.member_event"));
	struct push_rules own = none();
	add(&own, PUSH_OVERRIDE, "x", "[" MATCH("sender", "\\u0001") "]", NULL, "[]");
	event = event_of("{\"content\":{},\"sender\":\"" ALICE "\",\"type\":\"m.reaction\"}");
	assert_str(ask(compiled(&own), &event).rule_id, STR(".m.rule.reaction")); /* only in the server's rules it stands for the id */
}

/* ---- order and actions ---- */

static void order_of_kinds(void **state)
{
	(void)state;
	static const enum push_kind kinds[] = {PUSH_UNDERRIDE, PUSH_SENDER, PUSH_ROOM, PUSH_CONTENT, PUSH_OVERRIDE};
	static const char *const ids[] = {"x", "@bob:example.org", "!room:example.org", "x", "x"};
	struct push_rules rules = none();
	struct push_event event = event_of(MESSAGE("cake"));
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		str actions = arena_printf(&arena, "[{\"set_tweak\":\"n\",\"value\":%zu}]", i);
		add(&rules, kinds[i], ids[i], "[]", "cake", arena_cstr(&arena, actions));
		assert_str(ask(compiled(&rules), &event).actions, actions);
	}
	for (size_t i = COUNT_OF(kinds); i-- > 0;) {
		assert_str(ask(compiled(&rules), &event).rule_id, str_of(ids[i]));
		assert_rc(push_rules_set_enabled(&rules, kinds[i], str_of(ids[i]), false, NULL), RC_OK);
	}
	assert_str(ask(compiled(&rules), &event).rule_id, STR(".m.rule.message"));
	assert_rc(push_rules_set_enabled(&rules, PUSH_OVERRIDE, STR("x"), true, NULL), RC_OK);
	assert_rc(push_rules_set_enabled(&rules, PUSH_OVERRIDE, STR(".m.rule.master"), true, NULL), RC_OK);
	assert_str(ask(compiled(&rules), &event).rule_id, STR(".m.rule.master"));
	assert_false(ask(compiled(&rules), &event).notify);
}

static void many_rooms_and_senders(void **state)
{
	(void)state;
	struct push_rules rules = none();
	for (int i = 0; i < 100; i++) {
		str room = arena_printf(&arena, "!r%d:example.org", i * 7 % 100), sender = arena_printf(&arena, "@s%d:x", i);
		add(&rules, PUSH_ROOM, arena_cstr(&arena, room), NULL, NULL, "[]");
		add(&rules, PUSH_SENDER, arena_cstr(&arena, sender), NULL, NULL, "[]");
	}
	const struct push_ruleset *set = compiled(&rules);
	struct push_event event = event_of(MESSAGE("a"));
	for (int i = 0; i < 100; i++) {
		event.room_id = arena_printf(&arena, "!r%d:example.org", i);
		assert_str(ask(set, &event).rule_id, event.room_id);
	}
	event.room_id = STR("!r100:example.org");
	event.sender = STR("@s99:x");
	assert_str(ask(set, &event).rule_id, STR("@s99:x"));
	event.sender = STR("@s100:x");
	assert_str(ask(set, &event).rule_id, STR(".m.rule.message"));
}

/* More properties than are kept for one event. */
static void many_paths(void **state)
{
	(void)state;
	struct push_rules rules = none();
	for (int i = 0; i < 90; i++) {
		str id = arena_printf(&arena, "r%d", i);
		str list = arena_printf(&arena, "[" MATCH("content.k%d", "yes") "]", i);
		add(&rules, PUSH_OVERRIDE, arena_cstr(&arena, id), arena_cstr(&arena, list), NULL, "[]");
	}
	const struct push_ruleset *set = compiled(&rules);
	for (int i = 0; i < 90; i++) {
		str text = arena_printf(&arena, CONTENT("\"k%d\":\"yes\""), i);
		struct push_event event = event_of(arena_cstr(&arena, text));
		assert_str(ask(set, &event).rule_id, arena_printf(&arena, "r%d", i));
	}
}

static void actions(void **state)
{
	(void)state;
	static const struct {
		const char *actions;
		bool notify, highlight;
	} action_rows[] = {
		{"[]", false, false},
		{"[\"notify\"]", true, false},
		{"[\"dont_notify\"]", false, false},
		{"[\"coalesce\"]", false, false},
		{"[\"notify\",{\"set_tweak\":\"highlight\"}]", true, true},
		{"[\"notify\",{\"set_tweak\":\"highlight\",\"value\":true}]", true, true},
		{"[\"notify\",{\"set_tweak\":\"highlight\",\"value\":false}]", true, false},
		{"[\"notify\",{\"set_tweak\":\"highlight\",\"value\":\"true\"}]", true, false},
		{"[{\"set_tweak\":\"highlight\"}]", false, false}, /* what does not notify has no tweak */
		{"[{\"set_tweak\":\"sound\",\"value\":\"x\"},\"notify\"]", true, false},
	};
	for (size_t i = 0; i < COUNT_OF(action_rows); i++) {
		struct push_rules rules = none();
		struct push_event event = event_of(MESSAGE("a"));
		add(&rules, PUSH_OVERRIDE, "x", "[]", NULL, action_rows[i].actions);
		struct push_outcome outcome = ask(compiled(&rules), &event);
		assert_int_equal(outcome.notify, action_rows[i].notify);
		assert_int_equal(outcome.highlight, action_rows[i].highlight);
	}
}

static void damaged(void **state)
{
	(void)state;
	struct push_rules rules = none();
	const struct push_ruleset *set = NULL;
	rules.rules[PUSH_OVERRIDE][1].conditions = STR("[");
	assert_rc(push_compile(&arena, &rules, &set), RC_CORRUPT);
	rules = none();
	rules.rules[PUSH_OVERRIDE][1].actions = STR("{}");
	assert_rc(push_compile(&arena, &rules, &set), RC_CORRUPT);
	assert_null(set);
}

static void without_memory(void **state)
{
	(void)state;
	struct push_rules rules = none();
	struct arena CLEANUP(arena_release) small = {0};
	const struct push_ruleset *set = NULL;
	add(&rules, PUSH_CONTENT, "x", NULL, "cake*", "[\"notify\"]");
	for (int64_t k = 0; !set; k++) {
		arena_release(&small);
		arena_init(&small, MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = push_compile(&small, &rules, &set);
		arena_fail_after(-1);
		assert_int_equal(rc == RC_OK, set != NULL);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions), cmocka_unit_test(all_conditions_must_hold), cmocka_unit_test(permission),
		cmocka_unit_test(power_is_asked_for), cmocka_unit_test(defaults), cmocka_unit_test(users_id_is_literal),
		cmocka_unit_test(order_of_kinds), cmocka_unit_test(many_rooms_and_senders), cmocka_unit_test(many_paths),
		cmocka_unit_test(actions), cmocka_unit_test(damaged), cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
