/* Tables for people on standard output: columns as wide as their widest cell. Main thread. */
#ifndef EXEUNT_DAEMON_TABLE_H
#define EXEUNT_DAEMON_TABLE_H

#include "base/arena.h"

enum { TABLE_COLUMNS_MAX = 8 };

struct table_row {
	str cells[TABLE_COLUMNS_MAX];
	struct table_row *next;
};

struct table {
	struct arena *arena;             /* borrowed; memory of the rows */
	size_t columns;
	size_t widths[TABLE_COLUMNS_MAX]; /* in characters */
	struct table_row *first, **last;
};

void table_init(struct table *table, struct arena *arena, const char *const *headings, size_t columns);
/* Copies the cells: as many as there are columns. What would move the cursor becomes '?'. */
void table_add(struct table *table, const str *cells);
MUST_CHECK enum rc table_print(const struct table *table);

/* Cells. A time is ISO 8601 in UTC, to the second; 0 is "-". */
str cell_time(struct arena *arena, int64_t wall_ms);
str cell_integer(struct arena *arena, int64_t value);
str cell_bool(bool value);

#endif
