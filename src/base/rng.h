/* Randomness, injected so that tests fix it. Any thread; the system's never fails (it aborts). */
#ifndef EXEUNT_BASE_RNG_H
#define EXEUNT_BASE_RNG_H

#include "base/arena.h"

struct rng {
	void (*fill)(void *self, void *bytes, size_t n); /* n bytes fit for keys */
	void *self;
};

extern const struct rng rng_system;

void rng_fill(const struct rng *rng, void *bytes, size_t n);
uint64_t rng_u64(const struct rng *rng);
uint64_t rng_below(const struct rng *rng, uint64_t bound); /* uniform in [0, bound); bound > 0 */

enum rng_alphabet {
	RNG_ALPHANUMERIC, /* A-Z a-z 0-9: tokens, 5.95 bits a character */
	RNG_UPPERCASE,    /* A-Z: device ids */
};

/* `n` random characters in the arena; empty when the arena failed. */
str rng_text(const struct rng *rng, struct arena *arena, enum rng_alphabet alphabet, size_t n);

/* A repeatable generator for tests (not for keys): splitmix64 from `*seed`, which must outlive it. */
struct rng rng_seeded(uint64_t *seed);

#endif
