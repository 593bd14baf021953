/* Walks over auth events. Breadth first, a batch for each step: nothing recurses, and each node is met once a walk. */
#include "graph/resolve_int.h"

/* Marks the node as met by this walk; true when it was not. */
static bool meet(struct node *node, unsigned walk)
{
	bool is_new = node->walk != walk;
	node->walk = walk;
	return is_new;
}

static enum rc next_step(struct auth_graph *graph, const struct node_list *step, unsigned walk,
                         bool (*enters)(const struct node *node), struct node_list *ret_next)
{
	*ret_next = (struct node_list){.count = 0};
	for (size_t i = 0; i < step->count; i++) {
		struct node *node = step->at[i];
		for (size_t j = 0; j < node->auth_count; j++)
			if ((!enters || enters(node->auth[j])) && meet(node->auth[j], walk))
				TRY(node_list_add(graph->arena, ret_next, node->auth[j]));
	}
	return RC_OK;
}

/* All that is reached from `roots`, these included, through nodes that `enters` lets in (NULL: all); loaded. */
enum rc auth_walk_from(struct auth_graph *graph, const struct node_list *roots,
                       bool (*enters)(const struct node *node), struct node_list *ret_reached)
{
	unsigned walk = ++graph->walks;
	struct node_list step = {.count = 0}, next;
	*ret_reached = (struct node_list){.count = 0};
	for (size_t i = 0; i < roots->count; i++)
		if (meet(roots->at[i], walk))
			TRY(node_list_add(graph->arena, &step, roots->at[i]));
	while (step.count > 0) {
		TRY(auth_graph_load(graph, &step));
		for (size_t i = 0; i < step.count; i++)
			TRY(node_list_add(graph->arena, ret_reached, step.at[i]));
		TRY(next_step(graph, &step, walk, enters, &next));
		step = next;
	}
	return RC_OK;
}

/* ---- one chain and its candidates ---- */

static enum rc contains_by_walk(struct auth_graph *graph, struct node *from, const struct node_list *candidates,
                                bool *ret_contains)
{
	struct node_list roots = {.count = 0}, reached;
	for (size_t i = 0; i < from->auth_count; i++)
		TRY(node_list_add(graph->arena, &roots, from->auth[i]));
	TRY(auth_walk_from(graph, &roots, NULL, &reached));
	for (size_t i = 0; i < candidates->count; i++)
		ret_contains[i] = candidates->at[i] != from && candidates->at[i]->walk == graph->walks;
	return RC_OK;
}

enum rc auth_walk_contains(struct auth_graph *graph, struct node *from, const struct node_list *candidates,
                           bool *ret_contains)
{
	const struct resolve_source *source = graph->source;
	if (!source->chain_contains)
		return contains_by_walk(graph, from, candidates, ret_contains);
	int64_t *numbers = arena_array(graph->arena, int64_t, candidates->count ? candidates->count : 1);
	TRY(arena_status(graph->arena));
	for (size_t i = 0; i < candidates->count; i++)
		numbers[i] = candidates->at[i]->number;
	return source->chain_contains(source->self, from->number, numbers, candidates->count, ret_contains);
}

/* ---- v2.1: the conflicted state subgraph ---- */

static enum rc reaches_some(struct auth_graph *graph, struct node *from, const struct node_list *targets, bool *contains,
                            bool *ret_reaches)
{
	*ret_reaches = true;
	if (!graph->source->chain_contains) /* the walk upwards will tell */
		return RC_OK;
	TRY(auth_walk_contains(graph, from, targets, contains));
	for (size_t i = 0; i < targets->count; i++)
		if (contains[i])
			return RC_OK;
	*ret_reaches = false;
	return RC_OK;
}

static enum rc cite(struct auth_graph *graph, struct node *cited, struct node *by)
{
	struct citing *citing = arena_new(graph->arena, struct citing);
	TRY(arena_status(graph->arena));
	*citing = (struct citing){by, cited->cited_by};
	cited->cited_by = citing;
	return RC_OK;
}

