/*
 * A backup of a SQLite database beside whoever writes to it: what was committed when it began is in it, and nothing
 * later. One thread.
 *
 * A connection of its own keeps one view of the database and copies it a megabyte at a time, with pauses. It takes no
 * lock that a writer waits for; but as long as it runs, the WAL cannot start again at its beginning, and grows.
 *
 * In the copy the stream positions go on BACKUP_POSITIONS_SKIPPED later. Restored, it would otherwise give positions out
 * once more that clients were given after the backup, and these would never see what has them then.
 */
#ifndef EXEUNT_STORE_BACKUP_H
#define EXEUNT_STORE_BACKUP_H

#include "base/rc.h"
#include "base/str.h"

enum { BACKUP_POSITIONS_SKIPPED = 1000000000 };

struct backup_config {
	str sqlite_directory; /* holds exeunt.db */
	str to;               /* an existing directory, which gets one */
	/* About every megabyte; may be NULL. */
	void (*progress)(void *self, int64_t bytes, int64_t bytes_total);
	void *self;
};

struct backup_report {
	int64_t bytes;
	int64_t pos; /* the newest stream position that something in it has */
};

/*
 * The file is checked (quick_check), on disk with its directory, and has its name only then; on failure there is none.
 * RC_EXISTS: there is one already; RC_NOT_FOUND: there is no database; RC_CONFLICT: it is an unfinished copy;
 * RC_CORRUPT, RC_IO, RC_FORBIDDEN, RC_DISK_FULL. `fail` has a sentence.
 */
MUST_CHECK enum rc store_backup(const struct backup_config *config, struct backup_report *ret_report, struct fail *fail);

#endif
