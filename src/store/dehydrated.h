/*
 * Dehydrated devices (MSC3814): of each user at most one device that nobody is logged in on. It has keys, and gets
 * messages, like all others; what it is made of is encrypted by the client: a JSON object to us.
 */
#ifndef EXEUNT_STORE_DEHYDRATED_H
#define EXEUNT_STORE_DEHYDRATED_H

#include "store/accounts.h"

struct dehydrated_device {
	int64_t device; /* nid */
	str device_id;
	str data; /* a JSON object */
};
/* RC_NOT_FOUND: the user has none. */
MUST_CHECK enum rc dehydrated_find(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct dehydrated_device *ret_device);
/* `device` is that of the user from now on, which has none. */
MUST_CHECK enum rc dehydrated_put(struct txn_rw *txn, int64_t user, int64_t device, str data);
/* It is a device like any other again: for the end of the account, which ends them all. */
MUST_CHECK enum rc dehydrated_forget(struct txn_rw *txn, int64_t user);

#endif
