/*
 * Profiles of local users (Client-Server API, "Profiles"). Any lane thread; writing waits for the commit. Telling the
 * rooms is the caller's (rooms_propagate_profile).
 *
 * The profile of a deactivated account stays readable until it is erased; then it is as if there had never been one.
 */
#ifndef EXEUNT_CORE_ACCOUNT_PROFILE_H
#define EXEUNT_CORE_ACCOUNT_PROFILE_H

#include "core/account/accounts.h"
#include "store/profile.h"

enum {
	DISPLAYNAME_MAX_BYTES = 1024,
	AVATAR_URL_MAX_BYTES = 1000,
	PROFILE_KEY_MAX_BYTES = 255,
	PROFILE_MAX_BYTES = 64 * 1024 - 1, /* of the whole as JSON: it must be under 64 KiB */
};

struct profile {
	str displayname, avatar_url;  /* empty: none */
	struct profile_field *fields; /* the others, in order of key */
	size_t count;
};

/* RC_INVALID_PARAM: no user ID; RC_NOT_FOUND: nobody of that name here, or erased. */
MUST_CHECK enum rc profile_get(struct accounts *accounts, struct arena *arena, str user_id,
    struct profile *ret_profile, struct fail *fail);
/* Appends the object of all fields. */
void profile_put(const struct profile *profile, struct buf *out);
/* Appends the object of one field. RC_NOT_FOUND: there is none; nothing was appended. */
MUST_CHECK enum rc profile_put_field(
    const struct profile *profile, str key, struct buf *out, struct fail *fail);

/*
 * A field of any key of the Common Namespaced Identifier Grammar. displayname, avatar_url and m.tz are texts; an empty
 * displayname or avatar_url takes it away. RC_KEY_TOO_LARGE; RC_INVALID_PARAM: no such key, a displayname or avatar_url
 * that is too long, an avatar_url that is no mxc URI; RC_MISSING_PARAM: `value` is NULL; RC_BAD_JSON: no text where there
 * must be one; RC_PROFILE_TOO_LARGE; RC_UNKNOWN_TOKEN: the account has ended.
 */
MUST_CHECK enum rc profile_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str key, json value, struct fail *fail);
/* Also what is not there. Failures as above. */
MUST_CHECK enum rc profile_unset(
    struct accounts *accounts, const struct session *session, str key, struct fail *fail);

/* Whether the member events of the user show this field. */
bool profile_key_is_in_rooms(str key);

#endif
