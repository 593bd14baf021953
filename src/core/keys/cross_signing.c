/*
 * A user's cross-signing keys. Whether their upload needs a password is decided before it, by what stands in the store then;
 * the write looks again, so that of two first uploads at once only one is the first.
 */
#include "core/keys/key_form.h"
#include "core/keys/keys_int.h"

#include "base/fault.h"

enum { CROSS_KINDS = PUBLIC_KEY_USER_SIGNING + 1 };

static const struct {
	const char *member, *usage;
} cross_kinds[CROSS_KINDS] = {
    [PUBLIC_KEY_MASTER] = {"master_key", "master"},
    [PUBLIC_KEY_SELF_SIGNING] = {"self_signing_key", "self_signing"},
    [PUBLIC_KEY_USER_SIGNING] = {"user_signing_key", "user_signing"},
};

struct cross_key {
	bool is_given;
	str name; /* the public key, in base64 */
	struct key_parts parts;
};

struct cross_upload {
	const struct session *session;
	struct arena *arena;
	struct cross_key keys[CROSS_KINDS];
	bool is_authenticated;
	bool list_changed; /* of the write */
};

/* ---- the form ---- */

static enum rc usage_check(json object, const char *member, const char *usage, struct fail *fail)
{
	struct json_iter iter = json_iter(json_get(object, STR("usage")));
	json value;
	str text;
	if (!json_is_array(json_get(object, STR("usage"))))
		return fail_set(fail, RC_BAD_JSON, "%s: usage must be an array", member);
	while (json_next(&iter, NULL, &value))
		if (json_text(value, &text) && str_eq(text, str_of(usage)))
			return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM, "%s: usage must have %s", member, usage);
}

/* {"ed25519:<public key>": "<public key>"} */
static enum rc public_key_read(
    struct arena *arena, json object, const char *member, str *ret_name, struct fail *fail)
{
	json keys = json_get(object, STR("keys"));
	struct json_iter iter = json_iter(keys);
	unsigned char bytes[ED25519_PUBLIC_BYTES];
	str key_id, algorithm, name, text;
	json value;
	if (!json_is_object(keys))
		return fail_set(fail, RC_BAD_JSON, "%s: keys must be an object", member);
	if (json_count(keys) != 1 || !json_next(&iter, &key_id, &value))
		return fail_set(
		    fail, RC_INVALID_PARAM, "%s: keys must have exactly one key", member);
	if (!json_text(value, &text))
		return fail_set(fail, RC_BAD_JSON, "%s: keys: a key must be a string", member);
	if (!key_id_parse(key_id, &algorithm, &name) || !str_eq(algorithm, STR("ed25519")) ||
	    !str_eq(name, text) || !ed25519_public_read(arena, text, bytes))
		return fail_set(fail, RC_INVALID_PARAM,
		    "%s: keys must be of the form {\"ed25519:<public key>\": \"<public key>\"}",
		    member);
	*ret_name = text;
	return RC_OK;
}

static enum rc cross_key_read(
    struct cross_upload *upload, enum public_key_kind kind, json object, struct fail *fail)
{
	const char *member = cross_kinds[kind].member;
	struct cross_key *key = &upload->keys[kind];
	str user_id;
	if (!json_is_object(object))
		return fail_set(fail, RC_BAD_JSON, "%s must be an object", member);
	if (!json_text(json_get(object, STR("user_id")), &user_id))
		return fail_set(fail, RC_BAD_JSON, "%s: user_id must be a string", member);
	if (!str_eq(user_id, upload->session->user_id))
		return fail_set(
		    fail, RC_INVALID_PARAM, "%s: user_id is not that of the access token", member);
	TRY(usage_check(object, member, cross_kinds[kind].usage, fail));
	TRY(public_key_read(upload->arena, object, member, &key->name, fail));
	key->is_given = true;
	return key_take_apart(upload->arena, member, user_id, object, &key->parts, fail);
}

static enum rc cross_upload_read(struct cross_upload *upload, json body, struct fail *fail)
{
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++) {
		json object = json_get(body, str_of(cross_kinds[kind].member));
		if (object && !json_is_null(object))
			TRY(cross_key_read(upload, kind, object, fail));
	}
	return RC_OK;
}

/* ---- what is new, and what may be ---- */

/* The keys that stand in the store; a name that is empty: none. */
struct held_keys {
	struct public_key of[CROSS_KINDS];
};

static enum rc held_read(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct held_keys *ret_held)
{
	struct held_keys held = {0};
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++) {
		enum rc rc = public_key_of_kind(txn, arena, user, kind, &held.of[kind]);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	*ret_held = held;
	return RC_OK;
}

