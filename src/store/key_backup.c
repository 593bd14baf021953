#include "store/key_backup.h"

#include "base/fault.h"
#include "store/store_int.h"

enum { PAGE_KEYS = 512 };

/* ---- versions ---- */

enum rc key_backup_add(
    struct txn_rw *txn, int64_t user, str algorithm, str auth_data, int64_t *ret_version)
{
	int64_t version;
	TRY(NUMBER(&txn->ro, &version, key_backup_number_take, I(user)));
	FAULT("key_backup.added.numbered");
	TRY(RUN(txn, key_backup_add, I(user), I(version), T(algorithm), T(auth_data)));
	*ret_version = version;
	return RC_OK;
}

static enum rc backup_row(struct query *q, struct arena *arena, struct key_backup *ret_backup)
{
	TRY(query_step(q));
	struct key_backup backup = {
	    .backup = col_i64(q, 0),
	    .version = col_i64(q, 1),
	    .algorithm = col_dup(q, 2, arena),
	    .auth_data = col_dup(q, 3, arena),
	    .count = col_i64(q, 4),
	    .etag = col_i64(q, 5),
	};
	TRY(arena_status(arena));
	*ret_backup = backup;
	return RC_OK;
}

enum rc key_backup_find(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t version,
    struct key_backup *ret_backup)
{
	struct query CLEANUP(query_close) q = QUERY(txn, key_backup_find, I(user), I(version));
	return backup_row(&q, arena, ret_backup);
}

enum rc key_backup_current(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct key_backup *ret_backup)
{
	struct query CLEANUP(query_close) q = QUERY(txn, key_backup_current, I(user));
	return backup_row(&q, arena, ret_backup);
}

