#include "api/rate_limit.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/lock.h"
#include "base/map.h"

#include <string.h>

/* A token is 60,000 units, so that a bucket gains exactly `per_minute` units a millisecond. */
#define UNITS_PER_TOKEN INT64_C(60000)

struct bucket {
	struct bucket *newer, *older; /* by last use */
	int64_t units;
	int64_t seen_mono_ms;
	size_t key_bytes;
	char key[RATE_KEY_MAX_BYTES + 1]; /* the class, then who */
};

struct rate_limiter {
	struct rate_limits limits;
	struct lock mu;
	struct map buckets GUARDED_BY(mu);
	struct bucket *newest GUARDED_BY(mu);
	struct bucket *oldest GUARDED_BY(mu);
};

struct rate_limits rate_limits_default(void)
{
	return (struct rate_limits){
	    .enabled = true,
	    .of =
		{
		    [RATE_LOGIN] = {20, 30},
		    [RATE_REGISTER] = {20, 20},
		    [RATE_AUTH] = {20, 30},
		    [RATE_MESSAGE] = {200, 1200},
		    [RATE_JOIN] = {100, 300},
		    [RATE_GENERAL] = {600, 6000},
		},
	    .buckets_max = 100000,
	};
}

static bool limits_valid(const struct rate_limits *limits)
{
	for (int class = RATE_NONE + 1; class < RATE_CLASS_COUNT; class ++) {
		const struct rate *rate = &limits->of[class];
		if (rate->burst < 1 || rate->burst > RATE_MAX || rate->per_minute < 1 ||
		    rate->per_minute > RATE_MAX)
			return false;
	}
	return limits->buckets_max > 0;
}

enum rc rate_limiter_new(
    const struct rate_limits *limits, const struct rng *rng, struct rate_limiter **ret_limiter)
{
	if (!limits_valid(limits))
		return RC_INVALID_PARAM;
	struct rate_limiter *limiter = heap_zero(1, sizeof(*limiter));
	if (!limiter)
		return RC_NOMEM;
	limiter->limits = *limits;
	lock_init(&limiter->mu);
	map_init(&limiter->buckets, rng);
	*ret_limiter = limiter;
	return RC_OK;
}

void rate_limiter_free(struct rate_limiter *limiter)
{
	if (!limiter)
		return;
	for (struct bucket *bucket = limiter->newest, *older; bucket; bucket = older) {
		older = bucket->older;
		heap_free(bucket);
	}
	map_release(&limiter->buckets);
	lock_destroy(&limiter->mu);
	heap_free(limiter);
}

static void bucket_unlink_locked(struct rate_limiter *limiter, struct bucket *bucket)
    REQUIRES(limiter->mu)
{
	*(bucket->newer ? &bucket->newer->older : &limiter->newest) = bucket->older;
	*(bucket->older ? &bucket->older->newer : &limiter->oldest) = bucket->newer;
}

static void bucket_push_locked(struct rate_limiter *limiter, struct bucket *bucket)
    REQUIRES(limiter->mu)
{
	bucket->newer = NULL;
	bucket->older = limiter->newest;
	*(limiter->newest ? &limiter->newest->newer : &limiter->oldest) = bucket;
	limiter->newest = bucket;
}

/* The bucket of a key, full when it is new. NULL: no memory. */
static struct bucket *bucket_get_locked(
    struct rate_limiter *limiter, str key, int64_t full_units, int64_t now_ms) REQUIRES(limiter->mu)
{
	struct bucket *bucket = map_get(&limiter->buckets, key);
	if (bucket) {
		bucket_unlink_locked(limiter, bucket);
		bucket_push_locked(limiter, bucket);
		return bucket;
	}
	if (map_count(&limiter->buckets) >= limiter->limits.buckets_max) {
		bucket = limiter->oldest;
		bucket_unlink_locked(limiter, bucket);
		(void)map_remove(&limiter->buckets, str_bytes(bucket->key, bucket->key_bytes));
	} else {
		bucket = heap_alloc(sizeof(*bucket));
		if (!bucket)
			return NULL;
	}
	memcpy(bucket->key, key.p, key.n);
	bucket->key_bytes = key.n;
	bucket->units = full_units;
	bucket->seen_mono_ms = now_ms;
	if (map_put(&limiter->buckets, str_bytes(bucket->key, bucket->key_bytes), bucket, NULL) !=
	    RC_OK) {
		heap_free(bucket);
		return NULL;
	}
	bucket_push_locked(limiter, bucket);
	return bucket;
}

/* One in so many processes asks so many times the price: its bucket then holds, and gains, its share to the unit. */
static int64_t price(size_t processes)
{
	return (int64_t)processes * UNITS_PER_TOKEN;
}

/* At least one token, or nobody would ever be served. */
static int64_t bucket_size(const struct rate *rate, size_t processes)
{
	int64_t units = rate->burst * UNITS_PER_TOKEN;
	return units > price(processes) ? units : price(processes);
}

static bool bucket_take(struct bucket *bucket, const struct rate *rate, size_t processes,
    int64_t now_ms, int64_t *ret_retry_after_ms)
{
	int64_t full = bucket_size(rate, processes), cost = price(processes);
	int64_t elapsed_ms = now_ms - bucket->seen_mono_ms;
	/* Compared by division: an hour's gain must not overflow. */
	if (elapsed_ms > (full - bucket->units) / rate->per_minute)
		bucket->units = full;
	else if (elapsed_ms > 0)
		bucket->units += elapsed_ms * rate->per_minute;
	bucket->seen_mono_ms = now_ms;
	if (bucket->units >= cost) {
		bucket->units -= cost;
		return true;
	}
	int64_t lacking = cost - bucket->units;
	*ret_retry_after_ms = (lacking + rate->per_minute - 1) / rate->per_minute;
	return false;
}

bool rate_take(struct rate_limiter *limiter, enum rate_class class, str who, size_t processes,
    int64_t now_mono_ms, int64_t *ret_retry_after_ms)
{
	ASSERT(class >= RATE_NONE && class < RATE_CLASS_COUNT);
	ASSERT(processes >= 1 && processes <= RATE_PROCESSES_MAX);
	if (!limiter->limits.enabled || class == RATE_NONE)
		return true;
	const struct rate *rate = &limiter->limits.of[class];
	char key[RATE_KEY_MAX_BYTES + 1];
	who = str_first(who, RATE_KEY_MAX_BYTES);
	key[0] = (char)('0' + (int)class);
	if (who.n > 0)
		memcpy(key + 1, who.p, who.n);
	lock_take(&limiter->mu);
	struct bucket *bucket = bucket_get_locked(
	    limiter, str_bytes(key, who.n + 1), bucket_size(rate, processes), now_mono_ms);
	/* Without memory for a bucket the request will find none either; it is not refused here. */
	bool taken = !bucket || bucket_take(bucket, rate, processes, now_mono_ms, ret_retry_after_ms);
	lock_drop(&limiter->mu);
	return taken;
}

size_t rate_bucket_count(struct rate_limiter *limiter)
{
	lock_take(&limiter->mu);
	size_t count = map_count(&limiter->buckets);
	lock_drop(&limiter->mu);
	return count;
}
