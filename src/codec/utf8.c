#include "codec/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the ASCII that `s` starts with, in whole words. */
static size_t ascii_words(str s)
{
	size_t at = 0;
	uint64_t word;
	for (; s.n - at >= sizeof word; at += sizeof word) {
		memcpy(&word, s.p + at, sizeof word);
		if (word & HIGH_BITS)
			break;
	}
	return at;
}

/* Bytes of the one character that stands at `p`, of `n` > 0 that are there; 0 when it is none. RFC 3629, section 4. */
static size_t character_bytes(const unsigned char *p, size_t n)
{
	unsigned char least = 0x80, most = 0xbf; /* of the second byte */
	size_t size;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		least = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		most = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		least = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		most = 0x8f; /* beyond U+10FFFF */
	if (n < size || p[1] < least || p[1] > most)
		return 0;
	for (size_t i = 2; i < size; i++)
		if (!is_continuation(p[i]))
			return 0;
	return size;
}

bool utf8_valid(str s)
{
	while (s.n > 0) {
		s = str_from(s, ascii_words(s));
		if (s.n == 0)
			break;
		size_t size = character_bytes((const unsigned char *)s.p, s.n);
		if (size == 0)
			return false;
		s = str_from(s, size);
	}
	return true;
}

size_t utf8_count(str s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.n; i++)
		count += !is_continuation((unsigned char)s.p[i]);
	return count;
}

bool utf8_next(str *cursor, uint32_t *ret_code_point)
{
	if (cursor->n == 0)
		return false;
	const unsigned char *p = (const unsigned char *)cursor->p;
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (size > cursor->n)
		size = cursor->n; /* not valid after all */
	uint32_t code_point = size == 1 ? p[0] : p[0] & (0xffU >> (size + 1));
	for (size_t i = 1; i < size; i++)
		code_point = code_point << 6 | (p[i] & 0x3fU);
	*cursor = str_from(*cursor, size);
	*ret_code_point = code_point;
	return true;
}
