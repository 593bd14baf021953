/*
 * Slices: text and bytes as {pointer, length} by value, never assumed NUL-terminated.
 *
 * Borrowed always: a str owns nothing. The empty slice may have a NULL pointer. Any thread.
 * A parser takes a cursor (`str *`), advances it only on success.
 */
#ifndef EXEUNT_BASE_STR_H
#define EXEUNT_BASE_STR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct str {
	const char *p;
	size_t n; /* bytes */
} str;

#define STR(literal) ((str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal) {"" literal, sizeof(literal) - 1} /* for static initialisers */
#define STR_EMPTY ((str){0})

/* printf("%.*s", STR_ARG(s)); longer than INT_MAX is cut. */
#define STR_ARG(s) (int)((s).n > INT32_MAX ? INT32_MAX : (s).n), ((s).n ? (s).p : "")

str str_of(const char *c_string);               /* NULL gives the empty slice */
str str_bytes(const void *p, size_t n);

bool str_eq(str a, str b);
bool str_eq_secret(str a, str b);               /* time depends on the lengths only */
int str_cmp(str a, str b);                      /* by bytes, the shorter first; as memcmp */
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
bool str_eq_ascii_nocase(str a, str b);         /* A-Z folded only: header names, percent-hex */

str str_from(str s, size_t start);              /* from byte `start` on; empty beyond the end */
str str_first(str s, size_t n);                 /* at most the first n bytes */
str str_trim(str s);                            /* without blanks and tabs at both ends */

/* Byte offset of the first `c` (`str_find_last`: the last), or s.n when there is none. */
size_t str_find(str s, char c);
size_t str_find_last(str s, char c);

/*
 * Cuts `*cursor` at the first `separator`: `*ret_head` is what stands before it, the cursor goes
 * behind it. Without a separator all that is left is the head. False once the cursor is exhausted
 * (pointer NULL); an empty last field is still delivered.
 */
bool str_split(str *cursor, char separator, str *ret_head);

/* Whole slice as a decimal integer in [min, max]: no blanks, no '+', no overflow. */
bool str_to_i64(str s, int64_t min, int64_t max, int64_t *ret_value);

#endif
