/* Rule 4 (v12: 5): m.room.member. */
#include "graph/auth_int.h"

static str join_rule_of(const struct judged *judged)
{
	const struct event *rules = auth_state_at(judged, STR("m.room.join_rules"), STR_EMPTY);
	json rule = rules ? json_get(rules->content, STR("join_rule")) : NULL;
	/* Without the event, or without its key, only those who are invited may join; a rule that is no text is none. */
	return rule ? json_text_or(rule, STR_EMPTY) : STR("invite");
}

/* Rule 4.3.1: the first member of the room. */
static bool is_creators_first_join(const struct judged *judged)
{
	const struct event *event = judged->event, *create = judged->create;
	if (event->prev_count != 1 || !str_eq(event->prev_events[0], create->event_id))
		return false;
	str creator = create->version->implicit_room_creator
	                      ? create->sender
	                      : json_get_text(create->content, STR("creator"));
	return str_eq(event->state_key, creator);
}

/* Rule 4.3.5.2: the user that lets a restricted join in. */
static bool is_authorised_join(const struct judged *judged)
{
	str authoriser = json_get_text(judged->event->content, STR("join_authorised_via_users_server"));
	return authoriser.n && auth_is(judged, authoriser, STR("join")) &&
	       power_of_user(&judged->levels, authoriser) >= power_for_action(&judged->levels, STR("invite"));
}

static bool is_restricted(const struct room_version *version, str join_rule)
{
	return (version->restricted_join && str_eq(join_rule, STR("restricted"))) ||
	       (version->knock_restricted_join && str_eq(join_rule, STR("knock_restricted")));
}

/* Rule 4.3. */
static enum auth_rule check_join(const struct judged *judged)
{
	const struct event *event = judged->event;
	if (is_creators_first_join(judged))
		return RULE_ALLOW;
	if (!str_eq(event->sender, event->state_key))
		return RULE_JOIN_OTHER;
	if (auth_is(judged, event->sender, STR("ban")))
		return RULE_JOIN_BANNED;
	str join_rule = join_rule_of(judged);
	bool expected = auth_is(judged, event->sender, STR("invite")) || auth_is(judged, event->sender, STR("join"));
	if (str_eq(join_rule, STR("public")))
		return RULE_ALLOW;
	if (is_restricted(event->version, join_rule))
		return expected || is_authorised_join(judged) ? RULE_ALLOW : RULE_JOIN_NOT_AUTHORISED;
	if (expected && (str_eq(join_rule, STR("invite")) ||
	                 (event->version->knock && str_eq(join_rule, STR("knock")))))
		return RULE_ALLOW;
	return RULE_JOIN_NOT_INVITED;
}

/* Rule 4.4. */
static enum auth_rule check_invite(const struct judged *judged)
{
	const struct event *event = judged->event;
	json third_party = json_get(event->content, STR("third_party_invite"));
	if (third_party)
		return auth_third_party_invite(judged, third_party);
	if (!auth_is(judged, event->sender, STR("join")))
		return RULE_INVITE_SENDER_OUT;
	if (auth_is(judged, event->state_key, STR("join")) || auth_is(judged, event->state_key, STR("ban")))
		return RULE_INVITE_TARGET;
	return judged->sender_power >= power_for_action(&judged->levels, STR("invite")) ? RULE_ALLOW
	                                                                               : RULE_INVITE_LEVEL;
}

/* Whether the sender has the level for `action` and stands above the target. */
static bool may_act_on_target(const struct judged *judged, str action)
{
	return judged->sender_power >= power_for_action(&judged->levels, action) &&
	       power_of_user(&judged->levels, judged->event->state_key) < judged->sender_power;
}

/* Rule 4.5: leaving, rejecting, retracting; kicking and unbanning. */
static enum auth_rule check_leave(const struct judged *judged)
{
	const struct event *event = judged->event;
	if (str_eq(event->sender, event->state_key)) {
		bool may_leave = auth_is(judged, event->sender, STR("join")) ||
		                 auth_is(judged, event->sender, STR("invite")) ||
		                 (event->version->knock && auth_is(judged, event->sender, STR("knock")));
		return may_leave ? RULE_ALLOW : RULE_LEAVE_NOT_IN;
	}
	if (!auth_is(judged, event->sender, STR("join")))
		return RULE_KICK_SENDER_OUT;
	if (auth_is(judged, event->state_key, STR("ban")) &&
	    judged->sender_power < power_for_action(&judged->levels, STR("ban")))
		return RULE_UNBAN_LEVEL;
	return may_act_on_target(judged, STR("kick")) ? RULE_ALLOW : RULE_KICK_LEVEL;
}

/* Rule 4.6. */
static enum auth_rule check_ban(const struct judged *judged)
{
	if (!auth_is(judged, judged->event->sender, STR("join")))
		return RULE_BAN_SENDER_OUT;
	return may_act_on_target(judged, STR("ban")) ? RULE_ALLOW : RULE_BAN_LEVEL;
}

/* Rule 4.7. */
static enum auth_rule check_knock(const struct judged *judged)
{
	const struct event *event = judged->event;
	str join_rule = join_rule_of(judged);
	if (!str_eq(join_rule, STR("knock")) &&
	    !(event->version->knock_restricted_join && str_eq(join_rule, STR("knock_restricted"))))
		return RULE_KNOCK_JOIN_RULE;
	if (!str_eq(event->sender, event->state_key))
		return RULE_KNOCK_OTHER;
	str current = auth_membership(judged, event->sender);
	if (str_eq(current, STR("ban")) || str_eq(current, STR("invite")) || str_eq(current, STR("join")))
		return RULE_KNOCK_MEMBERSHIP;
	return RULE_ALLOW;
}

enum auth_rule auth_member(const struct judged *judged)
{
	const struct event *event = judged->event;
	str membership;
	/* Rule 4.2, the authorising server's signature, is checked with the other signatures. */
	if (!event->is_state || !json_text(json_get(event->content, STR("membership")), &membership))
		return RULE_MEMBER_SHAPE;
	if (str_eq(membership, STR("join")))
		return check_join(judged);
	if (str_eq(membership, STR("invite")))
		return check_invite(judged);
	if (str_eq(membership, STR("leave")))
		return check_leave(judged);
	if (str_eq(membership, STR("ban")))
		return check_ban(judged);
	if (event->version->knock && str_eq(membership, STR("knock")))
		return check_knock(judged);
	return RULE_MEMBERSHIP_UNKNOWN;
}
