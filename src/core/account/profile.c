#include "core/account/profile.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"

enum rc profile_get(struct accounts *accounts, struct arena *arena, str user_id,
    struct profile *ret_profile, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct account account;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid user ID");
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = account_find(txn, arena, user_id, &account);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && account.erased))
		return fail_set(fail, RC_NOT_FOUND, "There is no profile of this user");
	TRY(rc);
	ret_profile->displayname = account.displayname;
	ret_profile->avatar_url = account.avatar_url;
	return RC_OK;
}

struct profile_write {
	const struct session *session;
	enum rc (*set)(struct txn_rw *txn, int64_t user, str value);
	str value;
};

static enum rc write_profile(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct profile_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	return write->set(txn, session->user, write->value);
}

enum rc profile_set_displayname(
    struct accounts *accounts, const struct session *session, str displayname, struct fail *fail)
{
	struct profile_write write = {session, account_set_displayname, displayname};
	if (displayname.n > DISPLAYNAME_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "displayname may have at most %d bytes",
		    DISPLAYNAME_MAX_BYTES);
	return store_write(accounts->config.store, write_profile, &write, fail);
}

enum rc profile_set_avatar_url(
    struct accounts *accounts, const struct session *session, str avatar_url, struct fail *fail)
{
	struct profile_write write = {session, account_set_avatar_url, avatar_url};
	str server_name, media_id;
	if (avatar_url.n > AVATAR_URL_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "avatar_url may have at most %d bytes",
		    AVATAR_URL_MAX_BYTES);
	if (avatar_url.n > 0 && !mxc_parse(avatar_url, &server_name, &media_id))
		return fail_set(fail, RC_INVALID_PARAM, "avatar_url must be an mxc:// URI");
	return store_write(accounts->config.store, write_profile, &write, fail);
}
