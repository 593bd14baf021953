/*
 * Messages to devices (Client-Server API, "Send-to-Device messaging"), each kept until its device has acknowledged it.
 *
 * One sending takes one position, which all its messages share: a device gets one of them at most.
 */
#ifndef EXEUNT_STORE_TO_DEVICE_H
#define EXEUNT_STORE_TO_DEVICE_H

#include "store/accounts.h"

enum {
	TO_DEVICE_PENDING_MAX = 10000, /* of one device; beyond, the oldest go */
	TO_DEVICE_TXNS_KEPT = 1000,    /* transaction ids of one device that are remembered */
};

/*
 * A sending under a transaction id. `scope`: the sender's device, or, with a token that has none, the user's number below
 * zero. RC_EXISTS: it has been done.
 */
MUST_CHECK enum rc to_device_begin(
    struct txn_rw *txn, int64_t scope, str type, str txn_id, int64_t *ret_pos);
MUST_CHECK enum rc to_device_scope_delete(struct txn_rw *txn, int64_t scope);
MUST_CHECK enum rc to_device_add(
    struct txn_rw *txn, int64_t device, int64_t pos, int64_t sender, str type, str content);

struct to_device_message {
	int64_t pos;
	str sender, type, content; /* until the callback returns */
};
typedef enum rc to_device_fn(void *self, const struct to_device_message *message);
/* Messages with after < pos <= upto, oldest first, at most `limit`. */
MUST_CHECK enum rc to_device_between(struct txn_ro *txn, int64_t device, int64_t after,
    int64_t upto, size_t limit, to_device_fn *fn, void *self);
/* Whether any stand at or before `upto`: to_device_acknowledge() has something to do. */
MUST_CHECK enum rc to_device_is_kept(
    struct txn_ro *txn, int64_t device, int64_t upto, bool *ret_kept);
MUST_CHECK enum rc to_device_acknowledge(struct txn_rw *txn, int64_t device, int64_t upto);

#endif
