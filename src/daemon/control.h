/*
 * The control socket: DATA/control.sock, owner only. Subcommands speak through it with a running server, one
 * JSON object a line each way; without a server they open the house themselves and run the same verbs.
 *
 * Request: {"verb": "user.add", …}. Answer: {"ok": true, …} or {"ok": false, "errcode": …, "error": …}.
 */
#ifndef EXEUNT_DAEMON_CONTROL_H
#define EXEUNT_DAEMON_CONTROL_H

#include "codec/json.h"
#include "daemon/house.h"

struct control;

/* One thread that serves the socket, one connection at a time. */
MUST_CHECK enum rc control_start(struct house *house, struct control **ret_control, struct fail *fail);
void control_stop(struct control *control); /* removes the socket; accepts NULL */

/* Runs one verb in this process: appends the members of the answer (without ok) to `out`. The rows stand in control_verbs.c. */
MUST_CHECK enum rc control_run(struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail);

/*
 * Asks the server that runs on `directory`. RC_NOT_FOUND: none runs there. The answer lives in `arena`.
 */
MUST_CHECK enum rc control_ask(struct arena *arena, str directory, str request, json *ret_answer, struct fail *fail);

#endif
