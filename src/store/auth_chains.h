/*
 * The index of auth chains: which event is in the auth chain of which, without walking the chains.
 *
 * A chain cover. Every state event of a type that can authorise others (create, power levels, join rules, member,
 * third-party invite) stands in a chain at a sequence number; it reaches all earlier events of its chain. A chain goes
 * on where an event cites the newest of the chain of its own (type, state key), else a new one begins; its number is
 * the nid of its first event. Auth events in other chains become links, but for those to which another auth event leads
 * anyway. So the index has one row for each such event and at most one for each of its auth events, mostly none:
 * near-linear in events. Other state events have links only, since nothing cites them, and messages nothing at all.
 *
 * What an event reaches is a walk over chains (each link followed once), not over events. What the states agree on is
 * found from the other end: from a chain up through the links into it, newest first, to an event that stands in
 * the state; that is mostly the first one, and what was found of a chain holds for all later questions.
 *
 * An event that cites such of another room, or of a type that authorises nothing, is refused; the index leaves
 * those citations out.
 */
#ifndef EXEUNT_STORE_AUTH_CHAINS_H
#define EXEUNT_STORE_AUTH_CHAINS_H

#include "store/snapshot.h"

/* Which events stand in the states of a resolution, where these differ; `states[i]` are the nids of state i. */
struct auth_states {
	int64_t **states;
	const size_t *counts;
	size_t count;
	/* Any snapshot of them: tells what the states agree on at places that differ in none. */
	int64_t snapshot;
};

/*
 * The auth difference (Room Versions, v2, "Definitions") of the states: what is in the full auth chain of some,
 * not of all; a state's own events count as in its chain. Costs the chains that the differing events reach.
 */
MUST_CHECK enum rc auth_difference(struct txn_ro *txn, struct arena *arena, const struct auth_states *states,
                                   int64_t **ret_events, size_t *ret_count);

/* `ret_contains[i]`: candidates[i] is in the auth chain of `event` (never `event` itself). */
MUST_CHECK enum rc auth_chain_contains(struct txn_ro *txn, int64_t event, const int64_t *candidates, size_t count,
                                       bool *ret_contains);

/* The whole auth chains of these events, themselves left out; at most `max`, else RC_TOO_LARGE. For /event_auth and checks. */
MUST_CHECK enum rc auth_chain(struct txn_ro *txn, struct arena *arena, const int64_t *events, size_t count, size_t max,
                              int64_t **ret_events, size_t *ret_count);

#endif
