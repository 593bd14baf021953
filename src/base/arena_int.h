/* Private to base: the countdown of arena_fail_after(). */
#ifndef EXEUNT_BASE_ARENA_INT_H
#define EXEUNT_BASE_ARENA_INT_H

#include <stdbool.h>

bool allocation_must_fail(void);

#endif
