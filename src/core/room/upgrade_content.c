/* The contents of the events of an upgrade: Client-Server API, "Room Upgrades", server behaviour. */
#include "core/room/create_int.h"
#include "core/room/upgrade_int.h"

enum { OWN_LEVEL = 100, CLOSED_LEVEL = 50 };

const char *const upgrade_types[] = {
	"m.room.join_rules", "m.room.history_visibility", "m.room.guest_access", "m.room.encryption",
	"m.room.server_acl", "m.room.name", "m.room.topic", "m.room.avatar", NULL,
};

static enum rc content_of(struct upgrade *upgrade, str type, json *ret_content)
{
	const struct event *event = build_state(&upgrade->build, type, STR_EMPTY);
	*ret_content = event ? event->content : NULL;
	return upgrade->build.rc;
}

/* Before it is canonical again, a content may take more bytes than an event has. */
static void content_begin(struct upgrade *upgrade, struct buf *buf)
{
	buf_init(buf, upgrade->arena, (size_t)6 * EVENT_MAX_BYTES);
	buf_putc(buf, '{');
}

static enum rc content_end(struct buf *buf, str *ret_content)
{
	buf_putc(buf, '}');
	return buf_finish(buf, ret_content);
}

static void put_text(struct buf *buf, str key, str text)
{
	json_put_key(buf, key);
	json_put_text(buf, text);
}

static void put_level(struct buf *buf, str key, int64_t level)
{
	json_put_key(buf, key);
	buf_put_i64(buf, level);
}

enum rc upgrade_create_content(struct upgrade *upgrade, str predecessor_event, str *ret_content)
{
	struct buf buf;
	json old;
	bool federates = true;
	str type;
	TRY(content_of(upgrade, STR("m.room.create"), &old));
	content_begin(upgrade, &buf);
	put_text(&buf, STR("room_version"), upgrade->version->name);
	if (!upgrade->version->implicit_room_creator)
		put_text(&buf, STR("creator"), upgrade->wish->actor.user_id);
	json_put_key(&buf, STR("predecessor"));
	buf_putc(&buf, '{');
	put_text(&buf, STR("room_id"), upgrade->head->room_id);
	put_text(&buf, STR("event_id"), predecessor_event);
	buf_putc(&buf, '}');
	if (json_text(json_get(old, STR("type")), &type))
		put_text(&buf, STR("type"), type);
	if (json_bool(json_get(old, STR("m.federate")), &federates) && !federates)
		buf_put(&buf, STR(",\"m.federate\":false"));
	if (upgrade->creator_count > 0) {
		json_put_key(&buf, STR("additional_creators"));
		buf_putc(&buf, '[');
		for (size_t i = 0; i < upgrade->creator_count; i++) {
			json_put_comma(&buf);
			json_put_text(&buf, upgrade->creators[i]);
		}
		buf_putc(&buf, ']');
	}
	return content_end(&buf, ret_content);
}

/* As a number that every version takes: old rooms may have it as a text. */
static bool level_read(const struct upgrade *upgrade, json value, int64_t *ret_level)
{
	int64_t level;
	if (!power_level_read(upgrade->head->version, value, &level) || level > JSON_INTEGER_MAX ||
	    level < -JSON_INTEGER_MAX)
		return false;
	*ret_level = level;
	return true;
}

static bool is_new_creator(const struct upgrade *upgrade, str user_id)
{
	if (!upgrade->version->privileged_creators)
		return false;
	bool is = str_eq(user_id, upgrade->wish->actor.user_id);
	for (size_t i = 0; !is && i < upgrade->creator_count; i++)
		is = str_eq(user_id, upgrade->creators[i]);
	return is;
}

