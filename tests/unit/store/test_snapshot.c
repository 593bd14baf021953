/* Room state as a persistent tree, held against a plain array; types, keys and the node cache. */
#include "snapshot_model.h"

#include "store/node_int.h"
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

static void random_sets_run(struct fixture *f, struct txn_rw *txn)
{
	static const struct {
		int64_t types, keys;
		int changes;
	} shapes[] = {
	    {1, 20, 60},
	    {40, 1, 100},
	    {3, 40, 200},
	    {300, 5, 600},
	    {2, 100000, 700},
	    {20, 1LL << 40, 600},
	    {1LL << 50, 1LL << 50, 500},
	};
	for (size_t s = 0; s < COUNT_OF(shapes); s++) {
		struct model model = model_new();
		int64_t snapshot = 0, event = 1;
		for (int i = 0; i < shapes[s].changes; i++) {
			struct state_key at = random_key(f, shapes[s].types, shapes[s].keys);
			assert_int_equal(
			    snapshot_set(txn, snapshot, at, ++event, &snapshot), RC_OK);
			model_set(&model, at, event);
			if (i % 31 == 0)
				assert_holds(txn_reading(txn), snapshot, &model);
		}
		assert_holds(txn_reading(txn), snapshot, &model);
		free(model.entries);
	}
}

static void random_sets(void **state)
{
	in_transaction(state, random_sets_run);
}

/* ---- differences ---- */

/* From one base of every size two descendants go apart: base, a, b and nothing are compared with each other. */
static void diffs_run(struct fixture *f, struct txn_rw *txn)
{
	for (int round = 0; round < 160; round++) {
		struct model models[4];
		int64_t snapshots[4] = {0}, event = 1;
		int64_t types = 1 + (int64_t)rng_below(&f->rng, 20),
			keys = 1 + (int64_t)rng_below(&f->rng, 400);
		models[0] = model_new();
		models[1] = model_new();
		for (uint64_t n = rng_below(&f->rng, 200); n > 0; n--) {
			struct state_key at = random_key(f, types, keys);
			assert_int_equal(
			    snapshot_set(txn, snapshots[1], at, ++event, &snapshots[1]), RC_OK);
			model_set(&models[1], at, event);
		}
		for (int side = 2; side < 4; side++) {
			models[side] = model_copy(&models[1]);
			snapshots[side] = snapshots[1];
			for (uint64_t n = rng_below(&f->rng, 60); n > 0; n--) {
				struct state_key at = random_key(f, types * 2, keys * 2);
				assert_int_equal(snapshot_set(txn, snapshots[side], at, ++event,
						     &snapshots[side]),
				    RC_OK);
				model_set(&models[side], at, event);
			}
		}
		for (int a = 0; a < 4; a++)
			for (int b = 0; b < 4; b++)
				assert_diff(txn_reading(txn), snapshots[a], snapshots[b],
				    &models[a], &models[b]);
		for (int i = 0; i < 4; i++)
			free(models[i].entries);
	}
}

static void diffs_match_brute_force(void **state)
{
	in_transaction(state, diffs_run);
}

/* ---- size, sharing, shape ---- */

static int64_t bytes_stored(struct txn_rw *txn)
{
	return fixture_sql_number(txn, "SELECT coalesce(sum(length(bytes)), 0) FROM state_nodes");
}

enum { MEMBERS = 10000, CHANGES = 500 };

