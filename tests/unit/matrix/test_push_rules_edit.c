/* Changing push rules: what is refused, where a rule comes to stand, and that what is stored comes back as it was. */
#include "base/test.h"

#include "matrix/push_rules.h"
#include "matrix/push_rules_int.h"

#define USER STR("@alice:example.org")
#define NOTIFY "{\"actions\":[\"notify\"]}"

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

static struct push_rules none(void)
{
	struct push_rules rules;
	assert_rc(push_rules_load(&arena, USER, STR_EMPTY, &rules), RC_OK);
	return rules;
}

static str changes_of(const struct push_rules *rules)
{
	struct buf buf;
	str text = STR_EMPTY;
	buf_init(&buf, &arena, PUSH_CHANGES_MAX_BYTES);
	push_rules_put_changes(&buf, rules);
	assert_rc(buf_finish(&buf, &text), RC_OK);
	return text;
}

static str global_of(const struct push_rules *rules)
{
	struct buf buf;
	str text = STR_EMPTY;
	buf_init(&buf, &arena, 2 * PUSH_CHANGES_MAX_BYTES);
	push_rules_put_global(&buf, rules);
	assert_rc(buf_finish(&buf, &text), RC_OK);
	return text;
}

static enum rc set(struct push_rules *rules, enum push_kind kind, str id, const char *body,
    const char *before, const char *after, struct fail *fail)
{
	json root = NULL;
	assert_rc(json_parse(&arena, str_of(body), &root, NULL), RC_OK);
	struct push_rule_wish wish = {
	    .kind = kind,
	    .rule_id = id,
	    .actions = json_get(root, STR("actions")),
	    .conditions = json_get(root, STR("conditions")),
	    .pattern = json_get(root, STR("pattern")),
	    .before = str_of(before),
	    .after = str_of(after),
	};
	return push_rules_set(rules, &wish, fail);
}

static void comes_back_as_it_was(const struct push_rules *rules)
{
	struct push_rules again;
	str changes = changes_of(rules);
	assert_rc(push_rules_load(&arena, USER, changes, &again), RC_OK);
	assert_str(changes_of(&again), changes);
	assert_str(global_of(&again), global_of(rules));
	assert_int_equal(again.own_count, rules->own_count);
}

/* ---- what cannot be a rule ---- */

struct bad_row {
	enum push_kind kind;
	const char *id, *body;
	enum rc rc;
	const char *says;
};

#define ACTIONS(list) "{\"actions\":" list "}"
#define CONDITIONS(list) "{\"actions\":[],\"conditions\":" list "}"

