#include "base/test.h"

#include "matrix/ids.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A200 A50 A50 A50 A50
#define HASH "Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"

static void server_names(void **state)
{
	(void)state;
	static const str valid[] = {
		STR_INIT("matrix.org"),
		STR_INIT("matrix.org:8888"),
		STR_INIT("1.2.3.4"),
		STR_INIT("1.2.3.4:1234"),
		STR_INIT("[1234:5678::abcd]"),
		STR_INIT("[1234:5678::abcd]:5678"),
		STR_INIT("[::]"),
		STR_INIT("[::ffff:1.2.3.4]"),
		STR_INIT("localhost"),
		STR_INIT("a"),
		STR_INIT("A-b.C:0"),
		STR_INIT("a:65535"),
		STR_INIT("1.2.3"),
		STR_INIT("1.2.3.4.5"),
		STR_INIT("1.2.3.a"),
	};
	static const str invalid[] = {
		STR_INIT(""),          STR_INIT(":"),           STR_INIT(":80"),         STR_INIT("a:"),
		STR_INIT("a:65536"),   STR_INIT("a:123456"),    STR_INIT("a:-1"),        STR_INIT("a:+1"),
		STR_INIT("a:8 "),      STR_INIT("a:x"),         STR_INIT("a:1:2"),       STR_INIT("a b"),
		STR_INIT("a_b"),       STR_INIT("a..b"),        STR_INIT(".a"),          STR_INIT("a."),
		STR_INIT("256.1.1.1"), STR_INIT("1.1.1.999"),   STR_INIT("1.1.1.0001"),  STR_INIT("["),
		STR_INIT("[]"),        STR_INIT("[::"),         STR_INIT("::1"),         STR_INIT("[::1]x"),
		STR_INIT("[::1]:"),    STR_INIT("[1.2.3.4]"),   STR_INIT("[a]"),         STR_INIT("[::1%lo]"),
		STR_INIT("a\0b"),      STR_INIT("[::1\0]"),     STR_INIT("a/b"),         STR_INIT("\xc3\xa9.org"),
		STR_INIT("a:80\0"),    STR_INIT(A50 A10 "aaaa"), STR_INIT("a@b"),
		STR_INIT(A50 "." A50 "." A50 "." A50 "." A10 A10 "abcdefgh"),
	};
	for (size_t i = 0; i < COUNT_OF(valid); i++)
		if (!server_name_valid(valid[i]))
			fail_msg("refused %.*s", STR_ARG(valid[i]));
	for (size_t i = 0; i < COUNT_OF(invalid); i++)
		if (server_name_valid(invalid[i]))
			fail_msg("took %.*s (%zu)", STR_ARG(invalid[i]), i);
}

struct id_row {
	bool (*parse)(str id, struct id_parts *ret_parts);
	str id;
	bool valid;
	str localpart, domain;
};

#define TAKES(fn, id, localpart, domain) {fn, STR_INIT(id), true, STR_INIT(localpart), STR_INIT(domain)}
#define REFUSES(fn, id) {fn, STR_INIT(id), false, STR_INIT(""), STR_INIT("")}

static const struct id_row id_rows[] = {
	TAKES(user_id_parse, "@alice:example.org", "alice", "example.org"),
	TAKES(user_id_parse, "@a.b_c=d-e/f+g:example.org:8448", "a.b_c=d-e/f+g", "example.org:8448"),
	TAKES(user_id_parse, "@:example.org", "", "example.org"),
	TAKES(user_id_parse, "@A B\x01\x7f\xe6\x97\xa5:[::1]:1", "A B\x01\x7f\xe6\x97\xa5", "[::1]:1"),
	TAKES(user_id_parse, "@" A200 A50 "ab:b", A200 A50 "ab", "b"),
	TAKES(room_id_parse, "!opaque:example.org", "opaque", "example.org"),
	TAKES(room_id_parse, "!" HASH, HASH, ""),
	TAKES(room_id_parse, "!" HASH ":a", HASH, "a"),
	TAKES(room_alias_parse, "#\xe6\x97\xa5\xe6\x9c\xac:example.org", "\xe6\x97\xa5\xe6\x9c\xac", "example.org"),
	TAKES(event_id_parse, "$" HASH, HASH, ""),
	TAKES(event_id_parse, "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk", "acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk",
	      ""),
	TAKES(event_id_parse, "$143273582443PhrSn:example.org", "143273582443PhrSn", "example.org"),
	REFUSES(user_id_parse, ""),
	REFUSES(user_id_parse, "@"),
	REFUSES(user_id_parse, "@alice"),
	REFUSES(user_id_parse, "@alice:"),
	REFUSES(user_id_parse, "alice:example.org"),
	REFUSES(user_id_parse, "#alice:example.org"),
	REFUSES(user_id_parse, "@al:ice:example.org"),
	REFUSES(user_id_parse, "@al\0ice:example.org"),
	REFUSES(user_id_parse, "@al\xff:example.org"),
	REFUSES(user_id_parse, "@al\xed\xa0\x80:example.org"),
	REFUSES(user_id_parse, "@" HASH),
	REFUSES(user_id_parse, "@" A200 A50 "abc:b"),
	REFUSES(room_id_parse, "!"),
	REFUSES(room_id_parse, "!opaque"),
	REFUSES(room_id_parse, "!" HASH "a"),
	REFUSES(room_id_parse, "!Rqnc F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"),
	REFUSES(room_id_parse, "$" HASH),
	REFUSES(room_alias_parse, "#" HASH),
	REFUSES(room_alias_parse, "#alias"),
	REFUSES(event_id_parse, "$"),
	REFUSES(event_id_parse, "!" HASH),
	REFUSES(event_id_parse, "$" HASH "="),
};

