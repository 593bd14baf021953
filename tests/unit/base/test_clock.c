#include "base/test.h"

#include "base/clock.h"

#include <time.h>

static void system_clock_agrees_with_libc(void **state)
{
	(void)state;
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = clock_wall_ms(&clock_system);
	assert_true(now >= before && now < before + 60000);
	int64_t first = clock_mono_ms(&clock_system);
	for (int i = 0; i < 1000; i++) {
		int64_t next = clock_mono_ms(&clock_system);
		assert_true(next >= first);
		first = next;
	}
}

static void fake_clock_stands_until_moved(void **state)
{
	(void)state;
	struct clock_fake fake = {.wall_ms = 1000000, .mono_ms = 5};
	struct clock clock = clock_fake_make(&fake);
	assert_int_equal(clock_wall_ms(&clock), 1000000);
	assert_int_equal(clock_mono_ms(&clock), 5);
	clock_fake_advance(&fake, 250);
	assert_int_equal(clock_wall_ms(&clock), 1000250);
	assert_int_equal(clock_mono_ms(&clock), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_clock_agrees_with_libc),
		cmocka_unit_test(fake_clock_stands_until_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
