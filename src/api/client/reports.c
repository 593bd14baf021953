/* Client-Server API, "Reporting Content". */
#include "api/endpoints.h"

#include "core/room/reporting.h"

struct report_body {
	str reason;
};

static enum rc reason_read(struct api_request *rq, bool required, str *ret_reason)
{
	struct report_body in = {0};
	const struct field fields[] = {
	    {"reason", FIELD_TEXT, required, 0, 0, offsetof(struct report_body, reason)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	*ret_reason = in.reason;
	return RC_OK;
}

enum rc client_report_room(struct api_request *rq)
{
	str reason;
	TRY(reason_read(rq, true, &reason));
	TRY(report_room(
	    rq->ctx->rooms, rq->arena, &rq->actor, rq->path_params[0], reason, &rq->fail));
	return api_answer_empty_object(rq);
}

enum rc client_report_event(struct api_request *rq)
{
	str reason;
	TRY(reason_read(rq, false, &reason));
	TRY(report_event(rq->ctx->rooms, rq->arena, &rq->actor, rq->path_params[0],
	    rq->path_params[1], reason, &rq->fail));
	return api_answer_empty_object(rq);
}

enum rc client_report_user(struct api_request *rq)
{
	str reason;
	TRY(reason_read(rq, true, &reason));
	TRY(report_user(rq->ctx->rooms, &rq->actor, rq->path_params[0], reason, &rq->fail));
	return api_answer_empty_object(rq);
}
