#include "base/buf.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void buf_init(struct buf *buf, struct arena *arena, size_t max_bytes)
{
	*buf = (struct buf){.arena = arena, .max_bytes = max_bytes};
}

/* `slack` more bytes are there but do not count: the NUL that vsnprintf() writes. */
static char *reserve(struct buf *buf, size_t n, size_t slack)
{
	if (buf->status != RC_OK)
		return NULL;
	if (n > buf->max_bytes - buf->n) {
		buf->status = RC_TOO_LARGE;
		return NULL;
	}
	if (!buf->p || n + slack > buf->capacity - buf->n) {
		size_t wanted = buf->capacity ? buf->capacity * 2 : FIRST_CAPACITY;
		if (wanted > buf->max_bytes)
			wanted = buf->max_bytes;
		if (wanted < buf->n + n + slack)
			wanted = buf->n + n + slack;
		char *p = arena_grow(buf->arena, buf->p, buf->capacity, wanted);
		if (!p) {
			buf->status = buf->arena->status;
			return NULL;
		}
		buf->p = p;
		buf->capacity = wanted;
	}
	return buf->p + buf->n;
}

char *buf_reserve(struct buf *buf, size_t n)
{
	return reserve(buf, n, 0);
}

void buf_advance(struct buf *buf, size_t n)
{
	ASSERT(n <= buf->capacity - buf->n);
	buf->n += n;
}

void buf_put(struct buf *buf, str s)
{
	char *p = s.n ? buf_reserve(buf, s.n) : NULL;
	if (p) {
		memcpy(p, s.p, s.n);
		buf->n += s.n;
	}
}

void buf_putc(struct buf *buf, char c)
{
	char *p = buf_reserve(buf, 1);
	if (p) {
		*p = c;
		buf->n++;
	}
}

void buf_put_i64(struct buf *buf, int64_t value)
{
	char digits[24];
	size_t at = sizeof digits;
	uint64_t rest = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	buf_put(buf, str_bytes(digits + at, sizeof digits - at));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = n < 0 ? NULL : reserve(buf, (size_t)n, 1);
	if (!p)
		return;
	va_start(args, format);
	vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	buf->n += (size_t)n;
}

enum rc buf_status(const struct buf *buf)
{
	return buf->status;
}

str buf_str(const struct buf *buf)
{
	return (str){buf->p, buf->n};
}

enum rc buf_finish(const struct buf *buf, str *ret_text)
{
	if (buf->status == RC_OK)
		*ret_text = buf_str(buf);
	return buf->status;
}
