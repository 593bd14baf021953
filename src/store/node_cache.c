/*
 * Bytes of tree nodes in memory, bounded. Nodes never change once made and their numbers are never given twice by a
 * process, so nothing is ever invalidated. Sharded by number; the clock algorithm evicts.
 */
#include "store/store_int.h"

#include "base/heap.h"

#include <string.h>

struct node_cache_entry {
	struct node_cache_entry
	    *next; /* the ring; the hand stands on the entry before the next candidate */
	int64_t node;
	uint32_t bytes_n;
	bool recently_used;
	unsigned char bytes[];
};

/* What an entry costs beside its bytes: itself, malloc's own, and two slots of the map (it is half full). */
enum {
	ENTRY_OVERHEAD_BYTES = sizeof(struct node_cache_entry) + 16 + 2 * sizeof(struct map64_slot)
};

void node_cache_init(struct node_cache *cache, size_t max_bytes)
{
	*cache = (struct node_cache){.shard_max_bytes = max_bytes / NODE_CACHE_SHARDS};
	for (int i = 0; i < NODE_CACHE_SHARDS; i++) {
		lock_init(&cache->shards[i].mu);
		map64_init(&cache->shards[i].nodes);
	}
}

static void shard_empty(struct node_cache_shard *shard) REQUIRES(shard->mu)
{
	size_t cursor = 0;
	uint64_t key;
	void *value;
	while (map64_next(&shard->nodes, &cursor, &key, &value))
		heap_free(value);
	map64_release(&shard->nodes);
	map64_init(&shard->nodes);
	shard->hand = NULL;
	shard->bytes = 0;
}

void node_cache_clear(struct node_cache *cache)
{
	for (int i = 0; i < NODE_CACHE_SHARDS; i++) {
		struct node_cache_shard *shard = &cache->shards[i];
		lock_take(&shard->mu);
		shard_empty(shard);
		lock_drop(&shard->mu);
	}
}

void node_cache_release(struct node_cache *cache)
{
	node_cache_clear(cache);
	for (int i = 0; i < NODE_CACHE_SHARDS; i++)
		lock_destroy(&cache->shards[i].mu);
}

static struct node_cache_shard *shard_of(struct node_cache *cache, int64_t node)
{
	return &cache->shards[(uint64_t)node % NODE_CACHE_SHARDS];
}

size_t node_cache_get(struct node_cache *cache, int64_t node, unsigned char *copy)
{
	struct node_cache_shard *shard = shard_of(cache, node);
	size_t n = 0;
	lock_take(&shard->mu);
	struct node_cache_entry *entry = map64_get(&shard->nodes, (uint64_t)node);
	if (entry) {
		entry->recently_used = true;
		n = entry->bytes_n;
		memcpy(copy, entry->bytes, n);
	}
	lock_drop(&shard->mu);
	return n;
}

/* Removes the next entry that was not used since the hand passed it last. Some entry must be there. */
static struct node_cache_entry *evict_locked(struct node_cache_shard *shard) REQUIRES(shard->mu)
{
	while (shard->hand->next->recently_used) {
		shard->hand = shard->hand->next;
		shard->hand->recently_used = false;
	}
	struct node_cache_entry *victim = shard->hand->next;
	shard->hand->next = victim->next;
	if (victim == shard->hand)
		shard->hand = NULL;
	shard->bytes -= victim->bytes_n + ENTRY_OVERHEAD_BYTES;
	map64_remove(&shard->nodes, (uint64_t)victim->node);
	return victim;
}

static void ring_add_locked(struct node_cache_shard *shard, struct node_cache_entry *entry)
    REQUIRES(shard->mu)
{
	if (shard->hand) {
		entry->next = shard->hand->next;
		shard->hand->next = entry;
	} else {
		entry->next = entry;
	}
	shard->hand = entry; /* the newest is looked at last */
	shard->bytes += entry->bytes_n + ENTRY_OVERHEAD_BYTES;
}

/* A failing allocation only means that the node is not kept. */
void node_cache_put(struct node_cache *cache, int64_t node, const unsigned char *bytes, size_t n)
{
	struct node_cache_shard *shard = shard_of(cache, node);
	struct node_cache_entry *entry = heap_alloc(sizeof *entry + n);
	if (!entry)
		return;
	*entry = (struct node_cache_entry){.node = node, .bytes_n = (uint32_t)n};
	memcpy(entry->bytes, bytes, n);
	struct node_cache_entry *evicted = NULL;
	lock_take(&shard->mu);
	while (shard->hand && shard->bytes + n + ENTRY_OVERHEAD_BYTES > cache->shard_max_bytes) {
		struct node_cache_entry *victim = evict_locked(shard);
		victim->next = evicted;
		evicted = victim;
	}
	if (!map64_get(&shard->nodes, (uint64_t)node) &&
	    map64_put(&shard->nodes, (uint64_t)node, entry, NULL) == RC_OK) {
		ring_add_locked(shard, entry);
		entry = NULL;
	}
	lock_drop(&shard->mu);
	heap_free(entry);
	while (evicted) {
		struct node_cache_entry *next = evicted->next;
		heap_free(evicted);
		evicted = next;
	}
}

size_t node_cache_bytes(struct node_cache *cache)
{
	size_t bytes = 0;
	for (int i = 0; i < NODE_CACHE_SHARDS; i++) {
		lock_take(&cache->shards[i].mu);
		bytes += cache->shards[i].bytes;
		lock_drop(&cache->shards[i].mu);
	}
	return bytes;
}
