/* Upload of a device's own keys. */
#include "core/keys/keys_int.h"

#include "base/fault.h"
#include "codec/canonical.h"
#include "matrix/ids.h"

#include <stdlib.h>
#include <string.h>

enum { COUNTS_MAX_BYTES = 8 * 1024 };

/* ---- reading the request ---- */

static enum rc algorithms_check(json algorithms, struct fail *fail)
{
	struct json_iter iter = json_iter(algorithms);
	json algorithm;
	if (!json_is_array(algorithms))
		return fail_set(
		    fail, RC_BAD_JSON, "device_keys: algorithms must be an array of strings");
	if (json_count(algorithms) > KEY_ALGORITHMS_MAX)
		return fail_set(fail, RC_INVALID_PARAM,
		    "device_keys: algorithms may have at most %d entries", KEY_ALGORITHMS_MAX);
	while (json_next(&iter, NULL, &algorithm))
		if (!json_is_text(algorithm))
			return fail_set(fail, RC_BAD_JSON,
			    "device_keys: algorithms must be an array of strings");
	return RC_OK;
}

static enum rc identity_keys_check(str device_id, json keys, struct fail *fail)
{
	struct json_iter iter = json_iter(keys);
	str key_id, algorithm, name;
	json key;
	if (!json_is_object(keys))
		return fail_set(fail, RC_BAD_JSON, "device_keys: keys must be an object");
	while (json_next(&iter, &key_id, &key)) {
		if (!key_id_parse(key_id, &algorithm, &name) || !str_eq(name, device_id))
			return fail_set(fail, RC_INVALID_PARAM,
			    "device_keys: keys: %.*s is no name of a key of this device",
			    STR_ARG(str_first(key_id, 60)));
		if (!json_is_text(key))
			return fail_set(
			    fail, RC_BAD_JSON, "device_keys: keys: a key must be a string");
	}
	return RC_OK;
}

static enum rc owner_check(json object, const char *member, str expected, struct fail *fail)
{
	str text;
	json value = json_get(object, str_of(member));
	if (!value)
		return fail_set(fail, RC_MISSING_PARAM, "device_keys: %s is missing", member);
	if (!json_text(value, &text))
		return fail_set(fail, RC_BAD_JSON, "device_keys: %s must be a string", member);
	if (!str_eq(text, expected))
		return fail_set(fail, RC_INVALID_PARAM,
		    "device_keys: %s is not that of the device", member);
	return RC_OK;
}

static enum rc device_keys_read(struct key_upload *upload, json object, struct fail *fail)
{
	static const char *const required[] = {"algorithms", "keys", "signatures"};
	const struct session *session = upload->session;
	if (!json_is_object(object))
		return fail_set(fail, RC_BAD_JSON, "device_keys must be an object");
	TRY(owner_check(object, "user_id", session->user_id, fail));
	TRY(owner_check(object, "device_id", session->device_id, fail));
	for (size_t i = 0; i < COUNT_OF(required); i++)
		if (!json_get(object, str_of(required[i])))
			return fail_set(
			    fail, RC_MISSING_PARAM, "device_keys: %s is missing", required[i]);
	TRY(algorithms_check(json_get(object, STR("algorithms")), fail));
	TRY(identity_keys_check(session->device_id, json_get(object, STR("keys")), fail));
	upload->has_device_keys = true;
	return key_take_apart(
	    upload->arena, "device_keys", session->user_id, object, &upload->device_keys, fail);
}

/* A text, or {"key": text, "signatures": …}. */
static enum rc key_object_check(
    struct key_upload *upload, const char *what, json key, struct fail *fail)
{
	struct key_parts parts;
	if (json_is_text(key))
		return RC_OK;
	if (!json_is_object(key))
		return fail_set(fail, RC_BAD_JSON, "%s: a key must be a string or an object", what);
	if (!json_get(key, STR("key")) || !json_get(key, STR("signatures")))
		return fail_set(
		    fail, RC_MISSING_PARAM, "%s: a key object must have key and signatures", what);
	if (!json_is_text(json_get(key, STR("key"))))
		return fail_set(fail, RC_BAD_JSON, "%s: key must be a string", what);
	return key_take_apart(upload->arena, what, upload->session->user_id, key, &parts, fail);
}

