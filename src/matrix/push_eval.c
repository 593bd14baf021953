/* Asking compiled push rules about an event. */
#include "matrix/push_eval.h"

#include "matrix/push_eval_int.h"

enum { NOTIFICATION_LEVEL_DEFAULT = 50 }; /* m.room.power_levels, "notifications" */

struct evaluation {
	const struct push_ruleset *set;
	const struct push_event *event;
	const struct push_reader *reader;
	struct glob_work work;
	uint64_t found; /* bits: which of these have been looked up */
	json properties[PUSH_PATHS_KEPT];
	bool needs_power;
};

/* ---- properties ---- */

static json property_find(const struct evaluation *e, const struct push_path *path)
{
	json v = path->where == PATH_IN_EVENT ? e->event->root : NULL;
	for (size_t i = 0; v && i < path->count; i++)
		v = json_is_object(v) ? json_get(v, path->keys[i]) : NULL;
	return v;
}

static json property_of(struct evaluation *e, size_t path)
{
	if (path >= PUSH_PATHS_KEPT)
		return property_find(e, &e->set->paths[path]);
	uint64_t bit = UINT64_C(1) << path;
	if (!(e->found & bit)) {
		e->properties[path] = property_find(e, &e->set->paths[path]);
		e->found |= bit;
	}
	return e->properties[path];
}

static bool text_of(struct evaluation *e, size_t path, str *ret_text)
{
	switch (e->set->paths[path].where) {
	case PATH_EVENT_ID:
		*ret_text = e->event->event_id;
		return true;
	case PATH_ROOM_ID:
		*ret_text = e->event->room_id;
		return true;
	case PATH_IN_EVENT:
	case PATH_HIDDEN:
		break;
	}
	return json_text(property_of(e, path), ret_text);
}

/* ---- conditions ---- */

static bool value_is(const struct evaluation *e, const struct push_condition *condition, json v)
{
	str text, wanted;
	int64_t number, wanted_number;
	if (condition->is_of_user)
		return json_text(v, &text) && str_eq(text, e->reader->user_id);
	if (json_text(condition->value, &wanted))
		return json_text(v, &text) && str_eq(text, wanted);
	if (json_integer(condition->value, &wanted_number))
		return json_integer(v, &number) && number == wanted_number;
	if (json_is_null(condition->value))
		return json_is_null(v);
	return json_is_bool(v) && json_is_true(v) == json_is_true(condition->value);
}

static bool test_is(struct evaluation *e, const struct push_condition *condition)
{
	str text, wanted;
	if (e->set->paths[condition->path].where == PATH_IN_EVENT)
		return value_is(e, condition, property_of(e, condition->path));
	wanted =
	    condition->is_of_user ? e->reader->user_id : json_text_or(condition->value, STR_EMPTY);
	return wanted.n && text_of(e, condition->path, &text) && str_eq(text, wanted);
}

static bool test_contains(struct evaluation *e, const struct push_condition *condition)
{
	json list = property_of(e, condition->path), v;
	if (!json_is_array(list))
		return false;
	struct json_iter iter = json_iter(list);
	while (json_next(&iter, NULL, &v))
		if (value_is(e, condition, v))
			return true;
	return false;
}

static bool test_match(struct evaluation *e, const struct push_condition *condition)
{
	str text;
	if (!text_of(e, condition->path, &text))
		return false;
	if (condition->is_of_user)
		return str_eq(text, e->reader->user_id);
	return condition->test == TEST_WORDS ? glob_matches_words(&condition->glob, text, &e->work)
					     : glob_matches(&condition->glob, text, &e->work);
}

static bool test_member_count(const struct evaluation *e, const struct push_condition *condition)
{
	int64_t count = e->event->member_count;
	switch (condition->order) {
	case PUSH_EQUAL:
		return count == condition->count;
	case PUSH_LESS:
		return count < condition->count;
	case PUSH_GREATER:
		return count > condition->count;
	case PUSH_LESS_OR_EQUAL:
		return count <= condition->count;
	case PUSH_GREATER_OR_EQUAL:
		return count >= condition->count;
	}
	return false;
}

