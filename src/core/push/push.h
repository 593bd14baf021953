/*
 * Push rules of accounts and what follows from them: Client-Server API, "Push Notifications", "Receiving notifications".
 *
 * Nothing is done for any member when an event is sent. What is unread is derived when it is asked for: the events after the
 * user's receipts, judged by the user's rules, on from where the last asking came to. Events are parsed once for all members.
 *
 * Any lane thread. Verbs that change rules wait for the commit; waking the user's syncs is the caller's.
 */
#ifndef EXEUNT_CORE_PUSH_PUSH_H
#define EXEUNT_CORE_PUSH_PUSH_H

#include "core/room/reading.h"
#include "matrix/push_rules.h"
#include "store/accounts.h"
#include "store/rooms.h"

struct push;

struct push_config {
	struct store *store;
};

MUST_CHECK enum rc push_new(const struct push_config *config, struct push **ret_push);
void push_free(struct push *push); /* accepts NULL */

/* ---- rules ---- */

MUST_CHECK enum rc push_rules_of(struct push *push, struct arena *arena,
    const struct session *session, struct push_rules *ret_rules);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc push_rule_of(struct push *push, struct arena *arena,
    const struct session *session, enum push_kind kind, str rule_id, struct push_rule *ret_rule,
    struct fail *fail);

enum push_edit_verb { PUSH_SET, PUSH_REMOVE, PUSH_SET_ACTIONS, PUSH_SET_ENABLED };

/* One change of an account's rules: see the verbs of matrix/push_rules.h. */
struct push_edit {
	const struct session *session;
	enum push_edit_verb verb;
	struct push_rule_wish
	    wish; /* its kind and rule_id name the rule; its actions are those of PUSH_SET_ACTIONS too */
	bool enabled; /* of PUSH_SET_ENABLED */
};
/* As matrix/push_rules.h says; RC_TOO_LARGE also when all rules together are too long. Nothing is written for a change of nothing. */
MUST_CHECK enum rc push_rules_edit(
    struct push *push, const struct push_edit *edit, struct fail *fail);

/* ---- what is unread ---- */

/*
 * What counts of a room: events after the user joined it, by others whom the user does not ignore, not redacted, for which
 * the user's rules as they are now say "notify", and that no receipt of the user covers: m.read and m.read.private, unthreaded
 * ones for the whole room, others for their thread. Rules are asked with the number of members and the display name that
 * there are when an event is first looked at.
 *
 * For somebody who was away for long: of an unread history the newest PUSH_SCAN_MAX events are looked at, and of those that
 * notify the newest PUSH_UNREAD_MAX are counted, highlights being kept before others. So counts end at PUSH_UNREAD_MAX.
 */
enum {
	PUSH_SCAN_MAX = 2000,
	PUSH_UNREAD_MAX = 1000,
};

struct push_counts {
	int64_t notifications, highlights;
};
struct push_thread_counts {
	str root; /* event id */
	struct push_counts counts;
};
struct push_unread {
	struct push_counts all, main;       /* main: of the main timeline only */
	struct push_thread_counts *threads; /* those with any */
	size_t thread_count;
	int64_t
	    moved_pos; /* position of the last change of rules, or of ignored users, that changed
	                                          these counts (or may have); 0: none */
};

/* Asking for some rooms of one user, as one transaction sees them. */
struct push_run;
/* `txn`, `session` and `arena` must live until the end of the run. */
MUST_CHECK enum rc push_run_begin(struct push *push, struct txn_ro *txn, struct arena *arena,
    const struct session *session, struct push_run **ret_run);
/* Stores checkpoints where it is worth while, without waiting. For CLEANUP; accepts NULL inside. */
void push_run_end(struct push_run **run);
/* Position of the newest change of the user's rules and ignored users; 0: none ever. */
int64_t push_run_version(const struct push_run *run);
/* Of a room that the user is joined to. The result lives in `arena`. */
MUST_CHECK enum rc push_room_unread(struct push_run *run, struct arena *arena,
    const struct room_view *view, struct push_unread *ret_unread);

/* ---- threads ---- */

/*
 * The root of the thread that an event is in: what it, or a parent of it within three hops, is a child of by m.thread.
 * Empty: none, the event is in the main timeline, as are the roots of threads.
 */
MUST_CHECK enum rc push_thread_of(
    struct txn_ro *txn, struct arena *arena, const struct event_row *event, str *ret_root);
/* Whether a receipt of `thread_id` ("main" or an event id) may name the event: also the root itself, and what relates to it. */
MUST_CHECK enum rc push_is_in_thread(struct txn_ro *txn, struct arena *arena,
    const struct event_row *event, str thread_id, bool *ret_is_in);

#endif
