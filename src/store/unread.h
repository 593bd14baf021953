/*
 * Checkpoints of what a user has not read of a room, so that a restart or another process need not judge a long history
 * again. Written by core/push when it finds it worth while; nothing depends on them being there.
 */
#ifndef EXEUNT_STORE_UNREAD_H
#define EXEUNT_STORE_UNREAD_H

#include "store/store.h"

struct unread_row {
	int64_t user, room;
	int64_t upto; /* events and receipts up to this stream position are counted in */
	int64_t
	    version; /* position of the change of the user's rules by which they were judged; 0: never changed */
	str state; /* core/push's */
};
MUST_CHECK enum rc unread_put(struct txn_rw *txn, const struct unread_row *row);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc unread_get(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room,
    struct unread_row *ret_row);

#endif
