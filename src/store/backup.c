#include "store/backup.h"

#include "base/clock.h"
#include "base/fault.h"
#include "store/schema_int.h"
#include "store/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4200,
	STEP_PAGES = 256,
	SYNC_STEPS = 4,      /* what is on its way to the disk stays little: a writer's sync would wait for it */
	PAUSE_LEAST_MS = 1,
	PAUSE_MOST_MS = 20,
	BUSY_MS = 5000,
};

struct backup {
	const struct backup_config *config;
	struct backup_report report;
	char from[PATH_BYTES], partial[PATH_BYTES], to[PATH_BYTES];
	sqlite3 *source, *copy;
	int64_t page_bytes;
	int fd; /* of the copy: -1: none */
	struct fail *fail;
};

static enum rc fail_errno(struct fail *fail, const char *what, const char *path)
{
	int error = errno;
	enum rc rc = error == ENOENT ? RC_NOT_FOUND
		     : error == EEXIST ? RC_EXISTS
		     : error == ENOSPC || error == EDQUOT ? RC_DISK_FULL
		     : error == EACCES || error == EPERM || error == EROFS ? RC_FORBIDDEN
									   : RC_IO;
	return fail_set(fail, rc, "%s %s: %s", what, path, strerror(error));
}

static enum rc fail_sqlite(const struct backup *b, sqlite3 *db, int code, const char *path)
{
	if (code == SQLITE_OK)
		return RC_OK;
	return fail_set(b->fail, sqlite_rc(code), "%s: %s", path, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

static int number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

/* ---- both ends ---- */

/* The view begins here. The WAL stays as it is, also when nobody else has the database open. */
static enum rc source_open(struct backup *b)
{
	int64_t version = 0;
	int persist = 1;
	if (access(b->from, R_OK) != 0)
		return fail_errno(b->fail, "Cannot read", b->from);
	int code = sqlite3_open_v2(b->from, &b->source, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(b->source, BUSY_MS);
		sqlite3_db_config(b->source, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_file_control(b->source, NULL, SQLITE_FCNTL_PERSIST_WAL, &persist);
		code = sqlite3_exec(b->source, "PRAGMA query_only=1; BEGIN", NULL, NULL, NULL);
	}
	if (code == SQLITE_OK)
		code = number(b->source, "SELECT pos FROM numbers", &b->report.pos);
	if (code == SQLITE_OK)
		code = number(b->source, "SELECT max(version) FROM schema_version", &version);
	if (code == SQLITE_OK)
		code = number(b->source, "PRAGMA page_size", &b->page_bytes);
	if (code == SQLITE_OK && version == SCHEMA_UNFINISHED)
		return fail_set(b->fail, RC_CONFLICT, "%s is an unfinished copy", b->from);
	return fail_sqlite(b, b->source, code, b->from);
}

/* No journal: a copy that is not complete is thrown away. */
static enum rc copy_open(struct backup *b)
{
	b->fd = open(b->partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->fd < 0)
		return fail_errno(b->fail, "Cannot make", b->partial);
	int code = sqlite3_open_v2(b->partial, &b->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(b->copy, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
	return fail_sqlite(b, b->copy, code, b->partial);
}

static enum rc copy_sync(const struct backup *b)
{
	return fsync(b->fd) == 0 ? RC_OK : fail_errno(b->fail, "Cannot write", b->partial);
}

static enum rc directory_sync(const struct backup *b)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof path, "%.*s", STR_ARG(b->config->to));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		enum rc rc = fail_errno(b->fail, "Cannot write", path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	close(fd);
	return RC_OK;
}

/* ---- the copying ---- */

/* As long as the step took: half of the disk is for others. */
static void pause_after(int64_t step_ms)
{
	int64_t ms = step_ms < PAUSE_LEAST_MS ? PAUSE_LEAST_MS : step_ms > PAUSE_MOST_MS ? PAUSE_MOST_MS : step_ms;
	poll(NULL, 0, (int)ms);
}

static enum rc step(struct backup *b, sqlite3_backup *backup, int *ret_code)
{
	int64_t began_ms = clock_mono_ms(&clock_system);
	*ret_code = sqlite3_backup_step(backup, STEP_PAGES);
	int64_t pages = sqlite3_backup_pagecount(backup), left = sqlite3_backup_remaining(backup);
	b->report.bytes = pages * b->page_bytes;
	if (b->config->progress)
		b->config->progress(b->config->self, (pages - left) * b->page_bytes, b->report.bytes);
	if (FAULT_FAILS("backup.step"))
		return fail_set(b->fail, RC_IO, "The backup was interrupted");
	if (*ret_code == SQLITE_OK || *ret_code == SQLITE_BUSY || *ret_code == SQLITE_LOCKED)
		pause_after(clock_mono_ms(&clock_system) - began_ms);
	return RC_OK;
}

static enum rc pages_copy(struct backup *b)
{
	int code = SQLITE_OK;
	enum rc rc = RC_OK;
	sqlite3_backup *backup = sqlite3_backup_init(b->copy, "main", b->source, "main");
	if (!backup)
		return fail_sqlite(b, b->copy, sqlite3_errcode(b->copy), b->partial);
	for (int steps = 1; rc == RC_OK && code != SQLITE_DONE; steps++) {
		rc = step(b, backup, &code);
		if (rc == RC_OK && code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_BUSY && code != SQLITE_LOCKED)
			break;
		if (rc == RC_OK && steps % SYNC_STEPS == 0)
			rc = copy_sync(b);
	}
	int end = sqlite3_backup_finish(backup);
	return rc == RC_OK ? fail_sqlite(b, b->copy, end, b->partial) : rc;
}

/* The first column of the first row; RC_CORRUPT with what it says when that is something else. */
static enum rc expect(const struct backup *b, const char *sql, const char *expected)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc;
	int code = sqlite3_prepare_v2(b->copy, sql, -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		str said = str_of((const char *)sqlite3_column_text(stmt, 0));
		if (str_find(said, '\n') < said.n) /* a heading */
			said = str_from(said, str_find(said, '\n') + 1);
		rc = str_eq(said, str_of(expected)) ? RC_OK
		     : fail_set(b->fail, RC_CORRUPT, "%s: %.*s", b->from, STR_ARG(str_first(said, 120)));
	} else {
		rc = fail_sqlite(b, b->copy, code == SQLITE_DONE ? SQLITE_CORRUPT : code, b->partial);
	}
	sqlite3_finalize(stmt);
	return rc;
}

/*
 * Checked: what was damaged in the source is found here. The positions go on behind all that the server can have given
 * out after the backup: a client that comes with one of those misses nothing. Then all of it is in the one file.
 */
static enum rc copy_complete(struct backup *b)
{
	char sql[80];
	TRY(expect(b, "PRAGMA quick_check(1)", "ok"));
	snprintf(sql, sizeof sql, "UPDATE numbers SET pos=pos+%d", BACKUP_POSITIONS_SKIPPED);
	TRY(fail_sqlite(b, b->copy, sqlite3_exec(b->copy, sql, NULL, NULL, NULL), b->partial));
	return expect(b, "PRAGMA journal_mode=DELETE", "delete");
}

static enum rc copy_name(struct backup *b)
{
	sqlite3_close(TAKE(b->copy));
	TRY(copy_sync(b));
	FAULT("backup.before_name");
	if (rename(b->partial, b->to) != 0)
		return fail_errno(b->fail, "Cannot name", b->to);
	return directory_sync(b);
}

static enum rc paths_make(struct backup *b)
{
	const struct backup_config *config = b->config;
	if (config->sqlite_directory.n + 32 > PATH_BYTES || config->to.n + 32 > PATH_BYTES)
		return fail_set(b->fail, RC_INVALID_PARAM, "A path is too long");
	snprintf(b->from, sizeof b->from, "%.*s/exeunt.db", STR_ARG(config->sqlite_directory));
	snprintf(b->to, sizeof b->to, "%.*s/exeunt.db", STR_ARG(config->to));
	snprintf(b->partial, sizeof b->partial, "%.*s/exeunt.db.partial", STR_ARG(config->to));
	if (access(b->to, F_OK) == 0)
		return fail_set(b->fail, RC_EXISTS, "There is a database already: %s", b->to);
	return RC_OK;
}

enum rc store_backup(const struct backup_config *config, struct backup_report *ret_report, struct fail *fail)
{
	struct fail own = {0};
	struct backup b = {.config = config, .fd = -1, .fail = fail ? fail : &own};
	enum rc rc = paths_make(&b);
	if (rc == RC_OK)
		rc = source_open(&b);
	if (rc == RC_OK)
		rc = copy_open(&b);
	if (rc == RC_OK)
		rc = pages_copy(&b);
	sqlite3_close(TAKE(b.source)); /* the view ends: nobody is held up by the rest */
	if (rc == RC_OK)
		rc = copy_complete(&b);
	if (rc == RC_OK)
		rc = copy_name(&b);
	sqlite3_close(b.copy);
	if (b.fd >= 0)
		close(b.fd);
	if (b.fd >= 0 && rc != RC_OK)
		unlink(b.partial);
	if (rc == RC_OK)
		*ret_report = b.report;
	return rc;
}
