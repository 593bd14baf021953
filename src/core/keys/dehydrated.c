#include "core/keys/dehydrated.h"

#include "core/keys/keys_int.h"
#include "store/dehydrated.h"

#include <inttypes.h>

static enum rc none(struct fail *fail)
{
	return fail_set(fail, RC_NOT_FOUND, "You have no dehydrated device");
}

/* ---- putting it away ---- */

struct putting {
	const struct dehydration *dehydration;
	struct session session; /* as if somebody were logged in on it */
	struct key_upload upload;
	str data;
};

/* The one that was there goes; one that is logged in must not be taken for it. */
static enum rc place_make(
    struct txn_rw *txn, struct arena *scratch, struct putting *putting, struct fail *fail)
{
	struct txn_ro *reading = txn_reading(txn);
	int64_t user = putting->session.user;
	struct dehydrated_device before;
	struct device other;
	enum rc rc = dehydrated_find(reading, scratch, user, &before);
	if (rc == RC_OK)
		rc = device_delete(txn, before.device);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	rc = device_find(reading, scratch, user, putting->session.device_id, &other);
	if (rc == RC_OK)
		return fail_set(
		    fail, RC_INVALID_PARAM, "device_id is that of another device of yours");
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct putting *putting = arg;
	struct session *session = &putting->session;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(place_make(txn, &scratch, putting, fail));
	TRY(device_put(txn, session->user, session->device_id, putting->dehydration->display_name,
	    &session->device));
	TRY(key_upload_write(txn, &putting->upload, fail));
	return dehydrated_put(txn, session->user, session->device, putting->data);
}

static enum rc data_read(struct arena *arena, json data, str *ret_text, struct fail *fail)
{
	struct buf text;
	json algorithm = json_get(data, STR("algorithm"));
	if (!algorithm)
		return fail_set(fail, RC_MISSING_PARAM, "device_data: algorithm is missing");
	if (!json_is_text(algorithm))
		return fail_set(fail, RC_BAD_JSON, "device_data: algorithm must be a string");
	buf_init(&text, arena, DEHYDRATED_DATA_MAX_BYTES);
	json_put(&text, data);
	enum rc rc = buf_finish(&text, ret_text);
	return rc == RC_TOO_LARGE ? fail_set(fail, rc, "device_data may have at most %d bytes",
					DEHYDRATED_DATA_MAX_BYTES)
				  : rc;
}

enum rc dehydrated_device_put(struct keys *keys, struct arena *arena, const struct session *session,
    const struct dehydration *dehydration, struct fail *fail)
{
	struct putting putting = {.dehydration = dehydration, .session = *session};
	putting.session.device_id = dehydration->device_id;
	putting.upload = (struct key_upload){.session = &putting.session, .arena = arena};
	TRY(data_read(arena, dehydration->data, &putting.data, fail));
	TRY(key_upload_read(&putting.upload, dehydration->body, fail));
	TRY(store_write(keys->config.store, put_write, &putting, fail));
	keys_wake_sharers(keys, session->user);
	return RC_OK;
}

/* ---- what is there ---- */

static enum rc own_find(struct keys *keys, struct arena *arena, const struct session *session,
    struct txn_ro **ret_txn, struct dehydrated_device *ret_device)
{
	TRY(txn_ro_begin(keys->config.store, ret_txn));
	return dehydrated_find(*ret_txn, arena, session->user, ret_device);
}

static void device_id_put(struct buf *out, str device_id)
{
	json_put_key(out, STR("device_id"));
	json_put_text(out, device_id);
}

enum rc dehydrated_device_answer(struct keys *keys, struct arena *arena,
    const struct session *session, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct dehydrated_device device;
	enum rc rc = own_find(keys, arena, session, &txn, &device);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? none(fail) : rc;
	buf_putc(out, '{');
	device_id_put(out, device.device_id);
	json_put_key(out, STR("device_data"));
	buf_put(out, device.data);
	buf_putc(out, '}');
	return buf_status(out);
}

struct deleting {
	const struct session *session;
	struct arena *arena;
	struct dehydrated_device device;
};

static enum rc delete_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct deleting *deleting = arg;
	const struct session *session = deleting->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	enum rc rc =
	    dehydrated_find(txn_reading(txn), deleting->arena, session->user, &deleting->device);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? none(fail) : rc;
	return device_delete(txn, deleting->device.device);
}

enum rc dehydrated_device_delete(struct keys *keys, struct arena *arena,
    const struct session *session, struct buf *out, struct fail *fail)
{
	struct deleting deleting = {.session = session, .arena = arena};
	TRY(store_write(keys->config.store, delete_write, &deleting, fail));
	keys_wake_sharers(keys, session->user);
	buf_putc(out, '{');
	device_id_put(out, deleting.device.device_id);
	buf_putc(out, '}');
	return buf_status(out);
}

/* ---- what it was sent ---- */

/* A token is the position up to which messages were given out. */
static enum rc after_read(str next_batch, int64_t *ret_after, struct fail *fail)
{
	*ret_after = 0;
	if (next_batch.n == 0 || str_to_i64(next_batch, 0, INT64_MAX, ret_after))
		return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM, "next_batch is no token of an earlier answer");
}

enum rc dehydrated_events_answer(struct keys *keys, struct arena *arena,
    const struct session *session, const struct dehydrated_events_wish *wish, struct buf *out,
    struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct dehydrated_device device;
	int64_t after, newest, upto;
	size_t count;
	TRY(after_read(wish->next_batch, &after, fail));
	enum rc rc = own_find(keys, arena, session, &txn, &device);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !str_eq(device.device_id, wish->device_id)))
		return fail_set(fail, RC_FORBIDDEN, "This is not your dehydrated device");
	TRY(rc);
	TRY(txn_committed_pos(txn, &newest));
	buf_put(out, STR("{\"events\":["));
	TRY(keys_put_to_device(txn, device.device, after, newest, wish->limit, out, &count, &upto));
	buf_printf(out, "],\"next_batch\":\"%" PRId64 "\"}", count > 0 ? upto : after);
	return buf_status(out);
}