/* One member of one_time_keys or fallback_keys. */
static enum rc key_read(struct key_upload *upload, const char *what, str key_id, json key,
    struct fallback_key *ret_key, struct fail *fail)
{
	struct buf text;
	if (!key_id_parse(key_id, &ret_key->algorithm, &ret_key->key_id))
		return fail_set(fail, RC_INVALID_PARAM,
		    "%s: %.*s is not of the form <algorithm>:<key_id>", what,
		    STR_ARG(str_first(key_id, 60)));
	TRY(key_object_check(upload, what, key, fail));
	buf_init(&text, upload->arena, KEY_MAX_BYTES);
	enum rc rc = canonical_put(&text, key, fail);
	if (rc == RC_OK)
		rc = buf_finish(&text, &ret_key->key);
	if (rc == RC_TOO_LARGE)
		return fail_set(
		    fail, rc, "%s: a key may have at most %d bytes", what, KEY_MAX_BYTES);
	return rc;
}

static struct sha256 digest_of(struct arena *arena, const struct fallback_key *key)
{
	return sha256(arena_printf(arena, "%.*s:%.*s %.*s", STR_ARG(key->algorithm),
	    STR_ARG(key->key_id), STR_ARG(key->key)));
}

static enum rc otks_read(struct key_upload *upload, json keys, struct fail *fail)
{
	struct json_iter iter = json_iter(keys);
	str key_id;
	json key;
	if (!json_is_object(keys))
		return fail_set(fail, RC_BAD_JSON, "one_time_keys must be an object");
	if (json_count(keys) > ONE_TIME_KEYS_MAX)
		return fail_set(fail, RC_INVALID_PARAM,
		    "one_time_keys: a device may have at most %d", ONE_TIME_KEYS_MAX);
	upload->otks = arena_array(upload->arena, struct one_time_key, json_count(keys));
	TRY(arena_status(upload->arena));
	while (json_next(&iter, &key_id, &key)) {
		struct fallback_key read;
		TRY(key_read(upload, "one_time_keys", key_id, key, &read, fail));
		upload->otks[upload->otk_count++] = (struct one_time_key){
		    .algorithm = read.algorithm,
		    .key_id = read.key_id,
		    .digest = digest_of(upload->arena, &read),
		    .key = read.key,
		};
	}
	return arena_status(upload->arena);
}

static enum rc fallbacks_read(struct key_upload *upload, json keys, struct fail *fail)
{
	struct json_iter iter = json_iter(keys);
	str key_id;
	json key;
	if (!json_is_object(keys))
		return fail_set(fail, RC_BAD_JSON, "fallback_keys must be an object");
	if (json_count(keys) > OTK_ALGORITHMS_MAX)
		return fail_set(fail, RC_INVALID_PARAM,
		    "fallback_keys: a device may have at most %d", OTK_ALGORITHMS_MAX);
	upload->fallbacks = arena_array(upload->arena, struct fallback_key, json_count(keys));
	TRY(arena_status(upload->arena));
	while (json_next(&iter, &key_id, &key)) {
		struct fallback_key *fallback = &upload->fallbacks[upload->fallback_count];
		TRY(key_read(upload, "fallback_keys", key_id, key, fallback, fail));
		for (size_t i = 0; i < upload->fallback_count; i++)
			if (str_eq(upload->fallbacks[i].algorithm, fallback->algorithm))
				return fail_set(fail, RC_INVALID_PARAM,
				    "fallback_keys: %.*s stands there twice",
				    STR_ARG(str_first(fallback->algorithm, 60)));
		upload->fallback_count++;
	}
	return RC_OK;
}

static bool is_given(json body, const char *name, json *ret_value)
{
	*ret_value = json_get(body, str_of(name));
	return *ret_value && !json_is_null(*ret_value);
}

