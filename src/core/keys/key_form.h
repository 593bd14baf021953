/*
 * The form of keys as clients upload them, and of their signatures (Client-Server API, "Key algorithms"; appendices,
 * "Signing JSON"). Pure. Private to core/keys.
 */
#ifndef EXEUNT_CORE_KEYS_KEY_FORM_H
#define EXEUNT_CORE_KEYS_KEY_FORM_H

#include "codec/crypto.h"
#include "codec/json.h"

enum {
	KEY_MAX_BYTES = 16 * 1024,      /* of an object, its signatures counted */
	KEY_ID_MAX_BYTES = 255,         /* "<algorithm>:<name>" */
	KEY_ALGORITHMS_MAX = 32,        /* of a device's list */
	SIGNATURE_MAX_BYTES = 8 * 1024, /* as text */
	SIGNATURES_MAX_BYTES = 64 * 1024, /* of all of a key */
};

struct signed_by {
	str key_id, signature;
};

/* A key object in its two parts. */
struct key_parts {
	str payload;            /* canonical, without signatures and unsigned */
	struct signed_by *by;   /* the signatures of one user; what it says of others' is not theirs to upload */
	size_t count;
};

/*
 * Takes an object apart into its payload and the signatures of `signer`, and checks the shape of all of these. `what` names
 * it in the sentence. RC_BAD_JSON (a wrong type, a number that canonical JSON has not), RC_INVALID_PARAM, RC_TOO_LARGE.
 */
MUST_CHECK enum rc key_take_apart(struct arena *arena, const char *what, str signer, json object, struct key_parts *ret_parts,
                                  struct fail *fail);
str key_signature_by(const struct key_parts *parts, str key_id); /* empty: there is none */
/* "<algorithm>:<name>", both not empty. */
bool key_id_parse(str key_id, str *ret_algorithm, str *ret_name);

/* {user id: {key id: signature}} of those in `kept`, such a text or empty, and of `added`, which prevail. */
MUST_CHECK enum rc signatures_join(struct arena *arena, str user_id, str kept, const struct signed_by *added, size_t count,
                                   str *ret_text);
/* The same without the signature of one key. */
MUST_CHECK enum rc signatures_without(struct arena *arena, str user_id, str kept, str key_id, str *ret_text);

/* An Ed25519 key in unpadded base64. False: it is none. */
bool ed25519_public_read(struct arena *arena, str text, unsigned char ret_key[ED25519_PUBLIC_BYTES]);
bool ed25519_signature_is_good(struct arena *arena, str public_key, str payload, str signature);

#endif
