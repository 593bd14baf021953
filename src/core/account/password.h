/* What may be a password. Any thread. */
#ifndef EXEUNT_CORE_ACCOUNT_PASSWORD_H
#define EXEUNT_CORE_ACCOUNT_PASSWORD_H

#include "base/rc.h"
#include "base/str.h"

enum { PASSWORD_MAX_BYTES = 512 };

/* RC_WEAK_PASSWORD (empty), RC_INVALID_PARAM (longer than PASSWORD_MAX_BYTES); `name` is the field that the sentence names. */
MUST_CHECK enum rc password_check(str password, const char *name, struct fail *fail);

#endif
