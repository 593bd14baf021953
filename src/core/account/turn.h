/*
 * Credentials for TURN servers (Client-Server API, "VoIP"): made for each user from a secret that the TURN server shares,
 * in the way of the REST convention (a user name that says when it ends, HMAC-SHA1 of it as the password), or else one
 * user name and password for all. Any thread.
 */
#ifndef EXEUNT_CORE_ACCOUNT_TURN_H
#define EXEUNT_CORE_ACCOUNT_TURN_H

#include "base/buf.h"

struct turn_config {
	str uris;   /* separated by commas; empty: there is no TURN server */
	str secret; /* shared with it; empty: `username` and `password` */
	str username, password;
	int64_t
	    user_life_ms; /* of what is made from the secret; and how long a client may keep the others */
};

/* Whether the settings make sense. RC_INVALID_PARAM with a sentence. */
MUST_CHECK enum rc turn_config_check(const struct turn_config *config, struct fail *fail);

/* Appends {"username":…,"password":…,"uris":[…],"ttl":…}. RC_NOT_FOUND: there is no TURN server. */
MUST_CHECK enum rc turn_credentials_put(const struct turn_config *config, struct arena *arena,
    str user_id, int64_t now_wall_ms, struct buf *out, struct fail *fail);

#endif
