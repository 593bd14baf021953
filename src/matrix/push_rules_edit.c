/* Changing an account's push rules: what a client may ask for, and where a rule comes to stand. */
#include "matrix/push_rules.h"

#include "matrix/ids.h"
#include "matrix/push_rules_int.h"

#include <string.h>

/* ---- actions and conditions ---- */

static bool is_too_deep(json v, unsigned depth)
{
	struct json_iter iter = json_iter(v);
	json member;
	if (depth == 0)
		return true;
	while (json_next(&iter, NULL, &member))
		if ((json_is_object(member) || json_is_array(member)) &&
		    is_too_deep(member, depth - 1))
			return true;
	return false;
}

/* Whether the action does anything: historical ones are to be ignored ("Historical Actions"). */
static bool is_historical(json action)
{
	str name = json_text_or(action, STR_EMPTY);
	return str_eq(name, STR("dont_notify")) || str_eq(name, STR("coalesce"));
}

static enum rc action_check(json action, size_t index, struct fail *fail)
{
	json tweak = json_get(action, STR("set_tweak"));
	if (is_historical(action) || str_eq(json_text_or(action, STR_EMPTY), STR("notify")))
		return RC_OK;
	if (json_is_text(action))
		return fail_set(fail, RC_INVALID_PARAM,
		    "actions[%zu]: as a string only \"notify\" is known", index);
	if (!json_is_object(action))
		return fail_set(
		    fail, RC_BAD_JSON, "actions[%zu] must be a string or an object", index);
	if (!tweak)
		return fail_set(
		    fail, RC_INVALID_PARAM, "actions[%zu]: an object must have set_tweak", index);
	if (!json_is_text(tweak))
		return fail_set(
		    fail, RC_BAD_JSON, "actions[%zu].set_tweak must be a string", index);
	if (is_too_deep(action, PUSH_DEPTH_MAX))
		return fail_set(fail, RC_INVALID_PARAM,
		    "actions[%zu] is nested more than %d levels deep", index, PUSH_DEPTH_MAX);
	return RC_OK;
}

static enum rc list_finish(
    const struct buf *list, const char *name, str *ret_text, struct fail *fail)
{
	enum rc rc = buf_finish(list, ret_text);
	if (rc == RC_TOO_LARGE)
		return fail_set(
		    fail, rc, "%s may have at most %d bytes", name, PUSH_ACTIONS_MAX_BYTES);
	return rc;
}

static enum rc actions_read(struct arena *arena, json actions, str *ret_text, struct fail *fail)
{
	struct json_iter iter = json_iter(actions);
	struct buf text;
	json action;
	if (!json_is_array(actions))
		return fail_set(fail, RC_BAD_JSON, "actions must be an array");
	if (json_count(actions) > PUSH_ACTIONS_MAX)
		return fail_set(
		    fail, RC_TOO_LARGE, "actions may have at most %d entries", PUSH_ACTIONS_MAX);
	buf_init(&text, arena, PUSH_ACTIONS_MAX_BYTES);
	buf_putc(&text, '[');
	for (size_t i = 0; json_next(&iter, NULL, &action); i++) {
		TRY(action_check(action, i, fail));
		if (is_historical(action))
			continue;
		json_put_comma(&text);
		json_put(&text, action);
	}
	buf_putc(&text, ']');
	return list_finish(&text, "actions", ret_text, fail);
}

/* What a condition of a kind must have; a condition of an unknown kind never matches, and may have anything. */
struct condition_member {
	const char *kind, *name;
	enum { MEMBER_TEXT, MEMBER_COUNT, MEMBER_VALUE } what;
};

static const struct condition_member condition_members[] = {
    {"event_match", "key", MEMBER_TEXT},
    {"event_match", "pattern", MEMBER_TEXT},
    {"event_property_is", "key", MEMBER_TEXT},
    {"event_property_is", "value", MEMBER_VALUE},
    {"event_property_contains", "key", MEMBER_TEXT},
    {"event_property_contains", "value", MEMBER_VALUE},
    {"room_member_count", "is", MEMBER_COUNT},
    {"sender_notification_permission", "key", MEMBER_TEXT},
};

bool push_count_parse(str is, enum push_order *ret_order, int64_t *ret_count)
{
	static const struct {
		const char *prefix;
		enum push_order order;
	} orders[] = {
	    {"==", PUSH_EQUAL},
	    {"<=", PUSH_LESS_OR_EQUAL},
	    {">=", PUSH_GREATER_OR_EQUAL},
	    {"<", PUSH_LESS},
	    {">", PUSH_GREATER},
	    {"", PUSH_EQUAL},
	};
	size_t i = 0;
	while (!str_starts(is, str_of(orders[i].prefix)))
		i++;
	*ret_order = orders[i].order;
	return str_to_i64(str_from(is, strlen(orders[i].prefix)), 0, JSON_INTEGER_MAX, ret_count);
}

