#include "base/rng.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *self, void *bytes, size_t n)
{
	(void)self;
	char *at = bytes;
	while (n) {
		ssize_t got = getrandom(at, n, 0);
		ASSERT(got > 0 || errno == EINTR);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

const struct rng rng_system = {system_fill, NULL};

void rng_fill(const struct rng *rng, void *bytes, size_t n)
{
	rng->fill(rng->self, bytes, n);
}

uint64_t rng_u64(const struct rng *rng)
{
	uint64_t value;
	rng_fill(rng, &value, sizeof value);
	return value;
}

uint64_t rng_below(const struct rng *rng, uint64_t bound)
{
	ASSERT(bound > 0);
	uint64_t unfair = (uint64_t)-bound % bound; /* 2^64 mod bound: values below it are drawn again */
	for (;;) {
		uint64_t value = rng_u64(rng);
		if (value >= unfair)
			return value % bound;
	}
}

str rng_text(const struct rng *rng, struct arena *arena, enum rng_alphabet alphabet, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t count = alphabet == RNG_UPPERCASE ? 26 : sizeof letters - 1;
	char *p = arena_alloc(arena, n);
	if (!p)
		return STR_EMPTY;
	for (size_t i = 0; i < n; i++)
		p[i] = letters[rng_below(rng, count)];
	return (str){p, n};
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the addition writes it */
static uint64_t splitmix64(uint64_t *state)
{
	/* Atomic: the tests of several threads share one generator. */
	uint64_t z = __atomic_add_fetch(state, 0x9e3779b97f4a7c15u, __ATOMIC_RELAXED);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void seeded_fill(void *self, void *bytes, size_t n)
{
	char *at = bytes;
	while (n) {
		uint64_t value = splitmix64(self);
		size_t part = n < sizeof value ? n : sizeof value;
		memcpy(at, &value, part);
		at += part;
		n -= part;
	}
}

struct rng rng_seeded(uint64_t *seed)
{
	return (struct rng){seeded_fill, seed};
}
