/*
 * Sessions of user-interactive authentication, so that a client may go on at another process than the one where it
 * began, or after a restart.
 *
 * Nothing here is of use to who reads the database: the id of a session is kept as its SHA-256, as tokens are; what it
 * was begun for as a digest that core makes of the request and the id. A registration token that completed a stage
 * stands as it is, like in the table where it is valid. Purposes and stages are core's numbers.
 */
#ifndef EXEUNT_STORE_UIA_H
#define EXEUNT_STORE_UIA_H

#include "codec/crypto.h"
#include "store/store.h"

struct uia_row {
	struct sha256 id;
	int64_t purpose;
	int64_t user;          /* nid; 0: nobody yet */
	struct sha256 request;
	int64_t completed;     /* a set of stages; 0 in a new one */
	int64_t expires_ms;    /* wall; not read back: what has expired is not found */
};

MUST_CHECK enum rc uia_row_add(struct txn_rw *txn, const struct uia_row *row);
/* RC_NOT_FOUND, as below: there is none, or it has expired. */
MUST_CHECK enum rc uia_row_find(
    struct txn_ro *txn, const struct sha256 *id, int64_t now_ms, struct uia_row *ret_row);
/* Adds stages. A `token` that is not empty takes the place of the one that was kept. */
MUST_CHECK enum rc uia_row_complete(
    struct txn_rw *txn, const struct sha256 *id, int64_t now_ms, int64_t stages, str token);
/* Deletes it: exactly one caller gets RC_OK, and the token that was kept (empty: none). */
MUST_CHECK enum rc uia_row_take(struct txn_rw *txn, struct arena *arena, const struct sha256 *id,
    int64_t now_ms, str *ret_token);

/* Deletes the expired among the `rows_max` oldest. All live equally long, so these are the ones that expire first. */
MUST_CHECK enum rc uia_rows_drop_expired(struct txn_rw *txn, int64_t now_ms, size_t rows_max);
/* Deletes all but the `kept_max` newest. */
MUST_CHECK enum rc uia_rows_drop_oldest(struct txn_rw *txn, size_t kept_max);

#endif