static enum rc member_check(
    const struct condition_member *member, json v, size_t index, struct fail *fail)
{
	enum push_order order;
	int64_t count;
	str text;
	if (!v)
		return fail_set(fail, RC_MISSING_PARAM, "conditions[%zu]: %s must have %s", index,
		    member->kind, member->name);
	bool is_text = json_text(v, &text);
	if (member->what == MEMBER_VALUE) {
		if (!is_text && !json_is_integer(v) && !json_is_bool(v) && !json_is_null(v))
			return fail_set(fail, RC_INVALID_PARAM,
			    "conditions[%zu].value must be a string, an integer, a boolean or null",
			    index);
	} else if (!is_text) {
		return fail_set(
		    fail, RC_BAD_JSON, "conditions[%zu].%s must be a string", index, member->name);
	}
	if (is_text && text.n > PUSH_PATTERN_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE, "conditions[%zu].%s may have at most %d bytes",
		    index, member->name, PUSH_PATTERN_MAX_BYTES);
	if (member->what == MEMBER_COUNT && !push_count_parse(text, &order, &count))
		return fail_set(fail, RC_INVALID_PARAM,
		    "conditions[%zu].is must be a decimal integer, with ==, <, >, >= or <= before "
		    "it or not",
		    index);
	return RC_OK;
}

static enum rc condition_check(json condition, size_t index, struct fail *fail)
{
	str kind;
	if (!json_is_object(condition))
		return fail_set(fail, RC_BAD_JSON, "conditions[%zu] must be an object", index);
	if (!json_get(condition, STR("kind")))
		return fail_set(fail, RC_MISSING_PARAM, "conditions[%zu] must have kind", index);
	if (!json_text(json_get(condition, STR("kind")), &kind))
		return fail_set(fail, RC_BAD_JSON, "conditions[%zu].kind must be a string", index);
	for (size_t i = 0; i < COUNT_OF(condition_members); i++) {
		const struct condition_member *member = &condition_members[i];
		if (str_eq(kind, str_of(member->kind)))
			TRY(member_check(
			    member, json_get(condition, str_of(member->name)), index, fail));
	}
	if (is_too_deep(condition, PUSH_DEPTH_MAX))
		return fail_set(fail, RC_INVALID_PARAM,
		    "conditions[%zu] is nested more than %d levels deep", index, PUSH_DEPTH_MAX);
	return RC_OK;
}

/* Without any: a rule that always matches. */
static enum rc conditions_read(
    struct arena *arena, json conditions, str *ret_text, struct fail *fail)
{
	struct json_iter iter = json_iter(conditions);
	struct buf text;
	json condition;
	if (conditions && !json_is_array(conditions))
		return fail_set(fail, RC_BAD_JSON, "conditions must be an array");
	if (json_count(conditions) > PUSH_CONDITIONS_MAX)
		return fail_set(fail, RC_TOO_LARGE, "conditions may have at most %d entries",
		    PUSH_CONDITIONS_MAX);
	buf_init(&text, arena, PUSH_ACTIONS_MAX_BYTES);
	buf_putc(&text, '[');
	for (size_t i = 0; json_next(&iter, NULL, &condition); i++) {
		TRY(condition_check(condition, i, fail));
		json_put_comma(&text);
		json_put(&text, condition);
	}
	buf_putc(&text, ']');
	return list_finish(&text, "conditions", ret_text, fail);
}

static enum rc pattern_read(struct arena *arena, json pattern, str *ret_pattern, struct fail *fail)
{
	str text;
	if (!pattern)
		return fail_set(fail, RC_MISSING_PARAM, "pattern: a content rule must have one");
	if (!json_text(pattern, &text))
		return fail_set(fail, RC_BAD_JSON, "pattern must be a string");
	if (text.n > PUSH_PATTERN_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE, "pattern may have at most %d bytes",
		    PUSH_PATTERN_MAX_BYTES);
	*ret_pattern = text.n ? arena_dup(arena, text) : STR("");
	return arena_status(arena);
}

/* ---- rules ---- */

