#include "base/test.h"

#include "codec/json.h"
#include "matrix/push_rules.h"

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

static json rules_of(str user_id)
{
	str text;
	json root = NULL;
	assert_rc(push_rules_content(&arena, user_id, STR_EMPTY, &text), RC_OK);
	assert_rc(json_parse(&arena, text, &root, NULL), RC_OK);
	return json_get(root, STR("global"));
}

static const char *const override_ids[] = {
	".m.rule.master",          ".m.rule.suppress_notices", ".m.rule.invite_for_me",   ".m.rule.member_event",
	".m.rule.is_user_mention", ".m.rule.is_room_mention",  ".m.rule.tombstone",       ".m.rule.reaction",
	".m.rule.room.server_acl", ".m.rule.suppress_edits",
};
static const char *const underride_ids[] = {
	".m.rule.call", ".m.rule.encrypted_room_one_to_one", ".m.rule.room_one_to_one", ".m.rule.message",
	".m.rule.encrypted",
};

static void kind_has(json rules, const char *const *ids, size_t count)
{
	assert_int_equal(json_count(rules), count);
	for (size_t i = 0; i < count; i++) {
		json rule = json_at(rules, i);
		bool is_master = strcmp(ids[i], ".m.rule.master") == 0, enabled;
		assert_str(json_get_text(rule, STR("rule_id")), str_of(ids[i]));
		assert_true(json_is_true(json_get(rule, STR("default"))));
		assert_true(json_bool(json_get(rule, STR("enabled")), &enabled));
		assert_int_equal(enabled, !is_master);
		assert_true(json_is_array(json_get(rule, STR("actions"))));
		assert_true(json_is_array(json_get(rule, STR("conditions"))));
		assert_int_equal(json_count(rule), 5);
	}
}

static void kinds_and_order(void **state)
{
	(void)state;
	json global = rules_of(STR("@alice:example.org"));
	assert_int_equal(json_count(global), 5);
	kind_has(json_get(global, STR("override")), override_ids, COUNT_OF(override_ids));
	kind_has(json_get(global, STR("underride")), underride_ids, COUNT_OF(underride_ids));
	kind_has(json_get(global, STR("content")), NULL, 0);
	kind_has(json_get(global, STR("room")), NULL, 0);
	kind_has(json_get(global, STR("sender")), NULL, 0);
}

static json rule_at(json global, const char *kind, size_t index)
{
	return json_at(json_get(global, str_of(kind)), index);
}

static json condition(json rule, size_t index)
{
	return json_at(json_get(rule, STR("conditions")), index);
}

/* The user's id stands where the rule needs it, escaped as JSON asks. */
static void users_id(void **state)
{
	(void)state;
	json global = rules_of(STR("@a\"b\\c\x01:example.org"));
	json pattern = json_get(condition(rule_at(global, "override", 2), 2), STR("pattern"));
	json value = json_get(condition(rule_at(global, "override", 4), 0), STR("value"));
	assert_str(json_text_or(pattern, STR_EMPTY), STR("@a\"b\\c\x01:example.org"));
	assert_str(json_text_or(value, STR_EMPTY), STR("@a\"b\\c\x01:example.org"));
}

static void conditions_and_actions(void **state)
{
	(void)state;
	static const struct {
		const char *kind;
		size_t index;
		const char *conditions, *actions;
	} rows[] = {
		{"override", 0, "[]", "[]"},
		{"override", 1, "[{\"key\":\"content.msgtype\",\"kind\":\"event_match\",\"pattern\":\"m.notice\"}]", "[]"},
		{"override", 4,
	         "[{\"key\":\"content.m\\\\.mentions.user_ids\",\"kind\":\"event_property_contains\",\"value\":\"@a:b\"}]",
	         "[\"notify\",{\"set_tweak\":\"sound\",\"value\":\"default\"},{\"set_tweak\":\"highlight\"}]"},
		{"override", 5,
	         "[{\"key\":\"content.m\\\\.mentions.room\",\"kind\":\"event_property_is\",\"value\":true},"
	         "{\"key\":\"room\",\"kind\":\"sender_notification_permission\"}]",
	         "[\"notify\",{\"set_tweak\":\"highlight\"}]"},
		{"override", 6,
	         "[{\"key\":\"type\",\"kind\":\"event_match\",\"pattern\":\"m.room.tombstone\"},"
	         "{\"key\":\"state_key\",\"kind\":\"event_match\",\"pattern\":\"\"}]",
	         "[\"notify\",{\"set_tweak\":\"highlight\"}]"},
		{"override", 9,
	         "[{\"key\":\"content.m\\\\.relates_to.rel_type\",\"kind\":\"event_property_is\",\"value\":\"m.replace\"}]",
	         "[]"},
		{"underride", 0, "[{\"key\":\"type\",\"kind\":\"event_match\",\"pattern\":\"m.call.invite\"}]",
	         "[\"notify\",{\"set_tweak\":\"sound\",\"value\":\"ring\"}]"},
		{"underride", 2,
	         "[{\"is\":\"2\",\"kind\":\"room_member_count\"},"
	         "{\"key\":\"type\",\"kind\":\"event_match\",\"pattern\":\"m.room.message\"}]",
	         "[\"notify\",{\"set_tweak\":\"sound\",\"value\":\"default\"}]"},
		{"underride", 3, "[{\"key\":\"type\",\"kind\":\"event_match\",\"pattern\":\"m.room.message\"}]",
	         "[\"notify\"]"},
	};
	json global = rules_of(STR("@a:b"));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf text;
		json rule = rule_at(global, rows[i].kind, rows[i].index);
		buf_init(&text, &arena, 4096);
		json_put(&text, json_get(rule, STR("conditions")));
		assert_str(buf_str(&text), str_of(rows[i].conditions));
		buf_init(&text, &arena, 4096);
		json_put(&text, json_get(rule, STR("actions")));
		assert_str(buf_str(&text), str_of(rows[i].actions));
	}
}

static void without_memory(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) small = {0};
	bool done = false;
	for (int64_t k = 0; !done; k++) {
		str text = STR("untouched");
		arena_release(&small);
		arena_init(&small, MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = push_rules_content(&small, STR("@a:b"), STR_EMPTY, &text);
		arena_fail_after(-1);
		done = rc == RC_OK;
		if (!done) {
			assert_rc(rc, RC_NOMEM);
			assert_str(text, STR("untouched"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_and_order), cmocka_unit_test(users_id), cmocka_unit_test(conditions_and_actions),
		cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
