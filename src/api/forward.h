/*
 * Requests that change a room are run by the process that writes to it (core/cluster): any other process passes them on
 * as they came, over its link (net/link.h), and passes the answer back. When that process ends meanwhile, the request is
 * passed to its successor: these requests may be repeated, as clients repeat them.
 */
#ifndef EXEUNT_API_FORWARD_H
#define EXEUNT_API_FORWARD_H

#include "api/exchange_int.h"

/*
 * Before the handler. `*ret_forwarded`: the request is somebody else's, and is held, parked, or was answered; else the
 * handler is to run here.
 */
MUST_CHECK enum rc forward_try(struct exchange *x, bool *ret_forwarded);
/* A request that was forwarded runs again: its call has ended without an answer, or a pause is over. */
MUST_CHECK enum rc forward_continue(struct exchange *x, bool *ret_forwarded);

#endif
