/*
 * User-interactive authentication. Each purpose has flows; a flow is a set of stages; any flow whose stages are all
 * complete lets the request through, once.
 */
#include "core/account/accounts_int.h"
#include "core/account/identifier.h"
#include "core/account/registration.h"

/* Their numbers stand in the database. */
enum uia_stage {
	STAGE_DUMMY = 1,
	STAGE_REGISTRATION_TOKEN = 2,
	STAGE_PASSWORD = 4,
};

static const struct {
	unsigned bit;
	str type;
} stages[] = {
    {STAGE_DUMMY, STR_INIT("m.login.dummy")},
    {STAGE_REGISTRATION_TOKEN, STR_INIT("m.login.registration_token")},
    {STAGE_PASSWORD, STR_INIT("m.login.password")},
};

enum { UIA_FLOWS_MAX = 2 };

/* One request being looked at. */
struct uia_try {
	struct accounts *accounts;
	struct arena *arena;
	struct uia_request *request;
	struct fail *fail;
	struct uia_binding binding;
	unsigned flows[UIA_FLOWS_MAX]; /* sets of stages; 0: none */
	json auth;
	str type, session, token; /* of `auth`; empty: not given */
	unsigned completed, kept; /* sets of stages: so far, and of these the session's already */
	bool refused; /* errcode and error go into the answer */
};

static void flows_choose(struct uia_try *try)
{
	switch (try->request->purpose) {
	case UIA_REGISTER:
		try->flows[0] = try->accounts->config.registration == REGISTRATION_TOKEN
				    ? STAGE_REGISTRATION_TOKEN
				    : STAGE_DUMMY;
		return;
	case UIA_PASSWORD_CHANGE:
	case UIA_DEACTIVATE:
	case UIA_DEVICE_DELETE:
	case UIA_CROSS_SIGNING:
	case UIA_LOGIN_TOKEN:
		try->flows[0] = STAGE_PASSWORD;
		return;
	}
}

static bool flow_done(const struct uia_try *try)
{
	for (size_t i = 0; i < UIA_FLOWS_MAX; i++) {
		if (try->flows[i] != 0 && (try->flows[i] & ~try->completed) == 0)
			return true;
	}
	return false;
}

/* The stage of a type, if a flow has it; else 0. */
static unsigned stage_of(const struct uia_try *try, str type)
{
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		if (str_eq(stages[i].type, type) &&
		    ((try->flows[0] | try->flows[1]) & stages[i].bit))
			return stages[i].bit;
	}
	return 0;
}

static void binding_add(struct uia_try *try, str text)
{
	struct sha256 hash = sha256(text);
	for (size_t i = 0; text.n > 0 && i < sizeof(hash.bytes); i++)
		try->binding.request.bytes[i] ^= hash.bytes[i];
}

/*
 * What a password consents to is the request that it was first asked for: its body without `auth`, in any order of
 * members. A registration has no such consent, and clients repeat its body or leave it out.
 */
static void binding_make(struct uia_try *try)
{
	const struct uia_request *request = try->request;
	struct json_iter iter = json_iter(request->body);
	str key;
	json value;
	try->binding = (struct uia_binding){.purpose = request->purpose};
	if (!request->session)
		return;
	try->binding.user = request->session->user;
	binding_add(try, request->subject);
	while (json_next(&iter, &key, &value)) {
		struct buf member;
		if (str_eq(key, STR("auth")))
			continue;
		buf_init(&member, try->arena, SIZE_MAX);
		json_put_text(&member, key); /* with quotes: no subject looks like it */
		json_put(&member, value);
		binding_add(try, buf_str(&member));
	}
}

static enum rc auth_text(const struct uia_try *try, const char *name, str *ret_text)
{
	json value = json_get(try->auth, str_of(name));
	if (value && !json_text(value, ret_text))
		return fail_set(try->fail, RC_BAD_JSON, "auth.%s must be a string", name);
	return RC_OK;
}

static enum rc auth_read(struct uia_try *try)
{
	json auth = json_get(try->request->body, STR("auth"));
	if (!auth || json_is_null(auth))
		return RC_OK;
	if (!json_is_object(auth))
		return fail_set(try->fail, RC_BAD_JSON, "auth must be an object");
	try->auth = auth;
	TRY(auth_text(try, "type", &try->type));
	return auth_text(try, "session", &try->session);
}

static enum rc refuse(struct uia_try *try, const char *sentence)
{
	try->refused = true;
	(void)fail_set(try->fail, RC_UIA_FORBIDDEN, "%s", sentence);
	return RC_OK;
}

static bool is_owner(const struct uia_try *try, str user)
{
	str owner = try->request->session->user_id;
	str localpart = str_from(str_first(owner, str_find(owner, ':')), 1);
	return str_eq_ascii_nocase(user, owner) || str_eq_ascii_nocase(user, localpart);
}

static enum rc stage_password(struct uia_try *try)
{
	const struct session *session = try->request->session;
	str user, password;
	bool right = false;
	TRY(identifier_read(try->auth, &user, try->fail));
	json value = json_get(try->auth, STR("password"));
	if (!value)
		return fail_set(try->fail, RC_MISSING_PARAM, "auth.password is missing");
	if (!json_text(value, &password))
		return fail_set(try->fail, RC_BAD_JSON, "auth.password must be a string");
	if (!is_owner(try, user))
		return refuse(
		    try, "The user who authenticates must be the owner of the access token");
	TRY(accounts_password_verify(try->accounts, try->arena, session->user, password, &right));
	if (!right)
		return refuse(try, "The password is wrong");
	try->completed |= STAGE_PASSWORD;
	return RC_OK;
}

