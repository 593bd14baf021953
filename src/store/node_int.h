/*
 * The nodes of the state tree: their form on disk, reading and writing.
 *
 * A key is (type, state key), read as 32 nibbles: those of the type first, then those of the key, the lowest of
 * each first (numbers are dense, so their low nibbles spread best). A set of at most LEAF_MAX entries is a leaf.
 * A larger one is an inner node that stands at the first nibble in which its keys differ, with a child for each
 * value of that nibble. So the shape follows from the set alone, whatever the order in which it was made, and
 * all keys of one type stand together.
 *
 *   leaf:  0, count, then for each entry in order of (type, key): type − type before, key, event
 *   inner: 1, level, any key below it, bits of the children (2 bytes, lowest first), their numbers
 *
 * Numbers are varints of 7 bits a byte, lowest first.
 */
#ifndef EXEUNT_STORE_NODE_INT_H
#define EXEUNT_STORE_NODE_INT_H

#include "store/snapshot.h"

enum { LEAF_MAX = 32, CHILDREN_MAX = 16, LEVELS = 32, KEY_LEVEL_FIRST = 16 };

struct node {
	bool is_leaf;
	unsigned count; /* of entries */
	struct state_entry entries[LEAF_MAX];
	int level;                 /* from here on: inner nodes */
	struct state_key some_key;
	int64_t children[CHILDREN_MAX]; /* 0: none */
};

/* Bytes of the node into `bytes` (NODE_MAX_BYTES). */
size_t node_encode(const struct node *node, unsigned char *bytes);
/* RC_CORRUPT unless it is exactly one well-formed node. */
MUST_CHECK enum rc node_decode(str bytes, struct node *ret_node);

/* An inner node stands deeper than `above` (-1: a root), else RC_CORRUPT: no row can make a walk endless. */
MUST_CHECK enum rc node_load(struct txn_ro *txn, int64_t nid, int above, struct node *ret_node);
MUST_CHECK enum rc node_store(struct txn_rw *txn, const struct node *node, int64_t *ret_nid);

int key_nibble(struct state_key key, int level);
int key_first_difference(struct state_key a, struct state_key b); /* a level; LEVELS: equal */
int key_compare(struct state_key a, struct state_key b);

#endif
