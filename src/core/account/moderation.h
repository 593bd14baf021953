/*
 * Accounts that an administrator has suspended or locked (Client-Server API, "Account moderation"). What such an account
 * may still do is the api's to say; its sessions carry the flags, and every process hears of a change at once. Any lane
 * thread; writing waits for the commit.
 */
#ifndef EXEUNT_CORE_ACCOUNT_MODERATION_H
#define EXEUNT_CORE_ACCOUNT_MODERATION_H

#include "core/account/accounts.h"

/*
 * Asked by `session`. RC_FORBIDDEN: no administrator, or about another one; RC_INVALID_PARAM: no user of this server;
 * RC_NOT_FOUND: there is no such account, or it has ended. Who may not ask learns nothing of accounts.
 */
MUST_CHECK enum rc moderation_get(struct accounts *accounts, struct arena *arena,
    const struct session *session, str user_id, enum account_flag flag, bool *ret_set,
    struct fail *fail);
/* The same, and RC_FORBIDDEN about oneself. */
MUST_CHECK enum rc moderation_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str user_id, enum account_flag flag, bool set,
    struct fail *fail);

#endif
