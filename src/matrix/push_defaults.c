/* The push rules of the server: Client-Server API, "Predefined Rules". */
#include "matrix/push_rules_int.h"

#define MATCH(key, pattern)                                                                        \
	"{\"key\":\"" key "\",\"kind\":\"event_match\",\"pattern\":\"" pattern "\"}"
#define TWO_MEMBERS "{\"is\":\"2\",\"kind\":\"room_member_count\"}"
#define NOTIFY "\"notify\""
#define HIGHLIGHT "{\"set_tweak\":\"highlight\"}"
#define SOUND(name) "{\"set_tweak\":\"sound\",\"value\":\"" name "\"}"

static const struct push_default override_rules[] = {
    {.id = ".m.rule.master", .conditions = "", .actions = "", .disabled = true},
    {.id = ".m.rule.suppress_notices",
	.conditions = MATCH("content.msgtype", "m.notice"),
	.actions = ""},
    {
	.id = ".m.rule.invite_for_me",
	.conditions = MATCH("type", "m.room.member") "," MATCH("content.membership",
	    "invite") ",{\"key\":\"state_key\",\"kind\":\"event_match\",\"pattern\":" PUSH_USER "}",
	.actions = NOTIFY "," SOUND("default"),
    },
    {.id = ".m.rule.member_event", .conditions = MATCH("type", "m.room.member"), .actions = ""},
    {
	.id = ".m.rule.is_user_mention",
	.conditions =
	    "{\"key\":\"content.m\\\\.mentions.user_ids\",\"kind\":\"event_property_contains\","
	    "\"value\":" PUSH_USER "}",
	.actions = NOTIFY "," SOUND("default") "," HIGHLIGHT,
    },
    {
	.id = ".m.rule.is_room_mention",
	.conditions =
	    "{\"key\":\"content.m\\\\.mentions.room\",\"kind\":\"event_property_is\","
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
	.conditions =
	    "{\"key\":\"content.m\\\\.relates_to.rel_type\",\"kind\":\"event_property_is\","
	    "\"value\":\"m.replace\"}",
	.actions = "",
    },
};

static const struct push_default underride_rules[] = {
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

const struct push_default *push_defaults(enum push_kind kind, size_t *ret_count)
{
	*ret_count = 0;
	if (kind == PUSH_OVERRIDE)
		*ret_count = COUNT_OF(override_rules);
	else if (kind == PUSH_UNDERRIDE)
		*ret_count = COUNT_OF(underride_rules);
	return kind == PUSH_OVERRIDE ? override_rules : underride_rules;
}
