/* Client-Server API, "Room Tagging". */
#include "api/endpoints.h"

#include "core/account/tags.h"

enum { TAGS_ANSWER_MAX_BYTES = 8 << 20 };

enum rc client_tags(struct api_request *rq)
{
	struct buf body;
	TRY(api_own_user(rq, rq->path_params[0]));
	buf_init(&body, rq->arena, TAGS_ANSWER_MAX_BYTES);
	TRY(tags_put(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[1], &body, &rq->fail));
	return api_answer_buf(rq, &body);
}

static enum rc changed(struct api_request *rq)
{
	notify_user(rq->ctx->notifier, rq->session.user);
	return api_answer_empty_object(rq);
}

enum rc client_set_tag(struct api_request *rq)
{
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(tag_set(rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[1],
	    rq->path_params[2], rq->body, &rq->fail));
	return changed(rq);
}

enum rc client_delete_tag(struct api_request *rq)
{
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(tag_unset(
	    rq->ctx->accounts, &rq->session, rq->path_params[1], rq->path_params[2], &rq->fail));
	return changed(rq);
}
