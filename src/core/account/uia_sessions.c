#include "core/account/uia_sessions.h"

#include "store/uia.h"

#include <string.h>

enum {
	/* Each session that is opened takes up to so many expired ones away: so they never pile up. */
	EXPIRED_DROPPED_MAX = 16,
	/* To find the oldest, all are counted: so that is not done each time, and there may be a hundredth too many. */
	OVERSHOOT = 100,
};

enum rc uia_sessions_init(struct uia_sessions *sessions, const struct accounts_config *config)
{
	if (config->uia_sessions_max == 0 || config->uia_session_life_ms <= 0)
		return RC_INVALID_PARAM;
	sessions->store = config->store;
	sessions->clock = config->clock;
	sessions->rng = config->rng;
	sessions->sessions_max = config->uia_sessions_max;
	sessions->life_ms = config->uia_session_life_ms;
	return RC_OK;
}

/*
 * What the database keeps of the request. A password change has the new password in its body, and a plain digest of that
 * could be searched for it much faster than Argon2id allows; the id is long, random, and not kept.
 */
static struct sha256 request_sealed(const struct uia_binding *binding, str id)
{
	char bytes[SHA256_BYTES + UIA_SESSION_ID_BYTES];
	memcpy(bytes, binding->request.bytes, SHA256_BYTES);
	memcpy(bytes + SHA256_BYTES, id.p, UIA_SESSION_ID_BYTES);
	return sha256(str_bytes(bytes, sizeof(bytes)));
}

/* One operation on the session of an id, in a write transaction. */
struct uia_write {
	struct uia_row row;
	int64_t now_ms;
	size_t kept_max; /* 0: not looked at now */
	str token;
	struct arena *arena;
};

static enum rc write_open(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct uia_write *write = arg;
	TRY(uia_rows_drop_expired(txn, write->now_ms, EXPIRED_DROPPED_MAX));
	TRY(uia_row_add(txn, &write->row));
	return write->kept_max > 0 ? uia_rows_drop_oldest(txn, write->kept_max) : RC_OK;
}

enum rc uia_session_open(struct uia_sessions *sessions, struct arena *arena,
    const struct uia_binding *binding, str *ret_id)
{
	str id = rng_text(sessions->rng, arena, RNG_ALPHANUMERIC, UIA_SESSION_ID_BYTES);
	TRY(arena_status(arena));
	int64_t now_ms = clock_wall_ms(sessions->clock);
	size_t opened = atomic_fetch_add_explicit(&sessions->opened, 1, memory_order_relaxed);
	struct uia_write write = {
	    .row =
		{
		    .id = sha256(id),
		    .purpose = binding->purpose,
		    .user = binding->user,
		    .request = request_sealed(binding, id),
		    .expires_ms = now_ms + sessions->life_ms,
		},
	    .now_ms = now_ms,
	};
	if (opened % (sessions->sessions_max / OVERSHOOT + 1) == 0)
		write.kept_max = sessions->sessions_max;
	TRY(store_write(sessions->store, write_open, &write, NULL));
	*ret_id = id;
	return RC_OK;
}

static bool is_bound(const struct uia_row *row, const struct uia_binding *binding, str id)
{
	struct sha256 request = request_sealed(binding, id);
	return row->purpose == (int64_t)binding->purpose && row->user == binding->user &&
	       memcmp(&row->request, &request, sizeof(request)) == 0;
}

enum rc uia_session_find(struct uia_sessions *sessions, str id, const struct uia_binding *binding,
    unsigned *ret_completed)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct sha256 hash = sha256(id);
	struct uia_row row;
	if (id.n != UIA_SESSION_ID_BYTES)
		return RC_NOT_FOUND;
	TRY(txn_ro_begin(sessions->store, &txn));
	TRY(uia_row_find(txn, &hash, clock_wall_ms(sessions->clock), &row));
	if (!is_bound(&row, binding, id))
		return RC_NOT_FOUND;
	*ret_completed = (unsigned)row.completed;
	return RC_OK;
}

static enum rc write_complete(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct uia_write *write = arg;
	return uia_row_complete(
	    txn, &write->row.id, write->now_ms, write->row.completed, write->token);
}

enum rc uia_session_complete(struct uia_sessions *sessions, str id, unsigned stages, str token)
{
	struct uia_write write = {
	    .row = {.id = sha256(id), .completed = stages},
	    .now_ms = clock_wall_ms(sessions->clock),
	    .token = token,
	};
	return store_write(sessions->store, write_complete, &write, NULL);
}

static enum rc write_take(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct uia_write *write = arg;
	return uia_row_take(txn, write->arena, &write->row.id, write->now_ms, &write->token);
}

enum rc uia_session_take(
    struct uia_sessions *sessions, struct arena *arena, str id, str *ret_token)
{
	struct uia_write write = {
	    .row = {.id = sha256(id)},
	    .now_ms = clock_wall_ms(sessions->clock),
	    .arena = arena,
	};
	TRY(store_write(sessions->store, write_take, &write, NULL));
	*ret_token = write.token;
	return RC_OK;
}
