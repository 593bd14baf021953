#include "base/test.h"

#include "base/log.h"

#include <stdlib.h>
#include <unistd.h>

static char line[16384];

/* Logs into a pipe and returns what arrived. */
static str logged(enum log_format format, enum log_level least, enum log_level level, str value, int64_t number)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	log_configure(ends[1], format, least);
	LOG(level, "area", "some words", LOG_STR("value", value), LOG_INT("number", number));
	log_configure(2, LOG_TEXT, LOG_INFO);
	close(ends[1]);
	ssize_t n = read(ends[0], line, sizeof line);
	assert_true(n >= 0);
	close(ends[0]);
	return str_bytes(line, (size_t)n);
}

enum { TIME_BYTES = sizeof "2026-01-31T12:00:00.000Z" - 1 };

static void check_time(str text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	assert_true(text.n >= TIME_BYTES);
	for (size_t i = 0; i < TIME_BYTES; i++) {
		if (shape[i] == 'd')
			assert_in_range(text.p[i], '0', '9');
		else
			assert_int_equal(text.p[i], shape[i]);
	}
}

static void text_is_one_line(void **state)
{
	(void)state;
	str got = logged(LOG_TEXT, LOG_INFO, LOG_WARNING, STR("a b"), -5);
	check_time(got);
	assert_str(str_from(got, TIME_BYTES), STR(" warning area: some words value=\"a b\" number=-5\n"));
}

static void json_is_one_object(void **state)
{
	(void)state;
	str got = logged(LOG_JSON, LOG_DEBUG, LOG_DEBUG, STR("x"), INT64_MIN);
	assert_true(str_starts(got, STR("{\"")));
	assert_true(str_ends(got, STR(",\"value\":\"x\",\"number\":-9223372036854775808}\n")));
	assert_non_null(memmem(got.p, got.n, "\"some words\"", 12));
	assert_non_null(memmem(got.p, got.n, "\"debug\"", 7));
}

static void no_value_forges_a_line(void **state)
{
	(void)state;
	static const enum log_format formats[] = {LOG_TEXT, LOG_JSON};
	str evil = STR("\"}\n2026 error fake: \\\r\t\x1b[2J\x7f" "\0end");
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		str got = logged(formats[i], LOG_INFO, LOG_INFO, evil, 1);
		assert_int_equal(str_find(got, '\n'), got.n - 1);
		for (size_t at = 0; at + 1 < got.n; at++)
			assert_true((unsigned char)got.p[at] >= 0x20 && got.p[at] != 0x7f);
		str expected = STR("\"\\\"}\\u000a2026 error fake: \\\\\\u000d\\u0009\\u001b[2J\\u007f\\u0000end\"");
		assert_non_null(memmem(got.p, got.n, expected.p, expected.n));
	}
}

static void long_values_are_cut_and_json_stays_whole(void **state)
{
	(void)state;
	char value[20000];
	memset(value, 'x', sizeof value);
	str got = logged(LOG_JSON, LOG_INFO, LOG_INFO, str_bytes(value, sizeof value), 7);
	assert_true(str_ends(got, STR("x\",\"number\":7}\n")));
	assert_true(got.n < 1000);
	memset(value, '\x01', sizeof value); /* six bytes each when escaped */
	got = logged(LOG_JSON, LOG_INFO, LOG_INFO, str_bytes(value, sizeof value), 7);
	assert_true(str_ends(got, STR("\\u0001\",\"number\":7}\n")));
	for (size_t i = 0; i + 1 < sizeof value; i += 2)
		memcpy(value + i, "\xc3\xa9", 2);
	got = logged(LOG_JSON, LOG_INFO, LOG_INFO, str_bytes(value + 1, sizeof value - 1), 7);
	assert_true(str_ends(got, STR("\xa9\",\"number\":7}\n"))); /* no half of a character at the end */
}

static void fields_that_do_not_fit_are_left_out(void **state)
{
	(void)state;
	char value[500];
	memset(value, '\x01', sizeof value);
	str big = str_bytes(value, sizeof value);
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	log_configure(ends[1], LOG_JSON, LOG_INFO);
	LOG(LOG_INFO, "area", "words", LOG_STR("one", big), LOG_STR("two", big), LOG_INT("three", 3));
	log_configure(2, LOG_TEXT, LOG_INFO);
	close(ends[1]);
	ssize_t n = read(ends[0], line, sizeof line);
	close(ends[0]);
	assert_true(n > 0 && n <= 4096);
	str got = str_bytes(line, (size_t)n);
	assert_non_null(memmem(got.p, got.n, "\"one\"", 5));
	assert_null(memmem(got.p, got.n, "\"two\"", 5));
	assert_true(str_ends(got, STR("\\u0001\",\"three\":3}\n")));
}

static void levels_below_the_least_are_silent(void **state)
{
	(void)state;
	assert_int_equal(logged(LOG_TEXT, LOG_WARNING, LOG_INFO, STR("x"), 1).n, 0);
	assert_int_equal(logged(LOG_TEXT, LOG_ERROR, LOG_WARNING, STR("x"), 1).n, 0);
	assert_true(logged(LOG_TEXT, LOG_ERROR, LOG_ERROR, STR("x"), 1).n > 0);
}

static void a_line_without_fields(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	log_configure(ends[1], LOG_TEXT, LOG_INFO);
	LOG(LOG_ERROR, "area", "words");
	log_configure(2, LOG_TEXT, LOG_INFO);
	close(ends[1]);
	ssize_t n = read(ends[0], line, sizeof line);
	close(ends[0]);
	assert_true(n > TIME_BYTES);
	assert_str(str_from(str_bytes(line, (size_t)n), TIME_BYTES), STR(" error area: words\n"));
}

static void level_names(void **state)
{
	(void)state;
	enum log_level level = LOG_DEBUG;
	assert_true(log_level_parse(STR("error"), &level));
	assert_int_equal(level, LOG_ERROR);
	assert_true(log_level_parse(STR("debug"), &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_parse(STR("info"), &level) && log_level_parse(STR("warning"), &level));
	assert_int_equal(level, LOG_WARNING);
	assert_false(log_level_parse(STR("Error"), &level));
	assert_false(log_level_parse(STR(""), &level));
	assert_int_equal(level, LOG_WARNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_one_line),
		cmocka_unit_test(json_is_one_object),
		cmocka_unit_test(no_value_forges_a_line),
		cmocka_unit_test(long_values_are_cut_and_json_stays_whole),
		cmocka_unit_test(fields_that_do_not_fit_are_left_out),
		cmocka_unit_test(levels_below_the_least_are_silent),
		cmocka_unit_test(a_line_without_fields),
		cmocka_unit_test(level_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
