/* exeunt backup: a new directory that is a data directory: the database, the signing key and the name of the server. */
#include "daemon/request.h"
#include "daemon/running.h"
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_FILE_MAX_BYTES = 4096, MEBIBYTE = 1 << 20 };

struct backup_run {
	const struct settings *settings;
	struct arena *arena;
	str to;
	bool made_directory, is_ours; /* the directory: new; new or found empty */
	struct running running;
	struct fail *fail;
};

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void close_directory(DIR *const *directory)
{
	if (*directory)
		closedir(*directory);
}

static enum rc fail_path(struct backup_run *run, const char *what, str path)
{
	return fail_set(run->fail, errno == EACCES || errno == EROFS ? RC_FORBIDDEN : errno == ENOSPC ? RC_DISK_FULL : RC_IO,
	    "%s %.*s: %s", what, STR_ARG(path), strerror(errno));
}

/* ---- the directory ---- */

static enum rc directory_is_empty(struct backup_run *run)
{
	DIR *CLEANUP(close_directory) directory = opendir(run->to.p);
	if (!directory)
		return fail_path(run, "cannot use", run->to);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return fail_set(run->fail, RC_EXISTS, "%s is not empty: name a new directory, nothing is overwritten",
			    run->to.p);
	return RC_OK;
}

static enum rc directory_sync(struct backup_run *run, str path)
{
	int CLEANUP(close_fd) fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? RC_OK : fail_path(run, "cannot write", path);
}

static enum rc directory_make(struct backup_run *run)
{
	str parent = arena_printf(run->arena, "%.*s/..", STR_ARG(run->to));
	TRY(arena_status(run->arena));
	run->made_directory = mkdir(run->to.p, 0700) == 0;
	if (!run->made_directory && errno != EEXIST)
		return fail_path(run, "cannot make", run->to);
	TRY(directory_is_empty(run));
	run->is_ours = true;
	return directory_sync(run, parent);
}

/* ---- what goes into it ---- */

static enum rc file_copy(struct backup_run *run, str from, const char *name)
{
	char bytes[SMALL_FILE_MAX_BYTES];
	str to = arena_printf(run->arena, "%.*s/%s", STR_ARG(run->to), name);
	TRY(arena_status(run->arena));
	int CLEANUP(close_fd) in = open(from.p, O_RDONLY | O_CLOEXEC);
	ssize_t n = in < 0 ? -1 : read(in, bytes, sizeof bytes);
	if (n < 0)
		return fail_path(run, "cannot read", from);
	int CLEANUP(close_fd) out = open(to.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool wrote = out >= 0 && write(out, bytes, (size_t)n) == n && fsync(out) == 0;
	enum rc rc = wrote ? RC_OK : fail_path(run, "cannot write", to);
	crypto_wipe(bytes, sizeof bytes);
	return rc;
}

static enum rc files_copy(struct backup_run *run)
{
	const struct settings *settings = run->settings;
	str key = settings->server_signing_key;
	key = key.n ? arena_printf(run->arena, "%.*s", STR_ARG(key))
		    : arena_printf(run->arena, "%.*s/signing.key", STR_ARG(settings->server_data));
	str name = arena_printf(run->arena, "%.*s/server_name", STR_ARG(settings->server_data));
	TRY(arena_status(run->arena));
	TRY(file_copy(run, key, "signing.key"));
	TRY(file_copy(run, name, "server_name"));
	return directory_sync(run, run->to);
}

static void on_progress(void *self, int64_t bytes, int64_t bytes_total)
{
	struct backup_run *run = self;
	running_show(&run->running, "copying", bytes / MEBIBYTE, bytes_total / MEBIBYTE);
}

/* The database has its name last: without it nothing here is taken for a backup. */
static enum rc backup_make(struct backup_run *run, struct backup_report *ret_report)
{
	const struct settings *settings = run->settings;
	struct backup_config config = {
	    .sqlite_directory = settings->database_sqlite.n ? settings->database_sqlite : settings->server_data,
	    .to = run->to,
	    .progress = on_progress,
	    .self = run,
	};
	TRY(directory_make(run));
	running_begin(&run->running, "MiB", 0);
	TRY(files_copy(run));
	enum rc rc = store_backup(&config, ret_report, run->fail);
	running_end(&run->running);
	return rc;
}

/* What this run made. */
static void backup_unmake(const struct backup_run *run)
{
	static const char *const names[] = {"signing.key", "server_name"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		str path = arena_printf(run->arena, "%.*s/%s", STR_ARG(run->to), names[i]);
		if (arena_status(run->arena) == RC_OK)
			unlink(path.p);
	}
	if (run->made_directory)
		rmdir(run->to.p);
}

static void print_report(const struct backup_run *run, const struct backup_report *report)
{
	printf("The backup is in %s:\n"
	       "  exeunt.db    %lld bytes: accounts, rooms and events, as of stream position %lld\n"
	       "  signing.key  the private key of the server: keep it as secret as the server does\n"
	       "  server_name  the name of the server\n"
	       "Not in it: the configuration file.\n"
	       "Try it with 'exeunt check --data %s'; to restore, copy it to where the data directory was.\n",
	    run->to.p, (long long)report->bytes, (long long)report->pos, run->to.p);
}

static enum rc backup(struct backup_run *run)
{
	struct backup_report report;
	if (!desk_has_data(run->settings))
		return fail_set(run->fail, RC_NOT_FOUND, "there is no data in %.*s", STR_ARG(run->settings->server_data));
	enum rc rc = backup_make(run, &report);
	if (rc == RC_OK)
		print_report(run, &report);
	else if (run->is_ours)
		backup_unmake(run);
	return rc;
}

int command_backup(struct command_call *call)
{
	struct fail fail = {0};
	struct backup_run run = {.settings = &call->options->settings, .arena = call->arena, .fail = &fail};
	if (!wants(call, OPTION_TO)) {
		(void)fail_set(&fail, RC_MISSING_PARAM, "it needs --to DIR");
		return command_misused(call, &fail);
	}
	if (run.settings->database_postgres.n) {
		(void)fail_set(&fail, RC_INVALID_PARAM,
		    "the database is PostgreSQL's: back it up with pg_dump or by archiving its WAL, and the data directory with "
		    "the signing key beside it. See docs/backup.md");
		return command_misused(call, &fail);
	}
	run.to = arena_printf(call->arena, "%.*s", STR_ARG(call->options->to));
	enum rc rc = arena_status(call->arena);
	return command_done(call, rc == RC_OK ? backup(&run) : rc, &fail);
}
