/* Client-Server API, "Profiles". */
#include "api/endpoints.h"

#include "core/account/profile.h"

enum { PROFILE_MAX_BYTES = 6 * (DISPLAYNAME_MAX_BYTES + AVATAR_URL_MAX_BYTES) + 64 };

static void put_field(struct buf *body, str name, str value)
{
	if (value.n == 0)
		return;
	json_put_key(body, name);
	json_put_text(body, value);
}

enum rc client_profile(struct api_request *rq)
{
	struct profile profile;
	struct buf body;
	TRY(profile_get(rq->ctx->accounts, rq->arena, rq->path_params[0], &profile, &rq->fail));
	buf_init(&body, rq->arena, PROFILE_MAX_BYTES);
	buf_putc(&body, '{');
	put_field(&body, STR("displayname"), profile.displayname);
	put_field(&body, STR("avatar_url"), profile.avatar_url);
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_profile_field(struct api_request *rq)
{
	str name = rq->path_params[1], value = STR_EMPTY;
	struct profile profile;
	struct buf body;
	TRY(profile_get(rq->ctx->accounts, rq->arena, rq->path_params[0], &profile, &rq->fail));
	if (str_eq(name, STR("displayname")))
		value = profile.displayname;
	else if (str_eq(name, STR("avatar_url")))
		value = profile.avatar_url;
	if (value.n == 0)
		return fail_set(&rq->fail, RC_NOT_FOUND, "The profile has no such field");
	buf_init(&body, rq->arena, PROFILE_MAX_BYTES);
	buf_putc(&body, '{');
	put_field(&body, name, value);
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_set_profile_field(struct api_request *rq)
{
	struct accounts *accounts = rq->ctx->accounts;
	str name = rq->path_params[1], value = STR_EMPTY;
	bool is_name = str_eq(name, STR("displayname"));
	TRY(api_own_user(rq, rq->path_params[0]));
	if (!is_name && !str_eq(name, STR("avatar_url")))
		return fail_set(&rq->fail, RC_UNRECOGNIZED,
		    "A profile has displayname and avatar_url here, no more");
	const struct field field = {
	    is_name ? "displayname" : "avatar_url", FIELD_TEXT, true, 0, 0, 0};
	TRY(api_read_body(rq, &field, 1, &value));
	TRY(is_name ? profile_set_displayname(accounts, &rq->session, value, &rq->fail)
		    : profile_set_avatar_url(accounts, &rq->session, value, &rq->fail));
	TRY(rooms_propagate_profile(rq->ctx->rooms, &rq->actor));
	return api_answer_empty_object(rq);
}
