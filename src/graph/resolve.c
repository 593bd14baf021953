#include "graph/resolve_int.h"

/* The places and their events: the conflicted state set. */
static enum rc conflict_add(struct resolver *r, const struct resolve_conflict *conflict)
{
	struct place *place = places_at(&r->places, conflict->type, conflict->state_key);
	TRY(arena_status(r->arena));
	place->is_conflict = true;
	for (size_t i = 0; i < r->input->state_count; i++) {
		struct node *node;
		if (conflict->events[i] <= 0)
			continue;
		TRY(auth_graph_node(&r->graph, conflict->events[i], &node));
		if (!node->in_conflict)
			TRY(node_list_add(r->arena, &r->conflicted, node));
		node->in_conflict = true;
	}
	return RC_OK;
}

/* What is not known, or is no state event, is left out. */
static void unknown_drop(struct resolver *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->conflicted.count; i++) {
		struct node *node = r->conflicted.at[i];
		node->in_conflict = node->event != NULL;
		if (node->event)
			r->conflicted.at[kept++] = node;
	}
	r->conflicted.count = kept;
}

enum rc resolver_agreed(struct resolver *r, struct place *place, struct node **ret_node)
{
	const struct resolve_source *source = r->graph.source;
	*ret_node = place->agreed;
	if (place->is_conflict || place->agreed_asked)
		return RC_OK;
	int64_t number = 0;
	struct node *node;
	place->agreed_asked = true;
	TRY(source->unconflicted(source->self, place->type, place->state_key, &number));
	place->is_agreed = number > 0;
	if (!place->is_agreed)
		return RC_OK;
	TRY(auth_graph_node(&r->graph, number, &node));
	struct node_list one = {.at = &node, .count = 1};
	TRY(auth_graph_load(&r->graph, &one));
	place->agreed = node->event ? node : NULL;
	*ret_node = place->agreed;
	return RC_OK;
}

/* Step 5 of v2: where the states agree, that stands, whatever was resolved. */
static enum rc output_collect(struct resolver *r, struct resolve_output *output)
{
	struct place **places;
	size_t count = 0;
	TRY(places_list(&r->places, &places));
	struct resolve_entry *entries = arena_array(r->arena, struct resolve_entry, r->places.count + 1);
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->places.count; i++) {
		struct place *place = places[i];
		struct node *agreed;
		TRY(resolver_agreed(r, place, &agreed));
		if (place->is_conflict || (place->current && !place->is_agreed))
			entries[count++] = (struct resolve_entry){place->type, place->state_key,
				place->current ? place->current->number : 0};
	}
	*output = (struct resolve_output){entries, count};
	return RC_OK;
}

enum rc resolve_state(struct arena *arena, const struct resolve_input *input, const struct resolve_source *source,
                      struct resolve_output *ret_output)
{
	struct resolver r = {.arena = arena, .input = input, .places = {.arena = arena}};
	struct resolve_output output;
	auth_graph_init(&r.graph, arena, source);
	for (size_t i = 0; i < input->conflict_count; i++)
		TRY(conflict_add(&r, &input->conflicts[i]));
	TRY(auth_graph_load(&r.graph, &r.conflicted));
	unknown_drop(&r);
	TRY(input->version->state_resolution == STATE_RESOLUTION_V1 ? resolve_v1(&r) : resolve_v2(&r));
	TRY(r.rc);
	TRY(output_collect(&r, &output));
	*ret_output = output;
	return RC_OK;
}
