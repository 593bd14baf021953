#include "base/test.h"

#include "codec/fold.h"
#include "codec/utf8.h"

#include <stdio.h>

static void folds(void **state)
{
	(void)state;
	static const struct {
		const char *text, *folded;
	} rows[] = {
	    {"", ""},
	    {"plain text, 09_-", "plain text, 09_-"},
	    {"HELLO World", "hello world"},
	    {"ÄÖÜ äöü", "äöü äöü"},
	    {"A\xcc\x88", "ä"}, /* composed */
	    {"STRASSE straße", "strasse strasse"},
	    {"ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ σίσυφοσ"},
	    {"ﬁ Ⅷ ２", "fi viii 2"}, /* compatible forms */
	    {"ДОБРО", "добро"},
	    {"so\xc2\xad" "ft", "soft"}, /* what is not seen */
	    {"日本語", "日本語"},
	    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena CLEANUP(arena_release) arena;
		str folded;
		arena_init(&arena, 4096);
		assert_int_equal(text_fold(&arena, str_of(rows[i].text), &folded), RC_OK);
		if (!str_eq(folded, str_of(rows[i].folded)))
			fail_msg("%s: %.*s", rows[i].text, STR_ARG(folded));
	}
}

static void folds_to_bare_letters(void **state)
{
	(void)state;
	static const struct {
		const char *text, *folded;
	} rows[] = {
	    {"", ""},
	    {"José ÅSA", "jose asa"},
	    {"A\xcc\x88"
	     "b",
		"ab"},
	    {"Việt", "viet"},
	    {"Ёлка й", "елка и"},
	    {"ø ß", "ø ss"}, /* a letter of its own, and one that is two */
	    {"が", "か"},
	    {"한글", "한글"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena CLEANUP(arena_release) arena;
		str folded;
		arena_init(&arena, 4096);
		assert_int_equal(text_fold_bare(&arena, str_of(rows[i].text), &folded), RC_OK);
		if (!str_eq(folded, str_of(rows[i].folded)))
			fail_msg("%s: %.*s", rows[i].text, STR_ARG(folded));
	}
}

static void finds_words(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words; /* each with a bar behind it */
	} rows[] = {
	    {"", ""},
	    {" .-\t\xc2\xa0", ""},
	    {"one", "one|"},
	    {" one  two.three_four-five", "one|two|three|four|five|"},
	    {"O'Neil (Sam)", "O|Neil|Sam|"},
	    {"«été» 2nd", "été|2nd|"},
	    {"a\xf0\x9f\x98\x80"
	     "b +1",
		"a\xf0\x9f\x98\x80"
		"b|+1|"},
	    {"日本、語", "日本|語|"},
	    {"a\xff"
	     "b",
		"a|b|"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char words[64] = "";
		str rest = str_of(rows[i].text), word;
		while (text_next_word(&rest, &word))
			snprintf(words + strlen(words), sizeof words - strlen(words), "%.*s|",
			    STR_ARG(word));
		assert_string_equal(words, rows[i].words);
	}
}

static void keeps_bytes_that_are_no_text(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	str folded;
	arena_init(&arena, 4096);
	assert_int_equal(text_fold(&arena, STR("\xff\xfe"), &folded), RC_INVALID_PARAM);
	assert_int_equal(text_fold(&arena, str_bytes("A\0B", 3), &folded), RC_OK);
	assert_true(str_eq(folded, str_bytes("a\0b", 3)));
	assert_int_equal(text_fold(&arena, str_bytes("Ä\0B", 4), &folded), RC_OK);
	assert_true(str_eq(folded, str_bytes("ä\0b", 4)));
}

/* Every character grows within the bound, and into a text. */
static void growth(void **state)
{
	(void)state;
	for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
		struct arena CLEANUP(arena_release) arena;
		char bytes[4];
		size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
		uint32_t rest = c;
		for (size_t i = n - 1; i > 0; i--, rest >>= 6)
			bytes[i] = (char)(0x80 | (rest & 0x3f));
		bytes[0] = (char)(lead[n] | rest);
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		str folded;
		arena_init(&arena, 4096);
		assert_int_equal(text_fold(&arena, str_bytes(bytes, n), &folded), RC_OK);
		if (folded.n > n * FOLD_GROWTH_MAX || !utf8_valid(folded))
			fail_msg("U+%04X", c);
	}
}

static void failing_allocations_are_told(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	str folded;
	arena_init(&arena, 4096);
	arena_fail_after(0);
	assert_int_equal(text_fold(&arena, STR("a"), &folded), RC_NOMEM);
	arena_clear(&arena);
	assert_int_equal(text_fold(&arena, STR("ä"), &folded), RC_NOMEM);
	arena_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(folds),
	    cmocka_unit_test(folds_to_bare_letters),
	    cmocka_unit_test(finds_words),
	    cmocka_unit_test(keeps_bytes_that_are_no_text),
	    cmocka_unit_test(growth),
	    cmocka_unit_test(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
