/* Many changes at once and removals: held against a plain array, and against the tree that the set alone would make. */
#include "snapshot_model.h"

#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 300 };

/* Two trees of the same shape that hold the same. */
static void assert_same_shape(struct txn_ro *txn, int64_t a, int64_t b)
{
	struct node x, y;
	if (a == b)
		return;
	assert_true(a != 0 && b != 0);
	assert_int_equal(node_load(txn, a, -1, &x), RC_OK);
	assert_int_equal(node_load(txn, b, -1, &y), RC_OK);
	assert_int_equal(x.is_leaf, y.is_leaf);
	if (x.is_leaf) {
		assert_int_equal(x.count, y.count);
		assert_memory_equal(x.entries, y.entries, x.count * sizeof *x.entries);
		return;
	}
	assert_int_equal(x.level, y.level);
	assert_true(key_first_difference(x.some_key, y.some_key) >= x.level);
	for (int i = 0; i < CHILDREN_MAX; i++)
		assert_same_shape(txn, x.children[i], y.children[i]);
}

/* The set, put in one by one, in any order. */
static int64_t tree_of(struct txn_rw *txn, const struct model *model)
{
	int64_t snapshot = 0;
	for (size_t i = 0; i < model->count; i++)
		assert_int_equal(snapshot_set(txn, snapshot, model->entries[i].at,
				     model->entries[i].event, &snapshot),
		    RC_OK);
	return snapshot;
}

static const struct {
	int64_t types, keys;
} shapes[] = {
    {1, 40}, {60, 1}, {3, 30}, {40, 10}, {2, 100000}, {5, 1LL << 40}, {1LL << 50, 1LL << 50}};

/* A place of the model three times out of four (one that is there), else any. */
static struct state_key some_place(struct fixture *f, const struct model *model, size_t shape)
{
	if (model->count > 0 && rng_below(&f->rng, 4) > 0)
		return model->entries[rng_below(&f->rng, model->count)].at;
	return random_key(f, shapes[shape].types, shapes[shape].keys);
}

static void removals_run(struct fixture *f, struct txn_rw *txn)
{
	for (size_t s = 0; s < COUNT_OF(shapes); s++) {
		struct model model = model_new();
		int64_t snapshot = 0, event = 1;
		for (int i = 0; i < 900; i++) {
			/* grows for a third of the way, then shrinks to nothing or nearly so */
			bool grows = i < 300 || rng_below(&f->rng, 4) == 0;
			struct state_key at = grows ? random_key(f, shapes[s].types, shapes[s].keys)
						    : some_place(f, &model, s);
			int64_t before = snapshot;
			bool there = model_find(&model, at) != NULL;
			if (grows) {
				assert_int_equal(snapshot_set(txn, snapshot, at, ++event, &snapshot), RC_OK);
				model_set(&model, at, event);
			} else {
				assert_int_equal(snapshot_remove(txn, snapshot, at, &snapshot), RC_OK);
				assert_int_equal(snapshot == before, !there);
				model_remove(&model, at);
			}
			if (i % 17 == 0)
				assert_same_shape(txn_reading(txn), snapshot, tree_of(txn, &model));
		}
		assert_holds(txn_reading(txn), snapshot, &model);
		while (model.count > 0) {
			struct state_key at = model.entries[0].at;
			assert_int_equal(snapshot_remove(txn, snapshot, at, &snapshot), RC_OK);
			model_remove(&model, at);
		}
		assert_int_equal(snapshot, 0);
		free(model.entries);
	}
}

static void removals_keep_the_shape(void **state)
{
	in_transaction(state, removals_run);
}

static void batch_apply(struct fixture *f, struct txn_rw *txn, size_t shape, struct model *model,
    int64_t *snapshot, int64_t *event)
{
	struct state_entry changes[BATCH_MAX];
	static const size_t sizes[] = {1, 3, 20, BATCH_MAX};
	size_t count = rng_below(&f->rng, sizes[rng_below(&f->rng, COUNT_OF(sizes))] + 1);
	uint64_t removing = rng_below(&f->rng, 4);
	for (size_t i = 0; i < count; i++) {
		bool removes = rng_below(&f->rng, 4) < removing;
		struct state_key at = removes ? some_place(f, model, shape)
					      : random_key(f, shapes[shape].types, shapes[shape].keys);
		changes[i] = (struct state_entry){at, removes ? 0 : ++*event};
		if (i > 0 && rng_below(&f->rng, 10) == 0)
			changes[i].at = changes[rng_below(&f->rng, i)].at; /* the last one counts */
	}
	assert_int_equal(snapshot_apply(txn, *snapshot, changes, count, snapshot), RC_OK);
	for (size_t i = 0; i < count; i++) {
		if (changes[i].event != 0)
			model_set(model, changes[i].at, changes[i].event);
		else
			model_remove(model, changes[i].at);
	}
}

