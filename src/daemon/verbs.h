/*
 * The verbs of the control socket, one function each: reads its members from the request, does the
 * work through `core`, and appends the members of its answer. Private to control_verbs.c and
 * verbs_*.c. Control thread, or the main thread of a subcommand that works without a server.
 */
#ifndef EXEUNT_DAEMON_VERBS_H
#define EXEUNT_DAEMON_VERBS_H

#include "daemon/house.h"

/* What one verb works with. */
struct verb_call {
	struct house *house;
	struct arena *arena; /* of the request */
	json request;
	struct buf *out;     /* members of the answer */
	struct fail *fail;
};

enum {
	VERB_PAGE_MAX = 5000,        /* elements in one answer of a list; `more` tells that others follow */
	VERB_SCRATCH_BYTES = 1 << 20 /* what the walk over a table needs for one row */
};

typedef enum rc verb_fn(struct verb_call *call);

verb_fn verb_server;             /* {} → version, server_name */
verb_fn verb_user_add;           /* name, password, admin → user_id */
verb_fn verb_user_list;          /* after? → users, more */
verb_fn verb_user_reset_password; /* name, password → user_id */
verb_fn verb_user_set_admin;     /* name, admin → user_id, admin */
verb_fn verb_user_deactivate;    /* name, erase → the members of one deactivation */
verb_fn verb_deactivation_list;  /* after? (job) → deactivations, more */
verb_fn verb_deactivation_show;  /* name, rooms → the members of one deactivation, rooms, rooms_omitted */
verb_fn verb_check;              /* {} → findings */
/* room, stage, after: where the last answer ended → the same, more, rooms, events, signatures_unchecked, count, findings */
verb_fn verb_check_rooms;

/* The text at `name`: RC_MISSING_PARAM when it is absent or empty. */
MUST_CHECK enum rc verb_text(struct verb_call *call, const char *name, str *ret_text);
bool verb_flag(const struct verb_call *call, const char *name); /* false when absent */

void put_text_member(struct buf *out, const char *name, str value);
void put_integer_member(struct buf *out, const char *name, int64_t value);
void put_bool_member(struct buf *out, const char *name, bool value);

#endif
