/*
 * Changes of a snapshot: new nodes from the root to the entries that change, all others are shared. However many
 * the changes, each node on the way is written once. The shape that node_int.h describes is kept: a leaf that has
 * become too large is divided, small ones are merged again, an inner node with one child gives way to it.
 *
 * Changes stand in the order of the tree, so that those of a subtree stand together. Recursions are at most
 * LEVELS deep: node_load() refuses an inner node that is not deeper than the one above.
 */
#include "store/node_int.h"
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

enum { EDIT_ARENA_BYTES = 512 << 20 }; /* spent in proportion to the changes */

/* A subtree as it will be: nothing (zeroes), a stored one, or a leaf that is not written yet: it may still be merged. */
struct subtree {
	int64_t nid;
	const struct state_entry *entries; /* in order of (type, key) */
	unsigned count;
};

struct editor {
	struct txn_rw *txn;
	struct arena *arena;
	bool removes; /* some change does: only then leaves can have become small */
};

/* Changes of a subtree, in the order of the tree; event 0: nothing stands there. */
struct changes {
	const struct state_entry *first;
	size_t count;
};

/* ---- the order of the tree ---- */

static int tree_compare(struct state_key a, struct state_key b)
{
	int level = key_first_difference(a, b);
	return level == LEVELS ? 0 : key_nibble(a, level) - key_nibble(b, level);
}

static int tree_order(const void *a, const void *b)
{
	const struct state_entry *x = a, *y = b;
	return tree_compare(x->at, y->at);
}

static int key_order(const void *a, const void *b)
{
	const struct state_entry *x = a, *y = b;
	return key_compare(x->at, y->at);
}

/* The changes at the front that have the nibble of the first one at `level`; `rest` loses them. */
static struct changes run_take(struct changes *rest, int level)
{
	struct changes run = {rest->first, 1};
	int nibble = key_nibble(rest->first->at, level);
	while (run.count < rest->count && key_nibble(rest->first[run.count].at, level) == nibble)
		run.count++;
	rest->first += run.count;
	rest->count -= run.count;
	return run;
}

/* ---- leaves ---- */

static enum rc subtree_store(struct editor *e, const struct subtree *subtree, int64_t *ret_nid)
{
	*ret_nid = subtree->nid;
	if (subtree->count == 0)
		return RC_OK;
	struct node leaf = {.is_leaf = true, .count = subtree->count};
	memcpy(leaf.entries, subtree->entries, subtree->count * sizeof *leaf.entries);
	return node_store(e->txn, &leaf, ret_nid);
}

/* At most LEAF_MAX entries, in any order. */
static enum rc leaf_make(
    struct editor *e, const struct state_entry *entries, size_t count, struct subtree *ret_subtree)
{
	*ret_subtree = (struct subtree){0};
	if (count == 0)
		return RC_OK;
	struct state_entry *kept = arena_array(e->arena, struct state_entry, count);
	TRY(arena_status(e->arena));
	memcpy(kept, entries, count * sizeof *kept);
	qsort(kept, count, sizeof *kept, key_order);
	*ret_subtree = (struct subtree){.entries = kept, .count = (unsigned)count};
	return RC_OK;
}

/* All leaves below one node, if they have no more than LEAF_MAX entries in all; else `*ret_merged` is false. */
static enum rc children_merge(struct editor *e, const struct subtree children[CHILDREN_MAX],
    struct subtree *ret_subtree, bool *ret_merged)
{
	struct state_entry all[LEAF_MAX];
	size_t total = 0;
	*ret_merged = false;
	for (int i = 0; i < CHILDREN_MAX; i++) {
		struct node leaf = {.is_leaf = true, .count = children[i].count};
		const struct state_entry *entries = children[i].entries;
		if (children[i].nid != 0) {
			TRY(node_load(txn_reading(e->txn), children[i].nid, -1, &leaf));
			entries = leaf.entries;
		}
		if (!leaf.is_leaf || total + leaf.count > LEAF_MAX)
			return RC_OK;
		if (leaf.count > 0)
			memcpy(all + total, entries, leaf.count * sizeof *all);
		total += leaf.count;
	}
	*ret_merged = true;
	return leaf_make(e, all, total, ret_subtree);
}

/* ---- inner nodes ---- */

