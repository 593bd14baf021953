/*
 * Membership: the gate, the verbs (join, knock, leave, invite, kick, ban, unban), and member events that a client
 * writes as state, which are the same verbs by another name.
 */
#include "core/room/membership_int.h"

enum verb { VERB_STATE, VERB_JOIN, VERB_KNOCK, VERB_LEAVE, VERB_INVITE, VERB_KICK, VERB_BAN, VERB_UNBAN };

bool user_is_ours(const struct rooms *rooms, str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) && str_eq(parts.domain, rooms->config.identity->server_name);
}

enum rc invites_blocked(struct txn_ro *txn, struct arena *scratch, int64_t user, bool *ret_blocked)
{
	str content;
	json config;
	*ret_blocked = false;
	enum rc rc =
	    account_data_get(txn, scratch, user, 0, STR("m.invite_permission_config"), &content);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(json_parse(scratch, content, &config, NULL));
	*ret_blocked = str_eq(json_get_text(config, STR("default_action")), STR("block"));
	return RC_OK;
}

static enum rc invite_gate(
    struct txn_ro *txn, struct arena *scratch, const struct account *account, struct fail *fail)
{
	bool blocked = false;
	TRY(invites_blocked(txn, scratch, account->user, &blocked));
	return blocked ? fail_set(fail, RC_INVITE_BLOCKED, "%.*s takes no invites",
			     STR_ARG(account->user_id))
		       : RC_OK;
}

enum rc membership_gate(struct txn_ro *txn, struct arena *scratch, const struct membership_step *step,
                        struct fail *fail)
{
	if (step->generation >= 0)
		TRY(account_check_generation(txn, step->sender, step->generation));
	bool enters = step->membership == MEMBERSHIP_JOIN || step->membership == MEMBERSHIP_INVITE ||
	              step->membership == MEMBERSHIP_KNOCK;
	if (!enters)
		return RC_OK;
	struct account account;
	enum rc rc = account_find(txn, scratch, step->member_user_id, &account);
	if (rc == RC_NOT_FOUND)
		return RC_OK; /* not an account of ours */
	TRY(rc);
	if (account.deactivated_ms == 0)
		return step->membership == MEMBERSHIP_INVITE
			   ? invite_gate(txn, scratch, &account, fail)
			   : RC_OK;
	return fail_set(fail, RC_FORBIDDEN, "The account %.*s is deactivated: it can neither be invited nor join",
	                STR_ARG(step->member_user_id));
}

enum rc marker_refuse(str type, json content, struct fail *fail)
{
	if (!marker_forged(type, content))
		return RC_OK;
	return fail_set(fail, RC_FORBIDDEN,
	                "Only the server says that an account is deactivated: remove the key, and use "
	                "POST /_matrix/client/v3/account/deactivate to end an account");
}

/* Members of a verb's content that the client may not choose. */
static bool reserved(str key)
{
	static const char *const names[] = {"membership", "displayname", "avatar_url", "reason", "third_party_signed",
	                                    "join_authorised_via_users_server"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(key, str_of(names[i])))
			return true;
	return false;
}

static void put_text_member(struct buf *buf, str key, str value)
{
	if (!value.n)
		return;
	json_put_key(buf, key);
	json_put_text(buf, value);
}

static enum rc profile_put(struct build *build, struct buf *buf, str user_id)
{
	if (!user_is_ours(build->head->rooms, user_id))
		return RC_OK;
	struct txn_ro *txn;
	struct account account;
	TRY(build_txn(build, &txn));
	enum rc rc = account_find(txn, build->arena, user_id, &account);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	put_text_member(buf, STR("displayname"), account.displayname);
	put_text_member(buf, STR("avatar_url"), account.avatar_url);
	return RC_OK;
}

static enum rc extra_put(struct build *build, struct buf *buf, str extra)
{
	json content;
	if (!extra.n)
		return RC_OK;
	TRY(json_parse(build->arena, extra, &content, build->fail));
	TRY(marker_refuse(STR("m.room.member"), content, build->fail));
	struct json_iter iter = json_iter(content);
	str key;
	json value;
	while (json_next(&iter, &key, &value)) {
		if (reserved(key))
			continue;
		json_put_key(buf, key);
		json_put(buf, value);
	}
	return RC_OK;
}

