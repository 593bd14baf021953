#include "base/test.h"

static void comparisons(void **state)
{
	(void)state;
	static const struct {
		str a, b;
		int order;
	} rows[] = {
		{STR_INIT(""), STR_INIT(""), 0},       {{0}, STR_INIT(""), 0},
		{STR_INIT("a"), STR_INIT("b"), -1},    {STR_INIT("a"), STR_INIT("ab"), -1},
		{STR_INIT(""), STR_INIT("\0"), -1},    {STR_INIT("a\0b"), STR_INIT("a\0c"), -1},
		{STR_INIT("z"), STR_INIT("\xc3"), -1}, {STR_INIT("same"), STR_INIT("same"), 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int order = str_cmp(rows[i].a, rows[i].b), back = str_cmp(rows[i].b, rows[i].a);
		assert_int_equal((order > 0) - (order < 0), rows[i].order);
		assert_int_equal((back > 0) - (back < 0), -rows[i].order);
		assert_int_equal(str_eq(rows[i].a, rows[i].b), rows[i].order == 0);
		assert_int_equal(str_eq_secret(rows[i].a, rows[i].b), rows[i].order == 0);
	}
	assert_true(str_eq_ascii_nocase(STR("Content-TYPE"), STR("content-type")));
	assert_false(str_eq_ascii_nocase(STR("a@"), STR("a`")));
	assert_false(str_eq_ascii_nocase(STR("\xc3\x89"), STR("\xc3\xa9")));
	assert_false(str_eq_ascii_nocase(STR("a"), STR("ab")));
}

static void parts(void **state)
{
	(void)state;
	str s = STR("abcabc");
	assert_true(str_starts(s, STR("abc")) && str_starts(s, STR_EMPTY) && str_starts(s, s));
	assert_false(str_starts(s, STR("abcabcd")) || str_starts(s, STR("b")));
	assert_true(str_ends(s, STR("bc")) && str_ends(s, STR_EMPTY) && str_ends(s, s));
	assert_false(str_ends(s, STR("xabcabc")) || str_ends(s, STR("b")));
	assert_str(str_from(s, 4), STR("bc"));
	assert_str(str_from(s, 6), STR_EMPTY);
	assert_str(str_from(s, SIZE_MAX), STR_EMPTY);
	assert_str(str_first(s, 2), STR("ab"));
	assert_str(str_first(s, SIZE_MAX), s);
	assert_int_equal(str_find(s, 'b'), 1);
	assert_int_equal(str_find_last(s, 'b'), 4);
	assert_int_equal(str_find(s, 'x'), 6);
	assert_int_equal(str_find_last(s, 'x'), 6);
	assert_int_equal(str_find(STR_EMPTY, 'x'), 0);
	assert_int_equal(str_find_last(STR_EMPTY, 'x'), 0);
	assert_str(str_trim(STR(" \t a b\t ")), STR("a b"));
	assert_str(str_trim(STR("  ")), STR_EMPTY);
	assert_str(str_trim(STR("\na ")), STR("\na"));
	assert_str(str_of(NULL), STR_EMPTY);
}

static void splitting(void **state)
{
	(void)state;
	static const struct {
		const char *text, *joined;
	} rows[] = {
		{"a,b", "a|b|"}, {"a", "a|"}, {"", "|"}, {",", "||"}, {"a,", "a||"}, {",a", "|a|"}, {"a,,b", "a||b|"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str cursor = str_of(rows[i].text), head;
		char joined[32] = "";
		while (str_split(&cursor, ',', &head)) {
			strncat(joined, head.p, head.n);
			strcat(joined, "|");
		}
		assert_string_equal(joined, rows[i].joined);
		assert_false(str_split(&cursor, ',', &head));
	}
	str nothing = STR_EMPTY, head = STR("untouched");
	assert_false(str_split(&nothing, ',', &head));
	assert_str(head, STR("untouched"));
}

static void integers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t min, max;
		bool ok;
		int64_t value;
	} rows[] = {
		{"0", 0, 0, true, 0},
		{"-0", 0, 0, true, 0},
		{"007", 0, 10, true, 7},
		{"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
		{"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
		{"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
		{"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
		{"18446744073709551616", INT64_MIN, INT64_MAX, false, 0},
		{"99999999999999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
		{"10", 0, 9, false, 0},
		{"-1", 0, 9, false, 0},
		{"9", 0, 9, true, 9},
		{"", INT64_MIN, INT64_MAX, false, 0},
		{"-", INT64_MIN, INT64_MAX, false, 0},
		{"--1", INT64_MIN, INT64_MAX, false, 0},
		{"+1", INT64_MIN, INT64_MAX, false, 0},
		{" 1", INT64_MIN, INT64_MAX, false, 0},
		{"1 ", INT64_MIN, INT64_MAX, false, 0},
		{"1.0", INT64_MIN, INT64_MAX, false, 0},
		{"1e3", INT64_MIN, INT64_MAX, false, 0},
		{"0x10", INT64_MIN, INT64_MAX, false, 0},
		{"\xd9\xa1", INT64_MIN, INT64_MAX, false, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t value = 424242;
		bool ok = str_to_i64(str_of(rows[i].text), rows[i].min, rows[i].max, &value);
		if (ok != rows[i].ok)
			fail_msg("\"%s\" was %s", rows[i].text, ok ? "taken" : "refused");
		assert_int_equal(value, ok ? rows[i].value : 424242);
	}
	int64_t value = 1;
	assert_false(str_to_i64(STR("1\0"), 0, 9, &value));
	assert_false(str_to_i64(STR_EMPTY, 0, 9, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(parts),
		cmocka_unit_test(splitting),
		cmocka_unit_test(integers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