static void large_room_run(struct fixture *f, struct txn_rw *txn)
{
	struct model model = model_new();
	int64_t snapshot = 0, before, after, event = 1000000;
	for (int i = 0; i < 20;
	     i++) { /* types 1 to 20 with one key, then the members under type 2 */
		model_set(&model, (struct state_key){i + 1, 1}, ++event);
		assert_int_equal(
		    snapshot_set(txn, snapshot, (struct state_key){i + 1, 1}, event, &snapshot),
		    RC_OK);
	}
	for (int i = 0; i < MEMBERS; i++) {
		struct state_key at = {2, 1000 + 3 * i};
		model.entries[model.count++] = (struct state_entry){at, ++event};
		assert_int_equal(snapshot_set(txn, snapshot, at, event, &snapshot), RC_OK);
	}
	assert_holds(txn_reading(txn), snapshot, &model);

	int64_t base = snapshot, bytes = bytes_stored(txn),
		nodes = fixture_sql_number(txn, "SELECT count(*) FROM state_nodes");
	for (int i = 0; i < CHANGES; i++) {
		struct state_key at = {2, 1000 + 3 * (int64_t)rng_below(&f->rng, MEMBERS)};
		assert_int_equal(snapshot_set(txn, snapshot, at, ++event, &snapshot), RC_OK);
	}
	int64_t bytes_each = (bytes_stored(txn) - bytes) / CHANGES;
	double nodes_each =
	    (double)(fixture_sql_number(txn, "SELECT count(*) FROM state_nodes") - nodes) / CHANGES;
	print_message("a change among %d members: %lld bytes in %.1f nodes\n", MEMBERS,
	    (long long)bytes_each, nodes_each);
	assert_in_range(bytes_each, 50, 500);
	assert_true(nodes_each <= 6);

	struct found_diff diff = {model_new(), model_new()};
	assert_int_equal(
	    snapshot_diff(txn_reading(txn), base, snapshot, diff_collect, &diff), RC_OK);
	assert_in_range(diff.before.count, CHANGES / 2, CHANGES);
	free(diff.before.entries);
	free(diff.after.entries);

	struct model one_type = model_new(); /* a walk of one type reads no other */
	assert_int_equal(snapshot_each(txn_reading(txn), snapshot, 2, model_collect, &one_type), RC_OK);
	assert_int_equal(one_type.count, MEMBERS + 1);
	for (size_t i = 0; i < one_type.count; i++)
		assert_int_equal(one_type.entries[i].at.type, 2);
	free(one_type.entries);

	before = fixture_sql_number(txn, "SELECT count(*) FROM state_nodes");
	assert_int_equal(
	    snapshot_set(txn, base, (struct state_key){2, 1000}, 1000021, &after), RC_OK);
	assert_int_equal(after, base); /* the same event stood there: nothing is written */
	assert_int_equal(fixture_sql_number(txn, "SELECT count(*) FROM state_nodes"), before);
	free(model.entries);
}

static void a_large_room_costs_little(void **state)
{
	in_transaction(state, large_room_run);
}

static void shape_of(struct txn_ro *txn, int64_t nid, int depth, char *text, size_t max)
{
	struct node node;
	size_t n = strlen(text);
	assert_int_equal(node_load(txn, nid, -1, &node), RC_OK);
	assert_true(n + 32 < max);
	if (node.is_leaf) {
		snprintf(text + n, max - n, "%d:%u@%lld;", depth, node.count,
		    (long long)node.entries[0].at.key);
		return;
	}
	snprintf(text + n, max - n, "%d/%d;", depth, node.level);
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (node.children[i])
			shape_of(txn, node.children[i], depth + 1, text, max);
}

static void shape_run(struct fixture *f, struct txn_rw *txn)
{
	enum { N = 300, SHAPE_BYTES = 16384 };
	static char shapes[2][SHAPE_BYTES];
	int order[N];
	for (int i = 0; i < N; i++)
		order[i] = i;
	for (int pass = 0; pass < 2; pass++) {
		int64_t snapshot = 0;
		for (int i = 0; i < N; i++) {
			struct state_key at = {1 + order[i] % 7, 1 + order[i] * 37};
			assert_int_equal(snapshot_set(txn, snapshot, at, 5, &snapshot), RC_OK);
		}
		shapes[pass][0] = '\0';
		shape_of(txn_reading(txn), snapshot, 0, shapes[pass], SHAPE_BYTES);
		for (int i = N - 1; i > 0; i--) { /* shuffle */
			int j = (int)rng_below(&f->rng, (uint64_t)i + 1), kept = order[i];
			order[i] = order[j];
			order[j] = kept;
		}
	}
	assert_string_equal(shapes[0], shapes[1]);
}

static void the_shape_follows_from_the_set(void **state)
{
	in_transaction(state, shape_run);
}

/* ---- what cannot be ---- */

