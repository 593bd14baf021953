/* FIPS 180-4, 6.1: libsodium has none. */
#include "codec/sha1.h"

#include "codec/crypto.h"

#include <string.h>

enum { BLOCK_BYTES = 64, ROUNDS = 80, WORDS = 5, LENGTH_BYTES = 8 };

static uint32_t rotated(uint32_t x, unsigned bits)
{
	return (x << bits) | (x >> (32 - bits));
}

static uint32_t word_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The function and the constant of round t. */
static uint32_t mixed(const uint32_t v[WORDS], size_t t)
{
	if (t < 20)
		return ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999u;
	if (t < 40)
		return (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1u;
	if (t < 60)
		return ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdcu;
	return (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6u;
}

static void take_block(uint32_t hash[WORDS], const unsigned char block[BLOCK_BYTES])
{
	uint32_t w[ROUNDS], v[WORDS];
	for (size_t t = 0; t < 16; t++)
		w[t] = word_at(block + 4 * t);
	for (size_t t = 16; t < ROUNDS; t++)
		w[t] = rotated(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, hash, sizeof v);
	for (size_t t = 0; t < ROUNDS; t++) {
		uint32_t next = rotated(v[0], 5) + mixed(v, t) + v[4] + w[t];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotated(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (size_t i = 0; i < WORDS; i++)
		hash[i] += v[i];
}

void sha1(str bytes, unsigned char ret_hash[SHA1_BYTES])
{
	uint32_t hash[WORDS] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
	unsigned char last[2 * BLOCK_BYTES] = {0};
	size_t whole = bytes.n - bytes.n % BLOCK_BYTES, rest = bytes.n - whole;
	for (size_t i = 0; i < whole; i += BLOCK_BYTES)
		take_block(hash, (const unsigned char *)bytes.p + i);
	if (rest)
		memcpy(last, bytes.p + whole, rest);
	last[rest] = 0x80;
	size_t padded = rest + 1 + LENGTH_BYTES <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
	for (size_t i = 0; i < LENGTH_BYTES; i++)
		last[padded - 1 - i] = (unsigned char)((uint64_t)bytes.n * 8 >> (8 * i));
	for (size_t i = 0; i < padded; i += BLOCK_BYTES)
		take_block(hash, last + i);
	for (size_t i = 0; i < SHA1_BYTES; i++)
		ret_hash[i] = (unsigned char)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

enum { INNER_PAD = 0x36, OUTER_PAD = 0x5c };

/* The hash of the padded key and what follows it. */
static enum rc hash_padded(struct arena *arena, const unsigned char key[BLOCK_BYTES],
    unsigned char pad, str rest, unsigned char ret_hash[SHA1_BYTES])
{
	unsigned char *bytes = arena_alloc(arena, BLOCK_BYTES + rest.n);
	TRY(arena_status(arena));
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		bytes[i] = key[i] ^ pad;
	if (rest.n)
		memcpy(bytes + BLOCK_BYTES, rest.p, rest.n);
	sha1(str_bytes(bytes, BLOCK_BYTES + rest.n), ret_hash);
	crypto_wipe(bytes, BLOCK_BYTES);
	return RC_OK;
}

enum rc hmac_sha1(struct arena *arena, str key, str message, unsigned char ret_mac[SHA1_BYTES])
{
	unsigned char block[BLOCK_BYTES] = {0}, inner[SHA1_BYTES];
	if (key.n > BLOCK_BYTES)
		sha1(key, block);
	else if (key.n)
		memcpy(block, key.p, key.n);
	enum rc rc = hash_padded(arena, block, INNER_PAD, message, inner);
	if (rc == RC_OK)
		rc = hash_padded(arena, block, OUTER_PAD, str_bytes(inner, sizeof inner), ret_mac);
	crypto_wipe(block, sizeof block);
	return rc;
}
