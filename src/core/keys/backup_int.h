/* What the files of key backups share. */
#ifndef EXEUNT_CORE_KEYS_BACKUP_INT_H
#define EXEUNT_CORE_KEYS_BACKUP_INT_H

#include "core/keys/backup.h"

enum { BACKUP_VERSION_SHOWN_BYTES = 32 };

/* False: no text that ever named a version. */
bool backup_version_parse(str version, int64_t *ret_number);

/* RC_NOT_FOUND with a sentence. */
MUST_CHECK enum rc backup_find(struct txn_ro *txn, struct arena *arena, int64_t user, str version,
    struct key_backup *ret_backup, struct fail *fail);

#endif
