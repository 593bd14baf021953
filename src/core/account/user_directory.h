/*
 * Searching for people (Client-Server API, "User Directory"). Any lane thread.
 *
 * Found is who has, for each word of the term, a word in their user ID or name that begins with it; in any case, with or
 * without accents. Shown are those whom the asker may know: users they share a room with, users in a room that all may
 * join or read, and with the setting that shows all, every account of this server. Nobody finds themselves.
 */
#ifndef EXEUNT_CORE_ACCOUNT_USER_DIRECTORY_H
#define EXEUNT_CORE_ACCOUNT_USER_DIRECTORY_H

#include "core/account/accounts.h"

enum {
	DIRECTORY_TERM_MAX_BYTES = 512,
	DIRECTORY_LIMIT_DEFAULT = 10,
	DIRECTORY_LIMIT_MAX = 100, /* more is not given, whoever asks for it */
	DIRECTORY_LOOK_MAX = 2000, /* users looked at for one answer */
};

/* Appends {"limited":…,"results":[…]}, the best first. RC_INVALID_PARAM: the term is too long. */
MUST_CHECK enum rc user_directory_search(struct accounts *accounts, struct arena *arena,
    const struct session *session, str term, size_t limit, struct buf *out, struct fail *fail);

#endif
