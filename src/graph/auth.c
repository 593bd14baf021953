#include "graph/auth_int.h"
#include "matrix/ids.h"

static const struct auth_text {
	const char *numbers[AUTH_NUMBERING_V12 + 1];
	const char *reason;
} texts[] = {
	[RULE_ALLOW] = {{"", "", "", "", "", "", "", ""}, ""},
#define AUTH_RULE(name, v1, v3, v6, v7, v8, v10, v11, v12, sentence)                                    \
	[RULE_##name] = {{[AUTH_NUMBERING_V1] = "v1:" v1,                                               \
	                  [AUTH_NUMBERING_V3] = "v3:" v3,                                               \
	                  [AUTH_NUMBERING_V6] = "v6:" v6,                                               \
	                  [AUTH_NUMBERING_V7] = "v7:" v7,                                               \
	                  [AUTH_NUMBERING_V8] = "v8:" v8,                                               \
	                  [AUTH_NUMBERING_V10] = "v10:" v10,                                            \
	                  [AUTH_NUMBERING_V11] = "v11:" v11,                                            \
	                  [AUTH_NUMBERING_V12] = "v12:" v12},                                           \
	                 sentence},
#include "graph/auth_rules.def"
#undef AUTH_RULE
};

static struct auth_verdict verdict_of(const struct room_version *version, enum auth_rule rule)
{
	return (struct auth_verdict){
		.allowed = rule == RULE_ALLOW,
		.rule = texts[rule].numbers[version->auth_numbering],
		.reason = texts[rule].reason,
	};
}

const struct event *auth_state_at(const struct judged *judged, str type, str state_key)
{
	return judged->state->get(judged->state->self, type, state_key);
}

str auth_membership(const struct judged *judged, str user_id)
{
	const struct event *member = auth_state_at(judged, STR("m.room.member"), user_id);
	return member ? json_get_text(member->content, STR("membership")) : STR_EMPTY;
}

bool auth_is(const struct judged *judged, str user_id, str membership)
{
	return str_eq(auth_membership(judged, user_id), membership);
}

static str domain_of_user(str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) ? parts.domain : STR_EMPTY;
}

static bool are_user_ids(json list)
{
	struct json_iter iter = json_iter(list);
	json entry;
	if (!json_is_array(list))
		return false;
	while (json_next(&iter, NULL, &entry))
		if (!json_is_text(entry) || !user_id_parse(json_text_or(entry, STR_EMPTY), NULL))
			return false;
	return true;
}

/* A v12 room's id is its create event's with another sigil. */
static bool is_room_of(str room_id, const struct event *create)
{
	return str_starts(room_id, STR("!")) && str_starts(create->event_id, STR("$")) &&
	       str_eq(str_from(room_id, 1), str_from(create->event_id, 1));
}

/* Rule 1. */
static enum auth_rule check_create(const struct event *event)
{
	const struct room_version *version = event->version;
	json room_version = json_get(event->content, STR("room_version"));
	json additional = json_get(event->content, STR("additional_creators"));
	struct id_parts room = {0};
	if (event->prev_count)
		return RULE_CREATE_PREV_EVENTS;
	if (version->room_id_from_create && !is_room_of(event->room_id, event))
		return RULE_CREATE_ROOM_ID;
	if (!version->room_id_from_create &&
	    (!room_id_parse(event->room_id, &room) || !str_eq(room.domain, domain_of_user(event->sender))))
		return RULE_CREATE_ROOM_DOMAIN;
	if (room_version && !room_version_find(json_text_or(room_version, STR_EMPTY)))
		return RULE_CREATE_VERSION;
	if (!version->implicit_room_creator && !json_get(event->content, STR("creator")))
		return RULE_CREATE_NO_CREATOR;
	if (version->privileged_creators && additional && !are_user_ids(additional))
		return RULE_CREATE_ADDITIONAL;
	return RULE_ALLOW;
}

/* Rules 2 (v12: 2) and 3 (v12: 4): the room is there and takes the sender's server. */
static enum auth_rule check_room(const struct judged *judged)
{
	const struct event *event = judged->event, *create = judged->create;
	bool derived = event->version->room_id_from_create;
	if (!create)
		return derived ? RULE_NO_SUCH_ROOM : RULE_NO_CREATE;
	if (derived && !is_room_of(event->room_id, create))
		return RULE_NO_SUCH_ROOM;
	if (!derived && !str_eq(create->room_id, event->room_id))
		return RULE_AUTH_OTHER_ROOM;
	bool federate = true;
	if (json_bool(json_get(create->content, STR("m.federate")), &federate) && !federate &&
	    !str_eq(domain_of_user(event->sender), domain_of_user(create->sender)))
		return RULE_NOT_FEDERATED;
	return RULE_ALLOW;
}

