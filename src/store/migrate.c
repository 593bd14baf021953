#include "store/store_int.h"

#include <stdio.h>

static const struct migration {
	int number;
	const char *sqlite;
} migrations[] = {
#define MIGRATION(number, sqlite, other) {number, sqlite},
#include "store/migrations.def"
#undef MIGRATION
};

static enum rc schema_version(struct conn *conn, int64_t *ret_version)
{
	TRY(conn_exec(conn, "CREATE TABLE IF NOT EXISTS schema_version("
			    "version INTEGER PRIMARY KEY) STRICT;"));
	struct query CLEANUP(query_close) q = query_open(conn, STMT_schema_version, NULL, 0);
	TRY(query_step(&q));
	*ret_version = col_i64(&q, 0);
	return RC_OK;
}

static enum rc migration_run(struct conn *conn, const struct migration *migration)
{
	char record[96];
	snprintf(record, sizeof record, "INSERT INTO schema_version VALUES(%d); COMMIT;",
	    migration->number);
	enum rc rc = conn_exec(conn, "BEGIN IMMEDIATE;");
	if (rc == RC_OK)
		rc = conn_exec(conn, migration->sqlite);
	if (rc == RC_OK)
		rc = conn_exec(conn, record);
	if (rc != RC_OK && !sqlite3_get_autocommit(conn->db))
		sqlite3_exec(conn->db, "ROLLBACK;", NULL, NULL, NULL);
	return rc;
}

enum rc store_migrate(struct store *store, struct fail *fail)
{
	struct conn *conn = &store->writer.conn;
	int64_t version;
	enum rc rc = schema_version(conn, &version);
	if (rc != RC_OK)
		return fail_set(fail, rc, "The schema version of %s cannot be read: %s",
		    store->path, sqlite3_errmsg(conn->db));
	int64_t newest = migrations[COUNT_OF(migrations) - 1].number;
	if (version > newest)
		return fail_set(fail, RC_CONFLICT,
		    "%s was written by a newer exeunt (schema %lld, this program knows up to %lld)",
		    store->path, (long long)version, (long long)newest);
	for (size_t i = 0; i < COUNT_OF(migrations); i++) {
		if (migrations[i].number <= version)
			continue;
		rc = migration_run(conn, &migrations[i]);
		if (rc != RC_OK)
			return fail_set(fail, rc, "Migration %d of %s failed: %s",
			    migrations[i].number, store->path, sqlite3_errmsg(conn->db));
	}
	return RC_OK;
}
