#include "core/push/cache_int.h"

void cache_init(struct cache *cache, size_t max_bytes)
{
	*cache = (struct cache){.max_bytes = max_bytes};
	lock_init(&cache->mu);
	map64_init(&cache->objects);
}

void cache_release(struct cache *cache)
{
	struct cached *object = cache->hand;
	while (object) {
		struct cached *next = object->next == cache->hand ? NULL : object->next;
		cached_unref(object);
		object = next;
	}
	map64_release(&cache->objects);
	lock_destroy(&cache->mu);
}

/* The finalizer of SplitMix64 over both. */
uint64_t cache_key(int64_t a, int64_t b)
{
	uint64_t x = (uint64_t)a * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)b;
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void cached_ref(struct cached *object)
{
	__atomic_add_fetch(&object->refs, 1, __ATOMIC_RELAXED);
}

void cached_unref(struct cached *object)
{
	if (object && __atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL) == 0)
		object->free(object);
}

static void ring_add_locked(struct cache *cache, struct cached *object)
{
	struct cached *hand = cache->hand;
	object->next = hand ? hand : object;
	object->prev = hand ? hand->prev : object;
	object->next->prev = object->prev->next = object;
	cache->hand = hand ? hand : object;
	cache->bytes += object->bytes;
}

static void ring_remove_locked(struct cache *cache, struct cached *object)
{
	if (cache->hand == object)
		cache->hand = object->next == object ? NULL : object->next;
	object->prev->next = object->next;
	object->next->prev = object->prev;
	cache->bytes -= object->bytes;
}

/* What was not used since the hand came by last goes; its references are dropped by the caller, without the lock. */
static struct cached *evict_one_locked(struct cache *cache)
{
	struct cached *object = cache->hand;
	while (object->used) {
		object->used = false;
		object = object->next;
	}
	cache->hand = object;
	ring_remove_locked(cache, object);
	(void)map64_remove(&cache->objects, object->key);
	return object;
}

struct cached *cache_get(struct cache *cache, uint64_t key)
{
	lock_take(&cache->mu);
	struct cached *object = map64_get(&cache->objects, key);
	if (object) {
		object->used = true;
		cached_ref(object);
	}
	lock_drop(&cache->mu);
	return object;
}

void cache_put(struct cache *cache, struct cached *object)
{
	void *old = NULL;
	struct cached *dropped = NULL;
	cached_ref(object);
	lock_take(&cache->mu);
	enum rc rc = map64_put(&cache->objects, object->key, object, &old);
	if (rc == RC_OK) {
		if (old)
			ring_remove_locked(cache, old);
		object->used = true;
		ring_add_locked(cache, object);
		while (cache->bytes > cache->max_bytes && cache->hand) {
			struct cached *evicted = evict_one_locked(cache);
			evicted->next = dropped;
			dropped = evicted;
		}
	}
	lock_drop(&cache->mu);
	if (rc != RC_OK)
		cached_unref(object);
	cached_unref(old);
	while (dropped) {
		struct cached *next = dropped->next;
		cached_unref(dropped);
		dropped = next;
	}
}
