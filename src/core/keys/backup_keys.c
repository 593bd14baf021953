/* The keys of key backups. */
#include "core/keys/backup_int.h"

#include "matrix/ids.h"

#include <inttypes.h>
#include <string.h>

enum {
	SCRATCH_BYTES = 16 * 1024, /* the ids of a key */
	KEY_FORM_BYTES = 256,      /* of a key in an answer, beside its session data: mostly less */
};

enum rc backup_key_check(const struct backed_up_key *key, struct fail *fail)
{
	if (!room_id_parse(key->room_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "%.*s is no room ID",
		    STR_ARG(str_first(key->room_id, BACKUP_VERSION_SHOWN_BYTES)));
	if (key->session_id.n == 0 || key->session_id.n > BACKUP_SESSION_ID_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "A session ID must have 1 to %d bytes",
		    BACKUP_SESSION_ID_MAX_BYTES);
	if (key->session_data.n > BACKUP_SESSION_DATA_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE, "session_data may have at most %d bytes",
		    BACKUP_SESSION_DATA_MAX_BYTES);
	return RC_OK;
}

static void contents_put(const struct backup_wish *wish, const struct key_backup *backup)
{
	buf_printf(wish->out, "{\"count\":%" PRId64 ",\"etag\":\"%" PRId64 "\"}", backup->count,
	    backup->etag);
}

/* ---- writing ---- */

struct keys_write {
	const struct backup_wish *wish;
	const struct backed_up_key *keys;
	size_t count;
	struct key_backup backup;
};

/* Keys go into the current version only. Which one that is helps a client that knows an older one. */
static enum rc current_find(struct txn_ro *txn, const struct backup_wish *wish,
    struct key_backup *ret_backup, struct fail *fail)
{
	int64_t user = wish->session->user, number = 0, newest;
	struct key_backup current;
	enum rc rc = key_backup_current(txn, wish->arena, user, &current);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, rc, "You have no key backup");
	TRY(rc);
	(void)backup_version_parse(wish->version, &number);
	TRY(key_backup_newest(txn, user, &newest));
	if (number == 0 || number > newest)
		return fail_set(fail, RC_NOT_FOUND, "You never had a key backup of version %.*s",
		    STR_ARG(str_first(wish->version, BACKUP_VERSION_SHOWN_BYTES)));
	if (number != current.version) {
		rc = fail_set(fail, RC_WRONG_ROOM_KEYS_VERSION,
		    "Your current key backup is version %" PRId64, current.version);
		if (fail)
			fail->current_version = current.version;
		return rc;
	}
	*ret_backup = current;
	return RC_OK;
}

static enum rc put_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct keys_write *write = arg;
	const struct backup_wish *wish = write->wish;
	struct txn_ro *reading = txn_reading(txn);
	TRY(account_check_generation(reading, wish->session->user, wish->session->generation));
	TRY(current_find(reading, wish, &write->backup, fail));
	TRY(backed_up_keys_put(txn, &write->backup, write->keys, write->count));
	if (write->backup.count > BACKUP_KEYS_MAX)
		return fail_set(
		    fail, RC_TOO_LARGE, "A key backup may have at most %d keys", BACKUP_KEYS_MAX);
	return RC_OK;
}

enum rc backup_keys_put(
    const struct backup_wish *wish, const struct backed_up_key *keys, size_t count)
{
	struct keys_write write = {.wish = wish, .keys = keys, .count = count};
	TRY(store_write(wish->store, put_write, &write, wish->fail));
	contents_put(wish, &write.backup);
	return buf_status(wish->out);
}

static enum rc delete_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct keys_write *write = arg;
	const struct backup_wish *wish = write->wish;
	struct txn_ro *reading = txn_reading(txn);
	const struct backed_up_keys which = {wish->room_id, wish->session_id};
	int64_t user = wish->session->user;
	TRY(account_check_generation(reading, user, wish->session->generation));
	TRY(backup_find(reading, wish->arena, user, wish->version, &write->backup, fail));
	return backed_up_keys_delete(txn, &write->backup, &which);
}

