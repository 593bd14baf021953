/* A growing array of rows in an arena: for verbs that return a list of unknown length. */
#ifndef EXEUNT_STORE_ROWS_INT_H
#define EXEUNT_STORE_ROWS_INT_H

#include "base/arena.h"

struct rows {
	struct arena *arena;
	void *first;
	size_t count, capacity, size_bytes;
};

#define ROWS(arena, type) ((struct rows){(arena), NULL, 0, 0, sizeof(type)})

/* Room for one more, zeroed; NULL: the arena failed. */
void *rows_add(struct rows *rows);

#endif
