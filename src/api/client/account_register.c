/* Registration: Client-Server API, "Account registration and management". */
#include "api/client/login_answer.h"
#include "api/client/uia.h"
#include "api/endpoints.h"

#include "core/account/password.h"
#include "core/account/registration.h"

struct register_body {
	str username, password; /* a NULL pointer: absent */
	bool inhibit_login;
	struct login_fields login;
};

static const struct field register_fields[] = {
    {"username", FIELD_TEXT, false, 0, 0, offsetof(struct register_body, username)},
    {"password", FIELD_TEXT, false, 0, 0, offsetof(struct register_body, password)},
    {"inhibit_login", FIELD_BOOL, false, 0, 0, offsetof(struct register_body, inhibit_login)},
    LOGIN_FIELDS(struct register_body, login),
};

static enum rc kind_check(struct api_request *rq)
{
	str kind;
	TRY(api_query(rq, STR("kind"), &kind));
	if (!kind.p || str_eq(kind, STR("user")))
		return RC_OK;
	if (str_eq(kind, STR("guest")))
		return fail_set(&rq->fail, RC_GUEST_ACCESS_FORBIDDEN, "This server has no guests");
	return fail_set(&rq->fail, RC_INVALID_PARAM, "kind must be user or guest");
}

/*
 * A session keeps no parameters, least of all a password. Who leaves them out when coming back would get an account
 * with a name that the server made.
 */
static enum rc repeated_check(struct api_request *rq)
{
	if (json_count(rq->body) == 1 &&
	    json_get_text(json_get(rq->body, STR("auth")), STR("session")).n > 0)
		return fail_set(
		    &rq->fail, RC_MISSING_PARAM, "The parameters must be repeated beside auth");
	return RC_OK;
}

/* All that can be said without authentication is said before it. */
static enum rc register_check(struct api_request *rq, struct register_body *in)
{
	struct accounts *accounts = rq->ctx->accounts;
	TRY(kind_check(rq));
	if (accounts_registration_mode(accounts) == REGISTRATION_CLOSED)
		return fail_set(&rq->fail, RC_FORBIDDEN, "Registration is closed on this server");
	TRY(repeated_check(rq));
	TRY(api_read_body(rq, register_fields, COUNT_OF(register_fields), in));
	if (in->username.p)
		TRY(accounts_username_check(accounts, rq->arena, in->username, &rq->fail));
	if (in->password.p)
		TRY(password_check(in->password, "password", &rq->fail));
	return RC_OK;
}

enum rc client_register(struct api_request *rq)
{
	struct register_body in = {0};
	struct uia_request uia = {.purpose = UIA_REGISTER, .body = rq->body};
	struct login_result result;
	bool may_go_on;
	TRY(register_check(rq, &in));
	TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	struct registration_request request = {
	    .localpart = in.username,
	    .password = in.password,
	    .registration_token = uia.registration_token,
	    .inhibit_login = in.inhibit_login,
	    .login = client_login_request(&in.login),
	};
	TRY(accounts_register(rq->ctx->accounts, rq->arena, &request, &result, &rq->fail));
	return client_answer_login(rq, &result);
}

enum rc client_register_available(struct api_request *rq)
{
	str username;
	if (api_query(rq, STR("username"), &username) != RC_OK)
		return fail_set(&rq->fail, RC_INVALID_USERNAME, "The user name is not UTF-8 text");
	if (!username.p)
		return fail_set(
		    &rq->fail, RC_MISSING_PARAM, "The query parameter username is missing");
	TRY(accounts_username_check(rq->ctx->accounts, rq->arena, username, &rq->fail));
	return api_answer(rq, 200, STR("{\"available\":true}"));
}

enum rc client_registration_token_validity(struct api_request *rq)
{
	str token;
	bool valid;
	TRY(api_query(rq, STR("token"), &token));
	if (!token.p)
		return fail_set(
		    &rq->fail, RC_MISSING_PARAM, "The query parameter token is missing");
	if (accounts_registration_mode(rq->ctx->accounts) != REGISTRATION_TOKEN)
		return fail_set(&rq->fail, RC_FORBIDDEN, "This server does not register by token");
	TRY(accounts_registration_token_valid(rq->ctx->accounts, token, &valid));
	return api_answer(rq, 200, valid ? STR("{\"valid\":true}") : STR("{\"valid\":false}"));
}
