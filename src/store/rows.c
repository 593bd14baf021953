#include "store/rows_int.h"

#include <string.h>

enum { ROWS_FIRST = 16 };

void *rows_add(struct rows *rows)
{
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? rows->capacity * 2 : ROWS_FIRST;
		void *grown = arena_grow(rows->arena, rows->first,
		    rows->capacity * rows->size_bytes, capacity * rows->size_bytes);
		if (!grown)
			return NULL;
		rows->first = grown;
		rows->capacity = capacity;
	}
	void *row = (char *)rows->first + rows->count++ * rows->size_bytes;
	return memset(row, 0, rows->size_bytes);
}
