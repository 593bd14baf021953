#include "base/test.h"

#include "base/rng.h"

static void system_fills_all(void **state)
{
	(void)state;
	unsigned char bytes[1024], again[1024];
	unsigned counts[256] = {0};
	rng_fill(&rng_system, bytes, sizeof bytes);
	rng_fill(&rng_system, again, sizeof again);
	assert_memory_not_equal(bytes, again, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		counts[bytes[i]]++;
	for (size_t i = 0; i < 256; i++)
		assert_true(counts[i] < 40); /* 4 are expected; an unfilled part would show */
	rng_fill(&rng_system, bytes, 0);
}

static void seeded_repeats_itself(void **state)
{
	(void)state;
	uint64_t seed_a = 7, seed_b = 7, seed_c = 8;
	struct rng a = rng_seeded(&seed_a), b = rng_seeded(&seed_b), c = rng_seeded(&seed_c);
	uint64_t first = rng_u64(&a);
	assert_true(first == rng_u64(&b));
	assert_true(first != rng_u64(&c));
	assert_true(first != rng_u64(&a));
	unsigned char bytes[13] = {0};
	rng_fill(&a, bytes, sizeof bytes);
	assert_true(bytes[12] || bytes[11] || bytes[10]);
}

static void below_is_fair_and_below(void **state)
{
	(void)state;
	uint64_t seed = 1;
	struct rng rng = rng_seeded(&seed);
	unsigned counts[7] = {0};
	for (int i = 0; i < 70000; i++)
		counts[rng_below(&rng, 7)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9500, 10500);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rng_below(&rng, 1), 0);
		assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
		assert_true(rng_below(&rng, ((uint64_t)1 << 63) + 1) <= (uint64_t)1 << 63);
	}
}

static void text_keeps_to_its_alphabet(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	str text = rng_text(&rng_system, &arena, RNG_ALPHANUMERIC, 5000);
	assert_int_equal(text.n, 5000);
	bool lower = false, upper = false, digit = false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		lower |= c >= 'a' && c <= 'z';
		upper |= c >= 'A' && c <= 'Z';
		digit |= c >= '0' && c <= '9';
		assert_true((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
	}
	assert_true(lower && upper && digit);
	str device = rng_text(&rng_system, &arena, RNG_UPPERCASE, 1000);
	for (size_t i = 0; i < device.n; i++)
		assert_in_range(device.p[i], 'A', 'Z');
	arena_fail_after(0);
	assert_int_equal(rng_text(&rng_system, &arena, RNG_UPPERCASE, 10).n, 0);
	arena_fail_after(-1);
	assert_rc(arena_status(&arena), RC_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_fills_all),
		cmocka_unit_test(seeded_repeats_itself),
		cmocka_unit_test(below_is_fair_and_below),
		cmocka_unit_test(text_keeps_to_its_alphabet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
