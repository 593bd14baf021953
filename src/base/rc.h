/*
 * Outcomes and the failure that travels with a request.
 *
 * A function that can fail returns `enum rc` (must be checked). Verdicts on events (rejected,
 * soft-failed) are not errors and have types of their own.
 */
#ifndef EXEUNT_BASE_RC_H
#define EXEUNT_BASE_RC_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum rc {
#define RC(name, errcode, status, sentence) RC_##name,
#include "base/rc.def"
#undef RC
	RC_COUNT
};

const char *rc_name(enum rc rc);      /* "NOT_FOUND" */
const char *rc_errcode(enum rc rc);   /* "M_NOT_FOUND"; "" for RC_OK */
int rc_status(enum rc rc);            /* 404 */
const char *rc_sentence(enum rc rc);  /* the default sentence for people */

enum { FAIL_MESSAGE_MAX = 256 };

/*
 * What a failing call tells beside its rc. Owned by the request (or by the caller's stack); zero
 * means nothing to tell. Whoever sets it returns the same rc.
 */
struct fail {
	enum rc rc;
	int64_t retry_after_ms;         /* set with RC_LIMIT_EXCEEDED and RC_BUSY; 0: not given */
	bool
	    soft_logout; /* set with RC_UNKNOWN_TOKEN when a refresh would help, and with RC_USER_LOCKED */
	int64_t current_version;        /* set with RC_WRONG_ROOM_KEYS_VERSION */
	char message[FAIL_MESSAGE_MAX]; /* NUL-terminated UTF-8 sentence; empty: the default one */
};

/* Formats the sentence and returns `rc`. `fail` may be NULL: then only the rc is kept. */
enum rc fail_set(struct fail *fail, enum rc rc, const char *format, ...) PRINTF(3, 4);

/* The sentence to show: the one that was set, or the default of its row. */
const char *fail_message(const struct fail *fail);

#endif
