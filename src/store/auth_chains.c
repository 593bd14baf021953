#include "store/auth_chains_int.h"

#include "store/store_int.h"

#include <stdlib.h>

enum { CONTAINS_ARENA_BYTES = 512 << 20, EVENTS_MAX = 1 << 30 };

/* ---- the difference ---- */

/*
 * In a chain that all sides reach, the events above the lowest reach are in some full auth chains and not in
 * all; else all up to the highest are. What the states agree on takes the lower ones off again.
 */
static enum rc chain_difference(
    struct walk *walk, struct chain *chain, size_t sides, struct rows *events)
{
	int64_t from = chain->sides == sides ? chain->least : 0;
	if (chain->most <= from)
		return RC_OK;
	TRY(agreed_up_to(walk, chain, from, &from));
	return chain->most > from ? chain_events(walk, chain, from, chain->most, events) : RC_OK;
}

static enum rc sides_walk(struct walk *walk, const struct auth_states *states)
{
	for (size_t i = 0; i < states->count; i++) {
		walk_side_begin(walk);
		for (size_t j = 0; j < states->counts[i]; j++)
			TRY(walk_from(walk, states->states[i][j]));
		walk_side_end(walk);
	}
	return RC_OK;
}

/* The search for what is agreed adds chains to the map: those that sides reached are listed before it. */
static enum rc chains_reached(struct walk *walk, struct rows *chains)
{
	size_t cursor = 0;
	uint64_t number;
	void *value;
	while (map64_next(&walk->chains, &cursor, &number, &value)) {
		struct chain **place = rows_add(chains);
		TRY(arena_status(walk->arena));
		*place = value;
	}
	return RC_OK;
}

enum rc auth_difference(struct txn_ro *txn, struct arena *arena, const struct auth_states *states,
    int64_t **ret_events, size_t *ret_count)
{
	struct walk CLEANUP(walk_release) walk;
	walk_init(&walk, txn, arena);
	struct rows events = ROWS(arena, int64_t), chains = ROWS(arena, struct chain *);
	TRY(sides_walk(&walk, states));
	TRY(chains_reached(&walk, &chains));
	agreed_prepare(&walk, states->snapshot);
	struct chain **all = chains.first;
	for (size_t i = 0; i < chains.count; i++)
		TRY(chain_difference(&walk, all[i], states->count, &events));
	*ret_events = events.first;
	*ret_count = events.count;
	return RC_OK;
}

/* ---- the chains of events ---- */

static int event_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static enum rc is_reached(struct walk *walk, int64_t event, bool *ret_reached)
{
	struct query CLEANUP(query_close) q = QUERY(walk->txn, auth_position, I(event));
	enum rc rc = query_step(&q);
	*ret_reached = false;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	const struct chain *chain = map64_get(&walk->chains, (uint64_t)col_i64(&q, 0));
	*ret_reached = chain && chain->reach >= col_i64(&q, 1);
	return RC_OK;
}

enum rc auth_chain_contains(struct txn_ro *txn, int64_t event, const int64_t *candidates,
    size_t count, bool *ret_contains)
{
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, CONTAINS_ARENA_BYTES);
	struct walk CLEANUP(walk_release) walk;
	walk_init(&walk, txn, &arena);
	walk_side_begin(&walk);
	TRY(walk_from(&walk, event));
	for (size_t i = 0; i < count; i++) {
		bool reached = false;
		if (candidates[i] != event)
			TRY(is_reached(&walk, candidates[i], &reached));
		ret_contains[i] = reached;
	}
	return RC_OK;
}

/* All that was reached but `given`, in order. */
static enum rc reached_collect(struct walk *walk, const int64_t *given, size_t count, size_t max,
    int64_t **ret_events, size_t *ret_count)
{
	struct rows events = ROWS(walk->arena, int64_t);
	struct chain **touched = walk->touched.first;
	size_t kept = 0;
	for (size_t i = 0; i < walk->touched.count; i++) {
		const struct chain *chain = touched[i];
		/* Beyond `max` and the given ones there is no need to read on. */
		int64_t room_left = (int64_t)(max + count - events.count) + 1;
		int64_t from = chain->reach > room_left ? chain->reach - room_left : 0;
		TRY(chain_events(walk, chain, from, chain->reach, &events));
		if (events.count > max + count)
			return RC_TOO_LARGE;
	}
	int64_t *all = events.first;
	if (events.count > 1)
		qsort(all, events.count, sizeof *all, event_order);
	for (size_t i = 0; i < events.count; i++)
		if (!bsearch(&all[i], given, count, sizeof *given, event_order))
			all[kept++] = all[i];
	if (kept > max)
		return RC_TOO_LARGE;
	*ret_events = all;
	*ret_count = kept;
	return RC_OK;
}

enum rc auth_chain(struct txn_ro *txn, struct arena *arena, const int64_t *events, size_t count,
    size_t max, int64_t **ret_events, size_t *ret_count)
{
	struct walk CLEANUP(walk_release) walk;
	walk_init(&walk, txn, arena);
	if (max > EVENTS_MAX || count > EVENTS_MAX)
		return RC_INVALID_PARAM;
	int64_t *given = arena_array(arena, int64_t, count + 1);
	TRY(arena_status(arena));
	walk_side_begin(&walk);
	for (size_t i = 0; i < count; i++) {
		given[i] = events[i];
		TRY(walk_from(&walk, events[i]));
	}
	qsort(given, count, sizeof *given, event_order);
	return reached_collect(&walk, given, count, max, ret_events, ret_count);
}
