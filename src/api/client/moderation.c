/* Client-Server API, "Server Administration". */
#include "core/account/moderation.h"

#include "api/endpoints.h"

#include "core/account/whois.h"

enum { FLAG_ANSWER_MAX_BYTES = 64, WHOIS_ANSWER_MAX_BYTES = 8 << 20 };

static const char *const names[] = {
    [ACCOUNT_SUSPENDED] = "suspended",
    [ACCOUNT_LOCKED] = "locked",
};

static enum rc answer(struct api_request *rq, enum account_flag flag, bool set)
{
	struct buf body;
	buf_init(&body, rq->arena, FLAG_ANSWER_MAX_BYTES);
	buf_printf(&body, "{\"%s\":%s}", names[flag], set ? "true" : "false");
	return api_answer_buf(rq, &body);
}

static enum rc get(struct api_request *rq, enum account_flag flag)
{
	bool set = false;
	TRY(moderation_get(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[0], flag, &set, &rq->fail));
	return answer(rq, flag, set);
}

static enum rc put(struct api_request *rq, enum account_flag flag)
{
	bool set = false;
	const struct field field = {names[flag], FIELD_BOOL, true, 0, 0, 0};
	TRY(api_read_body(rq, &field, 1, &set));
	TRY(moderation_set(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[0], flag, set, &rq->fail));
	return answer(rq, flag, set);
}

enum rc client_suspended(struct api_request *rq)
{
	return get(rq, ACCOUNT_SUSPENDED);
}

enum rc client_set_suspended(struct api_request *rq)
{
	return put(rq, ACCOUNT_SUSPENDED);
}

enum rc client_locked(struct api_request *rq)
{
	return get(rq, ACCOUNT_LOCKED);
}

enum rc client_set_locked(struct api_request *rq)
{
	return put(rq, ACCOUNT_LOCKED);
}

enum rc client_whois(struct api_request *rq)
{
	struct buf body;
	buf_init(&body, rq->arena, WHOIS_ANSWER_MAX_BYTES);
	TRY(whois_put(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[0], &body, &rq->fail));
	return api_answer_buf(rq, &body);
}
