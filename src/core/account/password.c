#include "core/account/accounts_int.h"
#include "store/news.h"
#include "store/short_tokens.h"

enum rc password_check(str password, const char *name, struct fail *fail)
{
	if (password.n == 0)
		return fail_set(fail, RC_WEAK_PASSWORD, "%s must not be empty", name);
	if (password.n > PASSWORD_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "%s may have at most %d bytes", name,
		    PASSWORD_MAX_BYTES);
	return RC_OK;
}

struct password_write {
	const struct session *session;
	str phc;
	bool logout_devices;
};

static enum rc write_password(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct password_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	txn_tell(txn, NEWS_SESSIONS, session->user);
	TRY(account_set_password(txn, session->user, write->phc));
	if (!write->logout_devices)
		return RC_OK;
	TRY(short_tokens_delete(txn, SHORT_TOKEN_LOGIN, session->user));
	return device_delete_all(txn, session->user, session->device);
}

enum rc accounts_set_password(struct accounts *accounts, struct arena *arena,
    const struct session *session, str new_password, bool logout_devices, struct fail *fail)
{
	struct password_write write = {.session = session, .logout_devices = logout_devices};
	TRY(password_check(new_password, "new_password", fail));
	TRY(password_hash(arena, new_password, accounts->config.password_cost, &write.phc));
	TRY(store_write(accounts->config.store, write_password, &write, fail));
	if (logout_devices)
		accounts_end_devices(accounts, session->user);
	else
		accounts_drop_sessions(accounts, session->user);
	return RC_OK;
}

enum rc accounts_password_verify(
    struct accounts *accounts, struct arena *arena, int64_t user, str password, bool *ret_right)
{
	struct account account;
	{
		struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
		TRY(txn_ro_begin(accounts->config.store, &txn));
		TRY(account_get(txn, arena, user, &account));
	} /* the reader is given back before the slow part */
	*ret_right = account.deactivated_ms == 0 && account.password_phc.n > 0 && password.n > 0 &&
		     password.n <= PASSWORD_MAX_BYTES &&
		     password_verify(account.password_phc, password);
	return RC_OK;
}