/* What stands above these children at `level`: an inner node, or less when they do not need one. */
static enum rc children_join(struct editor *e, int level, struct state_key some_key,
    const struct subtree children[CHILDREN_MAX], struct subtree *ret_subtree)
{
	int used = 0, last = 0;
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (children[i].nid != 0 || children[i].count > 0) {
			used++;
			last = i;
		}
	if (used <= 1) {
		*ret_subtree = children[last];
		return RC_OK;
	}
	bool merged = false;
	if (e->removes)
		TRY(children_merge(e, children, ret_subtree, &merged));
	if (merged)
		return RC_OK;
	struct node inner = {.level = level, .some_key = some_key};
	for (int i = 0; i < CHILDREN_MAX; i++)
		TRY(subtree_store(e, &children[i], &inner.children[i]));
	*ret_subtree = (struct subtree){0};
	return node_store(e->txn, &inner, &ret_subtree->nid);
}

/* A subtree of entries alone. */
static enum rc subtree_build(struct editor *e, struct changes set, struct subtree *ret_subtree)
{
	if (set.count <= LEAF_MAX)
		return leaf_make(e, set.first, set.count, ret_subtree);
	struct subtree children[CHILDREN_MAX] = {{0}};
	struct state_key some_key = set.first->at;
	int level = key_first_difference(some_key, set.first[set.count - 1].at);
	while (set.count > 0) {
		int nibble = key_nibble(set.first->at, level);
		TRY(subtree_build(e, run_take(&set, level), &children[nibble]));
	}
	return children_join(e, level, some_key, children, ret_subtree);
}

/* ---- a change ---- */

static size_t without_removals(struct state_entry *entries, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (entries[i].event != 0)
			entries[kept++] = entries[i];
	return kept;
}

/* Changes over the entries of a leaf: both in the order of the tree. */
static size_t entries_merge(const struct node *leaf, struct changes changes, struct state_entry *out)
{
	size_t n = 0, i = 0, j = 0;
	while (i < leaf->count || j < changes.count) {
		int order = i == leaf->count     ? 1
			    : j == changes.count ? -1
						 : tree_compare(leaf->entries[i].at, changes.first[j].at);
		i += order == 0; /* the change stands for it */
		out[n++] = order < 0 ? leaf->entries[i++] : changes.first[j++];
	}
	return without_removals(out, n);
}

static enum rc leaf_edit(struct editor *e, int64_t nid, struct node *leaf, struct changes changes,
    struct subtree *ret_subtree)
{
	struct state_entry *out =
	    arena_array(e->arena, struct state_entry, leaf->count + changes.count);
	TRY(arena_status(e->arena));
	qsort(leaf->entries, leaf->count, sizeof *leaf->entries, tree_order);
	size_t n = entries_merge(leaf, changes, out);
	if (n == leaf->count && memcmp(out, leaf->entries, n * sizeof *out) == 0) {
		*ret_subtree = (struct subtree){.nid = nid}; /* nothing changes */
		return RC_OK;
	}
	return subtree_build(e, (struct changes){out, n}, ret_subtree);
}

static enum rc subtree_edit(struct editor *e, int64_t nid, int above, struct changes changes,
    struct subtree *ret_subtree);

/* All changes lie below this inner node. */
static enum rc inner_edit(struct editor *e, int64_t nid, const struct node *inner,
    struct changes changes, struct subtree *ret_subtree)
{
	struct subtree children[CHILDREN_MAX];
	bool changed = false;
	for (int i = 0; i < CHILDREN_MAX; i++)
		children[i] = (struct subtree){.nid = inner->children[i]};
	while (changes.count > 0) {
		int nibble = key_nibble(changes.first->at, inner->level);
		struct subtree *child = &children[nibble];
		TRY(subtree_edit(e, child->nid, inner->level, run_take(&changes, inner->level), child));
		changed = changed || child->count > 0 || child->nid != inner->children[nibble];
	}
	if (changed)
		return children_join(e, inner->level, inner->some_key, children, ret_subtree);
	*ret_subtree = (struct subtree){.nid = nid};
	return RC_OK;
}

/* Some change differs from all below the inner node `nid` at `level`, before its own: a node above both. */
static enum rc inner_above(struct editor *e, int64_t nid, struct state_key some_key, int above,
    int level, struct changes changes, struct subtree *ret_subtree)
{
	struct subtree children[CHILDREN_MAX] = {{0}};
	int own = key_nibble(some_key, level);
	children[own].nid = nid;
	while (changes.count > 0) {
		int nibble = key_nibble(changes.first->at, level);
		struct changes run = run_take(&changes, level);
		TRY(nibble == own ? subtree_edit(e, nid, above, run, &children[own])
				  : subtree_build(e, run, &children[nibble]));
	}
	return children_join(e, level, some_key, children, ret_subtree);
}

