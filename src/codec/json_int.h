/*
 * Inside codec: how yyjson lays a parsed document out (its "Data Structures" manual page), and what parser
 * and canonical form share about keys.
 *
 * All values stand in one array in the order of the text, a container before its members, each key before
 * its value. A container's `ofs` is the distance in bytes to the value behind its last member.
 */
#ifndef EXEUNT_CODEC_JSON_INT_H
#define EXEUNT_CODEC_JSON_INT_H

#include "codec/json.h"

static inline yyjson_type json_type(json v)
{
	return (yyjson_type)(v->tag & YYJSON_TYPE_MASK);
}

static inline yyjson_subtype json_subtype(json v)
{
	return (yyjson_subtype)(v->tag & YYJSON_SUBTYPE_MASK);
}

static inline size_t json_length(json v)
{
	return (size_t)(v->tag >> YYJSON_TAG_BIT);
}

static inline bool json_is_container(json v)
{
	return json_type(v) == YYJSON_TYPE_ARR || json_type(v) == YYJSON_TYPE_OBJ;
}

/* `v` must be a string: a key always is. */
static inline str json_bytes(json v)
{
	return (str){v->uni.str, json_length(v)};
}

/* The value behind `v` and all that is in it. */
static inline json json_after(json v)
{
	return json_is_container(v) ? (json)(const void *)((const char *)v + v->uni.ofs) : v + 1;
}

/* Sorts keys by code point, which in UTF-8 is by bytes. O(n log n), in place. */
void json_keys_sort(json *keys, size_t count);

/*
 * A key that stands twice in `object`, or NULL. O(n log n) in the number of members; memory from the arena only
 * for objects of more than a few members: check arena_status() afterwards.
 */
json json_key_twice(struct arena *arena, json object);

/*
 * Appends the number `v` as the lenient canonical form has it (canonical.h). False: it is a float beyond the
 * range of a double, and nothing was appended.
 */
bool json_put_any_number(struct buf *buf, json v);

/*
 * The shortest decimal text that reads back as the double `v`, in yyjson's own notation, in `memory`; empty
 * when it is not finite.
 */
enum { JSON_REAL_MEMORY = 512 };
str json_real_text(json v, char memory[JSON_REAL_MEMORY]);

/* At most the first bytes of a key that fit a sentence for people, cut between two characters. */
str json_key_shown(str key);

#endif
