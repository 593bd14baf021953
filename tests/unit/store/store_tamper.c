#include "store_tamper.h"

#include "base/test.h"

#include <sqlite3.h>
#include <stdio.h>

static void run(const char *directory, const char *sql)
{
	char path[300];
	sqlite3 *db;
	snprintf(path, sizeof path, "%s/exeunt.db", directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void tamper_poison_room(const char *directory, int64_t room)
{
	char sql[200];
	snprintf(sql, sizeof sql,
	         "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.room=%lld BEGIN SELECT RAISE(ABORT, 'poison'); END",
	         (long long)room);
	run(directory, sql);
}

void tamper_cure(const char *directory)
{
	run(directory, "DROP TRIGGER poison");
}
