/*
 * The control socket: DATA/control.sock, owner only. Subcommands speak through it with a running
 * server; without a server they open the house themselves and run the same verbs (desk.h chooses).
 *
 * One connection is one request and its answer, each a JSON object on one line. Request: {"verb":
 * "user.add", …}; the verbs stand in verbs.h. Answer: {"ok": true, "result": {…}} or {"ok": false,
 * "code": …, "errcode": …, "error": …}.
 */
#ifndef EXEUNT_DAEMON_CONTROL_H
#define EXEUNT_DAEMON_CONTROL_H

#include "codec/json.h"
#include "daemon/house.h"

struct control;

/*
 * One thread that serves the socket, one connection at a time. Replaces the socket of a dead
 * server: the house is open, so the directory lock is ours.
 */
MUST_CHECK enum rc control_start(struct house *house, struct control **ret_control, struct fail *fail);
void control_stop(struct control *control); /* removes the socket; accepts NULL */

/* Runs one verb in this process: appends its result, an object, to `out`. Any thread. */
MUST_CHECK enum rc control_run(
    struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail);

/*
 * Asks the server that runs on `directory`; `request` is one line. RC_NOT_FOUND: none runs there;
 * RC_FORBIDDEN: it is somebody else's; RC_BUSY: it did not answer in time; RC_CANCELLED: it ended
 * before it answered. The answer lives in `arena`.
 */
MUST_CHECK enum rc control_ask(
    struct arena *arena, str directory, str request, json *ret_answer, struct fail *fail);

#endif
