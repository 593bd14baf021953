#include "base/test.h"

#include "codec/json.h"

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

static json parsed(const char *text)
{
	json v = NULL;
	assert_rc_of(json_parse(&arena, str_of(text), &v, NULL), RC_OK, text);
	return v;
}

static void refuses_what_is_no_json(void **state)
{
	(void)state;
	static const str bad[] = {
		STR_INIT(""), STR_INIT(" "), STR_INIT("{"), STR_INIT("}"), STR_INIT("[1,]"), STR_INIT("{\"a\":1,}"),
		STR_INIT("{\"a\"}"), STR_INIT("{a:1}"), STR_INIT("{'a':1}"), STR_INIT("nul"), STR_INIT("NaN"),
		STR_INIT("Infinity"), STR_INIT("-"), STR_INIT("01"), STR_INIT("1."), STR_INIT(".5"), STR_INIT("+1"),
		STR_INIT("0x1"), STR_INIT("1e"), STR_INIT("\""), STR_INIT("\"\\x\""), STR_INIT("\"\\u12\""),
		STR_INIT("\"\n\""), STR_INIT("\"\0\""), STR_INIT("{} {}"), STR_INIT("{}\0"), STR_INIT("[] x"),
		STR_INIT("// c\n1"), STR_INIT("/* c */1"), STR_INIT("\xef\xbb\xbf{}"),
		STR_INIT("\"\\ud800\""), STR_INIT("\"\\udc00\""), STR_INIT("\"\\ud800\\u0041\""),
		STR_INIT("\"\\udc00\\ud800\""), STR_INIT("{\"\\ud800\":1}"),
		STR_INIT("\"\xff\""), STR_INIT("\"\xc0\x80\""), STR_INIT("\"\xed\xa0\x80\""),
		STR_INIT("\"\xf4\x90\x80\x80\""), STR_INIT("\"\xe2\x82\""), STR_INIT("{\"\xff\":1}"), STR_INIT("\xff"),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		json v = NULL;
		struct fail fail = {0};
		/* An exact copy, so that ASan sees a read beyond it. */
		str text = arena_dup(&arena, bad[i]);
		assert_rc_of(json_parse(&arena, text, &v, &fail), RC_NOT_JSON, bad[i].p);
		assert_rc(fail.rc, RC_NOT_JSON);
		assert_true(str_starts(str_of(fail.message), STR("Not JSON")));
		assert_null(v);
	}
}

static void refusal_says_where(void **state)
{
	(void)state;
	json v;
	struct fail fail = {0};
	assert_rc(json_parse(&arena, STR("{\"a\":1,}"), &v, &fail), RC_NOT_JSON);
	assert_true(str_starts(str_of(fail.message), STR("Not JSON at byte 6: ")));
}

static void reads_every_kind(void **state)
{
	(void)state;
	json v = parsed("{\"s\":\"t\\u0000\\ud83d\\ude00\",\"i\":-5,\"n\":null,\"t\":true,\"f\":false,\"r\":1.5,\"a\":[1,[2],3],"
	                "\"o\":{\"x\":1},\"\":0}");
	str text;
	int64_t i;
	bool b;
	assert_true(json_is_object(v) && !json_is_array(v) && json_count(v) == 9);
	assert_true(json_text(json_get(v, STR("s")), &text));
	assert_str(text, STR("t\0\xf0\x9f\x98\x80"));
	assert_true(json_integer(json_get(v, STR("i")), &i) && i == -5);
	assert_true(json_is_null(json_get(v, STR("n"))) && !json_is_null(json_get(v, STR("absent"))));
	assert_true(json_is_true(json_get(v, STR("t"))) && !json_is_true(json_get(v, STR("f"))));
	assert_true(json_is_bool(json_get(v, STR("f"))) && json_bool(json_get(v, STR("f")), &b) && !b);
	assert_true(json_bool(json_get(v, STR("t")), &b) && b);
	assert_false(json_is_integer(json_get(v, STR("r"))));
	assert_true(json_is_array(json_get(v, STR("a"))) && json_count(json_get(v, STR("a"))) == 3);
	assert_true(json_integer(json_at(json_get(v, STR("a")), 2), &i) && i == 3);
	assert_true(json_is_array(json_at(json_get(v, STR("a")), 1)));
	assert_null(json_at(json_get(v, STR("a")), 3));
	assert_true(json_is_object(json_get(v, STR("o"))));
	assert_true(json_integer(json_get(v, STR_EMPTY), &i) && i == 0);
	assert_str(json_get_text(v, STR("i")), STR_EMPTY);
	assert_str(json_text_or(json_get(v, STR("i")), STR("else")), STR("else"));
	assert_str(json_text_or(json_get(v, STR("s")), STR("else")), text);
}

