/* Devices and their tokens. */
#include "store/keys.h"

#include "base/fault.h"
#include "store/rows_int.h"
#include "store/sliding.h"
#include "store/store_int.h"

enum { DEVICE_SCRATCH_BYTES = 16 * 1024 };

#define HASH(sha) B((sha)->bytes, SHA256_BYTES)

enum rc device_put(
    struct txn_rw *txn, int64_t user, str device_id, str initial_display_name, int64_t *ret_device)
{
	enum rc rc = NUMBER(&txn->ro, ret_device, device_nid, I(user), T(device_id));
	if (rc != RC_NOT_FOUND)
		return rc;
	return NUMBER(
	    &txn->ro, ret_device, device_add, I(user), T(device_id), T(initial_display_name));
}

static struct device device_row(const struct query *q, struct arena *arena)
{
	return (struct device){
	    .nid = col_i64(q, 0),
	    .user = col_i64(q, 1),
	    .device_id = col_dup(q, 2, arena),
	    .display_name = col_dup(q, 3, arena),
	    .last_seen_ms = col_i64(q, 4),
	    .last_seen_ip = col_dup(q, 5, arena),
	};
}

enum rc device_find(
    struct txn_ro *txn, struct arena *arena, int64_t user, str device_id, struct device *ret_device)
{
	struct query CLEANUP(query_close) q = QUERY(txn, device_find, I(user), T(device_id));
	TRY(query_step(&q));
	struct device device = device_row(&q, arena);
	TRY(arena_status(arena));
	*ret_device = device;
	return RC_OK;
}