enum rc membership_content(struct build *build, enum membership membership, str user_id, bool with_profile,
                           str reason, str extra, str *ret_content)
{
	struct buf buf;
	buf_init(&buf, build->arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	json_put_key(&buf, STR("membership"));
	json_put_text(&buf, membership_text(membership));
	if (with_profile)
		TRY(profile_put(build, &buf, user_id));
	put_text_member(&buf, STR("reason"), reason);
	TRY(extra_put(build, &buf, extra));
	buf_putc(&buf, '}');
	return buf_finish(&buf, ret_content);
}

static enum rc gate_before(struct event_op *op, struct build *build, const struct event_request *request,
                           enum membership membership)
{
	struct membership_step step = {membership, request->actor.user, request->actor.generation,
	                               request->state_key};
	struct txn_ro *txn;
	TRY(build_txn(build, &txn));
	return membership_gate(txn, build->arena, &step, op->fail);
}

enum rc membership_check(struct event_op *op, struct build *build, struct event_request *request, json content)
{
	enum membership membership;
	if (!user_id_parse(request->state_key, NULL))
		return fail_set(op->fail, RC_INVALID_PARAM, "The state_key of m.room.member must be a user ID");
	if (!membership_parse(json_get_text(content, STR("membership")), &membership))
		return fail_set(op->fail, RC_BAD_JSON,
		                "membership must be one of join, invite, knock, leave and ban");
	TRY(gate_before(op, build, request, membership));
	enum membership before = build_membership(build, request->state_key);
	TRY(build->rc);
	if (membership == MEMBERSHIP_JOIN)
		return restricted_join_prepare(build, request, content, before);
	return RC_OK;
}

/* A knock that says nothing new. */
static bool knock_is_same(const struct event_op *op, struct build *build)
{
	const struct event *knock = build_state(build, STR("m.room.member"), op->want.state_key);
	str reason = op->verb_change->reason;
	return !reason.n || (knock && str_eq(json_get_text(knock->content, STR("reason")), reason));
}

/* What a verb demands of the membership that stands there; settles it when nothing is to be done. */
static enum rc verb_check(struct event_op *op, struct build *build, enum membership before)
{
	str target = op->want.state_key;
	bool in_room = before == MEMBERSHIP_JOIN || before == MEMBERSHIP_INVITE || before == MEMBERSHIP_KNOCK;
	bool done = (op->verb == VERB_JOIN && before == MEMBERSHIP_JOIN) ||
	            (op->verb == VERB_LEAVE && before == MEMBERSHIP_LEAVE) ||
	            (op->verb == VERB_KNOCK && before == MEMBERSHIP_KNOCK && knock_is_same(op, build));
	if (done) {
		op_settle(op, build, build_state(build, STR("m.room.member"), target));
		return arena_status(op->arena);
	}
	if (op->verb == VERB_KNOCK && before == MEMBERSHIP_JOIN)
		return fail_set(op->fail, RC_FORBIDDEN, "You are in this room already");
	if (op->verb == VERB_KNOCK && before == MEMBERSHIP_INVITE)
		return fail_set(op->fail, RC_FORBIDDEN, "You are invited to this room: join it");
	if (op->verb == VERB_LEAVE && before == MEMBERSHIP_NONE)
		return fail_set(op->fail, RC_FORBIDDEN, "You are not in this room");
	if (op->verb == VERB_KICK && !in_room)
		return fail_set(op->fail, RC_FORBIDDEN, "%.*s is not in this room", STR_ARG(target));
	if (op->verb == VERB_UNBAN && before != MEMBERSHIP_BAN)
		return fail_set(op->fail, RC_FORBIDDEN, "%.*s is not banned from this room", STR_ARG(target));
	return RC_OK;
}

static const enum membership membership_of_verb[] = {
	[VERB_STATE] = MEMBERSHIP_NONE,  [VERB_JOIN] = MEMBERSHIP_JOIN,     [VERB_KNOCK] = MEMBERSHIP_KNOCK,
	[VERB_LEAVE] = MEMBERSHIP_LEAVE, [VERB_INVITE] = MEMBERSHIP_INVITE, [VERB_KICK] = MEMBERSHIP_LEAVE,
	[VERB_BAN] = MEMBERSHIP_BAN,     [VERB_UNBAN] = MEMBERSHIP_LEAVE,
};

static enum rc verb_prepare(struct event_op *op, struct build *build, struct event_request *request)
{
	const struct membership_change *change = op->verb_change;
	enum membership before = build_membership(build, request->state_key);
	TRY(build->rc);
	TRY(verb_check(op, build, before));
	if (op->settled)
		return RC_OK;
	bool with_profile = op->verb == VERB_JOIN || op->verb == VERB_KNOCK || op->verb == VERB_INVITE;
	return membership_content(build, membership_of_verb[op->verb], request->state_key, with_profile,
	                          change->reason, change->content, &request->content);
}

static enum rc verb_run(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                        enum verb verb, struct fail *fail)
{
	if (!user_id_parse(change->target_user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "user_id must be a user ID");
	if (change->content.n) {
		json content; /* refused before anything else: also when the verb would change nothing */
		TRY(json_parse(arena, change->content, &content, fail));
		TRY(marker_refuse(STR("m.room.member"), content, fail));
	}
	struct event_op op = {
		.rooms = rooms,
		.room_id = change->room_id,
		.arena = arena,
		.fail = fail,
		.prepare = verb_prepare,
		.verb = (int)verb,
		.verb_change = change,
		.no_room_rc = verb == VERB_JOIN || verb == VERB_KNOCK || verb == VERB_LEAVE ? RC_NOT_FOUND : RC_FORBIDDEN,
		.want = {
			.actor = change->actor,
			.type = STR("m.room.member"),
			.is_state = true,
			.state_key = change->target_user_id,
		},
	};
	return event_op_wait(&op);
}

enum rc room_join(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_JOIN, fail);
}

enum rc room_knock(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                   struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_KNOCK, fail);
}

enum rc room_leave(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                   struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_LEAVE, fail);
}

enum rc room_invite(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                    struct fail *fail)
{
	if (!user_is_ours(rooms, change->target_user_id) && user_id_parse(change->target_user_id, NULL))
		return fail_set(fail, RC_FORBIDDEN,
		                "%.*s lives on another server, and this server does not federate yet",
		                STR_ARG(change->target_user_id));
	return verb_run(rooms, arena, change, VERB_INVITE, fail);
}

enum rc room_kick(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_KICK, fail);
}

enum rc room_ban(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_BAN, fail);
}

enum rc room_unban(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                   struct fail *fail)
{
	return verb_run(rooms, arena, change, VERB_UNBAN, fail);
}