static void absent_values_have_no_kind(void **state)
{
	(void)state;
	str text = STR("untouched");
	int64_t i = 7;
	bool b = true;
	assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_text(NULL) || json_is_null(NULL) ||
	             json_is_true(NULL) || json_is_bool(NULL) || json_is_integer(NULL));
	assert_false(json_text(NULL, &text) || json_integer(NULL, &i) || json_bool(NULL, &b));
	assert_null(json_get(NULL, STR("a")));
	assert_null(json_get(parsed("[1]"), STR("a")));
	assert_null(json_get(parsed("{}"), STR("a")));
	assert_null(json_at(parsed("{\"a\":1}"), 0));
	assert_null(json_at(NULL, 0));
	assert_int_equal(json_count(NULL), 0);
	assert_int_equal(json_count(parsed("\"abc\"")), 0);
	assert_str(text, STR("untouched"));
	assert_true(i == 7 && b);
}

static void integers_have_a_range(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_integer;
		int64_t value;
	} rows[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"9007199254740991", true, JSON_INTEGER_MAX},
		{"-9007199254740991", true, -JSON_INTEGER_MAX},
		{"9007199254740992", false, 0},
		{"-9007199254740992", false, 0},
		{"9223372036854775808", false, 0},
		{"18446744073709551615", false, 0},
		{"-9223372036854775808", false, 0},
		{"123456789012345678901234567890", false, 0},
		{"1.0", false, 0},
		{"1e3", false, 0},
		{"-0.0", false, 0},
		{"\"1\"", false, 0},
		{"true", false, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t value = 424242;
		if (json_integer(parsed(rows[i].text), &value) != rows[i].is_integer)
			fail_msg("%s", rows[i].text);
		assert_int_equal(value, rows[i].is_integer ? rows[i].value : 424242);
		assert_int_equal(json_is_integer(parsed(rows[i].text)), rows[i].is_integer);
	}
}

/* What only events of old rooms may hold. */
static void numbers_beyond_canonical_json(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_int64, is_double;
		int64_t integer;
		double real;
	} rows[] = {
		{"0", true, false, 0, 0},
		{"-5", true, false, -5, 0},
		{"9007199254740992", true, false, JSON_INTEGER_MAX + 1, 0},
		{"9223372036854775807", true, false, INT64_MAX, 0},
		{"-9223372036854775808", true, false, INT64_MIN, 0},
		{"9223372036854775808", false, false, 0, 0},
		{"-9223372036854775809", false, false, 0, 0},
		{"18446744073709551615", false, false, 0, 0},
		{"18446744073709551616", false, false, 0, 0},
		{"1.5", false, true, 0, 1.5},
		{"-2e3", false, true, 0, -2000.0},
		{"1e309", false, false, 0, 0},
		{"\"1\"", false, false, 0, 0},
		{"true", false, false, 0, 0},
		{"null", false, false, 0, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t integer = 424242;
		double real = 4.25;
		json v = parsed(rows[i].text);
		if (json_int64(v, &integer) != rows[i].is_int64 || json_double(v, &real) != rows[i].is_double)
			fail_msg("%s", rows[i].text);
		assert_int_equal(integer, rows[i].is_int64 ? rows[i].integer : 424242);
		assert_true(rows[i].is_double ? real <= rows[i].real && real >= rows[i].real : real > 4);
	}
	assert_false(json_int64(NULL, &(int64_t){0}) || json_double(NULL, &(double){0}));
}

static void iterates_in_order(void **state)
{
	(void)state;
	struct json_iter iter = json_iter(parsed("{\"b\":{\"x\":[1,2]},\"a\":[],\"c\":1}"));
	static const str keys[] = {STR_INIT("b"), STR_INIT("a"), STR_INIT("c")};
	str key;
	json value;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_true(json_next(&iter, &key, &value));
		assert_str(key, keys[i]);
	}
	assert_true(json_is_integer(value));
	assert_false(json_next(&iter, &key, &value));
	iter = json_iter(parsed("[[1,[2]],3]"));
	assert_true(json_next(&iter, NULL, &value) && json_count(value) == 2);
	assert_true(json_next(&iter, &key, &value) && json_is_integer(value) && key.n == 0);
	assert_false(json_next(&iter, NULL, &value));
	iter = json_iter(parsed("\"text\""));
	assert_false(json_next(&iter, &key, &value));
	iter = json_iter(NULL);
	assert_false(json_next(&iter, &key, &value));
	iter = json_iter(parsed("{}"));
	assert_false(json_next(&iter, &key, &value));
}