enum rc backup_keys_delete(const struct backup_wish *wish)
{
	struct keys_write write = {.wish = wish};
	TRY(store_write(wish->store, delete_write, &write, wish->fail));
	contents_put(wish, &write.backup);
	return buf_status(wish->out);
}

/* ---- reading ---- */

static void key_put(struct buf *out, const struct backed_up_key *key)
{
	buf_printf(out,
	    "{\"first_message_index\":%" PRId64 ",\"forwarded_count\":%" PRId64
	    ",\"is_verified\":%s,"
	    "\"session_data\":",
	    key->first_message_index, key->forwarded_count, key->is_verified ? "true" : "false");
	buf_put(out, key->session_data);
	buf_putc(out, '}');
}

struct listing {
	struct buf *out;
	bool by_room; /* rooms with their sessions; else sessions */
	bool in_room; /* one was begun */
	char room_id[ID_MAX_BYTES];
	size_t room_id_bytes;
};

static void room_begin(struct listing *listing, str room_id)
{
	if (listing->in_room &&
	    str_eq(room_id, str_bytes(listing->room_id, listing->room_id_bytes)))
		return;
	if (listing->in_room)
		buf_put(listing->out, STR("}}"));
	json_put_key(listing->out, room_id);
	buf_put(listing->out, STR("{\"sessions\":{"));
	listing->in_room = true;
	listing->room_id_bytes = room_id.n;
	memcpy(listing->room_id, room_id.p, room_id.n);
}

static enum rc key_list(void *self, const struct backed_up_key *key)
{
	struct listing *listing = self;
	if (key->room_id.n > sizeof listing->room_id)
		return RC_CORRUPT;
	if (listing->by_room)
		room_begin(listing, key->room_id);
	json_put_key(listing->out, key->session_id);
	key_put(listing->out, key);
	return buf_status(listing->out);
}

/* The answer grows to its size once: growing by and by would need its memory several times. */
static enum rc answer_reserve(
    const struct backup_wish *wish, struct txn_ro *txn, const struct key_backup *backup)
{
	int64_t bytes, count;
	TRY(backed_up_keys_size(txn, backup->backup, wish->room_id, &bytes, &count));
	(void)buf_reserve(wish->out, (size_t)(bytes + (count + 1) * KEY_FORM_BYTES));
	enum rc rc = buf_status(wish->out);
	if (rc == RC_TOO_LARGE || rc == RC_BUDGET)
		return fail_set(wish->fail, RC_TOO_LARGE,
		    "These are more keys than one answer can hold: ask for them room by room");
	return rc;
}

static enum rc keys_put(
    const struct backup_wish *wish, struct txn_ro *txn, const struct key_backup *backup)
{
	struct arena scratch CLEANUP(arena_release);
	struct listing listing = {.out = wish->out, .by_room = wish->room_id.n == 0};
	arena_init(&scratch, SCRATCH_BYTES);
	TRY(answer_reserve(wish, txn, backup));
	buf_put(wish->out, listing.by_room ? STR("{\"rooms\":{") : STR("{\"sessions\":{"));
	TRY(backed_up_keys_each(txn, &scratch, backup->backup, wish->room_id, key_list, &listing));
	buf_put(wish->out, listing.in_room ? STR("}}}}") : STR("}}"));
	return buf_status(wish->out);
}

enum rc backup_keys_answer(const struct backup_wish *wish)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct key_backup backup;
	struct backed_up_key key;
	TRY(txn_ro_begin(wish->store, &txn));
	TRY(backup_find(txn, wish->arena, wish->session->user, wish->version, &backup, wish->fail));
	if (!wish->session_id.n)
		return keys_put(wish, txn, &backup);
	enum rc rc = backed_up_key_find(
	    txn, wish->arena, backup.backup, wish->room_id, wish->session_id, &key);
	if (rc == RC_NOT_FOUND)
		return fail_set(wish->fail, rc, "The backup holds no key of this session");
	TRY(rc);
	key_put(wish->out, &key);
	return buf_status(wish->out);
}
