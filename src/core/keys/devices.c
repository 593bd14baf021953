/* A user's own devices: Client-Server API, "Device Management". */
#include "core/keys/keys_int.h"

#include "matrix/ids.h"
#include "store/news.h"

static void device_put_json(struct buf *out, const struct device *device)
{
	json_put_comma(out);
	buf_putc(out, '{');
	json_put_key(out, STR("device_id"));
	json_put_text(out, device->device_id);
	if (device->display_name.n) {
		json_put_key(out, STR("display_name"));
		json_put_text(out, device->display_name);
	}
	if (device->last_seen_ip.n) {
		json_put_key(out, STR("last_seen_ip"));
		json_put_text(out, device->last_seen_ip);
	}
	if (device->last_seen_ms) {
		json_put_key(out, STR("last_seen_ts"));
		buf_put_i64(out, device->last_seen_ms);
	}
	buf_putc(out, '}');
}

enum rc keys_devices(
    struct keys *keys, struct arena *arena, const struct session *session, struct buf *out)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct device *devices;
	size_t count;
	TRY(txn_ro_begin(keys->config.store, &txn));
	TRY(devices_of(txn, arena, session->user, &devices, &count));
	json_put_key(out, STR("devices"));
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++)
		device_put_json(out, &devices[i]);
	buf_putc(out, ']');
	return buf_status(out);
}

static enum rc device_find_own(struct txn_ro *txn, struct arena *arena,
    const struct session *session, str device_id, struct device *ret_device, struct fail *fail)
{
	enum rc rc = device_find(txn, arena, session->user, device_id, ret_device);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "You have no device with this ID") : rc;
}

enum rc keys_device(struct keys *keys, struct arena *arena, const struct session *session,
    str device_id, struct buf *out, struct fail *fail)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct device device;
	TRY(txn_ro_begin(keys->config.store, &txn));
	TRY(device_find_own(txn, arena, session, device_id, &device, fail));
	device_put_json(out, &device);
	return buf_status(out);
}

struct renaming {
	const struct session *session;
	str device_id, display_name;
};

static enum rc write_renaming(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct renaming *renaming = arg;
	const struct session *session = renaming->session;
	struct arena CLEANUP(arena_release) scratch;
	struct device device;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(device_find_own(
	    txn_reading(txn), &scratch, session, renaming->device_id, &device, fail));
	if (!renaming->display_name.p || str_eq(device.display_name, renaming->display_name))
		return RC_OK;
	return device_set_display_name(txn, &device, renaming->display_name);
}

enum rc keys_device_rename(struct keys *keys, const struct session *session, str device_id,
    str display_name, struct fail *fail)
{
	struct renaming renaming = {session, device_id, display_name};
	TRY(store_write(keys->config.store, write_renaming, &renaming, fail));
	keys_wake_sharers(keys, session->user);
	return RC_OK;
}

struct deletion {
	const struct session *session;
	const str *device_ids;
	size_t count;
};

/* What is not there has been deleted before. */
static enum rc write_deletion(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct deletion *deletion = arg;
	const struct session *session = deletion->session;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	txn_tell(txn, NEWS_SESSIONS, session->user);
	for (size_t i = 0; i < deletion->count; i++) {
		struct device device;
		arena_clear(&scratch);
		enum rc rc = device_find(
		    txn_reading(txn), &scratch, session->user, deletion->device_ids[i], &device);
		if (rc == RC_OK)
			TRY(device_delete(txn, device.nid));
		else if (rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

enum rc keys_devices_delete(struct keys *keys, const struct session *session, const str *device_ids,
    size_t count, struct fail *fail)
{
	struct deletion deletion = {session, device_ids, count};
	TRY(store_write(keys->config.store, write_deletion, &deletion, fail));
	keys_wake_sharers(keys, session->user);
	return RC_OK;
}
