/* Messages to devices: Client-Server API, "Send-to-Device messaging". */
#include "api/endpoints.h"

enum rc client_send_to_device(struct api_request *rq)
{
	struct {
		json messages;
	} in = {0};
	static const struct field fields[] = {
	    {"messages", FIELD_OBJECT, true, 0, 0, offsetof(__typeof__(in), messages)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(keys_send_to_device(rq->ctx->keys, rq->arena, &rq->session, rq->path_params[0],
	    rq->path_params[1], in.messages, &rq->fail));
	return api_answer_empty_object(rq);
}
