/*
 * Room state as immutable, structurally shared snapshots: a persistent tree keyed by (type, state key), whose
 * leaves hold event nids. A change writes O(log n) nodes; the difference of two snapshots costs what differs.
 *
 * `snapshot` is the number of a root node; 0 is the empty state. Nodes are cached in memory, bounded.
 */
#ifndef EXEUNT_STORE_SNAPSHOT_H
#define EXEUNT_STORE_SNAPSHOT_H

#include "store/store.h"

struct state_key {
	int64_t type, key;  /* nids of the type and of the state key */
};

struct state_entry {
	struct state_key at;
	int64_t event;      /* nid; 0 in a difference: absent on that side */
};

MUST_CHECK enum rc type_nid_find(struct txn_ro *txn, str type, int64_t *ret_type);  /* RC_NOT_FOUND */
MUST_CHECK enum rc type_nid_make(struct txn_rw *txn, str type, int64_t *ret_type);
MUST_CHECK enum rc type_of(struct txn_ro *txn, struct arena *arena, int64_t type, str *ret_type);
MUST_CHECK enum rc key_nid_find(struct txn_ro *txn, str state_key, int64_t *ret_key);
MUST_CHECK enum rc key_nid_make(struct txn_rw *txn, str state_key, int64_t *ret_key);
MUST_CHECK enum rc key_of(struct txn_ro *txn, struct arena *arena, int64_t key, str *ret_key);

/* RC_NOT_FOUND when nothing stands there. */
MUST_CHECK enum rc snapshot_get(struct txn_ro *txn, int64_t snapshot, struct state_key at, int64_t *ret_event);
MUST_CHECK enum rc snapshot_set(struct txn_rw *txn, int64_t snapshot, struct state_key at, int64_t event,
                                int64_t *ret_snapshot);
/* Nothing stands at `at` any more; the same snapshot when nothing did. */
MUST_CHECK enum rc snapshot_remove(struct txn_rw *txn, int64_t snapshot, struct state_key at, int64_t *ret_snapshot);
/*
 * Changes in one go: each node that they touch is written once. `event` 0: nothing stands there any more; the last change
 * of a place counts. RC_TOO_LARGE above SNAPSHOT_CHANGES_MAX.
 */
enum { SNAPSHOT_CHANGES_MAX = 1 << 20 };
MUST_CHECK enum rc snapshot_apply(struct txn_rw *txn, int64_t snapshot, const struct state_entry *changes,
                                  size_t count, int64_t *ret_snapshot);

typedef enum rc snapshot_fn(void *self, const struct state_entry *entry); /* not RC_OK ends the walk with that rc */
/* All entries; `type` 0 for every type (entries of one type stand together in the tree). */
MUST_CHECK enum rc snapshot_each(struct txn_ro *txn, int64_t snapshot, int64_t type, snapshot_fn *fn, void *self);

typedef enum rc snapshot_diff_fn(void *self, const struct state_entry *before, const struct state_entry *after);
MUST_CHECK enum rc snapshot_diff(struct txn_ro *txn, int64_t before, int64_t after, snapshot_diff_fn *fn, void *self);

#endif
