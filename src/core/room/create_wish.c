/* POST /createRoom: reading the body; every refusal names its field. */
#include "core/room/create_int.h"

struct reader_of {
	struct arena *arena;
	json request;
	struct fail *fail;
};

static json field(const struct reader_of *in, const char *name)
{
	json value = json_get(in->request, str_of(name));
	return json_is_null(value) ? NULL : value;
}

static enum rc text_field(const struct reader_of *in, const char *name, str *ret_text, bool *ret_has)
{
	json value = field(in, name);
	*ret_has = value != NULL;
	*ret_text = STR_EMPTY;
	if (value && !json_text(value, ret_text))
		return fail_set(in->fail, RC_BAD_JSON, "%s must be a string", name);
	return RC_OK;
}

static enum rc object_field(const struct reader_of *in, const char *name, json *ret_object)
{
	*ret_object = field(in, name);
	if (*ret_object && !json_is_object(*ret_object))
		return fail_set(in->fail, RC_BAD_JSON, "%s must be an object", name);
	return RC_OK;
}

static enum rc array_field(const struct reader_of *in, const char *name, json *ret_array)
{
	*ret_array = field(in, name);
	if (*ret_array && !json_is_array(*ret_array))
		return fail_set(in->fail, RC_BAD_JSON, "%s must be an array", name);
	if (json_count(*ret_array) > CREATE_EVENTS_MAX)
		return fail_set(in->fail, RC_TOO_LARGE, "%s has more than %d entries", name, CREATE_EVENTS_MAX);
	return RC_OK;
}

static enum rc version_read(const struct reader_of *in, const struct rooms *rooms, struct create_wish *wish)
{
	str name;
	bool has;
	TRY(text_field(in, "room_version", &name, &has));
	wish->version = room_version_find(has ? name : rooms->config.default_version);
	if (!wish->version)
		return fail_set(in->fail, RC_UNSUPPORTED_ROOM_VERSION, "This server does not know room version %.*s",
		                STR_ARG(str_first(name, 32)));
	return RC_OK;
}

static enum rc preset_read(const struct reader_of *in, struct create_wish *wish)
{
	static const char *const names[] = {"private_chat", "trusted_private_chat", "public_chat"};
	str text;
	bool has;
	TRY(text_field(in, "visibility", &text, &has));
	wish->is_public = str_eq(text, STR("public"));
	if (has && !wish->is_public && !str_eq(text, STR("private")))
		return fail_set(in->fail, RC_INVALID_PARAM, "visibility must be public or private");
	wish->preset = wish->is_public ? PRESET_PUBLIC : PRESET_PRIVATE;
	TRY(text_field(in, "preset", &text, &has));
	if (!has)
		return RC_OK;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_eq(text, str_of(names[i]))) {
			wish->preset = (enum preset)i;
			return RC_OK;
		}
	}
	return fail_set(in->fail, RC_INVALID_PARAM,
	                "preset must be private_chat, trusted_private_chat or public_chat");
}

static enum rc alias_read(const struct reader_of *in, const struct rooms *rooms, struct create_wish *wish)
{
	str localpart;
	bool has;
	TRY(text_field(in, "room_alias_name", &localpart, &has));
	if (!has)
		return RC_OK;
	wish->alias = arena_printf(in->arena, "#%.*s:%.*s", STR_ARG(localpart),
	                           STR_ARG(rooms->config.identity->server_name));
	TRY(arena_status(in->arena));
	if (localpart.n == 0 || str_find(localpart, ':') < localpart.n || !room_alias_parse(wish->alias, NULL))
		return fail_set(in->fail, RC_INVALID_PARAM,
		                "room_alias_name must be the local part of an alias, without '#' and server");
	return RC_OK;
}

static bool invited_before(const struct create_wish *wish, str user_id)
{
	for (size_t i = 0; i < wish->invite_count; i++)
		if (str_eq(wish->invites[i], user_id))
			return true;
	return false;
}

static enum rc invites_read(const struct reader_of *in, const struct rooms *rooms, struct create_wish *wish)
{
	json array, third_party, value;
	TRY(array_field(in, "invite_3pid", &third_party));
	if (json_count(third_party) > 0)
		return fail_set(in->fail, RC_INVALID_PARAM,
		                "invite_3pid is not possible: this server uses no identity server");
	TRY(array_field(in, "invite", &array));
	wish->invites = arena_array(in->arena, str, json_count(array));
	TRY(arena_status(in->arena));
	struct json_iter iter = json_iter(array);
	while (json_next(&iter, NULL, &value)) {
		str user_id;
		if (!json_text(value, &user_id) || !user_id_parse(user_id, NULL))
			return fail_set(in->fail, RC_INVALID_PARAM, "invite must hold user IDs");
		if (!user_is_ours(rooms, user_id))
			return fail_set(in->fail, RC_FORBIDDEN,
			                "%.*s lives on another server, and this server does not federate yet",
			                STR_ARG(user_id));
		if (!invited_before(wish, user_id))
			wish->invites[wish->invite_count++] = user_id;
	}
	return RC_OK;
}

static enum rc initial_state_check(const struct reader_of *in, const struct create_wish *wish)
{
	struct json_iter iter = json_iter(wish->initial_state);
	json entry;
	while (json_next(&iter, NULL, &entry)) {
		json type = json_get(entry, STR("type")), key = json_get(entry, STR("state_key"));
		json content = json_get(entry, STR("content"));
		if (!json_is_object(entry) || !json_is_text(type) || !json_is_object(content) ||
		    (key && !json_is_text(key)))
			return fail_set(in->fail, RC_BAD_JSON,
			                "initial_state must hold objects with type, state_key and content");
		if (str_eq(json_text_or(type, STR_EMPTY), STR("m.room.create")))
			return fail_set(in->fail, RC_INVALID_ROOM_STATE,
			                "initial_state: m.room.create is made from creation_content");
		TRY(marker_refuse(json_text_or(type, STR_EMPTY), content, in->fail));
	}
	return RC_OK;
}

enum rc create_wish_read(struct rooms *rooms, struct arena *arena, json request, struct create_wish *ret_wish,
                         struct fail *fail)
{
	struct reader_of in = {arena, request, fail};
	struct create_wish wish = {0};
	if (!json_is_object(request))
		return fail_set(fail, RC_BAD_JSON, "The body must be a JSON object");
	TRY(version_read(&in, rooms, &wish));
	TRY(preset_read(&in, &wish));
	TRY(text_field(&in, "name", &wish.name, &wish.has_name));
	TRY(text_field(&in, "topic", &wish.topic, &wish.has_topic));
	TRY(object_field(&in, "creation_content", &wish.creation_content));
	TRY(object_field(&in, "power_level_content_override", &wish.power_override));
	TRY(array_field(&in, "initial_state", &wish.initial_state));
	TRY(marker_refuse(STR("m.room.create"), wish.creation_content, fail));
	TRY(marker_refuse(STR("m.room.power_levels"), wish.power_override, fail));
	TRY(initial_state_check(&in, &wish));
	json direct = field(&in, "is_direct");
	if (direct && !json_bool(direct, &wish.is_direct))
		return fail_set(fail, RC_BAD_JSON, "is_direct must be a boolean");
	TRY(alias_read(&in, rooms, &wish));
	TRY(invites_read(&in, rooms, &wish));
	*ret_wish = wish;
	return RC_OK;
}
