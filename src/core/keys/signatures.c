/*
 * Signatures that users upload of keys that are there already: of their own devices by their self-signing key, of their
 * own master key by their devices, of the master keys of others by their user-signing key. Each is verified; a
 * signature that may not be there fails alone.
 *
 * Verified is what a reading transaction showed. The write takes effect only where that still stands, else all of it is
 * looked at again.
 */
#include "core/keys/key_form.h"
#include "core/keys/keys_int.h"

#include "base/fault.h"
#include "matrix/ids.h"

enum { ATTEMPTS_MAX = 3 };

/* One object of the request, and what came of it. */
struct signing {
	str user_id, key_id;
	json object;
	struct fail fail;           /* rc OK: it is good */
	bool is_private;            /* of somebody else's key */
	struct public_key before;   /* the key that was signed */
	str signatures;             /* of the key afterwards */
	struct key_signature other; /* is_private */
};

struct signings {
	const struct session *session;
	struct arena *arena;
	struct signing *all;
	size_t count;
	struct public_key self_signing,
	    user_signing;          /* of the session's user; without a name: none */
	bool any_own, any_private; /* of the write: there was something to change */
};

/* ---- reading the request ---- */

static enum rc user_read(struct signings *signings, str user_id, json keys, struct fail *fail)
{
	struct json_iter iter = json_iter(keys);
	struct signing signing = {.user_id = user_id};
	if (!user_id_parse(user_id, NULL))
		return fail_set(
		    fail, RC_INVALID_PARAM, "%.*s is no user ID", STR_ARG(str_first(user_id, 100)));
	if (!json_is_object(keys))
		return fail_set(fail, RC_BAD_JSON, "The value of %.*s must be an object",
		    STR_ARG(str_first(user_id, 100)));
	while (json_next(&iter, &signing.key_id, &signing.object)) {
		if (!json_is_object(signing.object))
			return fail_set(fail, RC_BAD_JSON, "The value of %.*s must be an object",
			    STR_ARG(str_first(signing.key_id, 100)));
		signings->all[signings->count++] = signing;
	}
	return RC_OK;
}

static enum rc signings_read(struct signings *signings, json body, struct fail *fail)
{
	struct json_iter iter = json_iter(body);
	size_t count = keys_count_pairs(body);
	str user_id;
	json keys;
	if (count > KEYS_SIGNATURES_MAX)
		return fail_set(fail, RC_TOO_LARGE, "At most %d keys can be signed at once",
		    KEYS_SIGNATURES_MAX);
	signings->all = arena_array(signings->arena, struct signing, count);
	TRY(arena_status(signings->arena));
	while (json_next(&iter, &user_id, &keys))
		TRY(user_read(signings, user_id, keys, fail));
	return RC_OK;
}

/* ---- verifying ---- */

static enum rc refuse(struct signing *signing, enum rc rc, const char *sentence)
{
	(void)fail_set(&signing->fail, rc, "%s", sentence);
	return RC_OK;
}

static enum rc refuse_unsigned(struct signing *signing, const char *sentence)
{
	return refuse(signing, RC_INVALID_SIGNATURE, sentence);
}

/* `*ret_is_same` false: the signing is refused, because what was signed is not the key that is held. */
static enum rc parts_compare(struct signings *signings, struct signing *signing,
    struct key_parts *ret_parts, bool *ret_is_same)
{
	enum rc rc = key_take_apart(signings->arena, "The key", signings->session->user_id,
	    signing->object, ret_parts, &signing->fail);
	TRY(arena_status(signings->arena));
	*ret_is_same = rc == RC_OK && str_eq(ret_parts->payload, signing->before.payload);
	if (rc != RC_OK)
		signing->fail.rc = rc;
	else if (!*ret_is_same)
		return refuse_unsigned(signing, "This is not the key as it was uploaded");
	return RC_OK;
}

static str key_id_of(struct arena *arena, str name)
{
	return arena_printf(arena, "ed25519:%.*s", STR_ARG(name));
}

/* Whether `signer`, a cross-signing key, has signed; then its signature. */
static bool is_signed_by(struct arena *arena, const struct key_parts *parts,
    const struct public_key *signer, struct signed_by *ret_by)
{
	ret_by->key_id = key_id_of(arena, signer->name);
	ret_by->signature = key_signature_by(parts, ret_by->key_id);
	return signer->name.n &&
	       ed25519_signature_is_good(arena, signer->name, parts->payload, ret_by->signature);
}

