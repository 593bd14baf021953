#include "store/copy_int.h"

#include "base/heap.h"

#include <endian.h>
#include <string.h>

enum { BYTES_FIRST = 4096 };

enum rc bytes_add(struct bytes *bytes, const void *p, size_t n)
{
	if (n > COPY_ROW_MAX_BYTES || bytes->n + n > (size_t)2 * COPY_ROW_MAX_BYTES)
		return RC_TOO_LARGE;
	if (bytes->n + n > bytes->size) {
		size_t size = bytes->size ? bytes->size : BYTES_FIRST;
		while (size < bytes->n + n)
			size *= 2;
		char *grown = heap_grow(bytes->p, size);
		if (!grown)
			return RC_NOMEM;
		bytes->p = grown;
		bytes->size = size;
	}
	if (n)
		memcpy(bytes->p + bytes->n, p, n);
	bytes->n += n;
	return RC_OK;
}

void bytes_free(struct bytes *bytes)
{
	heap_free(bytes->p);
	*bytes = (struct bytes){0};
}

enum rc row_put_count(struct bytes *row, size_t count)
{
	uint16_t be = htobe16((uint16_t)count);
	return bytes_add(row, &be, sizeof be);
}

static enum rc put_length(struct bytes *row, uint32_t length)
{
	uint32_t be = htobe32(length);
	return bytes_add(row, &be, sizeof be);
}

enum rc row_put_null(struct bytes *row)
{
	return put_length(row, UINT32_MAX);
}

enum rc row_put_integer(struct bytes *row, int64_t value)
{
	uint64_t be = htobe64((uint64_t)value);
	TRY(put_length(row, sizeof be));
	return bytes_add(row, &be, sizeof be);
}

enum rc row_put_bytes(struct bytes *row, str bytes)
{
	if (bytes.n > COPY_ROW_MAX_BYTES)
		return RC_TOO_LARGE;
	TRY(put_length(row, (uint32_t)bytes.n));
	return bytes_add(row, bytes.p, bytes.n);
}

bool row_begin(str *cursor, size_t columns)
{
	uint16_t be;
	if (cursor->n < sizeof be)
		return false;
	memcpy(&be, cursor->p, sizeof be);
	*cursor = str_from(*cursor, sizeof be);
	return be16toh(be) == columns;
}

bool row_field(str *cursor, struct field *ret_field)
{
	uint32_t be;
	if (cursor->n < sizeof be)
		return false;
	memcpy(&be, cursor->p, sizeof be);
	uint32_t length = be32toh(be);
	str rest = str_from(*cursor, sizeof be);
	bool is_null = length == UINT32_MAX;
	if (!is_null && length > rest.n)
		return false;
	*ret_field = (struct field){is_null, is_null ? STR_EMPTY : str_first(rest, length)};
	*cursor = is_null ? rest : str_from(rest, length);
	return true;
}

int64_t field_integer(const struct field *field)
{
	uint64_t be = 0;
	if (field->bytes.n == sizeof be)
		memcpy(&be, field->bytes.p, sizeof be);
	return (int64_t)be64toh(be);
}

bool row_fits(str row, const struct copy_table *table)
{
	struct field field;
	if (!row_begin(&row, table->count))
		return false;
	for (size_t i = 0; i < table->count; i++)
		if (!row_field(&row, &field) ||
		    (table->columns[i].is_integer && !field.is_null && field.bytes.n != sizeof(int64_t)))
			return false;
	return row.n == 0;
}

enum rc row_key(struct bytes *key, str row, const struct copy_table *table)
{
	key->n = 0;
	for (size_t k = 0; k < table->key_count; k++) {
		str cursor = row;
		struct field field = {0};
		bool good = row_begin(&cursor, table->count);
		for (const struct copy_column *c = table->columns; good && c <= table->keys[k]; c++)
			good = row_field(&cursor, &field);
		if (!good || field.is_null)
			return RC_CORRUPT;
		TRY(row_put_bytes(key, field.bytes));
	}
	return RC_OK;
}

void put_key(struct buf *sql, const struct side *side, const struct copy_table *table, str key)
{
	struct field field;
	buf_putc(sql, '(');
	for (size_t k = 0; k < table->key_count; k++) {
		if (!row_field(&key, &field))
			field = (struct field){0}; /* what is damaged gives no match, and the verification tells */
		if (k)
			buf_putc(sql, ',');
		if (table->keys[k]->is_integer)
			buf_put_i64(sql, field_integer(&field));
		else
			side->ops->put_literal(sql, table->keys[k], field.bytes);
	}
	buf_putc(sql, ')');
}
