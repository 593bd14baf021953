#include "daemon/table.h"

#include <stdio.h>
#include <time.h>

/* Bytes that continue a character take no place of their own. */
static size_t width_of(str text)
{
	size_t width = 0;
	for (size_t i = 0; i < text.n; i++)
		width += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return width;
}

/* Nothing that was stored may command the terminal: C0, DEL, and C1 in its two bytes. */
static str printable(struct arena *arena, str text)
{
	char *copy = arena_alloc(arena, text.n + 1);
	if (!copy)
		return STR_EMPTY;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool c1 = c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)text.p[i - 1] == 0xc2;
		copy[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
		if (c1)
			copy[i - 1] = copy[i] = '?';
	}
	return str_bytes(copy, text.n);
}

void table_init(struct table *table, struct arena *arena, const char *const *headings, size_t columns)
{
	str cells[TABLE_COLUMNS_MAX] = {STR_EMPTY};
	*table = (struct table){.arena = arena, .columns = columns};
	table->last = &table->first;
	for (size_t i = 0; i < columns; i++)
		cells[i] = str_of(headings[i]);
	table_add(table, cells);
}

void table_add(struct table *table, const str *cells)
{
	struct table_row *row = arena_new(table->arena, struct table_row);
	if (!row)
		return;
	for (size_t i = 0; i < table->columns; i++) {
		row->cells[i] = printable(table->arena, cells[i]);
		size_t width = width_of(row->cells[i]);
		if (width > table->widths[i])
			table->widths[i] = width;
	}
	*table->last = row;
	table->last = &row->next;
}

enum rc table_print(const struct table *table)
{
	TRY(arena_status(table->arena));
	for (const struct table_row *row = table->first; row; row = row->next)
		for (size_t i = 0; i < table->columns; i++) {
			bool last = i + 1 == table->columns;
			size_t blanks = last ? 0 : table->widths[i] - width_of(row->cells[i]) + 2;
			printf("%.*s%*s%s", STR_ARG(row->cells[i]), (int)blanks, "", last ? "\n" : "");
		}
	return RC_OK;
}

str cell_time(struct arena *arena, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	if (wall_ms == 0 || !gmtime_r(&seconds, &tm))
		return STR("-");
	return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
	                    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

str cell_integer(struct arena *arena, int64_t value)
{
	return arena_printf(arena, "%lld", (long long)value);
}

str cell_bool(bool value)
{
	return value ? STR("yes") : STR("no");
}
