/* What every unit test needs: cmocka, and comparisons of slices. Included by the tests of all rooms. */
#ifndef EXEUNT_TESTS_UNIT_TEST_H
#define EXEUNT_TESTS_UNIT_TEST_H

#include "base/arena.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline void check_str(str actual, str expected, const char *file, int line)
{
	if (str_eq(actual, expected))
		return;
	print_error("got      \"%.*s\" (%zu bytes)\n", STR_ARG(actual), actual.n);
	print_error("expected \"%.*s\" (%zu bytes)\n", STR_ARG(expected), expected.n);
	_fail(file, line);
}

#define assert_str(actual, expected) check_str((actual), (expected), __FILE__, __LINE__)

static inline void check_rc(enum rc actual, enum rc expected, const char *what, const char *file, int line)
{
	if (actual == expected)
		return;
	print_error("%s: got %s, expected %s\n", what, rc_name(actual), rc_name(expected));
	_fail(file, line);
}

#define assert_rc(call, expected) check_rc((call), (expected), #call, __FILE__, __LINE__)
/* The same with the input of a table's row, so that a failure names it. */
#define assert_rc_of(call, expected, input) check_rc((call), (expected), (input), __FILE__, __LINE__)

#define MEBIBYTE ((size_t)1 << 20)

#endif
