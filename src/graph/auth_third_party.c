/* Rule 4.4.1 (v12: 5.4.1): invites by e-mail or telephone number, made good by an identity server's signature. */
#include "codec/base64.h"
#include "codec/canonical.h"
#include "graph/auth_int.h"

enum {
	/* Each pair of key and signature costs a verification; real invites have one or two of each. */
	INVITE_KEYS_MAX = 16,
	INVITE_SIGNATURES_MAX = 16,
	SCRATCH_BYTES = 512 * 1024,
};

struct invite_keys {
	str keys[INVITE_KEYS_MAX]; /* ED25519_PUBLIC_BYTES each */
	size_t count;
};

static void add_key(struct invite_keys *keys, struct arena *scratch, json key)
{
	str text, bytes;
	if (keys->count == INVITE_KEYS_MAX || !json_text(key, &text))
		return;
	enum base64_alphabet alphabet =
		str_find(text, '-') < text.n || str_find(text, '_') < text.n ? BASE64_URL : BASE64_STANDARD;
	if (base64_decode(scratch, alphabet, text, &bytes) == RC_OK && bytes.n == ED25519_PUBLIC_BYTES)
		keys->keys[keys->count++] = bytes;
}

static void collect_keys(struct invite_keys *keys, struct arena *scratch, json content)
{
	struct json_iter iter = json_iter(json_get(content, STR("public_keys")));
	json entry;
	add_key(keys, scratch, json_get(content, STR("public_key")));
	while (json_next(&iter, NULL, &entry))
		add_key(keys, scratch, json_get(entry, STR("public_key")));
}

static bool verifies_under_any(const struct invite_keys *keys, struct arena *scratch, str message, json signature)
{
	str text, bytes;
	if (!json_text(signature, &text) ||
	    base64_decode(scratch, BASE64_STANDARD, text, &bytes) != RC_OK ||
	    bytes.n != ED25519_SIGNATURE_BYTES)
		return false;
	for (size_t i = 0; i < keys->count; i++)
		if (ed25519_verify((const unsigned char *)keys->keys[i].p, message,
		                   (const unsigned char *)bytes.p))
			return true;
	return false;
}

/* What was signed, in canonical JSON as strict as the room version is. */
static enum rc put_message(struct buf *buf, const struct room_version *version, json signed_part)
{
	static const str left_out[] = {STR_INIT("signatures"), STR_INIT("unsigned")};
	return version->strict_canonical_json
	               ? canonical_put_without(buf, signed_part, left_out, COUNT_OF(left_out), NULL)
	               : canonical_put_lenient_without(buf, signed_part, left_out, COUNT_OF(left_out), NULL);
}

/* Rule 4.4.1.7. Without memory for it the signature counts as wrong. */
static bool is_signed_by_any(const struct room_version *version, json signed_part, json keys_content)
{
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, SCRATCH_BYTES);
	struct invite_keys keys = {.count = 0};
	struct buf message;
	buf_init(&message, &scratch, EVENT_MAX_BYTES);
	if (put_message(&message, version, signed_part) != RC_OK)
		return false;
	collect_keys(&keys, &scratch, keys_content);
	struct json_iter servers = json_iter(json_get(signed_part, STR("signatures")));
	json of_server, signature;
	size_t tried = 0;
	while (json_next(&servers, NULL, &of_server)) {
		struct json_iter signatures = json_iter(of_server);
		while (json_next(&signatures, NULL, &signature) && tried++ < INVITE_SIGNATURES_MAX)
			if (verifies_under_any(&keys, &scratch, buf_str(&message), signature))
				return true;
	}
	return false;
}

enum auth_rule auth_third_party_invite(const struct judged *judged, json invite)
{
	const struct event *event = judged->event;
	json signed_part = json_get(invite, STR("signed"));
	str mxid, token;
	if (auth_is(judged, event->state_key, STR("ban")))
		return RULE_INVITE_3PID_BANNED;
	if (!signed_part)
		return RULE_INVITE_3PID_UNSIGNED;
	if (!json_text(json_get(signed_part, STR("mxid")), &mxid) ||
	    !json_text(json_get(signed_part, STR("token")), &token))
		return RULE_INVITE_3PID_SHAPE;
	if (!str_eq(mxid, event->state_key))
		return RULE_INVITE_3PID_MXID;
	const struct event *promise = auth_state_at(judged, STR("m.room.third_party_invite"), token);
	if (!promise)
		return RULE_INVITE_3PID_UNKNOWN;
	if (!str_eq(promise->sender, event->sender))
		return RULE_INVITE_3PID_SENDER;
	return is_signed_by_any(event->version, signed_part, promise->content) ? RULE_ALLOW : RULE_INVITE_3PID_SIGNATURE;
}
