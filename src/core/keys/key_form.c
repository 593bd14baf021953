#include "core/keys/key_form.h"

#include "codec/base64.h"
#include "codec/canonical.h"
#include "matrix/ids.h"

#include <string.h>

static const str parts_left_out[] = {STR_INIT("signatures"), STR_INIT("unsigned")};

bool key_id_parse(str key_id, str *ret_algorithm, str *ret_name)
{
	size_t colon = str_find(key_id, ':');
	if (colon == 0 || colon + 1 >= key_id.n || key_id.n > KEY_ID_MAX_BYTES)
		return false;
	*ret_algorithm = str_first(key_id, colon);
	*ret_name = str_from(key_id, colon + 1);
	return true;
}

static enum rc signer_check(const char *what, json signatures, struct fail *fail)
{
	struct json_iter iter = json_iter(signatures);
	str key_id, algorithm, name, text;
	json signature;
	if (!json_is_object(signatures))
		return fail_set(
		    fail, RC_BAD_JSON, "%s: signatures must be an object of objects", what);
	while (json_next(&iter, &key_id, &signature)) {
		if (!key_id_parse(key_id, &algorithm, &name))
			return fail_set(fail, RC_INVALID_PARAM, "%s: signatures: %.*s is no key ID",
			    what, STR_ARG(str_first(key_id, 60)));
		if (!json_text(signature, &text))
			return fail_set(fail, RC_BAD_JSON,
			    "%s: signatures: a signature must be a string", what);
		if (text.n > SIGNATURE_MAX_BYTES)
			return fail_set(fail, RC_INVALID_PARAM,
			    "%s: signatures: a signature may have at most %d bytes", what,
			    SIGNATURE_MAX_BYTES);
	}
	return RC_OK;
}

static enum rc signatures_check(const char *what, json signatures, struct fail *fail)
{
	struct json_iter iter = json_iter(signatures);
	str user_id;
	json of_user;
	if (!json_is_object(signatures))
		return fail_set(fail, RC_BAD_JSON, "%s: signatures must be an object", what);
	while (json_next(&iter, &user_id, &of_user)) {
		if (!user_id_parse(user_id, NULL))
			return fail_set(fail, RC_INVALID_PARAM,
			    "%s: signatures: %.*s is no user ID", what,
			    STR_ARG(str_first(user_id, 60)));
		TRY(signer_check(what, of_user, fail));
	}
	return RC_OK;
}

static enum rc signatures_read(struct arena *arena, json of_signer, struct key_parts *parts)
{
	struct json_iter iter = json_iter(of_signer);
	str key_id;
	json signature;
	parts->by = arena_array(arena, struct signed_by, json_count(of_signer));
	TRY(arena_status(arena));
	while (json_next(&iter, &key_id, &signature))
		parts->by[parts->count++] =
		    (struct signed_by){key_id, json_text_or(signature, STR_EMPTY)};
	return RC_OK;
}

enum rc key_take_apart(struct arena *arena, const char *what, str signer, json object,
    struct key_parts *ret_parts, struct fail *fail)
{
	struct key_parts parts = {0};
	struct buf payload;
	json signatures = json_get(object, STR("signatures"));
	if (!json_is_object(object))
		return fail_set(fail, RC_BAD_JSON, "%s must be an object", what);
	if (signatures) {
		TRY(signatures_check(what, signatures, fail));
		TRY(signatures_read(arena, json_get(signatures, signer), &parts));
	}
	buf_init(&payload, arena, KEY_MAX_BYTES);
	enum rc rc =
	    canonical_put_without(&payload, object, parts_left_out, COUNT_OF(parts_left_out), fail);
	if (rc == RC_OK)
		rc = buf_finish(&payload, &parts.payload);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "%s may have at most %d bytes", what, KEY_MAX_BYTES);
	TRY(rc);
	*ret_parts = parts;
	return RC_OK;
}

str key_signature_by(const struct key_parts *parts, str key_id)
{
	for (size_t i = 0; i < parts->count; i++)
		if (str_eq(parts->by[i].key_id, key_id))
			return parts->by[i].signature;
	return STR_EMPTY;
}

static bool is_among(const struct signed_by *by, size_t count, str key_id)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(by[i].key_id, key_id))
			return true;
	return false;
}

static void signature_put(struct buf *out, str user_id, str key_id, str signature)
{
	if (out->n == 1) {
		json_put_key(out, user_id);
		buf_putc(out, '{');
	}
	json_put_key(out, key_id);
	json_put_text(out, signature);
}

/* Appends those of `kept` whose key is not among `but`. */
static enum rc kept_put(
    struct buf *out, str user_id, str kept, const struct signed_by *but, size_t count)
{
	json root = NULL, signature;
	str key_id;
	if (kept.n)
		TRY(json_parse(out->arena, kept, &root, NULL));
	struct json_iter iter = json_iter(json_get(root, user_id));
	while (json_next(&iter, &key_id, &signature))
		if (!is_among(but, count, key_id))
			signature_put(out, user_id, key_id, json_text_or(signature, STR_EMPTY));
	return RC_OK;
}

enum rc signatures_join(struct arena *arena, str user_id, str kept, const struct signed_by *added,
    size_t count, str *ret_text)
{
	struct buf text;
	buf_init(&text, arena, SIGNATURES_MAX_BYTES);
	buf_putc(&text, '{');
	TRY(kept_put(&text, user_id, kept, added, count));
	for (size_t i = 0; i < count; i++)
		signature_put(&text, user_id, added[i].key_id, added[i].signature);
	buf_put(&text, text.n > 1 ? STR("}}") : STR("}"));
	return buf_finish(&text, ret_text);
}

enum rc signatures_without(struct arena *arena, str user_id, str kept, str key_id, str *ret_text)
{
	struct signed_by but = {key_id, STR_EMPTY};
	struct buf text;
	buf_init(&text, arena, SIGNATURES_MAX_BYTES);
	buf_putc(&text, '{');
	TRY(kept_put(&text, user_id, kept, &but, 1));
	buf_put(&text, text.n > 1 ? STR("}}") : STR("}"));
	return buf_finish(&text, ret_text);
}

static bool base64_read(struct arena *arena, str text, unsigned char *bytes, size_t n)
{
	str decoded;
	if (base64_decode(arena, BASE64_STANDARD, text, &decoded) != RC_OK || decoded.n != n)
		return false;
	memcpy(bytes, decoded.p, n);
	return true;
}

bool ed25519_public_read(struct arena *arena, str text, unsigned char ret_key[ED25519_PUBLIC_BYTES])
{
	return base64_read(arena, text, ret_key, ED25519_PUBLIC_BYTES);
}

bool ed25519_signature_is_good(struct arena *arena, str public_key, str payload, str signature)
{
	unsigned char key[ED25519_PUBLIC_BYTES], bytes[ED25519_SIGNATURE_BYTES];
	return ed25519_public_read(arena, public_key, key) &&
	       base64_read(arena, signature, bytes, ED25519_SIGNATURE_BYTES) &&
	       ed25519_verify(key, payload, bytes);
}