/* Downwards from the conflicted events, as far as another one may be reached; who cites whom is written down. */
static enum rc subgraph_down(struct auth_graph *graph, const struct node_list *conflicted, struct node_list *ret_met)
{
	unsigned walk = ++graph->walks;
	struct node_list step = *conflicted, next;
	bool *contains = arena_array(graph->arena, bool, conflicted->count + 1);
	TRY(arena_status(graph->arena));
	*ret_met = (struct node_list){.count = 0};
	for (size_t i = 0; i < conflicted->count; i++)
		meet(conflicted->at[i], walk);
	while (step.count > 0) {
		next = (struct node_list){.count = 0};
		TRY(auth_graph_load(graph, &step));
		for (size_t i = 0; i < step.count; i++) {
			struct node *node = step.at[i];
			TRY(node_list_add(graph->arena, ret_met, node));
			for (size_t j = 0; j < node->auth_count; j++) {
				struct node *auth = node->auth[j];
				bool reaches = true;
				TRY(cite(graph, auth, node));
				if (!meet(auth, walk))
					continue;
				TRY(reaches_some(graph, auth, conflicted, contains, &reaches));
				if (reaches)
					TRY(node_list_add(graph->arena, &next, auth));
			}
		}
		step = next;
	}
	return RC_OK;
}

/* Upwards again from the conflicted events: what is met both ways lies between two of them. */
static enum rc subgraph_up(struct auth_graph *graph, const struct node_list *conflicted, struct node_list *ret_between)
{
	unsigned walk = ++graph->walks;
	struct node_list open = {.count = 0};
	*ret_between = (struct node_list){.count = 0};
	for (size_t i = 0; i < conflicted->count; i++) {
		meet(conflicted->at[i], walk);
		TRY(node_list_add(graph->arena, &open, conflicted->at[i]));
	}
	while (open.count > 0) {
		struct node *node = open.at[--open.count];
		TRY(node_list_add(graph->arena, ret_between, node));
		for (const struct citing *citing = node->cited_by; citing; citing = citing->next)
			if (meet(citing->node, walk))
				TRY(node_list_add(graph->arena, &open, citing->node));
	}
	return RC_OK;
}

static void citings_drop(const struct node_list *met)
{
	for (size_t i = 0; i < met->count; i++) {
		met->at[i]->cited_by = NULL;
		for (size_t j = 0; j < met->at[i]->auth_count; j++)
			met->at[i]->auth[j]->cited_by = NULL;
	}
}

enum rc auth_walk_subgraph(struct auth_graph *graph, const struct node_list *conflicted, struct node_list *ret_between)
{
	struct node_list met;
	TRY(subgraph_down(graph, conflicted, &met));
	TRY(subgraph_up(graph, conflicted, ret_between));
	citings_drop(&met);
	return RC_OK;
}

/* ---- the auth difference of whole states ---- */

enum rc auth_walk_difference(struct arena *arena, const struct resolve_source *source,
                             const struct int64_list *states, size_t state_count, struct int64_list *ret_numbers)
{
	struct auth_graph graph;
	struct node_list all = {.count = 0}, roots, reached;
	auth_graph_init(&graph, arena, source);
	for (size_t s = 0; s < state_count; s++) {
		roots = (struct node_list){.count = 0};
		for (size_t i = 0; i < states[s].count; i++) {
			struct node *node;
			TRY(auth_graph_node(&graph, states[s].values[i], &node));
			TRY(node_list_add(arena, &roots, node));
		}
		TRY(auth_walk_from(&graph, &roots, NULL, &reached));
		for (size_t i = 0; i < reached.count; i++)
			if (reached.at[i]->states++ == 0)
				TRY(node_list_add(arena, &all, reached.at[i]));
	}
	int64_t *numbers = arena_array(arena, int64_t, all.count ? all.count : 1);
	TRY(arena_status(arena));
	size_t count = 0;
	for (size_t i = 0; i < all.count; i++)
		if (all.at[i]->states != state_count)
			numbers[count++] = all.at[i]->number;
	*ret_numbers = (struct int64_list){numbers, count};
	return RC_OK;
}
