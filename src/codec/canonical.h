/*
 * Canonical JSON: appendices, "Canonical JSON". Keys sorted by code point, no white space, shortest
 * escapes, integers in ±(2^53−1) only.
 *
 * Events of the room versions 1 to 5 may hold other numbers (Room Versions, v1, "Canonical JSON"). The
 * lenient form is for them alone: it differs in numbers only. Integers of any size keep their digits; a float
 * is the shortest text that reads back as the same double, written as the servers of these rooms sign it
 * (Python's repr(): 100000.0, 1e+20, 1.5e-07, -0.0).
 */
#ifndef EXEUNT_CODEC_CANONICAL_H
#define EXEUNT_CODEC_CANONICAL_H

#include "codec/json.h"

/*
 * Appends the canonical form of `v`. RC_BAD_JSON: a float, an integer out of range, depth beyond the limit
 * (`fail` says which key). RC_TOO_LARGE when the buffer's maximum is passed.
 */
MUST_CHECK enum rc canonical_put(struct buf *buf, json v, struct fail *fail);

/* The same without the top-level members named in `left_out` (`count` names). */
MUST_CHECK enum rc canonical_put_without(struct buf *buf, json object, const str *left_out, size_t count,
                                         struct fail *fail);

/* The lenient form of both. RC_BAD_JSON: a float beyond the range of a double, depth beyond the limit. */
MUST_CHECK enum rc canonical_put_lenient(struct buf *buf, json v, struct fail *fail);
MUST_CHECK enum rc canonical_put_lenient_without(struct buf *buf, json object, const str *left_out,
                                                 size_t count, struct fail *fail);

/*
 * Scans the top-level members of an object that is known to be canonical (our own stored bytes), of either form,
 * without building a tree: `*ret_key` (unescaped keys only: an escaped one is delivered as it stands) and the bytes of its
 * value. `*cursor` starts as the whole text; false at the end, or RC-less when the text is malformed.
 */
bool canonical_next_member(str *cursor, str *ret_key, str *ret_value);

#endif
