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
static int64_t take_share(struct rate_limiter *limiter, const char *who, size_t processes, int64_t now_ms)
{
	int64_t retry_after_ms = 0;
	bool taken = rate_take(limiter, RATE_LOGIN, str_of(who), processes, now_ms, &retry_after_ms);
	assert_int_equal(taken, retry_after_ms == 0);
	return retry_after_ms;
}

static int64_t take(struct rate_limiter *limiter, const char *who, int64_t now_ms)
{
	return take_share(limiter, who, 1, now_ms);
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

/* Tokens until refused. */
static int64_t taken_until_refused(struct rate_limiter *limiter, size_t processes, int64_t now_ms)
{
	int64_t count = 0;
	while (take_share(limiter, "a", processes, now_ms) == 0)
		count++;
	return count;
}

/* So many processes, all of which somebody asks, never grant more than one does. */
static void processes_share(void **state)
{
	(void)state;
	static const struct {
		struct rate rate;
		size_t processes;
		int64_t burst, in_a_minute; /* of each */
	} rows[] = {
		{{20, 30}, 1, 20, 20}, {{20, 30}, 2, 10, 10}, {{20, 30}, 3, 6, 6}, {{20, 12}, 3, 6, 4},
		{{20, 30}, 20, 1, 1},  {{20, 30}, 30, 1, 1},  {{20, 30}, 60, 1, 0}, {{1, 1}, 2, 1, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rate_limiter *limiter = limiter_of(true, rows[i].rate, 10);
		assert_int_equal(taken_until_refused(limiter, rows[i].processes, 0), rows[i].burst);
		assert_int_equal(taken_until_refused(limiter, rows[i].processes, 60000), rows[i].in_a_minute);
		rate_limiter_free(limiter);
	}
}

/* What is waited for is the share's next token, and no fraction of it is lost. */
static void a_share_loses_nothing(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){6, 7}, 10);
	int64_t now_ms = 0, granted = taken_until_refused(limiter, 3, 0);
	assert_int_equal(granted, 2);
	for (; granted < 9; granted++) {
		int64_t wait_ms = take_share(limiter, "a", 3, now_ms);
		assert_in_range(wait_ms, 2, 25715); /* 60 s * 3 / 7 */
		assert_int_equal(take_share(limiter, "a", 3, now_ms + wait_ms - 1), 1);
		now_ms += wait_ms;
		assert_int_equal(take_share(limiter, "a", 3, now_ms), 0);
	}
	assert_int_equal(now_ms, 180000); /* seven */
	rate_limiter_free(limiter);
}

/* Processes come and go: the bucket is the same, only its tokens count for more or less. */
static void shares_follow_the_number_of_processes(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){12, 60}, 10);
	for (int i = 0; i < 4; i++)
		assert_int_equal(take_share(limiter, "a", 1, 0), 0);
	assert_int_equal(taken_until_refused(limiter, 4, 0), 2); /* of the 8 that were left */
	assert_int_equal(take_share(limiter, "a", 1, 0), 1000);
	assert_int_equal(take_share(limiter, "a", 1, 1000), 0);
	/* More processes than tokens: a bucket holds one, and no more afterwards than it may. */
	assert_int_equal(taken_until_refused(limiter, 48, 1000000), 1);
	assert_int_equal(take_share(limiter, "a", 48, 1000000), 48000);
	assert_int_equal(taken_until_refused(limiter, 1, 2000000), 12);
	rate_limiter_free(limiter);
}

static void classes_and_persons_are_apart(void **state)
{
	(void)state;
	struct rate_limiter *limiter = limiter_of(true, (struct rate){1, 1}, 10);
	int64_t wait_ms = 0;
	assert_int_equal(take(limiter, "a", 0), 0);
	assert_true(take(limiter, "a", 0) > 0);
	assert_true(rate_take(limiter, RATE_MESSAGE, STR("a"), 1, 0, &wait_ms));
	assert_true(rate_take(limiter, RATE_NONE, STR("a"), 1, 0, &wait_ms));
	assert_int_equal(take(limiter, "", 0), 0);
	assert_true(take(limiter, "", 0) > 0);
	char one[RATE_KEY_MAX_BYTES + 10];
	memset(one, 'x', sizeof(one));
	assert_true(rate_take(limiter, RATE_LOGIN, str_bytes(one, sizeof(one)), 1, 0, &wait_ms));
	assert_false(rate_take(limiter, RATE_LOGIN, str_bytes(one, RATE_KEY_MAX_BYTES), 1, 0, &wait_ms));
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
		bool taken = rate_take(limiter, RATE_LOGIN, STR("somebody"), 1, k, &wait_ms);
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
		cmocka_unit_test(processes_share),
		cmocka_unit_test(a_share_loses_nothing),
		cmocka_unit_test(shares_follow_the_number_of_processes),
		cmocka_unit_test(classes_and_persons_are_apart),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(buckets_are_bounded),
		cmocka_unit_test(impossible_limits_are_refused),
		cmocka_unit_test(without_memory_nobody_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