static const struct bad_row bad_rows[] = {
    {PUSH_OVERRIDE, "", NOTIFY, RC_INVALID_PARAM, "ruleId"},
    {PUSH_OVERRIDE, ".m.rule.master", NOTIFY, RC_INVALID_PARAM, "ruleId"},
    {PUSH_OVERRIDE, ".mine", NOTIFY, RC_INVALID_PARAM, "ruleId"},
    {PUSH_OVERRIDE, "a/b", NOTIFY, RC_INVALID_PARAM, "slashes"},
    {PUSH_OVERRIDE, "a\\b", NOTIFY, RC_INVALID_PARAM, "backslashes"},
    {PUSH_ROOM, "@a:b", NOTIFY, RC_INVALID_PARAM, "room ID"},
    {PUSH_SENDER, "!a:b", NOTIFY, RC_INVALID_PARAM, "user ID"},
    {PUSH_OVERRIDE, "x", "{}", RC_MISSING_PARAM, "actions"},
    {PUSH_OVERRIDE, "x", ACTIONS("\"notify\""), RC_BAD_JSON, "actions"},
    {PUSH_OVERRIDE, "x", ACTIONS("null"), RC_BAD_JSON, "actions"},
    {PUSH_OVERRIDE, "x", ACTIONS("[\"notify\",\"shout\"]"), RC_INVALID_PARAM, "actions[1]"},
    {PUSH_OVERRIDE, "x", ACTIONS("[\"NOTIFY\"]"), RC_INVALID_PARAM, "actions[0]"},
    {PUSH_OVERRIDE, "x", ACTIONS("[7]"), RC_BAD_JSON, "actions[0]"},
    {PUSH_OVERRIDE, "x", ACTIONS("[[\"notify\"]]"), RC_BAD_JSON, "actions[0]"},
    {PUSH_OVERRIDE, "x", ACTIONS("[{\"sound\":\"default\"}]"), RC_INVALID_PARAM, "set_tweak"},
    {PUSH_OVERRIDE, "x", ACTIONS("[{\"set_tweak\":1}]"), RC_BAD_JSON, "actions[0].set_tweak"},
    {PUSH_OVERRIDE, "x", ACTIONS("[{\"set_tweak\":\"a\",\"value\":[[[[[[[[[1]]]]]]]]]}]"),
	RC_INVALID_PARAM, "nested"},
    {PUSH_OVERRIDE, "x", CONDITIONS("{}"), RC_BAD_JSON, "conditions"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[\"event_match\"]"), RC_BAD_JSON, "conditions[0]"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{}]"), RC_MISSING_PARAM, "conditions[0]"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{\"kind\":1}]"), RC_BAD_JSON, "conditions[0].kind"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{\"kind\":\"event_match\",\"pattern\":\"a\"}]"),
	RC_MISSING_PARAM, "key"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{\"kind\":\"event_match\",\"key\":\"a\"}]"), RC_MISSING_PARAM,
	"pattern"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{\"kind\":\"event_match\",\"key\":1,\"pattern\":\"a\"}]"),
	RC_BAD_JSON, "key"},
    {PUSH_OVERRIDE, "x", CONDITIONS("[{\"kind\":\"event_match\",\"key\":\"a\",\"pattern\":null}]"),
	RC_BAD_JSON, "pattern"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"event_property_is\",\"key\":\"a\"}]"),
	RC_MISSING_PARAM, "value"},
    {PUSH_UNDERRIDE, "x",
	CONDITIONS("[{\"kind\":\"event_property_is\",\"key\":\"a\",\"value\":[]}]"),
	RC_INVALID_PARAM, "value"},
    {PUSH_UNDERRIDE, "x",
	CONDITIONS("[{\"kind\":\"event_property_is\",\"key\":\"a\",\"value\":1.5}]"),
	RC_INVALID_PARAM, "value"},
    {PUSH_UNDERRIDE, "x",
	CONDITIONS("[{\"kind\":\"event_property_contains\",\"key\":\"a\",\"value\":{}}]"),
	RC_INVALID_PARAM, "value"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\"}]"), RC_MISSING_PARAM, "is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\",\"is\":2}]"), RC_BAD_JSON,
	"is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\",\"is\":\"\"}]"),
	RC_INVALID_PARAM, "is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\",\"is\":\"=2\"}]"),
	RC_INVALID_PARAM, "is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\",\"is\":\"<-2\"}]"),
	RC_INVALID_PARAM, "is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"room_member_count\",\"is\":\"2x\"}]"),
	RC_INVALID_PARAM, "is"},
    {PUSH_UNDERRIDE, "x", CONDITIONS("[{\"kind\":\"sender_notification_permission\"}]"),
	RC_MISSING_PARAM, "key"},
    {PUSH_CONTENT, "x", NOTIFY, RC_MISSING_PARAM, "pattern"},
    {PUSH_CONTENT, "x", "{\"actions\":[],\"pattern\":7}", RC_BAD_JSON, "pattern"},
};

static void bad_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct push_rules rules = none();
		str before = global_of(&rules);
		struct fail fail = {0};
		assert_rc_of(set(&rules, row->kind, str_of(row->id), row->body, NULL, NULL, &fail),
		    row->rc, row->body);
		if (!strstr(fail.message, row->says))
			fail_msg("%s: the sentence is \"%s\"", row->body, fail.message);
		assert_str(global_of(&rules), before);
	}
}

/* ---- limits ---- */

static char *repeated(const char *begin, const char *piece, size_t count, const char *end)
{
	struct buf buf;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_put(&buf, str_of(begin));
	for (size_t i = 0; i < count; i++) {
		if (i && piece[1])
			buf_putc(&buf, ',');
		buf_put(&buf, str_of(piece));
	}
	buf_put(&buf, str_of(end));
	return arena_cstr(&arena, buf_str(&buf));
}

