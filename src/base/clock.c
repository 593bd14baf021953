#include "base/clock.h"

#include "base/assert.h"

#include <time.h>

static int64_t read_ms(clockid_t which)
{
	struct timespec now;
	ASSERT(clock_gettime(which, &now) == 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *self)
{
	(void)self;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *self)
{
	(void)self;
	return read_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall_ms, system_mono_ms, NULL};

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock->self);
}

int64_t clock_mono_ms(const struct clock *clock)
{
	return clock->mono_ms(clock->self);
}

static int64_t fake_wall_ms(void *self)
{
	struct clock_fake *fake = self;
	return __atomic_load_n(&fake->wall_ms, __ATOMIC_RELAXED);
}

static int64_t fake_mono_ms(void *self)
{
	struct clock_fake *fake = self;
	return __atomic_load_n(&fake->mono_ms, __ATOMIC_RELAXED);
}

struct clock clock_fake_make(struct clock_fake *fake)
{
	return (struct clock){fake_wall_ms, fake_mono_ms, fake};
}

void clock_fake_advance(struct clock_fake *fake, int64_t ms)
{
	__atomic_fetch_add(&fake->wall_ms, ms, __ATOMIC_RELAXED);
	__atomic_fetch_add(&fake->mono_ms, ms, __ATOMIC_RELAXED);
}
