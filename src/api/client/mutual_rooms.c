/* Client-Server API, "Mutual Rooms". */
#include "api/endpoints.h"

#include "core/room/mutual.h"

enum { MUTUAL_ANSWER_MAX_BYTES = 2 << 20 };

enum rc client_mutual_rooms(struct api_request *rq)
{
	struct buf body;
	str user_id, from;
	TRY(api_query(rq, STR("user_id"), &user_id));
	TRY(api_query(rq, STR("from"), &from));
	if (!user_id.p)
		return fail_set(
		    &rq->fail, RC_MISSING_PARAM, "The query parameter user_id is missing");
	buf_init(&body, rq->arena, MUTUAL_ANSWER_MAX_BYTES);
	TRY(mutual_rooms_answer(
	    rq->ctx->rooms, rq->arena, &rq->actor, user_id, from, &body, &rq->fail));
	return api_answer_buf(rq, &body);
}