static void limits(void **state)
{
	(void)state;
	struct push_rules rules = none();
	const struct {
		const char *begin, *piece, *end;
		size_t most;
		enum push_kind kind;
	} rows[] = {
	    {"{\"actions\":[", "\"notify\"", "]}", PUSH_ACTIONS_MAX, PUSH_OVERRIDE},
	    {"{\"actions\":[],\"conditions\":[", "{\"kind\":\"x\"}", "]}", PUSH_CONDITIONS_MAX,
		PUSH_UNDERRIDE},
	    {"{\"actions\":[],\"pattern\":\"", "a", "\"}", PUSH_PATTERN_MAX_BYTES, PUSH_CONTENT},
	    {"{\"actions\":[],\"conditions\":[{\"kind\":\"event_match\",\"key\":\"", "a",
		"\",\"pattern\":\"\"}]}", PUSH_PATTERN_MAX_BYTES, PUSH_OVERRIDE},
	    {"{\"actions\":[],\"conditions\":[{\"kind\":\"event_property_is\",\"key\":\"a\","
	     "\"value\":\"",
		"a", "\"}]}", PUSH_PATTERN_MAX_BYTES, PUSH_OVERRIDE},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *most =
		    repeated(rows[i].begin, rows[i].piece, rows[i].most, rows[i].end);
		const char *more =
		    repeated(rows[i].begin, rows[i].piece, rows[i].most + 1, rows[i].end);
		assert_rc_of(set(&rules, rows[i].kind, STR("x"), most, NULL, NULL, NULL), RC_OK,
		    rows[i].begin);
		assert_rc_of(set(&rules, rows[i].kind, STR("y"), more, NULL, NULL, NULL),
		    RC_TOO_LARGE, rows[i].begin);
	}
	const char *long_tweak =
	    repeated("{\"actions\":[{\"set_tweak\":\"", "a", PUSH_ACTIONS_MAX_BYTES, "\"}]}");
	assert_rc(set(&rules, PUSH_OVERRIDE, STR("y"), long_tweak, NULL, NULL, NULL), RC_TOO_LARGE);
	str id = str_of(repeated("", "i", PUSH_RULE_ID_MAX_BYTES + 1, ""));
	assert_rc(set(&rules, PUSH_OVERRIDE, id, NOTIFY, NULL, NULL, NULL), RC_INVALID_PARAM);
	assert_rc(set(&rules, PUSH_OVERRIDE, str_from(id, 1), NOTIFY, NULL, NULL, NULL), RC_OK);
	comes_back_as_it_was(&rules);
}

static void not_too_many(void **state)
{
	(void)state;
	str changes = STR_EMPTY;
	for (int i = 0; i < PUSH_RULES_MAX; i++) {
		struct push_rules rules;
		struct arena CLEANUP(arena_release) scratch;
		arena_init(&scratch, 16 * MEBIBYTE);
		assert_rc(push_rules_load(&scratch, USER, changes, &rules), RC_OK);
		str id = arena_printf(&arena, "rule%d", i);
		assert_rc(set(&rules, i % 2 ? PUSH_OVERRIDE : PUSH_UNDERRIDE, id, ACTIONS("[]"),
			      NULL, NULL, NULL),
		    RC_OK);
		arena_clear(&arena);
		changes = changes_of(&rules);
	}
	struct push_rules rules;
	struct fail fail = {0};
	assert_rc(push_rules_load(&arena, USER, changes, &rules), RC_OK);
	assert_int_equal(rules.own_count, PUSH_RULES_MAX);
	assert_rc(set(&rules, PUSH_OVERRIDE, STR("more"), NOTIFY, NULL, NULL, &fail), RC_TOO_LARGE);
	assert_rc(set(&rules, PUSH_OVERRIDE, STR("rule1"), NOTIFY, NULL, NULL, &fail), RC_OK);
	assert_rc(push_rules_remove(&rules, PUSH_OVERRIDE, STR("rule1"), &fail), RC_OK);
	assert_rc(set(&rules, PUSH_OVERRIDE, STR("more"), NOTIFY, NULL, NULL, &fail), RC_OK);
}

/* ---- what is kept ---- */

