/* Answers to who asks for keys: spliced from the bytes that were uploaded. */
#include "core/keys/keys_int.h"

#include "matrix/ids.h"

enum { KEYS_ANSWER_MAX_BYTES = 128 << 20 };

/* The maps of an answer that stand beside device_keys. */
static const char *const cross_names[] = {
    [PUBLIC_KEY_MASTER] = "master_keys",
    [PUBLIC_KEY_SELF_SIGNING] = "self_signing_keys",
    [PUBLIC_KEY_USER_SIGNING] = "user_signing_keys",
};

struct query {
	const struct session *session;
	struct arena *arena;
	struct unreached unreached;
	struct buf devices, cross[COUNT_OF(cross_names)];
	str user_id; /* whose keys are read now */
	json wanted; /* of their devices; empty: all */
};

static bool is_wanted(const struct query *query, str device_id)
{
	struct json_iter iter = json_iter(query->wanted);
	json value;
	str text;
	while (json_next(&iter, NULL, &value))
		if (json_text(value, &text) && str_eq(text, device_id))
			return true;
	return json_count(query->wanted) == 0;
}

static str open_object(str object)
{
	return str_first(object, object.n - 1);
}

/* Payload, signatures, and what only the viewer may see of these; the end of the object is the caller's. */
static void key_put_open(
    struct buf *out, const struct query *query, const struct public_key_seen *key)
{
	buf_put(out, open_object(key->payload));
	json_put_key(out, STR("signatures"));
	buf_put(out, open_object(key->signatures));
	if (key->signature.n) {
		json_put_key(out, query->session->user_id);
		buf_putc(out, '{');
		json_put_key(out, key->key_id);
		json_put_text(out, key->signature);
		buf_putc(out, '}');
	}
	buf_putc(out, '}');
}

static void device_key_put(struct query *query, const struct public_key_seen *key)
{
	struct buf *out = &query->devices;
	if (!is_wanted(query, key->name))
		return;
	json_put_key(out, key->name);
	key_put_open(out, query, key);
	buf_put(out, STR(",\"unsigned\":{"));
	if (key->display_name.n) {
		json_put_key(out, STR("device_display_name"));
		json_put_text(out, key->display_name);
	}
	buf_put(out, STR("}}"));
}

static void cross_key_put(struct query *query, const struct public_key_seen *key)
{
	struct buf *out = &query->cross[key->kind];
	json_put_key(out, query->user_id);
	key_put_open(out, query, key);
	buf_putc(out, '}');
}

static enum rc key_seen(void *self, const struct public_key_seen *key)
{
	struct query *query = self;
	switch (key->kind) {
	case PUBLIC_KEY_DEVICE:
		device_key_put(query, key);
		break;
	case PUBLIC_KEY_MASTER:
	case PUBLIC_KEY_SELF_SIGNING:
		cross_key_put(query, key);
		break;
	case PUBLIC_KEY_USER_SIGNING: /* what it signs says whom its owner verified: nobody else's business */
		if (str_eq(query->user_id, query->session->user_id))
			cross_key_put(query, key);
		break;
	case PUBLIC_KEY_NONE:
		break;
	}
	return buf_status(&query->devices);
}

/* An account stands in the answer even without keys, so that clients let go of devices that ended. */
static enum rc user_query(struct keys *keys, struct txn_ro *txn, struct query *query)
{
	size_t before = query->devices.n;
	if (!keys_are_here(keys, query->user_id))
		return unreached_add(&query->unreached, query->arena, query->user_id);
	json_put_key(&query->devices, query->user_id);
	buf_putc(&query->devices, '{');
	enum rc rc = public_keys_of(txn, query->user_id, query->session->user, key_seen, query);
	buf_putc(&query->devices, '}');
	if (rc != RC_NOT_FOUND)
		return rc;
	query->devices.n = before;
	return RC_OK;
}

static enum rc wanted_check(str user_id, json devices, struct fail *fail)
{
	struct json_iter iter = json_iter(devices);
	json device_id;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "device_keys: %.*s is no user ID",
		    STR_ARG(str_first(user_id, 100)));
	if (!json_is_array(devices))
		return fail_set(fail, RC_BAD_JSON,
		    "device_keys: the value of %.*s must be an array of device IDs",
		    STR_ARG(str_first(user_id, 100)));
	if (json_count(devices) > KEYS_QUERY_DEVICES_MAX)
		return fail_set(fail, RC_INVALID_PARAM,
		    "device_keys: at most %d devices of a user can be named",
		    KEYS_QUERY_DEVICES_MAX);
	while (json_next(&iter, NULL, &device_id))
		if (!json_is_text(device_id))
			return fail_set(fail, RC_BAD_JSON,
			    "device_keys: the value of %.*s must be an array of device IDs",
			    STR_ARG(str_first(user_id, 100)));
	return RC_OK;
}

static enum rc query_check(json users, struct fail *fail)
{
	struct json_iter iter = json_iter(users);
	str user_id;
	json devices;
	if (json_count(users) > KEYS_QUERY_USERS_MAX)
		return fail_set(fail, RC_TOO_LARGE,
		    "device_keys: at most %d users can be asked for at once", KEYS_QUERY_USERS_MAX);
	while (json_next(&iter, &user_id, &devices))
		TRY(wanted_check(user_id, devices, fail));
	return RC_OK;
}

static enum rc query_run(struct keys *keys, struct query *query, json users)
{
	struct json_iter iter = json_iter(users);
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(keys->config.store, &txn));
	while (json_next(&iter, &query->user_id, &query->wanted))
		TRY(user_query(keys, txn, query));
	return RC_OK;
}

static enum rc answer_put(struct query *query, struct buf *out)
{
	json_put_key(out, STR("device_keys"));
	buf_putc(out, '{');
	buf_put(out, buf_str(&query->devices));
	buf_putc(out, '}');
	for (size_t i = PUBLIC_KEY_MASTER; i < COUNT_OF(cross_names); i++) {
		TRY(buf_status(&query->cross[i]));
		json_put_key(out, str_of(cross_names[i]));
		buf_putc(out, '{');
		buf_put(out, buf_str(&query->cross[i]));
		buf_putc(out, '}');
	}
	json_put_key(out, STR("failures"));
	unreached_put(&query->unreached, out);
	return buf_status(out);
}

enum rc keys_query(struct keys *keys, struct arena *arena, const struct session *session,
    json users, struct buf *out, struct fail *fail)
{
	struct query query = {.session = session, .arena = arena};
	TRY(query_check(users, fail));
	buf_init(&query.devices, arena, KEYS_ANSWER_MAX_BYTES);
	for (size_t i = 0; i < COUNT_OF(query.cross); i++)
		buf_init(&query.cross[i], arena, KEYS_ANSWER_MAX_BYTES);
	TRY(query_run(keys, &query, users));
	TRY(buf_status(&query.devices));
	return answer_put(&query, out);
}
