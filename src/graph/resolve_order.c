/* The orderings of Room Versions, v2, "Definitions", on a heap. */
#include "graph/resolve_int.h"

static void heap_down(struct node_heap *heap, size_t i)
{
	struct node **at = heap->list.at;
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < heap->list.count; child++)
			if (heap->order(at[child], at[least]) < 0)
				least = child;
		if (least == i)
			return;
		struct node *node = at[i];
		at[i] = at[least];
		at[least] = node;
		i = least;
	}
}

enum rc node_heap_push(struct arena *arena, struct node_heap *heap, struct node *node)
{
	TRY(node_list_add(arena, &heap->list, node));
	struct node **at = heap->list.at;
	for (size_t i = heap->list.count - 1; i > 0 && heap->order(at[i], at[(i - 1) / 2]) < 0; i = (i - 1) / 2) {
		at[i] = at[(i - 1) / 2];
		at[(i - 1) / 2] = node;
	}
	return RC_OK;
}

struct node *node_heap_pop(struct node_heap *heap)
{
	if (heap->list.count == 0)
		return NULL;
	struct node *first = heap->list.at[0];
	heap->list.at[0] = heap->list.at[--heap->list.count];
	heap_down(heap, 0);
	return first;
}

enum rc node_list_sort(struct arena *arena, struct node_list *list, node_order order)
{
	struct node_heap heap = {.order = order};
	for (size_t i = 0; i < list->count; i++)
		TRY(node_heap_push(arena, &heap, list->at[i]));
	for (size_t i = 0; i < list->count; i++)
		list->at[i] = node_heap_pop(&heap);
	return RC_OK;
}

/* ---- reverse topological power ordering ---- */

static int by_time(const struct node *a, const struct node *b)
{
	if (a->event->origin_server_ts != b->event->origin_server_ts)
		return a->event->origin_server_ts < b->event->origin_server_ts ? -1 : 1;
	return str_cmp(a->event->event_id, b->event->event_id);
}

static int by_power(const struct node *a, const struct node *b)
{
	if (a->power != b->power)
		return a->power > b->power ? -1 : 1;
	return by_time(a, b);
}

enum rc node_wait(struct arena *arena, struct node *node, struct node *auth)
{
	struct citing *citing = arena_new(arena, struct citing);
	TRY(arena_status(arena));
	*citing = (struct citing){node, auth->cited_by};
	auth->cited_by = citing;
	node->waiting++;
	return RC_OK;
}

/* Kahn's algorithm; of those that wait for nobody the smallest comes next. */
enum rc order_by_power(struct arena *arena, const struct node_list *nodes, struct node_list *ret_sorted)
{
	struct node_heap ready = {.order = by_power};
	*ret_sorted = (struct node_list){.count = 0};
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->at[i]->waiting == 0)
			TRY(node_heap_push(arena, &ready, nodes->at[i]));
	for (struct node *node; (node = node_heap_pop(&ready)) != NULL;) {
		TRY(node_list_add(arena, ret_sorted, node));
		for (const struct citing *citing = node->cited_by; citing; citing = citing->next)
			if (--citing->node->waiting == 0)
				TRY(node_heap_push(arena, &ready, citing->node));
	}
	return RC_OK;
}

/* ---- mainline ordering ---- */

static int by_mainline(const struct node *a, const struct node *b)
{
	if (a->position != b->position)
		return a->position > b->position ? -1 : 1;
	return by_time(a, b);
}

/* The power levels event among the auth events of `node`, or NULL. */
static enum rc cited_levels(struct auth_graph *graph, struct node *node, struct node **ret_levels)
{
	struct node_list one = {.at = &node, .count = 1};
	TRY(auth_graph_load(graph, &one));
	TRY(auth_graph_load_auth(graph, &one));
	*ret_levels = node_auth_at(node, STR("m.room.power_levels"), STR_EMPTY);
	return RC_OK;
}

/* Positions from 1, so that 0 means that there is none yet. A cycle ends where it meets itself. */
static enum rc mainline_mark(struct auth_graph *graph, struct node *power_levels)
{
	for (size_t position = 1; power_levels && power_levels->position == POSITION_UNKNOWN; position++) {
		power_levels->position = position;
		TRY(cited_levels(graph, power_levels, &power_levels));
	}
	return RC_OK;
}

/*
 * The position of a node by the first power levels event on the mainline behind it. What is walked through gets the
 * same position, so that no chain is walked twice.
 */
static enum rc position_find(struct auth_graph *graph, struct node *node)
{
	struct node_list path = {.count = 0};
	unsigned walk = ++graph->walks;
	struct node *at;
	TRY(cited_levels(graph, node, &at));
	while (at && at->position == POSITION_UNKNOWN && at->walk != walk) {
		at->walk = walk;
		TRY(node_list_add(graph->arena, &path, at));
		TRY(cited_levels(graph, at, &at));
	}
	size_t position = at && at->position != POSITION_UNKNOWN ? at->position : POSITION_INFINITE;
	for (size_t i = 0; i < path.count; i++)
		path.at[i]->position = position;
	node->position = position;
	return RC_OK;
}

enum rc order_by_mainline(struct auth_graph *graph, struct node *power_levels, struct node_list *nodes)
{
	TRY(mainline_mark(graph, power_levels));
	for (size_t i = 0; i < nodes->count; i++) /* no power levels event among them: these are power events */
		TRY(position_find(graph, nodes->at[i]));
	return node_list_sort(graph->arena, nodes, by_mainline);
}
