#include "base/test.h"

#include "base/queue.h"

#include <stdlib.h>

struct item {
	struct queue_link link;
	int producer, number;
};

static int number_of(struct queue_link *link)
{
	return link ? CONTAINER_OF(link, struct item, link)->number : -1;
}

static void first_in_first_out(void **state)
{
	(void)state;
	struct queue queue;
	struct item items[5] = {0};
	queue_init(&queue);
	assert_null(queue_try_take(&queue));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++) {
			items[i].number = i;
			assert_true(queue_put(&queue, &items[i].link));
		}
		assert_int_equal(queue_count(&queue), 5);
		assert_int_equal(number_of(queue_take(&queue)), 0);
		assert_int_equal(number_of(queue_try_take(&queue)), 1);
		struct queue_link *chain = queue_take_all(&queue);
		for (int i = 2; i < 5; i++, chain = chain->next)
			assert_int_equal(number_of(chain), i);
		assert_null(chain);
		assert_int_equal(queue_count(&queue), 0);
	}
	queue_destroy(&queue);
}

static void closing_delivers_what_is_left(void **state)
{
	(void)state;
	struct queue queue;
	struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
	queue_init(&queue);
	assert_true(queue_put(&queue, &items[0].link));
	assert_true(queue_put(&queue, &items[1].link));
	queue_close(&queue);
	assert_false(queue_put(&queue, &items[2].link));
	assert_int_equal(number_of(queue_take(&queue)), 0);
	assert_int_equal(number_of(queue_take_all(&queue)), 1);
	assert_null(queue_take(&queue));
	assert_null(queue_take_all(&queue));
	assert_null(queue_try_take(&queue));
	queue_close(&queue);
	queue_destroy(&queue);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 20000 };

static struct queue shared;
static struct item all[PRODUCERS][EACH];
static int64_t taken; /* atomic */

static void *produce(void *arg)
{
	struct item *mine = arg;
	for (int i = 0; i < EACH; i++)
		if (!queue_put(&shared, &mine[i].link))
			return arg;
	return NULL;
}

/* Returns NULL when each producer's items came in order. */
static void *consume(void *arg)
{
	bool takes_all = *(const bool *)arg;
	int last[PRODUCERS] = {-1, -1, -1};
	struct queue_link *link;
	while ((link = takes_all ? queue_take_all(&shared) : queue_take(&shared))) {
		while (link) {
			struct queue_link *next = takes_all ? link->next : NULL;
			const struct item *item = CONTAINER_OF(link, struct item, link);
			if (item->number <= last[item->producer])
				return arg;
			last[item->producer] = item->number;
			__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
			link = next;
		}
	}
	return NULL;
}

static void many_threads_lose_nothing(void **state)
{
	(void)state;
	thread producers[PRODUCERS], consumers[CONSUMERS];
	bool takes_all[CONSUMERS] = {true, false, false};
	queue_init(&shared);
	taken = 0;
	for (int i = 0; i < CONSUMERS; i++)
		assert_rc(thread_start(&consumers[i], "consumer", consume, &takes_all[i]), RC_OK);
	for (int i = 0; i < PRODUCERS; i++) {
		for (int n = 0; n < EACH; n++)
			all[i][n] = (struct item){.producer = i, .number = n};
		assert_rc(thread_start(&producers[i], "producer", produce, all[i]), RC_OK);
	}
	void *result;
	for (int i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(producers[i], &result), 0);
		assert_null(result);
	}
	queue_close(&shared);
	for (int i = 0; i < CONSUMERS; i++) {
		assert_int_equal(pthread_join(consumers[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(taken, PRODUCERS * EACH);
	queue_destroy(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(closing_delivers_what_is_left),
		cmocka_unit_test(many_threads_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
