/* Joins to restricted rooms: Client-Server API and Server-Server API, "Restricted rooms". */
#include "core/room/membership_int.h"

enum { AUTHORISERS_SCRATCH_BYTES = 4 << 20 };

struct conditions {
	bool met;      /* the user is joined to one of the rooms */
	bool checked;  /* one of the rooms is known here */
	bool any;      /* one of the conditions is of a kind that is understood */
};

static bool is_condition(json rule, str *ret_room_id)
{
	*ret_room_id = json_get_text(rule, STR("room_id"));
	return str_eq(json_get_text(rule, STR("type")), STR("m.room_membership")) && room_id_parse(*ret_room_id, NULL);
}

static enum rc condition_check(struct build *build, int64_t user, str room_id, struct conditions *conditions)
{
	struct txn_ro *txn;
	struct room_row room;
	struct member_row member = {0};
	TRY(build_txn(build, &txn));
	conditions->any = true;
	enum rc rc = room_find(txn, build->arena, room_id, &room);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	conditions->checked = true;
	rc = member_get(txn, build->arena, room.room, user, &member);
	conditions->met = rc == RC_OK && member.membership == MEMBERSHIP_JOIN;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* How many there can be is bounded by the size of an event. */
static enum rc conditions_check(struct build *build, int64_t user)
{
	struct conditions conditions = {0};
	const struct event *rules = build_state(build, STR("m.room.join_rules"), STR_EMPTY);
	TRY(build->rc);
	struct json_iter iter = json_iter(rules ? json_get(rules->content, STR("allow")) : NULL);
	json rule;
	while (!conditions.met && json_next(&iter, NULL, &rule)) {
		str room_id;
		if (is_condition(rule, &room_id))
			TRY(condition_check(build, user, room_id, &conditions));
	}
	if (conditions.met)
		return RC_OK;
	if (conditions.any && !conditions.checked)
		return fail_set(build->fail, RC_UNABLE_TO_AUTHORISE_JOIN,
		                "This server knows none of the rooms that this room admits from");
	return fail_set(build->fail, RC_FORBIDDEN, "You are in none of the rooms that this room admits from");
}

struct authoriser_search {
	struct build *build;
	struct power_levels levels;
	struct txn_ro *txn;
	int64_t needed;
	str found;     /* in the build's arena */
};

/* An account that ended authorises nobody, though its leave may not be there yet. */
static enum rc authoriser_seen(void *self, const struct member_row *member)
{
	struct authoriser_search *search = self;
	struct build *build = search->build;
	struct account account;
	if (!user_is_ours(build->head->rooms, member->user_id) ||
	    power_of_user(&search->levels, member->user_id) < search->needed)
		return RC_OK;
	enum rc rc = account_find(search->txn, build->arena, member->user_id, &account);
	if (rc != RC_OK || account.deactivated_ms != 0)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	search->found = arena_dup(build->arena, member->user_id);
	return RC_EXISTS; /* ends the walk */
}

/* A joined user of ours with the power to invite. */
static enum rc authoriser_find(struct build *build, str *ret_user_id)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, AUTHORISERS_SCRATCH_BYTES);
	struct authoriser_search search = {.build = build, .levels = build_power_levels(build)};
	TRY(build->rc);
	TRY(build_txn(build, &search.txn));
	search.needed = power_for_action(&search.levels, STR("invite"));
	enum rc rc = members_of_room(search.txn, &scratch, build->head->room, MEMBERSHIP_JOIN, authoriser_seen, &search);
	if (rc != RC_OK && rc != RC_EXISTS)
		return rc;
	if (!search.found.n)
		return fail_set(build->fail, RC_UNABLE_TO_GRANT_JOIN,
		                "Nobody of this server in the room has the power to let you in");
	*ret_user_id = search.found;
	return RC_OK;
}

static bool join_is_restricted(struct build *build)
{
	const struct event *rules = build_state(build, STR("m.room.join_rules"), STR_EMPTY);
	str rule = rules ? json_get_text(rules->content, STR("join_rule")) : STR_EMPTY;
	const struct room_version *version = build->head->version;
	return (version->restricted_join && str_eq(rule, STR("restricted"))) ||
	       (version->knock_restricted_join && str_eq(rule, STR("knock_restricted")));
}

static enum rc content_authorised(struct build *build, struct event_request *request, json content, str authoriser)
{
	struct buf buf;
	buf_init(&buf, build->arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	struct json_iter iter = json_iter(content);
	str name, key = STR("join_authorised_via_users_server");
	json value;
	while (json_next(&iter, &name, &value)) {
		if (str_eq(name, key))
			continue;
		json_put_key(&buf, name);
		json_put(&buf, value);
	}
	if (authoriser.n) {
		json_put_key(&buf, key);
		json_put_text(&buf, authoriser);
	}
	buf_putc(&buf, '}');
	request->parsed = NULL;
	return buf_finish(&buf, &request->content);
}

/* Who is invited or joined needs nobody's leave to come; the banned are turned away by the auth rules. */
enum rc restricted_join_prepare(struct build *build, struct event_request *request, json content,
                                enum membership before)
{
	str authoriser = STR_EMPTY;
	bool needs = join_is_restricted(build) && before != MEMBERSHIP_JOIN && before != MEMBERSHIP_INVITE &&
	             before != MEMBERSHIP_BAN;
	TRY(build->rc);
	if (needs) {
		TRY(conditions_check(build, request->actor.user));
		TRY(authoriser_find(build, &authoriser));
	}
	if (!needs && !json_get(content, STR("join_authorised_via_users_server")))
		return RC_OK;
	return content_authorised(build, request, content, authoriser);
}
