#include "store/snapshot.h"

#include "store/node_int.h"

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
