/*
 * Keys for end-to-end encryption, and whose lists of devices changed when: the tables behind core/keys.
 *
 * Keys are JSON and kept as canonical bytes. A public key is kept in two parts: its payload, the object without
 * `signatures` and `unsigned`, and an object of the signatures that everybody may see. What a user-signing key says of
 * somebody else's master key is for its owner alone and stands apart.
 */
#ifndef EXEUNT_STORE_KEYS_H
#define EXEUNT_STORE_KEYS_H

#include "store/accounts.h"

/* Their numbers stand in the database. */
enum public_key_kind {
	PUBLIC_KEY_NONE = -1,
	PUBLIC_KEY_DEVICE,
	PUBLIC_KEY_MASTER,
	PUBLIC_KEY_SELF_SIGNING,
	PUBLIC_KEY_USER_SIGNING,
};

struct public_key {
	int64_t user;
	enum public_key_kind kind;
	str name;       /* the device id; of a cross-signing key the key itself, in base64 */
	int64_t device; /* nid; 0: a cross-signing key */
	str payload;    /* JSON object without signatures and unsigned */
	str signatures; /* JSON object: user id, key id, signature */
};

/* A row of public_keys_of(). */
struct public_key_seen {
	enum public_key_kind kind; /* NONE: the account has no keys */
	str name, payload, signatures;
	str display_name; /* of a device; empty: none */
	str key_id,
	    signature; /* of a master key: what the viewer's user-signing key says of it; empty: nothing */
};
typedef enum rc public_key_fn(
    void *self, const struct public_key_seen *key); /* texts live until it returns */
/* All keys of an account, in the order of kind and name; one row of kind NONE when it has none. RC_NOT_FOUND: no account. */
MUST_CHECK enum rc public_keys_of(
    struct txn_ro *txn, str user_id, int64_t viewer, public_key_fn *fn, void *self);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc public_key_get(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum public_key_kind kind, str name, struct public_key *ret_key);
/* The one cross-signing key of this kind. RC_NOT_FOUND. */
MUST_CHECK enum rc public_key_of_kind(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum public_key_kind kind, struct public_key *ret_key);
/* Makes or replaces the key of this name; of a cross-signing key's kind there is one: another one goes. */
MUST_CHECK enum rc public_key_put(struct txn_rw *txn, const struct public_key *key);
MUST_CHECK enum rc public_key_delete(struct txn_rw *txn, int64_t user, enum public_key_kind kind);

/* What the signer's user-signing key `key_id` says of the target's master key `name`. Takes a position. */
struct key_signature {
	int64_t signer, target;
	str name, key_id, signature;
};
MUST_CHECK enum rc key_signature_put(struct txn_rw *txn, const struct key_signature *signature);
MUST_CHECK enum rc key_signatures_delete(struct txn_rw *txn, int64_t signer);

/* One-time keys. Counts are what /sync and uploads tell. */
struct otk_count {
	str algorithm;
	int64_t count;
};
enum { OTK_ALGORITHMS_MAX = 8 };
/* At most OTK_ALGORITHMS_MAX + 1 of them. */
MUST_CHECK enum rc otk_counts(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct otk_count **ret_counts, size_t *ret_count);
struct one_time_key {
	str algorithm, key_id;
	struct sha256 digest; /* of algorithm, key id and key: the same key again has the same */
	str key;              /* JSON; not read by otk_held() */
};
/* What a device holds, and the digests of what was given out last (CLAIMED_KEPT_MAX of them, or a few more). */
enum { CLAIMED_KEPT_MAX = 500 };
MUST_CHECK enum rc otk_held(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct one_time_key **ret_keys, size_t *ret_count);
MUST_CHECK enum rc otk_claimed(struct txn_ro *txn, struct arena *arena, int64_t device,
    struct sha256 **ret_digests, size_t *ret_count);
MUST_CHECK enum rc otk_add(struct txn_rw *txn, int64_t device, const struct one_time_key *key);
/* Forgets the digests beyond the newest CLAIMED_KEPT_MAX. */
MUST_CHECK enum rc otk_claimed_drop(struct txn_rw *txn, int64_t device);
/*
 * Takes the oldest key of the algorithm, or else tells the fallback key, which counts as used from now on. RC_NOT_FOUND:
 * neither is there. No key is taken twice: its row goes in this transaction.
 */
MUST_CHECK enum rc otk_take(struct txn_rw *txn, struct arena *arena, int64_t device, str algorithm,
    str *ret_key_id, str *ret_key);

/* The fallback key of an algorithm: replaced, and unused again, unless it is the same. */
MUST_CHECK enum rc fallback_put(
    struct txn_rw *txn, struct arena *scratch, int64_t device, str algorithm, str key_id, str key);
MUST_CHECK enum rc fallback_count(struct txn_ro *txn, int64_t device, int64_t *ret_count);
MUST_CHECK enum rc fallback_unused(struct txn_ro *txn, struct arena *arena, int64_t device,
    str **ret_algorithms, size_t *ret_count);

/*
 * Device lists. A change is that of a device with keys, its keys, its name, its end, or of cross-signing keys. It takes a
 * position and is told to all who share a room with the user, in every process; waking those of this process is the
 * caller's: rooms_joined_by().
 */
MUST_CHECK enum rc device_list_change(struct txn_rw *txn, int64_t user);
/* Rooms that the user is joined to, at most `max`. */
MUST_CHECK enum rc rooms_joined_by(struct txn_ro *txn, struct arena *arena, int64_t user,
    size_t max, int64_t **ret_rooms, size_t *ret_count);

struct user_row {
	int64_t user;
	str user_id;
};
/*
 * Whose list changed after `since`, of those who share a room with the user and of the user; and whom the user's own
 * user-signing key signed after `since`. Some may stand there twice.
 */
MUST_CHECK enum rc device_lists_since(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t since, struct user_row **ret_users, size_t *ret_count);
MUST_CHECK enum rc members_joined(struct txn_ro *txn, struct arena *arena, int64_t room,
    struct user_row **ret_users, size_t *ret_count);
/* Members of a room who are joined since `since` or longer and share no room with `user`. */
MUST_CHECK enum rc members_lost(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t since, int64_t user, struct user_row **ret_users, size_t *ret_count);
struct member_move {
	struct user_row who;
	bool joined; /* now */
};
/* Members of a room whose newest member event came after `since`. */
MUST_CHECK enum rc members_moved(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t since, struct member_move **ret_moves, size_t *ret_count);

#endif
