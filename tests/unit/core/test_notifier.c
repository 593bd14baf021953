/* core/sync/notifier: every wake reaches whoever watches, and nobody after that. */
#include "base/test.h"
#include "core/sync/notifier.h"

enum { WAITERS = 6, ROUNDS = 2000, USERS_FROM = 100 };

static int setup(void **state)
{
	struct notifier *notifier;
	if (notifier_new(&notifier) != RC_OK)
		return 1;
	*state = notifier;
	return 0;
}

static int teardown(void **state)
{
	notifier_free(*state);
	return 0;
}

static void count_wake(void *self)
{
	++*(int *)self;
}

static void wakes_by_room_and_by_user(void **state)
{
	static const int64_t rooms[] = {1, 2, 3}, others[] = {3, 4};
	struct notifier *notifier = *state;
	struct watch *one, *two;
	int wakes[2] = {0};
	assert_rc(watch_new(notifier, 7, rooms, COUNT_OF(rooms), count_wake, &wakes[0], &one), RC_OK);
	assert_rc(watch_new(notifier, 8, others, COUNT_OF(others), count_wake, &wakes[1], &two), RC_OK);
	notify_room(notifier, 1);
	assert_true(wakes[0] == 1 && wakes[1] == 0);
	notify_room(notifier, 3);
	assert_true(wakes[0] == 2 && wakes[1] == 1);
	notify_user(notifier, 8);
	assert_true(wakes[0] == 2 && wakes[1] == 2);
	notify_user(notifier, 1); /* a user is no room */
	notify_room(notifier, 7);
	notify_room(notifier, 99);
	assert_true(wakes[0] == 2 && wakes[1] == 2);
	watch_free(one);
	notify_room(notifier, 3);
	assert_true(wakes[0] == 2 && wakes[1] == 3);
	watch_free(two);
	watch_free(NULL);
	notify_room(notifier, 3);
	assert_int_equal(wakes[1], 3);
}

static void without_memory_nothing_stays(void **state)
{
	static const int64_t rooms[] = {1, 2, 3, 4};
	struct notifier *notifier = *state;
	struct watch *watch = NULL;
	int wakes = 0, failures = 0;
	enum rc rc;
	do {
		arena_fail_after(failures);
		rc = watch_new(notifier, 7, rooms, COUNT_OF(rooms), count_wake, &wakes, &watch);
		arena_fail_after(-1);
		if (rc == RC_OK)
			break;
		assert_rc(rc, RC_NOMEM);
		failures++;
		notify_room(notifier, 1);
		notify_user(notifier, 7);
		assert_int_equal(wakes, 0);
	} while (failures < 100);
	assert_true(failures >= 5); /* the watch and a key each */
	notify_room(notifier, 4);
	assert_int_equal(wakes, 1);
	watch_free(watch);
}

/*
 * The order that a long-poll keeps: look; if there is nothing, watch, look again, sleep until woken. Each waiter reads a
 * counter that a writer raises before it notifies; one wake lost and the waiter sleeps for ever.
 */
struct news {
	struct notifier *notifier;
	int64_t count;           /* atomic */
	int64_t room;
	struct lock mu;
	struct cond caught_up;
	int read GUARDED_BY(mu); /* waiters that have read the count */
};

struct waiter {
	struct news *news;
	struct lock mu;
	struct cond changed;
	bool woken GUARDED_BY(mu);
	int64_t user;
	thread thread;
};

static void waiter_wake(void *self)
{
	struct waiter *waiter = self;
	lock_take(&waiter->mu);
	waiter->woken = true;
	lock_drop(&waiter->mu);
	cond_signal(&waiter->changed);
}

static void waiter_sleep(struct waiter *waiter)
{
	lock_take(&waiter->mu);
	while (!waiter->woken)
		cond_wait(&waiter->changed, &waiter->mu);
	waiter->woken = false;
	lock_drop(&waiter->mu);
}

static int64_t count_of(struct news *news)
{
	return __atomic_load_n(&news->count, __ATOMIC_ACQUIRE);
}

static void *wait_main(void *arg)
{
	struct waiter *waiter = arg;
	struct news *news = waiter->news;
	for (int64_t seen = 0; seen < ROUNDS;) {
		struct watch *watch;
		if (watch_new(news->notifier, waiter->user, &news->room, 1, waiter_wake, waiter, &watch) != RC_OK)
			return NULL;
		if (count_of(news) == seen)
			waiter_sleep(waiter);
		watch_free(watch);
		int64_t count = count_of(news);
		if (count == seen)
			continue; /* woken by the end of an earlier round */
		seen = count;
		lock_take(&news->mu);
		news->read++;
		lock_drop(&news->mu);
		cond_signal(&news->caught_up);
	}
	return NULL;
}

/* Every round finds all waiters on their way into or out of a sleep. */
static void all_have_read(struct news *news, int waiters)
{
	lock_take(&news->mu);
	while (news->read < waiters)
		cond_wait(&news->caught_up, &news->mu);
	news->read = 0;
	lock_drop(&news->mu);
}

static void no_wake_is_lost(void **state)
{
	struct news news = {.notifier = *state, .room = 5};
	struct waiter waiters[WAITERS];
	lock_init(&news.mu);
	cond_init(&news.caught_up);
	for (int i = 0; i < WAITERS; i++) {
		struct waiter *waiter = &waiters[i];
		*waiter = (struct waiter){.news = &news, .user = USERS_FROM + i};
		lock_init(&waiter->mu);
		cond_init(&waiter->changed);
		assert_rc(thread_start(&waiter->thread, "waiter", wait_main, waiter), RC_OK);
	}
	for (int64_t round = 1; round <= ROUNDS; round++) {
		all_have_read(&news, round == 1 ? 0 : WAITERS);
		__atomic_store_n(&news.count, round, __ATOMIC_RELEASE);
		if (round % 3)
			notify_room(news.notifier, news.room);
		else
			for (int i = 0; i < WAITERS; i++)
				notify_user(news.notifier, USERS_FROM + i);
	}
	for (int i = 0; i < WAITERS; i++) {
		thread_join(waiters[i].thread);
		cond_destroy(&waiters[i].changed);
		lock_destroy(&waiters[i].mu);
	}
	cond_destroy(&news.caught_up);
	lock_destroy(&news.mu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wakes_by_room_and_by_user, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_nothing_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(no_wake_is_lost, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
