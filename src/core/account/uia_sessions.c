#include "core/account/uia_sessions.h"

#include "base/heap.h"
#include "base/lock.h"
#include "base/map.h"

#include <string.h>

struct uia_session {
	struct uia_session *newer, *older; /* by age; none is ever moved */
	struct uia_binding binding;
	int64_t expires_mono_ms;
	unsigned completed;
	size_t token_bytes;
	char id[UIA_SESSION_ID_BYTES];
	char token[UIA_TOKEN_MAX_BYTES];
};

struct uia_sessions {
	size_t sessions_max;
	int64_t life_ms;
	const struct clock *clock;
	const struct rng *rng;
	struct lock mu;
	struct map by_id GUARDED_BY(mu);
	struct uia_session *newest GUARDED_BY(mu);
	struct uia_session *oldest GUARDED_BY(mu);
};

enum rc uia_sessions_new(size_t sessions_max, int64_t life_ms, const struct clock *clock,
    const struct rng *rng, struct uia_sessions **ret_sessions)
{
	if (sessions_max == 0 || life_ms <= 0)
		return RC_INVALID_PARAM;
	struct uia_sessions *sessions = heap_zero(1, sizeof(*sessions));
	if (!sessions)
		return RC_NOMEM;
	sessions->sessions_max = sessions_max;
	sessions->life_ms = life_ms;
	sessions->clock = clock;
	sessions->rng = rng;
	lock_init(&sessions->mu);
	map_init(&sessions->by_id, rng);
	*ret_sessions = sessions;
	return RC_OK;
}

void uia_sessions_free(struct uia_sessions *sessions)
{
	if (!sessions)
		return;
	for (struct uia_session *session = sessions->newest, *older; session; session = older) {
		older = session->older;
		heap_free(session);
	}
	map_release(&sessions->by_id);
	lock_destroy(&sessions->mu);
	heap_free(sessions);
}

static str session_key(const struct uia_session *session)
{
	return str_bytes(session->id, sizeof(session->id));
}

static void session_drop_locked(struct uia_sessions *sessions, struct uia_session *session)
    REQUIRES(sessions->mu)
{
	(void)map_remove(&sessions->by_id, session_key(session));
	*(session->newer ? &session->newer->older : &sessions->newest) = session->older;
	*(session->older ? &session->older->newer : &sessions->oldest) = session->newer;
	heap_free(session);
}

/* All live equally long, so the expired ones are the oldest. */
static void sessions_expire_locked(struct uia_sessions *sessions, int64_t now_ms)
    REQUIRES(sessions->mu)
{
	while (sessions->oldest && sessions->oldest->expires_mono_ms <= now_ms)
		session_drop_locked(sessions, sessions->oldest);
}

static enum rc session_add_locked(struct uia_sessions *sessions, struct uia_session *session)
    REQUIRES(sessions->mu)
{
	enum rc rc = map_put(&sessions->by_id, session_key(session), session, NULL);
	if (rc != RC_OK)
		return rc;
	session->older = sessions->newest;
	*(sessions->newest ? &sessions->newest->newer : &sessions->oldest) = session;
	sessions->newest = session;
	if (map_count(&sessions->by_id) > sessions->sessions_max)
		session_drop_locked(sessions, sessions->oldest);
	return RC_OK;
}

enum rc uia_session_open(struct uia_sessions *sessions, struct arena *arena,
    const struct uia_binding *binding, str *ret_id)
{
	str id = rng_text(sessions->rng, arena, RNG_ALPHANUMERIC, UIA_SESSION_ID_BYTES);
	TRY(arena_status(arena));
	struct uia_session *session = heap_zero(1, sizeof(*session));
	if (!session)
		return RC_NOMEM;
	int64_t now_ms = clock_mono_ms(sessions->clock);
	memcpy(session->id, id.p, sizeof(session->id));
	session->binding = *binding;
	session->expires_mono_ms = now_ms + sessions->life_ms;
	lock_take(&sessions->mu);
	sessions_expire_locked(sessions, now_ms);
	enum rc rc = session_add_locked(sessions, session);
	lock_drop(&sessions->mu);
	if (rc != RC_OK) {
		heap_free(session);
		return rc;
	}
	*ret_id = id;
	return RC_OK;
}

static bool binding_eq(const struct uia_binding *a, const struct uia_binding *b)
{
	return a->purpose == b->purpose && a->user == b->user &&
	       memcmp(&a->request, &b->request, sizeof(a->request)) == 0;
}

static struct uia_session *session_find_locked(struct uia_sessions *sessions, str id)
    REQUIRES(sessions->mu)
{
	sessions_expire_locked(sessions, clock_mono_ms(sessions->clock));
	return map_get(&sessions->by_id, id);
}

bool uia_session_find(struct uia_sessions *sessions, str id, const struct uia_binding *binding,
    unsigned *ret_completed)
{
	lock_take(&sessions->mu);
	const struct uia_session *session = session_find_locked(sessions, id);
	bool found = session && binding_eq(&session->binding, binding);
	if (found)
		*ret_completed = session->completed;
	lock_drop(&sessions->mu);
	return found;
}

bool uia_session_complete(struct uia_sessions *sessions, str id, unsigned stages, str token)
{
	token = str_first(token, UIA_TOKEN_MAX_BYTES);
	lock_take(&sessions->mu);
	struct uia_session *session = session_find_locked(sessions, id);
	if (session) {
		session->completed |= stages;
		if (token.n > 0) {
			memcpy(session->token, token.p, token.n);
			session->token_bytes = token.n;
		}
	}
	lock_drop(&sessions->mu);
	return session != NULL;
}

bool uia_session_take(struct uia_sessions *sessions, struct arena *arena, str id, str *ret_token)
{
	lock_take(&sessions->mu);
	struct uia_session *session = session_find_locked(sessions, id);
	if (session) {
		*ret_token = arena_dup(arena, str_bytes(session->token, session->token_bytes));
		session_drop_locked(sessions, session);
	}
	lock_drop(&sessions->mu);
	return session != NULL;
}

size_t uia_session_count(struct uia_sessions *sessions)
{
	lock_take(&sessions->mu);
	size_t count = map_count(&sessions->by_id);
	lock_drop(&sessions->mu);
	return count;
}
