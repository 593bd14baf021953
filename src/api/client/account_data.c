/* Account data and filters: Client-Server API, "Client Config", "Filtering". */
#include "api/endpoints.h"

#include "core/account/account_data.h"

enum { FILTER_ANSWER_MAX_BYTES = 64 };

/* `room_id` empty: global. */
static enum rc data_get(struct api_request *rq, str room_id, str type)
{
	str content;
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(account_data_read(
	    rq->ctx->accounts, rq->arena, &rq->session, room_id, type, &content, &rq->fail));
	return api_answer(rq, 200, content);
}

static enum rc data_set(struct api_request *rq, str room_id, str type)
{
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(account_data_set(
	    rq->ctx->accounts, rq->arena, &rq->session, room_id, type, rq->body, &rq->fail));
	notify_user(rq->ctx->notifier, rq->session.user);
	return api_answer_empty_object(rq);
}

enum rc client_account_data(struct api_request *rq)
{
	return data_get(rq, STR_EMPTY, rq->path_params[1]);
}

enum rc client_set_account_data(struct api_request *rq)
{
	return data_set(rq, STR_EMPTY, rq->path_params[1]);
}

enum rc client_room_account_data(struct api_request *rq)
{
	return data_get(rq, rq->path_params[1], rq->path_params[2]);
}

enum rc client_set_room_account_data(struct api_request *rq)
{
	return data_set(rq, rq->path_params[1], rq->path_params[2]);
}

enum rc client_define_filter(struct api_request *rq)
{
	struct buf body;
	int64_t filter_id;
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(accounts_filter_add(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->body, &filter_id, &rq->fail));
	buf_init(&body, rq->arena, FILTER_ANSWER_MAX_BYTES);
	buf_put(&body, STR("{\"filter_id\":\""));
	buf_put_i64(&body, filter_id);
	buf_put(&body, STR("\"}"));
	return api_answer_buf(rq, &body);
}

enum rc client_filter(struct api_request *rq)
{
	str filter;
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(accounts_filter_read(
	    rq->ctx->accounts, rq->arena, &rq->session, rq->path_params[1], &filter, &rq->fail));
	return api_answer(rq, 200, filter);
}
