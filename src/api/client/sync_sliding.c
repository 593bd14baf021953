/* POST /sync: simplified sliding sync (MSC4186), under its stable and its unstable path. */
#include "api/client/sync_sliding.h"
#include "api/client/poll.h"
#include "api/endpoints.h"

/* Kept over the parks of one request. */
struct sliding_poll {
	struct poll poll;
	struct sliding_request request;
};

/* The parameters that the unstable path has in the query; where both are given, the body counts. */
static enum rc query_read(struct api_request *rq, struct sliding_body *body)
{
	str pos, presence;
	int64_t timeout_ms;
	TRY(api_query(rq, STR("pos"), &pos));
	TRY(api_query(rq, STR("set_presence"), &presence));
	TRY(api_query_integer(rq, STR("timeout"), 0, INT64_MAX, 0, &timeout_ms));
	if (!body->pos.p)
		body->pos = pos;
	if (!body->set_presence.p)
		body->set_presence = presence;
	if (!body->timeout_ms)
		body->timeout_ms = timeout_ms;
	return RC_OK;
}

static enum rc sliding_begin(struct api_request *rq, bool stable)
{
	struct sliding_poll *poll = arena_new(rq->arena, struct sliding_poll);
	struct sliding_body body = {0};
	TRY(arena_status(rq->arena));
	TRY(sliding_body_read(rq, &body));
	TRY(query_read(rq, &body));
	TRY(poll_presence_check(rq, body.set_presence));
	poll->request = body.request;
	poll->request.session = &rq->session;
	poll->request.stable = stable;
	poll->request.pos = body.pos;
	poll_begin(rq, &poll->poll, body.timeout_ms);
	return RC_OK;
}

static enum rc answer_sliding(struct api_request *rq, struct arena *scratch, bool may_wait,
    struct buf *out, struct sync_mark *ret_mark)
{
	const struct sliding_poll *poll = rq->state;
	return sliding_answer(
	    rq->ctx->syncs, scratch, &poll->request, may_wait, out, ret_mark, &rq->fail);
}

static enum rc sync_sliding(struct api_request *rq, bool stable)
{
	if (!rq->state)
		TRY(sliding_begin(rq, stable));
	const struct sliding_poll *poll = rq->state;
	return poll_answer(rq, poll->request.pos.n > 0, answer_sliding);
}

enum rc client_sync_sliding(struct api_request *rq)
{
	return sync_sliding(rq, true);
}

enum rc client_sync_sliding_unstable(struct api_request *rq)
{
	return sync_sliding(rq, false);
}
