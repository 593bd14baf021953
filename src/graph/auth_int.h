/* Inside graph: the rules' names and what the files of the auth rules share. */
#ifndef EXEUNT_GRAPH_AUTH_INT_H
#define EXEUNT_GRAPH_AUTH_INT_H

#include "graph/auth.h"

/* RULE_ALLOW, or the rule that refuses. */
enum auth_rule {
	RULE_ALLOW,
#define AUTH_RULE(name, v1, v3, v6, v7, v8, v10, v11, v12, sentence) RULE_##name,
#include "graph/auth_rules.def"
#undef AUTH_RULE
};

/* An event before the rules, and what most of them ask for. */
struct judged {
	const struct event *event;
	const struct auth_state *state;
	const struct event *create; /* never NULL beyond rule 2 */
	struct power_levels levels;
	int64_t sender_power;
};

const struct event *auth_state_at(const struct judged *judged, str type, str state_key);
/* "join", "invite", …; empty when the user has no member event. */
str auth_membership(const struct judged *judged, str user_id);
bool auth_is(const struct judged *judged, str user_id, str membership);

/* The groups of rules: m.room.member, its third-party invites, and m.room.power_levels. */
enum auth_rule auth_member(const struct judged *judged);
enum auth_rule auth_third_party_invite(const struct judged *judged, json invite);
enum auth_rule auth_power_levels(const struct judged *judged);

#endif
