/* Keys of devices and people: Client-Server API, "Key management API", "Cross-signing". */
#include "api/client/uia.h"
#include "api/endpoints.h"

enum { KEYS_ANSWER_MAX_BYTES = 256 << 20 };

static void answer_begin(struct api_request *rq, struct buf *body)
{
	buf_init(body, rq->arena, KEYS_ANSWER_MAX_BYTES);
	buf_putc(body, '{');
}

static enum rc answer_end(struct api_request *rq, struct buf *body)
{
	buf_putc(body, '}');
	return api_answer_buf(rq, body);
}

enum rc client_upload_keys(struct api_request *rq)
{
	struct buf body;
	answer_begin(rq, &body);
	TRY(keys_upload(rq->ctx->keys, rq->arena, &rq->session, rq->body, &body, &rq->fail));
	return answer_end(rq, &body);
}

/* One required object of the body. `timeout` is for other servers: none is asked yet. */
static enum rc object_read(struct api_request *rq, const char *name, json *ret_object)
{
	const struct field fields[] = {
	    {name, FIELD_OBJECT, true, 0, 0, 0},
	};
	int64_t timeout_ms;
	const struct field more[] = {
	    {"timeout", FIELD_INTEGER, false, 0, 0, 0},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), ret_object));
	return api_read_body(rq, more, COUNT_OF(more), &timeout_ms);
}

enum rc client_query_keys(struct api_request *rq)
{
	struct buf body;
	json users;
	TRY(object_read(rq, "device_keys", &users));
	answer_begin(rq, &body);
	TRY(keys_query(rq->ctx->keys, rq->arena, &rq->session, users, &body, &rq->fail));
	return answer_end(rq, &body);
}

enum rc client_claim_keys(struct api_request *rq)
{
	struct buf body;
	json users;
	TRY(object_read(rq, "one_time_keys", &users));
	answer_begin(rq, &body);
	TRY(keys_claim(rq->ctx->keys, rq->arena, &rq->session, users, &body, &rq->fail));
	return answer_end(rq, &body);
}

static enum rc token_query(struct api_request *rq, const char *name, str *ret_token)
{
	TRY(api_query(rq, str_of(name), ret_token));
	return ret_token->p ? RC_OK
			    : fail_set(&rq->fail, RC_MISSING_PARAM,
				  "The query parameter %s is missing", name);
}

enum rc client_keys_changes(struct api_request *rq)
{
	struct buf body;
	str from, to;
	TRY(token_query(rq, "from", &from));
	TRY(token_query(rq, "to", &to));
	buf_init(&body, rq->arena, KEYS_ANSWER_MAX_BYTES);
	TRY(sync_device_lists(rq->ctx->syncs, rq->arena, &rq->session, from, to, &body, &rq->fail));
	return api_answer_buf(rq, &body);
}

enum rc client_upload_signatures(struct api_request *rq)
{
	struct buf body;
	answer_begin(rq, &body);
	TRY(keys_sign(rq->ctx->keys, rq->arena, &rq->session, rq->body, &body, &rq->fail));
	return answer_end(rq, &body);
}

enum rc client_upload_cross_signing(struct api_request *rq)
{
	struct uia_request uia = {
	    .purpose = UIA_CROSS_SIGNING, .body = rq->body, .session = &rq->session};
	bool needs_auth, may_go_on = true;
	TRY(keys_cross_signing_check(
	    rq->ctx->keys, rq->arena, &rq->session, rq->body, &needs_auth, &rq->fail));
	if (needs_auth)
		TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	TRY(keys_cross_signing_set(
	    rq->ctx->keys, rq->arena, &rq->session, rq->body, needs_auth, &rq->fail));
	return api_answer_empty_object(rq);
}
