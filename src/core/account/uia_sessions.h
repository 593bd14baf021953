/*
 * Sessions of user-interactive authentication. In memory: a restart ends them and the client begins anew. Bounded (the
 * oldest goes first), and each expires. Any thread; short lock.
 */
#ifndef EXEUNT_CORE_ACCOUNT_UIA_SESSIONS_H
#define EXEUNT_CORE_ACCOUNT_UIA_SESSIONS_H

#include "codec/crypto.h"
#include "core/account/accounts.h"

enum {
	UIA_SESSION_ID_BYTES = 24,
	UIA_TOKEN_MAX_BYTES = 64,
};

/* What a session was made for; a request with another one may not use it. */
struct uia_binding {
	enum uia_purpose purpose;
	int64_t user; /* nid; 0: nobody yet */
	struct sha256
	    request; /* of the first request's body without `auth`; zero where it does not matter */
};

struct uia_sessions;

MUST_CHECK enum rc uia_sessions_new(size_t sessions_max, int64_t life_ms, const struct clock *clock,
    const struct rng *rng, struct uia_sessions **ret_sessions);
void uia_sessions_free(struct uia_sessions *sessions);

/* A new session; its id in the arena. */
MUST_CHECK enum rc uia_session_open(struct uia_sessions *sessions, struct arena *arena,
    const struct uia_binding *binding, str *ret_id);
/* True when there is such a session, of this binding, not expired; with the stages that were completed. */
bool uia_session_find(struct uia_sessions *sessions, str id, const struct uia_binding *binding,
    unsigned *ret_completed);
/* Marks stages. `token` (may be empty) is kept with them. False: the session is gone. */
bool uia_session_complete(struct uia_sessions *sessions, str id, unsigned stages, str token);
/* Ends it: true for exactly one caller, who gets the token that was kept. */
bool uia_session_take(struct uia_sessions *sessions, struct arena *arena, str id, str *ret_token);
size_t uia_session_count(struct uia_sessions *sessions);

#endif
