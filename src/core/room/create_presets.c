/* POST /createRoom: what the presets put into the first events (Client-Server API, same heading). */
#include "core/room/create_int.h"

enum { TOMBSTONE_LEVEL = 150 };

const struct preset_event preset_events[][PRESET_EVENTS] = {
	[PRESET_PRIVATE] = {
		{"m.room.join_rules", "join_rule", "invite"},
		{"m.room.history_visibility", "history_visibility", "shared"},
		{"m.room.guest_access", "guest_access", "can_join"},
	},
	[PRESET_TRUSTED] = {
		{"m.room.join_rules", "join_rule", "invite"},
		{"m.room.history_visibility", "history_visibility", "shared"},
		{"m.room.guest_access", "guest_access", "can_join"},
	},
	[PRESET_PUBLIC] = {
		{"m.room.join_rules", "join_rule", "public"},
		{"m.room.history_visibility", "history_visibility", "shared"},
		{"m.room.guest_access", "guest_access", "forbidden"},
	},
};

static void put_members_but(struct buf *buf, json object, const char *const *left_out, size_t count)
{
	struct json_iter iter = json_iter(object);
	str key;
	json value;
	while (json_next(&iter, &key, &value)) {
		bool skip = false;
		for (size_t i = 0; i < count && !skip; i++)
			skip = str_eq(key, str_of(left_out[i]));
		if (skip)
			continue;
		json_put_key(buf, key);
		json_put(buf, value);
	}
}

static bool text_stands_in(json array, str text)
{
	struct json_iter iter = json_iter(array);
	json value;
	while (json_next(&iter, NULL, &value))
		if (json_is_text(value) && str_eq(json_text_or(value, STR_EMPTY), text))
			return true;
	return false;
}

/* The client's own, whatever they are (the auth rules judge them), and those whom the preset trusts. */
static void put_additional_creators(struct buf *buf, const struct create_wish *wish, str creator)
{
	json own = json_get(wish->creation_content, STR("additional_creators"));
	bool trusted = wish->preset == PRESET_TRUSTED && wish->invite_count > 0;
	if (!trusted || (own && !json_is_array(own))) {
		if (own) {
			json_put_key(buf, STR("additional_creators"));
			json_put(buf, own);
		}
		return;
	}
	json_put_key(buf, STR("additional_creators"));
	buf_putc(buf, '[');
	struct json_iter iter = json_iter(own);
	json value;
	while (json_next(&iter, NULL, &value)) {
		json_put_comma(buf);
		json_put(buf, value);
	}
	for (size_t i = 0; i < wish->invite_count; i++) {
		if (text_stands_in(own, wish->invites[i]) || str_eq(wish->invites[i], creator))
			continue;
		json_put_comma(buf);
		json_put_text(buf, wish->invites[i]);
	}
	buf_putc(buf, ']');
}

enum rc create_content(struct arena *arena, const struct create_wish *wish, str creator, str *ret_content)
{
	static const char *const ours[] = {"creator", "room_version", "additional_creators"};
	struct buf buf;
	buf_init(&buf, arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	json_put_key(&buf, STR("room_version"));
	json_put_text(&buf, wish->version->name);
	if (!wish->version->implicit_room_creator) {
		json_put_key(&buf, STR("creator"));
		json_put_text(&buf, creator);
	}
	if (wish->version->privileged_creators)
		put_additional_creators(&buf, wish, creator);
	put_members_but(&buf, wish->creation_content, ours, wish->version->privileged_creators ? 3 : 2);
	buf_putc(&buf, '}');
	return buf_finish(&buf, ret_content);
}

static void put_level(struct buf *buf, str key, int64_t level)
{
	json_put_key(buf, key);
	buf_put_i64(buf, level);
}

/* Before v12 the creator stands in `users`, and trusted invitees beside it. */
static void put_users(struct buf *buf, const struct create_wish *wish, str creator)
{
	json_put_key(buf, STR("users"));
	buf_putc(buf, '{');
	if (!wish->version->privileged_creators) {
		put_level(buf, creator, 100);
		for (size_t i = 0; wish->preset == PRESET_TRUSTED && i < wish->invite_count; i++)
			if (!str_eq(wish->invites[i], creator))
				put_level(buf, wish->invites[i], 100);
	}
	buf_putc(buf, '}');
}

int64_t create_tombstone_level(const struct room_version *version, int64_t state_default)
{
	if (!version->privileged_creators)
		return 100;
	return state_default < TOMBSTONE_LEVEL ? TOMBSTONE_LEVEL
	       : state_default < JSON_INTEGER_MAX ? state_default + 1 : state_default;
}

static int64_t tombstone_level(const struct create_wish *wish)
{
	int64_t state_default = CREATE_STATE_DEFAULT;
	(void)power_level_read(wish->version, json_get(wish->power_override, STR("state_default")), &state_default);
	return create_tombstone_level(wish->version, state_default);
}

/* From v12 on the level of m.room.tombstone stands there; one that the client names itself is left as it is. */
static void put_overridden_events(struct buf *buf, const struct create_wish *wish, json events)
{
	json_put_key(buf, STR("events"));
	buf_putc(buf, '{');
	put_members_but(buf, events, NULL, 0);
	if (wish->version->privileged_creators && !json_get(events, STR("m.room.tombstone")))
		put_level(buf, STR("m.room.tombstone"), tombstone_level(wish));
	buf_putc(buf, '}');
}

static void put_event_levels(struct buf *buf, const struct create_wish *wish)
{
	static const struct {
		const char *type;
		int level;
	} levels[] = {
		{"m.room.avatar", 50},           {"m.room.canonical_alias", 50},
		{"m.room.encryption", 100},      {"m.room.history_visibility", 100},
		{"m.room.name", 50},             {"m.room.power_levels", 100},
		{"m.room.server_acl", 100},
	};
	json_put_key(buf, STR("events"));
	buf_putc(buf, '{');
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		put_level(buf, str_of(levels[i].type), levels[i].level);
	put_level(buf, STR("m.room.tombstone"), tombstone_level(wish));
	buf_putc(buf, '}');
}

enum rc create_power_levels(struct arena *arena, const struct create_wish *wish, str creator, str *ret_content)
{
	static const struct {
		const char *key;
		int level;
	} levels[] = {
		{"ban", 50}, {"events_default", 0}, {"kick", 50}, {"redact", 50}, {"state_default", CREATE_STATE_DEFAULT},
		{"users_default", 0},
	};
	static const char *const events_key[] = {"events"};
	struct buf buf;
	buf_init(&buf, arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		if (!json_get(wish->power_override, str_of(levels[i].key)))
			put_level(&buf, str_of(levels[i].key), levels[i].level);
	if (!json_get(wish->power_override, STR("invite")))
		put_level(&buf, STR("invite"), wish->preset == PRESET_PUBLIC ? 50 : 0);
	if (!json_get(wish->power_override, STR("users")))
		put_users(&buf, wish, creator);
	json events = json_get(wish->power_override, STR("events"));
	if (!events)
		put_event_levels(&buf, wish);
	else if (json_is_object(events))
		put_overridden_events(&buf, wish, events);
	put_members_but(&buf, wish->power_override, events_key, json_is_object(events) ? 1 : 0);
	buf_putc(&buf, '}');
	return buf_finish(&buf, ret_content);
}
