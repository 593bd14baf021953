#include "codec/crypto.h"

#include "base/assert.h"

#include <sodium.h>
#include <string.h>

_Static_assert(SHA256_BYTES == crypto_hash_sha256_BYTES, "libsodium's SHA-256");
_Static_assert(ED25519_SEED_BYTES == crypto_sign_SEEDBYTES, "libsodium's Ed25519");
_Static_assert(ED25519_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "libsodium's Ed25519");
_Static_assert(ED25519_SIGNATURE_BYTES == crypto_sign_BYTES, "libsodium's Ed25519");
_Static_assert(sizeof((struct ed25519_key){0}.secret) == crypto_sign_SECRETKEYBYTES, "libsodium's Ed25519");
_Static_assert(PASSWORD_HASH_MAX_BYTES >= crypto_pwhash_STRBYTES, "libsodium's Argon2id");

static const unsigned char *bytes_of(str s)
{
	static const unsigned char nothing;
	return s.n ? (const unsigned char *)s.p : &nothing;
}

enum rc crypto_init(void)
{
	return sodium_init() < 0 ? RC_IO : RC_OK;
}

void crypto_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

struct sha256 sha256(str bytes)
{
	struct sha256 hash;
	crypto_hash_sha256(hash.bytes, bytes_of(bytes), bytes.n);
	return hash;
}

void ed25519_from_seed(struct ed25519_key *key, const unsigned char seed[ED25519_SEED_BYTES])
{
	memmove(key->seed, seed, ED25519_SEED_BYTES);
	ASSERT(crypto_sign_seed_keypair(key->public_key, key->secret, key->seed) == 0);
}

void ed25519_sign(const struct ed25519_key *key, str message, unsigned char signature[ED25519_SIGNATURE_BYTES])
{
	ASSERT(crypto_sign_detached(signature, NULL, bytes_of(message), message.n, key->secret) == 0);
}

bool ed25519_verify(const unsigned char public_key[ED25519_PUBLIC_BYTES], str message,
                    const unsigned char signature[ED25519_SIGNATURE_BYTES])
{
	return crypto_sign_verify_detached(signature, bytes_of(message), message.n, public_key) == 0;
}

enum rc password_hash(struct arena *arena, str password, struct password_cost cost, str *ret_phc)
{
	if (cost.passes < crypto_pwhash_OPSLIMIT_MIN || cost.passes > crypto_pwhash_OPSLIMIT_MAX ||
	    cost.memory_bytes < crypto_pwhash_MEMLIMIT_MIN || cost.memory_bytes > crypto_pwhash_MEMLIMIT_MAX ||
	    password.n > crypto_pwhash_PASSWD_MAX)
		return RC_INVALID_PARAM;
	char *phc = arena_alloc(arena, crypto_pwhash_STRBYTES);
	if (!phc)
		return arena_status(arena);
	if (crypto_pwhash_str_alg(phc, (const char *)bytes_of(password), password.n, cost.passes,
	                          cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return RC_NOMEM;
	*ret_phc = str_of(phc);
	return RC_OK;
}

bool secret_equal(str a, str b)
{
	return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

bool password_verify(str phc, str password)
{
	char text[crypto_pwhash_STRBYTES] = {0};
	if (phc.n >= sizeof text)
		return false;
	if (phc.n)
		memcpy(text, phc.p, phc.n);
	return crypto_pwhash_str_verify(text, (const char *)bytes_of(password), password.n) == 0;
}
