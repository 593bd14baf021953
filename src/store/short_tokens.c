#include "store/short_tokens.h"

#include "store/store_int.h"

#define HASH(sha) B((sha)->bytes, SHA256_BYTES)

enum rc short_token_add(
    struct txn_rw *txn, const struct short_token *token, int64_t now_ms, size_t kept_max)
{
	TRY(RUN(txn, short_token_add, HASH(&token->hash), I(token->kind), I(token->user),
	    I(token->expires_ms)));
	return RUN(txn, short_tokens_trim, I(token->user), I(token->kind), I(now_ms),
	    I((int64_t)kept_max));
}

enum rc short_token_find(struct txn_ro *txn, enum short_token_kind kind, const struct sha256 *hash,
    int64_t now_ms, int64_t *ret_user)
{
	return NUMBER(txn, ret_user, short_token_find, HASH(hash), I(kind), I(now_ms));
}

enum rc short_token_take(struct txn_rw *txn, enum short_token_kind kind, const struct sha256 *hash,
    int64_t now_ms, int64_t *ret_user)
{
	return NUMBER(&txn->ro, ret_user, short_token_take, HASH(hash), I(kind), I(now_ms));
}

enum rc short_tokens_delete(struct txn_rw *txn, enum short_token_kind kind, int64_t user)
{
	return RUN(txn, short_tokens_delete, I(user), I(kind));
}
