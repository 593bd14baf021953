/*
 * A room's events in memory for the tests of state resolution: by name, without signatures, cited and forked as a test
 * likes. Resolving presents them as a seed shuffles them; the outcome must not follow from that.
 */
#ifndef EXEUNT_TESTS_UNIT_GRAPH_DAG_H
#define EXEUNT_TESTS_UNIT_GRAPH_DAG_H

#include "base/map.h"
#include "graph/resolve.h"

#define DAG_NONE SIZE_MAX

/* NULL: no member of that name, no state key (a message), … as the field says. */
struct dag_event {
	const char *name;       /* its event id is "$" and this */
	const char *type, *key; /* `key` NULL: no state event */
	const char *sender, *content;
	const char *auth;       /* names, separated by blanks; unknown ones are missing events */
	int64_t ts, depth;      /* 0: of the order in which they came */
	bool rejected;
	const char *room_id;    /* NULL: the room's */
};

struct dag_place {
	str type, state_key;
	size_t index;
};

struct dag {
	struct arena *arena;
	const struct room_version *version;
	str room_id;
	struct event *events;
	struct resolve_event *links; /* `auth` holds indices and one, whatever the numbers will be */
	struct dag_place **at;       /* of each event */
	size_t count, capacity, missing;
	struct map names;            /* event id → struct resolve_event */
	struct map places;           /* path → struct dag_place */
	struct dag_place **place_list; /* by index */
	size_t place_capacity;
};

void dag_init(struct dag *dag, struct arena *arena, const char *version);
void dag_release(struct dag *dag);
/* Adds an event; its index. `auth` of the draft is not looked at when indices are given. */
size_t dag_add(struct dag *dag, const struct dag_event *draft);
size_t dag_add_citing(struct dag *dag, const struct dag_event *draft, const size_t *auth, size_t auth_count);
/* An event made elsewhere; what it points to must live as long as the room. */
size_t dag_put(struct dag *dag, const struct event *event, bool rejected, const size_t *auth, size_t auth_count);
/* Lets an event cite another one besides, older or younger: cycles are made so. */
void dag_cite(struct dag *dag, size_t index, size_t cited);
size_t dag_index(const struct dag *dag, const char *name); /* DAG_NONE: there is none */

/* A state: what stands at each place; DAG_NONE: nothing. As many entries as the room has places. */
struct dag_state {
	size_t *at;
	size_t count;
};

/* Of names, separated by blanks; a later one replaces an earlier one at its place. */
struct dag_state dag_state(struct dag *dag, const char *names);
struct dag_state dag_state_empty(struct dag *dag);
void dag_state_put(struct dag_state *state, const struct dag *dag, size_t index);

/* How a resolution is presented. */
struct dag_way {
	uint64_t seed;          /* of numbers and orders; 0: as they came */
	bool has_index;         /* the source answers chain_contains, and has the auth difference ready */
	size_t budget_bytes;    /* of the resolution's arena; 0: no limit */
};

/* What a resolution asked for. */
struct dag_cost {
	size_t events, batches, lookups, chains;
	size_t used_bytes;      /* of the resolution's arena */
	int64_t ns;             /* of resolve_state() alone */
	int64_t compared_ns;    /* of finding the conflicts, entry by entry: a store with shared snapshots has less to do */
};

/* The resolved state, whole; the rc of resolve_state() when it fails. `cost` may be NULL. */
enum rc dag_resolve(struct dag *dag, const struct dag_state *states, size_t count, struct dag_way way,
                    struct dag_state *ret_state, struct dag_cost *cost);
/* The auth difference by auth_walk_difference(); `*ret_in` has a flag for each event. */
enum rc dag_difference(struct dag *dag, const struct dag_state *states, size_t count, uint64_t seed, bool **ret_in);

/* A generator of numbers that are the same for a seed everywhere (splitmix64). */
uint64_t dag_random(uint64_t *seed);

#endif
