/* Room aliases, and whether a room is listed. */
#include "api/endpoints.h"
#include "core/room/directory.h"

enum { DIRECTORY_ANSWER_MAX_BYTES = 1 << 20 };

/* PUT /directory/room/{roomAlias} */
enum rc client_set_alias(struct api_request *rq)
{
	struct {
		str room_id;
	} body = {0};
	const struct field fields[] = {
		{"room_id", FIELD_TEXT, true, 1, 0, offsetof(__typeof__(body), room_id)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	TRY(room_alias_set(rq->ctx->rooms, rq->arena, &rq->actor, rq->path_params[0], body.room_id, &rq->fail));
	return api_answer_empty_object(rq);
}

/* GET /directory/room/{roomAlias} */
enum rc client_alias(struct api_request *rq)
{
	struct buf out;
	str room_id;
	if (str_starts(rq->path_params[0], STR("!")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "A room alias looks like #name:server");
	TRY(room_resolve(rq->ctx->rooms, rq->arena, rq->path_params[0], &room_id, &rq->fail));
	buf_init(&out, rq->arena, DIRECTORY_ANSWER_MAX_BYTES);
	buf_put(&out, STR("{\"room_id\":"));
	json_put_text(&out, room_id);
	buf_put(&out, STR(",\"servers\":["));
	json_put_text(&out, rq->ctx->server_name);
	buf_put(&out, STR("]}"));
	return api_answer_buf(rq, &out);
}

/* DELETE /directory/room/{roomAlias} */
enum rc client_delete_alias(struct api_request *rq)
{
	TRY(room_alias_remove(rq->ctx->rooms, rq->arena, &rq->actor, rq->session.admin, rq->path_params[0], &rq->fail));
	return api_answer_empty_object(rq);
}

/* GET /rooms/{roomId}/aliases */
enum rc client_aliases(struct api_request *rq)
{
	struct buf out;
	buf_init(&out, rq->arena, DIRECTORY_ANSWER_MAX_BYTES);
	TRY(room_aliases_answer(rq->ctx->rooms, rq->arena, &rq->actor, rq->path_params[0], &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* GET /directory/list/room/{roomId} */
enum rc client_room_visibility(struct api_request *rq)
{
	bool listed;
	TRY(room_is_listed(rq->ctx->rooms, rq->arena, rq->path_params[0], &listed, &rq->fail));
	return api_answer(rq, 200, listed ? STR("{\"visibility\":\"public\"}") : STR("{\"visibility\":\"private\"}"));
}

/* PUT /directory/list/room/{roomId} */
enum rc client_set_room_visibility(struct api_request *rq)
{
	struct {
		str visibility;
	} body = {STR("public")};
	const struct field fields[] = {
		{"visibility", FIELD_TEXT, false, 0, 0, offsetof(__typeof__(body), visibility)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	bool listed = str_eq(body.visibility, STR("public"));
	if (!listed && !str_eq(body.visibility, STR("private")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "visibility must be public or private");
	TRY(room_list(rq->ctx->rooms, rq->arena, &rq->actor, rq->session.admin, rq->path_params[0], listed, &rq->fail));
	return api_answer_empty_object(rq);
}
