/*
 * A link that calls itself: one process that passes requests on to its own HTTP server (net/rig.h), over a real
 * connection. Processes: 1 is alive, others as the test says.
 */
#ifndef EXEUNT_TESTS_UNIT_NET_LINK_RIG_H
#define EXEUNT_TESTS_UNIT_NET_LINK_RIG_H

#include "net/rig.h"

#include "net/link.h"

#define LINK_RIG_SECRET STR("0123456789012345678901234567890123456789")

enum { LINK_RIG_PATIENCE_MS = 20 * 1000 };

struct link_rig {
	struct rig rig;
	struct link *link;
	bool is_ended; /* the processes that are called; atomic */
};

/* One call. */
struct trial {
	struct link_call call;
	struct link_rig *rig;
	struct arena arena;
	char address[64];
	enum rc rc;     /* guarded by the rig's mu */
	unsigned dones; /* guarded by the rig's mu */
};

void link_rig_start(struct link_rig *rig);
void link_rig_stop(struct link_rig *rig); /* in the order of a process that stops */

void trial_init(struct trial *trial, struct link_rig *rig, const char *path, str body);
void trial_call_port(struct trial *trial, unsigned port); /* another than that of the rig */
void trial_submit(struct trial *trial);
void trial_await(struct trial *trial, enum rc expected);
void trial_run(struct trial *trial, int status, str answer); /* submitted, and answered so; the trial is released */
void trial_fail(struct trial *trial, enum rc expected);      /* the same without an answer */
void trial_release(struct trial *trial);

#endif
