/* From the texts of push rules to what push_eval.c asks. */
#include "matrix/push_eval_int.h"

#include <stdlib.h>
#include <string.h>

struct compiler {
	struct arena *arena;
	struct push_path *paths;
	size_t count, capacity;
};

/* ---- paths ---- */

/* What clients see of an event (ClientEvent). */
static const char *const visible_keys[] = {
    "content", "origin_server_ts", "redacts", "sender", "state_key", "type"};

/* Appendices, "Dot-separated property paths". In place: the next key is read and `*cursor` goes behind its dot. */
static bool next_key(char **cursor, char *end, str *ret_key)
{
	char *from = *cursor, *key = from, *to = from;
	if (!from)
		return false;
	for (; from < end && *from != '.'; from++) {
		if (*from == '\\' && from + 1 < end && (from[1] == '.' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	*ret_key = str_bytes(key, (size_t)(to - key));
	*cursor = from < end ? from + 1 : NULL;
	return true;
}

static void path_place(struct push_path *path)
{
	path->where = PATH_HIDDEN;
	if (path->count == 1 && str_eq(path->keys[0], STR("event_id")))
		path->where = PATH_EVENT_ID;
	if (path->count == 1 && str_eq(path->keys[0], STR("room_id")))
		path->where = PATH_ROOM_ID;
	for (size_t i = 0; i < COUNT_OF(visible_keys); i++)
		if (str_eq(path->keys[0], str_of(visible_keys[i])))
			path->where = PATH_IN_EVENT;
	path->is_body = path->count == 2 && str_eq(path->keys[0], STR("content")) &&
			str_eq(path->keys[1], STR("body"));
}

static enum rc path_make(struct arena *arena, str text, struct push_path *ret_path)
{
	str copy = arena_dup(arena, text);
	str *keys = arena_array(arena, str, text.n + 1);
	TRY(arena_status(arena));
	char *cursor = UNCONST(char *, copy.p ? copy.p : "");
	char *end = cursor + copy.n;
	size_t count = 0;
	while (next_key(&cursor, end, &keys[count]))
		count++;
	*ret_path = (struct push_path){.text = text, .keys = keys, .count = count};
	path_place(ret_path);
	return RC_OK;
}

static enum rc path_index(struct compiler *c, str text, size_t *ret_index)
{
	size_t i = 0;
	while (i < c->count && !str_eq(c->paths[i].text, text))
		i++;
	*ret_index = i;
	if (i < c->count)
		return RC_OK;
	if (c->count == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 16;
		c->paths = arena_grow(c->arena, c->paths, c->capacity * sizeof *c->paths,
		    capacity * sizeof *c->paths);
		TRY(arena_status(c->arena));
		c->capacity = capacity;
	}
	return path_make(c->arena, text, &c->paths[c->count++]);
}

/* ---- conditions ---- */

/* A condition of which something is missing is left as TEST_NEVER. */
static enum rc compile_match(
    struct compiler *c, json v, bool may_be_user, struct push_condition *condition)
{
	str key, pattern;
	if (!json_text(json_get(v, STR("key")), &key) ||
	    !json_text(json_get(v, STR("pattern")), &pattern))
		return RC_OK;
	TRY(path_index(c, key, &condition->path));
	condition->test = c->paths[condition->path].is_body ? TEST_WORDS : TEST_MATCH;
	condition->is_of_user = may_be_user && str_eq(pattern, PUSH_ANYBODY);
	return glob_compile(c->arena, pattern, &condition->glob);
}

static enum rc compile_property(struct compiler *c, json v, enum push_test test, bool may_be_user,
    struct push_condition *condition)
{
	str key, text = STR_EMPTY;
	json value = json_get(v, STR("value"));
	bool is_text = json_text(value, &text);
	if (!json_text(json_get(v, STR("key")), &key))
		return RC_OK;
	if (!is_text && !json_is_integer(value) && !json_is_bool(value) && !json_is_null(value))
		return RC_OK;
	TRY(path_index(c, key, &condition->path));
	condition->test = test;
	condition->value = value;
	condition->is_of_user = may_be_user && str_eq(text, PUSH_ANYBODY);
	return RC_OK;
}

static enum rc compile_condition(
    struct compiler *c, json v, bool may_be_user, struct push_condition *condition)
{
	str kind = json_get_text(v, STR("kind"));
	*condition = (struct push_condition){.test = TEST_NEVER};
	if (str_eq(kind, STR("event_match")))
		return compile_match(c, v, may_be_user, condition);
	if (str_eq(kind, STR("event_property_is")))
		return compile_property(c, v, TEST_IS, may_be_user, condition);
	if (str_eq(kind, STR("event_property_contains")))
		return compile_property(c, v, TEST_CONTAINS, may_be_user, condition);
	if (str_eq(kind, STR("room_member_count")) &&
	    push_count_parse(json_get_text(v, STR("is")), &condition->order, &condition->count))
		condition->test = TEST_MEMBER_COUNT;
	if (str_eq(kind, STR("sender_notification_permission")) &&
	    json_text(json_get(v, STR("key")), &condition->key))
		condition->test = TEST_PERMISSION;
	if (str_eq(kind, STR("contains_display_name")))
		condition->test = TEST_DISPLAY_NAME;
	return RC_OK;
}

static enum rc parse(struct arena *arena, str text, json *ret_array)
{
	enum rc rc = json_parse(arena, text, ret_array, NULL);
	if (rc == RC_NOT_JSON || rc == RC_BAD_JSON || (rc == RC_OK && !json_is_array(*ret_array)))
		return RC_CORRUPT;
	return rc;
}

static enum rc compile_conditions(
    struct compiler *c, const struct push_rule *rule, struct push_compiled_rule *compiled)
{
	json list, v;
	TRY(parse(c->arena, rule->conditions, &list));
	struct json_iter iter = json_iter(list);
	struct push_condition *conditions =
	    arena_array(c->arena, struct push_condition, json_count(list));
	TRY(arena_status(c->arena));
	for (size_t i = 0; json_next(&iter, NULL, &v); i++)
		TRY(compile_condition(c, v, rule->is_default, &conditions[i]));
	compiled->conditions = conditions;
	compiled->condition_count = json_count(list);
	return RC_OK;
}

/* A content rule is an event_match of content.body. */
static enum rc compile_content(
    struct compiler *c, const struct push_rule *rule, struct push_compiled_rule *compiled)
{
	struct push_condition *condition = arena_new(c->arena, struct push_condition);
	TRY(arena_status(c->arena));
	condition->test = TEST_WORDS;
	TRY(path_index(c, STR("content.body"), &condition->path));
	TRY(glob_compile(c->arena, rule->pattern, &condition->glob));
	compiled->conditions = condition;
	compiled->condition_count = 1;
	return RC_OK;
}

/* ---- rules ---- */

static enum rc compile_actions(
    struct compiler *c, const struct push_rule *rule, struct push_compiled_rule *compiled)
{
	json list, action;
	TRY(parse(c->arena, rule->actions, &list));
	struct json_iter iter = json_iter(list);
	while (json_next(&iter, NULL, &action)) {
		json value = json_get(action, STR("value"));
		if (str_eq(json_text_or(action, STR_EMPTY), STR("notify")))
			compiled->notify = true;
		if (str_eq(json_get_text(action, STR("set_tweak")), STR("highlight")))
			compiled->highlight = !value || json_is_true(value);
	}
	return RC_OK;
}

static enum rc compile_rule(struct compiler *c, enum push_kind kind, const struct push_rule *rule,
    struct push_compiled_rule *compiled)
{
	*compiled = (struct push_compiled_rule){.rule_id = rule->rule_id, .actions = rule->actions};
	TRY(compile_actions(c, rule, compiled));
	if (kind == PUSH_CONTENT)
		return compile_content(c, rule, compiled);
	return kind == PUSH_OVERRIDE || kind == PUSH_UNDERRIDE
		   ? compile_conditions(c, rule, compiled)
		   : RC_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct push_compiled_rule *x = a, *y = b;
	return str_cmp(x->rule_id, y->rule_id);
}

static enum rc compile_kind(struct compiler *c, enum push_kind kind, const struct push_rules *rules,
    struct push_ruleset *set)
{
	struct push_compiled_rule *compiled =
	    arena_array(c->arena, struct push_compiled_rule, rules->count[kind]);
	size_t count = 0;
	TRY(arena_status(c->arena));
	for (size_t i = 0; i < rules->count[kind]; i++)
		if (rules->rules[kind][i].enabled)
			TRY(compile_rule(c, kind, &rules->rules[kind][i], &compiled[count++]));
	if ((kind == PUSH_ROOM || kind == PUSH_SENDER) && count > 1)
		qsort(compiled, count, sizeof *compiled, by_id);
	set->rules[kind] = compiled;
	set->count[kind] = count;
	return RC_OK;
}

enum rc push_compile(
    struct arena *arena, const struct push_rules *rules, const struct push_ruleset **ret_ruleset)
{
	struct compiler compiler = {.arena = arena};
	struct push_ruleset *set = arena_new(arena, struct push_ruleset);
	TRY(arena_status(arena));
	for (size_t i = 0; i < PUSH_KINDS; i++)
		TRY(compile_kind(&compiler, (enum push_kind)i, rules, set));
	set->paths = compiler.paths;
	set->path_count = compiler.count;
	*ret_ruleset = set;
	return RC_OK;
}
