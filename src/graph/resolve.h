/*
 * State resolution: Room Versions, "State resolution" of v1 (v1), v2 (v2 to v11) and v12 (v2.1).
 *
 * The resolution knows events by numbers of the caller's (int64_t > 0, one for each event, compared for equality
 * only: the outcome follows from the events, never from their numbers or the order in which they are given). It is
 * given what differs between the states, and asks a source for the rest in batches, so that a store, a peer's answer
 * or a test can serve it. Nothing here recurses over links of events; memory is that of the arena, and grows with the
 * conflict and with what the source answers, not with the room. Pure: any thread; one arena, one thread.
 */
#ifndef EXEUNT_GRAPH_RESOLVE_H
#define EXEUNT_GRAPH_RESOLVE_H

#include "graph/auth.h"

/* An event of the room and its place in the graph of auth events. */
struct resolve_event {
	int64_t number;
	const struct event *event;
	bool rejected;              /* by the checks on receipt of a PDU */
	const int64_t *auth;        /* numbers of its auth events; unknown ones are left out */
	size_t auth_count;
};

struct int64_list {
	int64_t *values;
	size_t count;
};

/* All verbs may fail; their rc ends the resolution. What they return lives as long as the arena. */
struct resolve_source {
	void *self;

	/* Events by number, in a batch; an entry that is not known becomes NULL, and the resolution goes on without it. */
	enum rc (*events)(void *self, struct arena *arena, const int64_t *numbers, size_t count,
	                  const struct resolve_event **ret_events);

	/* The event on which all states agree at (type, state_key); 0 when there is none, or they do not agree. */
	enum rc (*unconflicted)(void *self, str type, str state_key, int64_t *ret_number);

	/*
	 * v2, v2.1: the auth difference of the states as a set, in any order. The full auth chain of a state holds
	 * its own events too (a state event that another state's chain holds is no difference).
	 */
	enum rc (*auth_difference)(void *self, struct arena *arena, struct int64_list *ret_numbers);

	/*
	 * v2, v2.1: `ret_contains[i]`: candidates[i] is in the auth chain of `from` (never `from` itself).
	 * NULL: the resolution walks auth events with `events`.
	 */
	enum rc (*chain_contains)(void *self, int64_t from, const int64_t *candidates, size_t count, bool *ret_contains);
};

/* A place at which the states differ: `events[i]` stands there in state i, 0: nothing does. */
struct resolve_conflict {
	str type, state_key;
	const int64_t *events;      /* `state_count` entries */
};

struct resolve_input {
	const struct room_version *version;
	size_t state_count;         /* at least 2 */
	const struct resolve_conflict *conflicts;
	size_t conflict_count;
};

/* What stands at a place in the resolved state; `number` 0: nothing. */
struct resolve_entry {
	str type, state_key;
	int64_t number;
};

struct resolve_output {
	struct resolve_entry *entries; /* every place of a conflict, and places that the auth difference brought in */
	size_t count;
};

/*
 * Resolves. RC_BUDGET or RC_NOMEM when the arena gives no more; else the source's failures only: no event,
 * however malformed, makes it fail.
 */
MUST_CHECK enum rc resolve_state(struct arena *arena, const struct resolve_input *input,
                                 const struct resolve_source *source, struct resolve_output *ret_output);

/*
 * The walk of auth events over `source->events`, for callers without an index: the auth difference of
 * states given whole. `states[i]` holds the numbers of state i.
 */
MUST_CHECK enum rc auth_walk_difference(struct arena *arena, const struct resolve_source *source,
                                        const struct int64_list *states, size_t state_count,
                                        struct int64_list *ret_numbers);

#endif
