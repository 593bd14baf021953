/* New accounts. */
#include "core/account/registration.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"

enum {
	CHOSEN_NAME_BYTES = 12, /* of a name that the server makes: 56 bits */
	CHOSEN_NAME_TRIES = 4,
};

enum registration_mode accounts_registration_mode(const struct accounts *accounts)
{
	return accounts->config.registration;
}

enum rc accounts_registration_token_valid(struct accounts *accounts, str token, bool *ret_valid)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	if (token.n == 0 || token.n > REGISTRATION_TOKEN_MAX_BYTES) {
		*ret_valid = false;
		return RC_OK;
	}
	TRY(txn_ro_begin(accounts->config.store, &txn));
	return registration_token_valid(
	    txn, token, clock_wall_ms(accounts->config.clock), ret_valid);
}

/* Form only: RC_INVALID_USERNAME. */
static enum rc username_form(struct accounts *accounts, struct arena *arena, str localpart,
    str *ret_user_id, struct fail *fail)
{
	if (!user_localpart_valid_for_registration(localpart))
		return fail_set(fail, RC_INVALID_USERNAME,
		    "A user name is made of a-z, 0-9, and the characters . _ = / + -");
	*ret_user_id = user_id_make(arena, localpart, accounts->config.server_name);
	TRY(arena_status(arena));
	if (ret_user_id->n == 0)
		return fail_set(fail, RC_INVALID_USERNAME,
		    "The user ID would be longer than %d bytes", ID_MAX_BYTES);
	return RC_OK;
}

enum rc accounts_username_check(
    struct accounts *accounts, struct arena *arena, str localpart, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	str user_id = STR_EMPTY;
	bool exists = false;
	TRY(username_form(accounts, arena, localpart, &user_id, fail));
	TRY(txn_ro_begin(accounts->config.store, &txn));
	TRY(account_exists_nocase(txn, user_id, &exists));
	return exists ? fail_set(fail, RC_USER_IN_USE, "The user name is taken") : RC_OK;
}

struct registration_write {
	const struct registration_request *request;
	str user_id, password_phc, device_id;
	const struct token_pair *pair; /* NULL: no login */
	int64_t now_ms;
};

static enum rc write_registration(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct registration_write *write = arg;
	const struct registration_request *request = write->request;
	int64_t user, device;
	enum rc rc = account_add(txn, write->user_id, ACCOUNT_USER, write->password_phc,
	    request->admin, write->now_ms, &user);
	if (rc == RC_USER_IN_USE)
		return fail_set(fail, rc, "The user name is taken");
	TRY(rc);
	if (request->registration_token.n > 0) {
		rc = registration_token_use(txn, request->registration_token, write->now_ms);
		if (rc == RC_FORBIDDEN)
			return fail_set(fail, rc, "The registration token has been used up");
		TRY(rc);
	}
	if (!write->pair)
		return RC_OK;
	TRY(device_put(txn, user, write->device_id, request->login.device_display_name, &device));
	return token_put(txn, user, device, write->pair);
}

static enum rc registration_named(struct accounts *accounts, struct arena *arena, str localpart,
    struct registration_write *write, struct fail *fail)
{
	TRY(username_form(accounts, arena, localpart, &write->user_id, fail));
	write->now_ms = clock_wall_ms(accounts->config.clock);
	return store_write(accounts->config.store, write_registration, write, fail);
}

/* Under the name that was asked for, or one of our own that nobody has. */
static enum rc registration_write(struct accounts *accounts, struct arena *arena,
    struct registration_write *write, struct fail *fail)
{
	if (write->request->localpart.n > 0)
		return registration_named(accounts, arena, write->request->localpart, write, fail);
	enum rc rc = RC_USER_IN_USE;
	for (int i = 0; i < CHOSEN_NAME_TRIES && rc == RC_USER_IN_USE; i++) {
		char name[CHOSEN_NAME_BYTES];
		for (size_t at = 0; at < sizeof(name); at++)
			name[at] = (char)('a' + rng_below(accounts->config.rng, 26));
		rc =
		    registration_named(accounts, arena, str_bytes(name, sizeof(name)), write, fail);
	}
	return rc;
}

enum rc accounts_register(struct accounts *accounts, struct arena *arena,
    const struct registration_request *request, struct login_result *ret_result, struct fail *fail)
{
	struct registration_write write = {.request = request};
	struct issued_tokens tokens = {0};
	TRY(login_request_check(accounts, arena, &request->login, &write.device_id, fail));
	if (request->password.n > 0) {
		TRY(password_check(request->password, "password", fail));
		TRY(password_hash(
		    arena, request->password, accounts->config.password_cost, &write.password_phc));
	}
	if (!request->inhibit_login) {
		TRY(tokens_issue(accounts, arena, request->login.refresh_token, &tokens));
		write.pair = &tokens.pair;
	}
	TRY(registration_write(accounts, arena, &write, fail));
	*ret_result = login_result_of(
	    write.user_id, request->inhibit_login ? STR_EMPTY : write.device_id, &tokens);
	return RC_OK;
}
