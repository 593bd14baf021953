#include "base/test.h"

#include "codec/uri.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void decodes(void **state)
{
	(void)state;
	static const struct {
		str text, path, query;
	} rows[] = {
		{STR_INIT(""), STR_INIT(""), STR_INIT("")},
		{STR_INIT("plain"), STR_INIT("plain"), STR_INIT("plain")},
		{STR_INIT("a+b%2Bc"), STR_INIT("a+b+c"), STR_INIT("a b+c")},
		{STR_INIT("+"), STR_INIT("+"), STR_INIT(" ")},
		{STR_INIT("%21room%3aexample.org"), STR_INIT("!room:example.org"), STR_INIT("!room:example.org")},
		{STR_INIT("%2f%2F%25"), STR_INIT("//%"), STR_INIT("//%")},
		{STR_INIT("%E6%97%A5\xe6\x9c\xac"), STR_INIT("\xe6\x97\xa5\xe6\x9c\xac"),
	         STR_INIT("\xe6\x97\xa5\xe6\x9c\xac")},
		{STR_INIT("%2525"), STR_INIT("%25"), STR_INIT("%25")},
		{STR_INIT("%01%7f"), STR_INIT("\x01\x7f"), STR_INIT("\x01\x7f")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got;
		assert_rc_of(uri_decode(&arena, rows[i].text, &got), RC_OK, rows[i].text.p);
		assert_str(got, rows[i].path);
		assert_rc_of(uri_decode_query(&arena, rows[i].text, &got), RC_OK, rows[i].text.p);
		assert_str(got, rows[i].query);
	}
}

static void refuses(void **state)
{
	(void)state;
	static const str bad[] = {
		STR_INIT("%"), STR_INIT("%4"), STR_INIT("a%"), STR_INIT("%zz"), STR_INIT("%4g"), STR_INIT("%g4"),
		STR_INIT("%%41"), STR_INIT("% 41"), STR_INIT("%-1"), STR_INIT("%00"), STR_INIT("a%00b"), STR_INIT("a\0b"),
		STR_INIT("%ff"), STR_INIT("%C0%80"), STR_INIT("%ED%A0%80"), STR_INIT("%E6%97"), STR_INIT("\xff"),
		STR_INIT("%F4%90%80%80"), STR_INIT("%u0041"),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		str got = STR("untouched"), text = arena_dup(&arena, bad[i]);
		assert_rc_of(uri_decode(&arena, text, &got), RC_INVALID_PARAM, bad[i].p);
		assert_rc_of(uri_decode_query(&arena, text, &got), RC_INVALID_PARAM, bad[i].p);
		assert_str(got, STR("untouched"));
	}
	str got; /* what stands behind the slice is not part of it */
	assert_rc(uri_decode(&arena, str_first(STR("%41"), 2), &got), RC_INVALID_PARAM);
	assert_rc(uri_decode(&arena, str_first(STR("%41"), 1), &got), RC_INVALID_PARAM);
}

static void plain_text_is_not_copied(void **state)
{
	(void)state;
	str got, text = STR("plain.text");
	arena_fail_after(0);
	assert_rc(uri_decode(&arena, text, &got), RC_OK);
	assert_ptr_equal(got.p, text.p);
	assert_rc(uri_decode(&arena, STR("a%20b"), &got), RC_NOMEM);
	arena_fail_after(-1);
}

static void escapes_all_but_the_unreserved(void **state)
{
	(void)state;
	for (int c = 1; c < 128; c++) {
		char byte = (char)c;
		struct buf buf;
		str back;
		buf_init(&buf, &arena, 100);
		uri_put_escaped(&buf, str_bytes(&byte, 1));
		bool unreserved = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) != NULL;
		assert_int_equal(buf.n, unreserved ? 1 : 3);
		assert_rc(uri_decode_query(&arena, buf_str(&buf), &back), RC_OK);
		assert_str(back, str_bytes(&byte, 1));
	}
	struct buf buf;
	buf_init(&buf, &arena, 100);
	uri_put_escaped(&buf, STR("#a b:\xc3\xa9/x~"));
	assert_str(buf_str(&buf), STR("%23a%20b%3A%C3%A9%2Fx~"));
	buf_init(&buf, &arena, 4);
	uri_put_escaped(&buf, STR("ab##"));
	assert_rc(buf_status(&buf), RC_TOO_LARGE);
}

static void walks_queries(void **state)
{
	(void)state;
	static const struct {
		const char *text, *walked;
	} rows[] = {
		{"a=1&b=2", "a|1;b|2;"}, {"", ""}, {"&", ""}, {"a", "a|;"}, {"a=", "a|;"}, {"=1", "|1;"},
		{"a=1&&b", "a|1;b|;"}, {"a=b=c&", "a|b=c;"}, {"&a=1", "a|1;"}, {"a=1&a=2", "a|1;a|2;"},
		{"a=%26&b=+", "a|%26;b|+;"}, {"&&&", ""}, {"=", "|;"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str cursor = str_of(rows[i].text), name, value;
		struct buf buf;
		buf_init(&buf, &arena, 100);
		while (uri_query_next(&cursor, &name, &value))
			buf_printf(&buf, "%.*s|%.*s;", STR_ARG(name), STR_ARG(value));
		assert_str(buf_str(&buf), str_of(rows[i].walked));
		assert_false(uri_query_next(&cursor, &name, &value));
	}
	str nothing = STR_EMPTY, name, value;
	assert_false(uri_query_next(&nothing, &name, &value));
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(decodes),
		WITH_ARENA(refuses),
		WITH_ARENA(plain_text_is_not_copied),
		WITH_ARENA(escapes_all_but_the_unreserved),
		WITH_ARENA(walks_queries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
