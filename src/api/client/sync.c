/* GET /sync and typing notifications. */
#include "api/client/poll.h"
#include "api/endpoints.h"
#include "matrix/filter.h"
#include "matrix/ids.h"

enum { TYPING_DEFAULT_MS = 30 * 1000 };

/* Kept over the parks of one request. */
struct sync_poll {
	struct poll poll;
	struct sync_request request;
	struct filter *filter;
};

/* `filter` is JSON or the number of one that was stored. */
static enum rc filter_read(struct api_request *rq, struct sync_poll *poll)
{
	str text, stored;
	int64_t filter_id;
	TRY(api_query(rq, STR("filter"), &text));
	if (!text.n)
		return RC_OK;
	if (text.p[0] == '{') {
		stored = text;
	} else {
		enum rc rc = RC_NOT_FOUND;
		if (str_to_i64(text, 0, INT64_MAX, &filter_id))
			rc = sync_filter_load(rq->ctx->syncs, rq->arena, rq->session.user, filter_id, &stored);
		if (rc == RC_NOT_FOUND)
			return fail_set(&rq->fail, RC_INVALID_PARAM, "filter: there is no filter of this number");
		TRY(rc);
	}
	poll->filter = arena_new(rq->arena, struct filter);
	TRY(arena_status(rq->arena));
	TRY(filter_parse(rq->arena, stored, poll->filter, &rq->fail));
	poll->request.filter = poll->filter;
	return RC_OK;
}

/* Clients send the name of MSC4222 to servers of any version, some of them both. */
static enum rc state_after_read(struct api_request *rq, struct sync_request *request)
{
	bool unstable;
	TRY(api_query_bool(rq, STR("use_state_after"), false, &request->use_state_after));
	TRY(api_query_bool(rq, STR("org.matrix.msc4222.use_state_after"), false, &unstable));
	request->unstable_state_after = unstable && !request->use_state_after;
	request->use_state_after = request->use_state_after || unstable;
	return RC_OK;
}

static enum rc sync_begin(struct api_request *rq)
{
	struct sync_poll *poll = arena_new(rq->arena, struct sync_poll);
	int64_t timeout_ms;
	str presence;
	TRY(arena_status(rq->arena));
	poll->request.session = &rq->session;
	TRY(api_query(rq, STR("since"), &poll->request.since));
	TRY(api_query_bool(rq, STR("full_state"), false, &poll->request.full_state));
	TRY(state_after_read(rq, &poll->request));
	TRY(api_query(rq, STR("set_presence"), &presence));
	TRY(poll_presence_check(rq, presence));
	TRY(api_query_integer(rq, STR("timeout"), 0, INT64_MAX, 0, &timeout_ms));
	TRY(filter_read(rq, poll));
	poll_begin(rq, &poll->poll, timeout_ms);
	return RC_OK;
}

static enum rc answer_sync(struct api_request *rq, struct arena *scratch, bool may_wait,
    struct buf *out, struct sync_mark *ret_mark)
{
	const struct sync_poll *poll = rq->state;
	(void)may_wait;
	return sync_answer(rq->ctx->syncs, scratch, &poll->request, out, ret_mark, &rq->fail);
}

enum rc client_sync(struct api_request *rq)
{
	if (!rq->state)
		TRY(sync_begin(rq));
	const struct sync_poll *poll = rq->state;
	return poll_answer(rq, poll->request.since.n && !poll->request.full_state, answer_sync);
}

enum rc client_typing(struct api_request *rq)
{
	struct {
		bool typing;
		int64_t timeout_ms;
	} body = {.timeout_ms = TYPING_DEFAULT_MS};
	const struct field fields[] = {
		{"typing", FIELD_BOOL, true, 0, 0, offsetof(__typeof__(body), typing)},
		{"timeout", FIELD_INTEGER, false, 0, INT32_MAX, offsetof(__typeof__(body), timeout_ms)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	if (!str_eq(rq->path_params[1], rq->session.user_id))
		return fail_set(&rq->fail, RC_FORBIDDEN, "userId: you can only say that you yourself are typing");
	TRY(sync_set_typing(rq->ctx->syncs, rq->arena, &rq->session, rq->path_params[0],
	                    body.typing ? body.timeout_ms : 0, &rq->fail));
	return api_answer_empty_object(rq);
}
