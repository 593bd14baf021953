/* One of the two databases of a copy: what is the same whichever engine it has. */
#include "store/copy_int.h"

#include "store/rows_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SQL_LINE_MAX = 512 };

enum rc side_open(struct side *side, const struct copy_place *place, struct arena *arena, struct fail *fail)
{
	side->ops = place->database.n ? &side_postgres : &side_sqlite;
	side->arena = arena;
	side->lock_fd = -1;
	return side->ops->open(side, place, fail);
}

void side_close(struct side *side)
{
	if (side->ops && side->db)
		side->ops->close(side);
	if (side->ops && side->lock_fd >= 0)
		close(side->lock_fd);
	bytes_free(&side->row);
	*side = (struct side){0};
}

enum rc side_fail(const struct side *side, enum rc rc, struct fail *fail)
{
	if (fail && fail->message[0])
		return rc;
	return fail_set(fail, rc, "%s: %s", side->what, side->db ? side->ops->message(side) : rc_sentence(rc));
}

/* ---- statements ---- */

enum rc side_execf(struct side *side, const char *format, ...)
{
	char sql[SQL_LINE_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(sql, sizeof sql, format, args);
	va_end(args);
	return n > 0 && (size_t)n < sizeof sql ? side->ops->exec(side, sql) : RC_TOO_LARGE;
}

enum rc side_number(struct side *side, const char *sql, int64_t *ret_number)
{
	str row;
	struct field field;
	TRY(side->ops->scan(side, sql));
	enum rc rc = side->ops->step(side, &row);
	if (rc == RC_OK && (!row_begin(&row, 1) || !row_field(&row, &field)))
		rc = RC_CORRUPT;
	if (rc == RC_OK)
		*ret_number = field_integer(&field);
	side->ops->scan_end(side);
	return rc;
}

void put_name(struct buf *sql, str name)
{
	buf_printf(sql, "\"%.*s\"", STR_ARG(name));
}

void put_names(struct buf *sql, const struct copy_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		if (i)
			buf_putc(sql, ',');
		put_name(sql, table->columns[i].name);
	}
}

static void put_key_names(struct buf *sql, const struct copy_table *table)
{
	for (size_t k = 0; k < table->key_count; k++) {
		if (k)
			buf_putc(sql, ',');
		put_name(sql, table->keys[k]->name);
	}
}

/* The text lives in `scratch`. */
static enum rc buf_cstr(struct buf *sql, const char **ret_text)
{
	buf_putc(sql, '\0');
	TRY(buf_status(sql));
	*ret_text = sql->p;
	return RC_OK;
}

enum rc side_scan(struct side *side, const struct copy_table *table, str after)
{
	struct arena CLEANUP(arena_release) scratch;
	struct buf sql;
	const char *text;
	arena_init(&scratch, (size_t)4 * COPY_SQL_MAX_BYTES);
	buf_init(&sql, &scratch, COPY_SQL_MAX_BYTES);
	buf_put(&sql, STR("SELECT "));
	put_names(&sql, table);
	buf_put(&sql, STR(" FROM "));
	put_name(&sql, table->name);
	if (after.n) {
		buf_put(&sql, STR(" WHERE ("));
		put_key_names(&sql, table);
		buf_put(&sql, STR(")>"));
		put_key(&sql, side, table, after);
	}
	buf_put(&sql, STR(" ORDER BY "));
	put_key_names(&sql, table);
	TRY(buf_cstr(&sql, &text));
	return side->ops->scan(side, text);
}

enum rc counter_copy(struct side *from, struct side *to, const struct copy_table *table)
{
	struct arena CLEANUP(arena_release) scratch;
	struct buf get, set;
	const char *text;
	int64_t value = 0;
	arena_init(&scratch, (size_t)16 * SQL_LINE_MAX);
	buf_init(&get, &scratch, (size_t)2 * SQL_LINE_MAX);
	from->ops->put_counter_get(&get, table->name);
	TRY(buf_cstr(&get, &text));
	TRY(side_number(from, text, &value));
	buf_init(&set, &scratch, (size_t)2 * SQL_LINE_MAX);
	to->ops->put_counter_set(&set, table->name, value);
	TRY(buf_cstr(&set, &text));
	return to->ops->exec(to, text);
}

/* ---- the catalog ---- */

/* They go into statements as they are. */
static bool is_plain_name(str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_'))
			return false;
	return name.n > 0 && name.n < 64;
}

struct catalog_row {
	str table, column;
	int64_t kind, key_at, is_counter;
};

static bool catalog_row_read(str row, struct catalog_row *ret)
{
	struct field fields[5];
	if (!row_begin(&row, COUNT_OF(fields)))
		return false;
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (!row_field(&row, &fields[i]))
			return false;
	*ret = (struct catalog_row){fields[0].bytes, fields[1].bytes, field_integer(&fields[2]), field_integer(&fields[3]),
		field_integer(&fields[4])};
	return true;
}