enum rc key_backup_newest(struct txn_ro *txn, int64_t user, int64_t *ret_version)
{
	enum rc rc = NUMBER(txn, ret_version, key_backup_newest, I(user));
	if (rc == RC_NOT_FOUND)
		*ret_version = 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc key_backup_versions(struct txn_ro *txn, int64_t user, int64_t *ret_count)
{
	return NUMBER(txn, ret_count, key_backup_versions, I(user));
}

enum rc key_backup_set_auth_data(struct txn_rw *txn, int64_t backup, str auth_data)
{
	return RUN(txn, key_backup_set_auth_data, T(auth_data), I(backup));
}

enum rc key_backup_delete(struct txn_rw *txn, int64_t backup)
{
	TRY(RUN(txn, backed_up_keys_delete, I(backup)));
	FAULT("key_backup.deleted.keys");
	return RUN(txn, key_backup_delete, I(backup));
}

enum rc key_backup_delete_all(struct txn_rw *txn, int64_t user)
{
	TRY(RUN(txn, backed_up_keys_delete_of_user, I(user)));
	TRY(RUN(txn, key_backups_delete, I(user)));
	return RUN(txn, key_backup_number_delete, I(user));
}

/* ---- keys ---- */

static enum rc key_put(
    struct txn_rw *txn, int64_t backup, int64_t change, const struct backed_up_key *key)
{
	return RUN(txn, backed_up_key_put, I(backup), T(key->room_id), T(key->session_id),
	    I(key->first_message_index), I(key->forwarded_count), I(key->is_verified),
	    B(key->session_data.p, key->session_data.n), I(change));
}

/* `changed` keys of the backup are others than before; `added` is how many more there are. */
static enum rc backup_changed(
    struct txn_rw *txn, struct key_backup *backup, int64_t changed, int64_t added)
{
	if (changed == 0)
		return RC_OK;
	FAULT("key_backup.keys.changed");
	TRY(RUN(txn, key_backup_changed, I(added), I(backup->backup)));
	backup->count += added;
	backup->etag++;
	return RC_OK;
}

/* What this transaction stored bears the number of the change, by which it is counted afterwards. */
enum rc backed_up_keys_put(
    struct txn_rw *txn, struct key_backup *backup, const struct backed_up_key *keys, size_t count)
{
	int64_t change = backup->etag + 1;
	for (size_t i = 0; i < count; i++)
		TRY(key_put(txn, backup->backup, change, &keys[i]));
	int64_t changed, added;
	{
		struct query CLEANUP(query_close) q =
		    QUERY(&txn->ro, backed_up_keys_changed, I(backup->backup), I(change));
		TRY(query_step(&q));
		changed = col_i64(&q, 0);
		added = col_i64(&q, 1);
	}
	return backup_changed(txn, backup, changed, added);
}

enum rc backed_up_keys_delete(
    struct txn_rw *txn, struct key_backup *backup, const struct backed_up_keys *which)
{
	int64_t nid = backup->backup, gone;
	if (which->session_id.n)
		TRY(RUN_COUNTED(txn, &gone, backed_up_key_delete, I(nid), T(which->room_id),
		    T(which->session_id)));
	else if (which->room_id.n)
		TRY(RUN_COUNTED(
		    txn, &gone, backed_up_keys_delete_of_room, I(nid), T(which->room_id)));
	else
		TRY(RUN_COUNTED(txn, &gone, backed_up_keys_delete, I(nid)));
	return backup_changed(txn, backup, gone, -gone);
}

static struct backed_up_key key_row(const struct query *q)
{
	return (struct backed_up_key){
	    .room_id = col_text(q, 0),
	    .session_id = col_text(q, 1),
	    .first_message_index = col_i64(q, 2),
	    .forwarded_count = col_i64(q, 3),
	    .is_verified = col_i64(q, 4) != 0,
	    .session_data = col_text(q, 5),
	};
}

enum rc backed_up_key_find(struct txn_ro *txn, struct arena *arena, int64_t backup, str room_id,
    str session_id, struct backed_up_key *ret_key)
{
	struct query CLEANUP(query_close) q =
	    QUERY(txn, backed_up_key_get, I(backup), T(room_id), T(session_id));
	TRY(query_step(&q));
	struct backed_up_key key = key_row(&q);
	key.room_id = room_id;
	key.session_id = session_id;
	key.session_data = arena_dup(arena, key.session_data);
	TRY(arena_status(arena));
	*ret_key = key;
	return RC_OK;
}

enum rc backed_up_keys_size(
    struct txn_ro *txn, int64_t backup, str room_id, int64_t *ret_bytes, int64_t *ret_count)
{
	struct query CLEANUP(query_close) q =
	    room_id.n ? QUERY(txn, backed_up_keys_size_of_room, I(backup), T(room_id))
		      : QUERY(txn, backed_up_keys_size, I(backup));
	TRY(query_step(&q));
	*ret_bytes = col_i64(&q, 0);
	*ret_count = col_i64(&q, 1);
	return RC_OK;
}

/* The keys behind the one at `after`, and where that page ends. */
struct page {
	struct arena *scratch;
	struct backed_up_key after; /* its ids are in `scratch` */
	int64_t count;
};

static enum rc page_each(struct query *q, struct page *page, backed_up_key_fn *fn, void *self)
{
	str room_id = STR_EMPTY, session_id = STR_EMPTY;
	enum rc rc;
	page->count = 0;
	while ((rc = query_step(q)) == RC_OK) {
		struct backed_up_key key = key_row(q);
		TRY(fn(self, &key));
		room_id = key.room_id;
		session_id = key.session_id;
		if (++page->count == PAGE_KEYS)
			break;
	}
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	arena_clear(page->scratch);
	page->after.room_id = arena_dup(page->scratch, room_id);
	page->after.session_id = arena_dup(page->scratch, session_id);
	return arena_status(page->scratch);
}

/* By pages: an engine may keep all rows of a query in memory. */
enum rc backed_up_keys_each(struct txn_ro *txn, struct arena *scratch, int64_t backup, str room_id,
    backed_up_key_fn *fn, void *self)
{
	struct page page = {.scratch = scratch};
	do {
		struct query CLEANUP(query_close) q =
		    room_id.n ? QUERY(txn, backed_up_keys_of_room, I(backup), T(room_id),
				    T(page.after.session_id), I(PAGE_KEYS))
			      : QUERY(txn, backed_up_keys_all, I(backup), T(page.after.room_id),
				    T(page.after.session_id), I(PAGE_KEYS));
		TRY(page_each(&q, &page, fn, self));
	} while (page.count == PAGE_KEYS);
	return RC_OK;
}