static enum rc own_device_judge(struct signings *signings, struct signing *signing)
{
	struct key_parts parts;
	struct signed_by by;
	bool is_same;
	TRY(parts_compare(signings, signing, &parts, &is_same));
	if (!is_same)
		return RC_OK;
	if (!is_signed_by(signings->arena, &parts, &signings->self_signing, &by))
		return refuse_unsigned(
		    signing, "The device is not signed by your self-signing key");
	return signatures_join(signings->arena, signing->user_id, signing->before.signatures, &by,
	    1, &signing->signatures);
}

/* The Ed25519 key of one of the user's devices. RC_NOT_FOUND: there is no such device. */
static enum rc device_key_read(
    struct txn_ro *txn, struct signings *signings, str device_id, str *ret_key)
{
	struct arena *arena = signings->arena;
	struct public_key key;
	json root;
	TRY(public_key_get(
	    txn, arena, signings->session->user, PUBLIC_KEY_DEVICE, device_id, &key));
	TRY(json_parse(arena, key.payload, &root, NULL));
	str key_id = key_id_of(arena, device_id);
	TRY(arena_status(arena));
	*ret_key = json_get_text(json_get(root, STR("keys")), key_id);
	return RC_OK;
}

/* By any of the user's devices; what others than these have signed is passed over, but what they signed must be good. */
static enum rc own_master_judge(
    struct txn_ro *txn, struct signings *signings, struct signing *signing)
{
	struct key_parts parts;
	size_t good = 0;
	bool is_same;
	TRY(parts_compare(signings, signing, &parts, &is_same));
	for (size_t i = 0; is_same && i < parts.count; i++) {
		str algorithm, device_id, key;
		if (!key_id_parse(parts.by[i].key_id, &algorithm, &device_id) ||
		    !str_eq(algorithm, STR("ed25519")))
			continue;
		enum rc rc = device_key_read(txn, signings, device_id, &key);
		if (rc == RC_NOT_FOUND)
			continue;
		TRY(rc);
		if (!ed25519_signature_is_good(
			signings->arena, key, parts.payload, parts.by[i].signature))
			return refuse_unsigned(signing, "The signature of a device is not right");
		parts.by[good++] = parts.by[i];
	}
	if (!is_same)
		return RC_OK;
	if (good == 0)
		return refuse_unsigned(
		    signing, "The master key is not signed by any of your devices");
	return signatures_join(signings->arena, signing->user_id, signing->before.signatures,
	    parts.by, good, &signing->signatures);
}

static enum rc own_judge(struct txn_ro *txn, struct signings *signings, struct signing *signing)
{
	int64_t user = signings->session->user;
	enum rc rc = public_key_get(
	    txn, signings->arena, user, PUBLIC_KEY_DEVICE, signing->key_id, &signing->before);
	if (rc == RC_OK)
		return own_device_judge(signings, signing);
	if (rc == RC_NOT_FOUND)
		rc = public_key_get(txn, signings->arena, user, PUBLIC_KEY_MASTER, signing->key_id,
		    &signing->before);
	if (rc == RC_OK)
		return own_master_judge(txn, signings, signing);
	return rc == RC_NOT_FOUND
		   ? refuse(signing, rc, "You have no such device and no such master key")
		   : rc;
}

static enum rc other_judge(struct txn_ro *txn, struct signings *signings, struct signing *signing)
{
	struct key_parts parts;
	struct signed_by by;
	int64_t user;
	bool is_same;
	enum rc rc = user_nid_find(txn, signing->user_id, &user);
	if (rc == RC_OK)
		rc = public_key_get(txn, signings->arena, user, PUBLIC_KEY_MASTER, signing->key_id,
		    &signing->before);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? refuse(signing, rc, "The user has no such master key")
					  : rc;
	TRY(parts_compare(signings, signing, &parts, &is_same));
	if (!is_same)
		return RC_OK;
	if (!is_signed_by(signings->arena, &parts, &signings->user_signing, &by))
		return refuse_unsigned(signing, "The key is not signed by your user-signing key");
	signing->is_private = true;
	signing->other = (struct key_signature){
	    .signer = signings->session->user,
	    .target = user,
	    .name = signing->key_id,
	    .key_id = by.key_id,
	    .signature = by.signature,
	};
	return RC_OK;
}

static enum rc signer_read(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum public_key_kind kind, struct public_key *ret_key)
{
	*ret_key = (struct public_key){0};
	enum rc rc = public_key_of_kind(txn, arena, user, kind, ret_key);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc signings_judge(struct keys *keys, struct signings *signings)
{
	const struct session *session = signings->session;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(keys->config.store, &txn));
	TRY(signer_read(
	    txn, signings->arena, session->user, PUBLIC_KEY_SELF_SIGNING, &signings->self_signing));
	TRY(signer_read(
	    txn, signings->arena, session->user, PUBLIC_KEY_USER_SIGNING, &signings->user_signing));
	for (size_t i = 0; i < signings->count; i++) {
		struct signing *signing = &signings->all[i];
		*signing = (struct signing){.user_id = signing->user_id,
		    .key_id = signing->key_id,
		    .object = signing->object};
		if (str_eq(signing->user_id, session->user_id))
			TRY(own_judge(txn, signings, signing));
		else
			TRY(other_judge(txn, signings, signing));
	}
	return arena_status(signings->arena);
}

