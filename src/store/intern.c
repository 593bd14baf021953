/* Numbers of user ids, event types and state keys. */
#include "base/heap.h"
#include "store/accounts.h"
#include "store/snapshot.h"
#include "store/store_int.h"

#include <string.h>

/* ---- the cache of types: every event needs the number of its type ---- */

void type_cache_init(struct type_cache *cache, const struct rng *rng)
{
	lock_init(&cache->mu);
	map_init(&cache->by_text, rng);
}

void type_cache_release(struct type_cache *cache)
{
	size_t cursor = 0;
	str key;
	void *value;
	while (map_next(&cache->by_text, &cursor, &key, &value))
		heap_free(value);
	map_release(&cache->by_text);
	lock_destroy(&cache->mu);
}

static int64_t type_cache_get(struct type_cache *cache, str type)
{
	lock_take(&cache->mu);
	const struct type_cache_entry *entry = map_get(&cache->by_text, type);
	int64_t nid = entry ? entry->nid : 0;
	lock_drop(&cache->mu);
	return nid;
}

/* A full cache stays as it is. */
static void type_cache_put(struct type_cache *cache, str type, int64_t nid)
{
	struct type_cache_entry *entry = heap_alloc(sizeof *entry + type.n);
	if (!entry)
		return;
	entry->nid = nid;
	entry->type = (str){entry->bytes, type.n};
	if (type.n)
		memcpy(entry->bytes, type.p, type.n);
	lock_take(&cache->mu);
	bool wanted = cache->count < TYPE_CACHE_MAX && !map_get(&cache->by_text, type);
	if (wanted && map_put(&cache->by_text, entry->type, entry, NULL) == RC_OK) {
		cache->count++;
		entry = NULL;
	}
	lock_drop(&cache->mu);
	heap_free(entry);
}

/* A job that is rolled back takes its types with it. */
static bool type_is_committed(const struct txn_ro *txn, int64_t nid)
{
	const struct txn_rw *writing = &txn->store->writer.txn;
	return txn != &writing->ro || writing->numbers.type == 0 || nid < writing->numbers.type;
}

enum rc type_nid_find(struct txn_ro *txn, str type, int64_t *ret_type)
{
	int64_t nid = type_cache_get(&txn->store->types, type);
	if (nid == 0) {
		TRY(NUMBER(txn, &nid, type_find, T(type)));
		if (type_is_committed(txn, nid))
			type_cache_put(&txn->store->types, type, nid);
	}
	*ret_type = nid;
	return RC_OK;
}

enum rc type_nid_make(struct txn_rw *txn, str type, int64_t *ret_type)
{
	enum rc rc = type_nid_find(&txn->ro, type, ret_type);
	if (rc != RC_NOT_FOUND)
		return rc;
	TRY(NUMBER(&txn->ro, ret_type, type_make, T(type)));
	if (txn->numbers.type == 0)
		txn->numbers.type = *ret_type;
	return RC_OK;
}

enum rc type_of(struct txn_ro *txn, struct arena *arena, int64_t type, str *ret_type)
{
	return TEXT(txn, arena, ret_type, type_text, I(type));
}

enum rc key_nid_find(struct txn_ro *txn, str state_key, int64_t *ret_key)
{
	return NUMBER(txn, ret_key, key_find, T(state_key));
}

enum rc key_nid_make(struct txn_rw *txn, str state_key, int64_t *ret_key)
{
	enum rc rc = key_nid_find(&txn->ro, state_key, ret_key);
	if (rc != RC_NOT_FOUND)
		return rc;
	return NUMBER(&txn->ro, ret_key, key_make, T(state_key));
}

enum rc key_of(struct txn_ro *txn, struct arena *arena, int64_t key, str *ret_key)
{
	return TEXT(txn, arena, ret_key, key_text, I(key));
}

enum rc user_nid_find(struct txn_ro *txn, str user_id, int64_t *ret_user)
{
	return NUMBER(txn, ret_user, user_find, T(user_id));
}

enum rc user_nid_make(struct txn_rw *txn, str user_id, int64_t *ret_user)
{
	enum rc rc = user_nid_find(&txn->ro, user_id, ret_user);
	if (rc != RC_NOT_FOUND)
		return rc;
	return NUMBER(&txn->ro, ret_user, user_make, T(user_id));
}

enum rc user_id_of(struct txn_ro *txn, struct arena *arena, int64_t user, str *ret_user_id)
{
	return TEXT(txn, arena, ret_user_id, user_text, I(user));
}
