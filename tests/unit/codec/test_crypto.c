#include "base/test.h"

#include "codec/base64.h"
#include "codec/crypto.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	return crypto_init() == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static str hex_of(const unsigned char *bytes, size_t n)
{
	struct buf buf;
	buf_init(&buf, &arena, 1000);
	for (size_t i = 0; i < n; i++)
		buf_printf(&buf, "%02x", bytes[i]);
	return buf_str(&buf);
}

static void init_can_be_repeated(void **state)
{
	(void)state;
	assert_rc(crypto_init(), RC_OK);
}

/* FIPS 180-4, the examples of its publishers. */
static void sha256_of_known_texts(void **state)
{
	(void)state;
	static const struct {
		str text;
		str hex;
	} rows[] = {
		{{0}, STR_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
		{STR_INIT("abc"), STR_INIT("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")},
		{STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	         STR_INIT("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_str(hex_of(sha256(rows[i].text).bytes, SHA256_BYTES), rows[i].hex);
}

/* Appendices, "Cryptographic Test Vectors": the seed, and the signature of the empty object. */
static void ed25519_of_the_specification(void **state)
{
	(void)state;
	str seed, signature;
	struct ed25519_key key;
	unsigned char got[ED25519_SIGNATURE_BYTES];
	assert_rc(base64_decode(&arena, BASE64_STANDARD, STR("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"), &seed),
	          RC_OK);
	assert_int_equal(seed.n, ED25519_SEED_BYTES);
	ed25519_from_seed(&key, (const unsigned char *)seed.p);
	assert_memory_equal(key.seed, seed.p, ED25519_SEED_BYTES);
	assert_str(base64_encode(&arena, BASE64_STANDARD, str_bytes(key.public_key, ED25519_PUBLIC_BYTES)),
	           STR("XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"));
	ed25519_sign(&key, STR("{}"), got);
	signature = base64_encode(&arena, BASE64_STANDARD, str_bytes(got, sizeof got));
	assert_str(signature, STR("K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"));
	assert_true(ed25519_verify(key.public_key, STR("{}"), got));
}

static void every_changed_bit_is_refused(void **state)
{
	(void)state;
	unsigned char seed[ED25519_SEED_BYTES] = {1}, signature[ED25519_SIGNATURE_BYTES];
	struct ed25519_key key;
	ed25519_from_seed(&key, seed);
	ed25519_sign(&key, STR("message"), signature);
	assert_true(ed25519_verify(key.public_key, STR("message"), signature));
	assert_false(ed25519_verify(key.public_key, STR("messagf"), signature));
	assert_false(ed25519_verify(key.public_key, STR_EMPTY, signature));
	for (size_t bit = 0; bit < sizeof signature * 8; bit++) {
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(ed25519_verify(key.public_key, STR("message"), signature));
		signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < ED25519_PUBLIC_BYTES * 8; bit++) {
		key.public_key[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(ed25519_verify(key.public_key, STR("message"), signature));
		key.public_key[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

static void zero_key_accepts_nothing(void **state)
{
	(void)state;
	unsigned char zero_key[ED25519_PUBLIC_BYTES] = {0}, zero_signature[ED25519_SIGNATURE_BYTES] = {0};
	assert_false(ed25519_verify(zero_key, STR("message"), zero_signature));
	zero_key[0] = 1; /* the neutral element: would accept any message */
	zero_signature[0] = 1;
	assert_false(ed25519_verify(zero_key, STR("message"), zero_signature));
}

static const struct password_cost CHEAP = {.passes = 1, .memory_bytes = 8192};

static void passwords_verify(void **state)
{
	(void)state;
	str phc, again;
	assert_rc(password_hash(&arena, STR("correct horse"), CHEAP, &phc), RC_OK);
	assert_rc(password_hash(&arena, STR("correct horse"), CHEAP, &again), RC_OK);
	assert_true(str_starts(phc, STR("$argon2id$v=19$m=8,t=1,p=1$")));
	assert_true(phc.n < PASSWORD_HASH_MAX_BYTES);
	assert_false(str_eq(phc, again)); /* the salt differs */
	assert_true(password_verify(phc, STR("correct horse")));
	assert_true(password_verify(again, STR("correct horse")));
	assert_false(password_verify(phc, STR("correct horsf")));
	assert_false(password_verify(phc, STR_EMPTY));
	assert_false(password_verify(phc, STR("correct horse\0")));
	assert_rc(password_hash(&arena, STR_EMPTY, CHEAP, &phc), RC_OK);
	assert_true(password_verify(phc, STR_EMPTY));
	assert_rc(password_hash(&arena, STR("a\0b"), CHEAP, &phc), RC_OK);
	assert_false(password_verify(phc, STR("a\0c")));
	assert_true(password_verify(phc, STR("a\0b")));
}

static void damaged_hashes_verify_nothing(void **state)
{
	(void)state;
	char long_text[300];
	memset(long_text, '$', sizeof long_text);
	const str bad[] = {
		STR_EMPTY, STR("$argon2id$"), STR("plain"), STR("$argon2id$v=19$m=8,t=1,p=1$AAAA$"),
		str_bytes(long_text, 127), str_bytes(long_text, 128), str_bytes(long_text, 300),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(password_verify(bad[i], STR("plain")));
}

static void impossible_costs_are_refused(void **state)
{
	(void)state;
	static const struct password_cost costs[] = {{0, 8192}, {1, 8191}, {1, 0}, {1, SIZE_MAX}};
	for (size_t i = 0; i < COUNT_OF(costs); i++) {
		str phc = STR("untouched");
		assert_rc(password_hash(&arena, STR("x"), costs[i], &phc), RC_INVALID_PARAM);
		assert_str(phc, STR("untouched"));
	}
	str phc;
	arena_fail_after(0);
	assert_rc(password_hash(&arena, STR("x"), CHEAP, &phc), RC_NOMEM);
	arena_fail_after(-1);
}

static void wipe_leaves_nothing(void **state)
{
	(void)state;
	unsigned char secret[64], zero[64] = {0};
	memset(secret, 0x5a, sizeof secret);
	crypto_wipe(secret, sizeof secret);
	assert_memory_equal(secret, zero, sizeof secret);
	crypto_wipe(secret, 0);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(init_can_be_repeated),
		WITH_ARENA(sha256_of_known_texts),
		WITH_ARENA(ed25519_of_the_specification),
		WITH_ARENA(every_changed_bit_is_refused),
		WITH_ARENA(zero_key_accepts_nothing),
		WITH_ARENA(passwords_verify),
		WITH_ARENA(damaged_hashes_verify_nothing),
		WITH_ARENA(impossible_costs_are_refused),
		WITH_ARENA(wipe_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
