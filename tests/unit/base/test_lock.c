#include "base/test.h"

#include "base/clock.h"
#include "base/lock.h"

#include <signal.h>

enum { THREADS = 4, ROUNDS = 20000, TURNS = 200 };

struct shared {
	struct lock mu;
	struct cond changed;
	long count;
	int turn; /* of the thread that may go on */
};

static struct shared shared;

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		lock_take(&shared.mu);
		shared.count++;
		lock_drop(&shared.mu);
	}
	return NULL;
}

static void lock_excludes(void **state)
{
	(void)state;
	shared = (struct shared){0};
	lock_init(&shared.mu);
	thread threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_rc(thread_start(&threads[i], "counter", count_up, NULL), RC_OK);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	assert_int_equal(shared.count, THREADS * ROUNDS);
	lock_destroy(&shared.mu);
}

static void *take_turns(void *arg)
{
	int me = *(const int *)arg;
	for (int i = 0; i < TURNS; i++) {
		lock_take(&shared.mu);
		while (shared.turn != me)
			cond_wait(&shared.changed, &shared.mu);
		shared.count++;
		shared.turn = (me + 1) % THREADS;
		lock_drop(&shared.mu);
		cond_broadcast(&shared.changed);
	}
	return NULL;
}

static void cond_wakes_who_waits(void **state)
{
	(void)state;
	shared = (struct shared){0};
	lock_init(&shared.mu);
	cond_init(&shared.changed);
	thread threads[THREADS];
	int numbers[THREADS];
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_rc(thread_start(&threads[i], "turn", take_turns, &numbers[i]), RC_OK);
	}
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	assert_int_equal(shared.count, THREADS * TURNS);
	assert_int_equal(shared.turn, 0);
	cond_destroy(&shared.changed);
	lock_destroy(&shared.mu);
}

static void waiting_ends_by_itself(void **state)
{
	(void)state;
	static const struct {
		int64_t timeout_ms, least_ms;
	} rows[] = {{30, 30}, {0, 0}, {-1, 0}, {INT64_MIN, 0}};
	shared = (struct shared){0};
	lock_init(&shared.mu);
	cond_init(&shared.changed);
	lock_take(&shared.mu);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t before = clock_mono_ms(&clock_system);
		while (cond_wait_ms(&shared.changed, &shared.mu, rows[i].timeout_ms)) {
			/* woken for no reason, which POSIX allows */
		}
		assert_true(clock_mono_ms(&clock_system) - before >= rows[i].least_ms);
	}
	lock_drop(&shared.mu);
	cond_destroy(&shared.changed);
	lock_destroy(&shared.mu);
}

static void *signal_once(void *arg)
{
	(void)arg;
	lock_take(&shared.mu);
	shared.turn = 1;
	lock_drop(&shared.mu);
	cond_signal(&shared.changed);
	return NULL;
}

static void a_signal_comes_before_a_long_timeout(void **state)
{
	(void)state;
	static const int64_t timeouts_ms[] = {60000, INT64_MAX};
	for (size_t i = 0; i < COUNT_OF(timeouts_ms); i++) {
		shared = (struct shared){0};
		lock_init(&shared.mu);
		cond_init(&shared.changed);
		lock_take(&shared.mu);
		thread t;
		assert_rc(thread_start(&t, "signaller", signal_once, NULL), RC_OK);
		while (!shared.turn)
			assert_true(cond_wait_ms(&shared.changed, &shared.mu, timeouts_ms[i]));
		lock_drop(&shared.mu);
		thread_join(t);
		cond_destroy(&shared.changed);
		lock_destroy(&shared.mu);
	}
}

static void *read_mask(void *ret_mask)
{
	pthread_sigmask(SIG_SETMASK, NULL, ret_mask);
	return NULL;
}

static void threads_take_no_signals(void **state)
{
	(void)state;
	sigset_t seen, before, after;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	thread t;
	assert_rc(thread_start(&t, "masked", read_mask, &seen), RC_OK);
	thread_join(t);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&seen, SIGTERM) == 1 && sigismember(&seen, SIGINT) == 1);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock_excludes),
		cmocka_unit_test(cond_wakes_who_waits),
		cmocka_unit_test(waiting_ends_by_itself),
		cmocka_unit_test(a_signal_comes_before_a_long_timeout),
		cmocka_unit_test(threads_take_no_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
