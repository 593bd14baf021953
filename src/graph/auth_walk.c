/*
 * Walks over the links of auth events, in batches: level by level, never by recursion. Cycles, missing events and
 * repeated links are no trouble: a walk visits each node once.
 */
#include "graph/resolve_int.h"

enum {
	/*
	 * A walk outside of the conflict looks at so many events before it asks the source's index what to leave
	 * out: small rooms are walked faster than asked about. With more targets than these it never asks, so that the
	 * cost stays linear in the events.
	 */
	PLAIN_WALK_MAX = 1024,
	ASKED_TARGETS_MAX = 64,
};

struct walk {
	struct auth_graph *graph;
	const struct node_list *targets;
	int64_t *target_numbers;
	bool *contains;
	size_t outside;                /* nodes outside of the full conflicted set so far */
};

/* Whether a node outside of the full conflicted set may lead to a target. */
static enum rc may_lead_to_target(struct walk *walk, const struct node *node, bool *ret_may)
{
	const struct resolve_source *source = walk->graph->source;
	size_t count = walk->targets->count;
	*ret_may = true;
	if (!source->chain_contains || count == 0 || count > ASKED_TARGETS_MAX || walk->outside < PLAIN_WALK_MAX)
		return RC_OK;
	TRY(source->chain_contains(source->self, node->number, walk->target_numbers, count, walk->contains));
	*ret_may = false;
	for (size_t i = 0; i < count; i++)
		*ret_may = *ret_may || walk->contains[i];
	return RC_OK;
}

/* Adds what `node` cites and was not reached before. */
static enum rc step(struct walk *walk, const struct node *node, struct node_list *next)
{
	for (size_t i = 0; i < node->auth_count; i++) {
		struct node *auth = node->auth[i];
		bool goes_on = true;
		if (auth->walk == walk->graph->walks || (!auth->is_full && !walk->targets))
			continue;
		auth->walk = walk->graph->walks;
		if (!auth->is_full) {
			TRY(may_lead_to_target(walk, auth, &goes_on));
			walk->outside++;
		}
		if (goes_on)
			TRY(node_list_add(walk->graph->arena, next, auth));
	}
	return RC_OK;
}

static enum rc walk_init(struct walk *walk, struct auth_graph *graph, const struct node_list *targets)
{
	size_t count = targets ? targets->count : 0;
	*walk = (struct walk){.graph = graph, .targets = targets};
	walk->target_numbers = arena_array(graph->arena, int64_t, count + 1);
	walk->contains = arena_array(graph->arena, bool, count + 1);
	TRY(arena_status(graph->arena));
	for (size_t i = 0; i < count; i++)
		walk->target_numbers[i] = targets->at[i]->number;
	graph->walks++;
	return RC_OK;
}

enum rc auth_walk_reach(struct auth_graph *graph, const struct node_list *roots, const struct node_list *targets,
                        struct node_list *ret_reached)
{
	struct node_list reached = {0};
	struct walk walk;
	TRY(walk_init(&walk, graph, targets));
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->at[i]->walk == graph->walks)
			continue;
		roots->at[i]->walk = graph->walks;
		TRY(node_list_add(graph->arena, &reached, roots->at[i]));
	}
	for (size_t level = 0; level < reached.count;) {
		size_t end = reached.count;
		const struct node_list batch = {.at = reached.at + level, .count = end - level};
		TRY(auth_graph_load(graph, &batch));
		for (; level < end; level++)
			TRY(step(&walk, reached.at[level], &reached));
	}
	*ret_reached = reached;
	return RC_OK;
}

static enum rc citing_add(struct arena *arena, struct node *cited, struct node *by)
{
	struct citing *citing = arena_new(arena, struct citing);
	TRY(arena_status(arena));
	*citing = (struct citing){by, cited->cited_by};
	cited->cited_by = citing;
	return RC_OK;
}

enum rc auth_walk_mark_paths(struct auth_graph *graph, const struct node_list *reached)
{
	struct node_list marked = {0};
	for (size_t i = 0; i < reached->count; i++) {
		struct node *node = reached->at[i];
		for (size_t j = 0; !node->is_full && j < node->auth_count; j++) {
			struct node *auth = node->auth[j];
			if (!auth->is_full)
				TRY(citing_add(graph->arena, auth, node));
			else if (!node->on_path)
				TRY(node_list_add(graph->arena, &marked, node));
			node->on_path = node->on_path || auth->is_full;
		}
	}
	for (size_t i = 0; i < marked.count; i++)
		for (struct citing *by = marked.at[i]->cited_by; by; by = by->next) {
			if (by->node->on_path)
				continue;
			by->node->on_path = true;
			TRY(node_list_add(graph->arena, &marked, by->node));
		}
	for (size_t i = 0; i < reached->count; i++)
		reached->at[i]->cited_by = NULL;
	return RC_OK;
}
