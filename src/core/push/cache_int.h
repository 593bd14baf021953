/*
 * Inside core/push: a bounded cache of immutable objects that are shared by reference. What is superseded is replaced, not
 * changed, so that who holds a reference reads without a lock. Any thread.
 */
#ifndef EXEUNT_CORE_PUSH_CACHE_INT_H
#define EXEUNT_CORE_PUSH_CACHE_INT_H

#include "base/lock.h"
#include "base/map.h"

/* The first member of what is cached. Set `key`, `bytes` and `free`; the rest is the cache's. */
struct cached {
	uint64_t key;
	size_t bytes; /* that it weighs */
	void (*free)(struct cached *object);
	int refs;                   /* atomic */
	bool used;                  /* since the hand came by */
	struct cached *next, *prev; /* a ring, for the clock algorithm */
};

struct cache {
	struct lock mu;
	struct map64 objects GUARDED_BY(mu);
	struct cached *hand GUARDED_BY(mu);
	size_t bytes GUARDED_BY(mu);
	size_t max_bytes;
};

void cache_init(struct cache *cache, size_t max_bytes);
void cache_release(struct cache *cache);

/* One number out of two. Others may come to the same: look whether the object is the one that was meant. */
uint64_t cache_key(int64_t a, int64_t b);

struct cached *cache_get(struct cache *cache, uint64_t key); /* a reference, or NULL */
/* Takes a reference of its own, and drops what stood there. One that finds no memory is not kept. */
void cache_put(struct cache *cache, struct cached *object);

/* A new object has one reference, its maker's. */
void cached_ref(struct cached *object);
void cached_unref(struct cached *object); /* accepts NULL */

#endif
