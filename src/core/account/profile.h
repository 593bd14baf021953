/*
 * Profiles of local users: displayname and avatar_url (Client-Server API, "Profiles"). Any lane thread; writing waits for
 * the commit. Telling the rooms is the caller's (rooms_propagate_profile).
 *
 * The profile of a deactivated account stays readable until it is erased; then it is as if there had never been one.
 */
#ifndef EXEUNT_CORE_ACCOUNT_PROFILE_H
#define EXEUNT_CORE_ACCOUNT_PROFILE_H

#include "core/account/accounts.h"

enum {
	DISPLAYNAME_MAX_BYTES = 1024,
	AVATAR_URL_MAX_BYTES = 1000,
};

struct profile {
	str displayname, avatar_url; /* empty: none */
};

/* RC_INVALID_PARAM: no user ID; RC_NOT_FOUND: nobody of that name here, or erased. */
MUST_CHECK enum rc profile_get(struct accounts *accounts, struct arena *arena, str user_id,
    struct profile *ret_profile, struct fail *fail);
/* Empty takes it away. RC_INVALID_PARAM: too long, or (avatar) no mxc URI. RC_UNKNOWN_TOKEN: the account has ended. */
MUST_CHECK enum rc profile_set_displayname(
    struct accounts *accounts, const struct session *session, str displayname, struct fail *fail);
MUST_CHECK enum rc profile_set_avatar_url(
    struct accounts *accounts, const struct session *session, str avatar_url, struct fail *fail);

#endif
