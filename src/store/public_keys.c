/* Public keys of devices and for cross-signing, and signatures that only their signer sees. */
#include "store/keys.h"
#include "store/news.h"
#include "store/store_int.h"

enum rc public_keys_of(
    struct txn_ro *txn, str user_id, int64_t viewer, public_key_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q = QUERY(txn, public_keys_of, I(viewer), T(user_id));
	bool any = false;
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct public_key_seen key = {
		    .kind = (enum public_key_kind)col_i64(&q, 0),
		    .name = col_text(&q, 1),
		    .payload = col_text(&q, 2),
		    .signatures = col_text(&q, 3),
		    .display_name = col_text(&q, 4),
		    .key_id = col_text(&q, 5),
		    .signature = col_text(&q, 6),
		};
		any = true;
		TRY(fn(self, &key));
	}
	return rc == RC_NOT_FOUND && any ? RC_OK : rc;
}

enum rc public_key_get(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum public_key_kind kind, str name, struct public_key *ret_key)
{
	struct query CLEANUP(query_close) q = QUERY(txn, public_key_get, I(user), I(kind), T(name));
	TRY(query_step(&q));
	struct public_key key = {
	    .user = user,
	    .kind = kind,
	    .name = arena_dup(arena, name),
	    .device = col_i64(&q, 0),
	    .payload = col_dup(&q, 1, arena),
	    .signatures = col_dup(&q, 2, arena),
	};
	TRY(arena_status(arena));
	*ret_key = key;
	return RC_OK;
}

enum rc public_key_of_kind(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum public_key_kind kind, struct public_key *ret_key)
{
	struct query CLEANUP(query_close) q = QUERY(txn, public_key_of_kind, I(user), I(kind));
	TRY(query_step(&q));
	struct public_key key = {
	    .user = user,
	    .kind = kind,
	    .name = col_dup(&q, 0, arena),
	    .payload = col_dup(&q, 1, arena),
	    .signatures = col_dup(&q, 2, arena),
	};
	TRY(arena_status(arena));
	*ret_key = key;
	return RC_OK;
}

enum rc public_key_put(struct txn_rw *txn, const struct public_key *key)
{
	if (key->kind != PUBLIC_KEY_DEVICE)
		TRY(public_key_delete(txn, key->user, key->kind));
	return RUN(txn, public_key_put, I(key->user), I(key->kind), T(key->name), I(key->device),
	    T(key->payload), T(key->signatures));
}

enum rc public_key_delete(struct txn_rw *txn, int64_t user, enum public_key_kind kind)
{
	return RUN(txn, public_keys_delete_kind, I(user), I(kind));
}

enum rc key_signature_put(struct txn_rw *txn, const struct key_signature *signature)
{
	txn_tell(txn, NEWS_USER, signature->signer);
	return RUN(txn, key_signature_put, I(signature->signer), I(signature->target),
	    T(signature->name), T(signature->key_id), T(signature->signature),
	    I(txn_next_pos(txn)));
}

enum rc key_signatures_delete(struct txn_rw *txn, int64_t signer)
{
	return RUN(txn, key_signatures_delete, I(signer));
}
