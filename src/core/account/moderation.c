#include "core/account/moderation.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"
#include "store/news.h"

static enum rc asker_check(
    const struct accounts *accounts, const struct session *session, str user_id, struct fail *fail)
{
	struct id_parts parts;
	if (!session->admin)
		return fail_set(
		    fail, RC_FORBIDDEN, "Only an administrator of this server may do this");
	if (!user_id_parse(user_id, &parts) || !str_eq(parts.domain, accounts->config.server_name))
		return fail_set(fail, RC_INVALID_PARAM, "This is no user ID of this server");
	return RC_OK;
}

static enum rc target_find(struct txn_ro *txn, struct arena *arena, const struct session *session,
    str user_id, struct account *ret_account, struct fail *fail)
{
	enum rc rc = account_find(txn, arena, user_id, ret_account);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && ret_account->deactivated_ms != 0))
		return fail_set(fail, RC_NOT_FOUND, "There is no such account, or it has ended");
	TRY(rc);
	if (ret_account->admin && ret_account->user != session->user)
		return fail_set(fail, RC_FORBIDDEN, "This is another administrator of this server");
	return RC_OK;
}

enum rc moderation_get(struct accounts *accounts, struct arena *arena,
    const struct session *session, str user_id, enum account_flag flag, bool *ret_set,
    struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct account account;
	TRY(asker_check(accounts, session, user_id, fail));
	TRY(txn_ro_begin(accounts->config.store, &txn));
	TRY(target_find(txn, arena, session, user_id, &account, fail));
	*ret_set = flag == ACCOUNT_SUSPENDED ? account.suspended : account.locked;
	return RC_OK;
}

struct flag_write {
	const struct session *session;
	struct arena *arena;
	str user_id;
	enum account_flag flag;
	bool set;
	int64_t user; /* found */
};

static enum rc write_flag(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct flag_write *write = arg;
	const struct session *session = write->session;
	struct account account;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(target_find(txn_reading(txn), write->arena, session, write->user_id, &account, fail));
	txn_tell(txn, NEWS_SESSIONS, account.user);
	write->user = account.user;
	return account_set_flag(txn, account.user, write->flag, write->set);
}

enum rc moderation_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str user_id, enum account_flag flag, bool set, struct fail *fail)
{
	struct flag_write write = {session, arena, user_id, flag, set, 0};
	TRY(asker_check(accounts, session, user_id, fail));
	if (str_eq(user_id, session->user_id))
		return fail_set(fail, RC_FORBIDDEN, "You cannot do this to your own account");
	TRY(store_write(accounts->config.store, write_flag, &write, fail));
	accounts_drop_sessions(accounts, write.user);
	return RC_OK;
}
