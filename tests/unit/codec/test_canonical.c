#include "base/test.h"

#include "codec/canonical.h"

#include <stdio.h>

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static enum rc canonical(str text, size_t max_bytes, struct fail *fail, str *ret_text)
{
	json v;
	struct buf buf;
	TRY(json_parse(&arena, text, &v, fail));
	buf_init(&buf, &arena, max_bytes);
	TRY(canonical_put(&buf, v, fail));
	return buf_finish(&buf, ret_text);
}

/* The first rows are the examples of the specification's appendix. */
static void known_forms(void **state)
{
	(void)state;
	static const struct {
		str text, form;
	} rows[] = {
		{STR_INIT("{}"), STR_INIT("{}")},
		{STR_INIT("{ \"one\": 1, \"two\": \"Two\" }"), STR_INIT("{\"one\":1,\"two\":\"Two\"}")},
		{STR_INIT("{\"b\": \"2\", \"a\": \"1\"}"), STR_INIT("{\"a\":\"1\",\"b\":\"2\"}")},
		{STR_INIT("{\"a\": \"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}"),
	         STR_INIT("{\"a\":\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}")},
		{STR_INIT("{\"\xe6\x9c\xac\": 2, \"\xe6\x97\xa5\": 1}"),
	         STR_INIT("{\"\xe6\x97\xa5\":1,\"\xe6\x9c\xac\":2}")},
		{STR_INIT("{\"a\": \"\\u65E5\"}"), STR_INIT("{\"a\":\"\xe6\x97\xa5\"}")},
		{STR_INIT("{\"a\": null}"), STR_INIT("{\"a\":null}")},
		{STR_INIT("{\"a\": -0, \"b\": 10}"), STR_INIT("{\"a\":0,\"b\":10}")},
		{STR_INIT(" [true , false,null,[],{} ] "), STR_INIT("[true,false,null,[],{}]")},
		{STR_INIT("{\"b\":{\"d\":1,\"c\":2},\"a\":[{\"z\":1,\"y\":2}]}"),
	         STR_INIT("{\"a\":[{\"y\":2,\"z\":1}],\"b\":{\"c\":2,\"d\":1}}")},
		/* By code point: U+FFFF before U+10000, although UTF-16 sorts them the other way. */
		{STR_INIT("{\"\\ud800\\udc00\":1,\"\\uffff\":2}"),
	         STR_INIT("{\"\xef\xbf\xbf\":2,\"\xf0\x90\x80\x80\":1}")},
		{STR_INIT("{\"aa\":1,\"a\":2,\"\":3,\"\\u0000\":4,\"B\":5}"),
	         STR_INIT("{\"\":3,\"\\u0000\":4,\"B\":5,\"a\":2,\"aa\":1}")},
		{STR_INIT("\"\\u0000\\u0001\\u001F\\u007f\\b\\t\\n\\f\\r\\\"\\\\\\/\""),
	         STR_INIT("\"\\u0000\\u0001\\u001f\x7f\\b\\t\\n\\f\\r\\\"\\\\/\"")},
		{STR_INIT("9007199254740991"), STR_INIT("9007199254740991")},
		{STR_INIT("-9007199254740991"), STR_INIT("-9007199254740991")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got;
		assert_rc_of(canonical(rows[i].text, 1000, NULL, &got), RC_OK, rows[i].text.p);
		assert_str(got, rows[i].form);
	}
}

static void refuses_numbers_and_names_the_key(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"1.0", "The value must be an integer"},
		{"1e3", "The value must be an integer"},
		{"-0.0", "not a float"},
		{"{\"power\":1.5}", "\"power\""},
		{"{\"a\":{\"deep\":[1,2,[9007199254740992]]}}", "\"deep\""},
		{"{\"a\":-9007199254740992}", "\"a\" is beyond"},
		{"{\"a\":18446744073709551615}", "\"a\" is beyond"},
		{"{\"a\":123456789012345678901234567890}", "\"a\""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		str got = STR("untouched");
		assert_rc_of(canonical(str_of(rows[i].text), 1000, &fail, &got), RC_BAD_JSON, rows[i].text);
		assert_rc(fail.rc, RC_BAD_JSON);
		if (!strstr(fail.message, rows[i].part))
			fail_msg("%s: \"%s\"", rows[i].text, fail.message);
		assert_str(got, STR("untouched"));
	}
}

static enum rc lenient(str text, struct fail *fail, str *ret_text)
{
	json v;
	struct buf buf;
	TRY(json_parse(&arena, text, &v, fail));
	buf_init(&buf, &arena, 1000);
	TRY(canonical_put_lenient(&buf, v, fail));
	return buf_finish(&buf, ret_text);
}