/* Leaves out removals of what cannot be below `inner`; the level at which the first of the rest goes apart from it. */
static enum rc changes_inside(struct editor *e, const struct node *inner, struct changes *changes,
    int *ret_level)
{
	struct state_entry *kept = arena_array(e->arena, struct state_entry, changes->count);
	size_t n = 0;
	TRY(arena_status(e->arena));
	*ret_level = inner->level;
	for (size_t i = 0; i < changes->count; i++) {
		int differs = key_first_difference(inner->some_key, changes->first[i].at);
		if (differs < inner->level && changes->first[i].event == 0)
			continue;
		if (differs < *ret_level)
			*ret_level = differs;
		kept[n++] = changes->first[i];
	}
	*changes = (struct changes){kept, n};
	return RC_OK;
}

static enum rc nothing_edit(struct editor *e, struct changes changes, struct subtree *ret_subtree)
{
	struct node nothing = {.is_leaf = true};
	return leaf_edit(e, 0, &nothing, changes, ret_subtree);
}

static enum rc subtree_edit(struct editor *e, int64_t nid, int above, struct changes changes,
    struct subtree *ret_subtree)
{
	struct node node;
	int level;
	if (nid == 0)
		return nothing_edit(e, changes, ret_subtree);
	TRY(node_load(txn_reading(e->txn), nid, above, &node));
	if (node.is_leaf)
		return leaf_edit(e, nid, &node, changes, ret_subtree);
	TRY(changes_inside(e, &node, &changes, &level));
	if (level < node.level)
		return inner_above(e, nid, node.some_key, above, level, changes, ret_subtree);
	return inner_edit(e, nid, &node, changes, ret_subtree);
}

/* ---- verbs ---- */

struct numbered_change {
	struct state_entry change;
	size_t number;
};

static int change_order(const void *a, const void *b)
{
	const struct numbered_change *x = a, *y = b;
	int order = tree_compare(x->change.at, y->change.at);
	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* In the order of the tree, each place once: its last change. */
static enum rc changes_order(struct editor *e, const struct state_entry *changes, size_t count,
    struct changes *ret_changes)
{
	struct numbered_change *all = arena_array(e->arena, struct numbered_change, count);
	struct state_entry *sorted = arena_array(e->arena, struct state_entry, count);
	size_t n = 0;
	TRY(arena_status(e->arena));
	for (size_t i = 0; i < count; i++) {
		all[i] = (struct numbered_change){changes[i], i};
		e->removes = e->removes || changes[i].event == 0;
	}
	qsort(all, count, sizeof *all, change_order);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || tree_compare(all[i].change.at, all[i + 1].change.at) != 0)
			sorted[n++] = all[i].change;
	*ret_changes = (struct changes){sorted, n};
	return RC_OK;
}

static enum rc apply(struct editor *e, int64_t snapshot, const struct state_entry *changes,
    size_t count, int64_t *ret_snapshot)
{
	struct changes ordered = {changes, count};
	struct subtree root = {0};
	if (count > 1)
		TRY(changes_order(e, changes, count, &ordered));
	else
		e->removes = changes->event == 0;
	TRY(subtree_edit(e, snapshot, -1, ordered, &root));
	return subtree_store(e, &root, ret_snapshot);
}

enum rc snapshot_apply(struct txn_rw *txn, int64_t snapshot, const struct state_entry *changes,
    size_t count, int64_t *ret_snapshot)
{
	if (count > SNAPSHOT_CHANGES_MAX)
		return RC_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		if (changes[i].at.type < 0 || changes[i].at.key < 0 || changes[i].event < 0)
			return RC_INVALID_PARAM;
	if (count == 0) {
		*ret_snapshot = snapshot;
		return RC_OK;
	}
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, EDIT_ARENA_BYTES);
	struct editor editor = {.txn = txn, .arena = &arena};
	return apply(&editor, snapshot, changes, count, ret_snapshot);
}

enum rc snapshot_set(
    struct txn_rw *txn, int64_t snapshot, struct state_key at, int64_t event, int64_t *ret_snapshot)
{
	struct state_entry change = {at, event};
	return event == 0 ? RC_INVALID_PARAM
			  : snapshot_apply(txn, snapshot, &change, 1, ret_snapshot);
}

enum rc snapshot_remove(
    struct txn_rw *txn, int64_t snapshot, struct state_key at, int64_t *ret_snapshot)
{
	struct state_entry change = {at, 0};
	return snapshot_apply(txn, snapshot, &change, 1, ret_snapshot);
}
