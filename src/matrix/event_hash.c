/* Hashes, ids and signatures of whole events: Server-Server API, "Signing Events". */
#include "codec/base64.h"
#include "matrix/event_int.h"

#include <string.h>

enum { EVENT_ID_LETTERS = 22 }; /* 131 random bits: no two events of a server have one id */

bool event_makes_room(const struct room_version *version, str type)
{
	return version->room_id_from_create && str_eq(type, STR("m.room.create"));
}

str event_id_of_hash(struct arena *arena, const struct room_version *version, const struct sha256 *hash)
{
	enum base64_alphabet alphabet =
		version->event_id_format == EVENT_ID_HASH_STANDARD ? BASE64_STANDARD : BASE64_URL;
	struct buf buf;
	str event_id;
	buf_init(&buf, arena, ID_MAX_BYTES);
	buf_putc(&buf, '$');
	base64_put(&buf, alphabet, str_bytes(hash->bytes, sizeof hash->bytes));
	return buf_finish(&buf, &event_id) == RC_OK ? event_id : STR_EMPTY;
}

str room_id_of_create(struct arena *arena, str event_id)
{
	char *p = event_id.n ? arena_alloc(arena, event_id.n) : NULL;
	if (!p)
		return STR_EMPTY;
	memcpy(p, event_id.p, event_id.n);
	p[0] = '!';
	return (str){p, event_id.n};
}

enum rc event_content_hash(struct arena *scratch, json root, struct sha256 *ret_hash)
{
	static const str left_out[] = {STR_INIT("hashes"), STR_INIT("signatures"), STR_INIT("unsigned")};
	struct buf buf;
	buf_init(&buf, scratch, EVENT_MAX_BYTES);
	/* Where the version is strict, event_parse() has refused what the lenient form would let through. */
	TRY(canonical_put_lenient_without(&buf, root, left_out, COUNT_OF(left_out), NULL));
	*ret_hash = sha256(buf_str(&buf));
	return RC_OK;
}

enum rc event_reference_hash(struct arena *scratch, const struct room_version *version, json root,
                             struct sha256 *ret_hash)
{
	struct buf buf;
	if (!json_is_object(root))
		return RC_BAD_JSON;
	buf_init(&buf, scratch, EVENT_MAX_BYTES);
	TRY(redact_put_event(&buf, version, root, false));
	*ret_hash = sha256(buf_str(&buf));
	return RC_OK;
}

enum rc event_reference_text(struct arena *arena, const struct room_version *version, json root, str *ret_text)
{
	struct sha256 hash;
	TRY(event_reference_hash(arena, version, root, &hash));
	str text = base64_encode(arena, BASE64_STANDARD, str_bytes(hash.bytes, sizeof hash.bytes));
	TRY(arena_status(arena));
	*ret_text = text;
	return RC_OK;
}

str event_id_random(struct arena *arena, const struct rng *rng, str server_name)
{
	struct buf buf;
	str event_id;
	buf_init(&buf, arena, ID_MAX_BYTES);
	buf_putc(&buf, '$');
	buf_put(&buf, rng_text(rng, arena, RNG_ALPHANUMERIC, EVENT_ID_LETTERS));
	buf_putc(&buf, ':');
	buf_put(&buf, server_name);
	return buf_finish(&buf, &event_id) == RC_OK ? event_id : STR_EMPTY;
}

enum rc event_hash_matches(struct arena *scratch, json root, bool *ret_matches)
{
	struct sha256 hash;
	str claimed;
	enum rc rc = base64_decode(scratch, BASE64_STANDARD,
	                           json_get_text(json_get(root, STR("hashes")), STR("sha256")), &claimed);
	if (rc != RC_OK && rc != RC_INVALID_PARAM)
		return rc;
	bool readable = rc == RC_OK;
	TRY(event_content_hash(scratch, root, &hash));
	*ret_matches = readable && str_eq(claimed, str_bytes(hash.bytes, sizeof hash.bytes));
	return RC_OK;
}

enum rc event_signature_verify(struct arena *scratch, const struct room_version *version, json root,
                               str server_name, str key_id,
                               const unsigned char public_key[ED25519_PUBLIC_BYTES], bool *ret_valid)
{
	json of_server = json_get(json_get(root, STR("signatures")), server_name);
	str signature;
	struct buf buf;
	enum rc rc = base64_decode(scratch, BASE64_STANDARD, json_get_text(of_server, key_id), &signature);
	if (rc == RC_INVALID_PARAM || (rc == RC_OK && signature.n != ED25519_SIGNATURE_BYTES)) {
		*ret_valid = false;
		return RC_OK;
	}
	TRY(rc);
	buf_init(&buf, scratch, EVENT_MAX_BYTES);
	TRY(redact_put_event(&buf, version, root, false));
	*ret_valid = ed25519_verify(public_key, buf_str(&buf), (const unsigned char *)signature.p);
	return RC_OK;
}