/* An account of ours that ended has no place in a new room. */
static enum rc has_ended(struct upgrade *upgrade, str user_id, bool *ret_ended)
{
	struct txn_ro *txn;
	struct account account;
	*ret_ended = false;
	if (!user_is_ours(upgrade->rooms, user_id))
		return RC_OK;
	TRY(build_txn(&upgrade->build, &txn));
	enum rc rc = account_find(txn, upgrade->arena, user_id, &account);
	*ret_ended = rc == RC_OK && account.deactivated_ms != 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_users(struct upgrade *upgrade, struct buf *buf, json levels, int64_t own_level)
{
	struct json_iter iter = json_iter(json_get(levels, STR("users")));
	str user_id;
	json value;
	json_put_key(buf, STR("users"));
	buf_putc(buf, '{');
	while (json_next(&iter, &user_id, &value)) {
		int64_t level;
		bool ended;
		if (!user_id_parse(user_id, NULL) || str_eq(user_id, upgrade->wish->actor.user_id) ||
		    is_new_creator(upgrade, user_id) || !level_read(upgrade, value, &level))
			continue;
		TRY(has_ended(upgrade, user_id, &ended));
		if (!ended)
			put_level(buf, user_id, level);
	}
	if (!upgrade->version->privileged_creators)
		put_level(buf, upgrade->wish->actor.user_id, own_level);
	buf_putc(buf, '}');
	return RC_OK;
}

/* From v12 on the tombstone's level stands there, above state_default. */
static void put_events(const struct upgrade *upgrade, struct buf *buf, json levels)
{
	static const str tombstone = STR_INIT("m.room.tombstone");
	int64_t state_default = CREATE_STATE_DEFAULT, own = INT64_MIN;
	struct json_iter iter = json_iter(json_get(levels, STR("events")));
	str type;
	json value;
	(void)level_read(upgrade, json_get(levels, STR("state_default")), &state_default);
	(void)level_read(upgrade, json_get(json_get(levels, STR("events")), tombstone), &own);
	bool raised = upgrade->version->privileged_creators && own <= state_default;
	json_put_key(buf, STR("events"));
	buf_putc(buf, '{');
	while (json_next(&iter, &type, &value)) {
		int64_t level;
		if (level_read(upgrade, value, &level) && !(raised && str_eq(type, tombstone)))
			put_level(buf, type, level);
	}
	if (raised)
		put_level(buf, tombstone, create_tombstone_level(upgrade->version, state_default));
	buf_putc(buf, '}');
}

static void put_notifications(const struct upgrade *upgrade, struct buf *buf, json map)
{
	struct json_iter iter = json_iter(map);
	str key;
	json value;
	json_put_key(buf, STR("notifications"));
	buf_putc(buf, '{');
	while (json_next(&iter, &key, &value)) {
		int64_t level;
		if (level_read(upgrade, value, &level))
			put_level(buf, key, level);
	}
	buf_putc(buf, '}');
}

static enum rc levels_content(struct upgrade *upgrade, json levels, int64_t own_level, str *ret_content)
{
	struct buf buf;
	struct json_iter iter = json_iter(levels);
	str key;
	json value;
	content_begin(upgrade, &buf);
	TRY(put_users(upgrade, &buf, levels, own_level));
	put_events(upgrade, &buf, levels);
	while (json_next(&iter, &key, &value)) {
		int64_t level;
		if (str_eq(key, STR("users")) || str_eq(key, STR("events")))
			continue;
		if (str_eq(key, STR("notifications")))
			put_notifications(upgrade, &buf, value);
		else if (level_read(upgrade, value, &level))
			put_level(&buf, key, level);
	}
	return content_end(&buf, ret_content);
}

/* What the making of the new room takes: all that is sent, and bans. */
static int64_t level_needed(const struct power_levels *levels)
{
	int64_t needed = power_for_action(levels, STR("ban"));
	static const char *const others[] = {"m.room.power_levels", "m.room.canonical_alias", "m.space.child"};
	for (size_t i = 0; upgrade_types[i]; i++) {
		int64_t level = power_to_send(levels, str_of(upgrade_types[i]), true);
		needed = level > needed ? level : needed;
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		int64_t level = power_to_send(levels, str_of(others[i]), true);
		needed = level > needed ? level : needed;
	}
	return needed < JSON_INTEGER_MAX ? needed : JSON_INTEGER_MAX;
}

enum rc upgrade_power_levels(struct upgrade *upgrade, str *ret_at_first, str *ret_at_last)
{
	struct power_levels levels = build_power_levels(&upgrade->build);
	TRY(upgrade->build.rc);
	int64_t needed = level_needed(&levels);
	int64_t own = power_of_user(&levels, upgrade->wish->actor.user_id);
	if (own == POWER_INFINITE || !levels.content) /* a creator of v12, or of a room without levels, stays above all */
		own = needed > OWN_LEVEL ? needed : OWN_LEVEL;
	if (own > JSON_INTEGER_MAX)
		own = JSON_INTEGER_MAX;
	*ret_at_last = STR_EMPTY;
	TRY(levels_content(upgrade, levels.content, own > needed ? own : needed, ret_at_first));
	if (!upgrade->version->privileged_creators && own < needed)
		TRY(levels_content(upgrade, levels.content, own, ret_at_last));
	return RC_OK;
}

/* A rule that the new version does not know would let nobody in who may invite somebody else, either: invites do. */
static bool join_rule_known(const struct room_version *version, str rule)
{
	return (!str_eq(rule, STR("knock")) || version->knock) &&
	       (!str_eq(rule, STR("restricted")) || version->restricted_join) &&
	       (!str_eq(rule, STR("knock_restricted")) || version->knock_restricted_join);
}

enum rc upgrade_state_content(struct upgrade *upgrade, str type, str *ret_content)
{
	struct buf buf;
	json content;
	TRY(content_of(upgrade, type, &content));
	*ret_content = STR_EMPTY;
	if (!content)
		return RC_OK;
	if (str_eq(type, STR("m.room.join_rules")) &&
	    !join_rule_known(upgrade->version, json_get_text(content, STR("join_rule")))) {
		*ret_content = STR("{\"join_rule\":\"invite\"}");
		return RC_OK;
	}
	buf_init(&buf, upgrade->arena, (size_t)6 * EVENT_MAX_BYTES);
	json_put(&buf, content);
	return buf_finish(&buf, ret_content);
}

static bool alias_moves(const struct upgrade *upgrade, str alias)
{
	for (size_t i = 0; i < upgrade->alias_count; i++)
		if (str_eq(upgrade->aliases[i], alias))
			return true;
	return false;
}

/* Those of the content that move, or those that do not; `*ret_other`: there are some of the other kind. */
static bool put_aliases(const struct upgrade *upgrade, struct buf *buf, json content, bool moved, bool *ret_other)
{
	str alias;
	json value;
	size_t count = 0;
	bool any = false;
	*ret_other = false;
	if (json_text(json_get(content, STR("alias")), &alias)) {
		any = alias_moves(upgrade, alias) == moved;
		*ret_other = !any;
		if (any)
			put_text(buf, STR("alias"), alias);
	}
	struct json_iter iter = json_iter(json_get(content, STR("alt_aliases")));
	while (json_next(&iter, NULL, &value)) {
		if (!json_text(value, &alias))
			continue;
		if (alias_moves(upgrade, alias) != moved) {
			*ret_other = true;
			continue;
		}
		buf_put(buf, count ? STR_EMPTY : any ? STR(",\"alt_aliases\":[") : STR("\"alt_aliases\":["));
		json_put_comma(buf);
		json_put_text(buf, alias);
		count++;
	}
	if (count)
		buf_putc(buf, ']');
	return any || count > 0;
}

enum rc upgrade_alias_content(struct upgrade *upgrade, bool moved, str *ret_content)
{
	struct buf buf;
	json content;
	bool other;
	TRY(content_of(upgrade, STR("m.room.canonical_alias"), &content));
	content_begin(upgrade, &buf);
	bool any = put_aliases(upgrade, &buf, content, moved, &other);
	TRY(content_end(&buf, ret_content));
	if (moved ? !any : !other) /* nothing moves */
		*ret_content = STR_EMPTY;
	return RC_OK;
}

/* `*level` is raised to `least`; whether it had to be. */
static bool raise_level(const struct upgrade *upgrade, json levels, str key, int64_t least, int64_t *ret_level)
{
	int64_t now = 0; /* the default of both */
	(void)level_read(upgrade, json_get(levels, key), &now);
	*ret_level = now < least ? least : now;
	return now < least;
}

/*
 * Without a power levels event the old room stays as it is: only its creator has power there, and everybody else
 * would lose what they may do by defaults.
 */
enum rc upgrade_closed_levels(struct upgrade *upgrade, str *ret_content)
{
	struct buf buf;
	json levels, value;
	str key;
	int64_t users_default = 0, events, invite;
	TRY(content_of(upgrade, STR("m.room.power_levels"), &levels));
	*ret_content = STR_EMPTY;
	(void)level_read(upgrade, json_get(levels, STR("users_default")), &users_default);
	int64_t least = users_default < CLOSED_LEVEL ? CLOSED_LEVEL : users_default + 1;
	bool raised = raise_level(upgrade, levels, STR("events_default"), least, &events);
	raised = raise_level(upgrade, levels, STR("invite"), least, &invite) || raised;
	if (!levels || !raised || least > JSON_INTEGER_MAX)
		return RC_OK;
	content_begin(upgrade, &buf);
	put_level(&buf, STR("events_default"), events);
	put_level(&buf, STR("invite"), invite);
	struct json_iter iter = json_iter(levels);
	while (json_next(&iter, &key, &value)) {
		if (str_eq(key, STR("events_default")) || str_eq(key, STR("invite")))
			continue;
		json_put_key(&buf, key);
		json_put(&buf, value);
	}
	return content_end(&buf, ret_content);
}
