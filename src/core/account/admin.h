/*
 * What an administrator does to accounts: behind the command line, not behind endpoints. Any lane
 * thread; functions that write wait for the commit.
 */
#ifndef EXEUNT_CORE_ACCOUNT_ADMIN_H
#define EXEUNT_CORE_ACCOUNT_ADMIN_H

#include "core/account/accounts.h"

/*
 * The account that `name` means: a localpart or a whole user ID of this server. RC_NOT_FOUND, with
 * a sentence that also tells a user of another server. Texts live in `arena`.
 */
MUST_CHECK enum rc accounts_find(struct accounts *accounts, struct arena *arena, str name,
    struct account *ret_account, struct fail *fail);

/*
 * Accounts in order of user ID, deactivated ones too, from behind the user ID `after` on (empty:
 * from the first).
 */
MUST_CHECK enum rc accounts_each(struct accounts *accounts, struct arena *scratch, str after,
    account_fn *fn, void *self);

/* Makes or unmakes a server administrator. RC_NOT_FOUND, RC_USER_DEACTIVATED. */
MUST_CHECK enum rc accounts_set_admin(struct accounts *accounts, struct arena *arena, str name,
    bool admin, struct account *ret_account, struct fail *fail);

/*
 * A new password, and the end of every session. RC_NOT_FOUND, RC_USER_DEACTIVATED,
 * RC_WEAK_PASSWORD, RC_INVALID_PARAM.
 */
MUST_CHECK enum rc accounts_reset_password(struct accounts *accounts, struct arena *arena, str name,
    str password, struct account *ret_account, struct fail *fail);

#endif
