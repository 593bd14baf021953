#include "store/sliding.h"

#include "base/fault.h"
#include "store/store_int.h"

enum { CHECK_BYTES = 16 << 10 };

enum rc sliding_state_get(struct txn_ro *txn, struct arena *arena, const struct session *session,
    str conn_id, struct sliding_place place, str *ret_state)
{
	return TEXT(txn, arena, ret_state, sliding_state_get, I(place.connection), I(place.version),
	    I(session->user), I(session->device), T(conn_id));
}

static enum rc session_check(struct txn_rw *txn, const struct session *session)
{
	struct arena CLEANUP(arena_release) scratch;
	struct device device;
	arena_init(&scratch, CHECK_BYTES);
	TRY(account_check_generation(&txn->ro, session->user, session->generation));
	if (session->device == 0)
		return RC_OK;
	enum rc rc = device_find(&txn->ro, &scratch, session->user, session->device_id, &device);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && device.nid != session->device))
		return RC_UNKNOWN_TOKEN;
	return rc;
}

static enum rc connection_delete(struct txn_rw *txn, int64_t connection)
{
	TRY(RUN(txn, sliding_states_delete, I(connection)));
	return RUN(txn, sliding_connection_delete, I(connection));
}

/* There is one too many at most, since each beginning looks. */
static enum rc connections_bound(struct txn_rw *txn, const struct session *session)
{
	int64_t oldest;
	enum rc rc = NUMBER(&txn->ro, &oldest, sliding_oldest, I(session->user), I(session->device),
	    I(SLIDING_CONNECTIONS_MAX));
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	return connection_delete(txn, oldest);
}

static enum rc connection_begin(struct txn_rw *txn, const struct session *session, str conn_id,
    int64_t now_ms, struct sliding_place *ret_place)
{
	{
		struct query CLEANUP(query_close) q = QUERY(&txn->ro, sliding_begin,
		    I(session->user), I(session->device), T(conn_id), I(now_ms));
		TRY(query_step(&q));
		*ret_place = (struct sliding_place){col_i64(&q, 0), col_i64(&q, 1)};
	}
	FAULT("sliding.begin");
	TRY(RUN(txn, sliding_states_delete, I(ret_place->connection)));
	return connections_bound(txn, session);
}

static enum rc connection_step(
    struct txn_rw *txn, struct sliding_place base, int64_t now_ms, struct sliding_place *ret_place)
{
	ret_place->connection = base.connection;
	TRY(NUMBER(&txn->ro, &ret_place->version, sliding_step, I(now_ms), I(base.connection)));
	return RUN(txn, sliding_states_trim, I(base.connection), I(base.version),
	    I(ret_place->version - SLIDING_VERSIONS_MAX));
}

enum rc sliding_state_put(struct txn_rw *txn, const struct session *session, str conn_id,
    struct sliding_place base, str state, int64_t now_ms, struct sliding_place *ret_place)
{
	struct sliding_place place = {0};
	TRY(session_check(txn, session));
	TRY(base.connection ? connection_step(txn, base, now_ms, &place)
			    : connection_begin(txn, session, conn_id, now_ms, &place));
	FAULT("sliding.put");
	TRY(RUN(
	    txn, sliding_state_add, I(place.connection), I(place.version), B(state.p, state.n)));
	*ret_place = place;
	return RC_OK;
}

enum rc sliding_delete_of_device(struct txn_rw *txn, int64_t device)
{
	TRY(RUN(txn, device_delete_sliding_states, I(device)));
	return RUN(txn, device_delete_sliding, I(device));
}

enum rc sliding_delete_all(struct txn_rw *txn, int64_t user, int64_t except_device)
{
	TRY(RUN(txn, devices_delete_sliding_states, I(user), I(except_device)));
	return RUN(txn, devices_delete_sliding, I(user), I(except_device));
}
