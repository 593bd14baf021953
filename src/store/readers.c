#include "store/store_int.h"

#include "base/assert.h"

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

/* A free reader, or one that is still to be opened: the caller opens it without the lock. */
static struct reader *reader_take(struct readers *readers)
{
	lock_take(&readers->mu);
	while (!readers->free && readers->opened == readers->max)
		cond_wait(&readers->freed, &readers->mu);
	struct reader *reader = readers->free;
	if (reader)
		readers->free = reader->next_free;
	else
		reader = &readers->all[readers->opened++];
	lock_drop(&readers->mu);
	return reader;
}

static void reader_give_back(struct readers *readers, struct reader *reader)
{
	lock_take(&readers->mu);
	reader->next_free = readers->free;
	readers->free = reader;
	lock_drop(&readers->mu);
	cond_signal(&readers->freed);
}

enum rc txn_ro_begin(struct store *store, struct txn_ro **ret_txn)
{
	struct reader *reader = reader_take(&store->readers);
	enum rc rc = RC_OK;
	if (!reader->conn.db) {
		struct conn_options options = {
		    .cache_kib = READER_CACHE_KIB, .busy_ms = READER_BUSY_MS};
		rc = conn_open(&reader->conn, store->path, &options);
	}
	if (rc == RC_OK)
		rc = conn_run(&reader->conn, STMT_begin);
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
