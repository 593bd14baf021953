/*
 * Server-side key backups: versions of a user's backup, and the keys in them. What a key holds is encrypted by the
 * client: bytes to us. Client-Server API, "Server-side key backups".
 *
 * Nothing of it appears in /sync, and nothing of it is cached.
 */
#ifndef EXEUNT_STORE_KEY_BACKUP_H
#define EXEUNT_STORE_KEY_BACKUP_H

#include "store/store.h"

struct key_backup {
	int64_t backup;  /* nid */
	int64_t version; /* from 1, ascending for each user; never given out again */
	str algorithm;
	str auth_data; /* a JSON object */
	int64_t count; /* keys in it */
	int64_t etag;  /* grows with each transaction that changes a key */
};

/* A new version, empty. */
MUST_CHECK enum rc key_backup_add(
    struct txn_rw *txn, int64_t user, str algorithm, str auth_data, int64_t *ret_version);
/* RC_NOT_FOUND: there is none, or none any more. */
MUST_CHECK enum rc key_backup_find(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t version, struct key_backup *ret_backup);
/* The newest one that is there. RC_NOT_FOUND. */
MUST_CHECK enum rc key_backup_current(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct key_backup *ret_backup);
/* The newest version that was ever given out, deleted ones included; 0: none. */
MUST_CHECK enum rc key_backup_newest(struct txn_ro *txn, int64_t user, int64_t *ret_version);
/* How many versions there are. */
MUST_CHECK enum rc key_backup_versions(struct txn_ro *txn, int64_t user, int64_t *ret_count);
MUST_CHECK enum rc key_backup_set_auth_data(struct txn_rw *txn, int64_t backup, str auth_data);
MUST_CHECK enum rc key_backup_delete(struct txn_rw *txn, int64_t backup); /* with its keys */
/* All that a user has, and that there ever was something. */
MUST_CHECK enum rc key_backup_delete_all(struct txn_rw *txn, int64_t user);

struct backed_up_key {
	str room_id, session_id;
	int64_t first_message_index, forwarded_count;
	bool is_verified;
	str session_data; /* a JSON object */
};

/*
 * Stores keys, all of the same transaction; one that is there already stays, unless the new one is better: verified, or
 * from an earlier message, or forwarded less often, in this order. `backup` is brought up to date in count and etag.
 * However many they are, PostgreSQL is waited for once or twice.
 */
MUST_CHECK enum rc backed_up_keys_put(
    struct txn_rw *txn, struct key_backup *backup, const struct backed_up_key *keys, size_t count);

/* Which keys of a backup. */
struct backed_up_keys {
	str room_id;    /* empty: of all rooms */
	str session_id; /* empty: of all sessions of the room; else `room_id` is given */
};
/* Deletes them; `backup` is brought up to date in count and etag. */
MUST_CHECK enum rc backed_up_keys_delete(
    struct txn_rw *txn, struct key_backup *backup, const struct backed_up_keys *which);
/* RC_NOT_FOUND: there is no such key. */
MUST_CHECK enum rc backed_up_key_find(struct txn_ro *txn, struct arena *arena, int64_t backup,
    str room_id, str session_id, struct backed_up_key *ret_key);
/* How many bytes the session data of a room (empty: of all rooms) have, and how many there are; without reading them. */
MUST_CHECK enum rc backed_up_keys_size(
    struct txn_ro *txn, int64_t backup, str room_id, int64_t *ret_bytes, int64_t *ret_count);
typedef enum rc backed_up_key_fn(void *self, const struct backed_up_key *key);
/* Of a room, or of all (`room_id` empty), in the order of rooms and sessions. Texts live until the callback returns. */
MUST_CHECK enum rc backed_up_keys_each(struct txn_ro *txn, struct arena *scratch, int64_t backup,
    str room_id, backed_up_key_fn *fn, void *self);

#endif
