/*
 * End-to-end encryption as far as a server has a part in it (Client-Server API, "End-to-End Encryption", "Send-to-Device
 * messaging", "Device Management"): devices and their keys, one-time and fallback keys, cross-signing, lists of devices,
 * messages to devices. Key backup is elsewhere.
 *
 * Keys are kept and answered as canonical bytes. The server checks their form and the signatures of cross-signing keys; what
 * a device says about itself it passes on, since clients check it.
 *
 * Users of other servers: this server does not reach them yet. Their servers stand in `failures` of what is asked, and
 * messages to their devices are accepted and kept nowhere, until there is a queue that delivers them.
 *
 * Any lane thread. Functions that write wait for the commit, and then wake whom the change concerns.
 */
#ifndef EXEUNT_CORE_KEYS_KEYS_H
#define EXEUNT_CORE_KEYS_KEYS_H

#include "codec/json.h"
#include "core/sync/notifier.h"
#include "store/keys.h"

struct keys;

struct keys_config {
	struct store *store;
	struct notifier *notifier;
	str server_name;
};

MUST_CHECK enum rc keys_new(const struct keys_config *config, struct keys **ret_keys);
void keys_free(struct keys *keys);

/*
 * Wakes everybody who shares a room with a user whose list of devices changed. For those who end devices by
 * themselves, after the commit: logout, a new password. Others in this header do so by themselves.
 */
void keys_wake_sharers(struct keys *keys, int64_t user);

/* ---- what a sync tells: in its own transaction, for core/sync ---- */

/*
 * Appends {"changed": […], "left": […]}: what is new after `since` up to `to`, the newest position of the transaction.
 * changed: whose keys changed, of those who share a room with the user (and the user), and who shares one since then;
 * left: who shared one at `since` and shares none now. Costs what changed in these rooms. `*ret_any`: one is not empty.
 */
MUST_CHECK enum rc keys_put_device_lists(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t since, int64_t to, struct buf *out, bool *ret_any);

/*
 * Appends messages for the device with after < position <= upto as elements of an array, at most `limit`.
 * `*ret_upto`: up to where they are told, which is `upto` unless the limit was reached.
 */
enum { TO_DEVICE_LIMIT = 100 }; /* of one answer: Client-Server API, "Send-to-Device messaging" */
MUST_CHECK enum rc keys_put_to_device(struct txn_ro *txn, int64_t device, int64_t after,
    int64_t upto, size_t limit, struct buf *out, size_t *ret_count, int64_t *ret_upto);
/*
 * The client has got all messages up to `upto`: they go. Outside of any transaction, after keys_acknowledgement_due() said
 * in one that there is something to do. A failure loses nothing: what was acknowledged is not told again anyway.
 */
MUST_CHECK enum rc keys_acknowledgement_due(
    struct txn_ro *txn, int64_t device, int64_t upto, bool *ret_due);
MUST_CHECK enum rc keys_acknowledge(struct store *store, int64_t device, int64_t upto);

/* Appends {algorithm: number of one-time keys}; signed_curve25519 always stands there, since clients wait for its 0. */
MUST_CHECK enum rc keys_put_counts(
    struct txn_ro *txn, struct arena *arena, int64_t device, struct buf *out);
/* Appends [algorithm, …]: fallback keys that nobody was given yet. */
MUST_CHECK enum rc keys_put_unused_fallbacks(
    struct txn_ro *txn, struct arena *arena, int64_t device, struct buf *out);

/* ---- keys of devices ---- */

enum {
	ONE_TIME_KEYS_MAX = 1000,      /* of a device; of each kind of algorithm there are OTK_ALGORITHMS_MAX at most */
	KEYS_QUERY_USERS_MAX = 5000,   /* of one request, as the next ones */
	KEYS_QUERY_DEVICES_MAX = 1000, /* named of one user */
	KEYS_CLAIMS_MAX = 5000,
	KEYS_SIGNATURES_MAX = 1000,
};

