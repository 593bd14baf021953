/*
 * Sessions by the SHA-256 of their access token, so that a request costs no query. Bounded: the session unused for
 * longest goes first.
 *
 * A reader takes the epoch before it reads the store and gives it back with the session; a drop in between makes
 * the put void. So a session that was read before a deactivation is never kept after it. Any thread; short lock.
 */
#ifndef EXEUNT_CORE_ACCOUNT_SESSION_CACHE_H
#define EXEUNT_CORE_ACCOUNT_SESSION_CACHE_H

#include "store/accounts.h"

struct session_cache;

/* `sessions_max` 0: nothing is kept. */
MUST_CHECK enum rc session_cache_new(
    size_t sessions_max, const struct rng *rng, struct session_cache **ret_cache);
void session_cache_free(struct session_cache *cache);

uint64_t session_cache_epoch(struct session_cache *cache);
/* Texts are copied into the arena; its status tells a failure. */
bool session_cache_get(struct session_cache *cache, struct arena *arena, const struct sha256 *token,
    struct session *ret_session);
/* Does nothing when a drop came since `epoch`, or when there is no memory. */
void session_cache_put(struct session_cache *cache, uint64_t epoch, const struct sha256 *token,
    const struct session *session);
void session_cache_drop_all(struct session_cache *cache);
void session_cache_drop_user(struct session_cache *cache, int64_t user);
size_t session_cache_count(struct session_cache *cache);

#endif