static bool test_permission(struct evaluation *e, const struct push_condition *condition)
{
	const struct push_power *power = &e->event->power;
	int64_t needed = NOTIFICATION_LEVEL_DEFAULT;
	if (!power->is_known) {
		e->needs_power = true;
		return false;
	}
	json level = json_get(power->notifications, condition->key);
	if (level)
		(void)power_level_read(power->version, level, &needed);
	return power->sender_level >= needed;
}

static bool test_display_name(struct evaluation *e)
{
	str body;
	json content = json_get(e->event->root, STR("content"));
	return e->reader->displayname.n && json_text(json_get(content, STR("body")), &body) &&
	       text_matches_words(e->reader->displayname, body, &e->work);
}

static bool holds(struct evaluation *e, const struct push_condition *condition)
{
	switch (condition->test) {
	case TEST_NEVER:
		break;
	case TEST_MATCH:
	case TEST_WORDS:
		return test_match(e, condition);
	case TEST_IS:
		return test_is(e, condition);
	case TEST_CONTAINS:
		return test_contains(e, condition);
	case TEST_MEMBER_COUNT:
		return test_member_count(e, condition);
	case TEST_PERMISSION:
		return test_permission(e, condition);
	case TEST_DISPLAY_NAME:
		return test_display_name(e);
	}
	return false;
}

/* ---- rules ---- */

static bool rule_matches(struct evaluation *e, const struct push_compiled_rule *rule)
{
	for (size_t i = 0; i < rule->condition_count; i++)
		if (!holds(e, &rule->conditions[i]))
			return false;
	return true;
}

static const struct push_compiled_rule *first_match(struct evaluation *e, enum push_kind kind)
{
	const struct push_compiled_rule *rules = e->set->rules[kind];
	for (size_t i = 0; i < e->set->count[kind] && !e->needs_power; i++)
		if (rule_matches(e, &rules[i]))
			return &rules[i];
	return NULL;
}

static const struct push_compiled_rule *rule_of_id(
    const struct push_ruleset *set, enum push_kind kind, str id)
{
	size_t low = 0, high = set->count[kind];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(id, set->rules[kind][middle].rule_id);
		if (order == 0)
			return &set->rules[kind][middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct push_compiled_rule *rule_find(struct evaluation *e)
{
	const struct push_compiled_rule *rule = NULL;
	for (size_t kind = 0; kind < PUSH_KINDS && !rule && !e->needs_power; kind++) {
		if (kind == PUSH_ROOM)
			rule = rule_of_id(e->set, PUSH_ROOM, e->event->room_id);
		else if (kind == PUSH_SENDER)
			rule = rule_of_id(e->set, PUSH_SENDER, e->event->sender);
		else
			rule = first_match(e, (enum push_kind)kind);
	}
	return rule;
}

bool push_evaluate(const struct push_ruleset *ruleset, const struct push_event *event,
    const struct push_reader *reader, struct push_outcome *ret_outcome)
{
	struct evaluation evaluation; /* its properties need no zeroes */
	evaluation.set = ruleset;
	evaluation.event = event;
	evaluation.reader = reader;
	evaluation.work.left = PUSH_STEPS_MAX;
	evaluation.found = 0;
	evaluation.needs_power = false;
	const struct push_compiled_rule *rule = rule_find(&evaluation);
	if (evaluation.needs_power)
		return false;
	*ret_outcome = (struct push_outcome){.actions = STR("[]")};
	if (rule)
		*ret_outcome = (struct push_outcome){
		    .notify = rule->notify,
		    .highlight = rule->notify && rule->highlight,
		    .rule_id = rule->rule_id,
		    .actions = rule->actions,
		};
	return true;
}

struct push_power push_power_of(const struct power_levels *levels, str sender)
{
	return (struct push_power){
	    .is_known = true,
	    .version = levels->version,
	    .sender_level = power_of_user(levels, sender),
	    .notifications = json_get(levels->content, STR("notifications")),
	};
}
