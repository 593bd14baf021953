#include "matrix/power_levels.h"

enum {
	LEVEL_OF_CREATOR = 100, /* before v12, while there is no m.room.power_levels */
	LEVEL_STATE_DEFAULT = 50,
	LEVEL_ACTION_DEFAULT = 50, /* ban, kick, redact */
};

static int64_t level_or(const struct power_levels *levels, json v, int64_t otherwise)
{
	int64_t level;
	return v && power_level_read(levels->version, v, &level) ? level : otherwise;
}

struct power_levels power_levels_of(const struct event *create, const struct event *power_levels_or_null)
{
	const struct event *known = create ? create : power_levels_or_null;
	return (struct power_levels){
		.version = known ? known->version : NULL,
		.content = power_levels_or_null ? power_levels_or_null->content : NULL,
		.create = create,
	};
}

static bool is_additional_creator(json create_content, str user_id)
{
	struct json_iter iter = json_iter(json_get(create_content, STR("additional_creators")));
	json entry;
	while (json_next(&iter, NULL, &entry))
		if (str_eq(json_text_or(entry, STR_EMPTY), user_id))
			return true;
	return false;
}

bool is_room_creator(const struct event *create, str user_id)
{
	if (!create || user_id.n == 0)
		return false;
	if (!create->version->implicit_room_creator)
		return str_eq(json_get_text(create->content, STR("creator")), user_id);
	return str_eq(create->sender, user_id) ||
	       (create->version->privileged_creators && is_additional_creator(create->content, user_id));
}

int64_t power_of_user(const struct power_levels *levels, str user_id)
{
	bool privileged = levels->version && levels->version->privileged_creators;
	if ((privileged || !levels->content) && is_room_creator(levels->create, user_id))
		return privileged ? POWER_INFINITE : LEVEL_OF_CREATOR;
	json own = json_get(json_get(levels->content, STR("users")), user_id);
	return level_or(levels, own, level_or(levels, json_get(levels->content, STR("users_default")), 0));
}

int64_t power_to_send(const struct power_levels *levels, str type, bool is_state)
{
	json of_type = json_get(json_get(levels->content, STR("events")), type);
	json of_kind = json_get(levels->content, is_state ? STR("state_default") : STR("events_default"));
	return level_or(levels, of_type, level_or(levels, of_kind, is_state ? LEVEL_STATE_DEFAULT : 0));
}

int64_t power_for_action(const struct power_levels *levels, str action)
{
	int64_t otherwise = str_eq(action, STR("invite")) ? 0 : LEVEL_ACTION_DEFAULT;
	return level_or(levels, json_get(levels->content, action), otherwise);
}
