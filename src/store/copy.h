/*
 * Copying a database into an empty one of another engine, or of the same: what `exeunt migrate` does. Neither may be in
 * use. One thread.
 *
 * Table after table, in the order of their keys, in transactions of bounded size; each also writes down how far it came
 * (the table migration_progress), so that a copy that ended anywhere goes on there. Until it is complete and verified
 * the target calls itself unfinished, and store_open() refuses it. Tables and columns are those that the databases
 * themselves list: a new one cannot be forgotten.
 *
 * The source is not altered. Numbers, positions and tokens are the same in the copy; and a number that must not be
 * given out twice is not, though its row is gone.
 */
#ifndef EXEUNT_STORE_COPY_H
#define EXEUNT_STORE_COPY_H

#include "base/arena.h"

/* One of the two databases. */
struct copy_place {
	str sqlite_directory; /* holds exeunt.db; as a target it is made when missing */
	str database;         /* a connection string of PostgreSQL; empty: SQLite */
	str database_password; /* for PostgreSQL; empty: as the connection string says */
};

struct copy_progress {
	bool is_verifying;
	str table;
	int64_t rows, rows_total; /* copied, or verified, of all tables */
	int64_t rows_before;      /* copied by earlier runs */
};

struct copy_config {
	struct copy_place from, to;
	int64_t beat_wait_ms; /* processes of PostgreSQL that give no sign of life for so long are none */
	/* About every megabyte, and at the end of each table. May be NULL. */
	void (*progress)(void *self, const struct copy_progress *progress);
	void *self;
};

/* What the verification found of one table. */
struct copy_verdict {
	str table;
	int64_t from_rows, to_rows;
	unsigned char from_digest[32], to_digest[32]; /* chained SHA-256 over the rows in the order of their keys */
	bool is_same;
};

struct copy_report {
	int64_t rows_copied; /* by this run */
	int64_t rows_before; /* by earlier ones */
	bool is_same;        /* all verdicts are; the copy is complete */
	struct copy_verdict *verdicts;
	size_t count;
};

/*
 * RC_OK: the report tells whether the copy is good; if not it stays unfinished. RC_EXISTS: one of them is in use;
 * RC_CONFLICT: the target has data, or an unfinished copy of something else, or a schema is not this program's;
 * RC_NOT_FOUND: the source is no database; RC_CORRUPT, RC_IO, RC_UNAVAILABLE, RC_DISK_FULL. `fail` has a sentence.
 * Texts of the report live in `arena`.
 */
MUST_CHECK enum rc store_copy(const struct copy_config *config, struct arena *arena, struct copy_report *ret_report,
                              struct fail *fail);

#endif
