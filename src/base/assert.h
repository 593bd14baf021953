/*
 * Assertions that stay on in release builds.
 *
 * ASSERT is for our own invariants only: nothing that a peer, a client, a file or a database row
 * can cause may reach one. A failure prints the place and aborts.
 */
#ifndef EXEUNT_BASE_ASSERT_H
#define EXEUNT_BASE_ASSERT_H

#include "base/attr.h"

NORETURN void assert_failed(const char *expression, const char *file, int line);

#define ASSERT(expression)                                                                       \
	do {                                                                                     \
		if (__builtin_expect(!(expression), 0))                                          \
			assert_failed(#expression, __FILE__, __LINE__);                          \
	} while (0)

#endif
