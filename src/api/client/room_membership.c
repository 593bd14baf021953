/* createRoom and upgrade, and the memberships: join, knock, leave, forget, invite, kick, ban, unban. */
#include "api/endpoints.h"
#include "core/room/directory.h"
#include "core/room/membership.h"

typedef enum rc membership_verb(struct rooms *rooms, struct arena *arena, const struct membership_change *change,
                                struct fail *fail);

enum { ANSWER_BYTES = 4096 };

static enum rc answer_room(struct api_request *rq, str room_id, str alias)
{
	struct buf body;
	buf_init(&body, rq->arena, ANSWER_BYTES);
	buf_put(&body, STR("{\"room_id\":"));
	json_put_text(&body, room_id);
	if (alias.n) {
		buf_put(&body, STR(",\"room_alias\":"));
		json_put_text(&body, alias);
	}
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

/* POST /createRoom */
enum rc client_create_room(struct api_request *rq)
{
	str room_id, alias;
	TRY(room_create(rq->ctx->rooms, rq->arena, &rq->actor, rq->body, &room_id, &alias, &rq->fail));
	return answer_room(rq, room_id, alias);
}

/* POST /rooms/{roomId}/upgrade */
enum rc client_upgrade(struct api_request *rq)
{
	struct {
		str new_version;
	} body = {0};
	const struct field fields[] = {
		{"new_version", FIELD_TEXT, true, 1, 0, offsetof(__typeof__(body), new_version)},
	};
	struct upgrade_wish wish = {.actor = rq->actor, .room_id = rq->path_params[0]};
	str room_id;
	struct buf out;
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	wish.new_version = body.new_version;
	wish.additional_creators = json_get(rq->body, STR("additional_creators"));
	TRY(room_upgrade(rq->ctx->rooms, rq->arena, &wish, &room_id, &rq->fail));
	buf_init(&out, rq->arena, ANSWER_BYTES);
	buf_put(&out, STR("{\"replacement_room\":"));
	json_put_text(&out, room_id);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

static enum rc body_reason(struct api_request *rq, str *ret_reason)
{
	struct {
		str reason;
	} body = {0};
	const struct field fields[] = {
		{"reason", FIELD_TEXT, false, 0, 0, offsetof(__typeof__(body), reason)},
	};
	TRY(marker_refuse(STR("m.room.member"), rq->body, &rq->fail));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	*ret_reason = body.reason;
	return RC_OK;
}

static enum rc change_self(struct api_request *rq, str room_id, membership_verb *verb)
{
	struct membership_change change = {
		.actor = rq->actor,
		.room_id = room_id,
		.target_user_id = rq->actor.user_id,
	};
	TRY(body_reason(rq, &change.reason));
	return verb(rq->ctx->rooms, rq->arena, &change, &rq->fail);
}

static enum rc change_other(struct api_request *rq, membership_verb *verb)
{
	struct {
		str user_id;
	} body = {0};
	const struct field fields[] = {
		{"user_id", FIELD_TEXT, true, 1, 0, offsetof(__typeof__(body), user_id)},
	};
	struct membership_change change = {.actor = rq->actor, .room_id = rq->path_params[0]};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	TRY(body_reason(rq, &change.reason));
	change.target_user_id = body.user_id;
	TRY(verb(rq->ctx->rooms, rq->arena, &change, &rq->fail));
	return api_answer_empty_object(rq);
}

/* POST /join/{roomIdOrAlias} */
enum rc client_join(struct api_request *rq)
{
	str room_id;
	TRY(room_resolve(rq->ctx->rooms, rq->arena, rq->path_params[0], &room_id, &rq->fail));
	TRY(change_self(rq, room_id, room_join));
	return answer_room(rq, room_id, STR_EMPTY);
}

/* POST /rooms/{roomId}/join */
enum rc client_join_room(struct api_request *rq)
{
	TRY(change_self(rq, rq->path_params[0], room_join));
	return answer_room(rq, rq->path_params[0], STR_EMPTY);
}

/* POST /knock/{roomIdOrAlias} */
enum rc client_knock(struct api_request *rq)
{
	str room_id;
	TRY(room_resolve(rq->ctx->rooms, rq->arena, rq->path_params[0], &room_id, &rq->fail));
	TRY(change_self(rq, room_id, room_knock));
	return answer_room(rq, room_id, STR_EMPTY);
}

enum rc client_leave(struct api_request *rq)
{
	TRY(change_self(rq, rq->path_params[0], room_leave));
	return api_answer_empty_object(rq);
}

enum rc client_forget(struct api_request *rq)
{
	TRY(room_leave_behind(rq->ctx->rooms, rq->arena, &rq->actor, rq->path_params[0], &rq->fail));
	return api_answer_empty_object(rq);
}

enum rc client_invite(struct api_request *rq)
{
	if (json_get(rq->body, STR("medium")) || json_get(rq->body, STR("id_server")))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		                "Invites by e-mail or telephone are not possible: this server uses no identity server");
	return change_other(rq, room_invite);
}

enum rc client_kick(struct api_request *rq)
{
	return change_other(rq, room_kick);
}

enum rc client_ban(struct api_request *rq)
{
	return change_other(rq, room_ban);
}

enum rc client_unban(struct api_request *rq)
{
	return change_other(rq, room_unban);
}
