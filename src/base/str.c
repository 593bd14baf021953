#include "base/str.h"

#include <string.h>

str str_of(const char *c_string)
{
	return c_string ? (str){c_string, strlen(c_string)} : STR_EMPTY;
}

str str_bytes(const void *p, size_t n)
{
	return (str){p, n};
}

bool str_eq(str a, str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_secret(str a, str b)
{
	if (a.n != b.n)
		return false;
	unsigned char differs = 0;
	for (size_t i = 0; i < a.n; i++) {
		differs = (unsigned char)(differs | (a.p[i] ^ b.p[i]));
		__asm__ volatile("" : "+r"(differs)); /* keeps the loop whole */
	}
	return differs == 0;
}

int str_cmp(str a, str b)
{
	size_t shorter = a.n < b.n ? a.n : b.n;
	int order = shorter ? memcmp(a.p, b.p, shorter) : 0;
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(str s, str prefix)
{
	return s.n >= prefix.n && str_eq(str_first(s, prefix.n), prefix);
}

bool str_ends(str s, str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

static unsigned char ascii_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_ascii_nocase(str a, str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

str str_from(str s, size_t start)
{
	return start >= s.n ? STR_EMPTY : (str){s.p + start, s.n - start};
}

str str_first(str s, size_t n)
{
	return (str){s.p, n < s.n ? n : s.n};
}

str str_trim(str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_from(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

size_t str_find(str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : s.n;
}

size_t str_find_last(str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
	return at ? (size_t)(at - s.p) : s.n;
}

bool str_split(str *cursor, char separator, str *ret_head)
{
	if (!cursor->p)
		return false;
	size_t at = str_find(*cursor, separator);
	*ret_head = str_first(*cursor, at);
	if (at == cursor->n)
		*cursor = STR_EMPTY;
	else
		*cursor = (str){cursor->p + at + 1, cursor->n - at - 1};
	return true;
}

bool str_to_i64(str s, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = s.n && s.p[0] == '-';
	str digits = negative ? str_from(s, 1) : s;
	if (digits.n == 0)
		return false;
	int64_t value = 0;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		int digit = digits.p[i] - '0';
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, digit, &value)) /* negative: reaches INT64_MIN */
			return false;
	}
	if (!negative && __builtin_sub_overflow(0, value, &value))
		return false;
	if (value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}
