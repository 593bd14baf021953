/*
 * Sessions of user-interactive authentication. They stand in the database, so that a client may go on at any process,
 * and after a restart. Bounded (the oldest goes first), and each expires, by the wall clock. What is acknowledged is on
 * disk. Any lane thread.
 */
#ifndef EXEUNT_CORE_ACCOUNT_UIA_SESSIONS_H
#define EXEUNT_CORE_ACCOUNT_UIA_SESSIONS_H

#include "codec/crypto.h"
#include "core/account/accounts.h"

#include <stdatomic.h>

enum { UIA_SESSION_ID_BYTES = 24 };

/* What a session was made for; a request with another one may not use it. */
struct uia_binding {
	enum uia_purpose purpose;
	int64_t user; /* nid; 0: nobody yet */
	struct sha256
	    request; /* of the first request's body without `auth`; zero where it does not matter */
};

struct uia_sessions {
	struct store *store;
	const struct clock *clock;
	const struct rng *rng;
	size_t sessions_max;
	int64_t life_ms;
	atomic_size_t opened; /* by this process, since its start */
};

/* RC_INVALID_PARAM: the bounds are not positive. Holds nothing that must be released. */
MUST_CHECK enum rc uia_sessions_init(
    struct uia_sessions *sessions, const struct accounts_config *config);

/* A new session; its id in the arena. */
MUST_CHECK enum rc uia_session_open(struct uia_sessions *sessions, struct arena *arena,
    const struct uia_binding *binding, str *ret_id);
/* With the stages that were completed. RC_NOT_FOUND: there is none, it has expired, or it has another binding. */
MUST_CHECK enum rc uia_session_find(struct uia_sessions *sessions, str id,
    const struct uia_binding *binding, unsigned *ret_completed);
/* Marks stages. `token` (may be empty) is kept with them. RC_NOT_FOUND: the session is gone. */
MUST_CHECK enum rc uia_session_complete(
    struct uia_sessions *sessions, str id, unsigned stages, str token);
/* Ends it: RC_OK for exactly one caller, who gets the token that was kept. RC_NOT_FOUND: the session is gone. */
MUST_CHECK enum rc uia_session_take(
    struct uia_sessions *sessions, struct arena *arena, str id, str *ret_token);

#endif
