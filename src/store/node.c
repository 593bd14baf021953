#include "store/node_int.h"

#include "base/assert.h"
#include "store/store_int.h"

enum { VARINT_MAX_BYTES = 9 };

int key_nibble(struct state_key key, int level)
{
	uint64_t word = (uint64_t)(level < KEY_LEVEL_FIRST ? key.type : key.key);
	return (int)(word >> (4 * (level % KEY_LEVEL_FIRST)) & 15);
}

int key_first_difference(struct state_key a, struct state_key b)
{
	uint64_t types = (uint64_t)(a.type ^ b.type), keys = (uint64_t)(a.key ^ b.key);
	if (types)
		return __builtin_ctzll(types) / 4;
	return keys ? KEY_LEVEL_FIRST + __builtin_ctzll(keys) / 4 : LEVELS;
}

int key_compare(struct state_key a, struct state_key b)
{
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	return (a.key > b.key) - (a.key < b.key);
}

static unsigned char *varint_put(unsigned char *at, int64_t value)
{
	uint64_t rest = (uint64_t)value;
	while (rest >= 128) {
		*at++ = (unsigned char)(rest | 128);
		rest >>= 7;
	}
	*at++ = (unsigned char)rest;
	return at;
}

static unsigned char *leaf_encode(const struct node *node, unsigned char *at)
{
	int64_t type = 0;
	*at++ = (unsigned char)node->count;
	for (unsigned i = 0; i < node->count; i++) {
		const struct state_entry *entry = &node->entries[i];
		at = varint_put(at, entry->at.type - type);
		at = varint_put(at, entry->at.key);
		at = varint_put(at, entry->event);
		type = entry->at.type;
	}
	return at;
}

static unsigned char *inner_encode(const struct node *node, unsigned char *at)
{
	unsigned bits = 0;
	for (int i = 0; i < CHILDREN_MAX; i++)
		bits |= (unsigned)(node->children[i] != 0) << i;
	*at++ = (unsigned char)node->level;
	at = varint_put(at, node->some_key.type);
	at = varint_put(at, node->some_key.key);
	*at++ = (unsigned char)bits;
	*at++ = (unsigned char)(bits >> 8);
	for (int i = 0; i < CHILDREN_MAX; i++)
		if (node->children[i] != 0)
			at = varint_put(at, node->children[i]);
	return at;
}

size_t node_encode(const struct node *node, unsigned char *bytes)
{
	_Static_assert(2 + LEAF_MAX * 3 * VARINT_MAX_BYTES <= NODE_MAX_BYTES, "a leaf fits");
	_Static_assert(
	    4 + (2 + CHILDREN_MAX) * VARINT_MAX_BYTES <= NODE_MAX_BYTES, "an inner node fits");
	bytes[0] = node->is_leaf ? 0 : 1;
	unsigned char *end =
	    node->is_leaf ? leaf_encode(node, bytes + 1) : inner_encode(node, bytes + 1);
	return (size_t)(end - bytes);
}

struct cursor {
	const unsigned char *at, *end;
	bool failed;
};

static unsigned byte_get(struct cursor *c)
{
	if (c->at == c->end) {
		c->failed = true;
		return 0;
	}
	return *c->at++;
}

static int64_t varint_get(struct cursor *c)
{
	uint64_t value = 0;
	for (int i = 0; i < VARINT_MAX_BYTES; i++) {
		unsigned byte = byte_get(c);
		value |= (uint64_t)(byte & 127) << (7 * i);
		if (byte < 128)
			return (int64_t)value; /* 63 bits: never negative */
	}
	c->failed = true;
	return 0;
}

static void leaf_decode(struct cursor *c, struct node *node)
{
	int64_t type = 0;
	node->count = byte_get(c);
	if (node->count == 0 || node->count > LEAF_MAX)
		c->failed = true;
	for (unsigned i = 0; i < node->count && !c->failed; i++) {
		struct state_entry *entry = &node->entries[i];
		if (__builtin_add_overflow(type, varint_get(c), &type))
			c->failed = true;
		entry->at.type = type;
		entry->at.key = varint_get(c);
		entry->event = varint_get(c);
		if (entry->event == 0 || (i > 0 && key_compare(entry[-1].at, entry->at) >= 0))
			c->failed = true;
	}
}

static void inner_decode(struct cursor *c, struct node *node)
{
	node->level = (int)byte_get(c);
	node->some_key.type = varint_get(c);
	node->some_key.key = varint_get(c);
	unsigned bits = byte_get(c);
	bits |= byte_get(c) << 8;
	for (int i = 0; i < CHILDREN_MAX; i++) {
		node->children[i] = bits >> i & 1 ? varint_get(c) : 0;
		if (bits >> i & 1 && node->children[i] == 0)
			c->failed = true;
	}
	if (node->level >= LEVELS || (bits & (bits - 1)) == 0)
		c->failed = true; /* an inner node has two children at least */
}

enum rc node_decode(str bytes, struct node *ret_node)
{
	const unsigned char *p = (const unsigned char *)bytes.p;
	struct cursor c = {p, p + bytes.n, bytes.n == 0};
	unsigned kind = byte_get(&c);
	ret_node->is_leaf = kind == 0;
	if (kind == 0)
		leaf_decode(&c, ret_node);
	else if (kind == 1)
		inner_decode(&c, ret_node);
	else
		c.failed = true;
	return c.failed || c.at != c.end ? RC_CORRUPT : RC_OK;
}

static enum rc node_read(struct txn_ro *txn, int64_t nid, struct node *ret_node)
{
	struct query CLEANUP(query_close) q = QUERY(txn, node_get, I(nid));
	enum rc rc = query_step(&q);
	if (rc == RC_NOT_FOUND)
		return RC_CORRUPT; /* something refers to it */
	TRY(rc);
	str bytes = col_text(&q, 0);
	TRY(node_decode(bytes, ret_node));
	ASSERT(bytes.n <=
	       NODE_MAX_BYTES); /* well-formed, so it has no more than node_encode() can write */
	node_cache_put(&txn->store->nodes, nid, (const unsigned char *)bytes.p, bytes.n);
	return RC_OK;
}

enum rc node_load(struct txn_ro *txn, int64_t nid, int above, struct node *ret_node)
{
	unsigned char bytes[NODE_MAX_BYTES];
	size_t n = node_cache_get(&txn->store->nodes, nid, bytes);
	TRY(n ? node_decode(str_bytes(bytes, n), ret_node) : node_read(txn, nid, ret_node));
	return !ret_node->is_leaf && ret_node->level <= above ? RC_CORRUPT : RC_OK;
}

static int64_t node_number(struct txn_rw *txn)
{
	struct store *store = txn->ro.store;
	if (store->last_node == store->node_block_end) {
		store->last_node = txn->numbers.node_end;
		txn->numbers.node_end += NODE_BLOCK;
		store->node_block_end = txn->numbers.node_end;
	}
	return ++store->last_node;
}

enum rc node_store(struct txn_rw *txn, const struct node *node, int64_t *ret_nid)
{
	unsigned char bytes[NODE_MAX_BYTES];
	struct store *store = txn->ro.store;
	size_t n = node_encode(node, bytes);
	int64_t nid = node_number(txn);
	TRY(RUN(txn, node_add, I(nid), B(bytes, n)));
	node_cache_put(&store->nodes, nid, bytes, n);
	*ret_nid = nid;
	return RC_OK;
}
