/*
 * Push rules of accounts and what follows from them: Client-Server API, "Push Notifications".
 *
 * Any lane thread. Verbs that change rules wait for the commit; waking the user's syncs is the caller's.
 */
#ifndef EXEUNT_CORE_PUSH_PUSH_H
#define EXEUNT_CORE_PUSH_PUSH_H

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
