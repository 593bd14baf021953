/*
 * What users report to the administrators: rooms, events, users. Reports name by text what they are about, so that they
 * outlive it. They stay until somebody has dealt with them, also when the account of who made them ends.
 */
#ifndef EXEUNT_STORE_REPORTS_H
#define EXEUNT_STORE_REPORTS_H

#include "store/store.h"

enum report_kind {
	REPORT_ROOM,
	REPORT_EVENT,
	REPORT_USER
}; /* their numbers stand in the database */

struct report {
	int64_t report; /* nid, in order of arrival; not read by report_add() */
	enum report_kind kind;
	int64_t reporter; /* user nid */
	str reporter_id;  /* not read by report_add() */
	str room_id;      /* of a room or an event; else empty */
	str event_id;     /* of an event; else empty */
	str user_id;      /* who is reported, or who sent the event; else empty */
	str reason;       /* may be empty */
	int64_t ts_ms;
};

/* Replaces what the same user said of the same thing. RC_LIMIT_EXCEEDED: there are `max` others by this user. */
MUST_CHECK enum rc report_add(
    struct txn_rw *txn, const struct report *report, int64_t max, int64_t *ret_report);
/* In order of arrival, from behind `after` on, at most `limit`. */
MUST_CHECK enum rc reports_list(struct txn_ro *txn, struct arena *arena, int64_t after,
    size_t limit, struct report **ret_reports, size_t *ret_count);
/* Dealt with. RC_NOT_FOUND. */
MUST_CHECK enum rc report_remove(struct txn_rw *txn, int64_t report);

#endif
