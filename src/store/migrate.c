#include "store/schema_int.h"
#include "store/store_int.h"

#include "base/log.h"

#include <stdio.h>

static enum rc schema_version(struct conn *conn, int64_t *ret_version)
{
	struct query CLEANUP(query_close) q = query_open(conn, STMT_schema_version, NULL, 0);
	TRY(query_step(&q));
	*ret_version = col_i64(&q, 0);
	return RC_OK;
}

static enum rc migration_apply(struct conn *conn, const struct migration *migration)
{
	char record[96];
	snprintf(record, sizeof record, "INSERT INTO schema_version VALUES(%d);", migration->number);
	TRY(conn_exec(conn, conn->engine == &engine_sqlite ? migration->sqlite : migration->postgres));
	return conn_exec(conn, record);
}

static enum rc migration_lock(struct conn *conn)
{
	struct query CLEANUP(query_close) q = query_open(conn, STMT_migration_lock, NULL, 0);
	return query_step(&q);
}

/*
 * One step, in a transaction that keeps the processes that start together apart. `*ret_version` is the one found, and
 * `*ret_migration` the step made after it; that one's number is 0 when there was none to make.
 */
static enum rc migrate_once(struct conn *conn, int64_t *ret_version, const struct migration **ret_migration)
{
	const struct migration *next = migrations;
	TRY(conn_run(conn, STMT_begin_immediate));
	TRY(conn_be_patient(
	    conn)); /* with whoever is at it before this one, and with indexes of large tables */
	TRY(migration_lock(conn));
	TRY(conn_exec(conn, "CREATE TABLE IF NOT EXISTS schema_version(version INTEGER PRIMARY KEY);"));
	TRY(schema_version(conn, ret_version));
	while (next->number != 0 && next->number <= *ret_version)
		next++;
	*ret_migration = next;
	if (next->number != 0)
		TRY(migration_apply(conn, next));
	return conn_run(conn, STMT_commit);
}

static int newest_version(void)
{
	int newest = 0;
	for (const struct migration *migration = migrations; migration->number != 0; migration++)
		newest = migration->number;
	return newest;
}

enum rc store_migrate(struct store *store, struct fail *fail)
{
	struct conn *conn = &store->writer.conn;
	const struct migration *done = NULL;
	int64_t version = 0;
	enum rc rc;
	do
		rc = migrate_once(conn, &version, &done);
	while (rc == RC_OK && done->number != 0);
	if (rc == RC_OK && version == SCHEMA_UNFINISHED)
		return fail_set(fail, RC_CONFLICT,
		    "%s is an unfinished copy: finish it with 'exeunt migrate', or empty it", store->name);
	if (rc == RC_OK && version > newest_version())
		return fail_set(fail, RC_CONFLICT,
		    "%s was written by a newer exeunt (schema %lld, this program knows up to %d)", store->name,
		    (long long)version, newest_version());
	if (rc == RC_OK)
		return RC_OK;
	(void)fail_set(fail, rc, "The schema of %s cannot be read or brought up to date: %s", store->name,
	    conn_message(conn));
	if (conn_in_transaction(conn) && conn_run(conn, STMT_rollback) != RC_OK)
		LOG(LOG_ERROR, "store", "rollback failed", LOG_STR("reason", str_of(conn_message(conn))));
	return rc;
}
