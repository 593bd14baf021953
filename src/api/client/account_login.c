/* Login, refresh, logout, whoami: Client-Server API, "Login", "Refreshing access tokens". */
#include "api/client/login_answer.h"
#include "api/client/uia.h"
#include "api/endpoints.h"

#include "core/account/identifier.h"
#include "core/account/short_tokens.h"

enum { LOGIN_ANSWER_MAX_BYTES = 4096 };

struct login_request client_login_request(const struct login_fields *fields)
{
	return (struct login_request){
	    .device_id = fields->device_id,
	    .device_display_name = fields->initial_device_display_name,
	    .refresh_token = fields->refresh_token,
	};
}

static void put_text(struct buf *body, const char *name, str value)
{
	if (value.n == 0)
		return;
	json_put_key(body, str_of(name));
	json_put_text(body, value);
}

enum rc client_answer_login(struct api_request *rq, const struct login_result *result)
{
	struct buf body;
	buf_init(&body, rq->arena, LOGIN_ANSWER_MAX_BYTES);
	buf_putc(&body, '{');
	put_text(&body, "user_id", result->user_id);
	put_text(&body, "access_token", result->access_token);
	put_text(&body, "device_id", result->device_id);
	put_text(&body, "refresh_token", result->refresh_token);
	if (result->expires_in_ms > 0) {
		json_put_key(&body, STR("expires_in_ms"));
		buf_put_i64(&body, result->expires_in_ms);
	}
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_login_flows(struct api_request *rq)
{
	return api_answer(rq, 200,
	    STR("{\"flows\":[{\"type\":\"m.login.password\"},"
		"{\"type\":\"m.login.token\",\"get_login_token\":true}]}"));
}

static enum rc by_password(
    struct api_request *rq, const struct login_request *request, struct login_result *ret_result)
{
	str password, user;
	static const struct field field[] = {{"password", FIELD_TEXT, true, 0, 0, 0}};
	TRY(api_read_body(rq, field, COUNT_OF(field), &password));
	TRY(identifier_read(rq->body, &user, &rq->fail));
	return accounts_login_password(
	    rq->ctx->accounts, rq->arena, user, password, request, ret_result, &rq->fail);
}

static enum rc by_token(
    struct api_request *rq, const struct login_request *request, struct login_result *ret_result)
{
	str token;
	static const struct field field[] = {{"token", FIELD_TEXT, true, 0, 0, 0}};
	TRY(api_read_body(rq, field, COUNT_OF(field), &token));
	return accounts_login_by_token(
	    rq->ctx->accounts, rq->arena, token, request, ret_result, &rq->fail);
}

static const struct {
	str type;
	enum rc (*login)(struct api_request *rq, const struct login_request *request,
	    struct login_result *ret_result);
} login_types[] = {
    {STR_INIT("m.login.password"), by_password},
    {STR_INIT("m.login.token"), by_token},
};

enum rc client_login(struct api_request *rq)
{
	struct {
		str type;
		struct login_fields login;
	} in = {0};
	static const struct field fields[] = {
	    {"type", FIELD_TEXT, true, 0, 0, offsetof(__typeof__(in), type)},
	    LOGIN_FIELDS(__typeof__(in), login),
	};
	struct login_result result;
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	struct login_request request = client_login_request(&in.login);
	for (size_t i = 0; i < COUNT_OF(login_types); i++) {
		if (!str_eq(in.type, login_types[i].type))
			continue;
		TRY(login_types[i].login(rq, &request, &result));
		return client_answer_login(rq, &result);
	}
	return fail_set(&rq->fail, RC_UNKNOWN_400,
	    "This server takes logins of type m.login.password and m.login.token only");
}

enum rc client_login_token(struct api_request *rq)
{
	struct uia_request uia = {
	    .purpose = UIA_LOGIN_TOKEN, .body = rq->body, .session = &rq->session};
	struct buf body;
	str token;
	bool may_go_on;
	TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	TRY(accounts_login_token(rq->ctx->accounts, rq->arena, &rq->session, &token, &rq->fail));
	buf_init(&body, rq->arena, LOGIN_ANSWER_MAX_BYTES);
	buf_putc(&body, '{');
	put_text(&body, "login_token", token);
	buf_printf(&body, ",\"expires_in_ms\":%d}", LOGIN_TOKEN_LIFE_MS);
	return api_answer_buf(rq, &body);
}

enum rc client_refresh(struct api_request *rq)
{
	struct {
		str refresh_token;
	} in = {0};
	static const struct field fields[] = {
	    {"refresh_token", FIELD_TEXT, true, 0, 0, offsetof(__typeof__(in), refresh_token)},
	};
	struct login_result result;
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(accounts_refresh(rq->ctx->accounts, rq->arena, in.refresh_token, &result, &rq->fail));
	result.user_id = result.device_id = STR_EMPTY; /* the answer has only tokens */
	return client_answer_login(rq, &result);
}

enum rc client_logout(struct api_request *rq)
{
	TRY(accounts_logout(rq->ctx->accounts, &rq->session));
	return api_answer_empty_object(rq);
}

enum rc client_logout_all(struct api_request *rq)
{
	TRY(accounts_logout_all(rq->ctx->accounts, &rq->session));
	return api_answer_empty_object(rq);
}

enum rc client_whoami(struct api_request *rq)
{
	struct buf body;
	buf_init(&body, rq->arena, LOGIN_ANSWER_MAX_BYTES);
	buf_putc(&body, '{');
	put_text(&body, "user_id", rq->session.user_id);
	put_text(&body, "device_id", rq->session.device_id);
	buf_printf(
	    &body, ",\"is_guest\":%s}", rq->session.kind == ACCOUNT_GUEST ? "true" : "false");
	return api_answer_buf(rq, &body);
}
