/* The rules of an account out of the server's and what the account changed, and back. */
#include "matrix/push_rules.h"

#include "matrix/push_rules_int.h"

#include <string.h>

enum { CONTENT_MAX_BYTES = PUSH_CHANGES_MAX_BYTES + 32768 };

static const str kind_texts[PUSH_KINDS] = {
    [PUSH_OVERRIDE] = STR_INIT("override"),
    [PUSH_CONTENT] = STR_INIT("content"),
    [PUSH_ROOM] = STR_INIT("room"),
    [PUSH_SENDER] = STR_INIT("sender"),
    [PUSH_UNDERRIDE] = STR_INIT("underride"),
};

/* Keys of canonical JSON are sorted. */
static const enum push_kind kinds_sorted[] = {
    PUSH_CONTENT, PUSH_OVERRIDE, PUSH_ROOM, PUSH_SENDER, PUSH_UNDERRIDE};

bool push_kind_parse(str text, enum push_kind *ret_kind)
{
	for (size_t i = 0; i < PUSH_KINDS; i++) {
		if (!str_eq(text, kind_texts[i]))
			continue;
		*ret_kind = (enum push_kind)i;
		return true;
	}
	return false;
}

str push_kind_text(enum push_kind kind)
{
	return kind_texts[kind];
}

/* ---- reading ---- */

struct loader {
	struct arena *arena;
	str user_id;
	json changes; /* NULL: none */
	enum push_kind kind;
	struct push_rules *rules;
};

static enum rc text_of(struct arena *arena, json v, str *ret_text)
{
	struct buf buf;
	buf_init(&buf, arena, PUSH_CHANGES_MAX_BYTES);
	json_put(&buf, v);
	return buf_finish(&buf, ret_text);
}

/* An array of JSON from its inside, in which the user's id may stand. */
static enum rc array_of(struct arena *arena, const char *inside, str user_id, str *ret_text)
{
	struct buf buf;
	str rest = str_of(inside);
	size_t at = str_find(rest, PUSH_USER[0]);
	buf_init(&buf, arena, PUSH_ACTIONS_MAX_BYTES);
	buf_putc(&buf, '[');
	buf_put(&buf, str_first(rest, at));
	if (at < rest.n) {
		json_put_text(&buf, user_id);
		buf_put(&buf, str_from(rest, at + 1));
	}
	buf_putc(&buf, ']');
	return buf_finish(&buf, ret_text);
}

static struct push_rule *add(const struct loader *l)
{
	struct push_rule *rule = &l->rules->rules[l->kind][l->rules->count[l->kind]++];
	*rule = (struct push_rule){0};
	return rule;
}

static enum rc add_default(const struct loader *l, const struct push_default *origin)
{
	struct push_rule *rule = add(l);
	json kinds = json_get(l->changes, STR("defaults"));
	json change = json_get(json_get(kinds, kind_texts[l->kind]), str_of(origin->id));
	json actions = json_get(change, STR("actions"));
	rule->rule_id = str_of(origin->id);
	rule->is_default = true;
	rule->enabled = rule->default_enabled = !origin->disabled;
	TRY(array_of(l->arena, origin->conditions, l->user_id, &rule->conditions));
	TRY(array_of(l->arena, origin->actions, STR_EMPTY, &rule->default_actions));
	rule->actions = rule->default_actions;
	(void)json_bool(json_get(change, STR("enabled")), &rule->enabled);
	return actions ? text_of(l->arena, actions, &rule->actions) : RC_OK;
}

static enum rc add_own(const struct loader *l, json v)
{
	struct push_rule *rule = add(l);
	json actions = json_get(v, STR("actions")), conditions = json_get(v, STR("conditions"));
	rule->rule_id = json_get_text(v, STR("rule_id"));
	rule->pattern = json_get_text(v, STR("pattern"));
	if (!rule->rule_id.n || !json_is_array(actions) ||
	    !json_bool(json_get(v, STR("enabled")), &rule->enabled))
		return RC_CORRUPT;
	TRY(text_of(l->arena, actions, &rule->actions));
	return conditions ? text_of(l->arena, conditions, &rule->conditions) : RC_OK;
}

/* The master rule stands before the user's own ones, all others of the server behind them. */
static enum rc load_kind(struct loader *l)
{
	size_t defaults, first = l->kind == PUSH_OVERRIDE;
	const struct push_default *origin = push_defaults(l->kind, &defaults);
	json own = json_get(json_get(l->changes, STR("rules")), kind_texts[l->kind]), v;
	struct json_iter iter = json_iter(own);
	l->rules->rules[l->kind] =
	    arena_array(l->arena, struct push_rule, defaults + json_count(own));
	TRY(arena_status(l->arena));
	for (size_t i = 0; i < first; i++)
		TRY(add_default(l, &origin[i]));
	while (json_next(&iter, NULL, &v))
		TRY(add_own(l, v));
	for (size_t i = first; i < defaults; i++)
		TRY(add_default(l, &origin[i]));
	l->rules->own_count += json_count(own);
	return RC_OK;
}

