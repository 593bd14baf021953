/*
 * `exeunt serve`: starts the house and the HTTP server, waits for a signal, stops cleanly. Main
 * thread.
 */
#ifndef EXEUNT_DAEMON_SERVE_H
#define EXEUNT_DAEMON_SERVE_H

#include "daemon/settings.h"

/* Returns the exit status of the process; says on standard error why it is not 0. */
MUST_CHECK int serve(const struct settings *settings);

#endif