static void limits_run(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	int64_t snapshot = 77, event;
	assert_int_equal(
	    snapshot_set(txn, 0, (struct state_key){1, 1}, 0, &snapshot), RC_INVALID_PARAM);
	assert_int_equal(
	    snapshot_set(txn, 0, (struct state_key){-1, 1}, 5, &snapshot), RC_INVALID_PARAM);
	assert_int_equal(snapshot, 77);
	assert_int_equal(
	    snapshot_get(txn_reading(txn), 0, (struct state_key){1, 1}, &event), RC_NOT_FOUND);
	assert_int_equal(
	    snapshot_get(txn_reading(txn), 999999, (struct state_key){1, 1}, &event), RC_CORRUPT);
}

static void limits(void **state)
{
	in_transaction(state, limits_run);
}

static void damaged_nodes_are_refused(void **state)
{
	(void)state;
	struct node node = {
	    .is_leaf = true, .count = 2, .entries = {{{1, 5}, 9}, {{3, 1LL << 40}, 1LL << 50}}};
	struct node inner = {
	    .level = 17, .some_key = {4, 300}, .children = {[0] = 1LL << 62, [15] = 7}};
	unsigned char bytes[NODE_MAX_BYTES + 1];
	struct node back;
	const struct node *good[] = {&node, &inner};
	for (int g = 0; g < 2; g++) {
		size_t n = node_encode(good[g], bytes);
		assert_int_equal(node_decode(str_bytes(bytes, n), &back), RC_OK);
		unsigned char again[NODE_MAX_BYTES];
		assert_int_equal(node_encode(&back, again), n);
		assert_memory_equal(again, bytes, n);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(node_decode(str_bytes(bytes, cut), &back), RC_CORRUPT);
		bytes[n] = 0;
		assert_int_equal(node_decode(str_bytes(bytes, n + 1), &back), RC_CORRUPT);
	}
	static const char *const bad[] = {
	    "\x02\x01\x01\x01\x01",             /* no such kind */
	    "\x00\x02\x01\x05\x09\x00\x05\x09", /* the same key twice */
	    "\x01\x20\x01\x01\x03\x01\x05\x06", /* beyond the last nibble */
	    "\x01\x03\x01\x01\x01\x01\x05",     /* one child only */
	    "\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(node_decode(str_of(bad[i]), &back), RC_CORRUPT);
}

/* An inner node whose child is itself must not make a walk endless. */
static void cycle_run(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	struct node inner = {.level = 3, .some_key = {1, 1}};
	int64_t nid = txn_reading(txn)->store->last_node + 1, event;
	for (int i = 0; i < CHILDREN_MAX; i++)
		inner.children[i] = nid;
	assert_int_equal(node_store(txn, &inner, &nid), RC_OK);
	assert_int_equal(
	    snapshot_get(txn_reading(txn), nid, (struct state_key){1, 1}, &event), RC_CORRUPT);
	struct model found = model_new();
	assert_int_equal(snapshot_each(txn_reading(txn), nid, 0, model_collect, &found), RC_CORRUPT);
	assert_int_equal(snapshot_set(txn, nid, (struct state_key){1, 1}, 5, &event), RC_CORRUPT);
	free(found.entries);
}

static void cycles_are_refused(void **state)
{
	in_transaction(state, cycle_run);
}

static void snapshots_survive(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!r");
	char user_id[32];
	for (int i = 0; i < 100; i++) {
		snprintf(user_id, sizeof user_id, "@u%d:x", i);
		fixture_member(f, room, user_id, MEMBERSHIP_JOIN);
	}
	fixture_reopen(f); /* with an empty cache */
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row row;
	struct event_row event;
	assert_int_equal(room_get(txn, &f->arena, room, &row), RC_OK);
	for (int i = 0; i < 100; i++) {
		snprintf(user_id, sizeof user_id, "@u%d:x", i);
		assert_int_equal(state_event(txn, &f->arena, row.snapshot, STR("m.room.member"),
				     str_of(user_id), &event),
		    RC_OK);
		assert_true(str_eq(event.state_key, str_of(user_id)));
	}
	assert_int_equal(
	    state_event(txn, &f->arena, row.snapshot, STR("m.room.name"), STR(""), &event),
	    RC_NOT_FOUND);
}

static void the_cache_is_bounded(void **state)
{
	(void)state;
	struct node_cache cache;
	unsigned char bytes[NODE_MAX_BYTES], copy[NODE_MAX_BYTES];
	node_cache_init(&cache, 64 * 1024);
	for (int64_t node = 1; node <= 5000; node++) {
		memset(bytes, (int)(node & 127), sizeof bytes);
		node_cache_put(&cache, node, bytes, 1 + (size_t)node % 300);
		assert_true(node_cache_bytes(&cache) <= 64 * 1024);
		assert_int_equal(node_cache_get(&cache, 1, copy), 2); /* kept in use: it stays */
	}
	size_t n = node_cache_get(&cache, 5000, copy);
	assert_int_equal(n, 1 + 5000 % 300);
	assert_memory_equal(copy, bytes, n);
	assert_int_equal(node_cache_get(&cache, 2, copy), 0);
	node_cache_release(&cache);
}

/* ---- numbers of texts ---- */

static void numbers_run(struct fixture *f, struct txn_rw *txn)
{
	int64_t a, b, c;
	str text;
	struct txn_ro *ro = txn_reading(txn);
	assert_int_equal(type_nid_find(ro, STR("t"), &a), RC_NOT_FOUND);
	assert_int_equal(type_nid_make(txn, STR("t"), &a), RC_OK);
	assert_int_equal(type_nid_make(txn, STR("t"), &b), RC_OK);
	assert_int_equal(type_nid_make(txn, STR("u\0v"), &c), RC_OK);
	assert_int_equal(a, b);
	assert_true(a != c);
	assert_int_equal(type_of(ro, &f->arena, c, &text), RC_OK);
	assert_true(str_eq(text, STR("u\0v"))); /* a type may hold a NUL */
	assert_int_equal(key_nid_make(txn, STR(""), &a), RC_OK);
	assert_int_equal(key_nid_find(ro, STR(""), &b), RC_OK);
	assert_int_equal(a, b);
	assert_int_equal(key_of(ro, &f->arena, a, &text), RC_OK);
	assert_int_equal(text.n, 0);
	assert_int_equal(key_of(ro, &f->arena, 4711, &text), RC_NOT_FOUND);
	assert_int_equal(user_nid_make(txn, STR("@n:x"), &a), RC_OK);
	assert_int_equal(user_id_of(ro, &f->arena, a, &text), RC_OK);
	assert_true(str_eq(text, STR("@n:x")));
}

static void numbers_of_texts(void **state)
{
	in_transaction(state, numbers_run);
}

static enum rc type_then_fail(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	int64_t nid;
	TRY(type_nid_make(txn, STR("lost"), &nid));
	TRY(type_nid_make(txn, STR("lost"), &nid));
	*(int64_t *)arg = nid;
	return RC_FORBIDDEN;
}

static enum rc type_make(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return type_nid_make(txn, STR("kept"), arg);
}

/* A type that was rolled back must not be remembered: its number is another's afterwards. */
static void lost_types_are_forgotten(void **state)
{
	struct fixture *f = *state;
	int64_t lost, kept, found;
	assert_int_equal(store_write(f->store, type_then_fail, &lost, NULL), RC_FORBIDDEN);
	assert_int_equal(store_write(f->store, type_make, &kept, NULL), RC_OK);
	if (f->database[0] == '\0')
		assert_int_equal(kept, lost); /* the number is given again */
	for (int i = 0; i < 2; i++) { /* from the table, then from the cache */
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		assert_int_equal(type_nid_find(txn, STR("lost"), &found), RC_NOT_FOUND);
		assert_int_equal(type_nid_find(txn, STR("kept"), &found), RC_OK);
		assert_int_equal(found, kept);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(random_sets),
	    TEST(diffs_match_brute_force),
	    TEST(a_large_room_costs_little),
	    TEST(the_shape_follows_from_the_set),
	    TEST(limits),
	    cmocka_unit_test(damaged_nodes_are_refused),
	    TEST(cycles_are_refused),
	    TEST(snapshots_survive),
	    cmocka_unit_test(the_cache_is_bounded),
	    TEST(numbers_of_texts),
	    TEST(lost_types_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
