/* The nodes of a resolution: events by number, asked for in batches. */
#include "graph/resolve_int.h"

#include <string.h>

enum { SLOTS_FIRST = 64, LIST_FIRST = 16 };

enum rc node_list_add(struct arena *arena, struct node_list *list, struct node *node)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : LIST_FIRST;
		struct node **at = arena_grow(arena, list->at, list->capacity * sizeof(struct node *),
		                              capacity * sizeof(struct node *));
		TRY(arena_status(arena));
		list->at = at;
		list->capacity = capacity;
	}
	list->at[list->count++] = node;
	return RC_OK;
}

void auth_graph_init(struct auth_graph *graph, struct arena *arena, const struct resolve_source *source)
{
	*graph = (struct auth_graph){.arena = arena, .source = source};
}

/* Numbers are the caller's own, not a peer's: any spreading will do. */
static struct node **slot_of(struct node **slots, size_t capacity, int64_t number)
{
	size_t i = (size_t)((uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
	while (slots[i] && slots[i]->number != number)
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static enum rc slots_grow(struct auth_graph *graph)
{
	size_t capacity = graph->capacity ? graph->capacity * 2 : SLOTS_FIRST;
	struct node **slots = arena_array(graph->arena, struct node *, capacity);
	TRY(arena_status(graph->arena));
	for (size_t i = 0; i < graph->capacity; i++)
		if (graph->slots[i])
			*slot_of(slots, capacity, graph->slots[i]->number) = graph->slots[i];
	graph->slots = slots;
	graph->capacity = capacity;
	return RC_OK;
}

enum rc auth_graph_node(struct auth_graph *graph, int64_t number, struct node **ret_node)
{
	if (graph->count * 2 >= graph->capacity)
		TRY(slots_grow(graph));
	struct node **slot = slot_of(graph->slots, graph->capacity, number);
	if (!*slot) {
		struct node *node = arena_new(graph->arena, struct node);
		TRY(arena_status(graph->arena));
		node->number = number;
		*slot = node;
		graph->count++;
	}
	*ret_node = *slot;
	return RC_OK;
}

static enum rc node_fill(struct auth_graph *graph, struct node *node, const struct resolve_event *event)
{
	if (!event || !event->event || !event->event->is_state)
		return RC_OK;
	struct node **auth = arena_array(graph->arena, struct node *, event->auth_count ? event->auth_count : 1);
	TRY(arena_status(graph->arena));
	size_t count = 0;
	for (size_t i = 0; i < event->auth_count; i++)
		if (event->auth[i] > 0)
			TRY(auth_graph_node(graph, event->auth[i], &auth[count++]));
	node->event = event->event;
	node->rejected = event->rejected;
	node->auth = auth;
	node->auth_count = count;
	return RC_OK;
}

enum rc auth_graph_load(struct auth_graph *graph, const struct node_list *nodes)
{
	struct node_list wanted = {.count = 0};
	for (size_t i = 0; i < nodes->count; i++) {
		if (nodes->at[i]->asked)
			continue;
		nodes->at[i]->asked = true;
		TRY(node_list_add(graph->arena, &wanted, nodes->at[i]));
	}
	if (wanted.count == 0)
		return RC_OK;
	int64_t *numbers = arena_array(graph->arena, int64_t, wanted.count);
	const struct resolve_event **events = arena_array(graph->arena, const struct resolve_event *, wanted.count);
	TRY(arena_status(graph->arena));
	for (size_t i = 0; i < wanted.count; i++)
		numbers[i] = wanted.at[i]->number;
	TRY(graph->source->events(graph->source->self, graph->arena, numbers, wanted.count, events));
	for (size_t i = 0; i < wanted.count; i++)
		TRY(node_fill(graph, wanted.at[i], events[i]));
	return RC_OK;
}

enum rc auth_graph_load_auth(struct auth_graph *graph, const struct node_list *nodes)
{
	struct node_list auth = {.count = 0};
	for (size_t i = 0; i < nodes->count; i++)
		for (size_t j = 0; j < nodes->at[i]->auth_count; j++)
			if (!nodes->at[i]->auth[j]->asked)
				TRY(node_list_add(graph->arena, &auth, nodes->at[i]->auth[j]));
	return auth_graph_load(graph, &auth);
}

struct node *node_auth_at(const struct node *node, str type, str state_key)
{
	struct node *found = NULL;
	for (size_t i = 0; i < node->auth_count; i++) {
		struct node *auth = node->auth[i];
		if (!auth->event || !str_eq(auth->event->type, type) || !str_eq(auth->event->state_key, state_key))
			continue;
		/* One of another room authorises nothing (rule 2.5 of v10). */
		if (str_eq(auth->event->room_id, node->event->room_id) &&
		    (!found || str_cmp(auth->event->event_id, found->event->event_id) < 0))
			found = auth;
	}
	return found;
}
