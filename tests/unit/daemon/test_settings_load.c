#include "base/test.h"

#include "base/buf.h"
#include "daemon/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct settings settings;
static struct fail fail;
static char path[] = "/tmp/exeunt-settings-XXXXXX";

static int setup_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	settings_default(&settings);
	fail = (struct fail){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static enum rc load(str text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
	assert_int_equal(fclose(file), 0);
	return settings_load(&settings, &arena, str_of(path), &fail);
}

static void the_file_wins_over_the_defaults(void **state)
{
	(void)state;
	assert_rc(load(STR("# a comment\n"
			   "server:\n"
			   "  name: example.org  # another\n"
			   "http:\n"
			   "  worker_threads: 12\n"
			   "rate_limit: {enabled: false}\n"
			   "registration:\n"
			   "  mode: \"token\"\n"
			   "  token: &t secret\n")),
	          RC_OK);
	assert_str(settings.server_name, STR("example.org"));
	assert_int_equal(settings.http_worker_threads, 12);
	assert_false(settings.rate_limit_enabled);
	assert_int_equal(settings.registration_mode, 2);
	assert_str(settings.registration_token, STR("secret"));
	assert_str(settings.http_listen, STR("127.0.0.1:8008"));
}

static void a_file_that_says_nothing_changes_nothing(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n\n", "# only\n# comments\n", "{}\n"};
	const struct settings before = settings;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_rc_of(load(str_of(texts[i])), RC_OK, texts[i]);
		assert_memory_equal(&settings, &before, sizeof before);
	}
}

