/*
 * Buffers: builders of text and bytes that grow in an arena, with a maximum.
 *
 * Failure is sticky, as in arenas: after it, puts do nothing; check buf_status() (or take the result by
 * buf_finish()) once. One thread at a time.
 */
#ifndef EXEUNT_BASE_BUF_H
#define EXEUNT_BASE_BUF_H

#include "base/arena.h"

struct buf {
	struct arena *arena; /* borrowed; memory of the text */
	char *p;
	size_t n, capacity;  /* bytes */
	size_t max_bytes;
	enum rc status;      /* RC_OK, RC_TOO_LARGE, or the arena's */
};

void buf_init(struct buf *buf, struct arena *arena, size_t max_bytes);

void buf_put(struct buf *buf, str s);
void buf_putc(struct buf *buf, char c);
void buf_put_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);

/* Room for `n` more bytes: where to write them, or NULL; buf_advance() after writing. */
char *buf_reserve(struct buf *buf, size_t n);
void buf_advance(struct buf *buf, size_t n);

MUST_CHECK enum rc buf_status(const struct buf *buf);
str buf_str(const struct buf *buf); /* what stands in it; valid until the next put */

/* Status and text at once; `*ret_text` is written only on success and lives as long as the arena. */
MUST_CHECK enum rc buf_finish(const struct buf *buf, str *ret_text);

#endif
