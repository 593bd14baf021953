/*
 * Hash maps from text or from 64-bit integers to pointers.
 *
 * Open addressing; text is hashed by SipHash-1-3 under a key drawn at init, so that peers cannot choose
 * collisions. Keys of `struct map` are borrowed: they must live as long as their entry (usually inside
 * the value). Not thread-safe: the owner locks. Removing while iterating is allowed for the entry just delivered.
 */
#ifndef EXEUNT_BASE_MAP_H
#define EXEUNT_BASE_MAP_H

#include "base/rc.h"
#include "base/rng.h"
#include "base/str.h"

struct map_slot {
	uint64_t hash; /* 0: never used; 1: removed */
	str key;
	void *value;
};

struct map {
	struct map_slot *slots;
	size_t capacity, used, live; /* used counts removed slots too */
	uint64_t seed[2];
};

void map_init(struct map *map, const struct rng *rng);
void map_release(struct map *map); /* values are the owner's */

void *map_get(const struct map *map, str key);              /* NULL when absent */
/* Inserts or replaces; `*ret_old` (may be NULL) is the value before, or NULL. `value` must not be NULL. */
MUST_CHECK enum rc map_put(struct map *map, str key, void *value, void **ret_old);
void *map_remove(struct map *map, str key);                 /* the value that was there, or NULL */
size_t map_count(const struct map *map);
/* Iterates: `*cursor` starts at 0. False at the end. */
bool map_next(const struct map *map, size_t *cursor, str *ret_key, void **ret_value);

struct map64_slot {
	uint64_t key;
	void *value; /* NULL: never used */
};

/* The same for integer keys (our own numbers, not chosen by peers). */
struct map64 {
	struct map64_slot *slots;
	size_t capacity, used, live;
};

void map64_init(struct map64 *map);
void map64_release(struct map64 *map);
void *map64_get(const struct map64 *map, uint64_t key);
MUST_CHECK enum rc map64_put(struct map64 *map, uint64_t key, void *value, void **ret_old);
void *map64_remove(struct map64 *map, uint64_t key);
size_t map64_count(const struct map64 *map);
bool map64_next(const struct map64 *map, size_t *cursor, uint64_t *ret_key, void **ret_value);

#endif