static enum rc stage_registration_token(struct uia_try *try)
{
	json value = json_get(try->auth, STR("token"));
	bool valid = false;
	if (!value)
		return fail_set(try->fail, RC_MISSING_PARAM, "auth.token is missing");
	if (!json_text(value, &try->token))
		return fail_set(try->fail, RC_BAD_JSON, "auth.token must be a string");
	TRY(accounts_registration_token_valid(try->accounts, try->token, &valid));
	if (!valid)
		return refuse(try, "The registration token is not valid");
	try->completed |= STAGE_REGISTRATION_TOKEN;
	return RC_OK;
}

static enum rc stage_try(struct uia_try *try)
{
	if (try->type.n == 0) /* an `auth` that only asks how far the session is */
		return RC_OK;
	switch (stage_of(try, try->type)) {
	case STAGE_DUMMY:
		try->completed |= STAGE_DUMMY;
		return RC_OK;
	case STAGE_REGISTRATION_TOKEN:
		return stage_registration_token(try);
	case STAGE_PASSWORD:
		return stage_password(try);
	default:
		return refuse(try, "auth.type is not a stage of any flow of this request");
	}
}

/* A session that is given must be one that this request may use; else a new one takes its place. */
static enum rc session_resume(struct uia_try *try)
{
	enum rc rc = try->session.n == 0 ? RC_OK
					 : uia_session_find(&try->accounts->uia, try->session,
					       &try->binding, &try->completed);
	try->kept = try->completed;
	if (rc == RC_OK)
		return stage_try(try);
	if (rc != RC_NOT_FOUND)
		return rc;
	try->session = STR_EMPTY;
	return refuse(try, "The session is not known, has expired, or belongs to another request");
}

static void challenge_put_flow(struct buf *out, unsigned flow)
{
	json_put_comma(out);
	buf_put(out, STR("{\"stages\":["));
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		if (flow & stages[i].bit) {
			json_put_comma(out);
			json_put_text(out, stages[i].type);
		}
	}
	buf_put(out, STR("]}"));
}

static void challenge_put(const struct uia_try *try, struct buf *out)
{
	buf_put(out, STR("{\"flows\":["));
	for (size_t i = 0; i < UIA_FLOWS_MAX && try->flows[i]; i++)
		challenge_put_flow(out, try->flows[i]);
	buf_put(out, STR("],\"params\":{},\"session\":"));
	json_put_text(out, try->session);
	buf_put(out, STR(",\"completed\":["));
	for (size_t i = 0; i < COUNT_OF(stages); i++) {
		if (try->completed & stages[i].bit) {
			json_put_comma(out);
			json_put_text(out, stages[i].type);
		}
	}
	buf_putc(out, ']');
	if (try->refused) {
		json_put_key(out, STR("errcode"));
		json_put_text(out, str_of(rc_errcode(RC_UIA_FORBIDDEN)));
		json_put_key(out, STR("error"));
		json_put_text(out, str_of(fail_message(try->fail)));
	}
	buf_putc(out, '}');
}

/* The session keeps what was completed: on disk before the client hears of it. */
static enum rc session_keep(struct uia_try *try)
{
	struct uia_sessions *sessions = &try->accounts->uia;
	if (try->session.n == 0)
		TRY(uia_session_open(sessions, try->arena, &try->binding, &try->session));
	if (try->completed == try->kept)
		return RC_OK;
	enum rc rc = uia_session_complete(sessions, try->session, try->completed, try->token);
	if (rc != RC_NOT_FOUND)
		return rc;
	try->completed = 0; /* it has expired meanwhile: the next request will be told */
	return RC_OK;
}

/* Not done: 401. */
static enum rc challenge(struct uia_try *try, struct buf *out)
{
	TRY(session_keep(try));
	challenge_put(try, out);
	TRY(buf_status(out));
	if (!try->refused)
		(void)fail_set(try->fail, RC_UIA_FORBIDDEN, "Authentication is needed");
	return RC_UIA_FORBIDDEN;
}

/* All stages are complete: the session ends, so that what it authorised is done once. */
static enum rc conclude(struct uia_try *try, struct buf *out)
{
	str token = STR_EMPTY;
	enum rc rc = RC_OK;
	if (try->session.n > 0)
		rc = uia_session_take(&try->accounts->uia, try->arena, try->session, &token);
	if (rc == RC_NOT_FOUND) {
		try->session = STR_EMPTY;
		try->completed = 0;
		TRY(refuse(try, "The session has been used"));
		return challenge(try, out);
	}
	TRY(rc);
	try->request->registration_token = try->token.n > 0 ? try->token : token;
	return arena_status(try->arena);
}

enum rc uia_check(struct accounts *accounts, struct arena *arena, struct uia_request *request,
    struct buf *out, struct fail *fail)
{
	struct fail own = {0};
	struct uia_try try = {
	    .accounts = accounts,
	    .arena = arena,
	    .request = request,
	    .fail = fail ? fail : &own,
	};
	flows_choose(&try);
	binding_make(&try);
	TRY(auth_read(&try));
	if (try.auth)
		TRY(session_resume(&try));
	TRY(arena_status(arena));
	if (!try.refused && flow_done(&try))
		return conclude(&try, out);
	return challenge(&try, out);
}
