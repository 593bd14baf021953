/*
 * The heap, for objects that outlive a request: new/free pairs of the rooms are built on it. Transient memory belongs in
 * an arena. arena_fail_after() makes these fail too, so that tests reach every path. Any thread.
 */
#ifndef EXEUNT_BASE_HEAP_H
#define EXEUNT_BASE_HEAP_H

#include "base/attr.h"

#include <stddef.h>

void *heap_alloc(size_t bytes);               /* not zeroed; NULL when there is none */
void *heap_zero(size_t count, size_t bytes);  /* zeroed */
void *heap_grow(void *old, size_t bytes);     /* NULL leaves `old` as it was */
void heap_free(void *p);                      /* accepts NULL */

#define heap_new(type) ((type *)heap_zero(1, sizeof(type)))

#endif
