/*
 * Rate limits: token buckets by class and by whom (a user or an address).
 *
 * A bucket holds at most `burst` tokens and gains `per_minute`. The number of buckets is bounded: the one unused for
 * longest makes place, so that a flood of addresses costs a fixed amount of memory. Any thread; short lock.
 *
 * Where several processes serve one server, each counts what comes to it, and nobody adds that up. So each grants an
 * equal share: together they grant no more than one alone would, but for the single token that a bucket holds at least.
 */
#ifndef EXEUNT_API_RATE_LIMIT_H
#define EXEUNT_API_RATE_LIMIT_H

#include "base/arena.h"
#include "base/rng.h"

enum rate_class {
	RATE_NONE,     /* never refused */
	RATE_LOGIN,    /* by address: login, refresh */
	RATE_REGISTER, /* by address: registration and what it shows about accounts */
	RATE_AUTH,     /* user-interactive authentication by password */
	RATE_MESSAGE,  /* sending events */
	RATE_JOIN,     /* memberships and new rooms */
	RATE_GENERAL,  /* everything else */
	RATE_CLASS_COUNT
};

struct rate {
	int64_t burst;      /* tokens of a full bucket, 1 … RATE_MAX */
	int64_t per_minute; /* tokens gained, 1 … RATE_MAX */
};

enum { RATE_MAX = 1000000 };

struct rate_limits {
	bool enabled;
	struct rate of[RATE_CLASS_COUNT]; /* that of RATE_NONE is not read */
	size_t buckets_max;
};

/* What a server does when nobody has configured it. */
struct rate_limits rate_limits_default(void);

struct rate_limiter;

MUST_CHECK enum rc rate_limiter_new(
    const struct rate_limits *limits, const struct rng *rng, struct rate_limiter **ret_limiter);
void rate_limiter_free(struct rate_limiter *limiter);

/*
 * Takes a token of `who` (at most RATE_KEY_MAX_BYTES, the rest is ignored) out of the share of one in `processes` (at
 * least 1; the number may change from call to call). False: none is left; the next comes in `*ret_retry_after_ms` (at
 * least 1).
 */
enum { RATE_KEY_MAX_BYTES = 64, RATE_PROCESSES_MAX = 1000 };
MUST_CHECK bool rate_take(struct rate_limiter *limiter, enum rate_class class, str who,
    size_t processes, int64_t now_mono_ms, int64_t *ret_retry_after_ms);

size_t rate_bucket_count(struct rate_limiter *limiter);

#endif
