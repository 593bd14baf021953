#include "store_tamper.h"

#include <stdio.h>

static bool is_on_postgres(const struct fixture *f)
{
	return f->database[0] != '\0';
}

void tamper_poison_room(struct fixture *f, int64_t room)
{
	char sql[400];
	snprintf(sql, sizeof sql,
	         is_on_postgres(f)
	             ? "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	               " IF NEW.room=%lld THEN RAISE check_violation; END IF; RETURN NEW; END $$;"
	               "CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION poison()"
	             : "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.room=%lld"
	               " BEGIN SELECT RAISE(ABORT, 'poison'); END",
	         (long long)room);
	fixture_sql(f, sql);
}

enum rc tamper_fail_commit(struct fixture *f, int k, const char **ret_fault)
{
	char *fault = arena_alloc(&f->arena, 32), sql[640];
	*ret_fault = is_on_postgres(f) ? NULL : fault;
	snprintf(fault, 32, "store.commit:%d:fail", k);
	if (!is_on_postgres(f))
		return RC_IO;
	/* At the commit itself; the sequence counts also what is rolled back. */
	snprintf(sql, sizeof sql,
	    "SET client_min_messages=warning; DROP TRIGGER IF EXISTS full_disk ON writers;"
	    "DROP SEQUENCE IF EXISTS commits; CREATE SEQUENCE commits;"
	    "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	    " IF nextval('commits')=%d THEN RAISE disk_full; END IF; RETURN NULL; END $$;"
	    "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT OR UPDATE ON writers DEFERRABLE INITIALLY DEFERRED"
	    " FOR EACH ROW EXECUTE FUNCTION full_disk()", k);
	fixture_sql(f, sql);
	return RC_DISK_FULL;
}

void tamper_cure(struct fixture *f)
{
	fixture_sql(f, is_on_postgres(f) ? "DROP TRIGGER poison ON events" : "DROP TRIGGER poison");
}
