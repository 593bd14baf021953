#include "base/test.h"

#include "codec/utf8.h"

/* Encodes as RFC 3629 would, surrogates and numbers beyond U+10FFFF too; returns the bytes. */
static size_t encode(uint32_t c, unsigned char out[4])
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
	out[0] = (unsigned char)(lead[n] | c);
	return n;
}

static void every_code_point(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x120000; c++) {
		unsigned char bytes[4];
		size_t n = encode(c, bytes);
		bool valid = !(c >= 0xd800 && c <= 0xdfff) && c <= 0x10ffff;
		if (utf8_valid(str_bytes(bytes, n)) != valid)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; cut < n; cut++)
			if (utf8_valid(str_bytes(bytes, cut)))
				fail_msg("U+%04X cut to %zu bytes", c, cut);
		assert_int_equal(utf8_count(str_bytes(bytes, n)), 1);
	}
}

static void every_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			unsigned char pair[2] = {(unsigned char)first, (unsigned char)second};
			bool valid = (first < 0x80 && second < 0x80) ||
			             (first >= 0xc2 && first <= 0xdf && second >= 0x80 && second <= 0xbf);
			assert_int_equal(utf8_valid(str_bytes(pair, 2)), valid);
		}
	}
}

static void overlong_forms(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
		"\xf8\x88\x80\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "\x80",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(utf8_valid(str_of(bad[i])));
}

/* Behind any number of ASCII bytes, so that the word-wise run ends everywhere. */
static void at_every_offset(void **state)
{
	(void)state;
	for (size_t before = 0; before < 20; before++) {
		for (size_t after = 0; after < 20; after++) {
			char text[48];
			memset(text, 'a', sizeof text);
			memcpy(text + before, "\xf0\x9f\x98\x80", 4);
			assert_true(utf8_valid(str_bytes(text, before + 4 + after)));
			assert_int_equal(utf8_count(str_bytes(text, before + 4 + after)), before + after + 1);
			text[before + 3] = 'x';
			assert_false(utf8_valid(str_bytes(text, before + 4 + after)));
		}
	}
	assert_true(utf8_valid(STR_EMPTY));
	assert_true(utf8_valid(STR("\0")));
	assert_int_equal(utf8_count(STR_EMPTY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(every_pair_of_bytes),
		cmocka_unit_test(overlong_forms),
		cmocka_unit_test(at_every_offset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