static void puts_what_was_read(void **state)
{
	(void)state;
	static const struct {
		const char *text, *put;
	} rows[] = {
		{" { \"b\" : 1 , \"a\" : [ ] } ", "{\"b\":1,\"a\":[]}"},
		{"[[],{},[{}],\"\",null,true,false]", "[[],{},[{}],\"\",null,true,false]"},
		{"[-1,0,-0,9007199254740993,18446744073709551615,-9223372036854775808]",
	         "[-1,0,0,9007199254740993,18446744073709551615,-9223372036854775808]"},
		{"[0.1,1.0,1e3,-2.5e-300,0.30000000000000004]", "[0.1,1.0,1000.0,-2.5e-300,0.30000000000000004]"},
		{"\"{[\"", "\"{[\""},
		{"[\"{\",\"[\",\"a\"]", "[\"{\",\"[\",\"a\"]"},
		{"{\"{\":\"{\",\"[\":1}", "{\"{\":\"{\",\"[\":1}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf buf;
		buf_init(&buf, &arena, 1000);
		json_put(&buf, parsed(rows[i].text));
		assert_rc(buf_status(&buf), RC_OK);
		assert_str(buf_str(&buf), str_of(rows[i].put));
	}
	struct buf buf;
	buf_init(&buf, &arena, 1000);
	json_put(&buf, NULL);
	assert_str(buf_str(&buf), STR("null"));
}

/* Each byte that needs an escape, at each offset of a word and behind it. */
static void text_is_escaped_wherever_it_stands(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t n = 1; n < 20; n++) {
			for (size_t at = 0; at < n; at++) {
				char text[20];
				memset(text, 'x', n);
				text[at] = (char)c;
				struct buf buf;
				str got;
				json v;
				arena_clear(&arena);
				buf_init(&buf, &arena, 1000);
				json_put_text(&buf, str_bytes(text, n));
				assert_rc(buf_finish(&buf, &got), RC_OK);
				bool plain = c >= 0x20 && c != '"' && c != '\\';
				assert_int_equal(got.n == n + 2, plain);
				if (c >= 0x80)
					continue; /* no UTF-8 by itself */
				assert_rc(json_parse(&arena, got, &v, NULL), RC_OK);
				assert_str(json_text_or(v, STR_EMPTY), str_bytes(text, n));
			}
		}
	}
}

static void members_get_their_commas(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, &arena, 1000);
	json_put_comma(&buf);
	buf_putc(&buf, '{');
	json_put_key(&buf, STR("a"));
	buf_putc(&buf, '[');
	for (int i = 0; i < 3; i++) {
		json_put_comma(&buf);
		buf_put_i64(&buf, i);
	}
	buf_putc(&buf, ']');
	json_put_key(&buf, STR("b\""));
	buf_put(&buf, STR("{}"));
	json_put_key(&buf, STR(""));
	json_put_text(&buf, STR_EMPTY);
	buf_putc(&buf, '}');
	assert_str(buf_str(&buf), STR("{\"a\":[0,1,2],\"b\\\"\":{},\"\":\"\"}"));
}

static void full_buffers_stop_the_writers(void **state)
{
	(void)state;
	json v = parsed("{\"a\":[1,2,\"a\\nb\",{\"b\":1.5}],\"c\":\"text\"}");
	struct buf buf;
	buf_init(&buf, &arena, 1000);
	json_put(&buf, v);
	size_t whole = buf.n;
	for (size_t max = 0; max < whole; max++) {
		buf_init(&buf, &arena, max);
		json_put(&buf, v);
		assert_rc(buf_status(&buf), RC_TOO_LARGE);
		assert_true(buf.n <= max);
	}
	buf_init(&buf, &arena, whole);
	json_put(&buf, v);
	assert_rc(buf_status(&buf), RC_OK);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(refuses_what_is_no_json),
		WITH_ARENA(refusal_says_where),
		WITH_ARENA(reads_every_kind),
		WITH_ARENA(absent_values_have_no_kind),
		WITH_ARENA(integers_have_a_range),
		WITH_ARENA(numbers_beyond_canonical_json),
		WITH_ARENA(iterates_in_order),
		WITH_ARENA(puts_what_was_read),
		WITH_ARENA(text_is_escaped_wherever_it_stands),
		WITH_ARENA(members_get_their_commas),
		WITH_ARENA(full_buffers_stop_the_writers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