static enum rc column_add(struct side *side, struct copy_table *table, const struct catalog_row *row, struct fail *fail)
{
	if (!is_plain_name(row->column) || row->kind == COLUMN_OTHER || table->count == COPY_COLUMNS_MAX)
		return fail_set(fail, RC_CONFLICT, "%s is no database of this program: the column %.*s of %.*s", side->what,
		    STR_ARG(str_first(row->column, 60)), STR_ARG(table->name));
	table->columns[table->count++] = (struct copy_column){
	    .name = arena_dup(side->arena, row->column),
	    .is_integer = row->kind == COLUMN_INTEGER,
	    .is_text = row->kind == COLUMN_TEXT,
	    .is_counter = row->is_counter != 0,
	    .key_at = row->key_at,
	};
	return arena_status(side->arena);
}

static enum rc table_add(struct side *side, struct rows *tables, str name, struct fail *fail)
{
	if (!is_plain_name(name))
		return fail_set(fail, RC_CONFLICT, "%s is no database of this program: the table %.*s", side->what,
		    STR_ARG(str_first(name, 60)));
	struct copy_table *table = rows_add(tables);
	if (!table)
		return arena_status(side->arena);
	table->name = arena_dup(side->arena, name);
	table->columns = arena_array(side->arena, struct copy_column, COPY_COLUMNS_MAX);
	return arena_status(side->arena);
}

static enum rc catalog_row_add(struct side *side, struct rows *tables, str row, struct fail *fail)
{
	struct catalog_row column;
	if (!catalog_row_read(row, &column))
		return RC_CORRUPT;
	struct catalog *catalog = &side->catalog;
	bool is_version = str_eq(column.table, STR("schema_version"));
	bool is_progress = str_eq(column.table, STR("migration_progress"));
	catalog->has_version |= is_version;
	catalog->has_progress |= is_progress;
	if (is_version || is_progress)
		return RC_OK;
	struct copy_table *last = tables->count ? (struct copy_table *)tables->first + tables->count - 1 : NULL;
	if (!last || !str_eq(last->name, column.table)) {
		TRY(table_add(side, tables, column.table, fail));
		last = (struct copy_table *)tables->first + tables->count - 1;
	}
	return column_add(side, last, &column, fail);
}

/* Without a primary key a row is found by all of it: that is the one of `numbers`. */
static void keys_find(struct copy_table *table)
{
	for (size_t at = 1; at <= table->count; at++)
		for (size_t i = 0; i < table->count; i++)
			if (table->columns[i].key_at == (int64_t)at)
				table->keys[table->key_count++] = &table->columns[i];
	bool has_none = table->key_count == 0;
	for (size_t i = 0; i < table->count && has_none; i++)
		table->keys[table->key_count++] = &table->columns[i];
}

/* The row that makes a copy a whole comes last. */
static void numbers_last(struct catalog *catalog)
{
	struct copy_table *numbers = catalog_find(catalog, STR("numbers"));
	if (!numbers)
		return;
	struct copy_table kept = *numbers;
	size_t behind = (size_t)(catalog->tables + catalog->count - 1 - numbers);
	memmove(numbers, numbers + 1, behind * sizeof *numbers);
	catalog->tables[catalog->count - 1] = kept;
}

enum rc catalog_read(struct side *side, struct fail *fail)
{
	struct rows tables = ROWS(side->arena, struct copy_table);
	str row;
	enum rc rc;
	side->catalog = (struct catalog){0};
	TRY(side->ops->scan(side, side->ops->catalog_sql));
	while ((rc = side->ops->step(side, &row)) == RC_OK)
		if ((rc = catalog_row_add(side, &tables, row, fail)) != RC_OK)
			break;
	side->ops->scan_end(side);
	if (rc != RC_NOT_FOUND)
		return rc;
	side->catalog.tables = tables.first;
	side->catalog.count = tables.count;
	numbers_last(&side->catalog);
	for (size_t i = 0; i < side->catalog.count; i++)
		keys_find(&side->catalog.tables[i]);
	return RC_OK;
}

struct copy_table *catalog_find(const struct catalog *catalog, str name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (str_eq(catalog->tables[i].name, name))
			return &catalog->tables[i];
	return NULL;
}

static bool tables_agree(const struct copy_table *a, const struct copy_table *b)
{
	bool agree = str_eq(a->name, b->name) && a->count == b->count;
	for (size_t i = 0; agree && i < a->count; i++) {
		const struct copy_column *x = &a->columns[i], *y = &b->columns[i];
		agree = str_eq(x->name, y->name) && x->is_integer == y->is_integer && x->key_at == y->key_at &&
			x->is_counter == y->is_counter;
	}
	return agree;
}

enum rc catalogs_compare(const struct side *a, const struct side *b, struct fail *fail)
{
	const struct catalog *x = &a->catalog, *y = &b->catalog;
	for (size_t i = 0; i < x->count && i < y->count; i++)
		if (!tables_agree(&x->tables[i], &y->tables[i]))
			return fail_set(fail, RC_CONFLICT, "The table %.*s of %s is not the table %.*s of %s",
			    STR_ARG(x->tables[i].name), a->what, STR_ARG(y->tables[i].name), b->what);
	if (x->count != y->count)
		return fail_set(fail, RC_CONFLICT, "%s has %zu tables and %s has %zu", a->what, x->count, b->what, y->count);
	return RC_OK;
}
