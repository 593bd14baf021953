/*
 * Hashes, signatures and passwords through libsodium. crypto_init() once at start-up, before threads; the
 * rest from any thread. Secrets are wiped by their owner with crypto_wipe().
 */
#ifndef EXEUNT_CODEC_CRYPTO_H
#define EXEUNT_CODEC_CRYPTO_H

#include "base/arena.h"

enum {
	SHA256_BYTES = 32,
	ED25519_SEED_BYTES = 32,
	ED25519_PUBLIC_BYTES = 32,
	ED25519_SIGNATURE_BYTES = 64,
	PASSWORD_HASH_MAX_BYTES = 128,
};

struct sha256 {
	unsigned char bytes[SHA256_BYTES];
};

struct ed25519_key {
	unsigned char seed[ED25519_SEED_BYTES];
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	unsigned char secret[64]; /* libsodium's expanded form */
};

MUST_CHECK enum rc crypto_init(void);
void crypto_wipe(void *p, size_t n);

struct sha256 sha256(str bytes);

void ed25519_from_seed(struct ed25519_key *key, const unsigned char seed[ED25519_SEED_BYTES]);
void ed25519_sign(const struct ed25519_key *key, str message, unsigned char signature[ED25519_SIGNATURE_BYTES]);
bool ed25519_verify(const unsigned char public_key[ED25519_PUBLIC_BYTES], str message,
                    const unsigned char signature[ED25519_SIGNATURE_BYTES]);

struct password_cost {
	unsigned passes;      /* Argon2id t, at least 1 */
	size_t memory_bytes;  /* Argon2id m, at least 8 KiB */
};

/*
 * PHC text of Argon2id with a random salt. RC_NOMEM; RC_INVALID_PARAM: a cost that Argon2id does not
 * have. Slow and memory-hungry: the caller limits how many run.
 */
MUST_CHECK enum rc password_hash(struct arena *arena, str password, struct password_cost cost, str *ret_phc);
/* In constant time for texts of the same length. */
bool secret_equal(str a, str b);
bool password_verify(str phc, str password);

#endif