/* v1 to v5, rule 4. */
static enum auth_rule check_aliases(const struct event *event)
{
	if (!event->is_state)
		return RULE_ALIASES_NO_KEY;
	return str_eq(event->state_key, domain_of_user(event->sender)) ? RULE_ALLOW : RULE_ALIASES_DOMAIN;
}

static str domain_of_event(str event_id)
{
	size_t colon = str_find(event_id, ':');
	return colon < event_id.n ? str_from(event_id, colon + 1) : STR_EMPTY;
}

/* v1 and v2, rule 11. */
static enum auth_rule check_redaction(const struct judged *judged)
{
	const struct event *event = judged->event;
	str own = domain_of_event(event->event_id);
	if (judged->sender_power >= power_for_action(&judged->levels, STR("redact")))
		return RULE_ALLOW;
	return own.n && str_eq(domain_of_event(event->redacts), own) ? RULE_ALLOW : RULE_REDACTION_OTHER;
}

/* Rules 5 to 10 (v1: 6 to 12; v12: 6 to 11): everything that is neither create nor member. */
static enum auth_rule check_other(const struct judged *judged)
{
	const struct event *event = judged->event;
	if (!auth_is(judged, event->sender, STR("join")))
		return RULE_SENDER_OUT;
	if (str_eq(event->type, STR("m.room.third_party_invite")))
		return judged->sender_power >= power_for_action(&judged->levels, STR("invite"))
		               ? RULE_ALLOW
		               : RULE_THIRD_PARTY_INVITE_LEVEL;
	if (power_to_send(&judged->levels, event->type, event->is_state) > judged->sender_power)
		return RULE_SEND_LEVEL;
	if (event->is_state && str_starts(event->state_key, STR("@")) &&
	    !str_eq(event->state_key, event->sender))
		return RULE_STATE_KEY_OTHER;
	if (str_eq(event->type, STR("m.room.power_levels")))
		return auth_power_levels(judged);
	if (event->version->redaction_auth && str_eq(event->type, STR("m.room.redaction")))
		return check_redaction(judged);
	return RULE_ALLOW;
}

static enum auth_rule judge(const struct event *event, const struct auth_state *state)
{
	struct judged judged = {.event = event, .state = state};
	if (str_eq(event->type, STR("m.room.create")))
		return check_create(event);
	judged.create = auth_state_at(&judged, STR("m.room.create"), STR_EMPTY);
	enum auth_rule rule = check_room(&judged);
	if (rule != RULE_ALLOW)
		return rule;
	if (event->version->special_alias_auth && str_eq(event->type, STR("m.room.aliases")))
		return check_aliases(event);
	judged.levels = power_levels_of(judged.create,
	                                auth_state_at(&judged, STR("m.room.power_levels"), STR_EMPTY));
	judged.sender_power = power_of_user(&judged.levels, event->sender);
	if (str_eq(event->type, STR("m.room.member")))
		return auth_member(&judged);
	return check_other(&judged);
}

struct auth_verdict auth_check(const struct event *event, const struct auth_state *state)
{
	return verdict_of(event->version, judge(event, state));
}

static bool same_place(const struct event *a, const struct event *b)
{
	return str_eq(a->type, b->type) && str_eq(a->state_key, b->state_key);
}

static bool is_wanted(const struct event *event, const struct auth_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (event->is_state && str_eq(event->type, keys[i].type) &&
		    str_eq(event->state_key, keys[i].state_key))
			return true;
	return false;
}

/* Rules 2.1 to 2.5 (v12: 3.1 to 3.5). */
static enum auth_rule check_auth_events(const struct event *event, const struct auth_event *entries,
                                        size_t count)
{
	struct auth_key keys[AUTH_KEYS_MAX];
	size_t wanted = auth_keys(event->version, event->type, event->is_state, event->state_key,
	                          event->sender, event->content, keys);
	bool has_create = false;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (same_place(entries[i].event, entries[j].event))
				return RULE_AUTH_DUPLICATE;
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(entries[i].event, keys, wanted))
			return RULE_AUTH_UNWANTED;
		has_create = has_create || str_eq(entries[i].event->type, STR("m.room.create"));
	}
	for (size_t i = 0; i < count; i++)
		if (entries[i].rejected)
			return RULE_AUTH_REJECTED;
	if (event->version->create_in_auth_events && !has_create)
		return RULE_NO_CREATE;
	for (size_t i = 0; i < count; i++)
		if (!str_eq(entries[i].event->room_id, event->room_id))
			return RULE_AUTH_OTHER_ROOM;
	return RULE_ALLOW;
}

struct auth_verdict auth_check_auth_events(const struct event *event, const struct auth_event *entries,
                                           size_t count)
{
	if (str_eq(event->type, STR("m.room.create"))) /* rule 1 allows before these are reached */
		return verdict_of(event->version, RULE_ALLOW);
	return verdict_of(event->version, check_auth_events(event, entries, count));
}
