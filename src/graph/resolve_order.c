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

/* Who waits for nobody: what only connects goes on at once, the others by their order. */
struct ready {
	struct arena *arena;
	struct node_heap heap;
	struct node_list through;
};

static enum rc ready_add(struct ready *ready, struct node *node)
{
	return node->on_path ? node_list_add(ready->arena, &ready->through, node)
	                     : node_heap_push(ready->arena, &ready->heap, node);
}

static struct node *ready_take(struct ready *ready)
{
	return ready->through.count > 0 ? ready->through.at[--ready->through.count] : node_heap_pop(&ready->heap);
}

/* Kahn's algorithm; of those that wait for nobody the smallest comes next. */
enum rc order_by_power(struct arena *arena, const struct node_list *nodes, struct node_list *ret_sorted)
{
	struct ready ready = {.arena = arena, .heap = {.order = by_power}};
	*ret_sorted = (struct node_list){.count = 0};
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->at[i]->waiting == 0)
			TRY(ready_add(&ready, nodes->at[i]));
	for (struct node *node; (node = ready_take(&ready)) != NULL;) {
		if (!node->on_path)
			TRY(node_list_add(arena, ret_sorted, node));
		for (const struct citing *citing = node->cited_by; citing; citing = citing->next)
			if (--citing->node->waiting == 0)
				TRY(ready_add(&ready, citing->node));
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

/* The mainline, as far as it was asked for: a room's whole history of power levels is seldom needed. */
struct mainline {
	struct auth_graph *graph;
	struct node *next;            /* the first that is not on it yet; NULL: it is complete */
	size_t count;
};

/* Positions from 1, so that 0 means that there is none yet. A cycle ends where it meets itself. */
static enum rc mainline_extend(struct mainline *line, struct node **ret_node)
{
	struct node *node = line->next;
	*ret_node = node;
	if (!node)
		return RC_OK;
	node->position = ++line->count;
	TRY(cited_levels(line->graph, node, &line->next));
	if (line->next && line->next->position != POSITION_UNKNOWN)
		line->next = NULL;
	return RC_OK;
}

/* The path up to `meeting`, which is on the mainline, gets its position, so that no chain is walked twice. */
static void path_place(const struct node_list *path, const struct node *meeting, size_t position)
{
	for (size_t i = 0; i < path->count && path->at[i] != meeting; i++)
		path->at[i]->position = position;
}

/*
 * The position of a node by the first power levels event on the mainline behind it. Its chain and the mainline are
 * walked in turns until they meet; neither goes much further than where they do.
 */
static enum rc position_find(struct mainline *line, struct node *node)
{
	struct node_list path = {.count = 0};
	unsigned walk = ++line->graph->walks;
	struct node *at, *meeting = NULL;
	TRY(cited_levels(line->graph, node, &at));
	while (!meeting && (at || line->next)) {
		if (at && at->position != POSITION_UNKNOWN) {
			meeting = at;
			break;
		}
		if (at) {
			at->walk = walk;
			TRY(node_list_add(line->graph->arena, &path, at));
			TRY(cited_levels(line->graph, at, &at));
			at = at && at->walk == walk ? NULL : at; /* a cycle */
		}
		TRY(mainline_extend(line, &meeting));
		meeting = meeting && meeting->walk == walk ? meeting : NULL;
	}
	size_t position = meeting ? meeting->position : POSITION_INFINITE;
	path_place(&path, meeting, position);
	node->position = position;
	return RC_OK;
}

enum rc order_by_mainline(struct auth_graph *graph, struct node *power_levels, struct node_list *nodes)
{
	struct mainline line = {.graph = graph, .next = power_levels};
	for (size_t i = 0; i < nodes->count; i++) /* no power levels event among them: these are power events */
		TRY(position_find(&line, nodes->at[i]));
	return node_list_sort(graph->arena, nodes, by_mainline);
}
