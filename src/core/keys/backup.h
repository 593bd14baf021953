/*
 * Server-side key backups (Client-Server API, same heading): versions, and keys in them. Any lane thread; those that
 * write wait for the commit.
 *
 * Every verb takes the session that asks. Versions are texts as clients give them: RC_NOT_FOUND where the user has no
 * such backup, also none any more, unless said.
 */
#ifndef EXEUNT_CORE_KEYS_BACKUP_H
#define EXEUNT_CORE_KEYS_BACKUP_H

#include "codec/json.h"
#include "store/accounts.h"
#include "store/key_backup.h"

enum {
	BACKUP_VERSIONS_MAX = 32, /* of a user, at the same time */
	BACKUP_KEYS_MAX = 250000, /* in one version */
	BACKUP_ALGORITHM_MAX_BYTES = 255,
	BACKUP_AUTH_DATA_MAX_BYTES = 64 * 1024,
	BACKUP_SESSION_ID_MAX_BYTES = 255,
	BACKUP_SESSION_DATA_MAX_BYTES = 64 * 1024,
};

/* POST /room_keys/version. RC_TOO_LARGE: BACKUP_VERSIONS_MAX, or one of the texts. */
MUST_CHECK enum rc backup_create(struct store *store, struct arena *arena,
    const struct session *session, str algorithm, json auth_data, int64_t *ret_version,
    struct fail *fail);
/* GET /room_keys/version and GET /room_keys/version/{version} (`version` empty: the current one). */
MUST_CHECK enum rc backup_answer(struct store *store, struct arena *arena,
    const struct session *session, str version, struct buf *out, struct fail *fail);
/* PUT /room_keys/version/{version}. RC_INVALID_PARAM: another algorithm. */
MUST_CHECK enum rc backup_update(struct store *store, struct arena *arena,
    const struct session *session, str version, str algorithm, json auth_data, struct fail *fail);
/* DELETE /room_keys/version/{version}. RC_OK for a backup that was deleted before. */
MUST_CHECK enum rc backup_delete(struct store *store, struct arena *arena,
    const struct session *session, str version, struct fail *fail);

/* Keys of a version: of all rooms, of one, or one session of it. */
struct backup_wish {
	struct store *store;
	struct arena *arena;
	const struct session *session;
	str version;
	str room_id;    /* empty: all rooms */
	str session_id; /* empty: all sessions of the room */
	struct buf *out;
	struct fail *fail;
};

/* RC_INVALID_PARAM, RC_TOO_LARGE with a sentence: its ids or its session data cannot be stored. */
MUST_CHECK enum rc backup_key_check(const struct backed_up_key *key, struct fail *fail);

/*
 * PUT /room_keys/keys…: stores keys that passed backup_key_check(), and appends {"count":…,"etag":…}. All of them or
 * none. RC_WRONG_ROOM_KEYS_VERSION, with the current version in `fail`: this one is not the current one; RC_TOO_LARGE:
 * BACKUP_KEYS_MAX.
 */
MUST_CHECK enum rc backup_keys_put(
    const struct backup_wish *wish, const struct backed_up_key *keys, size_t count);
/*
 * GET /room_keys/keys…: appends the whole answer. RC_NOT_FOUND also where a single session is asked for and is not there;
 * RC_TOO_LARGE, RC_BUDGET: all keys are more than one answer may have, ask for them room by room.
 */
MUST_CHECK enum rc backup_keys_answer(const struct backup_wish *wish);
/* DELETE /room_keys/keys…: appends {"count":…,"etag":…}. Also where there is no such key. */
MUST_CHECK enum rc backup_keys_delete(const struct backup_wish *wish);

#endif
