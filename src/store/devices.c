/* Devices, their tokens and keys. */
#include "store/accounts.h"
#include "store/store_int.h"

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

enum rc device_find(
    struct txn_ro *txn, struct arena *arena, int64_t user, str device_id, struct device *ret_device)
{
	struct query CLEANUP(query_close) q = QUERY(txn, device_find, I(user), T(device_id));
	TRY(query_step(&q));
	struct device device = {
	    .nid = col_i64(&q, 0),
	    .user = col_i64(&q, 1),
	    .device_id = col_dup(&q, 2, arena),
	    .display_name = col_dup(&q, 3, arena),
	    .last_seen_ms = col_i64(&q, 4),
	    .last_seen_ip = col_dup(&q, 5, arena),
	};
	TRY(arena_status(arena));
	*ret_device = device;
	return RC_OK;
}

enum rc device_delete(struct txn_rw *txn, int64_t device)
{
	TRY(RUN(txn, device_delete_tokens, I(device)));
	TRY(RUN(txn, device_delete_keys, I(device)));
	return RUN(txn, device_delete, I(device));
}

enum rc device_delete_all(struct txn_rw *txn, int64_t user, int64_t except_device)
{
	/* Without an exception the tokens without device (0) go too. */
	int64_t kept = except_device ? except_device : -1;
	TRY(RUN(txn, devices_delete_tokens, I(user), I(kept)));
	TRY(RUN(txn, devices_delete_keys, I(user), I(kept)));
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

enum rc otk_counts(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct otk_count **ret_counts, size_t *ret_count)
{
	enum { ALGORITHMS_MAX = 32 };
	struct otk_count *counts = arena_array(arena, struct otk_count, ALGORITHMS_MAX);
	TRY(arena_status(arena));
	struct query CLEANUP(query_close) q = QUERY(txn, otk_counts, I(device));
	size_t n = 0;
	enum rc rc;
	while (n < ALGORITHMS_MAX && (rc = query_step(&q)) == RC_OK)
		counts[n++] = (struct otk_count){col_dup(&q, 0, arena), col_i64(&q, 1)};
	if (n < ALGORITHMS_MAX && rc != RC_NOT_FOUND)
		return rc;
	TRY(arena_status(arena));
	*ret_counts = counts;
	*ret_count = n;
	return RC_OK;
}
