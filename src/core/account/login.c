/* Password login, tokens and their refresh. */
#include "core/account/accounts_int.h"

#include "matrix/ids.h"
#include "store/news.h"

enum {
	TOKEN_RANDOM_BYTES = 40, /* alphanumerics: 238 bits */
	DEVICE_ID_RANDOM_BYTES = 10,
};

static str token_draw(const struct accounts *accounts, struct arena *arena, const char *prefix)
{
	str random = rng_text(accounts->config.rng, arena, RNG_ALPHANUMERIC, TOKEN_RANDOM_BYTES);
	return arena_printf(arena, "%s%.*s", prefix, STR_ARG(random));
}

enum rc tokens_issue(const struct accounts *accounts, struct arena *arena, bool refreshable,
    struct issued_tokens *ret_tokens)
{
	struct issued_tokens tokens = {.access = token_draw(accounts, arena, "exe_")};
	tokens.pair.access = sha256(tokens.access);
	if (refreshable) {
		tokens.refresh = token_draw(accounts, arena, "exr_");
		tokens.pair.has_refresh = true;
		tokens.pair.refresh = sha256(tokens.refresh);
		tokens.expires_in_ms = accounts->config.access_token_life_ms;
		if (tokens.expires_in_ms > 0)
			tokens.pair.access_expires_ms =
			    clock_wall_ms(accounts->config.clock) + tokens.expires_in_ms;
	}
	TRY(arena_status(arena));
	*ret_tokens = tokens;
	return RC_OK;
}

struct login_result login_result_of(str user_id, str device_id, const struct issued_tokens *tokens)
{
	return (struct login_result){
	    .user_id = user_id,
	    .access_token = tokens->access,
	    .device_id = device_id,
	    .refresh_token = tokens->refresh,
	    .expires_in_ms = tokens->expires_in_ms,
	};
}

enum rc login_request_check(const struct accounts *accounts, struct arena *arena,
    const struct login_request *request, str *ret_device_id, struct fail *fail)
{
	if (request->device_id.n > DEVICE_ID_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "device_id may have at most %d bytes",
		    DEVICE_ID_MAX_BYTES);
	if (request->device_display_name.n > DEVICE_NAME_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM,
		    "initial_device_display_name may have at most %d bytes", DEVICE_NAME_MAX_BYTES);
	*ret_device_id = request->device_id;
	if (request->device_id.n == 0)
		*ret_device_id =
		    rng_text(accounts->config.rng, arena, RNG_UPPERCASE, DEVICE_ID_RANDOM_BYTES);
	return arena_status(arena);
}

/* "@localpart:server" of what a person typed; empty when it cannot be an account of ours. */
static str login_user_id(const struct accounts *accounts, struct arena *arena, str user)
{
	struct id_parts parts;
	if (!str_starts(user, STR("@")))
		return user_id_make(arena, user, accounts->config.server_name);
	if (user_id_parse(user, &parts) && str_eq(parts.domain, accounts->config.server_name))
		return user;
	return STR_EMPTY;
}

static str ascii_lower(struct arena *arena, str s)
{
	char *lower = arena_alloc(arena, s.n);
	if (!lower)
		return STR_EMPTY;
	for (size_t i = 0; i < s.n; i++)
		lower[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
	return str_bytes(lower, s.n);
}

/* The account of the exact id, or else of its lower case: new ones have no capitals. */
static enum rc login_account(
    const struct accounts *accounts, struct arena *arena, str user, struct account *ret_account)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	str user_id = login_user_id(accounts, arena, user);
	TRY(arena_status(arena));
	if (user_id.n == 0)
		return RC_NOT_FOUND;
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = account_find(txn, arena, user_id, ret_account);
	if (rc == RC_NOT_FOUND)
		rc = account_find(txn, arena, ascii_lower(arena, user_id), ret_account);
	return rc;
}

/* The same work as a right password costs, so that its absence tells nothing about who has an account. */
static enum rc password_refuse(
    const struct accounts *accounts, struct arena *arena, str password, struct fail *fail)
{
	str ignored;
	TRY(password_hash(arena, str_first(password, PASSWORD_MAX_BYTES),
	    accounts->config.password_cost, &ignored));
	return fail_set(fail, RC_FORBIDDEN, "The user name or the password is wrong");
}