enum rc devices_of(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct device **ret_devices, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct device);
	struct query CLEANUP(query_close) q = QUERY(txn, devices_of, I(user));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct device *device = rows_add(&rows);
		if (!device)
			break;
		*device = device_row(&q, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_devices = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc device_set_display_name(struct txn_rw *txn, const struct device *device, str display_name)
{
	int64_t one;
	TRY(RUN(txn, device_set_display_name, T(display_name), I(device->nid)));
	enum rc rc = NUMBER(&txn->ro, &one, public_key_get, I(device->user), I(PUBLIC_KEY_DEVICE),
	    T(device->device_id));
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	return device_list_change(txn, device->user);
}

enum rc device_set_seen(struct txn_rw *txn, int64_t device, int64_t now_ms, str ip)
{
	return RUN(txn, device_set_seen, I(now_ms), T(ip), I(device));
}

static enum rc device_owner(
    struct txn_ro *txn, struct arena *scratch, int64_t device, struct device *ret_device)
{
	struct query CLEANUP(query_close) q = QUERY(txn, device_owner, I(device));
	TRY(query_step(&q));
	*ret_device = (struct device){
	    .nid = device, .user = col_i64(&q, 0), .device_id = col_dup(&q, 1, scratch)};
	return arena_status(scratch);
}

/* Others hear of it only if the device had keys: else it was none of theirs. */
static enum rc keys_delete(struct txn_rw *txn, int64_t device)
{
	struct arena CLEANUP(arena_release) scratch;
	struct device owned;
	int64_t changes;
	arena_init(&scratch, DEVICE_SCRATCH_BYTES);
	enum rc rc = device_owner(&txn->ro, &scratch, device, &owned);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(RUN_COUNTED(txn, &changes, public_key_delete, I(owned.user), I(PUBLIC_KEY_DEVICE),
	    T(owned.device_id)));
	return changes ? device_list_change(txn, owned.user) : RC_OK;
}

enum rc device_delete(struct txn_rw *txn, int64_t device)
{
	TRY(RUN(txn, device_delete_tokens, I(device)));
	FAULT("device.delete.tokens");
	TRY(keys_delete(txn, device));
	TRY(RUN(txn, device_delete_otks, I(device)));
	TRY(RUN(txn, device_delete_claimed, I(device)));
	TRY(RUN(txn, device_delete_fallbacks, I(device)));
	FAULT("device.delete.keys");
	TRY(RUN(txn, device_delete_messages, I(device)));
	TRY(RUN(txn, device_delete_txns, I(device)));
	TRY(RUN(txn, device_delete_dehydrated, I(device)));
	TRY(sliding_delete_of_device(txn, device));
	return RUN(txn, device_delete, I(device));
}

enum rc device_delete_all(struct txn_rw *txn, int64_t user, int64_t except_device)
{
	/* Without an exception the tokens without device (0) go too. */
	int64_t kept = except_device ? except_device : -1, changes;
	TRY(RUN(txn, devices_delete_tokens, I(user), I(kept)));
	TRY(RUN_COUNTED(txn, &changes, public_keys_delete_devices, I(user), I(kept)));
	if (changes)
		TRY(device_list_change(txn, user));
	TRY(RUN(txn, devices_delete_otks, I(user), I(kept)));
	TRY(RUN(txn, devices_delete_claimed, I(user), I(kept)));
	TRY(RUN(txn, devices_delete_fallbacks, I(user), I(kept)));
	TRY(RUN(txn, devices_delete_messages, I(user), I(kept)));
	TRY(RUN(txn, devices_delete_txns, I(user), I(kept)));
	TRY(sliding_delete_all(txn, user, kept));
	return RUN(txn, devices_delete, I(user), I(kept));
}

static enum rc token_add(struct txn_rw *txn, int64_t user, int64_t device,
    const struct token_pair *pair, int64_t predecessor)
{
	if (pair->has_refresh)
		return RUN(txn, token_add_refreshable, I(user), I(device), HASH(&pair->access),
		    I(pair->access_expires_ms), I(predecessor), HASH(&pair->refresh));
	return RUN(txn, token_add, I(user), I(device), HASH(&pair->access),
	    I(pair->access_expires_ms), I(predecessor));
}

enum rc token_put(struct txn_rw *txn, int64_t user, int64_t device, const struct token_pair *pair)
{
	if (device != 0)
		TRY(RUN(txn, token_of_device_delete, I(user), I(device)));
	return token_add(txn, user, device, pair, 0);
}

static enum rc session_row(const struct query *q, struct arena *arena, struct session *ret_session)
{
	struct session session = {
	    .user = col_i64(q, 0),
	    .device = col_i64(q, 1),
	    .generation = col_i64(q, 2),
	    .expires_ms = col_i64(q, 3),
	    .admin = col_i64(q, 4) != 0,
	    .kind = (enum account_kind)col_i64(q, 5),
	    .user_id = col_dup(q, 6, arena),
	    .device_id = col_dup(q, 7, arena),
	    .suspended = col_i64(q, 10) != 0,
	    .locked = col_i64(q, 11) != 0,
	};
	TRY(arena_status(arena));
	*ret_session = session;
	return RC_OK;
}

static enum rc unknown_token(enum rc rc)
{
	return rc == RC_NOT_FOUND ? RC_UNKNOWN_TOKEN : rc;
}

enum rc session_find(struct txn_ro *txn, struct arena *arena, const struct sha256 *access,
    struct session *ret_session)
{
	struct query CLEANUP(query_close) q = QUERY(txn, session_find, HASH(access));
	TRY(unknown_token(query_step(&q)));
	return session_row(&q, arena, ret_session);
}

/* The pair of a refresh token: its row, and the row that dies with its first use (0: none). */
static enum rc pair_by_refresh(struct txn_ro *txn, struct arena *arena,
    const struct sha256 *refresh, struct session *ret_session, int64_t *ret_token,
    int64_t *ret_predecessor)
{
	struct query CLEANUP(query_close) q = QUERY(txn, session_by_refresh, HASH(refresh));
	TRY(unknown_token(query_step(&q)));
	*ret_token = col_i64(&q, 8);
	*ret_predecessor = col_i64(&q, 9);
	return session_row(&q, arena, ret_session);
}

/* The pair after `token` is in use: nothing before it is needed any more. */
static enum rc predecessor_delete(struct txn_rw *txn, int64_t predecessor)
{
	if (predecessor == 0)
		return RC_OK;
	TRY(RUN(txn, token_forget_predecessor, I(predecessor)));
	return RUN(txn, token_delete, I(predecessor));
}

enum rc token_refresh(struct txn_rw *txn, const struct sha256 *refresh,
    const struct token_pair *pair, struct arena *arena, struct session *ret_session)
{
	struct session session;
	int64_t token, predecessor;
	TRY(pair_by_refresh(&txn->ro, arena, refresh, &session, &token, &predecessor));
	TRY(predecessor_delete(txn, predecessor));
	/* The client asks again: it has not got (or not used) what the first exchange gave it. */
	TRY(RUN(txn, token_delete_successors, I(token)));
	TRY(token_add(txn, session.user, session.device, pair, token));
	session.expires_ms = pair->access_expires_ms;
	*ret_session = session;
	return RC_OK;
}

enum rc token_has_predecessor(struct txn_ro *txn, const struct sha256 *access, bool *ret_has)
{
	int64_t predecessor;
	enum rc rc = NUMBER(txn, &predecessor, token_predecessor, HASH(access));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_has = rc == RC_OK;
	return RC_OK;
}

enum rc token_retire_predecessor(struct txn_rw *txn, const struct sha256 *access)
{
	int64_t predecessor;
	enum rc rc = NUMBER(&txn->ro, &predecessor, token_predecessor, HASH(access));
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	return predecessor_delete(txn, predecessor);
}

enum rc token_delete_all(struct txn_rw *txn, int64_t user)
{
	return RUN(txn, tokens_delete, I(user));
}