/*
 * The body of keys/upload: device_keys, one_time_keys and fallback_keys of the session's device, all of it or nothing.
 * Appends the members of the answer, as the next ones do. A one-time key that is there, or was given out, is not added again;
 * RC_UNKNOWN_400: its name is there with another content. RC_BAD_JSON, RC_MISSING_PARAM, RC_INVALID_PARAM, RC_TOO_LARGE;
 * RC_FORBIDDEN: the session has no device, or the device has the name of a cross-signing key.
 */
MUST_CHECK enum rc keys_upload(struct keys *keys, struct arena *arena, const struct session *session, json body,
                               struct buf *out, struct fail *fail);
/* `users`: {user id: [device id, …]}, an empty list for all devices. */
MUST_CHECK enum rc keys_query(struct keys *keys, struct arena *arena, const struct session *session, json users,
                              struct buf *out, struct fail *fail);
/*
 * `users`: {user id: {device id: algorithm}}. Each one-time key is given once, the oldest first, and durably gone before it is
 * given; a fallback key where there is none left.
 */
MUST_CHECK enum rc keys_claim(struct keys *keys, struct arena *arena, const struct session *session, json users,
                              struct buf *out, struct fail *fail);

/* ---- cross-signing ---- */

/*
 * The body of keys/device_signing/upload: looks at its form, its signatures and what it would change. `*ret_needs_auth`:
 * there is a master key already, and a key of the body is new. RC_INVALID_SIGNATURE, RC_MISSING_PARAM (no master key),
 * RC_FORBIDDEN (a device has this name), and what is wrong with the form.
 */
MUST_CHECK enum rc keys_cross_signing_check(struct keys *keys, struct arena *arena, const struct session *session,
                                            json body, bool *ret_needs_auth, struct fail *fail);
/* Then does it. RC_CONFLICT: it has come to need authentication meanwhile. */
MUST_CHECK enum rc keys_cross_signing_set(struct keys *keys, struct arena *arena, const struct session *session, json body,
                                          bool is_authenticated, struct fail *fail);
/* The body of keys/signatures/upload: {user id: {key id: signed object}}. Each that is refused stands in `failures`. */
MUST_CHECK enum rc keys_sign(struct keys *keys, struct arena *arena, const struct session *session, json body,
                             struct buf *out, struct fail *fail);

/* ---- devices ---- */

MUST_CHECK enum rc keys_devices(struct keys *keys, struct arena *arena, const struct session *session, struct buf *out);
/* Appends the whole object. RC_NOT_FOUND, as with the next one. */
MUST_CHECK enum rc keys_device(struct keys *keys, struct arena *arena, const struct session *session, str device_id,
                               struct buf *out, struct fail *fail);
/* `display_name` with a NULL pointer: no change. */
MUST_CHECK enum rc keys_device_rename(struct keys *keys, const struct session *session, str device_id, str display_name,
                                      struct fail *fail);
/* With their tokens: the caller drops cached sessions. One that is not there counts as deleted. */
MUST_CHECK enum rc keys_devices_delete(struct keys *keys, const struct session *session, const str *device_ids,
                                       size_t count, struct fail *fail);

/* ---- messages to devices ---- */

enum {
	TO_DEVICE_CONTENT_MAX_BYTES = 64 * 1024, /* of one message */
	TO_DEVICE_TARGETS_MAX =
	    5000, /* of one request, with "*" counted as the devices it stands for */
	TO_DEVICE_SENT_MAX_BYTES = 16 << 20, /* the same, as stored */
};

/*
 * Sends `messages`, {user id: {device id or "*": content}}. Once for each (device of the sender, type, txn_id): again, nothing
 * happens. Unknown devices and users are passed over. RC_BAD_JSON, RC_INVALID_PARAM, RC_TOO_LARGE.
 */
MUST_CHECK enum rc keys_send_to_device(struct keys *keys, struct arena *arena,
    const struct session *session, str type, str txn_id, json messages, struct fail *fail);

#endif
