#include "core/account/admin.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"
#include "store/news.h"
#include "store/short_tokens.h"

static enum rc user_id_meant(struct accounts *accounts, struct arena *arena, str name,
    str *ret_user_id, struct fail *fail)
{
	str server_name = accounts->config.server_name;
	struct id_parts parts;
	if (!str_starts(name, STR("@"))) {
		*ret_user_id = user_id_make(arena, name, server_name);
		return arena_status(arena);
	}
	if (!user_id_parse(name, &parts))
		return fail_set(fail, RC_NOT_FOUND, "'%.*s' is no user ID: it looks like @name:%.*s",
		    STR_ARG(str_first(name, 80)), STR_ARG(str_first(server_name, 80)));
	if (!str_eq(parts.domain, server_name))
		return fail_set(fail, RC_NOT_FOUND, "%.*s is a user of another server, this one is %.*s",
		    STR_ARG(str_first(name, 80)), STR_ARG(str_first(server_name, 80)));
	*ret_user_id = name;
	return RC_OK;
}

static enum rc account_missing(str name, struct fail *fail)
{
	return fail_set(fail, RC_NOT_FOUND, "There is no account %.*s", STR_ARG(str_first(name, 200)));
}

enum rc accounts_find(struct accounts *accounts, struct arena *arena, str name,
    struct account *ret_account, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	str user_id = STR_EMPTY;
	TRY(user_id_meant(accounts, arena, name, &user_id, fail));
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = account_find(txn, arena, user_id, ret_account);
	return rc == RC_NOT_FOUND ? account_missing(user_id.n ? user_id : name, fail) : rc;
}

struct listing {
	str after;
	account_fn *fn;
	void *self;
};

static bool list_one(void *self, const struct account *account)
{
	const struct listing *listing = self;
	return str_cmp(account->user_id, listing->after) <= 0 || listing->fn(listing->self, account);
}

enum rc accounts_each(
    struct accounts *accounts, struct arena *scratch, str after, account_fn *fn, void *self)
{
	struct listing listing = {after, fn, self};
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(accounts->config.store, &txn));
	return account_each(txn, scratch, list_one, &listing);
}

/* One change of an account that must be active when it is written. */
struct account_change {
	const struct account *account;
	bool sets_admin, admin;
	str phc; /* of the new password, unless sets_admin */
};

static enum rc write_change(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct account_change *change = arg;
	int64_t user = change->account->user;
	enum rc rc = account_check_generation(txn_reading(txn), user, change->account->generation);
	if (rc == RC_UNKNOWN_TOKEN)
		return fail_set(fail, RC_USER_DEACTIVATED, "The account has been deactivated");
	TRY(rc);
	txn_tell(txn, NEWS_SESSIONS, user);
	if (change->sets_admin)
		return account_set_admin(txn, user, change->admin);
	TRY(account_set_password(txn, user, change->phc));
	TRY(token_delete_all(txn, user));
	TRY(short_tokens_delete(txn, SHORT_TOKEN_LOGIN, user));
	return device_delete_all(txn, user, 0);
}

static enum rc find_active(struct accounts *accounts, struct arena *arena, str name,
    struct account *ret_account, struct fail *fail)
{
	TRY(accounts_find(accounts, arena, name, ret_account, fail));
	if (ret_account->deactivated_ms)
		return fail_set(fail, RC_USER_DEACTIVATED, "%.*s has been deactivated",
		    STR_ARG(str_first(ret_account->user_id, 200)));
	return RC_OK;
}

enum rc accounts_set_admin(struct accounts *accounts, struct arena *arena, str name, bool admin,
    struct account *ret_account, struct fail *fail)
{
	struct account account;
	TRY(find_active(accounts, arena, name, &account, fail));
	struct account_change change = {.account = &account, .sets_admin = true, .admin = admin};
	TRY(store_write(accounts->config.store, write_change, &change, fail));
	accounts_drop_sessions(accounts, account.user); /* they remember who is an administrator */
	account.admin = admin;
	*ret_account = account;
	return RC_OK;
}

enum rc accounts_reset_password(struct accounts *accounts, struct arena *arena, str name,
    str password, struct account *ret_account, struct fail *fail)
{
	struct account account;
	TRY(find_active(accounts, arena, name, &account, fail));
	TRY(password_check(password, "the password", fail));
	struct account_change change = {.account = &account};
	TRY(password_hash(arena, password, accounts->config.password_cost, &change.phc));
	TRY(store_write(accounts->config.store, write_change, &change, fail));
	accounts_end_devices(accounts, account.user);
	*ret_account = account;
	return RC_OK;
}
