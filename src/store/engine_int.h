/*
 * An engine: one implementation of what sql_int.h promises. The rows of statements.def and migrations.def hold the
 * text for each.
 */
#ifndef EXEUNT_STORE_ENGINE_INT_H
#define EXEUNT_STORE_ENGINE_INT_H

#include "store/sql_int.h"

struct store;

enum conn_role { CONN_WRITER, CONN_READER, CONN_CHECKPOINT, CONN_LISTENER };

struct engine {
	const char *name;
	/* Other processes may write to the same database: numbers are read anew in each write transaction. */
	bool is_shared;
	/*
	 * run() only sends: a failure is told by a later statement that brings rows, or by the commit, and nobody can
	 * say then which job it was. And a savepoint for each job costs. So a group runs without them, and once more
	 * with them, run() waiting, when something in it failed.
	 */
	bool is_deferred;
	/* `fail` (may be NULL) gets a sentence about why not. RC_UNAVAILABLE: it may be there later. */
	enum rc (*open)(struct conn *conn, const struct store *store, enum conn_role role, struct fail *fail);
	void (*close)(struct conn *conn);
	enum rc (*exec)(struct conn *conn, const char *sql);
	enum rc (*run)(struct conn *conn, enum statement statement, const struct arg *args, size_t count,
	               int64_t *ret_changes);
	struct query (*query)(struct conn *conn, enum statement statement, const struct arg *args, size_t count);
	void (*query_close)(struct query *query);
	enum rc (*query_step)(struct query *query);
	int64_t (*col_i64)(const struct query *query, int column);
	str (*col_text)(const struct query *query, int column);
	/* False after the engine gave a transaction up by itself, too. */
	bool (*in_transaction)(const struct conn *conn);
	bool (*is_lost)(const struct conn *conn); /* must be opened anew; NULL: that does not happen */
	enum rc (*be_patient)(struct conn *conn); /* NULL: nothing is limited */
	/* About the last failure of the connection; until its next use. */
	const char *(*message)(const struct conn *conn);
};

extern const struct engine engine_sqlite, engine_postgres;

#endif