static bool is_new(
    const struct cross_upload *upload, const struct held_keys *held, enum public_key_kind kind)
{
	const struct cross_key *key = &upload->keys[kind];
	return key->is_given &&
	       !(held->of[kind].name.n && str_eq(held->of[kind].payload, key->parts.payload));
}

static bool any_is_new(const struct cross_upload *upload, const struct held_keys *held)
{
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING; kind++)
		if (is_new(upload, held, kind))
			return true;
	return false;
}

static enum rc signed_check(
    const struct cross_upload *upload, enum public_key_kind kind, str master, struct fail *fail)
{
	const struct cross_key *key = &upload->keys[kind];
	str key_id = arena_printf(upload->arena, "ed25519:%.*s", STR_ARG(master));
	TRY(arena_status(upload->arena));
	if (!ed25519_signature_is_good(
		upload->arena, master, key->parts.payload, key_signature_by(&key->parts, key_id)))
		return fail_set(fail, RC_INVALID_SIGNATURE, "%s is not signed by the master key",
		    cross_kinds[kind].member);
	return RC_OK;
}

/* A key that is new, or is to stand beside a new master key, must be signed by that. */
static enum rc signatures_check(
    const struct cross_upload *upload, const struct held_keys *held, struct fail *fail)
{
	const struct cross_key *given = &upload->keys[PUBLIC_KEY_MASTER];
	str master = given->is_given ? given->name : held->of[PUBLIC_KEY_MASTER].name;
	bool new_master = is_new(upload, held, PUBLIC_KEY_MASTER);
	if (master.n == 0)
		return fail_set(fail, RC_MISSING_PARAM,
		    "There is no master signing key: master_key is missing");
	for (enum public_key_kind kind = PUBLIC_KEY_SELF_SIGNING; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++)
		if (upload->keys[kind].is_given && (new_master || is_new(upload, held, kind)))
			TRY(signed_check(upload, kind, master, fail));
	return RC_OK;
}

static enum rc names_check(const struct cross_upload *upload, struct txn_ro *txn, struct fail *fail)
{
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++) {
		struct device device;
		if (!upload->keys[kind].is_given)
			continue;
		enum rc rc = device_find(
		    txn, upload->arena, upload->session->user, upload->keys[kind].name, &device);
		if (rc == RC_OK)
			return fail_set(fail, RC_FORBIDDEN, "%s: a device has this key as its ID",
			    cross_kinds[kind].member);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

static enum rc cross_upload_check(const struct cross_upload *upload, struct txn_ro *txn,
    const struct held_keys *held, struct fail *fail)
{
	TRY(signatures_check(upload, held, fail));
	return names_check(upload, txn, fail);
}

enum rc keys_cross_signing_check(struct keys *keys, struct arena *arena,
    const struct session *session, json body, bool *ret_needs_auth, struct fail *fail)
{
	struct cross_upload upload = {.session = session, .arena = arena};
	struct held_keys held;
	TRY(cross_upload_read(&upload, body, fail));
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(keys->config.store, &txn));
	TRY(held_read(txn, arena, session->user, &held));
	TRY(cross_upload_check(&upload, txn, &held, fail));
	*ret_needs_auth = held.of[PUBLIC_KEY_MASTER].name.n && any_is_new(&upload, &held);
	return RC_OK;
}

/* ---- the write ---- */

/* Device keys of a user, of which the signatures are to be changed. */
struct device_keys {
	struct arena *arena;
	struct public_key *keys;
	size_t count, capacity;
};

static enum rc device_key_add(void *self, const struct public_key_seen *seen)
{
	struct device_keys *devices = self;
	struct arena *arena = devices->arena;
	if (seen->kind != PUBLIC_KEY_DEVICE)
		return RC_OK;
	if (devices->count == devices->capacity) {
		size_t capacity = devices->capacity ? devices->capacity * 2 : 16;
		devices->keys = arena_grow(arena, devices->keys,
		    devices->capacity * sizeof *devices->keys, capacity * sizeof *devices->keys);
		TRY(arena_status(arena));
		devices->capacity = capacity;
	}
	devices->keys[devices->count++] = (struct public_key){
	    .name = arena_dup(arena, seen->name), .signatures = arena_dup(arena, seen->signatures)};
	return arena_status(arena);
}