enum rc push_rules_load(struct arena *arena, str user_id, str changes, struct push_rules *ret_rules)
{
	struct push_rules rules = {.arena = arena};
	struct loader loader = {.arena = arena, .user_id = user_id, .rules = &rules};
	if (changes.n) {
		enum rc rc = json_parse(arena, changes, &loader.changes, NULL);
		TRY(rc == RC_NOT_JSON || rc == RC_BAD_JSON ? RC_CORRUPT : rc);
	}
	for (size_t i = 0; i < PUSH_KINDS; i++) {
		loader.kind = (enum push_kind)i;
		TRY(load_kind(&loader));
	}
	TRY(arena_status(arena));
	*ret_rules = rules;
	return RC_OK;
}

struct push_rule *push_rule_find(const struct push_rules *rules, enum push_kind kind, str rule_id)
{
	for (size_t i = 0; i < rules->count[kind]; i++)
		if (str_eq(rules->rules[kind][i].rule_id, rule_id))
			return &rules->rules[kind][i];
	return NULL;
}

/* ---- writing ---- */

static void put_json(struct buf *out, str key, str text)
{
	json_put_key(out, key);
	buf_put(out, text);
}

static void put_bool(struct buf *out, str key, bool value)
{
	put_json(out, key, value ? STR("true") : STR("false"));
}

static void put_rule(struct buf *out, const struct push_rule *rule, bool for_clients)
{
	buf_putc(out, '{');
	put_json(out, STR("actions"), rule->actions);
	if (rule->conditions.n)
		put_json(out, STR("conditions"), rule->conditions);
	if (for_clients)
		put_bool(out, STR("default"), rule->is_default);
	put_bool(out, STR("enabled"), rule->enabled);
	if (rule->pattern.p) {
		json_put_key(out, STR("pattern"));
		json_put_text(out, rule->pattern);
	}
	json_put_key(out, STR("rule_id"));
	json_put_text(out, rule->rule_id);
	buf_putc(out, '}');
}

void push_rule_put(struct buf *out, const struct push_rule *rule)
{
	put_rule(out, rule, true);
}

void push_rules_put_global(struct buf *out, const struct push_rules *rules)
{
	buf_putc(out, '{');
	for (size_t k = 0; k < COUNT_OF(kinds_sorted); k++) {
		enum push_kind kind = kinds_sorted[k];
		json_put_key(out, kind_texts[kind]);
		buf_putc(out, '[');
		for (size_t i = 0; i < rules->count[kind]; i++) {
			json_put_comma(out);
			put_rule(out, &rules->rules[kind][i], true);
		}
		buf_putc(out, ']');
	}
	buf_putc(out, '}');
}

static void put_default_change(struct buf *out, const struct push_rule *rule)
{
	bool has_actions = !str_eq(rule->actions, rule->default_actions);
	if (!rule->is_default || (!has_actions && rule->enabled == rule->default_enabled))
		return;
	json_put_key(out, rule->rule_id);
	buf_putc(out, '{');
	if (has_actions)
		put_json(out, STR("actions"), rule->actions);
	if (rule->enabled != rule->default_enabled)
		put_bool(out, STR("enabled"), rule->enabled);
	buf_putc(out, '}');
}

void push_rules_put_changes(struct buf *out, const struct push_rules *rules)
{
	buf_put(out, STR("{\"defaults\":{"));
	for (size_t k = 0; k < COUNT_OF(kinds_sorted); k++) {
		enum push_kind kind = kinds_sorted[k];
		json_put_key(out, kind_texts[kind]);
		buf_putc(out, '{');
		for (size_t i = 0; i < rules->count[kind]; i++)
			put_default_change(out, &rules->rules[kind][i]);
		buf_putc(out, '}');
	}
	buf_put(out, STR("},\"rules\":{"));
	for (size_t k = 0; k < COUNT_OF(kinds_sorted); k++) {
		enum push_kind kind = kinds_sorted[k];
		json_put_key(out, kind_texts[kind]);
		buf_putc(out, '[');
		for (size_t i = 0; i < rules->count[kind]; i++) {
			if (rules->rules[kind][i].is_default)
				continue;
			json_put_comma(out);
			put_rule(out, &rules->rules[kind][i], false);
		}
		buf_putc(out, ']');
	}
	buf_put(out, STR("}}"));
}

enum rc push_rules_content(struct arena *arena, str user_id, str changes, str *ret_json)
{
	struct push_rules rules;
	struct buf buf;
	TRY(push_rules_load(arena, user_id, changes, &rules));
	buf_init(&buf, arena, CONTENT_MAX_BYTES);
	buf_put(&buf, STR("{\"global\":"));
	push_rules_put_global(&buf, &rules);
	buf_putc(&buf, '}');
	return buf_finish(&buf, ret_json);
}
