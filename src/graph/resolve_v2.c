/*
 * Room Versions, v2 and v12, "State resolution". v2.1 (v12) differs in the conflicted state subgraph and in the state
 * that the iterative auth checks begin with. In v12 no auth event names the create event: the state does.
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

static enum rc full_conflicted_set(struct resolver *r, struct node_list *full)
{
	struct node_list between = {.count = 0};
	*full = (struct node_list){.count = 0};
	for (size_t i = 0; i < r->conflicted.count; i++)
		TRY(full_add(r, full, r->conflicted.at[i]));
	TRY(difference_add(r, full));
	if (is_v2_1(r))
		TRY(auth_walk_subgraph(&r->graph, &r->conflicted, &between));
	for (size_t i = 0; i < between.count; i++)
		TRY(full_add(r, full, between.at[i]));
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

static bool is_full(const struct node *node)
{
	return node->is_full;
}

/*
 * An event of the set may be reached only through events outside of it. Those are in every state's chain, and so is
 * what they reach: only conflicted state events that are no auth difference can stand there.
 */
static enum rc far_candidates(struct resolver *r, struct node_list *ret_candidates)
{
	*ret_candidates = (struct node_list){.count = 0};
	for (size_t i = 0; i < r->conflicted.count; i++)
		if (!r->conflicted.at[i]->in_difference)
			TRY(node_list_add(r->arena, ret_candidates, r->conflicted.at[i]));
	return RC_OK;
}

/* They come in, and before what has them in its chain. */
static enum rc far_add(struct resolver *r, struct node_list *chosen)
{
	struct node_list candidates;
	TRY(far_candidates(r, &candidates));
	bool *contains = arena_array(r->arena, bool, candidates.count + 1);
	TRY(arena_status(r->arena));
	for (size_t i = 0; candidates.count > 0 && i < chosen->count; i++) { /* what came in counts, too */
		TRY(auth_walk_contains(&r->graph, chosen->at[i], &candidates, contains));
		for (size_t j = 0; j < candidates.count; j++) {
			struct node *node = candidates.at[j];
			if (!contains[j] || node == chosen->at[i])
				continue;
			TRY(node_wait(r->arena, chosen->at[i], node));
			if (!node->is_power)
				TRY(node_list_add(r->arena, chosen, node));
			node->is_power = true;
		}
	}
	return RC_OK;
}

static enum rc near_wait(struct resolver *r, const struct node_list *chosen)
{
	for (size_t i = 0; i < chosen->count; i++)
		for (size_t j = 0; j < chosen->at[i]->auth_count; j++)
			if (chosen->at[i]->auth[j]->is_power)
				TRY(node_wait(r->arena, chosen->at[i], chosen->at[i]->auth[j]));
	return RC_OK;
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

static enum rc choose(struct resolver *r, const struct node_list *full, struct node_list *ret_chosen)
{
	struct node_list power = {.count = 0};
	for (size_t i = 0; i < full->count; i++)
		if (is_power_event(full->at[i]->event))
			TRY(node_list_add(r->arena, &power, full->at[i]));
	TRY(auth_walk_from(&r->graph, &power, is_full, ret_chosen));
	for (size_t i = 0; i < ret_chosen->count; i++)
		ret_chosen->at[i]->is_power = true;
	TRY(near_wait(r, ret_chosen));
	size_t near = ret_chosen->count;
	TRY(far_add(r, ret_chosen));
	for (size_t i = near; i < ret_chosen->count; i++) /* those that came in have auth events among the others */
		for (size_t j = 0; j < ret_chosen->at[i]->auth_count; j++)
			if (ret_chosen->at[i]->auth[j]->is_power)
				TRY(node_wait(r->arena, ret_chosen->at[i], ret_chosen->at[i]->auth[j]));
	for (size_t i = 0; i < ret_chosen->count; i++)
		TRY(power_set(r, ret_chosen->at[i]));
	return RC_OK;
}

/* ---- iterative auth checks ---- */

struct check {
	struct resolver *r;
	struct node *node;
};

static enum rc agreed_create(struct resolver *r, struct node **ret_create)
{
	struct place *place = places_at(&r->places, STR("m.room.create"), STR_EMPTY);
	TRY(arena_status(r->arena));
	*ret_create = place->current;
	return place->current ? RC_OK : resolver_agreed(r, place, ret_create);
}

static enum rc create_of(struct resolver *r, const struct node *node, struct node **ret_create)
{
	*ret_create = node_auth_at(node, STR("m.room.create"), STR_EMPTY);
	return r->input->version->room_id_from_create ? agreed_create(r, ret_create) : RC_OK;
}

/* The state as far as it is resolved; where it has nothing, what the event itself cites. */
static enum rc check_find(const struct check *check, str type, str state_key, struct node **ret_node)
{
	struct resolver *r = check->r;
	struct place *place = places_at(&r->places, type, state_key);
	TRY(arena_status(r->arena));
	*ret_node = place->current;
	if (!*ret_node && !is_v2_1(r))
		TRY(resolver_agreed(r, place, ret_node));
	if (*ret_node)
		return RC_OK;
	struct node *cited = node_auth_at(check->node, type, state_key);
	*ret_node = cited && !cited->rejected ? cited : NULL;
	if (!*ret_node && r->input->version->room_id_from_create && str_eq(type, STR("m.room.create")) && !state_key.n)
		return agreed_create(r, ret_node);
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

enum rc resolve_v2(struct resolver *r)
{
	struct node_list full, chosen, sorted, rest;
	struct node *levels;
	TRY(full_conflicted_set(r, &full));
	TRY(choose(r, &full, &chosen));
	TRY(order_by_power(r->arena, &chosen, &sorted));
	TRY(iterative_checks(r, &sorted));
	TRY(remaining(r, &full, &rest));
	TRY(partial_levels(r, &levels));
	TRY(order_by_mainline(&r->graph, levels, &rest));
	return iterative_checks(r, &rest);
}
