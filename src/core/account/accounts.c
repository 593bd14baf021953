#include "core/account/accounts_int.h"

#include "base/heap.h"
#include "store/news.h"


enum rc accounts_new(const struct accounts_config *config, struct accounts **ret_accounts)
{
	struct accounts *accounts = heap_zero(1, sizeof(*accounts));
	if (!accounts)
		return RC_NOMEM;
	accounts->config = *config;
	enum rc rc =
	    session_cache_new(config->sessions_cached_max, config->rng, &accounts->sessions);
	if (rc == RC_OK)
		rc = uia_sessions_init(&accounts->uia, config);
	last_seen_init(&accounts->last_seen);
	if (rc != RC_OK) {
		accounts_free(accounts);
		return rc;
	}
	*ret_accounts = accounts;
	return RC_OK;
}

void accounts_free(struct accounts *accounts)
{
	if (!accounts)
		return;
	session_cache_free(accounts->sessions);
	last_seen_release(&accounts->last_seen);
	heap_free(accounts);
}

str accounts_server_name(const struct accounts *accounts)
{
	return accounts->config.server_name;
}

void accounts_drop_all_sessions(struct accounts *accounts)
{
	session_cache_drop_all(accounts->sessions);
}

void accounts_drop_sessions(struct accounts *accounts, int64_t user)
{
	session_cache_drop_user(accounts->sessions, user);
	if (accounts->config.on_sessions_dropped)
		accounts->config.on_sessions_dropped(accounts->config.self, user);
}

void accounts_end_devices(struct accounts *accounts, int64_t user)
{
	accounts_drop_sessions(accounts, user);
	if (accounts->config.on_devices_ended)
		accounts->config.on_devices_ended(accounts->config.self, user);
}

struct retirement {
	const struct sha256 *token;
	int64_t user;
};

static enum rc write_retire(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct retirement *retirement = arg;
	txn_tell(txn, NEWS_SESSIONS, retirement->user);
	return token_retire_predecessor(txn, retirement->token);
}

/* From the store. `*ret_first_use`: the pair has a predecessor that ends now. */
static enum rc session_read(struct accounts *accounts, struct arena *arena,
    const struct sha256 *token, struct session *ret_session, bool *ret_first_use)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(accounts->config.store, &txn));
	TRY(session_find(txn, arena, token, ret_session));
	return token_has_predecessor(txn, token, ret_first_use);
}

/* A session that is not in the cache yet. */
static enum rc session_load(struct accounts *accounts, struct arena *arena, struct sha256 token,
    struct session *ret_session, struct fail *fail)
{
	bool first_use = false;
	uint64_t epoch = session_cache_epoch(accounts->sessions);
	TRY(session_read(accounts, arena, &token, ret_session, &first_use));
	if (first_use) {
		struct retirement retirement = {&token, ret_session->user};
		TRY(store_write(accounts->config.store, write_retire, &retirement, fail));
		/* The predecessor may stand in the cache. This one is read anew next time. */
		accounts_drop_sessions(accounts, ret_session->user);
	} else {
		session_cache_put(accounts->sessions, epoch, &token, ret_session);
	}
	return RC_OK;
}

enum rc accounts_session(struct accounts *accounts, struct arena *arena, str access_token,
    struct session *ret_session, struct fail *fail)
{
	struct sha256 token = sha256(access_token);
	struct session session = {0};
	if (!session_cache_get(accounts->sessions, arena, &token, &session))
		TRY(session_load(accounts, arena, token, &session, fail));
	TRY(arena_status(arena));
	/* Only tokens that can be refreshed expire: Client-Server API, "Soft logout". */
	if (session.expires_ms > 0 && session.expires_ms <= clock_wall_ms(accounts->config.clock)) {
		enum rc rc = fail_set(fail, RC_UNKNOWN_TOKEN, "The access token has expired");
		if (fail)
			fail->soft_logout = true;
		return rc;
	}
	*ret_session = session;
	return RC_OK;
}

static enum rc write_logout(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct session *session = arg;
	txn_tell(txn, NEWS_SESSIONS, session->user);
	return device_delete(txn, session->device);
}

enum rc accounts_logout(struct accounts *accounts, const struct session *session)
{
	if (session->device == 0) /* of the command line or a service: not for a client to end */
		return RC_FORBIDDEN;
	enum rc rc = store_write(
	    accounts->config.store, write_logout, UNCONST(struct session *, session), NULL);
	accounts_end_devices(accounts, session->user);
	return rc == RC_NOT_FOUND ? RC_OK : rc; /* two at once */
}

static enum rc write_logout_all(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct session *session = arg;
	txn_tell(txn, NEWS_SESSIONS, session->user);
	return device_delete_all(txn, session->user, 0);
}

enum rc accounts_logout_all(struct accounts *accounts, const struct session *session)
{
	enum rc rc = store_write(
	    accounts->config.store, write_logout_all, UNCONST(struct session *, session), NULL);
	accounts_end_devices(accounts, session->user);
	return rc;
}
