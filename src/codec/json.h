/*
 * JSON through yyjson, in arenas.
 *
 * A parsed document lives in the arena that was given; values are borrowed from it. Numbers of Matrix are
 * integers in ±(2^53−1); json_parse() keeps others as they are (bodies may hold floats in places that
 * nobody reads), the canonical form refuses them. Duplicate keys are refused at every level: two
 * readers of one event must never disagree (docs/architecture.md). Any thread; one arena, one thread.
 */
#ifndef EXEUNT_CODEC_JSON_H
#define EXEUNT_CODEC_JSON_H

#include "base/buf.h"

#include <yyjson.h>

enum {
	JSON_DEPTH_MAX = 100, /* nesting of arrays and objects, the outermost counts as 1 */
};

#define JSON_INTEGER_MAX INT64_C(9007199254740991) /* 2^53 − 1: appendices, "Canonical JSON" */

typedef const yyjson_val *json; /* NULL: absent */

/*
 * Parses the whole of `text`. RC_NOT_JSON: not JSON or not UTF-8 (lone surrogates included), or deeper than
 * JSON_DEPTH_MAX; RC_BAD_JSON: a duplicate key. `fail` (may be NULL) says where.
 */
MUST_CHECK enum rc json_parse(struct arena *arena, str text, json *ret_root, struct fail *fail);

/* The value of `key`; NULL when `object` is no object or has no such key. */
json json_get(json object, str key);
json json_at(json array, size_t index);

bool json_is_object(json v);
bool json_is_array(json v);
bool json_is_text(json v);
bool json_is_null(json v);
bool json_is_true(json v);  /* literally true */
bool json_is_bool(json v);
bool json_is_integer(json v);                     /* an integer in ±(2^53−1) */

bool json_text(json v, str *ret_text);            /* false: no string */
bool json_integer(json v, int64_t *ret_value);    /* false: no integer in ±(2^53−1) */
/* Beyond the numbers of canonical JSON, for events of old rooms. */
bool json_int64(json v, int64_t *ret_value);      /* false: no integer of 64 bits */
bool json_double(json v, double *ret_value);      /* false: no number with a fraction or an exponent */
bool json_bool(json v, bool *ret_value);
str json_text_or(json v, str otherwise);
str json_get_text(json object, str key);          /* empty when absent or not a string */

size_t json_count(json container);                /* members of an object, elements of an array; else 0 */

struct json_iter {
	json container;
	json next;
	size_t left;
};

struct json_iter json_iter(json container);        /* object or array; anything else has no members */
bool json_next(struct json_iter *iter, str *ret_key, json *ret_value); /* `ret_key` may be NULL for arrays */

/* Appends `s` as a JSON string with its quotes, escaped as canonical JSON asks. */
void json_put_text(struct buf *buf, str s);

/* Appends `v` as compact JSON in the order it was read. */
void json_put(struct buf *buf, json v);

/* Appends `"key":` with a comma before it unless the buffer ends in '{' or '['. */
void json_put_key(struct buf *buf, str key);
void json_put_comma(struct buf *buf); /* the same rule, for array elements */

#endif
