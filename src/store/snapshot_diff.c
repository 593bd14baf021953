/*
 * The difference of two snapshots. Both trees are walked together; a node that both share is not looked into.
 * Where the shapes differ, one side is a few entries (a leaf, or part of one) held against a subtree.
 */
#include "store/node_int.h"

#include <string.h>

struct diff {
	struct txn_ro *txn;
	snapshot_diff_fn *fn;
	void *self;
};

enum side { BEFORE, AFTER };

/* `only` stands on one side, nothing on the other. */
static enum rc report_one(const struct diff *diff, const struct state_entry *only, enum side side)
{
	struct state_entry nothing = {only->at, 0};
	return side == BEFORE ? diff->fn(diff->self, only, &nothing)
			      : diff->fn(diff->self, &nothing, only);
}

static enum rc report_both(const struct diff *diff, const struct state_entry *mine,
    const struct state_entry *other, enum side side)
{
	if (mine->event == other->event)
		return RC_OK;
	return side == BEFORE ? diff->fn(diff->self, mine, other)
			      : diff->fn(diff->self, other, mine);
}

/* Entries of one side, in order, against a leaf of the other. */
static enum rc entries_leaf_diff(const struct diff *diff, const struct state_entry *entries,
    unsigned count, enum side side, const struct node *leaf)
{
	enum side other = side == BEFORE ? AFTER : BEFORE;
	unsigned i = 0, j = 0;
	while (i < count || j < leaf->count) {
		int order = i == count         ? 1
			    : j == leaf->count ? -1
					       : key_compare(entries[i].at, leaf->entries[j].at);
		if (order < 0)
			TRY(report_one(diff, &entries[i++], side));
		else if (order > 0)
			TRY(report_one(diff, &leaf->entries[j++], other));
		else
			TRY(report_both(diff, &entries[i++], &leaf->entries[j++], side));
	}
	return RC_OK;
}

/* Those of `entries` that belong under child `child` of `inner`, or (child -1) under none. */
static unsigned entries_pick(const struct state_entry *entries, unsigned count,
    const struct node *inner, int child, struct state_entry *picked)
{
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++) {
		struct state_key at = entries[i].at;
		bool inside = key_first_difference(at, inner->some_key) >= inner->level;
		if ((inside ? key_nibble(at, inner->level) : -1) == child)
			picked[n++] = entries[i];
	}
	return n;
}

/* Entries of one side against a subtree of the other (nid 0: nothing there). */
static enum rc entries_diff(const struct diff *diff, const struct state_entry *entries,
    unsigned count, enum side side, int64_t nid, int above)
{
	struct node node = {.is_leaf = true};
	if (nid != 0)
		TRY(node_load(diff->txn, nid, above, &node));
	if (node.is_leaf)
		return entries_leaf_diff(diff, entries, count, side, &node);
	struct state_entry picked[LEAF_MAX];
	unsigned outside = entries_pick(entries, count, &node, -1, picked);
	for (unsigned i = 0; i < outside; i++)
		TRY(report_one(diff, &picked[i], side));
	for (int child = 0; child < CHILDREN_MAX; child++) {
		unsigned n = entries_pick(entries, count, &node, child, picked);
		if (n > 0 || node.children[child] != 0)
			TRY(entries_diff(diff, picked, n, side, node.children[child], node.level));
	}
	return RC_OK;
}

static enum rc subtrees_diff(const struct diff *diff, const int64_t nids[2], const int above[2]);

/* `deep` lies entirely under one child of `high`; `side` is the side of `high`. */
static enum rc nested_diff(const struct diff *diff, const struct node *high, int64_t deep,
    int deep_child, int deep_above, enum side side)
{
	for (int child = 0; child < CHILDREN_MAX; child++) {
		int64_t nids[2] = {0, 0};
		int above[2] = {deep_above, deep_above};
		nids[side] = high->children[child];
		above[side] = high->level;
		nids[!side] = child == deep_child ? deep : 0;
		TRY(subtrees_diff(diff, nids, above));
	}
	return RC_OK;
}

static enum rc inners_diff(
    const struct diff *diff, const struct node nodes[2], const int64_t nids[2], const int above[2])
{
	int differs = key_first_difference(nodes[0].some_key, nodes[1].some_key);
	int level = nodes[0].level < nodes[1].level ? nodes[0].level : nodes[1].level;
	if (differs < level) { /* no key in common */
		TRY(entries_diff(diff, NULL, 0, AFTER, nids[BEFORE], above[BEFORE]));
		return entries_diff(diff, NULL, 0, BEFORE, nids[AFTER], above[AFTER]);
	}
	if (nodes[0].level != nodes[1].level) {
		enum side high = nodes[0].level < nodes[1].level ? BEFORE : AFTER;
		return nested_diff(diff, &nodes[high], nids[!high],
		    key_nibble(nodes[!high].some_key, level), above[!high], high);
	}
	for (int child = 0; child < CHILDREN_MAX; child++) {
		int64_t children[2] = {nodes[0].children[child], nodes[1].children[child]};
		int here[2] = {level, level};
		TRY(subtrees_diff(diff, children, here));
	}
	return RC_OK;
}

/* Recursive, at most 2 * LEVELS deep: each step goes deeper on one side at least. */
static enum rc subtrees_diff(const struct diff *diff, const int64_t nids[2], const int above[2])
{
	if (nids[BEFORE] == nids[AFTER])
		return RC_OK;
	struct node nodes[2] = {{.is_leaf = true}, {.is_leaf = true}};
	for (int side = 0; side < 2; side++)
		if (nids[side] != 0)
			TRY(node_load(diff->txn, nids[side], above[side], &nodes[side]));
	if (nodes[BEFORE].is_leaf)
		return entries_diff(diff, nodes[BEFORE].entries, nodes[BEFORE].count, BEFORE,
		    nids[AFTER], above[AFTER]);
	if (nodes[AFTER].is_leaf)
		return entries_diff(diff, nodes[AFTER].entries, nodes[AFTER].count, AFTER,
		    nids[BEFORE], above[BEFORE]);
	return inners_diff(diff, nodes, nids, above);
}

enum rc snapshot_diff(
    struct txn_ro *txn, int64_t before, int64_t after, snapshot_diff_fn *fn, void *self)
{
	struct diff diff = {txn, fn, self};
	const int64_t nids[2] = {before, after};
	const int above[2] = {-1, -1};
	return subtrees_diff(&diff, nids, above);
}
