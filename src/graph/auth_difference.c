/*
 * The auth difference of whole states, by a walk of all their auth chains. Which states reach an event is told by a
 * bit for each, so many states at a time as a word has bits. The bits flow along the links in topological
 * order: each event passes them on once, but for events on cycles, which do so at most once for each bit.
 */
#include "graph/resolve_int.h"

enum { STATES_AT_ONCE = 64 };

struct difference {
	struct auth_graph graph;
	struct node_list all;         /* cited after citing, as far as there are no cycles */
	uint64_t full;                /* the bits of the states at hand */
};

/* All nodes of all chains, in any order. */
static enum rc all_find(struct difference *d, const struct int64_list *states, size_t state_count,
                        struct node_list *ret_all)
{
	struct node_list roots = {0}, none = {0};
	for (size_t i = 0; i < state_count; i++)
		for (size_t j = 0; j < states[i].count; j++) {
			struct node *node;
			if (states[i].values[j] <= 0)
				continue;
			TRY(auth_graph_node(&d->graph, states[i].values[j], &node));
			TRY(node_list_add(d->graph.arena, &roots, node));
		}
	return auth_walk_reach(&d->graph, &roots, &none, ret_all);
}

/* Kahn's order, those that cite before those that are cited; what lies on cycles or behind them comes last. */
static enum rc all_order(struct difference *d, const struct node_list *all)
{
	struct arena *arena = d->graph.arena;
	for (size_t i = 0; i < all->count; i++)
		for (size_t j = 0; j < all->at[i]->auth_count; j++)
			all->at[i]->auth[j]->waiting++;
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i]->waiting == 0)
			TRY(node_list_add(arena, &d->all, all->at[i]));
	for (size_t i = 0; i < d->all.count; i++) {
		struct node *node = d->all.at[i];
		node->is_queued = true;
		for (size_t j = 0; j < node->auth_count; j++)
			if (--node->auth[j]->waiting == 0)
				TRY(node_list_add(arena, &d->all, node->auth[j]));
	}
	for (size_t i = 0; i < all->count; i++)
		if (!all->at[i]->is_queued)
			TRY(node_list_add(arena, &d->all, all->at[i]));
	return RC_OK;
}

static enum rc bits_start(struct difference *d, const struct int64_list *states, size_t count)
{
	d->full = count == STATES_AT_ONCE ? UINT64_MAX : (UINT64_C(1) << count) - 1;
	for (size_t i = 0; i < d->all.count; i++)
		d->all.at[i]->states = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < states[i].count; j++) {
			struct node *node;
			if (states[i].values[j] <= 0)
				continue;
			TRY(auth_graph_node(&d->graph, states[i].values[j], &node));
			node->states |= UINT64_C(1) << i;
		}
	return RC_OK;
}

/* A queue that starts with all nodes in order; who gets a new bit after its turn waits for another one. */
static enum rc bits_flow(struct difference *d)
{
	struct node_list again = {0};
	for (size_t i = 0; i < d->all.count; i++)
		d->all.at[i]->is_queued = true;
	for (size_t i = 0; i < d->all.count + again.count; i++) {
		struct node *node = i < d->all.count ? d->all.at[i] : again.at[i - d->all.count];
		node->is_queued = false;
		for (size_t j = 0; j < node->auth_count; j++) {
			struct node *auth = node->auth[j];
			uint64_t states = auth->states | node->states;
			if (states != auth->states && !auth->is_queued) {
				TRY(node_list_add(d->graph.arena, &again, auth));
				auth->is_queued = true;
			}
			auth->states = states;
		}
	}
	return RC_OK;
}

enum rc auth_walk_difference(struct arena *arena, const struct resolve_source *source,
                             const struct int64_list *states, size_t state_count, struct int64_list *ret_numbers)
{
	struct difference d = {.all = {0}};
	struct node_list all, found = {0};
	auth_graph_init(&d.graph, arena, source);
	TRY(all_find(&d, states, state_count, &all));
	TRY(all_order(&d, &all));
	for (size_t first = 0; first < state_count; first += STATES_AT_ONCE) {
		size_t left = state_count - first;
		TRY(bits_start(&d, states + first, left < STATES_AT_ONCE ? left : STATES_AT_ONCE));
		TRY(bits_flow(&d));
		for (size_t i = 0; i < d.all.count; i++)
			d.all.at[i]->in_difference = d.all.at[i]->in_difference || d.all.at[i]->states != d.full;
	}
	for (size_t i = 0; i < d.all.count; i++)
		if (d.all.at[i]->in_difference && d.all.at[i]->event)
			TRY(node_list_add(arena, &found, d.all.at[i]));
	int64_t *numbers = arena_array(arena, int64_t, found.count + 1);
	TRY(arena_status(arena));
	for (size_t i = 0; i < found.count; i++)
		numbers[i] = found.at[i]->number;
	*ret_numbers = (struct int64_list){numbers, found.count};
	return RC_OK;
}
