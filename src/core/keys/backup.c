/* Versions of key backups. */
#include "core/keys/backup_int.h"

#include <inttypes.h>

enum rc backup_find(struct txn_ro *txn, struct arena *arena, int64_t user, str version,
    struct key_backup *ret_backup, struct fail *fail)
{
	int64_t number;
	enum rc rc = RC_NOT_FOUND;
	if (backup_version_parse(version, &number))
		rc = key_backup_find(txn, arena, user, number, ret_backup);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "You have no key backup of version %.*s",
					STR_ARG(str_first(version, BACKUP_VERSION_SHOWN_BYTES)))
				  : rc;
}

/* Versions are compared as texts: there is one way to write each. */
bool backup_version_parse(str version, int64_t *ret_number)
{
	return version.n > 0 && version.p[0] != '0' &&
	       str_to_i64(version, 1, INT64_MAX, ret_number);
}

static enum rc auth_data_text(struct arena *arena, json auth_data, str *ret_text, struct fail *fail)
{
	struct buf text;
	buf_init(&text, arena, BACKUP_AUTH_DATA_MAX_BYTES);
	json_put(&text, auth_data);
	enum rc rc = buf_finish(&text, ret_text);
	return rc == RC_TOO_LARGE ? fail_set(fail, rc, "auth_data may have at most %d bytes",
					BACKUP_AUTH_DATA_MAX_BYTES)
				  : rc;
}

struct version_write {
	struct arena *arena;
	const struct session *session;
	str version, algorithm, auth_data;
	int64_t made;
};

static enum rc create_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct version_write *write = arg;
	int64_t user = write->session->user, count;
	TRY(account_check_generation(txn_reading(txn), user, write->session->generation));
	TRY(key_backup_versions(txn_reading(txn), user, &count));
	if (count >= BACKUP_VERSIONS_MAX)
		return fail_set(fail, RC_TOO_LARGE,
		    "You have %" PRId64 " key backups: delete one before you make another", count);
	return key_backup_add(txn, user, write->algorithm, write->auth_data, &write->made);
}

enum rc backup_create(struct store *store, struct arena *arena, const struct session *session,
    str algorithm, json auth_data, int64_t *ret_version, struct fail *fail)
{
	struct version_write write = {.session = session, .algorithm = algorithm};
	TRY(auth_data_text(arena, auth_data, &write.auth_data, fail));
	TRY(store_write(store, create_write, &write, fail));
	*ret_version = write.made;
	return RC_OK;
}

static enum rc update_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct version_write *write = arg;
	struct txn_ro *reading = txn_reading(txn);
	int64_t user = write->session->user;
	struct key_backup backup;
	TRY(account_check_generation(reading, user, write->session->generation));
	TRY(backup_find(reading, write->arena, user, write->version, &backup, fail));
	if (!str_eq(backup.algorithm, write->algorithm))
		return fail_set(fail, RC_INVALID_PARAM,
		    "algorithm is not the one of this backup, which cannot be changed");
	return key_backup_set_auth_data(txn, backup.backup, write->auth_data);
}

enum rc backup_update(struct store *store, struct arena *arena, const struct session *session,
    str version, str algorithm, json auth_data, struct fail *fail)
{
	struct version_write write = {
	    .arena = arena, .session = session, .version = version, .algorithm = algorithm};
	TRY(auth_data_text(arena, auth_data, &write.auth_data, fail));
	return store_write(store, update_write, &write, fail);
}

static enum rc delete_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct version_write *write = arg;
	struct txn_ro *reading = txn_reading(txn);
	int64_t user = write->session->user, newest, number;
	struct key_backup backup;
	TRY(account_check_generation(reading, user, write->session->generation));
	enum rc rc = backup_find(reading, write->arena, user, write->version, &backup, fail);
	if (rc == RC_OK)
		return key_backup_delete(txn, backup.backup);
	if (rc != RC_NOT_FOUND || !backup_version_parse(write->version, &number))
		return rc;
	TRY(key_backup_newest(reading, user, &newest));
	return number <= newest ? RC_OK : rc; /* deleted before */
}

enum rc backup_delete(struct store *store, struct arena *arena, const struct session *session,
    str version, struct fail *fail)
{
	struct version_write write = {.arena = arena, .session = session, .version = version};
	return store_write(store, delete_write, &write, fail);
}

enum rc backup_answer(struct store *store, struct arena *arena, const struct session *session,
    str version, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct key_backup backup;
	TRY(txn_ro_begin(store, &txn));
	if (version.n) {
		TRY(backup_find(txn, arena, session->user, version, &backup, fail));
	} else {
		enum rc rc = key_backup_current(txn, arena, session->user, &backup);
		if (rc == RC_NOT_FOUND)
			return fail_set(fail, rc, "You have no key backup");
		TRY(rc);
	}
	buf_put(out, STR("{\"algorithm\":"));
	json_put_text(out, backup.algorithm);
	buf_put(out, STR(",\"auth_data\":"));
	buf_put(out, backup.auth_data);
	buf_printf(out,
	    ",\"count\":%" PRId64 ",\"etag\":\"%" PRId64 "\",\"version\":\"%" PRId64 "\"}",
	    backup.count, backup.etag, backup.version);
	return buf_status(out);
}
