/*
 * Tokens for minutes: one that logs another client in (Client-Server API, POST /login/get_token), and one that proves to a
 * third party who somebody is ("OpenID"). The database has their hashes only. They end with the account; those for logins
 * also when the password changes and the other devices go. Any lane thread; writing waits for the commit.
 */
#ifndef EXEUNT_CORE_ACCOUNT_SHORT_TOKENS_H
#define EXEUNT_CORE_ACCOUNT_SHORT_TOKENS_H

#include "core/account/accounts.h"

enum {
	LOGIN_TOKEN_LIFE_MS = 2 * 60 * 1000,
	LOGIN_TOKENS_MAX = 10, /* of one user; a newer one takes the place of the oldest */
	OPENID_TOKEN_LIFE_MS = 60 * 60 * 1000,
	OPENID_TOKENS_MAX = 100,
};

/* The caller has authenticated the user once more. RC_UNKNOWN_TOKEN: the account has ended. */
MUST_CHECK enum rc accounts_login_token(struct accounts *accounts, struct arena *arena,
    const struct session *session, str *ret_token, struct fail *fail);
/* POST /login with m.login.token. Each token once: RC_FORBIDDEN afterwards, and when it has expired or never was; RC_USER_LOCKED. */
MUST_CHECK enum rc accounts_login_by_token(struct accounts *accounts, struct arena *arena,
    str token, const struct login_request *request, struct login_result *ret_result,
    struct fail *fail);

MUST_CHECK enum rc accounts_openid_token(struct accounts *accounts, struct arena *arena,
    const struct session *session, str *ret_token, struct fail *fail);
/* Who gave the token away: Server-Server API, "OpenID". RC_UNKNOWN_TOKEN: nobody, or it has expired. */
MUST_CHECK enum rc accounts_openid_user(
    struct accounts *accounts, struct arena *arena, str token, str *ret_user_id, struct fail *fail);

#endif
