/*
 * Resolving states of the store: what the states differ in is found by walking their trees together, the rest of the
 * room is not looked at. Any thread with a reading transaction.
 */
#ifndef EXEUNT_CORE_ROOM_RESOLUTION_INT_H
#define EXEUNT_CORE_ROOM_RESOLUTION_INT_H

#include "graph/resolve.h"
#include "store/rooms.h"

/* An event that is not stored yet and stands in a state as EVENT_ITSELF. */
struct pending_event {
	const struct event *event;
	const int64_t *auth;       /* nids of its auth events */
	size_t auth_count;
};

/*
 * The resolution of `count` states (one at least), as changes of the first one's base; texts live in `arena`. `pending`
 * may be NULL when no state has it. A single state, or equal ones, are their own resolution.
 */
MUST_CHECK enum rc states_resolve(struct txn_ro *txn, struct arena *arena, const struct room_version *version,
                                  const struct snapshot_edit *states, size_t count,
                                  const struct pending_event *pending, struct snapshot_edit *ret_state);

/* The nid of what stands at (type, state_key) in an edited snapshot; 0: nothing. May be EVENT_ITSELF. */
MUST_CHECK enum rc state_at(struct txn_ro *txn, const struct snapshot_edit *state, str type, str state_key,
                            int64_t *ret_event);

/* nids of events by their ids, 0 for those that are not stored. */
MUST_CHECK enum rc events_known(struct txn_ro *txn, struct arena *arena, const str *ids, size_t count,
                                int64_t **ret_events);

#endif
