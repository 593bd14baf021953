/*
 * Room Versions, v2 and v12, "State resolution". v2.1 (v12) differs in the conflicted state subgraph and in the state
 * that the iterative auth checks begin with. In v12 no auth event names the create event, the room's id does: it is
 * what the states agree on, or that of their create events which has the id (rule 2 of v12).
 */
#include "graph/resolve_int.h"

static bool is_v2_1(const struct resolver *r)
{
	return r->input->version->state_resolution == STATE_RESOLUTION_V2_1;
}

/* ---- the full conflicted set ---- */

static enum rc full_add(struct resolver *r, struct node_list *full, struct node *node)
{
	if (node->is_full || !node->event)
		return RC_OK;
	node->is_full = true;
	return node_list_add(r->arena, full, node);
}

static enum rc difference_add(struct resolver *r, struct node_list *full)
{
	const struct resolve_source *source = r->graph.source;
	struct node_list nodes = {.count = 0};
	struct int64_list difference = {.count = 0};
	TRY(source->auth_difference(source->self, r->arena, &difference));
	for (size_t i = 0; i < difference.count; i++) {
		struct node *node;
		if (difference.values[i] <= 0)
			continue;
		TRY(auth_graph_node(&r->graph, difference.values[i], &node));
		node->in_difference = true;
		TRY(node_list_add(r->arena, &nodes, node));
	}
	TRY(auth_graph_load(&r->graph, &nodes));
	for (size_t i = 0; i < nodes.count; i++)
		TRY(full_add(r, full, nodes.at[i]));
	return RC_OK;
}

/*
 * What lies outside of the conflicted state set and the auth difference is in every state's chain, and so is all that
 * it reaches: of the two sets only conflicted state events that are no difference can stand there.
 */
static enum rc far_events(struct resolver *r, struct node_list *ret_far)
{
	*ret_far = (struct node_list){.count = 0};
	for (size_t i = 0; i < r->conflicted.count; i++)
		if (!r->conflicted.at[i]->in_difference)
			TRY(node_list_add(r->arena, ret_far, r->conflicted.at[i]));
	return RC_OK;
}

/*
 * v2.1: the conflicted state subgraph. Each event of the auth difference is in the chain of a conflicted one, so that
 * whatever leads from the difference to a conflicted event lies between two of these.
 */
static enum rc subgraph_add(struct resolver *r, struct node_list *full)
{
	struct node_list far, reached;
	TRY(far_events(r, &far));
	if (far.count == 0)
		return RC_OK;
	TRY(auth_walk_reach(&r->graph, full, &far, &reached));
	TRY(auth_walk_mark_paths(&r->graph, &reached));
	for (size_t i = 0; i < reached.count; i++)
		if (TAKE(reached.at[i]->on_path))
			TRY(full_add(r, full, reached.at[i]));
	return RC_OK;
}

static enum rc full_conflicted_set(struct resolver *r, struct node_list *full)
{
	*full = (struct node_list){.count = 0};
	for (size_t i = 0; i < r->conflicted.count; i++)
		TRY(full_add(r, full, r->conflicted.at[i]));
	TRY(difference_add(r, full));
	if (is_v2_1(r))
		TRY(subgraph_add(r, full));
	return auth_graph_load_auth(&r->graph, full);
}

/* ---- step 1: power events, and what of the set is in their auth chains ---- */

static bool is_power_event(const struct event *event)
{
	if (str_eq(event->type, STR("m.room.power_levels")) || str_eq(event->type, STR("m.room.join_rules")))
		return true;
	str membership = json_get_text(event->content, STR("membership"));
	return str_eq(event->type, STR("m.room.member")) && !str_eq(event->sender, event->state_key) &&
	       (str_eq(membership, STR("leave")) || str_eq(membership, STR("ban")));
}

static enum rc create_of(struct resolver *r, const struct node *node, struct node **ret_create);

/* The sender's level by the power levels event and the create event that the event itself cites. */
static enum rc power_set(struct resolver *r, struct node *node)
{
	struct node *levels = node_auth_at(node, STR("m.room.power_levels"), STR_EMPTY), *create;
	TRY(create_of(r, node, &create));
	struct power_levels power = power_levels_of(create ? create->event : NULL, levels ? levels->event : NULL);
	node->power = power_of_user(&power, node->event->sender);
	return RC_OK;
}

/*
 * The power events of the set, and what of the set is in their auth chains. The text means whole chains: in v2 such a
 * chain may leave the set and come back to it. What it passes through there is given back as well, with on_path. In v2.1
 * all that lies between events of the set belongs to it.
 */
static enum rc power_chains(struct resolver *r, const struct node_list *full, struct node_list *ret_chosen)
{
	struct node_list power = {.count = 0}, far = {.count = 0}, reached;
	for (size_t i = 0; i < full->count; i++)
		if (is_power_event(full->at[i]->event))
			TRY(node_list_add(r->arena, &power, full->at[i]));
	if (!is_v2_1(r))
		TRY(far_events(r, &far));
	TRY(auth_walk_reach(&r->graph, &power, far.count > 0 ? &far : NULL, &reached));
	TRY(auth_walk_mark_paths(&r->graph, &reached));
	*ret_chosen = (struct node_list){.count = 0};
	for (size_t i = 0; i < reached.count; i++) {
		reached.at[i]->is_power = reached.at[i]->is_full;
		if (reached.at[i]->is_full || reached.at[i]->on_path)
			TRY(node_list_add(r->arena, ret_chosen, reached.at[i]));
	}
	return RC_OK;
}

