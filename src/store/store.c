#include "store/store_int.h"

#include "base/assert.h"
#include "base/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc rc_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return RC_DISK_FULL;
	case EACCES:
	case EPERM:
	case EROFS:
		return RC_FORBIDDEN;
	case ENOMEM:
		return RC_NOMEM;
	default:
		return RC_IO;
	}
}

static enum rc fail_errno(struct fail *fail, const char *what, const char *path)
{
	int error = errno;
	return fail_set(fail, rc_of_errno(error), "%s %s: %s", what, path, strerror(error));
}

static enum rc text_keep(str text, char *kept, size_t max, const char *what, struct fail *fail)
{
	if (text.n >= max || (text.n && memchr(text.p, '\0', text.n)))
		return fail_set(fail, RC_INVALID_PARAM, "%s is too long", what);
	if (text.n)
		memcpy(kept, text.p, text.n);
	kept[text.n] = '\0';
	return RC_OK;
}

static enum rc config_keep(struct store *store, struct fail *fail)
{
	const struct store_config *config = &store->config;
	if (config->directory.n == 0)
		return fail_set(fail, RC_INVALID_PARAM, "The path of the data directory is empty");
	str where = config->sqlite_directory.n ? config->sqlite_directory : config->directory;
	TRY(text_keep(config->directory, store->directory, sizeof store->directory, "The path of the data directory",
	    fail));
	TRY(text_keep(where, store->path, WAL_PATH_MAX, "The path of the database's directory", fail));
	snprintf(store->path, sizeof store->path, "%.*s/exeunt.db", STR_ARG(where));
	TRY(text_keep(config->database, store->database, sizeof store->database,
	    "The connection string of the database", fail));
	TRY(text_keep(config->database_password, store->password, sizeof store->password,
	    "The password of the database", fail));
	bool is_sqlite = config->database.n == 0;
	store->engine = is_sqlite ? &engine_sqlite : &engine_postgres;
	store->name = is_sqlite ? store->path : "the PostgreSQL database";
	return RC_OK;
}

static enum rc directory_lock(struct store *store, struct fail *fail)
{
	char path[sizeof store->path];
	snprintf(path, sizeof path, "%s/lock", store->directory);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		return fail_errno(fail, "Cannot open", path);
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return RC_OK;
	if (errno == EWOULDBLOCK)
		return fail_set(fail, RC_EXISTS, "Another exeunt has the data directory %s open",
		    store->directory);
	return fail_errno(fail, "Cannot lock", path);
}

/* SQLite gives its other files the mode of the database: so that one is made here, for the owner only. */
static enum rc database_file_make(struct store *store, struct fail *fail)
{
	int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(fail, "Cannot open", store->path);
	enum rc rc = RC_OK;
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0)
		rc = fail_errno(fail, "Cannot protect", store->path);
	close(fd);
	return rc;
}

static enum rc sqlite_store_open(struct store *store, struct fail *fail)
{
	TRY(database_file_make(store, fail));
	TRY(store->engine->open(&store->writer.conn, store, CONN_WRITER, fail));
	TRY(store_migrate(store, fail));
	enum rc rc = wal_lay_out(store);
	if (rc != RC_OK && rc != RC_DISK_FULL) /* a full disk can still be read from */
		return fail_set(fail, rc, "Cannot lay out the write-ahead log of %s", store->path);
	rc = checkpointer_start(store);
	if (rc != RC_OK)
		return fail_set(fail, rc, "Cannot start the checkpoints of %s", store->path);
	return RC_OK;
}

static enum rc postgres_store_open(struct store *store, struct fail *fail)
{
	TRY(store->engine->open(&store->writer.conn, store, CONN_WRITER, fail));
	return store_migrate(store, fail);
}

enum rc store_open(const struct store_config *config, struct store **ret_store, struct fail *fail)
{
	struct store *store = heap_new(struct store);
	if (!store)
		return RC_NOMEM;
	store->magic = STORE_MAGIC;
	store->config = *config;
	store->lock_fd = -1;
	readers_init(&store->readers, config->readers_max);
	node_cache_init(&store->nodes, NODE_CACHE_BYTES);
	type_cache_init(&store->types, config->rng);
	enum rc rc = config_keep(store, fail);
	if (rc == RC_OK)
		rc = directory_lock(store, fail);
	if (rc == RC_OK)
		rc = store->engine == &engine_sqlite ? sqlite_store_open(store, fail) : postgres_store_open(store, fail);
	if (rc == RC_OK)
		rc = writer_start(store, fail);
	if (rc != RC_OK) {
		store_close(store);
		return rc;
	}
	*ret_store = store;
	return RC_OK;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	ASSERT(store->magic == STORE_MAGIC);
	store_unlisten(store);
	writer_stop(store);
	checkpointer_stop(store);
	readers_release(&store->readers);
	conn_close(&store->checkpointer.conn);
	conn_close(&store->writer.conn); /* the last one: copies what is left of the WAL */
	type_cache_release(&store->types);
	node_cache_release(&store->nodes);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	store->magic = 0;
	explicit_bzero(store->password, sizeof store->password);
	heap_free(store);
}

str store_tag(const struct store *store)
{
	return (str){store->tag, TAG_LETTERS};
}

int64_t store_committed_pos(const struct store *store)
{
	return __atomic_load_n(&store->committed_pos, __ATOMIC_ACQUIRE);
}

void store_counters(struct store *store, struct store_counters *ret_counters)
{
	const struct store_counters *mine = &store->writer.counters;
	*ret_counters = (struct store_counters){
	    .commits = __atomic_load_n(&mine->commits, __ATOMIC_RELAXED),
	    .jobs = __atomic_load_n(&mine->jobs, __ATOMIC_RELAXED),
	    .failed_jobs = __atomic_load_n(&mine->failed_jobs, __ATOMIC_RELAXED),
	    .group_max = __atomic_load_n(&mine->group_max, __ATOMIC_RELAXED),
	};
}
