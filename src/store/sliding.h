/*
 * Connections of sliding sync and the state of each, by version: bytes that core/sync/sliding understands. The bytes of a
 * version never change, and no pair of connection and version is ever used twice.
 *
 * A connection belongs to a user, a device (0: none) and a name that the client chose. They go with their device.
 */
#ifndef EXEUNT_STORE_SLIDING_H
#define EXEUNT_STORE_SLIDING_H

#include "store/accounts.h"

enum {
	SLIDING_CONNECTIONS_MAX =
	    16, /* of one device; the one that was written longest ago gives way */
	SLIDING_VERSIONS_MAX =
	    4, /* of one connection, newer than the one that the client came with */
};

struct sliding_place {
	int64_t connection; /* 0: none yet */
	int64_t version;
};

/* RC_NOT_FOUND: no such state, or it is somebody else's. */
MUST_CHECK enum rc sliding_state_get(struct txn_ro *txn, struct arena *arena,
    const struct session *session, str conn_id, struct sliding_place place, str *ret_state);

/*
 * A new version, which follows from `base`: what is older than `base` has been acknowledged and goes. Without a base the connection
 * begins anew and its old versions are forgotten. RC_NOT_FOUND: the base's connection is gone. RC_UNKNOWN_TOKEN: the session has
 * ended.
 */
MUST_CHECK enum rc sliding_state_put(struct txn_rw *txn, const struct session *session, str conn_id,
    struct sliding_place base, str state, int64_t now_ms, struct sliding_place *ret_place);

/* What device_delete() and device_delete_all() do with them. `except_device` -1: no exception, those without a device go too. */
MUST_CHECK enum rc sliding_delete_of_device(struct txn_rw *txn, int64_t device);
MUST_CHECK enum rc sliding_delete_all(struct txn_rw *txn, int64_t user, int64_t except_device);

#endif