enum rc locked_refuse(struct fail *fail)
{
	if (fail)
		fail->soft_logout = true;
	return fail_set(fail, RC_USER_LOCKED, "This account has been locked");
}

struct login_write {
	const struct account *account;
	str device_id, device_display_name;
	const struct token_pair *pair;
};

/* The password may have changed and the account may have ended since they were looked at. */
static enum rc write_login(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct login_write *login = arg;
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, ACCOUNT_SCRATCH_BYTES);
	struct account now;
	int64_t device;
	TRY(account_get(txn_reading(txn), &scratch, login->account->user, &now));
	if (now.deactivated_ms != 0 || now.generation != login->account->generation)
		return fail_set(fail, RC_USER_DEACTIVATED, "The account has been deactivated");
	if (!str_eq(now.password_phc, login->account->password_phc))
		return fail_set(fail, RC_FORBIDDEN, "The password has just been changed");
	txn_tell(txn, NEWS_SESSIONS, now.user); /* a device that was there loses its token */
	TRY(device_put(txn, now.user, login->device_id, login->device_display_name, &device));
	return token_put(txn, now.user, device, login->pair);
}

enum rc accounts_login_password(struct accounts *accounts, struct arena *arena, str user,
    str password, const struct login_request *request, struct login_result *ret_result,
    struct fail *fail)
{
	struct account account;
	struct issued_tokens tokens;
	struct login_write login = {
	    .account = &account, .device_display_name = request->device_display_name};
	TRY(login_request_check(accounts, arena, request, &login.device_id, fail));
	enum rc rc = login_account(accounts, arena, user, &account);
	if (rc == RC_NOT_FOUND)
		return password_refuse(accounts, arena, password, fail);
	TRY(rc);
	if (account.deactivated_ms != 0)
		return fail_set(fail, RC_USER_DEACTIVATED, "The account has been deactivated");
	if (account.password_phc.n == 0 || password.n == 0 || password.n > PASSWORD_MAX_BYTES)
		return password_refuse(accounts, arena, password, fail);
	if (!password_verify(account.password_phc, password))
		return fail_set(fail, RC_FORBIDDEN, "The user name or the password is wrong");
	if (account.locked)
		return locked_refuse(fail);

	TRY(tokens_issue(accounts, arena, request->refresh_token, &tokens));
	login.pair = &tokens.pair;
	TRY(store_write(accounts->config.store, write_login, &login, fail));
	/* A login on a device that was there has replaced its tokens. */
	accounts_drop_sessions(accounts, account.user);
	*ret_result = login_result_of(account.user_id, login.device_id, &tokens);
	return RC_OK;
}

struct refresh_write {
	struct sha256 old;
	const struct token_pair *pair;
	struct arena *arena;
	struct session session;
};

static enum rc write_refresh(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct refresh_write *refresh = arg;
	enum rc rc =
	    token_refresh(txn, &refresh->old, refresh->pair, refresh->arena, &refresh->session);
	if (rc == RC_OK && refresh->session.locked)
		return locked_refuse(fail);
	if (rc == RC_OK)
		txn_tell(txn, NEWS_SESSIONS, refresh->session.user);
	return rc == RC_UNKNOWN_TOKEN ? fail_set(fail, rc, "The refresh token is not known") : rc;
}

enum rc accounts_refresh(struct accounts *accounts, struct arena *arena, str refresh_token,
    struct login_result *ret_result, struct fail *fail)
{
	struct issued_tokens tokens;
	TRY(tokens_issue(accounts, arena, true, &tokens));
	struct refresh_write refresh = {
	    .old = sha256(refresh_token), .pair = &tokens.pair, .arena = arena};
	TRY(store_write(accounts->config.store, write_refresh, &refresh, fail));
	/* The use of this refresh token has ended its predecessor. */
	accounts_drop_sessions(accounts, refresh.session.user);
	*ret_result = login_result_of(refresh.session.user_id, refresh.session.device_id, &tokens);
	return RC_OK;
}