static enum rc id_check(enum push_kind kind, str id, struct fail *fail)
{
	if (id.n == 0 || id.n > PUSH_RULE_ID_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "ruleId must have 1 to %d bytes",
		    PUSH_RULE_ID_MAX_BYTES);
	if (id.p[0] == '.')
		return fail_set(fail, RC_INVALID_PARAM,
		    "ruleId: what starts with a dot is a rule of the server");
	if (str_find(id, '/') < id.n || str_find(id, '\\') < id.n)
		return fail_set(
		    fail, RC_INVALID_PARAM, "ruleId: slashes and backslashes are not allowed");
	if (kind == PUSH_ROOM && !room_id_parse(id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "ruleId of a room rule must be a room ID");
	if (kind == PUSH_SENDER && !user_id_parse(id, NULL))
		return fail_set(
		    fail, RC_INVALID_PARAM, "ruleId of a sender rule must be a user ID");
	return RC_OK;
}

static enum rc rule_read(struct arena *arena, const struct push_rule_wish *wish,
    struct push_rule *ret_rule, struct fail *fail)
{
	struct push_rule rule = {.rule_id = arena_dup(arena, wish->rule_id), .enabled = true};
	TRY(id_check(wish->kind, wish->rule_id, fail));
	if (!wish->actions)
		return fail_set(fail, RC_MISSING_PARAM, "actions is missing");
	TRY(actions_read(arena, wish->actions, &rule.actions, fail));
	if (wish->kind == PUSH_OVERRIDE || wish->kind == PUSH_UNDERRIDE)
		TRY(conditions_read(arena, wish->conditions, &rule.conditions, fail));
	if (wish->kind == PUSH_CONTENT)
		TRY(pattern_read(arena, wish->pattern, &rule.pattern, fail));
	TRY(arena_status(arena));
	*ret_rule = rule;
	return RC_OK;
}

/* The user's own rules of a kind come first, but for the master rule. */
static size_t own_begin(enum push_kind kind)
{
	return kind == PUSH_OVERRIDE ? 1 : 0;
}

static void take_out(struct push_rules *rules, enum push_kind kind, size_t at)
{
	struct push_rule *all = rules->rules[kind];
	memmove(&all[at], &all[at + 1], (--rules->count[kind] - at) * sizeof *all);
}

static enum rc put_in(
    struct push_rules *rules, enum push_kind kind, size_t at, const struct push_rule *rule)
{
	const struct push_rule *old = rules->rules[kind];
	size_t count = rules->count[kind];
	struct push_rule *all = arena_array(rules->arena, struct push_rule, count + 1);
	TRY(arena_status(rules->arena));
	memcpy(all, old, at * sizeof *all);
	all[at] = *rule;
	memcpy(&all[at + 1], &old[at], (count - at) * sizeof *all);
	rules->rules[kind] = all;
	rules->count[kind] = count + 1;
	return RC_OK;
}

static enum rc neighbour_check(const struct push_rules *rules, const struct push_rule_wish *wish,
    const char *name, str id, struct fail *fail)
{
	const struct push_rule *rule = push_rule_find(rules, wish->kind, id);
	if (!id.p || (rule && !rule->is_default && !str_eq(id, wish->rule_id)))
		return RC_OK;
	return fail_set(fail, RC_UNKNOWN_400,
	    "%s: there is no other rule of your own with this id among those of the kind", name);
}

static size_t place_of(const struct push_rules *rules, const struct push_rule_wish *wish)
{
	const struct push_rule *all = rules->rules[wish->kind];
	if (wish->before.p)
		return (size_t)(push_rule_find(rules, wish->kind, wish->before) - all);
	if (wish->after.p)
		return (size_t)(push_rule_find(rules, wish->kind, wish->after) - all) + 1;
	return own_begin(wish->kind);
}

enum rc push_rules_set(
    struct push_rules *rules, const struct push_rule_wish *wish, struct fail *fail)
{
	struct push_rule rule;
	struct push_rule *old = push_rule_find(rules, wish->kind, wish->rule_id);
	TRY(rule_read(rules->arena, wish, &rule, fail));
	TRY(neighbour_check(rules, wish, "before", wish->before, fail));
	TRY(neighbour_check(rules, wish, "after", wish->after, fail));
	if (!old && rules->own_count >= PUSH_RULES_MAX)
		return fail_set(fail, RC_TOO_LARGE,
		    "You have %d push rules of your own, and no more are possible", PUSH_RULES_MAX);
	if (old)
		rule.enabled = old->enabled;
	if (old && !wish->before.p && !wish->after.p) {
		*old = rule;
		return RC_OK;
	}
	if (old)
		take_out(rules, wish->kind, (size_t)(old - rules->rules[wish->kind]));
	TRY(put_in(rules, wish->kind, place_of(rules, wish), &rule));
	rules->own_count += !old;
	return RC_OK;
}

static enum rc find(const struct push_rules *rules, enum push_kind kind, str rule_id,
    struct push_rule **ret_rule, struct fail *fail)
{
	*ret_rule = push_rule_find(rules, kind, rule_id);
	return *ret_rule ? RC_OK : fail_set(fail, RC_NOT_FOUND, "There is no such push rule");
}

enum rc push_rules_remove(
    struct push_rules *rules, enum push_kind kind, str rule_id, struct fail *fail)
{
	struct push_rule *rule;
	TRY(find(rules, kind, rule_id, &rule, fail));
	if (rule->is_default)
		return fail_set(fail, RC_INVALID_PARAM,
		    "ruleId: a rule of the server cannot be deleted, only disabled");
	take_out(rules, kind, (size_t)(rule - rules->rules[kind]));
	rules->own_count--;
	return RC_OK;
}

enum rc push_rules_set_actions(
    struct push_rules *rules, enum push_kind kind, str rule_id, json actions, struct fail *fail)
{
	struct push_rule *rule;
	TRY(find(rules, kind, rule_id, &rule, fail));
	return actions_read(rules->arena, actions, &rule->actions, fail);
}

enum rc push_rules_set_enabled(
    struct push_rules *rules, enum push_kind kind, str rule_id, bool enabled, struct fail *fail)
{
	struct push_rule *rule;
	TRY(find(rules, kind, rule_id, &rule, fail));
	rule->enabled = enabled;
	return RC_OK;
}
