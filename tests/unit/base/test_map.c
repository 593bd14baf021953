#include "base/test.h"

#include "base/map.h"

#include <stdio.h>

enum { MANY = 5000 };

static char keys[MANY][16];
static size_t key_count_seen[MANY];

static str key_of(size_t i)
{
	snprintf(keys[i], sizeof keys[i], "key %zu", i);
	return str_of(keys[i]);
}

static void put_get_replace_remove(void **state)
{
	(void)state;
	struct map map;
	map_init(&map, &rng_system);
	int one = 1, two = 2;
	void *old = &two;
	assert_null(map_get(&map, STR("a")));
	assert_null(map_remove(&map, STR("a")));
	assert_rc(map_put(&map, STR("a"), &one, &old), RC_OK);
	assert_null(old);
	assert_ptr_equal(map_get(&map, STR("a")), &one);
	assert_rc(map_put(&map, STR("a"), &two, &old), RC_OK);
	assert_ptr_equal(old, &one);
	assert_int_equal(map_count(&map), 1);
	assert_ptr_equal(map_remove(&map, STR("a")), &two);
	assert_null(map_get(&map, STR("a")));
	assert_int_equal(map_count(&map), 0);
	map_release(&map);
	map_release(&map);
}

static void keys_are_bytes(void **state)
{
	(void)state;
	struct map map;
	map_init(&map, &rng_system);
	static const str odd[] = {STR_INIT(""), STR_INIT("\0"), STR_INIT("\0\0"), STR_INIT("a"), STR_INIT("a\0b"),
	                          STR_INIT("a\0c"), STR_INIT("12345678"), STR_INIT("123456789")};
	int values[COUNT_OF(odd)];
	for (size_t i = 0; i < COUNT_OF(odd); i++)
		assert_rc(map_put(&map, odd[i], &values[i], NULL), RC_OK);
	for (size_t i = 0; i < COUNT_OF(odd); i++)
		assert_ptr_equal(map_get(&map, odd[i]), &values[i]);
	assert_ptr_equal(map_get(&map, STR_EMPTY), &values[0]);
	map_release(&map);
}

static void grows_with_its_entries(void **state)
{
	(void)state;
	struct map map;
	map_init(&map, &rng_system);
	for (size_t i = 0; i < MANY; i++)
		assert_rc(map_put(&map, key_of(i), keys[i], NULL), RC_OK);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(map_get(&map, str_of(keys[i])), keys[i]);
	assert_int_equal(map_count(&map), MANY);
	assert_null(map_get(&map, STR("key -1")));
	map_release(&map);
}

static void removal_while_iterating(void **state)
{
	(void)state;
	struct map map;
	map_init(&map, &rng_system);
	memset(key_count_seen, 0, sizeof key_count_seen);
	for (size_t i = 0; i < MANY; i++)
		assert_rc(map_put(&map, key_of(i), &key_count_seen[i], NULL), RC_OK);
	size_t cursor = 0;
	str key;
	void *value;
	while (map_next(&map, &cursor, &key, &value)) {
		size_t i = (size_t)((size_t *)value - key_count_seen);
		key_count_seen[i]++;
		assert_str(key, str_of(keys[i]));
		if (i % 2)
			assert_ptr_equal(map_remove(&map, key), value);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(key_count_seen[i], 1);
		assert_ptr_equal(map_get(&map, str_of(keys[i])), i % 2 ? NULL : &key_count_seen[i]);
	}
	assert_int_equal(map_count(&map), MANY / 2);
	map_release(&map);
}

static void turnover_does_not_grow_it(void **state)
{
	(void)state;
	struct map map;
	struct map64 map64;
	map_init(&map, &rng_system);
	map64_init(&map64);
	for (size_t i = 0; i < 100000; i++) {
		str key = key_of(i % MANY);
		assert_rc(map_put(&map, key, keys[i % MANY], NULL), RC_OK);
		assert_ptr_equal(map_remove(&map, key), keys[i % MANY]);
		assert_rc(map64_put(&map64, i, keys[i % MANY], NULL), RC_OK);
		assert_ptr_equal(map64_remove(&map64, i), keys[i % MANY]);
	}
	assert_int_equal(map_count(&map), 0);
	assert_true(map.capacity <= 64);
	assert_true(map64.capacity <= 64);
	map_release(&map);
	map64_release(&map64);
}

/* Every operation against an array that says what must be there. */
static void agrees_with_a_plain_array(void **state)
{
	(void)state;
	enum { KEYS = 97 };
	uint64_t seed = 42;
	struct rng rng = rng_seeded(&seed);
	struct map map;
	struct map64 map64;
	void *expected[KEYS] = {0};
	static char values[200];
	map_init(&map, &rng);
	map64_init(&map64);
	for (int step = 0; step < 200000; step++) {
		size_t i = rng_below(&rng, KEYS);
		str key = key_of(i);
		if (rng_below(&rng, 2)) {
			void *value = &values[rng_below(&rng, sizeof values)], *old, *old64;
			assert_rc(map_put(&map, key, value, &old), RC_OK);
			assert_rc(map64_put(&map64, i * 0x100000001u, value, &old64), RC_OK);
			assert_ptr_equal(old, expected[i]);
			assert_ptr_equal(old64, expected[i]);
			expected[i] = value;
		} else {
			assert_ptr_equal(map_remove(&map, key), expected[i]);
			assert_ptr_equal(map64_remove(&map64, i * 0x100000001u), expected[i]);
			expected[i] = NULL;
		}
	}
	size_t count = 0;
	for (size_t i = 0; i < KEYS; i++) {
		assert_ptr_equal(map_get(&map, key_of(i)), expected[i]);
		assert_ptr_equal(map64_get(&map64, i * 0x100000001u), expected[i]);
		count += expected[i] != NULL;
	}
	assert_int_equal(map_count(&map), count);
	assert_int_equal(map64_count(&map64), count);
	map_release(&map);
	map64_release(&map64);
}

static void integer_keys_iterate_and_reach_every_value(void **state)
{
	(void)state;
	struct map64 map;
	map64_init(&map);
	memset(key_count_seen, 0, sizeof key_count_seen);
	assert_null(map64_get(&map, 0));
	assert_null(map64_remove(&map, 0));
	for (size_t i = 0; i < MANY; i++)
		assert_rc(map64_put(&map, i, &key_count_seen[i], NULL), RC_OK);
	static const uint64_t extreme[] = {UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63};
	char value;
	for (size_t i = 0; i < COUNT_OF(extreme); i++) {
		assert_rc(map64_put(&map, extreme[i], &value, NULL), RC_OK);
		assert_ptr_equal(map64_remove(&map, extreme[i]), &value);
	}
	size_t cursor = 0;
	uint64_t key;
	void *got;
	while (map64_next(&map, &cursor, &key, &got)) {
		assert_true(key < MANY);
		assert_ptr_equal(got, &key_count_seen[key]);
		key_count_seen[key]++;
		assert_ptr_equal(map64_remove(&map, key), got);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(key_count_seen[i], 1);
	assert_int_equal(map64_count(&map), 0);
	map64_release(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_get_replace_remove),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(grows_with_its_entries),
		cmocka_unit_test(removal_while_iterating),
		cmocka_unit_test(turnover_does_not_grow_it),
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(integer_keys_iterate_and_reach_every_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