static enum rc choose(struct resolver *r, const struct node_list *full, struct node_list *ret_chosen)
{
	TRY(power_chains(r, full, ret_chosen));
	for (size_t i = 0; i < ret_chosen->count; i++) {
		struct node *node = ret_chosen->at[i];
		for (size_t j = 0; j < node->auth_count; j++)
			if (node->auth[j]->is_power || node->auth[j]->on_path)
				TRY(node_wait(r->arena, node, node->auth[j]));
		if (node->is_power)
			TRY(power_set(r, node));
	}
	return RC_OK;
}

/* ---- iterative auth checks ---- */

struct check {
	struct resolver *r;
	struct node *node;
};

/* v12: the create event of the node's room, accepted; see above. */
static enum rc create_by_room(struct resolver *r, const struct node *node, struct node **ret_create)
{
	struct node *create;
	struct place *place = places_at(&r->places, STR("m.room.create"), STR_EMPTY);
	TRY(arena_status(r->arena));
	TRY(resolver_agreed(r, place, &create));
	for (size_t i = 0; place->is_conflict && !create && i < r->creates.count; i++)
		if (str_eq(str_from(r->creates.at[i]->event->event_id, 1), str_from(node->event->room_id, 1)))
			create = r->creates.at[i];
	*ret_create = create && !create->rejected ? create : NULL;
	return RC_OK;
}

static enum rc create_of(struct resolver *r, const struct node *node, struct node **ret_create)
{
	if (r->input->version->room_id_from_create)
		return create_by_room(r, node, ret_create);
	*ret_create = node_auth_at(node, STR("m.room.create"), STR_EMPTY);
	return RC_OK;
}

/* The state as far as it is resolved; where it has nothing, what the event itself cites. */
static enum rc check_find(const struct check *check, str type, str state_key, struct node **ret_node)
{
	struct resolver *r = check->r;
	struct place *place = places_at(&r->places, type, state_key);
	TRY(arena_status(r->arena));
	if (r->input->version->room_id_from_create && str_eq(type, STR("m.room.create")) && !state_key.n)
		return create_by_room(r, check->node, ret_node);
	*ret_node = place->current;
	if (!*ret_node && !is_v2_1(r))
		TRY(resolver_agreed(r, place, ret_node));
	if (*ret_node)
		return RC_OK;
	struct node *cited = node_auth_at(check->node, type, state_key);
	*ret_node = cited && !cited->rejected ? cited : NULL;
	return RC_OK;
}

static const struct event *check_get(void *self, str type, str state_key)
{
	struct check *check = self;
	struct node *node = NULL;
	if (check->r->rc == RC_OK)
		check->r->rc = check_find(check, type, state_key, &node);
	return check->r->rc == RC_OK && node ? node->event : NULL;
}

static enum rc iterative_checks(struct resolver *r, const struct node_list *sorted)
{
	for (size_t i = 0; i < sorted->count; i++) {
		struct node *node = sorted->at[i];
		struct check check = {r, node};
		struct auth_state state = {check_get, &check};
		bool allowed = auth_check(node->event, &state).allowed;
		TRY(r->rc);
		if (!allowed)
			continue;
		struct place *place = places_at(&r->places, node->event->type, node->event->state_key);
		TRY(arena_status(r->arena));
		place->current = node;
	}
	return RC_OK;
}

/* ---- steps 3 and 4 ---- */

static enum rc partial_levels(struct resolver *r, struct node **ret_levels)
{
	struct place *place = places_at(&r->places, STR("m.room.power_levels"), STR_EMPTY);
	TRY(arena_status(r->arena));
	*ret_levels = place->current;
	return *ret_levels || is_v2_1(r) ? RC_OK : resolver_agreed(r, place, ret_levels);
}

static enum rc remaining(struct resolver *r, const struct node_list *full, struct node_list *ret_remaining)
{
	*ret_remaining = (struct node_list){.count = 0};
	for (size_t i = 0; i < full->count; i++)
		if (!full->at[i]->is_power)
			TRY(node_list_add(r->arena, ret_remaining, full->at[i]));
	return RC_OK;
}

/* Those at the place of the room's create event: at most one for each state. */
static enum rc creates_find(struct resolver *r)
{
	for (size_t i = 0; i < r->conflicted.count; i++) {
		const struct event *event = r->conflicted.at[i]->event;
		if (str_eq(event->type, STR("m.room.create")) && event->state_key.n == 0)
			TRY(node_list_add(r->arena, &r->creates, r->conflicted.at[i]));
	}
	return RC_OK;
}

enum rc resolve_v2(struct resolver *r)
{
	struct node_list full, chosen, sorted, rest;
	struct node *levels;
	TRY(full_conflicted_set(r, &full));
	TRY(creates_find(r));
	TRY(choose(r, &full, &chosen));
	TRY(order_by_power(r->arena, &chosen, &sorted));
	TRY(iterative_checks(r, &sorted));
	TRY(remaining(r, &full, &rest));
	TRY(partial_levels(r, &levels));
	TRY(order_by_mainline(&r->graph, levels, &rest));
	return iterative_checks(r, &rest);
}
