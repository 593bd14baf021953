#include "api/client/poll.h"

enum {
	POLL_ANSWER_MAX_BYTES = 256 * 1024 * 1024,
	POLL_TIMEOUT_MAX_MS = 5 * 60 * 1000,
};

static void poll_end(struct api_request *rq)
{
	struct poll *poll = rq->state;
	watch_free(TAKE(poll->watch));
}

static void poll_wake(void *self)
{
	http_wake(self);
}

void poll_begin(struct api_request *rq, struct poll *poll, int64_t timeout_ms)
{
	if (timeout_ms > POLL_TIMEOUT_MAX_MS)
		timeout_ms = POLL_TIMEOUT_MAX_MS;
	poll->deadline_mono_ms = clock_mono_ms(rq->ctx->clock) + timeout_ms;
	rq->state = poll;
	rq->on_end = poll_end;
}

enum rc poll_presence_check(struct api_request *rq, str presence)
{
	if (presence.p && !str_eq(presence, STR("online")) && !str_eq(presence, STR("offline")) &&
	    !str_eq(presence, STR("unavailable")))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "set_presence must be online, offline or unavailable");
	return RC_OK;
}

/*
 * Every run reads in scratch memory, so that a poll that was woken often holds no more than its first; only the
 * answer that is sent is handed to the request's arena, as it is.
 */
enum rc poll_answer(struct api_request *rq, bool may_wait, poll_answer_fn *answer)
{
	struct arena CLEANUP(arena_release) scratch, CLEANUP(arena_release) whole;
	struct poll *poll = rq->state;
	struct sync_mark mark;
	struct buf out;
	str text;
	bool over =
	    clock_mono_ms(rq->ctx->clock) >= poll->deadline_mono_ms || http_stopping(rq->http);
	may_wait = may_wait && !over;
	arena_init(&scratch, POLL_ANSWER_MAX_BYTES);
	arena_init(&whole, POLL_ANSWER_MAX_BYTES);
	buf_init(&out, &whole, POLL_ANSWER_MAX_BYTES);
	TRY(answer(rq, &scratch, may_wait, &out, &mark));
	if (mark.empty && may_wait) {
		if (!poll->watch)
			TRY(sync_watch(rq->ctx->syncs, &scratch, &rq->session, &mark, poll_wake,
			    rq->http, &poll->watch));
		return api_park(rq, poll->deadline_mono_ms);
	}
	TRY(buf_finish(&out, &text));
	arena_absorb(rq->arena, &whole);
	return api_answer(rq, 200, text);
}
