#include "core/account/session_cache.h"

#include "base/heap.h"
#include "base/lock.h"
#include "base/map.h"

#include <string.h>

struct entry {
	struct entry *newer, *older;         /* by last use */
	struct entry *user_prev, *user_next; /* of the same user */
	struct sha256 token;
	struct session session; /* its texts stand in `texts` */
	char texts[];
};

struct session_cache {
	size_t sessions_max;
	struct lock mu;
	uint64_t epoch GUARDED_BY(mu);
	struct map by_token GUARDED_BY(mu);
	struct map64 by_user GUARDED_BY(mu); /* first entry of each user's chain */
	struct entry *newest GUARDED_BY(mu);
	struct entry *oldest GUARDED_BY(mu);
};

static str token_key(const struct sha256 *token)
{
	return str_bytes(token->bytes, sizeof(token->bytes));
}

enum rc session_cache_new(
    size_t sessions_max, const struct rng *rng, struct session_cache **ret_cache)
{
	struct session_cache *cache = heap_zero(1, sizeof(*cache));
	if (!cache)
		return RC_NOMEM;
	cache->sessions_max = sessions_max;
	lock_init(&cache->mu);
	map_init(&cache->by_token, rng);
	map64_init(&cache->by_user);
	*ret_cache = cache;
	return RC_OK;
}

void session_cache_free(struct session_cache *cache)
{
	if (!cache)
		return;
	for (struct entry *entry = cache->newest, *older; entry; entry = older) {
		older = entry->older;
		heap_free(entry);
	}
	map_release(&cache->by_token);
	map64_release(&cache->by_user);
	lock_destroy(&cache->mu);
	heap_free(cache);
}

static void use_unlink_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void use_push_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

/* Makes the entry the first of its user's chain. False: no memory. */
static bool user_link_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	void *first = NULL;
	if (map64_put(&cache->by_user, (uint64_t)entry->session.user, entry, &first) != RC_OK)
		return false;
	entry->user_prev = NULL;
	entry->user_next = first;
	if (entry->user_next)
		entry->user_next->user_prev = entry;
	return true;
}

static void user_unlink_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	uint64_t user = (uint64_t)entry->session.user;
	if (entry->user_next)
		entry->user_next->user_prev = entry->user_prev;
	if (entry->user_prev)
		entry->user_prev->user_next = entry->user_next;
	else if (!entry->user_next)
		(void)map64_remove(&cache->by_user, user);
	else /* replacing a value takes no memory */
		(void)!map64_put(&cache->by_user, user, entry->user_next, NULL);
}

static void entry_drop_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	(void)map_remove(&cache->by_token, token_key(&entry->token));
	user_unlink_locked(cache, entry);
	use_unlink_locked(cache, entry);
	heap_free(entry);
}

uint64_t session_cache_epoch(struct session_cache *cache)
{
	lock_take(&cache->mu);
	uint64_t epoch = cache->epoch;
	lock_drop(&cache->mu);
	return epoch;
}

bool session_cache_get(struct session_cache *cache, struct arena *arena, const struct sha256 *token,
    struct session *ret_session)
{
	lock_take(&cache->mu);
	struct entry *entry = map_get(&cache->by_token, token_key(token));
	if (entry) {
		if (entry != cache->newest) {
			use_unlink_locked(cache, entry);
			use_push_locked(cache, entry);
		}
		*ret_session = entry->session;
		ret_session->user_id = arena_dup(arena, entry->session.user_id);
		ret_session->device_id = arena_dup(arena, entry->session.device_id);
	}
	lock_drop(&cache->mu);
	return entry != NULL;
}

static struct entry *entry_new(const struct sha256 *token, const struct session *session)
{
	str user_id = session->user_id, device_id = session->device_id;
	struct entry *entry = heap_zero(1, sizeof(*entry) + user_id.n + device_id.n);
	if (!entry)
		return NULL;
	entry->token = *token;
	entry->session = *session;
	if (user_id.n > 0)
		memcpy(entry->texts, user_id.p, user_id.n);
	if (device_id.n > 0)
		memcpy(entry->texts + user_id.n, device_id.p, device_id.n);
	entry->session.user_id = str_bytes(entry->texts, user_id.n);
	entry->session.device_id = str_bytes(entry->texts + user_id.n, device_id.n);
	return entry;
}

/* False: it was not kept. */
static bool entry_add_locked(struct session_cache *cache, struct entry *entry) REQUIRES(cache->mu)
{
	if (map_get(&cache->by_token, token_key(&entry->token)))
		return false;
	if (map_put(&cache->by_token, token_key(&entry->token), entry, NULL) != RC_OK)
		return false;
	if (!user_link_locked(cache, entry)) {
		(void)map_remove(&cache->by_token, token_key(&entry->token));
		return false;
	}
	use_push_locked(cache, entry);
	if (map_count(&cache->by_token) > cache->sessions_max)
		entry_drop_locked(cache, cache->oldest);
	return true;
}

void session_cache_put(struct session_cache *cache, uint64_t epoch, const struct sha256 *token,
    const struct session *session)
{
	if (cache->sessions_max == 0)
		return;
	struct entry *entry = entry_new(token, session);
	if (!entry)
		return;
	lock_take(&cache->mu);
	bool kept = cache->epoch == epoch && entry_add_locked(cache, entry);
	lock_drop(&cache->mu);
	if (!kept)
		heap_free(entry);
}

void session_cache_drop_user(struct session_cache *cache, int64_t user)
{
	lock_take(&cache->mu);
	cache->epoch++;
	struct entry *entry = map64_get(&cache->by_user, (uint64_t)user);
	while (entry) {
		struct entry *next = entry->user_next;
		entry_drop_locked(cache, entry);
		entry = next;
	}
	lock_drop(&cache->mu);
}

void session_cache_drop_all(struct session_cache *cache)
{
	lock_take(&cache->mu);
	cache->epoch++;
	while (cache->newest)
		entry_drop_locked(cache, cache->newest);
	lock_drop(&cache->mu);
}

size_t session_cache_count(struct session_cache *cache)
{
	lock_take(&cache->mu);
	size_t count = map_count(&cache->by_token);
	lock_drop(&cache->mu);
	return count;
}
