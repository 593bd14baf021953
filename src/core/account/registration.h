/* What a client may ask about registration beside registering: Client-Server API, "Token-authenticated registration". */
#ifndef EXEUNT_CORE_ACCOUNT_REGISTRATION_H
#define EXEUNT_CORE_ACCOUNT_REGISTRATION_H

#include "core/account/accounts.h"

enum registration_mode accounts_registration_mode(const struct accounts *accounts);

/* Whether the token would complete its stage now. Any lane thread. */
MUST_CHECK enum rc accounts_registration_token_valid(
    struct accounts *accounts, str token, bool *ret_valid);

#endif
