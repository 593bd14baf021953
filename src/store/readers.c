#include "store/store_int.h"

#include <time.h>


void readers_init(struct readers *readers, unsigned max)
{
	lock_init(&readers->mu);
	cond_init(&readers->freed);
	readers->max = max < 1 ? 1 : max > READERS_MAX ? READERS_MAX : max;
}

void readers_release(struct readers *readers)
{
	for (unsigned i = 0; i < readers->opened; i++)
		conn_close(&readers->all[i].conn);
	cond_destroy(&readers->freed);
	lock_destroy(&readers->mu);
}

/*
 * A free reader, or one that is still to be opened: the caller opens it without the lock. RC_BUSY when none came free
 * in time: on SQLite somebody always ends soon, on a server statements may hang.
 */
static enum rc reader_take(struct store *store, struct reader **ret_reader)
{
	struct readers *readers = &store->readers;
	int64_t deadline_ms = clock_mono_ms(&clock_system) + READER_WAIT_MS;
	int64_t left_ms = READER_WAIT_MS;
	lock_take(&readers->mu);
	while (!readers->free && readers->opened == readers->max && left_ms > 0) {
		(void)cond_wait_ms(&readers->freed, &readers->mu, left_ms);
		left_ms = deadline_ms - clock_mono_ms(&clock_system);
	}
	struct reader *reader = readers->free;
	if (reader)
		readers->free = reader->next_free;
	else if (readers->opened < readers->max)
		reader = &readers->all[readers->opened++];
	lock_drop(&readers->mu);
	*ret_reader = reader;
	return reader ? RC_OK : RC_BUSY;
}

static void reader_give_back(struct readers *readers, struct reader *reader)
{
	lock_take(&readers->mu);
	reader->next_free = readers->free;
	readers->free = reader;
	lock_drop(&readers->mu);
	cond_signal(&readers->freed);
}

enum { RECONNECT_FIRST_MS = 20, RECONNECT_MAX_MS = 1000 };

static void sleep_ms(int64_t ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	(void)nanosleep(&time, NULL);
}

enum rc conn_renew(
    struct conn *conn, const struct store *store, enum conn_role role, int64_t deadline_ms)
{
	const struct engine *engine = store->engine;
	if (conn->engine && !(engine->is_lost && engine->is_lost(conn)))
		return RC_OK;
	for (int64_t pause_ms = RECONNECT_FIRST_MS;; pause_ms *= 2) {
		conn_close(conn);
		enum rc rc = engine->open(conn, store, role, NULL);
		int64_t left_ms = deadline_ms - clock_mono_ms(&clock_system);
		if (rc != RC_UNAVAILABLE || left_ms <= 0)
			return rc;
		pause_ms = pause_ms < RECONNECT_MAX_MS ? pause_ms : RECONNECT_MAX_MS;
		sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
	}
}

/* The first statement tells that a connection was lost while nobody used it: hence the second attempt. */
static enum rc reader_begin(struct store *store, struct reader *reader)
{
	int64_t deadline_ms = clock_mono_ms(&clock_system) + READER_CONNECT_MS;
	enum rc rc = RC_OK;
	for (int attempt = 0; attempt < 2; attempt++) {
		TRY(conn_renew(&reader->conn, store, CONN_READER, deadline_ms));
		rc = conn_run(&reader->conn, STMT_begin);
		if (rc != RC_UNAVAILABLE)
			return rc;
	}
	return rc;
}

enum rc txn_ro_begin(struct store *store, struct txn_ro **ret_txn)
{
	struct reader *reader;
	TRY(reader_take(store, &reader));
	enum rc rc = reader_begin(store, reader);
	if (rc != RC_OK) {
		reader_give_back(&store->readers, reader);
		return rc;
	}
	reader->txn = (struct txn_ro){store, &reader->conn};
	*ret_txn = &reader->txn;
	return RC_OK;
}

void txn_ro_end(struct txn_ro **txn)
{
	if (!*txn)
		return;
	struct txn_ro *mine = TAKE(*txn);
	struct reader *reader = CONTAINER_OF(mine, struct reader, txn);
	if (conn_run(mine->conn, STMT_commit) != RC_OK)
		conn_close(mine->conn); /* a fresh connection is opened when next needed */
	reader_give_back(&mine->store->readers, reader);
}

struct store *txn_store(const struct txn_ro *txn)
{
	return txn->store;
}

struct conn *txn_conn(const struct txn_ro *txn)
{
	return txn->conn;
}
