#include "core/account/short_tokens.h"

#include "core/account/accounts_int.h"
#include "store/news.h"
#include "store/short_tokens.h"

enum { SHORT_TOKEN_RANDOM_BYTES = 40 }; /* alphanumerics: 238 bits */

/* ---- giving out ---- */

struct short_token_write {
	const struct session *session;
	struct short_token token;
	int64_t now_ms;
	size_t kept_max;
};

static enum rc write_short_token(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct short_token_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	return short_token_add(txn, &write->token, write->now_ms, write->kept_max);
}

static enum rc token_give(struct accounts *accounts, struct arena *arena, const char *prefix,
    struct short_token_write *write, str *ret_token, struct fail *fail)
{
	str random =
	    rng_text(accounts->config.rng, arena, RNG_ALPHANUMERIC, SHORT_TOKEN_RANDOM_BYTES);
	str token = arena_printf(arena, "%s%.*s", prefix, STR_ARG(random));
	TRY(arena_status(arena));
	write->now_ms = clock_wall_ms(accounts->config.clock);
	write->token.hash = sha256(token);
	write->token.user = write->session->user;
	write->token.expires_ms += write->now_ms;
	TRY(store_write(accounts->config.store, write_short_token, write, fail));
	*ret_token = token;
	return RC_OK;
}

enum rc accounts_login_token(struct accounts *accounts, struct arena *arena,
    const struct session *session, str *ret_token, struct fail *fail)
{
	struct short_token_write write = {
	    .session = session,
	    .token = {.kind = SHORT_TOKEN_LOGIN, .expires_ms = LOGIN_TOKEN_LIFE_MS},
	    .kept_max = LOGIN_TOKENS_MAX,
	};
	return token_give(accounts, arena, "exl_", &write, ret_token, fail);
}

enum rc accounts_openid_token(struct accounts *accounts, struct arena *arena,
    const struct session *session, str *ret_token, struct fail *fail)
{
	struct short_token_write write = {
	    .session = session,
	    .token = {.kind = SHORT_TOKEN_OPENID, .expires_ms = OPENID_TOKEN_LIFE_MS},
	    .kept_max = OPENID_TOKENS_MAX,
	};
	return token_give(accounts, arena, "exo_", &write, ret_token, fail);
}

/* ---- taking ---- */

enum rc accounts_openid_user(
    struct accounts *accounts, struct arena *arena, str token, str *ret_user_id, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct sha256 hash = sha256(token);
	int64_t user, now_ms = clock_wall_ms(accounts->config.clock);
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = short_token_find(txn, SHORT_TOKEN_OPENID, &hash, now_ms, &user);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, RC_UNKNOWN_TOKEN, "The token is not known, or has expired");
	TRY(rc);
	return user_id_of(txn, arena, user, ret_user_id);
}

struct token_login {
	struct sha256 hash;
	int64_t now_ms;
	str device_id, device_display_name;
	const struct token_pair *pair;
	struct arena *arena;
	struct account account; /* found */
};

static enum rc write_token_login(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct token_login *login = arg;
	int64_t user, device;
	enum rc rc = short_token_take(txn, SHORT_TOKEN_LOGIN, &login->hash, login->now_ms, &user);
	if (rc == RC_NOT_FOUND)
		return fail_set(
		    fail, RC_FORBIDDEN, "The login token is not known, was used, or has expired");
	TRY(rc);
	TRY(account_get(txn_reading(txn), login->arena, user, &login->account));
	if (login->account.locked)
		return locked_refuse(fail);
	txn_tell(txn, NEWS_SESSIONS, user); /* a device that was there loses its token */
	TRY(device_put(txn, user, login->device_id, login->device_display_name, &device));
	return token_put(txn, user, device, login->pair);
}

enum rc accounts_login_by_token(struct accounts *accounts, struct arena *arena, str token,
    const struct login_request *request, struct login_result *ret_result, struct fail *fail)
{
	struct issued_tokens tokens;
	struct token_login login = {
	    .hash = sha256(token),
	    .now_ms = clock_wall_ms(accounts->config.clock),
	    .device_display_name = request->device_display_name,
	    .arena = arena,
	};
	TRY(login_request_check(accounts, arena, request, &login.device_id, fail));
	TRY(tokens_issue(accounts, arena, request->refresh_token, &tokens));
	login.pair = &tokens.pair;
	TRY(store_write(accounts->config.store, write_token_login, &login, fail));
	accounts_drop_sessions(accounts, login.account.user);
	*ret_result = login_result_of(login.account.user_id, login.device_id, &tokens);
	return RC_OK;
}
