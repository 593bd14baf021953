/* Client-Server API, "Profiles". */
#include "api/endpoints.h"

#include "core/account/profile.h"

enum { PROFILE_ANSWER_MAX_BYTES = 2 * PROFILE_MAX_BYTES };

enum rc client_profile(struct api_request *rq)
{
	struct profile profile;
	struct buf body;
	TRY(profile_get(rq->ctx->accounts, rq->arena, rq->path_params[0], &profile, &rq->fail));
	buf_init(&body, rq->arena, PROFILE_ANSWER_MAX_BYTES);
	profile_put(&profile, &body);
	return api_answer_buf(rq, &body);
}

enum rc client_profile_field(struct api_request *rq)
{
	struct profile profile;
	struct buf body;
	TRY(profile_get(rq->ctx->accounts, rq->arena, rq->path_params[0], &profile, &rq->fail));
	buf_init(&body, rq->arena, PROFILE_ANSWER_MAX_BYTES);
	TRY(profile_put_field(&profile, rq->path_params[1], &body, &rq->fail));
	return api_answer_buf(rq, &body);
}

static enum rc changed(struct api_request *rq, str key)
{
	if (profile_key_is_in_rooms(key))
		TRY(rooms_propagate_profile(rq->ctx->rooms, &rq->actor));
	return api_answer_empty_object(rq);
}

enum rc client_set_profile_field(struct api_request *rq)
{
	str key = rq->path_params[1];
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(profile_set(
	    rq->ctx->accounts, rq->arena, &rq->session, key, json_get(rq->body, key), &rq->fail));
	return changed(rq, key);
}

enum rc client_delete_profile_field(struct api_request *rq)
{
	str key = rq->path_params[1];
	TRY(api_own_user(rq, rq->path_params[0]));
	TRY(profile_unset(rq->ctx->accounts, &rq->session, key, &rq->fail));
	return changed(rq, key);
}
