/* The cache of shared objects: replacing, evicting, references, and several threads at once. */
#include "base/test.h"

#include "base/heap.h"
#include "core/push/cache_int.h"

#include <stdlib.h>

enum { WEIGHT = 100 };

static int alive; /* atomic */

struct thing {
	struct cached cached;
	int64_t value;
};

static void thing_free(struct cached *cached)
{
	__atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
	heap_free(CONTAINER_OF(cached, struct thing, cached));
}

static void put(struct cache *cache, uint64_t key, int64_t value)
{
	struct thing *thing = heap_new(struct thing);
	assert_non_null(thing);
	__atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
	*thing = (struct thing){.cached = {.key = key, .bytes = WEIGHT, .free = thing_free, .refs = 1}, .value = value};
	cache_put(cache, &thing->cached);
	cached_unref(&thing->cached);
}

/* -1: not there */
static int64_t value_at(struct cache *cache, uint64_t key)
{
	struct cached *cached = cache_get(cache, key);
	int64_t value = cached ? CONTAINER_OF(cached, struct thing, cached)->value : -1;
	cached_unref(cached);
	return value;
}

static void replaced_and_released(void **state)
{
	(void)state;
	struct cache cache;
	cache_init(&cache, 10 * WEIGHT);
	put(&cache, 1, 10);
	put(&cache, 2, 20);
	struct cached *held = cache_get(&cache, 1);
	put(&cache, 1, 11);
	assert_int_equal(value_at(&cache, 1), 11);
	assert_int_equal(CONTAINER_OF(held, struct thing, cached)->value, 10);
	assert_int_equal(alive, 3);
	cached_unref(held);
	assert_int_equal(alive, 2);
	assert_int_equal(value_at(&cache, 3), -1);
	cache_release(&cache);
	assert_int_equal(alive, 0);
	cached_unref(NULL);
}

static void bounded(void **state)
{
	(void)state;
	struct cache cache;
	cache_init(&cache, 10 * WEIGHT);
	for (uint64_t key = 0; key < 100; key++) {
		put(&cache, key, (int64_t)key);
		assert_true(value_at(&cache, 7) == (key < 7 ? -1 : 7)); /* what is used stays */
		assert_true(cache.bytes <= 10 * WEIGHT);
		assert_true(alive <= 10);
	}
	assert_int_equal(value_at(&cache, 99), 99);
	cache_release(&cache);
	assert_int_equal(alive, 0);
}

static void too_heavy(void **state)
{
	(void)state;
	struct cache cache;
	cache_init(&cache, WEIGHT / 2);
	put(&cache, 1, 1);
	assert_int_equal(value_at(&cache, 1), -1);
	assert_int_equal(alive, 0);
	cache_release(&cache);
}

struct worker {
	struct cache *cache;
	uint64_t seed;
	thread thread;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	for (int i = 0; i < 20000; i++) {
		worker->seed = worker->seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t key = worker->seed >> 60;
		if (worker->seed & 1024)
			put(worker->cache, key, (int64_t)key);
		else if (value_at(worker->cache, key) > (int64_t)key)
			abort();
	}
	return NULL;
}

static void several_threads(void **state)
{
	(void)state;
	struct cache cache;
	struct worker workers[4];
	cache_init(&cache, 5 * WEIGHT);
	for (size_t i = 0; i < COUNT_OF(workers); i++) {
		workers[i] = (struct worker){.cache = &cache, .seed = i};
		assert_rc(thread_start(&workers[i].thread, "worker", work, &workers[i]), RC_OK);
	}
	for (size_t i = 0; i < COUNT_OF(workers); i++)
		thread_join(workers[i].thread);
	assert_true(alive <= 5);
	cache_release(&cache);
	assert_int_equal(alive, 0);
}

static void keys(void **state)
{
	(void)state;
	assert_true(cache_key(1, 2) != cache_key(2, 1));
	assert_true(cache_key(1, 2) != cache_key(1, 3));
	assert_true(cache_key(INT64_MAX, 2) != cache_key(INT64_MAX - 1, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_and_released), cmocka_unit_test(bounded), cmocka_unit_test(too_heavy),
		cmocka_unit_test(several_threads), cmocka_unit_test(keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
