/*
 * What the files of the copy share. Its statements are made of the names that a database lists, so they do not stand in
 * statements.def.
 *
 * A row travels as PostgreSQL's COPY sends it in binary: a 16-bit number of columns, then for each its 32-bit length (-1:
 * NULL) and its bytes, integers as 64 bits, all in network order. That form is also what is hashed.
 */
#ifndef EXEUNT_STORE_COPY_INT_H
#define EXEUNT_STORE_COPY_INT_H

#include "base/buf.h"
#include "store/copy.h"

enum {
	COPY_COLUMNS_MAX = 64,
	COPY_SQL_MAX_BYTES = 1 << 20,
	COPY_BATCH_BYTES = 1 << 20,  /* of one transaction; one row may be longer */
	COPY_BATCH_ROWS = 20000,
	COPY_ROW_MAX_BYTES = 1 << 30,
};

enum column_kind { COLUMN_OTHER, COLUMN_INTEGER, COLUMN_BYTES, COLUMN_TEXT };

struct copy_column {
	str name;
	bool is_integer; /* otherwise bytes */
	bool is_text;    /* bytes that this side tells from a blob */
	bool is_counter; /* the database gives its numbers out */
	int64_t key_at;  /* place in the primary key, from 1; 0: none */
};

struct copy_table {
	str name;
	struct copy_column *columns;
	size_t count;
	const struct copy_column *keys[COPY_COLUMNS_MAX]; /* in their order; without a primary key all columns */
	size_t key_count;
};

/* Without schema_version and migration_progress. In the order of the names, but numbers last. */
struct catalog {
	struct copy_table *tables;
	size_t count;
	bool has_version, has_progress;
};

struct bytes {
	char *p;
	size_t n, size;
};

struct batch {
	struct bytes bytes; /* rows, one behind the other */
	int64_t rows;
	size_t last; /* where the last row begins */
};

struct side;

struct side_ops {
	const char *catalog_sql; /* table, column, enum column_kind, place in the key, is a counter */
	/* Locks it, as far as that can be done without altering it. */
	enum rc (*open)(struct side *side, const struct copy_place *place, struct fail *fail);
	void (*close)(struct side *side);
	enum rc (*exec)(struct side *side, const char *sql);
	/* One scan at a time. A row lives until the next step; RC_NOT_FOUND: no more. */
	enum rc (*scan)(struct side *side, const char *sql);
	enum rc (*step)(struct side *side, str *ret_row);
	void (*scan_end)(struct side *side);
	/* In a transaction. */
	enum rc (*put)(struct side *side, const struct copy_table *table, const struct batch *batch);
	void (*put_literal)(struct buf *sql, const struct copy_column *column, str bytes);
	/* A query for the newest number that a table has or has given out, and a statement that sets it. */
	void (*put_counter_get)(struct buf *sql, str table);
	void (*put_counter_set)(struct buf *sql, str table, int64_t value);
	/* The last thing: what was written is safe, and the planner knows the tables. */
	enum rc (*settle)(struct side *side);
	const char *(*message)(const struct side *side);
};

struct side {
	const struct side_ops *ops;
	void *db;
	int lock_fd; /* -1: none */
	bool is_target;
	int64_t beat_wait_ms; /* see struct copy_config */
	const char *what; /* "the source" */
	struct arena *arena;
	struct catalog catalog;
	struct bytes row; /* of the scan */
};

extern const struct side_ops side_sqlite, side_postgres;

/* copy_row.c */
MUST_CHECK enum rc bytes_add(struct bytes *bytes, const void *p, size_t n);
void bytes_free(struct bytes *bytes);

struct field {
	bool is_null;
	str bytes;
};
MUST_CHECK enum rc row_put_count(struct bytes *row, size_t count);
MUST_CHECK enum rc row_put_null(struct bytes *row);
MUST_CHECK enum rc row_put_integer(struct bytes *row, int64_t value);
MUST_CHECK enum rc row_put_bytes(struct bytes *row, str bytes);
/* A cursor over a row. False: it is not of this form. */
bool row_begin(str *cursor, size_t columns);
bool row_field(str *cursor, struct field *ret_field);
int64_t field_integer(const struct field *field); /* 0 unless it has eight bytes */
/* Exactly one row, as the columns of the table say. */
bool row_fits(str row, const struct copy_table *table);
/* The key of a row, and back as the beginning of `sql`: (1, 'x'). */
MUST_CHECK enum rc row_key(struct bytes *key, str row, const struct copy_table *table);
void put_key(struct buf *sql, const struct side *side, const struct copy_table *table, str key);

/* copy_side.c: what is the same for both. */
MUST_CHECK enum rc side_open(struct side *side, const struct copy_place *place, struct arena *arena, struct fail *fail);
void side_close(struct side *side);
MUST_CHECK enum rc side_fail(const struct side *side, enum rc rc, struct fail *fail); /* with the engine's words */
MUST_CHECK enum rc catalog_read(struct side *side, struct fail *fail);
/* RC_CONFLICT with a sentence about what differs. */
MUST_CHECK enum rc catalogs_compare(const struct side *a, const struct side *b, struct fail *fail);
struct copy_table *catalog_find(const struct catalog *catalog, str name);
MUST_CHECK enum rc side_number(struct side *side, const char *sql, int64_t *ret_number);
MUST_CHECK enum rc side_execf(struct side *side, const char *format, ...) PRINTF(2, 3);
/* The rows of a table from behind `after` on; empty: all. */
MUST_CHECK enum rc side_scan(struct side *side, const struct copy_table *table, str after);
MUST_CHECK enum rc counter_copy(struct side *from, struct side *to, const struct copy_table *table);
void put_name(struct buf *sql, str name);
void put_names(struct buf *sql, const struct copy_table *table);

/* copy_progress.c: the table migration_progress of the target. */
struct progress_row {
	str source; /* the numbers of the source, by which it is recognised */
	str table;  /* the one that is being copied; empty: all are */
	str after;  /* key of the last row that was copied; empty: none yet */
	int64_t rows;
};
MUST_CHECK enum rc target_prepare(struct side *to, struct side *from, struct progress_row *ret_progress, struct fail *fail);
MUST_CHECK enum rc progress_write(struct side *to, const struct progress_row *progress); /* in a transaction */
MUST_CHECK enum rc target_finish(struct side *to);

/* copy_verify.c */
struct copying {
	const struct copy_config *config;
	struct side from, to;
	struct progress_row progress;
	struct copy_progress shown;
	struct copy_report report;
	struct batch batch;
	struct arena *arena;
	struct fail *fail;
};
void copy_show(struct copying *copying);
MUST_CHECK enum rc copy_verify(struct copying *copying);

#endif
