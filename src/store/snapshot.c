#include "store/snapshot.h"

#include "store/node_int.h"

#include <string.h>

/* ---- one entry ---- */

/* Where `at` stands among the entries of a leaf, or where it belongs. */
static unsigned leaf_position(const struct node *leaf, struct state_key at)
{
	unsigned i = 0;
	while (i < leaf->count && key_compare(leaf->entries[i].at, at) < 0)
		i++;
	return i;
}

static bool leaf_has(const struct node *leaf, unsigned position, struct state_key at)
{
	return position < leaf->count && key_compare(leaf->entries[position].at, at) == 0;
}

enum rc snapshot_get(struct txn_ro *txn, int64_t snapshot, struct state_key at, int64_t *ret_event)
{
	struct node node = {.level = -1};
	for (int64_t nid = snapshot; nid != 0;) {
		TRY(node_load(txn, nid, node.level, &node));
		if (node.is_leaf) {
			unsigned position = leaf_position(&node, at);
			if (!leaf_has(&node, position, at))
				return RC_NOT_FOUND;
			*ret_event = node.entries[position].event;
			return RC_OK;
		}
		nid = node.children[key_nibble(at, node.level)];
	}
	return RC_NOT_FOUND;
}

/* ---- a change: new nodes from the root to the entry, all others are shared ---- */

static enum rc leaf_of_one(struct txn_rw *txn, const struct state_entry *entry, int64_t *ret_nid)
{
	struct node leaf = {.is_leaf = true, .count = 1, .entries = {*entry}};
	return node_store(txn, &leaf, ret_nid);
}

/* A leaf that has become too large, divided at the first nibble in which its keys differ. */
static enum rc leaf_divide(struct txn_rw *txn, const struct node *full, int64_t *ret_nid)
{
	int level = LEVELS;
	for (unsigned i = 1; i < full->count; i++) {
		int differs = key_first_difference(full->entries[0].at, full->entries[i].at);
		level = differs < level ? differs : level;
	}
	struct node inner = {.level = level, .some_key = full->entries[0].at};
	for (int nibble = 0; nibble < CHILDREN_MAX; nibble++) {
		struct node leaf = {.is_leaf = true};
		for (unsigned i = 0; i < full->count; i++)
			if (key_nibble(full->entries[i].at, level) == nibble)
				leaf.entries[leaf.count++] = full->entries[i];
		if (leaf.count > 0) /* fewer than `full` has: two nibbles occur at least */
			TRY(node_store(txn, &leaf, &inner.children[nibble]));
	}
	return node_store(txn, &inner, ret_nid);
}

static enum rc leaf_set(struct txn_rw *txn, struct node *leaf, const struct state_entry *entry,
    int64_t nid, int64_t *ret_nid)
{
	unsigned position = leaf_position(leaf, entry->at);
	struct state_entry *place = &leaf->entries[position];
	if (!leaf_has(leaf, position, entry->at)) {
		memmove(place + 1, place, (leaf->count - position) * sizeof *place);
		leaf->count++;
	} else if (place->event == entry->event) {
		*ret_nid = nid; /* nothing changes */
		return RC_OK;
	}
	*place = *entry;
	return leaf->count > LEAF_MAX ? leaf_divide(txn, leaf, ret_nid)
				      : node_store(txn, leaf, ret_nid);
}

/* The key differs from all below the inner node `nid` before its level: a node above both. */
static enum rc inner_above(struct txn_rw *txn, const struct node *inner, int64_t nid, int level,
    const struct state_entry *entry, int64_t *ret_nid)
{
	struct node above = {.level = level, .some_key = inner->some_key};
	above.children[key_nibble(inner->some_key, level)] = nid;
	TRY(leaf_of_one(txn, entry, &above.children[key_nibble(entry->at, level)]));
	return node_store(txn, &above, ret_nid);
}

/* Recursive, at most LEVELS deep: node_load() refuses an inner node that is not deeper than the one above. */
static enum rc subtree_set(
    struct txn_rw *txn, int64_t nid, int above, const struct state_entry *entry, int64_t *ret_nid)
{
	if (nid == 0)
		return leaf_of_one(txn, entry, ret_nid);
	struct node node;
	TRY(node_load(txn_reading(txn), nid, above, &node));
	if (node.is_leaf)
		return leaf_set(txn, &node, entry, nid, ret_nid);
	int differs = key_first_difference(node.some_key, entry->at);
	if (differs < node.level)
		return inner_above(txn, &node, nid, differs, entry, ret_nid);
	int64_t *child = &node.children[key_nibble(entry->at, node.level)];
	int64_t before = *child;
	TRY(subtree_set(txn, before, node.level, entry, child));
	if (*child != before)
		return node_store(txn, &node, ret_nid);
	*ret_nid = nid;
	return RC_OK;
}

enum rc snapshot_set(
    struct txn_rw *txn, int64_t snapshot, struct state_key at, int64_t event, int64_t *ret_snapshot)
{
	if (at.type < 0 || at.key < 0 || event <= 0)
		return RC_INVALID_PARAM;
	struct state_entry entry = {at, event};
	return subtree_set(txn, snapshot, -1, &entry, ret_snapshot);
}

/* ---- walks ---- */

/* Whether an inner node can hold keys of `type`, and if it divides by type: the only child that can. */
static bool inner_may_hold(const struct node *inner, int child, int64_t type)
{
	struct state_key wanted = {.type = type};
	if (type == 0)
		return true;
	if (inner->level >= KEY_LEVEL_FIRST)
		return inner->some_key.type == type;
	return key_nibble(wanted, inner->level) == child;
}

static enum rc subtree_each(
    struct txn_ro *txn, int64_t nid, int above, int64_t type, snapshot_fn *fn, void *self)
{
	struct node node;
	TRY(node_load(txn, nid, above, &node));
	if (node.is_leaf) {
		for (unsigned i = 0; i < node.count; i++)
			if (type == 0 || node.entries[i].at.type == type)
				TRY(fn(self, &node.entries[i]));
		return RC_OK;
	}
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (node.children[i] != 0 && inner_may_hold(&node, i, type))
			TRY(subtree_each(txn, node.children[i], node.level, type, fn, self));
	return RC_OK;
}

enum rc snapshot_each(
    struct txn_ro *txn, int64_t snapshot, int64_t type, snapshot_fn *fn, void *self)
{
	return snapshot == 0 ? RC_OK : subtree_each(txn, snapshot, -1, type, fn, self);
}