static void identifiers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(id_rows); i++) {
		const struct id_row *row = &id_rows[i];
		struct id_parts parts = {STR("untouched"), STR("untouched")};
		if (row->parse(row->id, &parts) != row->valid || row->parse(row->id, NULL) != row->valid)
			fail_msg("%.*s is %s", STR_ARG(row->id), row->valid ? "refused" : "taken");
		assert_str(parts.localpart, row->valid ? row->localpart : STR("untouched"));
		assert_str(parts.domain, row->valid ? row->domain : STR("untouched"));
	}
}

static void localparts_for_registration(void **state)
{
	(void)state;
	assert_true(user_localpart_valid_for_registration(STR("abcxyz0189._=/+-")));
	static const str invalid[] = {
		STR_INIT(""),  STR_INIT("Alice"), STR_INIT("a b"),      STR_INIT("a:b"), STR_INIT("\xc3\xa9"),
		STR_INIT("@"), STR_INIT("a\0"),   STR_INIT("a*"),       STR_INIT("a\n"), STR_INIT(A200 A50 "aaaaaa"),
	};
	for (size_t i = 0; i < COUNT_OF(invalid); i++)
		if (user_localpart_valid_for_registration(invalid[i]))
			fail_msg("took %.*s", STR_ARG(invalid[i]));
}

static void user_ids_made(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	assert_str(user_id_make(&arena, STR("alice"), STR("example.org")), STR("@alice:example.org"));
	assert_str(user_id_make(&arena, STR(""), STR("")), STR("@:"));
	assert_int_equal(user_id_make(&arena, STR(A200 A50 "a"), STR("bc")).n, ID_MAX_BYTES);
	assert_int_equal(user_id_make(&arena, STR(A200 A50 "ab"), STR("bc")).n, 0);
	assert_int_equal(user_id_make(&arena, STR("a"), (str){"", SIZE_MAX - 1}).n, 0);
	arena_fail_after(0);
	assert_int_equal(user_id_make(&arena, STR("alice"), STR("example.org")).n, 0);
	arena_fail_after(-1);
}

static void mxc_uris(void **state)
{
	(void)state;
	str server = STR("untouched"), media = STR("untouched");
	static const str invalid[] = {
		STR_INIT(""),        STR_INIT("mxc://"),     STR_INIT("mxc://a"),          STR_INIT("mxc://a/"),
		STR_INIT("mxc:///b"), STR_INIT("mxc://a/b/c"), STR_INIT("MXC://a/b"),        STR_INIT("mxc://a b/c"),
		STR_INIT("http://a/b"), STR_INIT("mxc://a/.."), STR_INIT("mxc://a/b%2f"),     STR_INIT("mxc://a/b\0"),
		STR_INIT("mxc://a/" A200 A50 "aaaaaa"),
	};
	for (size_t i = 0; i < COUNT_OF(invalid); i++)
		if (mxc_parse(invalid[i], &server, &media))
			fail_msg("took %.*s", STR_ARG(invalid[i]));
	assert_str(server, STR("untouched"));
	assert_true(mxc_parse(STR("mxc://example.org:1/aB-_9"), &server, &media));
	assert_str(server, STR("example.org:1"));
	assert_str(media, STR("aB-_9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_names),   cmocka_unit_test(identifiers), cmocka_unit_test(localparts_for_registration),
		cmocka_unit_test(user_ids_made), cmocka_unit_test(mxc_uris),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
