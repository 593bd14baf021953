/*
 * Checkpoints: pages of the WAL are copied into the database beside the writer, so that the WAL starts again at
 * its beginning instead of growing (overwriting a file in place syncs much faster than extending it).
 *
 * A copy that runs beside a busy writer never reaches the end of the WAL, and only one that does lets it start
 * again. So they take turns: the thread copies the bulk, and what came in meanwhile is left to the writer, which
 * copies it between two groups and starts the WAL again.
 *
 * The writer's turn is in everybody's way, so it must be short. SQLite syncs the database only in a copy that
 * reaches the end, hence in the writer's: the thread syncs its bulk itself beforehand. And the writer does not
 * wait for readers of the old WAL unless the WAL has become absurdly long; it tries again soon.
 */
#include "store/sqlite_int.h"
#include "store/store_int.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PASSES_MAX = 4,        /* of the thread, each over what came in during the last one */
	REST_SMALL_PAGES = 64, /* not worth another pass */
	RETRY_PAGES = 128,     /* after a restart that met a reader of the old WAL */
	READERS_WAIT_LONG_MS = 100, /* when the WAL has become absurdly long: who reads longer is a backup */
};

static enum rc checkpoint(struct conn *conn, int mode, int *ret_log, int *ret_copied)
{
	return sqlite_rc(sqlite3_wal_checkpoint_v2(sqlite_db(conn), NULL, mode, ret_log, ret_copied));
}

static void log_failure(enum rc rc)
{
	LOG(LOG_ERROR, "store", "checkpoint failed", LOG_STR("reason", str_of(rc_name(rc))));
}

/* What the passes wrote into the database reaches the disk here, not in the writer's turn. */
static enum rc database_sync(struct conn *conn)
{
	sqlite3_file *file = NULL;
	int code = sqlite3_file_control(sqlite_db(conn), "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (code == SQLITE_OK && file && file->pMethods)
		code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	return sqlite_rc(code);
}

static void checkpoint_beside_writer(struct checkpointer *c)
{
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		int log = 0, copied = 0;
		enum rc rc = checkpoint(&c->conn, SQLITE_CHECKPOINT_PASSIVE, &log, &copied);
		if (rc == RC_OK)
			rc = database_sync(&c->conn);
		if (rc != RC_OK && rc != RC_BUSY)
			log_failure(rc);
		if (rc != RC_OK ||
		    __atomic_load_n(&c->wal_pages, __ATOMIC_RELAXED) - copied < REST_SMALL_PAGES)
			return;
	}
}

static bool checkpoint_wanted(struct checkpointer *c)
{
	lock_take(&c->mu);
	while (!c->want && !c->stop)
		cond_wait(&c->wanted, &c->mu);
	c->want = false;
	bool go_on = !c->stop;
	lock_drop(&c->mu);
	return go_on;
}

static void *checkpointer_run(void *arg)
{
	struct checkpointer *c = arg;
	while (checkpoint_wanted(c)) {
		checkpoint_beside_writer(c);
		__atomic_store_n(&c->turn, CHECKPOINT_WRITERS, __ATOMIC_RELEASE);
	}
	return NULL;
}

static int wal_grew(void *arg, sqlite3 *db, const char *schema, int pages)
{
	(void)db;
	(void)schema;
	struct checkpointer *c = arg;
	__atomic_store_n(&c->wal_pages, pages, __ATOMIC_RELAXED);
	return SQLITE_OK;
}

enum rc checkpointer_start(struct store *store)
{
	struct checkpointer *c = &store->checkpointer;
	lock_init(&c->mu);
	cond_init(&c->wanted);
	c->want_pages = WAL_CHECKPOINT_PAGES;
	c->long_pages = WAL_LONG_PAGES;
	TRY(store->engine->open(&c->conn, store, CONN_CHECKPOINT, NULL));
	TRY(thread_start(&c->thread, "checkpoint", checkpointer_run, c));
	c->started = true;
	sqlite3_wal_hook(sqlite_db(&store->writer.conn), wal_grew, c);
	return RC_OK;
}

void checkpointer_stop(struct store *store)
{
	struct checkpointer *c = &store->checkpointer;
	if (!c->started)
		return;
	lock_take(&c->mu);
	c->stop = true;
	lock_drop(&c->mu);
	cond_signal(&c->wanted);
	thread_join(c->thread);
	c->started = false;
	cond_destroy(&c->wanted);
	lock_destroy(&c->mu);
}

/* The writer's turn: the last pages, and the WAL starts again unless a reader still looks at its old end. */
static void checkpoint_finish(struct store *store)
{
	struct checkpointer *c = &store->checkpointer;
	sqlite3 *db = sqlite_db(&store->writer.conn);
	int pages = __atomic_load_n(&c->wal_pages, __ATOMIC_RELAXED), log, copied;
	sqlite3_busy_timeout(db, pages >= c->long_pages ? READERS_WAIT_LONG_MS : 0);
	enum rc rc = checkpoint(&store->writer.conn, SQLITE_CHECKPOINT_RESTART, &log, &copied);
	sqlite3_busy_timeout(db, WRITER_BUSY_MS);
	if (rc == RC_OK) {
		__atomic_store_n(&c->wal_pages, 0, __ATOMIC_RELAXED);
		c->want_pages = WAL_CHECKPOINT_PAGES;
		c->long_pages = WAL_LONG_PAGES;
		return;
	}
	if (rc != RC_BUSY)
		log_failure(rc);
	c->want_pages = pages + RETRY_PAGES;
	if (pages >= c->long_pages)
		c->long_pages =
		    pages * 2; /* that wait was for nothing: it does not recur each time */
}

void checkpointer_committed(struct store *store)
{
	struct checkpointer *c = &store->checkpointer;
	if (!c->started)
		return; /* the engine does that by itself */
	enum checkpoint_turn turn = __atomic_load_n(&c->turn, __ATOMIC_ACQUIRE);
	if (turn == CHECKPOINT_WRITERS) {
		checkpoint_finish(store);
		__atomic_store_n(&c->turn, CHECKPOINT_NOBODYS, __ATOMIC_RELEASE);
	} else if (turn == CHECKPOINT_NOBODYS &&
		   __atomic_load_n(&c->wal_pages, __ATOMIC_RELAXED) >= c->want_pages) {
		__atomic_store_n(&c->turn, CHECKPOINT_THREADS, __ATOMIC_RELEASE);
		lock_take(&c->mu);
		c->want = true;
		lock_drop(&c->mu);
		cond_signal(&c->wanted);
	}
}

static enum rc zeros_append(int fd, off_t from, off_t to)
{
	static const char zeros[65536];
	while (from < to) {
		size_t n = (size_t)(to - from) < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
		ssize_t wrote = pwrite(fd, zeros, n, from);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return errno == ENOSPC ? RC_DISK_FULL : RC_IO;
		from += wrote;
	}
	return fsync(fd) == 0 ? RC_OK : RC_IO;
}

/*
 * Gives a new WAL its length beforehand, so that the first commits do not pay for extending it. The zeros are
 * no valid frames (a frame repeats the salt of the header), so SQLite never reads them as such.
 */
enum rc wal_lay_out(const struct store *store)
{
	char path[sizeof store->path + 8];
	snprintf(path, sizeof path, "%s-wal", store->path);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct stat status;
	if (fd < 0)
		return RC_IO;
	enum rc rc = fstat(fd, &status) == 0 ? RC_OK : RC_IO;
	if (rc == RC_OK && status.st_size < WAL_KEPT_BYTES)
		rc = zeros_append(fd, status.st_size, WAL_KEPT_BYTES);
	close(fd);
	return rc;
}