/* Python's repr() of each number; the oracle has thousands more. */
static void numbers_of_old_rooms(void **state)
{
	(void)state;
	static const struct {
		const char *text, *form;
	} rows[] = {
		{"0", "0"},
		{"-0", "0"},
		{"9007199254740992", "9007199254740992"},
		{"-9007199254740992", "-9007199254740992"},
		{"18446744073709551615", "18446744073709551615"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"-18446744073709551616", "-18446744073709551616"},
		{"0.0", "0.0"},
		{"-0.0", "-0.0"},
		{"0e10", "0.0"},
		{"1.0", "1.0"},
		{"-1.50", "-1.5"},
		{"10.0", "10.0"},
		{"100.25", "100.25"},
		{"1e5", "100000.0"},
		{"50.57", "50.57"},
		{"5.114698E4", "51146.98"},
		{"9007199254740993.0", "9007199254740992.0"},
		{"1e15", "1000000000000000.0"},
		{"1234567890123456.7", "1234567890123456.8"},
		{"1e16", "1e+16"},
		{"12345678901234567.0", "1.2345678901234568e+16"},
		{"1e20", "1e+20"},
		{"1e21", "1e+21"},
		{"1.5e300", "1.5e+300"},
		{"0.1", "0.1"},
		{"0.0001", "0.0001"},
		{"0.00012", "0.00012"},
		{"0.00001", "1e-05"},
		{"1.5e-7", "1.5e-07"},
		{"-2.5e-100", "-2.5e-100"},
		{"5e-324", "5e-324"},
		{"1e-400", "0.0"},
		{"2.2250738585072014e-308", "2.2250738585072014e-308"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"},
		{"5.684341886080802e-14", "5.684341886080802e-14"}, /* 2^-44: the digits nearest to it are longer */
		{"{\"b\":[1.0,{\"d\":1e2,\"c\":2}],\"a\":18446744073709551616}",
	         "{\"a\":18446744073709551616,\"b\":[1.0,{\"c\":2,\"d\":100.0}]}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got, again;
		assert_rc_of(lenient(str_of(rows[i].text), NULL, &got), RC_OK, rows[i].text);
		assert_str(got, str_of(rows[i].form));
		assert_rc_of(lenient(got, NULL, &again), RC_OK, rows[i].text);
		assert_str(again, got);
	}
}

static void numbers_that_no_room_takes(void **state)
{
	(void)state;
	static const char *const rows[] = {"{\"far\":1e309}", "{\"far\":-1e309}", "{\"far\":[1e999999999]}"};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		str got = STR("untouched");
		assert_rc_of(lenient(str_of(rows[i]), &fail, &got), RC_BAD_JSON, rows[i]);
		assert_string_equal(fail.message, "The value of \"far\" is a number beyond all bounds");
		assert_str(got, STR("untouched"));
	}
}

static void many_keys_are_sorted(void **state)
{
	(void)state;
	enum { MANY = 3000 };
	struct buf text, form;
	str got;
	buf_init(&text, &arena, MEBIBYTE);
	buf_init(&form, &arena, MEBIBYTE);
	buf_putc(&text, '{');
	buf_putc(&form, '{');
	for (int i = 0; i < MANY; i++) {
		char key[16];
		snprintf(key, sizeof key, "%05d", i * 1009 % MANY);
		json_put_key(&text, str_of(key));
		buf_put_i64(&text, i);
	}
	for (int i = 0; i < MANY; i++) {
		char key[16];
		snprintf(key, sizeof key, "%05d", i);
		json_put_key(&form, str_of(key));
		buf_put_i64(&form, (int64_t)i * 889 % MANY); /* 1009 * 889 is 1 modulo MANY */
	}
	buf_putc(&text, '}');
	buf_putc(&form, '}');
	assert_rc(canonical(buf_str(&text), MEBIBYTE, NULL, &got), RC_OK);
	assert_str(got, buf_str(&form));
}

static void maximum_of_the_buffer(void **state)
{
	(void)state;
	str got = STR_EMPTY;
	assert_rc(canonical(STR("{\"a\":[1,2,3]}"), 13, NULL, &got), RC_OK);
	for (size_t max = 0; max < 13; max++)
		assert_rc(canonical(STR("{\"a\":[1,2,3]}"), max, NULL, &got), RC_TOO_LARGE);
}

static void absent_value(void **state)
{
	(void)state;
	struct buf buf;
	struct fail fail = {0};
	buf_init(&buf, &arena, 100);
	assert_rc(canonical_put(&buf, NULL, &fail), RC_BAD_JSON);
	assert_rc(canonical_put_lenient(&buf, NULL, &fail), RC_BAD_JSON);
	assert_rc(canonical_put_without(&buf, NULL, NULL, 0, &fail), RC_BAD_JSON);
}

static void leaves_out_top_level_members_only(void **state)
{
	(void)state;
	static const str left_out[] = {STR_INIT("signatures"), STR_INIT("unsigned")};
	json v;
	struct buf buf;
	str got;
	assert_rc(json_parse(&arena, STR("{\"unsigned\":1.5,\"b\":{\"unsigned\":1},\"signatures\":{},\"a\":1}"), &v,
	                     NULL), RC_OK);
	buf_init(&buf, &arena, 1000);
	assert_rc(canonical_put_without(&buf, v, left_out, COUNT_OF(left_out), NULL), RC_OK);
	assert_rc(buf_finish(&buf, &got), RC_OK);
	assert_str(got, STR("{\"a\":1,\"b\":{\"unsigned\":1}}"));
	assert_rc(json_parse(&arena, STR("{\"unsigned\":1}"), &v, NULL), RC_OK);
	buf_init(&buf, &arena, 1000);
	assert_rc(canonical_put_without(&buf, v, left_out, COUNT_OF(left_out), NULL), RC_OK);
	assert_str(buf_str(&buf), STR("{}"));
	assert_rc(json_parse(&arena, STR("[1]"), &v, NULL), RC_OK);
	assert_rc(canonical_put_without(&buf, v, left_out, 1, NULL), RC_BAD_JSON);
	assert_rc(canonical_put_lenient_without(&buf, v, left_out, 1, NULL), RC_BAD_JSON);
	assert_rc(json_parse(&arena, STR("{\"unsigned\":1,\"b\":1e2,\"a\":{\"unsigned\":1.50}}"), &v, NULL), RC_OK);
	buf_init(&buf, &arena, 1000);
	assert_rc(canonical_put_lenient_without(&buf, v, left_out, COUNT_OF(left_out), NULL), RC_OK);
	assert_str(buf_str(&buf), STR("{\"a\":{\"unsigned\":1.5},\"b\":100.0}"));
}

static void allocations_may_fail(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, &arena, MEBIBYTE);
	buf_putc(&text, '{');
	for (int i = 99; i > 0; i--) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		json_put_key(&text, str_of(key));
		buf_put(&text, STR("\"some text that fills the buffer\""));
	}
	buf_putc(&text, '}');
	json v;
	assert_rc(json_parse(&arena, buf_str(&text), &v, NULL), RC_OK);
	int64_t k = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; k++) {
		struct arena CLEANUP(arena_release) scratch;
		struct buf buf;
		arena_init(&scratch, MEBIBYTE);
		buf_init(&buf, &scratch, MEBIBYTE);
		arena_fail_after(k);
		rc = canonical_put(&buf, v, NULL);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(k > 3);
	for (size_t budget = 0; budget < 4000; budget += 100) {
		struct arena CLEANUP(arena_release) scratch;
		struct buf buf;
		arena_init(&scratch, budget);
		buf_init(&buf, &scratch, MEBIBYTE);
		assert_rc(canonical_put(&buf, v, NULL), RC_BUDGET);
	}
}

