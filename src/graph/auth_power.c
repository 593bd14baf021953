/* Rule 9 (v12: 10): m.room.power_levels. */
#include "graph/auth_int.h"
#include "matrix/ids.h"

static const str plain_levels[] = {
	STR_INIT("users_default"), STR_INIT("events_default"), STR_INIT("state_default"), STR_INIT("ban"),
	STR_INIT("redact"),        STR_INIT("kick"),           STR_INIT("invite"),
};

/* A level in the present or in the new event; absent when there is none. */
struct level {
	bool present;
	int64_t value;
};

/* `v` may be NULL. */
static struct level level_of(const struct judged *judged, json v)
{
	struct level level = {.present = false};
	level.present = v && power_level_read(judged->event->version, v, &level.value);
	return level;
}

static struct level level_at(const struct judged *judged, json object, str key)
{
	return level_of(judged, json_get(object, key));
}

static bool differ(struct level a, struct level b)
{
	return a.present != b.present || (a.present && a.value != b.value);
}

/* Integers, or before v10 what stands for them. */
static bool is_object_of_levels(const struct room_version *version, json v)
{
	struct json_iter iter = json_iter(v);
	int64_t level;
	json value;
	if (!json_is_object(v))
		return false;
	while (json_next(&iter, NULL, &value))
		if (!power_level_read(version, value, &level))
			return false;
	return true;
}

static bool has_user_ids_as_keys(json object)
{
	struct json_iter iter = json_iter(object);
	str key;
	json value;
	while (json_next(&iter, &key, &value))
		if (!user_id_parse(key, NULL))
			return false;
	return true;
}

static bool names_a_creator(const struct event *create, json users)
{
	struct json_iter iter = json_iter(users);
	str key;
	json value;
	while (json_next(&iter, &key, &value))
		if (is_room_creator(create, key))
			return true;
	return false;
}

/* Rules 9.1 and 9.2 (v12: 10.1, 10.2), since v10. */
static enum auth_rule check_integers(const struct judged *judged)
{
	json content = judged->event->content;
	const struct room_version *version = judged->event->version;
	json events = json_get(content, STR("events")), notifications = json_get(content, STR("notifications"));
	for (size_t i = 0; i < COUNT_OF(plain_levels); i++) {
		json level = json_get(content, plain_levels[i]);
		if (level && !json_is_integer(level))
			return RULE_POWER_NUMBERS;
	}
	if ((events && !is_object_of_levels(version, events)) ||
	    (notifications && !is_object_of_levels(version, notifications)))
		return RULE_POWER_EVENTS;
	return RULE_ALLOW;
}

/* Rules 9.1 to 9.3 (before v10: 9.1; v12: 10.1 to 10.4): the new event by itself. */
static enum auth_rule check_shape(const struct judged *judged)
{
	const struct room_version *version = judged->event->version;
	json users = json_get(judged->event->content, STR("users"));
	enum auth_rule rule = version->integer_power_levels ? check_integers(judged) : RULE_ALLOW;
	if (rule != RULE_ALLOW)
		return rule;
	if (users && (!is_object_of_levels(version, users) || !has_user_ids_as_keys(users)))
		return RULE_POWER_USERS;
	if (version->privileged_creators && names_a_creator(judged->create, users))
		return RULE_POWER_CREATORS;
	return RULE_ALLOW;
}

/* Rule 9.5 (v12: 10.6). */
static enum auth_rule check_plain_levels(const struct judged *judged, json before, json after)
{
	for (size_t i = 0; i < COUNT_OF(plain_levels); i++) {
		struct level old = level_at(judged, before, plain_levels[i]), new = level_at(judged, after, plain_levels[i]);
		if (!differ(old, new))
			continue;
		if (old.present && old.value > judged->sender_power)
			return RULE_POWER_CURRENT;
		if (new.present && new.value > judged->sender_power)
			return RULE_POWER_NEW;
	}
	return RULE_ALLOW;
}

/* How one entry of `events`, `notifications` or `users` is judged when it changes. */
typedef enum auth_rule (*entry_check)(const struct judged *judged, str key, struct level old, struct level new);

/* Rules 9.6 and 9.7 (v12: 10.7 and 10.8). */
static enum auth_rule check_event_entry(const struct judged *judged, str key, struct level old, struct level new)
{
	(void)key;
	if (old.present && old.value > judged->sender_power)
		return RULE_POWER_EVENT_CURRENT;
	if (new.present && new.value > judged->sender_power)
		return RULE_POWER_EVENT_NEW;
	return RULE_ALLOW;
}

/* Rules 9.8 and 9.9 (v12: 10.9 and 10.10). */
static enum auth_rule check_user_entry(const struct judged *judged, str key, struct level old, struct level new)
{
	if (old.present && !str_eq(key, judged->event->sender) && old.value >= judged->sender_power)
		return RULE_POWER_USER_CURRENT;
	if (new.present && new.value > judged->sender_power)
		return RULE_POWER_USER_NEW;
	return RULE_ALLOW;
}

/*
 * Judges each entry that differs between the two objects. The content of a power levels event is in canonical
 * order (struct event), so both are walked side by side: thousands of entries cost no more than reading them.
 */
static enum auth_rule check_entries(const struct judged *judged, json before, json after, entry_check check)
{
	struct json_iter old_iter = json_iter(before), new_iter = json_iter(after);
	str old_key = STR_EMPTY, new_key = STR_EMPTY;
	json old_value = NULL, new_value = NULL;
	bool has_old = json_next(&old_iter, &old_key, &old_value);
	bool has_new = json_next(&new_iter, &new_key, &new_value);
	while (has_old || has_new) {
		int order = !has_old ? 1 : !has_new ? -1 : str_cmp(old_key, new_key);
		str key = order <= 0 ? old_key : new_key;
		struct level old = level_of(judged, order <= 0 ? old_value : NULL);
		struct level new = level_of(judged, order >= 0 ? new_value : NULL);
		enum auth_rule rule = differ(old, new) ? check(judged, key, old, new) : RULE_ALLOW;
		if (rule != RULE_ALLOW)
			return rule;
		if (order <= 0)
			has_old = json_next(&old_iter, &old_key, &old_value);
		if (order >= 0)
			has_new = json_next(&new_iter, &new_key, &new_value);
	}
	return RULE_ALLOW;
}

enum auth_rule auth_power_levels(const struct judged *judged)
{
	json before = judged->levels.content, after = judged->event->content;
	enum auth_rule rule = check_shape(judged);
	if (rule != RULE_ALLOW || !before)
		return rule;
	rule = check_plain_levels(judged, before, after);
	if (rule == RULE_ALLOW)
		rule = check_entries(judged, json_get(before, STR("events")), json_get(after, STR("events")),
		                     check_event_entry);
	if (rule == RULE_ALLOW && judged->event->version->limit_notifications_power)
		rule = check_entries(judged, json_get(before, STR("notifications")),
		                     json_get(after, STR("notifications")), check_event_entry);
	if (rule == RULE_ALLOW)
		rule = check_entries(judged, json_get(before, STR("users")), json_get(after, STR("users")),
		                     check_user_entry);
	return rule;
}