static void what_is_wrong_is_told_with_line_and_key(void **state)
{
	(void)state;
	static const struct {
		const char *text, *line, *part;
	} rows[] = {
		{"server:\n  name: a\nsever:\n  name: b\n", ":3:", "'sever'"},
		{"http:\n  loop_threads: 1\n  lop: 2\n", ":3:", "'lop'"},
		{"server:\n  name: [a, b]\n", ":2:", "a single value belongs here"},
		{"server:\n  name:\n    x: 1\n", ":3:", "a single value belongs here"},
		{"server: text\n", ":1:", "a section with settings below it"},
		{"server:\n", ":1:", "a section with settings below it"},
		{"- server\n", ":1:", "a section with settings below it"},
		{"text\n", ":1:", "a section with settings below it"},
		{"---\n", ":1:", "a section with settings below it"},
		{"http:\n  # why\n\n  loop_threads: 65\n", ":4:", "http.loop_threads takes a number from 1 to 64, not '65'"},
		{"store:\n  readers_max: 6\nhttp:\n  loop_threads: many\n", ":4:", "not 'many'"},
		{"rate_limit:\n  enabled: on\n", ":2:", "rate_limit.enabled takes true or false"},
		{"log:\n  level: loud\n", ":2:", "log.level takes one of debug|info|warning|error"},
		{"server:\n  name:\n", ":2:", "server.name takes a text"},
		{"server:\n  name: a\n  name: b\n", ":3:", "'name' stands there more than once"},
		{"server:\n  name: a\nhttp:\n  loop_threads: 1\nserver:\n  data: b\n", ":5:", "'server' stands there more than once"},
		{"{server: {name: a, name: b}}\n", ":1:", "more than once"},
		{"server:\n\tname: a\n", ":", "this is not YAML"},
		{"server:\n  name: \"a\xff\"\n", ":", "this is not YAML"},
		{"\xff\xfe\xfd", ":", "this is not YAML"},
		{"server: &a\n  name: x\nhttp: *a\n", ":", "'name'"},
		{"server:\n  name: 'open\n", ":", "this is not YAML"},
		{"server: *nothing\n", ":", ""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		settings_default(&settings);
		fail = (struct fail){0};
		assert_rc_of(load(str_of(rows[i].text)), RC_INVALID_PARAM, rows[i].text);
		char expected[64];
		snprintf(expected, sizeof expected, "%s%s", path, rows[i].line);
		if (!strstr(fail_message(&fail), expected) || !strstr(fail_message(&fail), rows[i].part))
			fail_msg("%s\nsays: %s", rows[i].text, fail_message(&fail));
	}
}

static void a_value_may_not_be_longer_than_its_row_says(void **state)
{
	(void)state;
	struct buf text;
	str whole;
	buf_init(&text, &arena, MEBIBYTE);
	buf_put(&text, STR("server:\n  name: "));
	for (int i = 0; i < 10000; i++)
		buf_putc(&text, 'a');
	buf_putc(&text, '\n');
	assert_rc(buf_finish(&text, &whole), RC_OK);
	assert_rc(load(whole), RC_INVALID_PARAM);
	assert_rc(load(str_first(whole, 16 + 231)), RC_INVALID_PARAM);
	assert_rc(load(str_first(whole, 16 + 230)), RC_OK);
}

static void deep_nesting_ends_at_once(void **state)
{
	(void)state;
	static const char *const opens[] = {"[", "{a: ", "- "};
	for (size_t i = 0; i < COUNT_OF(opens); i++) {
		struct buf text;
		buf_init(&text, &arena, MEBIBYTE);
		buf_put(&text, STR("server: "));
		for (int depth = 0; depth < 100000; depth++)
			buf_put(&text, str_of(opens[i]));
		assert_rc(buf_status(&text), RC_OK);
		assert_rc_of(load(buf_str(&text)), RC_INVALID_PARAM, opens[i]);
	}
}

static void a_huge_file_is_refused(void **state)
{
	(void)state;
	size_t n = MEBIBYTE + 1;
	char *text = arena_alloc(&arena, n);
	assert_non_null(text);
	memset(text, '#', n);
	assert_rc(load(str_bytes(text, n)), RC_IO);
	assert_non_null(strstr(fail_message(&fail), "at most 1048576 bytes"));
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	assert_rc(settings_load(&settings, &arena, STR("/nonexistent/exeunt.yaml"), &fail), RC_NOT_FOUND);
	assert_non_null(strstr(fail_message(&fail), "/nonexistent/exeunt.yaml"));
	assert_rc(settings_load(&settings, &arena, STR("/tmp"), &fail), RC_IO);
}

/*
 * Whichever allocation fails, the load fails or has succeeded; nothing is half read and nothing
 * leaks.
 */
static void every_allocation_may_fail(void **state)
{
	(void)state;
	str text = STR("server:\n  name: example.org\n  data: d\nregistration:\n  token: t\n");
	assert_rc(load(text), RC_OK);
	for (int64_t k = 0;; k++) {
		struct arena small;
		arena_init(&small, 8 * MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = settings_load(&settings, &small, str_of(path), NULL);
		arena_fail_after(-1);
		arena_release(&small);
		if (rc == RC_OK) {
			assert_true(k > 1);
			return;
		}
		assert_rc(rc, RC_NOMEM);
	}
}

/* All that is commented out in the example, taken in, gives the defaults again. */
static void the_example_is_the_defaults(void **state)
{
	(void)state;
	str example, line;
	struct buf active;
	buf_init(&active, &arena, MEBIBYTE);
	assert_rc(settings_example(&arena, &example), RC_OK);
	assert_rc(load(example), RC_OK); /* as it is: nothing but comments */
	while (str_split(&example, '\n', &line)) {
		if (str_starts(line, STR("# ")) && !str_starts(line, STR("#  ")))
			continue; /* words, no setting */
		buf_put(&active, str_starts(line, STR("#")) ? str_from(line, 1) : line);
		buf_putc(&active, '\n');
	}
	const struct settings before = settings;
	enum rc rc = load(buf_str(&active));
	assert_rc_of(rc, RC_OK, fail_message(&fail));
	assert_str(settings.server_name, before.server_name);
	assert_str(settings.http_listen, before.http_listen);
	assert_int_equal(settings.http_request_memory_bytes, before.http_request_memory_bytes);
	assert_int_equal(settings.deactivation_marker, before.deactivation_marker);
	assert_int_equal(settings.rate_limit_enabled, before.rate_limit_enabled);
	assert_int_equal(settings.log_format, before.log_format);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_file_wins_over_the_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_says_nothing_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_told_with_line_and_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_may_not_be_longer_than_its_row_says, setup, teardown),
		cmocka_unit_test_setup_teardown(deep_nesting_ends_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_huge_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(the_example_is_the_defaults, setup, teardown),
	};
	return cmocka_run_group_tests(tests, setup_file, remove_file);
}
