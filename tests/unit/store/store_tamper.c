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

void tamper_cure(struct fixture *f)
{
	fixture_sql(f, is_on_postgres(f) ? "DROP TRIGGER poison ON events" : "DROP TRIGGER poison");
}
