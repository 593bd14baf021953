#include "base/map.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };
enum { HASH_EMPTY = 0, HASH_REMOVED = 1, HASH_FIRST = 2 };

static uint64_t rotated(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotated(v[1], 13) ^ v[0];
	v[0] = rotated(v[0], 32);
	v[2] += v[3];
	v[3] = rotated(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotated(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotated(v[1], 17) ^ v[2];
	v[2] = rotated(v[2], 32);
}

/* SipHash-1-3: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). */
static uint64_t sip_hash(const uint64_t seed[2], str s)
{
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
	                 seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
	size_t whole = s.n & ~(size_t)7;
	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word;
		memcpy(&word, s.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	uint64_t last = (uint64_t)s.n << 56;
	for (size_t i = whole; i < s.n; i++)
		last |= (uint64_t)(unsigned char)s.p[i] << (8 * (i - whole));
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t key_hash(const struct map *map, str key)
{
	uint64_t hash = sip_hash(map->seed, key);
	return hash < HASH_FIRST ? hash + HASH_FIRST : hash;
}

void map_init(struct map *map, const struct rng *rng)
{
	*map = (struct map){0};
	rng_fill(rng, map->seed, sizeof map->seed);
}

void map_release(struct map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->capacity = map->used = map->live = 0;
}

static struct map_slot *slot_find(const struct map *map, uint64_t hash, str key)
{
	if (!map->capacity)
		return NULL;
	for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct map_slot *slot = &map->slots[i];
		if (slot->hash == HASH_EMPTY)
			return NULL;
		if (slot->hash == hash && str_eq(slot->key, key))
			return slot;
	}
}

static void slot_add(struct map_slot *slots, size_t capacity, struct map_slot entry)
{
	size_t i = entry.hash & (capacity - 1);
	while (slots[i].hash >= HASH_FIRST)
		i = (i + 1) & (capacity - 1);
	slots[i] = entry;
}

static enum rc map_reserve(struct map *map)
{
	if (map->used + 1 <= map->capacity / 4 * 3)
		return RC_OK;
	size_t capacity = FIRST_CAPACITY;
	while (map->live + 1 > capacity / 2)
		capacity *= 2;
	struct map_slot *slots = calloc(capacity, sizeof *slots);
	if (!slots)
		return RC_NOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].hash >= HASH_FIRST)
			slot_add(slots, capacity, map->slots[i]);
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	map->used = map->live;
	return RC_OK;
}

void *map_get(const struct map *map, str key)
{
	struct map_slot *slot = slot_find(map, key_hash(map, key), key);
	return slot ? slot->value : NULL;
}

enum rc map_put(struct map *map, str key, void *value, void **ret_old)
{
	ASSERT(value);
	uint64_t hash = key_hash(map, key);
	struct map_slot *slot = slot_find(map, hash, key);
	void *old = slot ? slot->value : NULL;
	if (slot) {
		slot->key = key; /* the old key may die with the old value */
		slot->value = value;
	} else {
		TRY(map_reserve(map));
		slot_add(map->slots, map->capacity, (struct map_slot){hash, key, value});
		map->used++; /* may count a reused removed slot twice: only makes the next rehash earlier */
		map->live++;
	}
	if (ret_old)
		*ret_old = old;
	return RC_OK;
}

void *map_remove(struct map *map, str key)
{
	struct map_slot *slot = slot_find(map, key_hash(map, key), key);
	if (!slot)
		return NULL;
	void *value = slot->value;
	*slot = (struct map_slot){.hash = HASH_REMOVED};
	map->live--;
	return value;
}

size_t map_count(const struct map *map)
{
	return map->live;
}

bool map_next(const struct map *map, size_t *cursor, str *ret_key, void **ret_value)
{
	while (*cursor < map->capacity) {
		struct map_slot *slot = &map->slots[(*cursor)++];
		if (slot->hash >= HASH_FIRST) {
			*ret_key = slot->key;
			*ret_value = slot->value;
			return true;
		}
	}
	return false;
}

/* A removed slot of a map64 points here. */
static char removed_mark;

static uint64_t mixed(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

void map64_init(struct map64 *map)
{
	*map = (struct map64){0};
}

void map64_release(struct map64 *map)
{
	free(map->slots);
	map64_init(map);
}

static bool slot64_live(const struct map64_slot *slot)
{
	return slot->value && slot->value != &removed_mark;
}

static struct map64_slot *slot64_find(const struct map64 *map, uint64_t key)
{
	if (!map->capacity)
		return NULL;
	for (size_t i = mixed(key) & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct map64_slot *slot = &map->slots[i];
		if (!slot->value)
			return NULL;
		if (slot->key == key && slot->value != &removed_mark)
			return slot;
	}
}

static void slot64_add(struct map64_slot *slots, size_t capacity, struct map64_slot entry)
{
	size_t i = mixed(entry.key) & (capacity - 1);
	while (slot64_live(&slots[i]))
		i = (i + 1) & (capacity - 1);
	slots[i] = entry;
}

static enum rc map64_reserve(struct map64 *map)
{
	if (map->used + 1 <= map->capacity / 4 * 3)
		return RC_OK;
	size_t capacity = FIRST_CAPACITY;
	while (map->live + 1 > capacity / 2)
		capacity *= 2;
	struct map64_slot *slots = calloc(capacity, sizeof *slots);
	if (!slots)
		return RC_NOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (slot64_live(&map->slots[i]))
			slot64_add(slots, capacity, map->slots[i]);
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	map->used = map->live;
	return RC_OK;
}

void *map64_get(const struct map64 *map, uint64_t key)
{
	struct map64_slot *slot = slot64_find(map, key);
	return slot ? slot->value : NULL;
}

enum rc map64_put(struct map64 *map, uint64_t key, void *value, void **ret_old)
{
	ASSERT(value);
	struct map64_slot *slot = slot64_find(map, key);
	void *old = slot ? slot->value : NULL;
	if (slot) {
		slot->value = value;
	} else {
		TRY(map64_reserve(map));
		slot64_add(map->slots, map->capacity, (struct map64_slot){key, value});
		map->used++;
		map->live++;
	}
	if (ret_old)
		*ret_old = old;
	return RC_OK;
}

void *map64_remove(struct map64 *map, uint64_t key)
{
	struct map64_slot *slot = slot64_find(map, key);
	if (!slot)
		return NULL;
	void *value = slot->value;
	slot->value = &removed_mark;
	map->live--;
	return value;
}

size_t map64_count(const struct map64 *map)
{
	return map->live;
}

bool map64_next(const struct map64 *map, size_t *cursor, uint64_t *ret_key, void **ret_value)
{
	while (*cursor < map->capacity) {
		struct map64_slot *slot = &map->slots[(*cursor)++];
		if (slot64_live(slot)) {
			*ret_key = slot->key;
			*ret_value = slot->value;
			return true;
		}
	}
	return false;
}
