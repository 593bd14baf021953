#include "base/test.h"

#include "core/account/session_cache.h"

static struct session_cache *cache;
static struct arena arena;
static uint64_t seed;
static struct rng rng;

static int set_up(void **state)
{
	(void)state;
	seed = 3;
	rng = rng_seeded(&seed);
	arena_init(&arena, MEBIBYTE);
	return session_cache_new(3, &rng, &cache) == RC_OK ? 0 : 1;
}

static int tear_down(void **state)
{
	(void)state;
	session_cache_free(cache);
	arena_release(&arena);
	return 0;
}

static struct sha256 token_of(int number)
{
	return sha256(str_bytes(&number, sizeof(number)));
}

static void put(int token, int64_t user, uint64_t epoch)
{
	struct sha256 hash = token_of(token);
	struct session session = {.user = user, .device = token, .user_id = STR("@u:x"), .device_id = STR("DEV")};
	session_cache_put(cache, epoch, &hash, &session);
}

static bool has(int token)
{
	struct sha256 hash = token_of(token);
	struct session session;
	return session_cache_get(cache, &arena, &hash, &session) && session.device == token &&
	       str_eq(session.user_id, STR("@u:x")) && str_eq(session.device_id, STR("DEV"));
}

static void keeps_and_drops_by_user(void **state)
{
	(void)state;
	uint64_t epoch = session_cache_epoch(cache);
	put(1, 10, epoch);
	put(2, 10, epoch);
	put(3, 20, epoch);
	put(3, 20, epoch); /* twice is once */
	assert_true(has(1) && has(2) && has(3) && !has(4));
	session_cache_drop_user(cache, 10);
	assert_true(!has(1) && !has(2) && has(3));
	assert_int_equal(session_cache_count(cache), 1);
	session_cache_drop_user(cache, 99);
	assert_true(has(3));
}

/* Each place in a user's chain can go: first, middle, last. */
static void unlinks_anywhere_in_a_chain(void **state)
{
	(void)state;
	for (int kept = 1; kept <= 3; kept++) {
		uint64_t epoch = session_cache_epoch(cache);
		for (int token = 1; token <= 3; token++)
			put(token, 10, epoch);
		assert_true(has(kept)); /* now the newest: two others go first */
		put(4, 20, epoch);
		put(5, 20, epoch);
		assert_true(has(kept) && has(4) && has(5));
		session_cache_drop_user(cache, 10);
		assert_true(!has(kept) && has(4) && has(5));
		session_cache_drop_user(cache, 20);
		assert_int_equal(session_cache_count(cache), 0);
	}
}

static void the_longest_unused_goes_first(void **state)
{
	(void)state;
	uint64_t epoch = session_cache_epoch(cache);
	put(1, 1, epoch);
	put(2, 2, epoch);
	put(3, 3, epoch);
	assert_true(has(1));
	put(4, 4, epoch);
	assert_true(has(1) && !has(2) && has(3) && has(4));
	assert_int_equal(session_cache_count(cache), 3);
}

/* What was read before a drop, of whomever, is not kept after it. */
static void a_drop_voids_what_was_read_before(void **state)
{
	(void)state;
	uint64_t epoch = session_cache_epoch(cache);
	session_cache_drop_user(cache, 10);
	put(1, 10, epoch);
	assert_false(has(1));
	put(1, 10, session_cache_epoch(cache));
	assert_true(has(1));
}

static void survives_every_failed_allocation(void **state)
{
	(void)state;
	for (int64_t k = 0; k < 50; k++) {
		struct session_cache *tight;
		struct sha256 hash = token_of(1);
		struct session session = {.user = 1, .user_id = STR("@u:x")}, found;
		arena_fail_after(k);
		enum rc rc = session_cache_new(3, &rng, &tight);
		if (rc == RC_OK)
			session_cache_put(tight, 0, &hash, &session);
		arena_fail_after(-1);
		if (rc != RC_OK) {
			assert_int_equal(rc, RC_NOMEM);
			continue;
		}
		if (session_cache_get(tight, &arena, &hash, &found))
			assert_int_equal(found.user, 1);
		else
			assert_int_equal(session_cache_count(tight), 0);
		session_cache_drop_user(tight, 1);
		assert_int_equal(session_cache_count(tight), 0);
		session_cache_free(tight);
	}
}

static void none_are_kept_when_the_maximum_is_zero(void **state)
{
	(void)state;
	struct session_cache *none;
	struct sha256 hash = token_of(1);
	struct session session = {.user = 1};
	assert_rc(session_cache_new(0, &rng, &none), RC_OK);
	session_cache_put(none, 0, &hash, &session);
	assert_int_equal(session_cache_count(none), 0);
	session_cache_free(none);
	session_cache_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(keeps_and_drops_by_user),
		TEST(unlinks_anywhere_in_a_chain),
		TEST(the_longest_unused_goes_first),
		TEST(a_drop_voids_what_was_read_before),
		TEST(survives_every_failed_allocation),
		TEST(none_are_kept_when_the_maximum_is_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
