/*
 * Compiler attributes and small macros that every room uses.
 *
 * CLEANUP(fn) declares that `fn(&variable)` runs when the variable leaves its scope; ownership
 * leaves by TAKE(variable). TRY(call) returns early with the failing `enum rc`.
 */
#ifndef EXEUNT_BASE_ATTR_H
#define EXEUNT_BASE_ATTR_H

#include <stddef.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

/* Takes the value out of `x` and leaves zero there, so that a CLEANUP on `x` does nothing. */
#define TAKE(x)                                                                                  \
	__extension__({                                                                          \
		__typeof__(x) *take_p_ = &(x);                                                   \
		__typeof__(x) take_v_ = *take_p_;                                                \
		*take_p_ = (__typeof__(x)){0};                                                   \
		take_v_;                                                                         \
	})

#define TRY(call)                                                                                \
	do {                                                                                     \
		enum rc try_rc_ = (call);                                                        \
		if (try_rc_ != RC_OK)                                                            \
			return try_rc_;                                                          \
	} while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CONTAINER_OF(ptr, type, member)                                                          \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* For libraries whose prototypes lack const although they do not write. */
#define UNCONST(type, ptr) ((type)(uintptr_t)(ptr))

#endif
