/* Summaries of rooms, and the hierarchy of spaces. */
#include "api/endpoints.h"

#include "core/room/directory.h"
#include "core/room/spaces.h"

enum { SUMMARY_MAX_BYTES = 1 << 20, HIERARCHY_MAX_BYTES = 128 << 20 };

/* GET /room_summary/{roomIdOrAlias}. `via` names servers to ask, and this server does not federate yet. */
enum rc client_room_summary(struct api_request *rq)
{
	struct buf out;
	str room_id;
	buf_init(&out, rq->arena, SUMMARY_MAX_BYTES);
	TRY(room_resolve(rq->ctx->rooms, rq->arena, rq->path_params[0], &room_id, &rq->fail));
	TRY(room_summary_answer(rq->ctx->store, rq->arena, room_id,
	    rq->has_session ? rq->session.user : 0, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/hierarchy */
enum rc client_hierarchy(struct api_request *rq)
{
	struct hierarchy_wish wish = {.room_id = rq->path_params[0], .viewer = rq->session.user};
	struct buf out;
	int64_t limit, depth;
	TRY(api_query_bool(rq, STR("suggested_only"), false, &wish.suggested_only));
	TRY(api_query_integer(rq, STR("limit"), 1, INT64_MAX, HIERARCHY_LIMIT_DEFAULT, &limit));
	TRY(api_query_integer(rq, STR("max_depth"), 0, INT64_MAX, HIERARCHY_DEPTH_MAX, &depth));
	TRY(api_query(rq, STR("from"), &wish.from));
	wish.limit = limit > HIERARCHY_LIMIT_MAX ? HIERARCHY_LIMIT_MAX : (size_t)limit;
	wish.max_depth = depth > HIERARCHY_DEPTH_MAX ? HIERARCHY_DEPTH_MAX : depth;
	buf_init(&out, rq->arena, HIERARCHY_MAX_BYTES);
	TRY(room_hierarchy_answer(rq->ctx->store, rq->arena, &wish, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}
