/* What asks for the password again: its change, and the end of the account. */
#include "api/client/uia.h"
#include "api/endpoints.h"

#include "core/account/password.h"

/* Without mail there is no other way to prove oneself than a session. */
static enum rc session_needed(const struct api_request *rq)
{
	return rq->has_session ? RC_OK : RC_MISSING_TOKEN;
}

enum rc client_change_password(struct api_request *rq)
{
	struct {
		str new_password;
		bool logout_devices;
	} in = {.logout_devices = true};
	static const struct field fields[] = {
	    {"new_password", FIELD_TEXT, true, 0, 0, offsetof(__typeof__(in), new_password)},
	    {"logout_devices", FIELD_BOOL, false, 0, 0, offsetof(__typeof__(in), logout_devices)},
	};
	struct uia_request uia = {
	    .purpose = UIA_PASSWORD_CHANGE, .body = rq->body, .session = &rq->session};
	bool may_go_on;
	TRY(session_needed(rq));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(password_check(in.new_password, "new_password", &rq->fail));
	TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	TRY(accounts_set_password(rq->ctx->accounts, rq->arena, &rq->session, in.new_password,
	    in.logout_devices, &rq->fail));
	return api_answer_empty_object(rq);
}

/* `erase` decides what cannot be undone: nothing but true and false is guessed at. */
static enum rc erase_read(struct api_request *rq, bool *ret_erase)
{
	json erase = json_get(rq->body, STR("erase"));
	if (erase && !json_bool(erase, ret_erase))
		return fail_set(&rq->fail, RC_BAD_JSON, "erase must be true or false");
	return RC_OK;
}

enum rc client_deactivate(struct api_request *rq)
{
	struct {
		str id_server;
	} in = {0};
	static const struct field fields[] = {
	    {"id_server", FIELD_TEXT, false, 0, 0, offsetof(__typeof__(in), id_server)},
	};
	struct uia_request uia = {
	    .purpose = UIA_DEACTIVATE, .body = rq->body, .session = &rq->session};
	bool erase = false, may_go_on;
	TRY(session_needed(rq));
	TRY(erase_read(rq, &erase));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	TRY(deactivate(
	    rq->ctx->deactivations, rq->session.user, erase, rq->session.user_id, &rq->fail));
	accounts_drop_sessions(rq->ctx->accounts, rq->session.user);
	/* There never is a binding to an identity server, so it is undone. */
	return api_answer(rq, 200, STR("{\"id_server_unbind_result\":\"success\"}"));
}
