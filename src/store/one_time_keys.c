/* One-time keys, what was given out of them, and fallback keys. */
#include "store/keys.h"

#include "base/fault.h"
#include "store/rows_int.h"
#include "store/store_int.h"

#include <string.h>

#define DIGEST(sha) B((sha)->bytes, SHA256_BYTES)

enum rc otk_counts(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct otk_count **ret_counts, size_t *ret_count)
{
	struct otk_count *counts = arena_array(arena, struct otk_count, OTK_ALGORITHMS_MAX + 1);
	TRY(arena_status(arena));
	struct query CLEANUP(query_close) q = QUERY(txn, otk_counts, I(device));
	size_t n = 0;
	enum rc rc = RC_NOT_FOUND;
	while (n <= OTK_ALGORITHMS_MAX && (rc = query_step(&q)) == RC_OK)
		counts[n++] = (struct otk_count){col_dup(&q, 0, arena), col_i64(&q, 1)};
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	TRY(arena_status(arena));
	*ret_counts = counts;
	*ret_count = n;
	return RC_OK;
}

static enum rc digest_read(const struct query *q, int column, struct sha256 *ret_digest)
{
	str bytes = col_text(q, column);
	if (bytes.n != SHA256_BYTES)
		return RC_CORRUPT;
	memcpy(ret_digest->bytes, bytes.p, SHA256_BYTES);
	return RC_OK;
}

enum rc otk_held(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct one_time_key **ret_keys, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct one_time_key);
	struct query CLEANUP(query_close) q = QUERY(txn, otk_digests, I(device));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct one_time_key *key = rows_add(&rows);
		if (!key)
			break;
		key->algorithm = col_dup(&q, 0, arena);
		key->key_id = col_dup(&q, 1, arena);
		TRY(digest_read(&q, 2, &key->digest));
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_keys = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc otk_claimed(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct sha256 **ret_digests, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct sha256);
	struct query CLEANUP(query_close) q = QUERY(txn, claimed_of, I(device));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct sha256 *digest = rows_add(&rows);
		if (!digest)
			break;
		TRY(digest_read(&q, 0, digest));
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_digests = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc otk_add(struct txn_rw *txn, int64_t device, const struct one_time_key *key)
{
	return RUN(txn, otk_add, I(device), T(key->algorithm), T(key->key_id), DIGEST(&key->digest),
	    T(key->key));
}

enum rc otk_claimed_drop(struct txn_rw *txn, int64_t device)
{
	return RUN(txn, claimed_drop, I(device), I(CLAIMED_KEPT_MAX));
}

/* RC_NOT_FOUND: none of this algorithm is left. */
static enum rc oldest_take(struct txn_rw *txn, struct arena *arena, int64_t device, str algorithm,
    str *ret_key_id, str *ret_key)
{
	struct sha256 digest;
	int64_t nid;
	{
		struct query CLEANUP(query_close) q =
		    QUERY(&txn->ro, otk_oldest, I(device), T(algorithm));
		TRY(query_step(&q));
		nid = col_i64(&q, 0);
		TRY(digest_read(&q, 2, &digest));
		*ret_key_id = col_dup(&q, 1, arena);
		*ret_key = col_dup(&q, 3, arena);
		TRY(arena_status(arena));
	}
	TRY(RUN(txn, otk_delete, I(nid)));
	FAULT("keys.claim.taken");
	return RUN(txn, claimed_add, I(device), I(nid), DIGEST(&digest));
}

static enum rc fallback_get(struct txn_ro *txn, struct arena *arena, int64_t device, str algorithm,
    str *ret_key_id, str *ret_key, bool *ret_used)
{
	struct query CLEANUP(query_close) q = QUERY(txn, fallback_get, I(device), T(algorithm));
	TRY(query_step(&q));
	*ret_key_id = col_dup(&q, 0, arena);
	*ret_key = col_dup(&q, 1, arena);
	*ret_used = col_i64(&q, 2) != 0;
	return arena_status(arena);
}

enum rc otk_take(struct txn_rw *txn, struct arena *arena, int64_t device, str algorithm,
    str *ret_key_id, str *ret_key)
{
	bool used;
	enum rc rc = oldest_take(txn, arena, device, algorithm, ret_key_id, ret_key);
	if (rc != RC_NOT_FOUND)
		return rc;
	TRY(fallback_get(&txn->ro, arena, device, algorithm, ret_key_id, ret_key, &used));
	return used ? RC_OK : RUN(txn, fallback_use, I(device), T(algorithm));
}

enum rc fallback_put(
    struct txn_rw *txn, struct arena *scratch, int64_t device, str algorithm, str key_id, str key)
{
	str held_id, held;
	bool used;
	enum rc rc = fallback_get(&txn->ro, scratch, device, algorithm, &held_id, &held, &used);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (rc == RC_OK && str_eq(held_id, key_id) && str_eq(held, key))
		return RC_OK;
	return RUN(txn, fallback_put, I(device), T(algorithm), T(key_id), T(key));
}

enum rc fallback_count(struct txn_ro *txn, int64_t device, int64_t *ret_count)
{
	return NUMBER(txn, ret_count, fallback_count, I(device));
}

enum rc fallback_unused(struct txn_ro *txn, struct arena *arena, int64_t device,
    str **ret_algorithms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, str);
	struct query CLEANUP(query_close) q = QUERY(txn, fallback_unused, I(device));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		str *algorithm = rows_add(&rows);
		if (!algorithm)
			break;
		*algorithm = col_dup(&q, 0, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_algorithms = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}
