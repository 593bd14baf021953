/*
 * Tokens that live for minutes and are good for one thing: another login, or proof of identity to a third party. Kept and
 * looked up by their SHA-256 only. They end with the account.
 */
#ifndef EXEUNT_STORE_SHORT_TOKENS_H
#define EXEUNT_STORE_SHORT_TOKENS_H

#include "codec/crypto.h"
#include "store/store.h"

enum short_token_kind {
	SHORT_TOKEN_LOGIN,
	SHORT_TOKEN_OPENID
}; /* their numbers stand in the database */

struct short_token {
	struct sha256 hash;
	enum short_token_kind kind;
	int64_t user;
	int64_t expires_ms; /* wall */
};

/* What has expired of the user's tokens of this kind goes, and the oldest until there are at most `kept_max`. */
MUST_CHECK enum rc short_token_add(
    struct txn_rw *txn, const struct short_token *token, int64_t now_ms, size_t kept_max);
/* Whose it is. RC_NOT_FOUND, as below: there is none, or it has expired. */
MUST_CHECK enum rc short_token_find(struct txn_ro *txn, enum short_token_kind kind,
    const struct sha256 *hash, int64_t now_ms, int64_t *ret_user);
/* The same and deletes it: exactly one caller gets RC_OK. */
MUST_CHECK enum rc short_token_take(struct txn_rw *txn, enum short_token_kind kind,
    const struct sha256 *hash, int64_t now_ms, int64_t *ret_user);
MUST_CHECK enum rc short_tokens_delete(
    struct txn_rw *txn, enum short_token_kind kind, int64_t user);

#endif
