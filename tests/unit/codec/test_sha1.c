#include "base/test.h"

#include "codec/sha1.h"

#include <stdio.h>

static void to_hex(const unsigned char hash[SHA1_BYTES], char hex[2 * SHA1_BYTES + 1])
{
	for (size_t i = 0; i < SHA1_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static void sha1_is(const char *text, const char *expected)
{
	unsigned char hash[SHA1_BYTES];
	char hex[2 * SHA1_BYTES + 1];
	sha1(str_of(text), hash);
	to_hex(hash, hex);
	assert_string_equal(hex, expected);
}

/* FIPS 180's examples, and lengths around a block's end (by Python's hashlib). */
static void sha1_vectors(void **state)
{
	(void)state;
	sha1_is("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	sha1_is("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
	sha1_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	sha1_is("0123456789012345678901234567890123456789012345678901234",
	    "9f3a4ce7f66b1b74c34da2c5d732c39f81e0f8df");
	sha1_is("01234567890123456789012345678901234567890123456789012345678901234",
	    "92de3a8444fe6d15268f0ba810aa43bc8b3a4ffe");
	sha1_is("0123456789012345678901234567890123456789012345678901234567890123",
	    "cf0800f7644ace3cb4c3fa33388d3ba0ea3c8b6e");
}

static void mac_is(str key, str message, const char *expected)
{
	struct arena CLEANUP(arena_release) arena;
	unsigned char mac[SHA1_BYTES];
	char hex[2 * SHA1_BYTES + 1];
	arena_init(&arena, 4096);
	assert_rc(hmac_sha1(&arena, key, message, mac), RC_OK);
	to_hex(mac, hex);
	assert_string_equal(hex, expected);
}

/* RFC 2202, section 3. */
static void hmac_vectors(void **state)
{
	(void)state;
	char key[80], data[50];
	memset(key, 0x0b, 20);
	mac_is(str_bytes(key, 20), STR("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00");
	mac_is(STR("Jefe"), STR("what do ya want for nothing?"),
	    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	memset(key, 0xaa, 80);
	memset(data, 0xdd, 50);
	mac_is(str_bytes(key, 20), str_bytes(data, 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
	mac_is(str_bytes(key, 80), STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	    "aa4ae5e15272d00e95705637ce8a3b55ed402112");
	mac_is(str_bytes(key, 80),
	    STR("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
	    "e8e99d0f45237d786d6bbaa7965c7808bbff1a91");
	mac_is(STR_EMPTY, STR_EMPTY, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static void failing_allocations_are_told(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	unsigned char mac[SHA1_BYTES];
	arena_init(&arena, 4096);
	arena_fail_after(0);
	assert_rc(hmac_sha1(&arena, STR("a"), STR("b"), mac), RC_NOMEM);
	arena_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha1_vectors),
	    cmocka_unit_test(hmac_vectors),
	    cmocka_unit_test(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
