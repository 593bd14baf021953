/* Inside graph: what the files of state resolution share. The terms are those of Room Versions, v2, "Definitions". */
#ifndef EXEUNT_GRAPH_RESOLVE_INT_H
#define EXEUNT_GRAPH_RESOLVE_INT_H

#include "graph/resolve.h"

struct node;

/* A node that cites another one. */
struct citing {
	struct node *node;
	struct citing *next;
};

/* An event, by its number: one for each that the resolution met. */
struct node {
	int64_t number;
	const struct event *event;    /* NULL: not asked for yet, not known, or no state event */
	bool asked;
	bool rejected;
	bool in_conflict;             /* in the conflicted state set */
	bool in_difference;           /* in the auth difference */
	bool is_full;                 /* in the full conflicted set */
	bool is_power;                /* chosen in step 1: a power event, or in the auth chain of one */
	bool on_path;                 /* met outside of the set, and leads to an event of it */
	struct node **auth;           /* its auth events, known or not; set with `event` */
	size_t auth_count;
	unsigned walk;                /* the last walk that met it */
	/* For an ordering. */
	struct citing *cited_by;      /* within what is ordered */
	size_t waiting;               /* auth events that must come first */
	int64_t power;                /* of the sender */
	size_t position;              /* on the mainline, or by it; POSITION_UNKNOWN while not computed */
	const unsigned char *sha1;    /* v1: of the event id */
	/* auth_walk_difference() */
	uint64_t states;              /* a bit for each state in whose chain it is */
	bool is_queued;
};

#define POSITION_UNKNOWN 0
#define POSITION_INFINITE SIZE_MAX

struct node_list {
	struct node **at;
	size_t count, capacity;
};

/* The nodes of one resolution. */
struct auth_graph {
	struct arena *arena;
	const struct resolve_source *source;
	struct node **slots;          /* open addressing by number */
	size_t capacity, count;
	unsigned walks;
};

MUST_CHECK enum rc node_list_add(struct arena *arena, struct node_list *list, struct node *node);

/* auth_graph.c */
void auth_graph_init(struct auth_graph *graph, struct arena *arena, const struct resolve_source *source);
/* The node of a number above 0; made when it is new. */
MUST_CHECK enum rc auth_graph_node(struct auth_graph *graph, int64_t number, struct node **ret_node);
/* Asks the source, in one batch, for those that were not asked for yet; and for all their auth events. */
MUST_CHECK enum rc auth_graph_load(struct auth_graph *graph, const struct node_list *nodes);
MUST_CHECK enum rc auth_graph_load_auth(struct auth_graph *graph, const struct node_list *nodes);
/*
 * The event of its room that `node` cites for (type, state_key), of several the smallest id; NULL: none. Its auth events
 * are loaded.
 */
struct node *node_auth_at(const struct node *node, str type, str state_key);

/* auth_walk.c */
/*
 * All that is reached from `roots`, these included; loaded. Outside of the full conflicted set it goes only when there
 * are targets, and there at least as far as these can be reached.
 */
MUST_CHECK enum rc auth_walk_reach(struct auth_graph *graph, const struct node_list *roots,
                                   const struct node_list *targets, struct node_list *ret_reached);
/* Sets on_path in those of `reached` that are outside of the full conflicted set and lead to an event of it. */
MUST_CHECK enum rc auth_walk_mark_paths(struct auth_graph *graph, const struct node_list *reached);

/* A (type, state_key), and what stands there. */
struct place {
	str type, state_key;
	bool is_conflict;
	bool agreed_asked;            /* the source was asked for `agreed` */
	bool is_agreed;               /* something stands there in the unconflicted state map, known or not */
	struct node *agreed;          /* that, when it is known */
	struct node *current;         /* in the state as far as it is resolved */
	struct node *chosen;          /* v1: what its pass will set */
	struct place *child[2];
	int height;
};

/* Places, in a tree of logarithmic height whatever the keys are: peers choose them. */
struct places {
	struct arena *arena;
	struct place *root;
	size_t count;
};

/* The place, made when it is new; NULL when the arena failed. The texts are borrowed. */
struct place *places_at(struct places *places, str type, str state_key);
/* All places in order. */
MUST_CHECK enum rc places_list(const struct places *places, struct place ***ret_places);

struct resolver {
	struct arena *arena;
	const struct resolve_input *input;
	struct auth_graph graph;
	struct places places;
	struct node_list conflicted;  /* the conflicted state set, each event once */
	struct node_list creates;     /* v2: those of it that would be the room's create event */
	enum rc rc;                   /* the first failure behind auth_check(), which knows none */
};

/* What of the unconflicted state map stands at a place; NULL: nothing, or nothing that is known. */
MUST_CHECK enum rc resolver_agreed(struct resolver *r, struct place *place, struct node **ret_node);

/* One of two by a rule: negative, zero or positive as a comes before, with or after b. */
typedef int (*node_order)(const struct node *a, const struct node *b);

/* resolve_order.c */
/* Sorts in place, n log n. */
MUST_CHECK enum rc node_list_sort(struct arena *arena, struct node_list *list, node_order order);
struct node_heap {
	struct node_list list;
	node_order order;
};
MUST_CHECK enum rc node_heap_push(struct arena *arena, struct node_heap *heap, struct node *node);
struct node *node_heap_pop(struct node_heap *heap); /* the first; NULL: empty */
/* `auth` must come before `node` when they are ordered. */
MUST_CHECK enum rc node_wait(struct arena *arena, struct node *node, struct node *auth);
/*
 * The reverse topological power ordering of `nodes`, by `power` and what node_wait() said. Nodes with on_path are no part
 * of the outcome, but what they connect keeps its order. Nodes on a cycle, and what waits for them, do not come out.
 */
MUST_CHECK enum rc order_by_power(struct arena *arena, const struct node_list *nodes, struct node_list *ret_sorted);
/* Sorts by the mainline ordering based on `power_levels`, which may be NULL. */
MUST_CHECK enum rc order_by_mainline(struct auth_graph *graph, struct node *power_levels, struct node_list *nodes);

MUST_CHECK enum rc resolve_v1(struct resolver *r);
MUST_CHECK enum rc resolve_v2(struct resolver *r);

#endif
