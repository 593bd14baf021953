#include "codec/uri.h"

#include "codec/utf8.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_fit(str text)
{
	return str_find(text, '\0') == text.n && utf8_valid(text);
}

static enum rc decode(struct arena *arena, str text, bool plus_is_blank, str *ret_text)
{
	if (str_find(text, '%') == text.n && (!plus_is_blank || str_find(text, '+') == text.n)) {
		if (!is_fit(text))
			return RC_INVALID_PARAM;
		*ret_text = text;
		return RC_OK;
	}
	char *out = arena_alloc(arena, text.n);
	if (!out)
		return arena_status(arena);
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '%') {
			int high = text.n - i > 2 ? hex_value(text.p[i + 1]) : -1;
			int low = text.n - i > 2 ? hex_value(text.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return RC_INVALID_PARAM;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		out[n++] = c;
	}
	if (!is_fit((str){out, n}))
		return RC_INVALID_PARAM;
	*ret_text = (str){out, n};
	return RC_OK;
}

enum rc uri_decode(struct arena *arena, str text, str *ret_text)
{
	return decode(arena, text, false, ret_text);
}

enum rc uri_decode_query(struct arena *arena, str text, str *ret_text)
{
	return decode(arena, text, true, ret_text);
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void uri_put_escaped(struct buf *buf, str s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;
	while (at < s.n && buf->status == RC_OK) {
		size_t run = at;
		while (run < s.n && is_unreserved(s.p[run]))
			run++;
		buf_put(buf, (str){s.p + at, run - at});
		at = run;
		if (at < s.n) {
			unsigned char c = (unsigned char)s.p[at++];
			buf_put(buf, (str){(char[]){'%', hex[c >> 4], hex[c & 15]}, 3});
		}
	}
}

bool uri_query_next(str *cursor, str *ret_name, str *ret_value)
{
	str pair = STR_EMPTY;
	do {
		if (!str_split(cursor, '&', &pair))
			return false;
	} while (pair.n == 0);
	size_t equals = str_find(pair, '=');
	*ret_name = str_first(pair, equals);
	*ret_value = str_from(pair, equals + 1);
	return true;
}
