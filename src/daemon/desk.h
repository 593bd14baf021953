/*
 * Where a subcommand takes its requests: to the running server through the control socket or, when
 * none runs, to a house that it opens itself. The verbs and their answers are the same. Main
 * thread.
 */
#ifndef EXEUNT_DAEMON_DESK_H
#define EXEUNT_DAEMON_DESK_H

#include "codec/json.h"
#include "daemon/house.h"

struct desk {
	const struct settings *settings;
	bool beside_server;
	struct house house; /* open unless beside_server */
};

/* False: there is certainly no database yet where the settings say. */
bool desk_has_data(const struct settings *settings);

/*
 * RC_NOT_FOUND: there is no data yet, unless `may_create`. RC_BUSY: a server has the directory but
 * does not answer. Waits a little for a server that is just starting or stopping. On failure
 * nothing is open.
 */
MUST_CHECK enum rc desk_open(struct arena *arena, const struct settings *settings, bool may_create,
                             struct desk *ret_desk, struct fail *fail);
void desk_close(struct desk *desk);

/*
 * `request` is a JSON object on one line. The result lives in `arena`; a failure of the verb is the
 * rc with its sentence.
 */
MUST_CHECK enum rc desk_ask(struct desk *desk, struct arena *arena, str request, json *ret_result,
                            struct fail *fail);

#endif
