/* Sending messages to devices. */
#include "core/keys/keys_int.h"

#include "matrix/ids.h"
#include "store/news.h"
#include "store/to_device.h"

/* What one request sends: a target a device, or "*", of a user. */
struct target {
	str user_id, device_id, content;
};

struct sending {
	const struct session *session;
	str type, txn_id;
	struct arena *arena;
	struct target *targets;
	size_t count;
	/* Of the write, which may run again: */
	int64_t pos;
	size_t sent, sent_bytes;
	int64_t *users; /* to be woken: one for each target at most */
	size_t user_count;
};

/* ---- reading the request ---- */

static enum rc content_read(
    struct arena *arena, str user_id, str device_id, json content, str *ret_text, struct fail *fail)
{
	struct buf text;
	if (!json_is_object(content))
		return fail_set(fail, RC_BAD_JSON,
		    "messages: the message for %.*s %.*s must be an object",
		    STR_ARG(str_first(user_id, 100)), STR_ARG(str_first(device_id, 60)));
	buf_init(&text, arena, TO_DEVICE_CONTENT_MAX_BYTES);
	json_put(&text, content);
	enum rc rc = buf_finish(&text, ret_text);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "messages: a message may have at most %d bytes",
		    TO_DEVICE_CONTENT_MAX_BYTES);
	return rc;
}

static enum rc user_targets_read(
    struct sending *sending, str user_id, json devices, struct fail *fail)
{
	struct json_iter iter = json_iter(devices);
	str device_id;
	json content;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "messages: %.*s is no user ID",
		    STR_ARG(str_first(user_id, 100)));
	if (!json_is_object(devices))
		return fail_set(fail, RC_BAD_JSON, "messages: the value of %.*s must be an object",
		    STR_ARG(str_first(user_id, 100)));
	while (json_next(&iter, &device_id, &content)) {
		struct target *target = &sending->targets[sending->count++];
		*target = (struct target){.user_id = user_id, .device_id = device_id};
		TRY(content_read(
		    sending->arena, user_id, device_id, content, &target->content, fail));
	}
	return RC_OK;
}

static enum rc targets_read(struct sending *sending, json messages, struct fail *fail)
{
	struct json_iter iter = json_iter(messages);
	size_t count = keys_count_pairs(messages);
	str user_id;
	json devices;
	if (count > TO_DEVICE_TARGETS_MAX)
		return fail_set(fail, RC_TOO_LARGE,
		    "messages: at most %d devices can be sent to at once", TO_DEVICE_TARGETS_MAX);
	sending->targets = arena_array(sending->arena, struct target, count);
	sending->users = arena_array(sending->arena, int64_t, count);
	TRY(arena_status(sending->arena));
	while (json_next(&iter, &user_id, &devices))
		TRY(user_targets_read(sending, user_id, devices, fail));
	return RC_OK;
}

static enum rc names_check(str type, str txn_id, struct fail *fail)
{
	if (type.n == 0 || type.n > EVENT_TYPE_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "eventType must have 1 to %d bytes",
		    EVENT_TYPE_MAX_BYTES);
	if (txn_id.n == 0 || txn_id.n > ID_MAX_BYTES)
		return fail_set(
		    fail, RC_INVALID_PARAM, "txnId must have 1 to %d bytes", ID_MAX_BYTES);
	return RC_OK;
}

/* ---- the write ---- */

static enum rc message_add(
    struct txn_rw *txn, struct sending *sending, int64_t device, str content, struct fail *fail)
{
	sending->sent_bytes += content.n;
	if (++sending->sent > TO_DEVICE_TARGETS_MAX ||
	    sending->sent_bytes > TO_DEVICE_SENT_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE,
		    "messages: too much is sent at once: at most %d messages and %d bytes in all",
		    TO_DEVICE_TARGETS_MAX, TO_DEVICE_SENT_MAX_BYTES);
	return to_device_add(
	    txn, device, sending->pos, sending->session->user, sending->type, content);
}

/* Whether the request names this device of the user besides "*". */
static bool is_named(const struct target *targets, size_t count, str device_id)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(targets[i].device_id, device_id))
			return true;
	return false;
}

static enum rc send_to_all(struct txn_rw *txn, struct sending *sending, int64_t user,
    const struct target *targets, size_t count, str content, struct fail *fail)
{
	struct arena CLEANUP(arena_release) scratch;
	struct device *devices;
	size_t device_count;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	TRY(devices_of(txn_reading(txn), &scratch, user, &devices, &device_count));
	for (size_t i = 0; i < device_count; i++)
		if (!is_named(targets, count, devices[i].device_id))
			TRY(message_add(txn, sending, devices[i].nid, content, fail));
	return RC_OK;
}

static enum rc send_to_one(struct txn_rw *txn, struct sending *sending, int64_t user,
    const struct target *target, struct fail *fail)
{
	struct arena CLEANUP(arena_release) scratch;
	struct device device;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	enum rc rc = device_find(txn_reading(txn), &scratch, user, target->device_id, &device);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	return message_add(txn, sending, device.nid, target->content, fail);
}

/* `targets`: those of one user. */
static enum rc send_to_user(struct txn_rw *txn, struct sending *sending,
    const struct target *targets, size_t count, struct fail *fail)
{
	size_t sent = sending->sent;
	int64_t user;
	enum rc rc = user_nid_find(txn_reading(txn), targets->user_id, &user);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	for (size_t i = 0; i < count; i++) {
		if (str_eq(targets[i].device_id, STR("*")))
			TRY(send_to_all(
			    txn, sending, user, targets, count, targets[i].content, fail));
		else
			TRY(send_to_one(txn, sending, user, &targets[i], fail));
	}
	if (sending->sent == sent)
		return RC_OK;
	txn_tell(txn, NEWS_USER, user);
	sending->users[sending->user_count++] = user;
	return RC_OK;
}

/* A token without device has its transaction ids under a number of the user's own. */
static int64_t txn_scope(const struct session *session)
{
	return session->device ? session->device : -session->user;
}

static enum rc write_sending(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct sending *sending = arg;
	const struct session *session = sending->session;
	sending->sent = sending->sent_bytes = sending->user_count = 0;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	enum rc rc =
	    to_device_begin(txn, txn_scope(session), sending->type, sending->txn_id, &sending->pos);
	if (rc == RC_EXISTS)
		return RC_OK;
	TRY(rc);
	for (size_t i = 0, end; i < sending->count; i = end) {
		for (end = i; end < sending->count &&
			      str_eq(sending->targets[end].user_id, sending->targets[i].user_id);
		     end++)
			continue;
		TRY(send_to_user(txn, sending, &sending->targets[i], end - i, fail));
	}
	return RC_OK;
}

enum rc keys_send_to_device(struct keys *keys, struct arena *arena, const struct session *session,
    str type, str txn_id, json messages, struct fail *fail)
{
	struct sending sending = {
	    .session = session, .type = type, .txn_id = txn_id, .arena = arena};
	TRY(names_check(type, txn_id, fail));
	TRY(targets_read(&sending, messages, fail));
	TRY(store_write(keys->config.store, write_sending, &sending, fail));
	for (size_t i = 0; i < sending.user_count; i++)
		notify_user(keys->config.notifier, sending.users[i]);
	return RC_OK;
}
