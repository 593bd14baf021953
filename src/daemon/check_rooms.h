/* exeunt check --rooms: asks for the rooms slice by slice, and shows how far it is. Main thread. */
#ifndef EXEUNT_DAEMON_CHECK_ROOMS_H
#define EXEUNT_DAEMON_CHECK_ROOMS_H

#include "daemon/request.h"

/*
 * Prints each finding on a line; with `as_json` the member "rooms" of an object that is open. `*ret_count`: findings.
 * On a terminal, standard error tells the progress.
 */
MUST_CHECK enum rc check_rooms(struct command_call *call, bool as_json, int64_t *ret_count, struct fail *fail);

#endif
