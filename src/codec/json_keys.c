#include "codec/json_int.h"

#include <string.h>

enum {
	INSERTION_MAX = 16,   /* up to here insertion sort beats the heap */
	PAIRWISE_MAX = 16,    /* members of an object whose keys are compared each with each */
	KEY_SHOWN_BYTES = 64,
};

static void sort_by_insertion(json *keys, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		json key = keys[i];
		size_t at = i;
		for (; at > 0 && str_cmp(json_bytes(key), json_bytes(keys[at - 1])) < 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

static void sift_down(json *keys, size_t root, size_t count)
{
	json key = keys[root];
	for (;;) {
		size_t child = 2 * root + 1;
		if (child >= count)
			break;
		if (child + 1 < count && str_cmp(json_bytes(keys[child]), json_bytes(keys[child + 1])) < 0)
			child++;
		if (str_cmp(json_bytes(keys[child]), json_bytes(key)) <= 0)
			break;
		keys[root] = keys[child];
		root = child;
	}
	keys[root] = key;
}

/* A heap: no scratch memory, and no order of input that a peer could choose makes it slow. */
static void sort_by_heap(json *keys, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(keys, i, count);
	for (size_t left = count - 1; left > 0; left--) {
		json last = keys[left];
		keys[left] = keys[0];
		keys[0] = last;
		sift_down(keys, 0, left);
	}
}

void json_keys_sort(json *keys, size_t count)
{
	if (count <= INSERTION_MAX)
		sort_by_insertion(keys, count);
	else
		sort_by_heap(keys, count);
}

static json twice_among_few(json object)
{
	json keys[PAIRWISE_MAX];
	size_t count = json_length(object);
	json key = object + 1;
	for (size_t i = 0; i < count; i++, key = json_after(key + 1)) {
		for (size_t j = 0; j < i; j++)
			if (json_length(keys[j]) == json_length(key) &&
			    memcmp(keys[j]->uni.str, key->uni.str, json_length(key)) == 0)
				return key;
		keys[i] = key;
	}
	return NULL;
}

/* Canonical input arrives sorted, and then needs no array. */
static bool is_ascending(json object)
{
	json key = object + 1;
	for (size_t i = 1; i < json_length(object); i++) {
		json next = json_after(key + 1);
		if (str_cmp(json_bytes(key), json_bytes(next)) >= 0)
			return false;
		key = next;
	}
	return true;
}

json json_key_twice(struct arena *arena, json object)
{
	size_t count = json_length(object);
	if (count <= PAIRWISE_MAX)
		return twice_among_few(object);
	if (is_ascending(object))
		return NULL;
	json *keys = arena_alloc(arena, count * sizeof *keys);
	if (!keys)
		return NULL;
	json key = object + 1;
	for (size_t i = 0; i < count; i++, key = json_after(key + 1))
		keys[i] = key;
	json_keys_sort(keys, count);
	for (size_t i = 1; i < count; i++)
		if (str_eq(json_bytes(keys[i - 1]), json_bytes(keys[i])))
			return keys[i];
	return NULL;
}

str json_key_shown(str key)
{
	if (key.n <= KEY_SHOWN_BYTES)
		return key;
	size_t n = KEY_SHOWN_BYTES;
	while (n > 0 && ((unsigned char)key.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(key, n);
}