/* What the self-signing key that goes has said of devices means nothing any more. */
static enum rc device_signatures_drop(
    struct txn_rw *txn, struct arena *scratch, const struct session *session, str name)
{
	struct device_keys devices = {.arena = scratch};
	str key_id = arena_printf(scratch, "ed25519:%.*s", STR_ARG(name));
	TRY(public_keys_of(txn_reading(txn), session->user_id, 0, device_key_add, &devices));
	for (size_t i = 0; i < devices.count; i++) {
		struct public_key key;
		str before = devices.keys[i].signatures, after;
		TRY(signatures_without(scratch, session->user_id, before, key_id, &after));
		if (after.n == before.n)
			continue;
		TRY(public_key_get(txn_reading(txn), scratch, session->user, PUBLIC_KEY_DEVICE,
		    devices.keys[i].name, &key));
		key.signatures = after;
		TRY(public_key_put(txn, &key));
	}
	return RC_OK;
}

/* A key that is replaced by another one, or left behind by the master key that signed it. */
static bool goes(const struct cross_upload *upload, const struct held_keys *held,
    enum public_key_kind kind, bool new_master)
{
	const struct cross_key *given = &upload->keys[kind];
	str name = held->of[kind].name;
	return name.n && (given->is_given ? !str_eq(given->name, name) : new_master);
}

/* Keys that the new master key has not signed go, and what keys that go have said. */
static enum rc old_keys_drop(struct txn_rw *txn, struct arena *scratch,
    const struct cross_upload *upload, const struct held_keys *held)
{
	const struct session *session = upload->session;
	bool new_master = is_new(upload, held, PUBLIC_KEY_MASTER);
	if (goes(upload, held, PUBLIC_KEY_SELF_SIGNING, new_master)) {
		TRY(public_key_delete(txn, session->user, PUBLIC_KEY_SELF_SIGNING));
		TRY(device_signatures_drop(
		    txn, scratch, session, held->of[PUBLIC_KEY_SELF_SIGNING].name));
	}
	if (goes(upload, held, PUBLIC_KEY_USER_SIGNING, new_master)) {
		TRY(public_key_delete(txn, session->user, PUBLIC_KEY_USER_SIGNING));
		TRY(key_signatures_delete(txn, session->user));
	}
	FAULT("keys.cross_signing.dropped");
	return RC_OK;
}

static enum rc new_keys_put(struct txn_rw *txn, struct arena *scratch,
    const struct cross_upload *upload, const struct held_keys *held)
{
	const struct session *session = upload->session;
	bool new_master = is_new(upload, held, PUBLIC_KEY_MASTER);
	for (enum public_key_kind kind = PUBLIC_KEY_MASTER; kind <= PUBLIC_KEY_USER_SIGNING;
	     kind++) {
		const struct cross_key *given = &upload->keys[kind];
		struct public_key key = {.user = session->user,
		    .kind = kind,
		    .name = given->name,
		    .payload = given->parts.payload};
		if (!given->is_given || !(new_master || is_new(upload, held, kind)))
			continue;
		TRY(signatures_join(scratch, session->user_id, STR_EMPTY, given->parts.by,
		    given->parts.count, &key.signatures));
		TRY(public_key_put(txn, &key));
		FAULT("keys.cross_signing.put");
	}
	return RC_OK;
}

static enum rc write_cross_signing(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct cross_upload *upload = arg;
	struct held_keys held;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	upload->list_changed = false;
	TRY(keys_session_check(txn_reading(txn), &scratch, upload->session));
	TRY(held_read(txn_reading(txn), &scratch, upload->session->user, &held));
	if (!any_is_new(upload, &held))
		return RC_OK;
	if (held.of[PUBLIC_KEY_MASTER].name.n && !upload->is_authenticated)
		return fail_set(
		    fail, RC_CONFLICT, "The cross-signing keys have just been changed, try again");
	TRY(cross_upload_check(upload, txn_reading(txn), &held, fail));
	TRY(old_keys_drop(txn, &scratch, upload, &held));
	TRY(new_keys_put(txn, &scratch, upload, &held));
	upload->list_changed = true;
	return device_list_change(txn, upload->session->user);
}

enum rc keys_cross_signing_set(struct keys *keys, struct arena *arena,
    const struct session *session, json body, bool is_authenticated, struct fail *fail)
{
	struct cross_upload upload = {
	    .session = session, .arena = arena, .is_authenticated = is_authenticated};
	TRY(cross_upload_read(&upload, body, fail));
	TRY(store_write(keys->config.store, write_cross_signing, &upload, fail));
	if (upload.list_changed)
		keys_wake_sharers(keys, session->user);
	return RC_OK;
}
