#include "codec/canonical.h"

#include <string.h>

/* Bytes of the string that `s` starts with, quotes included; 0 when it does not end. */
static size_t string_bytes(str s)
{
	for (size_t at = 1; at < s.n; at++) {
		const char *quote = memchr(s.p + at, '"', s.n - at);
		if (!quote)
			return 0;
		at = (size_t)(quote - s.p);
		size_t backslashes = 0;
		while (s.p[at - 1 - backslashes] == '\\') /* ends at the opening quote */
			backslashes++;
		if (backslashes % 2 == 0)
			return at + 1;
	}
	return 0;
}

/* Bytes of the object or array that `s` starts with; 0 when it does not end. */
static size_t container_bytes(str s)
{
	size_t depth = 0;
	for (size_t at = 0; at < s.n; at++) {
		char c = s.p[at];
		if (c == '"') {
			size_t n = string_bytes((str){s.p + at, s.n - at});
			if (n == 0)
				return 0;
			at += n - 1;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return at + 1;
		}
	}
	return 0;
}

/* Bytes of the number (of the lenient form, too) or literal that `s` starts with. */
static size_t word_bytes(str s)
{
	size_t n = 0;
	while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || (s.p[n] >= 'a' && s.p[n] <= 'z') ||
	                   s.p[n] == '-' || s.p[n] == '+' || s.p[n] == '.'))
		n++;
	return n;
}

static size_t value_bytes(str s)
{
	if (s.n == 0)
		return 0;
	if (s.p[0] == '"')
		return string_bytes(s);
	if (s.p[0] == '{' || s.p[0] == '[')
		return container_bytes(s);
	return word_bytes(s);
}

bool canonical_next_member(str *cursor, str *ret_key, str *ret_value)
{
	if (cursor->n == 0 || (cursor->p[0] != '{' && cursor->p[0] != ','))
		return false;
	str rest = str_from(*cursor, 1);
	size_t key_bytes = rest.n && rest.p[0] == '"' ? string_bytes(rest) : 0;
	if (key_bytes == 0)
		return false;
	str key = {rest.p + 1, key_bytes - 2};
	rest = str_from(rest, key_bytes);
	if (rest.n == 0 || rest.p[0] != ':')
		return false;
	rest = str_from(rest, 1);
	size_t n = value_bytes(rest);
	if (n == 0 || n == rest.n || (rest.p[n] != ',' && rest.p[n] != '}'))
		return false;
	*ret_key = key;
	*ret_value = str_first(rest, n);
	*cursor = str_from(rest, n);
	return true;
}
