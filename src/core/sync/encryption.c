/* The parts of a /sync answer for end-to-end encryption: Client-Server API, "Extensions to /sync" of its modules. */
#include "core/sync/sync_int.h"

#include "core/keys/keys.h"

static enum rc put_to_device(struct sync_run *run, bool *ret_any)
{
	size_t count;
	json_put_key(run->out, STR("to_device"));
	buf_put(run->out, STR("{\"events\":["));
	TRY(keys_put_to_device(run->txn, run->request->session->device, run->since.to_device,
	    run->to, TO_DEVICE_LIMIT, run->out, &count, &run->to_device));
	buf_put(run->out, STR("]}"));
	*ret_any = count > 0;
	return RC_OK;
}

enum rc sync_put_encryption(struct sync_run *run, bool *ret_any)
{
	const struct session *session = run->request->session;
	bool any_messages, any_lists = false;
	TRY(put_to_device(run, &any_messages));
	if (!run->initial) {
		json_put_key(run->out, STR("device_lists"));
		TRY(keys_put_device_lists(run->txn, run->arena, session->user, run->since.pos,
		    run->to, run->out, &any_lists));
	}
	json_put_key(run->out, STR("device_one_time_keys_count"));
	TRY(keys_put_counts(run->txn, run->arena, session->device, run->out));
	json_put_key(run->out, STR("device_unused_fallback_key_types"));
	TRY(keys_put_unused_fallbacks(run->txn, run->arena, session->device, run->out));
	*ret_any = any_messages || any_lists;
	return buf_status(run->out);
}

enum rc sync_device_lists(struct syncs *syncs, struct arena *arena, const struct session *session,
    str from, str to, struct buf *out, struct fail *fail)
{
	struct sync_position since, until;
	int64_t now;
	bool any;
	if (sync_since_parse(syncs, to, &until, NULL) != RC_OK)
		return fail_set(
		    fail, RC_INVALID_PARAM, "to: this is not a sync token of this server");
	if (sync_since_parse(syncs, from, &since, NULL) != RC_OK)
		return fail_set(
		    fail, RC_INVALID_PARAM, "from: this is not a sync token of this server");
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	TRY(txn_committed_pos(txn, &now));
	return keys_put_device_lists(txn, arena, session->user, since.pos, now, out, &any);
}
