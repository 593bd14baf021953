/* Each statement in PostgreSQL's form: it can be prepared, and finds its rows through an index. */
#include "store_fixture.h"

#include "store/store_int.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_MAX_BYTES = 16384, SQL_MAX_BYTES = 16384 };

static const char *text_of(enum statement statement)
{
	const struct statement_text *text = &statement_texts[statement];
	return text->postgres ? text->postgres : text->sqlite;
}

static PGconn *database_of(const struct fixture *f)
{
	PGconn *db = PQconnectdb(f->database);
	assert_int_equal(PQstatus(db), CONNECTION_OK);
	return db;
}

static void must_do(PGconn *db, const char *sql)
{
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	PQclear(result);
}

/* As `plan`, and how many parameters it has. A parameter that is left out has no type: the server refuses that. */
static int statement_prepare(PGconn *db, enum statement statement)
{
	static char sql[SQL_MAX_BYTES];
	must_do(db, "DEALLOCATE ALL");
	int n = snprintf(sql, sizeof sql, "PREPARE plan AS %s", text_of(statement));
	assert_in_range(n, 1, sizeof sql - 1);
	must_do(db, sql);
	PGresult *described = PQdescribePrepared(db, "plan");
	assert_int_equal(PQresultStatus(described), PGRES_COMMAND_OK);
	int count = PQnparams(described);
	PQclear(described);
	return count;
}

/* The plan for any parameters, a line each. */
static const char *plan_of(PGconn *db, enum statement statement)
{
	static char plan[PLAN_MAX_BYTES];
	char sql[512] = "EXPLAIN (COSTS OFF) EXECUTE plan";
	int parameters = statement_prepare(db, statement);
	for (int i = 0; i < parameters; i++)
		strcat(sql, i == 0 ? "(NULL" : ",NULL");
	strcat(sql, parameters ? ")" : "");
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text_of(statement), PQerrorMessage(db));
	plan[0] = '\0';
	for (int i = 0; i < PQntuples(result); i++)
		snprintf(plan + strlen(plan), sizeof plan - strlen(plan), "%s\n", PQgetvalue(result, i, 0));
	PQclear(result);
	return plan;
}

/* A node that reads a whole table, or a whole index. */
static bool scans(const char *plan)
{
	if (strstr(plan, "Seq Scan on "))
		return true;
	for (const char *node = plan; (node = strstr(node, " using ")) != NULL; node += 7) {
		const char *next = strstr(node, "->"), *condition = strstr(node, "Index Cond:");
		if (!condition || (next && next < condition))
			return true;
	}
	return false;
}

/* Of a table of one row or of a few; all there is, since it is asked for; or the first of it, up to a limit. */
static bool may_scan(enum statement statement)
{
	static const enum statement walks[] = {
	    STMT_numbers_get,
	    STMT_numbers_take,
	    STMT_numbers_set,
	    STMT_tag_get,
	    STMT_tag_set,
	    STMT_fence_raise,
	    STMT_process_each,
	    STMT_slots_get,
	    STMT_slots_leave,
	    STMT_account_each,
	    STMT_deactivation_each,
	    STMT_writers_drop_ended,
	    STMT_uia_drop_expired,
	    STMT_uia_drop_oldest,
	};
	for (size_t i = 0; i < COUNT_OF(walks); i++)
		if (walks[i] == statement)
			return true;
	return statement >= STMT_check_integrity; /* the last of the file: checks read everything */
}

static void every_statement_prepares(void **state)
{
	PGconn *db = database_of(*state);
	for (int i = STMT_rollback_to + 1; i < STMT_COUNT; i++)
		(void)statement_prepare(db, (enum statement)i);
	PQfinish(db);
}

/* With so few rows a scan is cheapest: so it is made dear, and chosen only where there is no other way. */
static void no_statement_scans(void **state)
{
	PGconn *db = database_of(*state);
	must_do(db, "SET plan_cache_mode=force_generic_plan; SET enable_seqscan=off");
	for (int i = STMT_rollback_to + 1; i < STMT_COUNT; i++) {
		const char *plan = plan_of(db, (enum statement)i);
		if (scans(plan) && !may_scan((enum statement)i))
			fail_msg("%s\n%s", text_of((enum statement)i), plan);
	}
	must_do(db, "ALTER TABLE users DROP CONSTRAINT users_user_id_key");
	assert_true(scans(plan_of(db, STMT_user_find))); /* it would be seen */
	PQfinish(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_statement_prepares),
	    TEST(no_statement_scans),
	};
	if (!fixture_is_on_postgres())
		return FIXTURE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
