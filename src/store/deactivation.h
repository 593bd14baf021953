/*
 * The end of an account in the store: one transaction that accepts it, and the rows of the rooms to leave.
 *
 * A room row goes pending → left, or to a named terminal state; nothing is dropped silently. The row changes in
 * the same transaction as the leave event.
 */
#ifndef EXEUNT_STORE_DEACTIVATION_H
#define EXEUNT_STORE_DEACTIVATION_H

#include "store/rooms.h"

enum departure_state {
	DEPARTURE_PENDING,
	DEPARTURE_LEFT,          /* our marked leave is on disk */
	DEPARTURE_ALREADY_LEFT,  /* somebody else's leave or kick stands there */
	DEPARTURE_BANNED,
	DEPARTURE_NOT_RESIDENT,  /* this server cannot make a leave there */
	DEPARTURE_REFUSED,       /* the room's rules refuse the leave; reason says which */
};
str departure_state_text(enum departure_state state);

struct deactivation {
	int64_t job;             /* nid, in order of acceptance */
	int64_t user;
	int64_t generation;
	int64_t accepted_ms, finished_ms; /* wall; finished 0: not yet */
	bool erase;
	str user_id, actor;      /* who asked: a user id, or "cli" */
	int64_t total, left, pending, retrying, terminal; /* rooms; retrying is part of pending */
};

/*
 * All of it or nothing: flag and generation, password, devices, access and refresh tokens, pushers, third-party ids,
 * account data, filters, sessions of authentication, key backups, delayed events (and the profile, if erase), the job, one row
 * a room that the user is joined to,
 * invited to or knocking on. `*ret_new` is false when the account was deactivated before (then only `erase` may be upgraded).
 * RC_NOT_FOUND: no such account.
 */
MUST_CHECK enum rc deactivation_accept(struct txn_rw *txn, int64_t user, bool erase, str actor, int64_t now_ms,
                                       int64_t *ret_job, bool *ret_new);

struct departure {
	int64_t job, user, generation, room;
	str user_id, room_id;
	enum departure_state state;
	int64_t attempts;
	int64_t next_try_ms;     /* wall; 0: now */
	str reason;              /* of the last failure or the terminal state */
};

/* Pending rows that are due, round-robin over the jobs (fair), at most `max`; next_due_ms: when the earliest of the others is, or 0. */
MUST_CHECK enum rc departures_due(struct txn_ro *txn, struct arena *arena, int64_t now_ms, size_t max,
                                  struct departure **ret_departures, size_t *ret_count, int64_t *ret_next_due_ms);
/* In the transaction of the leave, or alone for terminal states. Finishes the job with its last row. RC_CONFLICT: no longer pending. */
MUST_CHECK enum rc departure_end(struct txn_rw *txn, int64_t job, int64_t room, enum departure_state state, str reason,
                                 str event_id, int64_t now_ms);
MUST_CHECK enum rc departure_retry(struct txn_rw *txn, int64_t job, int64_t room, str reason, int64_t next_try_ms);

MUST_CHECK enum rc deactivation_by_user(struct txn_ro *txn, struct arena *arena, int64_t user,
                                        struct deactivation *ret_deactivation);
typedef enum rc deactivation_fn(void *self, const struct deactivation *deactivation);
MUST_CHECK enum rc deactivation_each(struct txn_ro *txn, struct arena *scratch, deactivation_fn *fn, void *self);
typedef enum rc departure_fn(void *self, const struct departure *departure);
MUST_CHECK enum rc departures_of(struct txn_ro *txn, struct arena *scratch, int64_t job, departure_fn *fn, void *self);

#endif
