#include "base/test.h"

#include "api/rate_limit.h"

#include <stdio.h>

static uint64_t seed;
static struct rng rng;

static struct rate_limiter *limiter_of(bool enabled, struct rate rate, size_t buckets_max)
{
	struct rate_limits limits = rate_limits_default();
	struct rate_limiter *limiter;
	seed = 5;
	rng = rng_seeded(&seed);
	limits.enabled = enabled;
	limits.buckets_max = buckets_max;
	limits.of[RATE_LOGIN] = rate;
	assert_rc(rate_limiter_new(&limits, &rng, &limiter), RC_OK);
	return limiter;
}

/* Milliseconds to wait; 0: taken. */
static int64_t take(struct rate_limiter *limiter, const char *who, int64_t now_ms)
{
	int64_t retry_after_ms = 0;
	bool taken = rate_take(limiter, RATE_LOGIN, str_of(who), now_ms, &retry_after_ms);
	assert_int_equal(taken, retry_after_ms == 0);
	return retry_after_ms;
}

static void a_bucket_empties_and_fills(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){3, 60}, 10);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(limiter, "a", 1000), 0);
	assert_int_equal(take(limiter, "a", 1000), 1000);
	assert_int_equal(take(limiter, "b", 1000), 0); /* another's is full */
	assert_int_equal(take(limiter, "a", 1400), 600);
	assert_int_equal(take(limiter, "a", 1999), 1);
	assert_int_equal(take(limiter, "a", 2000), 0);
	assert_int_equal(take(limiter, "a", 2000), 1000);
	/* Never more than the burst, however long it takes. */
	int64_t later = INT64_MAX / 2;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(limiter, "a", later), 0);
	assert_int_equal(take(limiter, "a", later), 1000);
	rate_limiter_free(limiter);
}

static void what_it_says_is_enough(void **state)
{
	(void)state;
	static const struct rate rates[] = {{1, 1}, {1, 7}, {2, 59}, {5, 61}, {1, RATE_MAX}, {RATE_MAX, 1}};
	for (size_t i = 0; i < COUNT_OF(rates); i++) {
		struct rate_limiter *limiter = limiter_of(true, rates[i], 10);
		int64_t now_ms = 0, wait_ms;
		for (int64_t n = 0; n < rates[i].burst; n++)
			assert_int_equal(take(limiter, "a", now_ms), 0);
		for (int n = 0; n < 5; n++) {
			wait_ms = take(limiter, "a", now_ms);
			assert_true(wait_ms >= 1);
			if (wait_ms > 1)
				assert_int_equal(take(limiter, "a", now_ms + wait_ms - 1), 1);
			now_ms += wait_ms;
			assert_int_equal(take(limiter, "a", now_ms), 0);
			if (rates[i].per_minute == RATE_MAX)
				break; /* gains more than a token a millisecond */
		}
		rate_limiter_free(limiter);
	}
}

static void classes_and_persons_are_apart(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){1, 1}, 10);
	int64_t wait_ms = 0;
	assert_int_equal(take(limiter, "a", 0), 0);
	assert_true(take(limiter, "a", 0) > 0);
	assert_true(rate_take(limiter, RATE_MESSAGE, STR("a"), 0, &wait_ms));
	assert_true(rate_take(limiter, RATE_NONE, STR("a"), 0, &wait_ms));
	assert_int_equal(take(limiter, "", 0), 0);
	assert_true(take(limiter, "", 0) > 0);
	char one[RATE_KEY_MAX_BYTES + 10];
	memset(one, 'x', sizeof(one));
	assert_true(rate_take(limiter, RATE_LOGIN, str_bytes(one, sizeof(one)), 0, &wait_ms));
	assert_false(rate_take(limiter, RATE_LOGIN, str_bytes(one, RATE_KEY_MAX_BYTES), 0, &wait_ms));
	rate_limiter_free(limiter);
}

static void off_is_off(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(false, (struct rate){1, 1}, 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(take(limiter, "a", 0), 0);
	assert_int_equal(rate_bucket_count(limiter), 0);
	rate_limiter_free(limiter);
}

static void buckets_are_bounded(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){1, 1}, 4);
	char who[16];
	assert_int_equal(take(limiter, "kept", 0), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(who, sizeof(who), "%d", i);
		assert_int_equal(take(limiter, who, 0), 0);
		assert_true(take(limiter, "kept", 0) > 0); /* in use: not thrown out */
	}
	assert_int_equal(rate_bucket_count(limiter), 4);
	assert_int_equal(take(limiter, "0", 0), 0); /* thrown out long ago */
	rate_limiter_free(limiter);
}

static void impossible_limits_are_refused(void **state)
{
	(void)state;
	struct rate_limits limits = rate_limits_default();
	struct rate_limiter *limiter;
	limits.of[RATE_JOIN].burst = 0;
	assert_rc(rate_limiter_new(&limits, &rng_system, &limiter), RC_INVALID_PARAM);
	limits = rate_limits_default();
	limits.of[RATE_JOIN].per_minute = RATE_MAX + 1;
	assert_rc(rate_limiter_new(&limits, &rng_system, &limiter), RC_INVALID_PARAM);
	limits = rate_limits_default();
	limits.buckets_max = 0;
	assert_rc(rate_limiter_new(&limits, &rng_system, &limiter), RC_INVALID_PARAM);
	rate_limiter_free(NULL);
}

static void without_memory_nobody_is_refused(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){1, 1}, 4);
	for (int64_t k = 0; k < 4; k++) {
		arena_fail_after(k);
		int64_t wait_ms = 0;
		bool taken = rate_take(limiter, RATE_LOGIN, STR("somebody"), k, &wait_ms);
		arena_fail_after(-1);
		if (rate_bucket_count(limiter) > 0)
			break; /* there was enough: from now on it counts */
		assert_true(taken);
	}
	assert_int_equal(rate_bucket_count(limiter), 1);
	rate_limiter_free(limiter);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_empties_and_fills),
		cmocka_unit_test(what_it_says_is_enough),
		cmocka_unit_test(classes_and_persons_are_apart),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(buckets_are_bounded),
		cmocka_unit_test(impossible_limits_are_refused),
		cmocka_unit_test(without_memory_nobody_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