static void scanner_delivers_members(void **state)
{
	(void)state;
	static const str keys[] = {STR_INIT(""), STR_INIT("a"), STR_INIT("b\\\"\\\\"), STR_INIT("c"), STR_INIT("d"),
	                           STR_INIT("e"), STR_INIT("f"), STR_INIT("g"), STR_INIT("h"), STR_INIT("i")};
	static const str values[] = {STR_INIT("-12"), STR_INIT("{\"x\":[{}],\"}\":\"{\"}"), STR_INIT("\"\\\\\""),
	                             STR_INIT("[]"), STR_INIT("{}"), STR_INIT("true"), STR_INIT("\"\""),
	                             STR_INIT("[\"]\\\"\",[1,2]]"), STR_INIT("-1.5e-07"), STR_INIT("1e+20")};
	struct buf text;
	buf_init(&text, &arena, 1000);
	buf_putc(&text, '{');
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		json_put_comma(&text);
		buf_printf(&text, "\"%.*s\":%.*s", STR_ARG(keys[i]), STR_ARG(values[i]));
	}
	buf_putc(&text, '}');
	str cursor = buf_str(&text), key, value;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		assert_true(canonical_next_member(&cursor, &key, &value));
		assert_str(key, keys[i]);
		assert_str(value, values[i]);
	}
	assert_str(cursor, STR("}"));
	assert_false(canonical_next_member(&cursor, &key, &value));
}

static void scanner_stops_at_what_is_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "{", "}", "[]", "{}", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":}", "{\"a\":\"", "{\"a\":\"\\\"}",
		"{\"a\":[1}", "{\"a\":{\"b\":1}", "{\"a\" :1}", "{a:1}", "{1:1}", "{\"a\":1]", "{\"a\":[\"]}", "\"a\":1", ",",
		"{,\"a\":1}", "{\"a\\\":1}",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		/* An exact copy, so that ASan sees a read beyond it. */
		str text = arena_dup(&arena, str_of(bad[i])), cursor = text;
		str key = STR("untouched"), value = STR("untouched");
		if (canonical_next_member(&cursor, &key, &value))
			fail_msg("taken: %s", bad[i]);
		assert_ptr_equal(cursor.p, text.p);
		assert_str(key, STR("untouched"));
		assert_str(value, STR("untouched"));
	}
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(known_forms),
		WITH_ARENA(refuses_numbers_and_names_the_key),
		WITH_ARENA(numbers_of_old_rooms),
		WITH_ARENA(numbers_that_no_room_takes),
		WITH_ARENA(many_keys_are_sorted),
		WITH_ARENA(maximum_of_the_buffer),
		WITH_ARENA(absent_value),
		WITH_ARENA(leaves_out_top_level_members_only),
		WITH_ARENA(allocations_may_fail),
		WITH_ARENA(scanner_delivers_members),
		WITH_ARENA(scanner_stops_at_what_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
