#include "matrix/push_rules.h"

#include "codec/json.h"

enum { RULES_MAX_BYTES = 16384 };

#define MATCH(key, pattern) "{\"key\":\"" key "\",\"kind\":\"event_match\",\"pattern\":\"" pattern "\"}"
#define TWO_MEMBERS "{\"is\":\"2\",\"kind\":\"room_member_count\"}"
#define NOTIFY "\"notify\""
#define HIGHLIGHT "{\"set_tweak\":\"highlight\"}"
#define SOUND(name) "{\"set_tweak\":\"sound\",\"value\":\"" name "\"}"
/* Stands for the user's id as a JSON string. */
#define USER "\x01"

struct rule {
	const char *id, *conditions, *actions;
	bool disabled;
};

static const struct rule override_rules[] = {
	{.id = ".m.rule.master", .conditions = "", .actions = "", .disabled = true},
	{.id = ".m.rule.suppress_notices", .conditions = MATCH("content.msgtype", "m.notice"), .actions = ""},
	{
		.id = ".m.rule.invite_for_me",
		.conditions = MATCH("type", "m.room.member") "," MATCH("content.membership", "invite")
			",{\"key\":\"state_key\",\"kind\":\"event_match\",\"pattern\":" USER "}",
		.actions = NOTIFY "," SOUND("default"),
	},
	{.id = ".m.rule.member_event", .conditions = MATCH("type", "m.room.member"), .actions = ""},
	{
		.id = ".m.rule.is_user_mention",
		.conditions = "{\"key\":\"content.m\\\\.mentions.user_ids\",\"kind\":\"event_property_contains\","
			"\"value\":" USER "}",
		.actions = NOTIFY "," SOUND("default") "," HIGHLIGHT,
	},
	{
		.id = ".m.rule.is_room_mention",
		.conditions = "{\"key\":\"content.m\\\\.mentions.room\",\"kind\":\"event_property_is\","
			"\"value\":true},{\"key\":\"room\",\"kind\":\"sender_notification_permission\"}",
		.actions = NOTIFY "," HIGHLIGHT,
	},
	{
		.id = ".m.rule.tombstone",
		.conditions = MATCH("type", "m.room.tombstone") "," MATCH("state_key", ""),
		.actions = NOTIFY "," HIGHLIGHT,
	},
	{.id = ".m.rule.reaction", .conditions = MATCH("type", "m.reaction"), .actions = ""},
	{
		.id = ".m.rule.room.server_acl",
		.conditions = MATCH("type", "m.room.server_acl") "," MATCH("state_key", ""),
		.actions = "",
	},
	{
		.id = ".m.rule.suppress_edits",
		.conditions = "{\"key\":\"content.m\\\\.relates_to.rel_type\",\"kind\":\"event_property_is\","
			"\"value\":\"m.replace\"}",
		.actions = "",
	},
};

static const struct rule underride_rules[] = {
	{
		.id = ".m.rule.call",
		.conditions = MATCH("type", "m.call.invite"),
		.actions = NOTIFY "," SOUND("ring"),
	},
	{
		.id = ".m.rule.encrypted_room_one_to_one",
		.conditions = TWO_MEMBERS "," MATCH("type", "m.room.encrypted"),
		.actions = NOTIFY "," SOUND("default"),
	},
	{
		.id = ".m.rule.room_one_to_one",
		.conditions = TWO_MEMBERS "," MATCH("type", "m.room.message"),
		.actions = NOTIFY "," SOUND("default"),
	},
	{.id = ".m.rule.message", .conditions = MATCH("type", "m.room.message"), .actions = NOTIFY},
	{.id = ".m.rule.encrypted", .conditions = MATCH("type", "m.room.encrypted"), .actions = NOTIFY},
};

static void put_with_user(struct buf *buf, const char *text, str user_id)
{
	str rest = str_of(text);
	size_t at = str_find(rest, USER[0]);
	buf_put(buf, str_first(rest, at));
	if (at < rest.n) {
		json_put_text(buf, user_id);
		buf_put(buf, str_from(rest, at + 1));
	}
}

static void put_kind(struct buf *buf, str kind, const struct rule *rules, size_t count, str user_id)
{
	json_put_key(buf, kind);
	buf_putc(buf, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(buf);
		buf_put(buf, STR("{\"actions\":["));
		buf_put(buf, str_of(rules[i].actions));
		buf_put(buf, STR("],\"conditions\":["));
		put_with_user(buf, rules[i].conditions, user_id);
		buf_put(buf, STR("],\"default\":true,\"enabled\":"));
		buf_put(buf, rules[i].disabled ? STR("false") : STR("true"));
		buf_put(buf, STR(",\"rule_id\":\""));
		buf_put(buf, str_of(rules[i].id));
		buf_put(buf, STR("\"}"));
	}
	buf_putc(buf, ']');
}

enum rc push_rules_default(struct arena *arena, str user_id, str *ret_json)
{
	struct buf buf;
	buf_init(&buf, arena, RULES_MAX_BYTES);
	buf_put(&buf, STR("{\"global\":{"));
	put_kind(&buf, STR("content"), NULL, 0, user_id);
	put_kind(&buf, STR("override"), override_rules, COUNT_OF(override_rules), user_id);
	put_kind(&buf, STR("room"), NULL, 0, user_id);
	put_kind(&buf, STR("sender"), NULL, 0, user_id);
	put_kind(&buf, STR("underride"), underride_rules, COUNT_OF(underride_rules), user_id);
	buf_put(&buf, STR("}}"));
	return buf_finish(&buf, ret_json);
}
