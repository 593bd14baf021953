/* GET /sync and typing notifications. */
#include "api/endpoints.h"
#include "matrix/filter.h"
#include "matrix/ids.h"

enum {
	SYNC_ANSWER_MAX_BYTES = 256 * 1024 * 1024,
	SYNC_TIMEOUT_MAX_MS = 5 * 60 * 1000,
	TYPING_DEFAULT_MS = 30 * 1000,
};

/* Kept over the parks of one request. */
struct sync_poll {
	struct sync_request request;
	struct filter *filter;
	struct watch *watch;
	int64_t deadline_mono_ms;
};

static void poll_end(struct api_request *rq)
{
	struct sync_poll *poll = rq->state;
	watch_free(TAKE(poll->watch));
}

static void poll_wake(void *self)
{
	http_wake(self);
}

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

static enum rc presence_read(struct api_request *rq)
{
	str presence;
	TRY(api_query(rq, STR("set_presence"), &presence));
	if (presence.p && !str_eq(presence, STR("online")) && !str_eq(presence, STR("offline")) &&
	    !str_eq(presence, STR("unavailable")))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "set_presence must be online, offline or unavailable");
	return RC_OK;
}

static enum rc poll_begin(struct api_request *rq, struct sync_poll **ret_poll)
{
	struct sync_poll *poll = arena_new(rq->arena, struct sync_poll);
	int64_t timeout_ms;
	TRY(arena_status(rq->arena));
	poll->request.session = &rq->session;
	TRY(api_query(rq, STR("since"), &poll->request.since));
	TRY(api_query_bool(rq, STR("full_state"), false, &poll->request.full_state));
	TRY(state_after_read(rq, &poll->request));
	TRY(presence_read(rq));
	TRY(api_query_integer(rq, STR("timeout"), 0, INT64_MAX, 0, &timeout_ms));
	TRY(filter_read(rq, poll));
	if (timeout_ms > SYNC_TIMEOUT_MAX_MS)
		timeout_ms = SYNC_TIMEOUT_MAX_MS;
	poll->deadline_mono_ms = clock_mono_ms(rq->ctx->clock) + timeout_ms;
	rq->state = poll;
	rq->on_end = poll_end;
	*ret_poll = poll;
	return RC_OK;
}

/*
 * Every run reads in scratch memory, so that a poll that was woken often holds no more than its first; only the
 * answer that is sent stands in the request's arena.
 */
static enum rc answer_or_wait(struct api_request *rq, struct sync_poll *poll, bool may_wait)
{
	struct arena CLEANUP(arena_release) scratch;
	struct buf out;
	struct sync_mark mark;
	arena_init(&scratch, SYNC_ANSWER_MAX_BYTES);
	buf_init(&out, may_wait ? &scratch : rq->arena, SYNC_ANSWER_MAX_BYTES);
	TRY(sync_answer(rq->ctx->syncs, &scratch, &poll->request, &out, &mark, &rq->fail));
	if (mark.empty && may_wait) {
		if (!poll->watch)
			TRY(sync_watch(rq->ctx->syncs, &scratch, &rq->session, &mark, poll_wake, rq->http, &poll->watch));
		return api_park(rq, poll->deadline_mono_ms);
	}
	str answer = may_wait ? arena_dup(rq->arena, buf_str(&out)) : buf_str(&out);
	TRY(arena_status(rq->arena));
	return api_answer(rq, 200, answer);
}

enum rc client_sync(struct api_request *rq)
{
	struct sync_poll *poll = rq->state;
	if (!poll)
		TRY(poll_begin(rq, &poll));
	bool over = clock_mono_ms(rq->ctx->clock) >= poll->deadline_mono_ms || http_stopping(rq->http);
	return answer_or_wait(rq, poll, !over && poll->request.since.n && !poll->request.full_state);
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
