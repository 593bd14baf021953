/* From where an account is used (Client-Server API, "Server Administration"). Any lane thread. */
#ifndef EXEUNT_CORE_ACCOUNT_WHOIS_H
#define EXEUNT_CORE_ACCOUNT_WHOIS_H

#include "core/account/accounts.h"

/*
 * Appends {"user_id":…,"devices":{…}}: of each device when and from which address it was last seen. For the user and for
 * server administrators: RC_FORBIDDEN. RC_INVALID_PARAM: no user of this server; RC_NOT_FOUND: there is no such account.
 */
MUST_CHECK enum rc whois_put(struct accounts *accounts, struct arena *arena,
    const struct session *session, str user_id, struct buf *out, struct fail *fail);

#endif