static void read_as_given(void **state)
{
	(void)state;
	struct push_rules rules = none();
	assert_rc(set(&rules, PUSH_OVERRIDE, STR("x"),
		      "{\"actions\":[\"dont_notify\",\"notify\",\"coalesce\",{\"set_tweak\":"
		      "\"sound\",\"value\":{\"a\":[1]}}],"
		      "\"conditions\":[{\"kind\":\"org.example.unknown\",\"a\":1},{\"kind\":\"room_"
		      "member_count\",\"is\":\"<=10\"}],"
		      "\"pattern\":\"ignored\"}",
		      NULL, NULL, NULL),
	    RC_OK);
	const struct push_rule *rule = push_rule_find(&rules, PUSH_OVERRIDE, STR("x"));
	assert_str(
	    rule->actions, STR("[\"notify\",{\"set_tweak\":\"sound\",\"value\":{\"a\":[1]}}]"));
	assert_str(rule->conditions, STR("[{\"kind\":\"org.example.unknown\",\"a\":1},{\"kind\":"
					 "\"room_member_count\",\"is\":\"<=10\"}]"));
	assert_null(rule->pattern.p);
	assert_true(rule->enabled && !rule->is_default);
	assert_rc(set(&rules, PUSH_UNDERRIDE, STR("x"), NOTIFY, NULL, NULL, NULL), RC_OK);
	assert_str(push_rule_find(&rules, PUSH_UNDERRIDE, STR("x"))->conditions, STR("[]"));
	assert_rc(set(&rules, PUSH_CONTENT, STR("x"),
		      "{\"actions\":[],\"pattern\":\"\",\"conditions\":7}", NULL, NULL, NULL),
	    RC_OK);
	comes_back_as_it_was(&rules);
	struct buf buf;
	buf_init(&buf, &arena, 1000);
	push_rule_put(&buf, push_rule_find(&rules, PUSH_CONTENT, STR("x")));
	assert_str(buf_str(&buf), STR("{\"actions\":[],\"default\":false,\"enabled\":true,"
				      "\"pattern\":\"\",\"rule_id\":\"x\"}"));
}

/* ---- order: one letter a rule, A those of the server ---- */

struct step {
	const char *id, *before, *after, *order;
	enum rc rc;
};

static const struct step steps[] = {
    {"a", NULL, NULL, "aA", RC_OK},
    {"b", NULL, NULL, "baA", RC_OK},
    {"c", NULL, "b", "bcaA", RC_OK},
    {"d", "a", NULL, "bcdaA", RC_OK},
    {"c", NULL, NULL, "bcdaA", RC_OK},
    {"c", "b", NULL, "cbdaA", RC_OK},
    {"c", NULL, "a", "bdacA", RC_OK},
    {"b", "c", "d", "dabcA", RC_OK}, /* `before` decides */
    {"b", "b", NULL, "dabcA", RC_UNKNOWN_400},
    {"e", "nothing", NULL, "dabcA", RC_UNKNOWN_400},
    {"e", NULL, "nothing", "dabcA", RC_UNKNOWN_400},
    {"e", "a", "nothing", "dabcA", RC_UNKNOWN_400},
    {"e", ".m.rule.call", NULL, "dabcA", RC_UNKNOWN_400},
    {"e", NULL, ".m.rule.master", "dabcA", RC_UNKNOWN_400},
    {"e", "", NULL, "dabcA", RC_UNKNOWN_400},
};

static void order_is(const struct push_rules *rules, enum push_kind kind, const char *order)
{
	char got[32] = "";
	size_t n = 0, first = kind == PUSH_OVERRIDE;
	if (first)
		assert_str(rules->rules[kind][0].rule_id, STR(".m.rule.master"));
	for (size_t i = first; i < rules->count[kind]; i++)
		if (!rules->rules[kind][i].is_default)
			got[n++] = rules->rules[kind][i].rule_id.p[0];
		else if (n == 0 || got[n - 1] != 'A')
			got[n++] = 'A';
	if (strcmp(got, "A") != 0 || *order)
		assert_string_equal(got, order);
}

static void order(void **state)
{
	(void)state;
	const enum push_kind kinds[] = {PUSH_OVERRIDE, PUSH_UNDERRIDE};
	for (size_t k = 0; k < COUNT_OF(kinds); k++) {
		struct push_rules rules = none();
		for (size_t i = 0; i < COUNT_OF(steps); i++) {
			assert_rc_of(set(&rules, kinds[k], str_of(steps[i].id), NOTIFY,
					 steps[i].before, steps[i].after, NULL),
			    steps[i].rc, steps[i].order);
			order_is(&rules, kinds[k], steps[i].order);
			comes_back_as_it_was(&rules);
		}
	}
}

/* ---- the server's rules ---- */

