/*
 * Room Versions, v1, "State resolution". A place at which only one event stands, in whichever states, is no conflict.
 * Where no event of a place passes, the last of the order stands, as other servers have it; the text is silent there.
 */
#include "codec/sha1.h"
#include "graph/resolve_int.h"

#include <string.h>

struct contest {
	struct place *place;
	struct node_list nodes;       /* the events of the place, each once */
};

static enum rc sha1_set(struct resolver *r, struct node *node)
{
	unsigned char *hash = arena_alloc(r->arena, SHA1_BYTES);
	TRY(arena_status(r->arena));
	sha1(node->event->event_id, hash);
	node->sha1 = hash;
	return RC_OK;
}

/* Ascending depth, then descending SHA-1 of the event id. */
static int by_depth(const struct node *a, const struct node *b)
{
	if (a->event->depth != b->event->depth)
		return a->event->depth < b->event->depth ? -1 : 1;
	return -memcmp(a->sha1, b->sha1, SHA1_BYTES);
}

static enum rc contest_open(struct resolver *r, const struct resolve_conflict *conflict, struct contest *ret_contest)
{
	struct contest contest = {.place = places_at(&r->places, conflict->type, conflict->state_key)};
	unsigned walk = ++r->graph.walks;
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->input->state_count; i++) {
		struct node *node;
		if (conflict->events[i] <= 0)
			continue;
		TRY(auth_graph_node(&r->graph, conflict->events[i], &node));
		if (!node->event || node->walk == walk)
			continue;
		node->walk = walk;
		TRY(sha1_set(r, node));
		TRY(node_list_add(r->arena, &contest.nodes, node));
	}
	if (contest.nodes.count == 1)
		contest.place->current = contest.nodes.at[0];
	TRY(node_list_sort(r->arena, &contest.nodes, by_depth));
	*ret_contest = contest;
	return RC_OK;
}

/* R, as far as it is resolved, with the pass's own choice at its place. */
struct state {
	struct resolver *r;
	const struct place *own;
	struct node *chosen;
};

static const struct event *state_get(void *self, str type, str state_key)
{
	struct state *state = self;
	struct resolver *r = state->r;
	struct place *place = places_at(&r->places, type, state_key);
	struct node *agreed = NULL;
	if (!place || r->rc != RC_OK) {
		r->rc = r->rc != RC_OK ? r->rc : arena_status(r->arena);
		return NULL;
	}
	if (place == state->own)
		return state->chosen ? state->chosen->event : NULL;
	if (place->current)
		return place->current->event;
	r->rc = resolver_agreed(r, place, &agreed);
	return agreed ? agreed->event : NULL;
}

static bool passes(struct state *state, const struct node *node)
{
	struct auth_state auth = {state_get, state};
	return auth_check(node->event, &auth).allowed;
}

/* The first as it is; each next one that the rules allow on what stands, until one is refused. */
static struct node *auth_contest(struct resolver *r, const struct contest *contest)
{
	struct state state = {r, contest->place, contest->nodes.count ? contest->nodes.at[0] : NULL};
	for (size_t i = 1; i < contest->nodes.count && passes(&state, contest->nodes.at[i]); i++)
		state.chosen = contest->nodes.at[i];
	return state.chosen;
}

/* The greatest in the order that passes. */
static struct node *plain_contest(struct resolver *r, const struct contest *contest)
{
	struct state state = {r, contest->place, NULL};
	for (size_t i = contest->nodes.count; i-- > 0;)
		if (passes(&state, contest->nodes.at[i]))
			return contest->nodes.at[i];
	return contest->nodes.count ? contest->nodes.at[0] : NULL;
}

/* A pass sees what the passes before it set, not what it sets itself. An empty type: all that are left. */
static void pass(struct resolver *r, const struct contest *contests, size_t count, str type)
{
	for (size_t i = 0; i < count; i++) {
		struct place *place = contests[i].place;
		if (place->current || (type.n && !str_eq(place->type, type)))
			continue;
		place->chosen = type.n ? auth_contest(r, &contests[i]) : plain_contest(r, &contests[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (contests[i].place->chosen)
			contests[i].place->current = TAKE(contests[i].place->chosen);
}

enum rc resolve_v1(struct resolver *r)
{
	size_t count = r->input->conflict_count;
	struct contest *contests = arena_array(r->arena, struct contest, count + 1);
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < count; i++)
		TRY(contest_open(r, &r->input->conflicts[i], &contests[i]));
	pass(r, contests, count, STR("m.room.power_levels"));
	pass(r, contests, count, STR("m.room.join_rules"));
	pass(r, contests, count, STR("m.room.member"));
	pass(r, contests, count, STR_EMPTY);
	return RC_OK;
}
