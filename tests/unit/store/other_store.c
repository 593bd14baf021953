#include "other_store.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void other_open(struct fixture *f, struct other_store *other)
{
	struct store_config config = fixture_config(f);
	struct fail fail = {0};
	const char *base = getenv("TMPDIR");
	*other = (struct other_store){0};
	snprintf(other->directory, sizeof other->directory, "%s/exeunt-other-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(other->directory));
	config.directory = str_of(other->directory);
	enum rc rc = store_open(&config, &other->store, &fail);
	if (rc != RC_OK)
		fail_msg("store_open: %s: %s", rc_name(rc), fail.message);
}

void other_close(struct other_store *other)
{
	char lock_path[300];
	if (!other->store)
		return;
	store_close(TAKE(other->store));
	snprintf(lock_path, sizeof lock_path, "%s/lock", other->directory);
	unlink(lock_path);
	assert_int_equal(rmdir(other->directory), 0);
}

struct registering {
	struct process_row row;
	int64_t process;
};

static enum rc register_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct registering *registering = arg;
	return process_add(txn, &registering->row, &registering->process);
}

int64_t other_register(struct store *store, const char *address)
{
	struct registering registering = {{.address = str_of(address), .link = STR("127.0.0.1:1"), .secret = STR("s"), .key_id = STR("ed25519:1")}, 0};
	assert_int_equal(store_write(store, register_write, &registering, NULL), RC_OK);
	store_be_process(store, registering.process);
	return registering.process;
}

static enum rc end_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return process_end(txn, *(const int64_t *)arg);
}

enum rc other_end(struct store *store, int64_t process)
{
	return store_write(store, end_write, &process, NULL);
}

int64_t database_number(const char *database, const char *sql)
{
	PGconn *db = PQconnectdb(database);
	PGresult *result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		fail_msg("%s: %s", sql, PQerrorMessage(db));
	int64_t value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	PQfinish(db);
	return value;
}

int64_t other_number(const struct fixture *f, const char *sql)
{
	return database_number(f->database, sql);
}

void other_wait(bool (*is_so)(void *self), void *self, const char *what)
{
	const struct timespec pause = {0, 1000000};
	int64_t deadline_ms = clock_mono_ms(&clock_system) + OTHER_LIMIT_MS;
	while (!is_so(self)) {
		if (clock_mono_ms(&clock_system) > deadline_ms)
			fail_msg("it does not come: %s", what);
		(void)nanosleep(&pause, NULL);
	}
}
