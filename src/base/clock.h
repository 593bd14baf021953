/*
 * Time, injected so that tests fix it. Any thread.
 *
 * `wall_ms` is for what people and peers see (origin_server_ts, expiry), `mono_ms` for intervals.
 */
#ifndef EXEUNT_BASE_CLOCK_H
#define EXEUNT_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(void *self); /* milliseconds since 1970-01-01T00:00Z */
	int64_t (*mono_ms)(void *self); /* milliseconds since some fixed moment; never backwards */
	void *self;
};

extern const struct clock clock_system;

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);

/* A clock that stands until it is moved; `fake` must outlive the clock. */
struct clock_fake {
	int64_t wall_ms, mono_ms; /* read and written atomically */
};

struct clock clock_fake_make(struct clock_fake *fake);
void clock_fake_advance(struct clock_fake *fake, int64_t ms);

#endif
