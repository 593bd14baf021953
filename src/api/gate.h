/*
 * What may be done by accounts that may not do everything: guests (Client-Server API, "Guest Access"), suspended and
 * locked ones ("Account moderation"). Any thread.
 */
#ifndef EXEUNT_API_GATE_H
#define EXEUNT_API_GATE_H

#include "api/endpoints.h"

/*
 * Whether the account of `session` may make this request. RC_USER_LOCKED (with soft_logout), RC_USER_SUSPENDED,
 * RC_GUEST_ACCESS_FORBIDDEN.
 */
MUST_CHECK enum rc account_gate(
    const struct api_request *rq, const struct session *session, struct fail *fail);

#endif
