#include "base/test.h"

#include "codec/base64.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

/* RFC 4648, section 10, and the examples of the specification's appendix. */
static void known_values(void **state)
{
	(void)state;
	static const struct {
		str bytes, text, url;
	} rows[] = {
		{STR_INIT(""), STR_INIT(""), STR_INIT("")},
		{STR_INIT("f"), STR_INIT("Zg"), STR_INIT("Zg")},
		{STR_INIT("fo"), STR_INIT("Zm8"), STR_INIT("Zm8")},
		{STR_INIT("foo"), STR_INIT("Zm9v"), STR_INIT("Zm9v")},
		{STR_INIT("foob"), STR_INIT("Zm9vYg"), STR_INIT("Zm9vYg")},
		{STR_INIT("fooba"), STR_INIT("Zm9vYmE"), STR_INIT("Zm9vYmE")},
		{STR_INIT("foobar"), STR_INIT("Zm9vYmFy"), STR_INIT("Zm9vYmFy")},
		{STR_INIT("\xfb\xff\xfe"), STR_INIT("+//+"), STR_INIT("-__-")},
		{STR_INIT("\0\0\0\0"), STR_INIT("AAAAAA"), STR_INIT("AAAAAA")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got;
		assert_str(base64_encode(&arena, BASE64_STANDARD, rows[i].bytes), rows[i].text);
		assert_str(base64_encode(&arena, BASE64_URL, rows[i].bytes), rows[i].url);
		assert_rc_of(base64_decode(&arena, BASE64_STANDARD, rows[i].text, &got), RC_OK, rows[i].text.p);
		assert_str(got, rows[i].bytes);
		assert_rc_of(base64_decode(&arena, BASE64_URL, rows[i].url, &got), RC_OK, rows[i].url.p);
		assert_str(got, rows[i].bytes);
	}
}

static void takes_padding_and_spare_bits(void **state)
{
	(void)state;
	static const struct {
		str text, bytes;
	} rows[] = {
		{STR_INIT("Zg=="), STR_INIT("f")},
		{STR_INIT("Zm8="), STR_INIT("fo")},
		{STR_INIT("Zm9vYg=="), STR_INIT("foob")},
		{STR_INIT("Zh"), STR_INIT("f")}, /* bits that belong to no byte */
		{STR_INIT("Zm9="), STR_INIT("fo")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str got;
		assert_rc_of(base64_decode(&arena, BASE64_STANDARD, rows[i].text, &got), RC_OK, rows[i].text.p);
		assert_str(got, rows[i].bytes);
	}
}

static void refuses_what_is_no_base64(void **state)
{
	(void)state;
	static const str bad[] = {
		STR_INIT("A"), STR_INIT("AAAAA"), STR_INIT("Zg="), STR_INIT("Zg==="), STR_INIT("="), STR_INIT("===="),
		STR_INIT("Zm9v===="), STR_INIT("Zm9v="), STR_INIT("Z=g="), STR_INIT("=Zg="), STR_INIT("Zm9v\n"),
		STR_INIT(" Zm9v"), STR_INIT("Zm\0v"), STR_INIT("Zm9\xff"), STR_INIT("-__-"), STR_INIT("Zm9v,"),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		str got = STR("untouched");
		assert_rc_of(base64_decode(&arena, BASE64_STANDARD, bad[i], &got), RC_INVALID_PARAM, bad[i].p);
		assert_str(got, STR("untouched"));
	}
	str got;
	assert_rc(base64_decode(&arena, BASE64_URL, STR("+//+"), &got), RC_INVALID_PARAM);
}

static void every_length_comes_back(void **state)
{
	(void)state;
	char bytes[300];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 37);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		struct buf buf;
		buf_init(&buf, &arena, 1000);
		base64_put(&buf, BASE64_URL, str_bytes(bytes, n));
		str got;
		assert_rc(base64_decode(&arena, BASE64_URL, buf_str(&buf), &got), RC_OK);
		assert_str(got, str_bytes(bytes, n));
	}
}

static void failures_are_reported(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, &arena, 3);
	base64_put(&buf, BASE64_STANDARD, STR("foo"));
	assert_rc(buf_status(&buf), RC_TOO_LARGE);
	arena_fail_after(0);
	str got;
	assert_int_equal(base64_encode(&arena, BASE64_STANDARD, STR("foo")).n, 0);
	assert_rc(base64_decode(&arena, BASE64_STANDARD, STR("Zm9v"), &got), RC_NOMEM);
	arena_fail_after(-1);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(known_values),
		WITH_ARENA(takes_padding_and_spare_bits),
		WITH_ARENA(refuses_what_is_no_base64),
		WITH_ARENA(every_length_comes_back),
		WITH_ARENA(failures_are_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