static void batches_run(struct fixture *f, struct txn_rw *txn)
{
	for (size_t s = 0; s < COUNT_OF(shapes); s++) {
		struct model model = model_new();
		int64_t snapshot = 0, event = 1;
		for (int i = 0; i < 60; i++) {
			struct model before = model_copy(&model);
			int64_t old = snapshot;
			batch_apply(f, txn, s, &model, &snapshot, &event);
			assert_holds(txn_reading(txn), snapshot, &model);
			assert_same_shape(txn_reading(txn), snapshot, tree_of(txn, &model));
			assert_diff(txn_reading(txn), old, snapshot, &before, &model);
			free(before.entries);
		}
		free(model.entries);
	}
}

static void batches_match_brute_force(void **state)
{
	in_transaction(state, batches_run);
}

static int64_t nodes_stored(struct txn_rw *txn)
{
	return fixture_sql_number(txn, "SELECT count(*) FROM state_nodes");
}

/* Changes of one leaf cost one path; what changes nothing costs nothing; taking a change back shares the rest. */
static void sharing_run(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	enum { N = 5000, MANY = 1000 };
	static struct state_entry all[N];
	int64_t snapshot, same, nodes = nodes_stored(txn);
	for (int i = 0; i < N; i++)
		all[i] = (struct state_entry){{3, i + 1}, 1000 + i};
	assert_int_equal(snapshot_apply(txn, 0, all, N, &snapshot), RC_OK);
	int64_t tree = nodes_stored(txn) - nodes; /* the whole tree, each node once */
	assert_true(tree < N / 8);

	nodes += tree;
	assert_int_equal(snapshot_apply(txn, snapshot, all, MANY, &same), RC_OK);
	assert_int_equal(same, snapshot);
	struct state_entry absent[2] = {{{3, N + 7}, 0}, {{9, 1}, 0}};
	assert_int_equal(snapshot_apply(txn, snapshot, absent, 2, &same), RC_OK);
	assert_int_equal(same, snapshot);
	assert_int_equal(nodes_stored(txn), nodes);

	struct state_entry near[2] = {{{3, 1}, 7}, {{3, 1 + 4096}, 7}}; /* the same low nibbles */
	assert_int_equal(snapshot_apply(txn, snapshot, near, 2, &same), RC_OK);
	assert_in_range(nodes_stored(txn) - nodes, 2, 6);
	nodes = nodes_stored(txn);
	for (int i = 0; i < MANY; i++)
		all[i].event = 0;
	assert_int_equal(snapshot_apply(txn, snapshot, all, MANY, &same), RC_OK);
	assert_true(nodes_stored(txn) - nodes <= tree);
}

static void a_batch_writes_each_node_once(void **state)
{
	in_transaction(state, sharing_run);
}

static void limits_run(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	int64_t snapshot = 77;
	static struct state_entry changes[2] = {{{1, 1}, 5}, {{1, -1}, 5}};
	assert_int_equal(snapshot_apply(txn, 0, changes, 2, &snapshot), RC_INVALID_PARAM);
	changes[1] = (struct state_entry){{1, 2}, -5};
	assert_int_equal(snapshot_apply(txn, 0, changes, 2, &snapshot), RC_INVALID_PARAM);
	assert_int_equal(
	    snapshot_apply(txn, 0, changes, SNAPSHOT_CHANGES_MAX + 1, &snapshot), RC_TOO_LARGE);
	assert_int_equal(snapshot, 77);
	assert_int_equal(snapshot_apply(txn, 0, NULL, 0, &snapshot), RC_OK);
	assert_int_equal(snapshot, 0);
	assert_int_equal(snapshot_remove(txn, 0, (struct state_key){1, 1}, &snapshot), RC_OK);
	assert_int_equal(snapshot, 0);
	assert_int_equal(
	    snapshot_remove(txn, 999999, (struct state_key){1, 1}, &snapshot), RC_CORRUPT);
}

static void limits(void **state)
{
	in_transaction(state, limits_run);
}

/* Wherever memory ends, the outcome says so. */
static void failing_run(struct fixture *f, struct txn_rw *txn)
{
	struct model model = model_new();
	static struct state_entry changes[200];
	int64_t snapshot = 0, event = 1, after;
	for (int i = 0; i < 20; i++)
		batch_apply(f, txn, 1, &model, &snapshot, &event);
	for (size_t i = 0; i < COUNT_OF(changes); i++)
		changes[i] = (struct state_entry){random_key(f, 60, 10), i % 3 ? ++event : 0};
	enum rc rc = RC_NOMEM;
	int64_t failures = 0;
	for (; rc != RC_OK; failures++) {
		arena_fail_after(failures);
		rc = snapshot_apply(txn, snapshot, changes, COUNT_OF(changes), &after);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
		assert_true(failures < 100000);
	}
	assert_true(failures > 20);
	free(model.entries);
}

static void failing_allocations_are_told(void **state)
{
	in_transaction(state, failing_run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(removals_keep_the_shape),
	    TEST(batches_match_brute_force),
	    TEST(a_batch_writes_each_node_once),
	    TEST(limits),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
