/* Rule 4.4.1.7 (v12: 5.4.1.7): which keys and signatures make an invitation by a third party good. */
#include "base/test.h"

#include "codec/base64.h"
#include "codec/crypto.h"
#include "room.h"

#include <stdio.h>
#include <string.h>

enum { KEYS_TAKEN = 16 };

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return crypto_init() == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct ed25519_key key_of(unsigned number)
{
	unsigned char seed[ED25519_SEED_BYTES] = {(unsigned char)number, (unsigned char)(number >> 8)};
	struct ed25519_key key;
	ed25519_from_seed(&key, seed);
	return key;
}

#define MESSAGE "{\"mxid\":\"@left:a\",\"token\":\"tok\"}"

struct signature {
	unsigned char bytes[ED25519_SIGNATURE_BYTES + 1]; /* one more, for the case that it is too long */
};

static struct signature signature_by(const struct ed25519_key *key)
{
	struct signature signature = {.bytes = {0}};
	ed25519_sign(key, STR(MESSAGE), signature.bytes);
	return signature;
}

/* Judged in every version. `promise` is the content with the keys, `more` stands in what was signed. */
static void judged_as(str promise, str signature, const char *more, bool good)
{
	str content = arena_printf(&arena,
	    "{\"membership\":\"invite\",\"third_party_invite\":{\"signed\":{\"mxid\":\"@left:a\","
	    "\"signatures\":{\"id\":{\"ed25519:0\":\"%.*s\"}},\"token\":\"tok\"%s}}}%c",
	    STR_ARG(signature), more, '\0');
	str keys = arena_printf(&arena, "%.*s%c", STR_ARG(promise), '\0');
	struct auth_case c = {.type = "m.room.member", .sender = "@mod:a", .state_key = "@left:a",
	                      .content = content.p, .invite_keys = keys.p};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		struct auth_verdict verdict = test_room_judge(&arena, &versions[v], &c);
		assert_int_equal(verdict.allowed, good);
		if (!good)
			assert_non_null(strstr(verdict.rule, ".1.8"));
	}
}

static str promise_of(str key)
{
	return arena_printf(&arena, "{\"public_key\":\"%.*s\"}", STR_ARG(key));
}

static str encoded(enum base64_alphabet alphabet, const unsigned char *bytes, size_t n)
{
	return base64_encode(&arena, alphabet, str_bytes(bytes, n));
}

/* A key in the URL alphabet is known by either of its letters. */
static void either_letter_of_the_url_alphabet(void **state)
{
	(void)state;
	bool seen_dash = false, seen_underscore = false;
	for (unsigned i = 0; !seen_dash || !seen_underscore; i++) {
		struct ed25519_key key = key_of(i);
		str text = encoded(BASE64_URL, key.public_key, sizeof key.public_key);
		bool dash = str_find(text, '-') < text.n, underscore = str_find(text, '_') < text.n;
		if (dash == underscore)
			continue;
		seen_dash |= dash;
		seen_underscore |= underscore;
		struct signature signature = signature_by(&key);
		judged_as(promise_of(text), encoded(BASE64_STANDARD, signature.bytes, ED25519_SIGNATURE_BYTES), "",
		    true);
	}
}

/* What begins with the right bytes is not right. */
static void longer_than_it_is(void **state)
{
	(void)state;
	struct ed25519_key key = key_of(1);
	struct signature signature = signature_by(&key);
	unsigned char longer[ED25519_PUBLIC_BYTES + 1] = {0};
	memcpy(longer, key.public_key, ED25519_PUBLIC_BYTES);
	str right_key = promise_of(encoded(BASE64_STANDARD, longer, ED25519_PUBLIC_BYTES));
	str right_signature = encoded(BASE64_STANDARD, signature.bytes, ED25519_SIGNATURE_BYTES);
	judged_as(right_key, right_signature, "", true);
	judged_as(promise_of(encoded(BASE64_STANDARD, longer, sizeof longer)), right_signature, "", false);
	judged_as(right_key, encoded(BASE64_STANDARD, signature.bytes, sizeof signature.bytes), "", false);
}

/* `signatures` and `unsigned` are not part of what was signed; anything else is. */
static void what_is_signed(void **state)
{
	(void)state;
	struct ed25519_key key = key_of(1);
	struct signature signature = signature_by(&key);
	str promise = promise_of(encoded(BASE64_STANDARD, key.public_key, sizeof key.public_key));
	str text = encoded(BASE64_STANDARD, signature.bytes, ED25519_SIGNATURE_BYTES);
	judged_as(promise, text, ",\"unsigned\":{\"age\":1}", true);
	judged_as(promise, text, ",\"zunsigned\":{\"age\":1}", false);
}

/* The right key as the last of `count`. */
static str promise_of_many(const struct ed25519_key *right, int count)
{
	struct buf buf;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_put(&buf, STR("{\"public_keys\":["));
	for (int i = 1; i <= count; i++) {
		struct ed25519_key other = key_of((unsigned)i + 1000);
		const struct ed25519_key *key = i == count ? right : &other;
		buf_printf(&buf, "%s{\"public_key\":\"%.*s\"}", i > 1 ? "," : "",
		    STR_ARG(encoded(BASE64_STANDARD, key->public_key, sizeof key->public_key)));
	}
	buf_put(&buf, STR("]}"));
	return buf_str(&buf);
}

static void only_so_many_keys(void **state)
{
	(void)state;
	struct ed25519_key key = key_of(1);
	struct signature signature = signature_by(&key);
	str text = encoded(BASE64_STANDARD, signature.bytes, ED25519_SIGNATURE_BYTES);
	judged_as(promise_of_many(&key, KEYS_TAKEN), text, "", true);
	judged_as(promise_of_many(&key, KEYS_TAKEN + 1), text, "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_letter_of_the_url_alphabet),
		cmocka_unit_test(longer_than_it_is),
		cmocka_unit_test(what_is_signed),
		cmocka_unit_test(only_so_many_keys),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
