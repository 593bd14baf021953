/* Who a request says that it is: Client-Server API, "Identifier types". Any thread. */
#ifndef EXEUNT_CORE_ACCOUNT_IDENTIFIER_H
#define EXEUNT_CORE_ACCOUNT_IDENTIFIER_H

#include "codec/json.h"

/*
 * The user that `object` (a login, or `auth` of type m.login.password) names: by `identifier` of type m.id.user, or by the
 * deprecated `user`. A localpart or a whole user ID, unchecked. RC_MISSING_PARAM, RC_BAD_JSON; RC_UNKNOWN_400: a type of
 * identifier that this server does not take.
 */
MUST_CHECK enum rc identifier_read(json object, str *ret_user, struct fail *fail);

#endif