/* ---- the write ---- */

/* What was verified must still be what is held. */
static enum rc held_check(
    struct txn_rw *txn, struct arena *scratch, const struct public_key *before)
{
	struct public_key now;
	enum rc rc = public_key_get(
	    txn_reading(txn), scratch, before->user, before->kind, before->name, &now);
	if (rc == RC_NOT_FOUND)
		return RC_CONFLICT;
	TRY(rc);
	bool is_same =
	    str_eq(now.payload, before->payload) && str_eq(now.signatures, before->signatures);
	return is_same ? RC_OK : RC_CONFLICT;
}

static enum rc signer_check(struct txn_rw *txn, struct arena *scratch, int64_t user,
    enum public_key_kind kind, const struct public_key *before)
{
	struct public_key now;
	TRY(signer_read(txn_reading(txn), scratch, user, kind, &now));
	return str_eq(now.name, before->name) ? RC_OK : RC_CONFLICT;
}

static enum rc signing_write(struct txn_rw *txn, struct arena *scratch, struct signings *signings,
    const struct signing *signing)
{
	struct public_key key = signing->before;
	TRY(held_check(txn, scratch, &signing->before));
	if (signing->is_private) {
		signings->any_private = true;
		return key_signature_put(txn, &signing->other);
	}
	if (str_eq(signing->signatures, key.signatures))
		return RC_OK;
	key.signatures = signing->signatures;
	signings->any_own = true;
	return public_key_put(txn, &key);
}

static enum rc write_signings(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct signings *signings = arg;
	const struct session *session = signings->session;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	signings->any_own = signings->any_private = false;
	TRY(keys_session_check(txn_reading(txn), &scratch, session));
	TRY(signer_check(
	    txn, &scratch, session->user, PUBLIC_KEY_SELF_SIGNING, &signings->self_signing));
	TRY(signer_check(
	    txn, &scratch, session->user, PUBLIC_KEY_USER_SIGNING, &signings->user_signing));
	for (size_t i = 0; i < signings->count; i++) {
		arena_clear(&scratch);
		if (signings->all[i].fail.rc == RC_OK)
			TRY(signing_write(txn, &scratch, signings, &signings->all[i]));
		FAULT("keys.signatures.one");
	}
	return signings->any_own ? device_list_change(txn, session->user) : RC_OK;
}

static bool any_is_good(const struct signings *signings)
{
	for (size_t i = 0; i < signings->count; i++)
		if (signings->all[i].fail.rc == RC_OK)
			return true;
	return false;
}

static void failures_put(struct buf *out, const struct signings *signings)
{
	str open = STR_EMPTY;
	json_put_key(out, STR("failures"));
	buf_putc(out, '{');
	for (size_t i = 0; i < signings->count; i++) {
		const struct signing *signing = &signings->all[i];
		if (signing->fail.rc == RC_OK)
			continue;
		if (!str_eq(open, signing->user_id)) {
			if (open.n)
				buf_putc(out, '}');
			json_put_key(out, signing->user_id);
			buf_putc(out, '{');
			open = signing->user_id;
		}
		json_put_key(out, signing->key_id);
		keys_put_failure(out, signing->fail.rc, fail_message(&signing->fail));
	}
	buf_put(out, open.n ? STR("}}") : STR("}"));
}

enum rc keys_sign(struct keys *keys, struct arena *arena, const struct session *session, json body,
    struct buf *out, struct fail *fail)
{
	struct signings signings = {.session = session, .arena = arena};
	enum rc rc = RC_CONFLICT;
	TRY(signings_read(&signings, body, fail));
	for (int attempt = 0; rc == RC_CONFLICT && attempt < ATTEMPTS_MAX; attempt++) {
		TRY(signings_judge(keys, &signings));
		rc = any_is_good(&signings)
			 ? store_write(keys->config.store, write_signings, &signings, fail)
			 : RC_OK;
	}
	TRY(rc);
	if (signings.any_own)
		keys_wake_sharers(keys, session->user);
	else if (signings.any_private)
		notify_user(keys->config.notifier, session->user);
	failures_put(out, &signings);
	return buf_status(out);
}
