/* Whatever the order of states, conflicts, links and numbers, and with or without an index: one answer. */
#include "base/test.h"

#include "graph/dag_bytes.h"

enum { ROOMS = 3000, BYTES_MAX = 700 };

static void same_state(const struct dag *dag, const struct dag_state *a, const struct dag_state *b, uint64_t seed)
{
	size_t count = a->count < b->count ? a->count : b->count;
	for (size_t i = 0; i < count; i++)
		if (a->at[i] != b->at[i])
			fail_msg("seed %llu: place %zu of %zu events: %zd or %zd", (unsigned long long)seed, i, dag->count,
			         (ssize_t)a->at[i], (ssize_t)b->at[i]);
	for (size_t i = count; i < a->count; i++)
		assert_true(a->at[i] == DAG_NONE);
	for (size_t i = count; i < b->count; i++)
		assert_true(b->at[i] == DAG_NONE);
}

static size_t random_bytes(uint64_t *seed, uint8_t bytes[BYTES_MAX])
{
	size_t size = 60 + dag_random(seed) % (BYTES_MAX - 60);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)dag_random(seed);
	return size;
}

static void every_order_of_input(void **state)
{
	(void)state;
	size_t changed = 0;
	for (uint64_t room = 1; room <= ROOMS; room++) {
		struct arena CLEANUP(arena_release) arena;
		struct dag CLEANUP(dag_release) dag;
		struct dag_state states[DAG_FORKS_MAX], first, again;
		uint8_t bytes[BYTES_MAX];
		uint64_t seed = room;
		size_t count, size = random_bytes(&seed, bytes);
		bytes[0] = (uint8_t)(room % 12);
		arena_init(&arena, 64 * MEBIBYTE);
		dag_from_bytes(&dag, &arena, bytes, size, states, &count);
		assert_rc(dag_resolve(&dag, states, count, (struct dag_way){.seed = 0}, &first, NULL), RC_OK);
		for (uint64_t way = 1; way <= 4; way++) {
			assert_rc(dag_resolve(&dag, states, count, (struct dag_way){.seed = room * 8 + way, .has_index = way % 2}, &again, NULL), RC_OK);
			same_state(&dag, &first, &again, room);
		}
		for (size_t i = 0; i < states[0].count; i++)
			changed += first.at[i] != states[0].at[i];
	}
	assert_true(changed > ROOMS); /* there was something to resolve */
}

/* ---- the auth difference ---- */

/* By the definition: a chain for each state, by itself. */
static void chain_of(const struct dag *dag, const struct dag_state *state, bool *in)
{
	bool grown = true;
	for (size_t i = 0; i < state->count; i++)
		if (state->at[i] != DAG_NONE)
			in[state->at[i]] = true;
	while (grown) {
		grown = false;
		for (size_t i = 0; i < dag->count; i++)
			for (size_t j = 0; in[i] && j < dag->links[i].auth_count; j++) {
				size_t cited = (size_t)dag->links[i].auth[j] - 1;
				if (cited < dag->count && !in[cited])
					grown = in[cited] = true;
			}
	}
}

static void differences_by_definition(void **state)
{
	(void)state;
	enum { DIFFERENCES = 300, STATES_MAX = 140 };
	for (uint64_t room = 1; room <= DIFFERENCES; room++) {
		struct arena CLEANUP(arena_release) arena;
		struct dag CLEANUP(dag_release) dag;
		struct dag_state forks[DAG_FORKS_MAX], states[STATES_MAX];
		uint8_t bytes[BYTES_MAX];
		uint64_t seed = room ^ 0x5eed;
		bool *found;
		size_t forks_count, size = random_bytes(&seed, bytes);
		size_t count = room % 3 ? 2 + room % 5 : 60 + room % 80; /* more than a word has bits, too */
		arena_init(&arena, 64 * MEBIBYTE);
		dag_from_bytes(&dag, &arena, bytes, size, forks, &forks_count);
		size_t *chains = arena_array(&arena, size_t, dag.count);
		for (size_t i = 0; i < count; i++) {
			bool *in = arena_array(&arena, bool, dag.count);
			states[i] = dag_state_empty(&dag);
			for (size_t j = 0; j < states[i].count; j++) /* now and then a place is empty */
				states[i].at[j] = dag_random(&seed) % 8 ? forks[i % forks_count].at[j] : DAG_NONE;
			chain_of(&dag, &states[i], in);
			for (size_t j = 0; j < dag.count; j++)
				chains[j] += in[j];
		}
		assert_rc(dag_difference(&dag, states, count, room, &found), RC_OK);
		for (size_t j = 0; j < dag.count; j++)
			assert_int_equal(found[j], chains[j] > 0 && chains[j] < count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_of_input),
		cmocka_unit_test(differences_by_definition),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