enum rc key_upload_read(struct key_upload *upload, json body, struct fail *fail)
{
	json part;
	if (is_given(body, "device_keys", &part))
		TRY(device_keys_read(upload, part, fail));
	if (is_given(body, "one_time_keys", &part))
		TRY(otks_read(upload, part, fail));
	if (is_given(body, "fallback_keys", &part))
		TRY(fallbacks_read(upload, part, fail));
	return RC_OK;
}

/* ---- the write ---- */

/* Device ids and cross-signing keys are names in one space: a server must keep them apart. */
static enum rc device_name_check(
    struct txn_ro *txn, struct arena *scratch, const struct session *session, struct fail *fail)
{
	struct public_key key;
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++) {
		enum rc rc =
		    public_key_get(txn, scratch, session->user, kind, session->device_id, &key);
		if (rc == RC_OK)
			return fail_set(fail, RC_FORBIDDEN,
			    "device_keys: the device's ID is that of a cross-signing key");
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

/* What others have said of the same keys is kept. */
static enum rc device_keys_write(
    struct txn_rw *txn, struct arena *scratch, struct key_upload *upload, struct fail *fail)
{
	const struct session *session = upload->session;
	struct public_key key = {.user = session->user,
	    .kind = PUBLIC_KEY_DEVICE,
	    .name = session->device_id,
	    .device = session->device,
	    .payload = upload->device_keys.payload};
	struct public_key held = {0};
	enum rc rc = public_key_get(
	    txn_reading(txn), scratch, session->user, PUBLIC_KEY_DEVICE, session->device_id, &held);
	if (rc == RC_NOT_FOUND)
		rc = device_name_check(txn_reading(txn), scratch, session, fail);
	TRY(rc);
	bool is_same = str_eq(held.payload, key.payload);
	TRY(signatures_join(scratch, session->user_id, is_same ? held.signatures : STR_EMPTY,
	    upload->device_keys.by, upload->device_keys.count, &key.signatures));
	if (is_same && str_eq(held.signatures, key.signatures))
		return RC_OK;
	TRY(public_key_put(txn, &key));
	FAULT("keys.upload.device");
	upload->list_changed = true;
	return device_list_change(txn, session->user);
}

static int by_name(const void *a, const void *b)
{
	const struct one_time_key *x = a, *y = b;
	int order = str_cmp(x->algorithm, y->algorithm);
	return order ? order : str_cmp(x->key_id, y->key_id);
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_BYTES);
}

/* What is there, sorted for the search. */
struct stock {
	struct one_time_key *held;
	struct sha256 *claimed;
	size_t held_count, claimed_count;
};

static enum rc stock_read(
    struct txn_ro *txn, struct arena *scratch, int64_t device, struct stock *ret_stock)
{
	struct stock stock;
	TRY(otk_held(txn, scratch, device, &stock.held, &stock.held_count));
	TRY(otk_claimed(txn, scratch, device, &stock.claimed, &stock.claimed_count));
	if (stock.held_count)
		qsort(stock.held, stock.held_count, sizeof *stock.held, by_name);
	if (stock.claimed_count)
		qsort(stock.claimed, stock.claimed_count, sizeof *stock.claimed, by_digest);
	*ret_stock = stock;
	return RC_OK;
}

/* A repeated upload adds nothing: neither what is still there nor what was given out meanwhile. */
static enum rc otk_is_new(
    const struct stock *stock, const struct one_time_key *key, bool *ret_new, struct fail *fail)
{
	const struct one_time_key *same =
	    stock->held_count
		? bsearch(key, stock->held, stock->held_count, sizeof *stock->held, by_name)
		: NULL;
	if (same && memcmp(&same->digest, &key->digest, sizeof key->digest) != 0)
		return fail_set(fail, RC_UNKNOWN_400,
		    "One time key %.*s:%.*s already exists, with another content",
		    STR_ARG(str_first(key->algorithm, 60)), STR_ARG(str_first(key->key_id, 60)));
	*ret_new = !same && !(stock->claimed_count &&
				bsearch(&key->digest, stock->claimed, stock->claimed_count,
				    sizeof *stock->claimed, by_digest));
	return RC_OK;
}

