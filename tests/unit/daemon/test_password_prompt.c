#include "base/test.h"

#include "daemon/password_prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static char path[] = "/tmp/exeunt-password-XXXXXX";

static int setup_file(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	int fd = mkstemp(path);
	return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	arena_release(&arena);
	return unlink(path);
}

static enum rc read_text(str text, str *ret_password, struct fail *fail)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
	assert_int_equal(fclose(file), 0);
	return password_from_file(&arena, str_of(path), ret_password, fail);
}

static void the_first_line_is_the_password(void **state)
{
	(void)state;
	static const struct {
		str text, password;
	} rows[] = {
		{STR_INIT("secret"), STR_INIT("secret")},
		{STR_INIT("secret\n"), STR_INIT("secret")},
		{STR_INIT("secret\r\n"), STR_INIT("secret")},
		{STR_INIT(" two words \nmore\n"), STR_INIT(" two words ")},
		{STR_INIT("p\xc3\xa4ss\n"), STR_INIT("p\xc3\xa4ss")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str password;
		assert_rc_of(read_text(rows[i].text, &password, NULL), RC_OK, rows[i].text.p);
		assert_str(password, rows[i].password);
	}
}

static void what_is_no_password_is_told(void **state)
{
	(void)state;
	static const struct {
		str text;
		const char *part;
	} rows[] = {
		{STR_INIT(""), "is empty"},
		{STR_INIT("\nsecret\n"), "is empty"},
		{STR_INIT("\r\n"), "is empty"},
		{STR_INIT("a\0b\n"), "not UTF-8"},
		{STR_INIT("a\xff\n"), "not UTF-8"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = {0};
		str password;
		assert_rc_of(read_text(rows[i].text, &password, &fail), RC_INVALID_PARAM, rows[i].text.p);
		if (!strstr(fail_message(&fail), rows[i].part))
			fail_msg("row %zu: %s", i, fail_message(&fail));
	}
}

static void a_line_without_end_is_refused(void **state)
{
	(void)state;
	static char text[PASSWORD_LINE_MAX_BYTES + 1];
	str password;
	memset(text, 'x', sizeof text);
	assert_rc(read_text(str_bytes(text, sizeof text), &password, NULL), RC_INVALID_PARAM);
	text[PASSWORD_LINE_MAX_BYTES - 1] = '\n';
	assert_rc(read_text(str_bytes(text, sizeof text), &password, NULL), RC_OK);
	assert_int_equal(password.n, PASSWORD_LINE_MAX_BYTES - 1);
}

static void a_file_that_is_not_there_is_told(void **state)
{
	(void)state;
	struct fail fail = {0};
	str password;
	assert_rc(password_from_file(&arena, STR("/nonexistent/p"), &password, &fail), RC_NOT_FOUND);
	assert_non_null(strstr(fail_message(&fail), "/nonexistent/p"));
	assert_rc(password_from_file(&arena, STR("/tmp"), &password, &fail), RC_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(what_is_no_password_is_told),
		cmocka_unit_test(a_line_without_end_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
	};
	return cmocka_run_group_tests(tests, setup_file, remove_file);
}