static void defaults_change(void **state)
{
	(void)state;
	struct push_rules rules = none();
	str untouched = changes_of(&rules), id = STR(".m.rule.message");
	struct fail fail = {0};
	json actions = NULL, same = NULL;
	assert_rc(
	    json_parse(&arena, STR("[{\"set_tweak\":\"highlight\"}]"), &actions, NULL), RC_OK);
	assert_rc(json_parse(&arena, STR("[\"notify\"]"), &same, NULL), RC_OK);
	assert_rc(push_rules_remove(&rules, PUSH_UNDERRIDE, id, &fail), RC_INVALID_PARAM);
	assert_rc(push_rules_set_actions(&rules, PUSH_UNDERRIDE, id, actions, &fail), RC_OK);
	assert_rc(push_rules_set_enabled(&rules, PUSH_OVERRIDE, STR(".m.rule.master"), true, &fail),
	    RC_OK);
	comes_back_as_it_was(&rules);
	assert_str(push_rule_find(&rules, PUSH_UNDERRIDE, id)->actions,
	    STR("[{\"set_tweak\":\"highlight\"}]"));
	assert_rc(push_rules_set_actions(&rules, PUSH_UNDERRIDE, id, same, &fail), RC_OK);
	assert_rc(
	    push_rules_set_enabled(&rules, PUSH_OVERRIDE, STR(".m.rule.master"), false, &fail),
	    RC_OK);
	assert_str(changes_of(&rules), untouched);
	assert_rc(push_rules_set_actions(&rules, PUSH_OVERRIDE, id, same, &fail), RC_NOT_FOUND);
	assert_rc(push_rules_set_enabled(&rules, PUSH_ROOM, id, false, &fail), RC_NOT_FOUND);
	assert_rc(push_rules_remove(&rules, PUSH_SENDER, id, &fail), RC_NOT_FOUND);
}

static void stays_disabled(void **state)
{
	(void)state;
	struct push_rules rules = none();
	assert_rc(set(&rules, PUSH_SENDER, STR("@b:c"), NOTIFY, NULL, NULL, NULL), RC_OK);
	assert_rc(push_rules_set_enabled(&rules, PUSH_SENDER, STR("@b:c"), false, NULL), RC_OK);
	assert_rc(set(&rules, PUSH_SENDER, STR("@b:c"), ACTIONS("[]"), NULL, NULL, NULL), RC_OK);
	assert_false(push_rule_find(&rules, PUSH_SENDER, STR("@b:c"))->enabled);
	comes_back_as_it_was(&rules);
}

static void damaged(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "{",
	    "{\"rules\":{\"override\":[{}]}}",
	    "{\"rules\":{\"override\":[{\"rule_id\":\"a\",\"enabled\":true}]}}",
	    "{\"rules\":{\"room\":[{\"rule_id\":\"a\",\"actions\":[]}]}}",
	    "{\"rules\":{\"room\":[7]}}",
	};
	struct push_rules rules;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_rc_of(
		    push_rules_load(&arena, USER, str_of(texts[i]), &rules), RC_CORRUPT, texts[i]);
}

static void without_memory(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) small = {0};
	bool done = false;
	for (int64_t k = 0; !done; k++) {
		struct push_rules rules = none();
		arena_release(&small);
		arena_init(&small, MEBIBYTE);
		rules.arena = &small;
		json actions = NULL, pattern = NULL;
		assert_rc(json_parse(&arena, STR("[\"notify\"]"), &actions, NULL), RC_OK);
		assert_rc(json_parse(&arena, STR("\"cake\""), &pattern, NULL), RC_OK);
		struct push_rule_wish wish = {.kind = PUSH_CONTENT,
		    .rule_id = STR("x"),
		    .actions = actions,
		    .pattern = pattern};
		str before = global_of(&rules);
		arena_fail_after(k);
		enum rc rc = push_rules_set(&rules, &wish, NULL);
		arena_fail_after(-1);
		done = rc == RC_OK;
		if (!done) {
			assert_rc(rc, RC_NOMEM);
			assert_str(global_of(&rules), before);
		}
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bad_rules),
	    TEST(limits),
	    TEST(not_too_many),
	    TEST(read_as_given),
	    TEST(order),
	    TEST(defaults_change),
	    TEST(stays_disabled),
	    TEST(damaged),
	    TEST(without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
