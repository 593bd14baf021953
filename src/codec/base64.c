#include "codec/base64.h"

static const char standard_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encoded_bytes(size_t n)
{
	static const size_t of_rest[] = {0, 2, 3};
	return n / 3 * 4 + of_rest[n % 3];
}

static char *encode(char *out, enum base64_alphabet alphabet, str bytes)
{
	const char *digits = alphabet == BASE64_URL ? url_digits : standard_digits;
	const unsigned char *in = (const unsigned char *)bytes.p;
	size_t left = bytes.n;
	for (; left >= 3; left -= 3, in += 3) {
		*out++ = digits[in[0] >> 2];
		*out++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
		*out++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
		*out++ = digits[in[2] & 63];
	}
	if (left > 0) {
		unsigned second = left == 2 ? in[1] : 0;
		*out++ = digits[in[0] >> 2];
		*out++ = digits[(in[0] & 3u) << 4 | second >> 4];
		if (left == 2)
			*out++ = digits[(second & 15) << 2];
	}
	return out;
}

void base64_put(struct buf *buf, enum base64_alphabet alphabet, str bytes)
{
	char *p = buf_reserve(buf, encoded_bytes(bytes.n));
	if (p)
		buf_advance(buf, (size_t)(encode(p, alphabet, bytes) - p));
}

str base64_encode(struct arena *arena, enum base64_alphabet alphabet, str bytes)
{
	char *p = arena_alloc(arena, encoded_bytes(bytes.n));
	return p ? (str){p, (size_t)(encode(p, alphabet, bytes) - p)} : STR_EMPTY;
}

/* The value of one digit, or -1. */
static int digit_value(enum base64_alphabet alphabet, char c)
{
	const char *digits = alphabet == BASE64_URL ? url_digits : standard_digits;
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == digits[62] ? 62 : c == digits[63] ? 63 : -1;
}

/* Padding is taken only where it fills the last group of four. */
static str without_padding(str text)
{
	if (text.n % 4 != 0)
		return text;
	for (int i = 0; i < 2 && str_ends(text, STR("=")); i++)
		text.n--;
	return text;
}

enum rc base64_decode(struct arena *arena, enum base64_alphabet alphabet, str text, str *ret_bytes)
{
	text = without_padding(text);
	if (text.n % 4 == 1)
		return RC_INVALID_PARAM;
	char *out = arena_alloc(arena, text.n / 4 * 3 + 2);
	if (!out)
		return arena_status(arena);
	uint32_t bits = 0; /* the low `held` bits are not yet written */
	unsigned held = 0;
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		int value = digit_value(alphabet, text.p[i]);
		if (value < 0)
			return RC_INVALID_PARAM;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[n++] = (char)(bits >> held & 0xff);
		}
	}
	*ret_bytes = (str){out, n};
	return RC_OK;
}
