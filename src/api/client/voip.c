/* Client-Server API, "VoIP". */
#include "api/endpoints.h"

enum { TURN_ANSWER_MAX_BYTES = 16 * 1024 };

enum rc client_turn_server(struct api_request *rq)
{
	struct buf body;
	buf_init(&body, rq->arena, TURN_ANSWER_MAX_BYTES);
	TRY(turn_credentials_put(&rq->ctx->turn, rq->arena, rq->session.user_id,
	    clock_wall_ms(rq->ctx->clock), &body, &rq->fail));
	return api_answer_buf(rq, &body);
}
