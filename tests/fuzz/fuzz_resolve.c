/*
 * State resolution over small rooms of any version, forked, with whatever may be wrong with them: it ends, it fails for
 * nothing, and two presentations of the same states (other numbers, other orders, with an index) have one outcome.
 */
#include "fuzz.h"

#include "graph/dag_bytes.h"

static bool same(const struct dag_state *a, const struct dag_state *b)
{
	const struct dag_state *wide = a->count > b->count ? a : b;
	size_t common = a->count < b->count ? a->count : b->count;
	for (size_t i = 0; i < wide->count; i++)
		if (i < common ? a->at[i] != b->at[i] : wide->at[i] != DAG_NONE)
			return false;
	return true;
}

/* What all states have stands. (Where none has anything, the auth difference may bring something in.) */
static bool keeps_agreed(const struct dag_state *states, size_t count, const struct dag_state *resolved)
{
	for (size_t i = 0; i < states[0].count; i++) {
		bool agreed = states[0].at[i] != DAG_NONE;
		for (size_t s = 1; s < count; s++)
			agreed = agreed && states[s].at[i] == states[0].at[i];
		if (agreed && resolved->at[i] != states[0].at[i])
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct dag CLEANUP(dag_release) dag;
	struct dag_state states[DAG_FORKS_MAX], first, again;
	size_t count;
	uint64_t seed = size + 1;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	dag_from_bytes(&dag, &arena, data, size, states, &count);
	HOLDS(dag_resolve(&dag, states, count, (struct dag_way){.seed = 0}, &first, NULL) == RC_OK);
	HOLDS(keeps_agreed(states, count, &first));
	for (size_t way = 0; way < 2; way++) {
		HOLDS(dag_resolve(&dag, states, count, (struct dag_way){.seed = dag_random(&seed), .has_index = way}, &again, NULL) == RC_OK);
		HOLDS(same(&first, &again));
	}
	return 0;
}
