#include "base/heap.h"

#include "base/arena_int.h"

#include <stdlib.h>

void *heap_alloc(size_t bytes)
{
	return allocation_must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *heap_zero(size_t count, size_t bytes)
{
	return allocation_must_fail() ? NULL : calloc(count ? count : 1, bytes ? bytes : 1);
}

void *heap_grow(void *old, size_t bytes)
{
	return allocation_must_fail() ? NULL : realloc(old, bytes ? bytes : 1);
}

void heap_free(void *p)
{
	free(p);
}
