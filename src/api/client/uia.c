#include "api/client/uia.h"

enum { UIA_ANSWER_MAX_BYTES = 8192 };

enum rc client_uia(struct api_request *rq, struct uia_request *uia, bool *ret_may_go_on)
{
	struct buf body;
	str text;
	buf_init(&body, rq->arena, UIA_ANSWER_MAX_BYTES);
	enum rc rc = uia_check(rq->ctx->accounts, rq->arena, uia, &body, &rq->fail);
	*ret_may_go_on = rc == RC_OK;
	if (rc != RC_UIA_FORBIDDEN)
		return rc;
	TRY(buf_finish(&body, &text));
	return api_answer(rq, rc_status(rc), text);
}