static enum rc otks_write(
    struct txn_rw *txn, struct arena *scratch, struct key_upload *upload, struct fail *fail)
{
	int64_t device = upload->session->device;
	struct stock stock;
	TRY(stock_read(txn_reading(txn), scratch, device, &stock));
	size_t count = stock.held_count;
	for (size_t i = 0; i < upload->otk_count; i++) {
		bool is_new = false;
		TRY(otk_is_new(&stock, &upload->otks[i], &is_new, fail));
		if (!is_new)
			continue;
		if (++count > ONE_TIME_KEYS_MAX)
			return fail_set(fail, RC_INVALID_PARAM,
			    "one_time_keys: a device may have at most %d", ONE_TIME_KEYS_MAX);
		TRY(otk_add(txn, device, &upload->otks[i]));
		FAULT("keys.upload.one_time");
	}
	return otk_claimed_drop(txn, device);
}

static enum rc fallbacks_write(
    struct txn_rw *txn, struct arena *scratch, struct key_upload *upload, struct fail *fail)
{
	int64_t device = upload->session->device, count;
	for (size_t i = 0; i < upload->fallback_count; i++) {
		const struct fallback_key *fallback = &upload->fallbacks[i];
		TRY(fallback_put(
		    txn, scratch, device, fallback->algorithm, fallback->key_id, fallback->key));
	}
	TRY(fallback_count(txn_reading(txn), device, &count));
	if (count > OTK_ALGORITHMS_MAX)
		return fail_set(fail, RC_INVALID_PARAM,
		    "fallback_keys: a device may have at most %d", OTK_ALGORITHMS_MAX);
	return RC_OK;
}

static enum rc counts_put(
    struct txn_ro *txn, struct arena *scratch, struct key_upload *upload, struct fail *fail)
{
	struct otk_count *counts;
	size_t count;
	TRY(otk_counts(txn, scratch, upload->session->device, &counts, &count));
	if (count > OTK_ALGORITHMS_MAX)
		return fail_set(fail, RC_INVALID_PARAM, "one_time_keys: at most %d algorithms",
		    OTK_ALGORITHMS_MAX);
	buf_init(&upload->counts, upload->arena, COUNTS_MAX_BYTES);
	return keys_put_counts(txn, scratch, upload->session->device, &upload->counts);
}

enum rc key_upload_write(struct txn_rw *txn, struct key_upload *upload, struct fail *fail)
{
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	upload->list_changed = false;
	TRY(keys_session_check(txn_reading(txn), &scratch, upload->session));
	if (upload->has_device_keys)
		TRY(device_keys_write(txn, &scratch, upload, fail));
	if (upload->otk_count)
		TRY(otks_write(txn, &scratch, upload, fail));
	if (upload->fallback_count)
		TRY(fallbacks_write(txn, &scratch, upload, fail));
	return counts_put(txn_reading(txn), &scratch, upload, fail);
}

static enum rc write_upload(struct txn_rw *txn, void *arg, struct fail *fail)
{
	return key_upload_write(txn, arg, fail);
}

/* Clients ask for the counts by an upload of nothing. */
static enum rc counts_read(struct keys *keys, struct key_upload *upload, struct fail *fail)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(keys->config.store, &txn));
	return counts_put(txn, upload->arena, upload, fail);
}

enum rc keys_upload(struct keys *keys, struct arena *arena, const struct session *session,
    json body, struct buf *out, struct fail *fail)
{
	struct key_upload upload = {.session = session, .arena = arena};
	if (session->device == 0)
		return fail_set(
		    fail, RC_FORBIDDEN, "This access token has no device, and keys are a device's");
	TRY(key_upload_read(&upload, body, fail));
	if (upload.has_device_keys || upload.otk_count || upload.fallback_count)
		TRY(store_write(keys->config.store, write_upload, &upload, fail));
	else
		TRY(counts_read(keys, &upload, fail));
	if (upload.list_changed)
		keys_wake_sharers(keys, session->user);
	json_put_key(out, STR("one_time_key_counts"));
	buf_put(out, buf_str(&upload.counts));
	return buf_status(out);
}
