/* Globs against tables, and against a matcher that tries everything. */
#include "base/test.h"

#include "codec/utf8.h"
#include "matrix/push_glob.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static bool whole(const char *pattern, str text)
{
	struct glob glob;
	struct glob_work work = {1 << 20};
	assert_rc(glob_compile(&arena, str_of(pattern), &glob), RC_OK);
	return glob_matches(&glob, text, &work);
}

static bool words(const char *pattern, str text)
{
	struct glob glob;
	struct glob_work work = {1 << 20};
	assert_rc(glob_compile(&arena, str_of(pattern), &glob), RC_OK);
	return glob_matches_words(&glob, text, &work);
}

struct row {
	const char *pattern, *text;
	bool whole, words;
};

static const struct row rows[] = {
	{"lunc?*", "Lunch plans", true, true}, /* the specification's examples */
	{"lunc?*", "LUNCH", true, true},
	{"lunc?*", " lunch", false, true},
	{"lunc?*", "lunc", false, false},
	{"ex*ple", "An example event.", false, true},
	{"ex*ple", "exple", true, true},
	{"ex*ple", "An exciting triple-whammy", false, true},
	{"ex*ple", "examples", false, false},
	{"ex*ple", "hexample", false, false},
	{"", "", true, true},
	{"", "a", false, true},
	{"*", "", true, true},
	{"*", "anything", true, true},
	{"**", "x", true, true},
	{"?", "", false, false},
	{"?", "a", true, true},
	{"?", "ab", false, false},
	{"?", "a b", false, true},
	{"?", "\xf0\x9f\x98\x80", true, true},
	{"??", "\xc3\xa4\xc3\xb6", true, true},
	{"cake", "cake", true, true},
	{"cake", "CaKe", true, true},
	{"CAKE", "cake", true, true},
	{"cake", "a cake!", false, true},
	{"cake", "cakes", false, false},
	{"cake", "pancake", false, false},
	{"cake", "cake_", false, false},
	{"cake", "cake1", false, false},
	{"cake", "-cake-", false, true},
	{"cake", "cakes, cakes and cake", false, true},
	{"cake", "\xc3\xa4" "cake\xc3\xb6", false, true}, /* by the specification's sets, these are no characters of words */
	{"cake\n", "a cake\n", false, true},
	{"@room", "hi @room", false, true},
	{"@room", "hi@room", false, true},
	{"c++", "I like c++", false, true},
	{"c++", "c++x", false, true},
	{"cake*lie", "cake is a lie", true, true},
	{"cake*lie", "the cake is a lie", false, true},
	{"cake*lie", "cake is a lied", false, false},
	{"cake*lie", "cakelie", true, true},
	{"a*b*c", "aXbXc", true, true},
	{"a*b*c", "acb", false, false},
	{"a*b*a", "aba", true, true},
	{"ab*ba", "aba", false, false},
	{"a*a", "a", false, false},
	{"*a", "ba", true, true},
	{"a*", "ab", true, true},
	{"*.example.org", "@a:sub.EXAMPLE.org", true, true},
	{"a?c*", "abcd", true, true},
	{"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\x95\xd0\xa2", true, true},
	{"\xce\xa3", "\xcf\x82", true, true},  /* the two small sigmas */
	{"\xc3\x9f", "SS", false, false},      /* one character folds to one */
	{"\xe2\x84\xaa", "k", true, true},     /* the sign of the kelvin */
	{"*\xc3\x84", "x\xc3\xa4", true, true},
	{"i", "\xc4\xb0", false, false},
	{"[a]", "a", false, false},
	{"a.c", "abc", false, false},
	{"\\*", "\\anything", true, true},
	{"a\\?", "a\\b", true, true},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str text = str_of(rows[i].text);
		if (whole(rows[i].pattern, text) != rows[i].whole)
			fail_msg("whole: \"%s\" \"%s\"", rows[i].pattern, rows[i].text);
		if (words(rows[i].pattern, text) != rows[i].words)
			fail_msg("words: \"%s\" \"%s\"", rows[i].pattern, rows[i].text);
	}
}

/* Recursive, on ASCII. */
static bool slow(const char *pattern, const char *text, size_t n)
{
	if (*pattern == '\0')
		return n == 0;
	if (*pattern == '*')
		return slow(pattern + 1, text, n) || (n && slow(pattern, text + 1, n - 1));
	if (n == 0)
		return false;
	if (*pattern != '?' && utf8_fold((unsigned char)*pattern) != utf8_fold((unsigned char)*text))
		return false;
	return slow(pattern + 1, text + 1, n - 1);
}

static bool is_word(char c)
{
	return c == 'a' || c == 'B';
}

static bool slow_words(const char *pattern, const char *text)
{
	size_t n = strlen(text);
	for (size_t from = 0; from <= n; from++) {
		if (from && from < n && is_word(text[from - 1]) && is_word(text[from]))
			continue;
		for (size_t to = from; to <= n; to++)
			if (!(to && to < n && is_word(text[to - 1]) && is_word(text[to])) &&
			    slow(pattern, text + from, to - from))
				return true;
	}
	return false;
}

static void spell(char *text, size_t number, const char *alphabet, size_t letters)
{
	size_t n = 0;
	for (; number > 0; number = (number - 1) / letters)
		text[n++] = alphabet[(number - 1) % letters];
	text[n] = '\0';
}

/* All patterns of up to five letters against all texts of up to five. */
static void against_the_slow_one(void **state)
{
	(void)state;
	enum { PATTERNS = 1365, TEXTS = 364 };
	char pattern[16], text[16];
	for (size_t p = 0; p < PATTERNS; p++) {
		struct glob glob;
		spell(pattern, p, "ab*?", 4);
		arena_clear(&arena);
		assert_rc(glob_compile(&arena, str_of(pattern), &glob), RC_OK);
		for (size_t t = 0; t < TEXTS; t++) {
			struct glob_work work = {1 << 20};
			spell(text, t, "aB-", 3);
			if (glob_matches(&glob, str_of(text), &work) != slow(pattern, text, strlen(text)))
				fail_msg("whole: \"%s\" \"%s\"", pattern, text);
			if (glob_matches_words(&glob, str_of(text), &work) != slow_words(pattern, text))
				fail_msg("words: \"%s\" \"%s\"", pattern, text);
		}
	}
}

static void literal(void **state)
{
	(void)state;
	struct glob_work work = {1 << 20};
	assert_true(text_matches_words(STR("Al*e?"), STR("hello al*E?!"), &work));
	assert_false(text_matches_words(STR("Al*e?"), STR("hello aline!"), &work));
	assert_false(text_matches_words(STR("al"), STR("also"), &work));
}

/* What costs too much does not match, and costs no more. */
static void work_is_bounded(void **state)
{
	(void)state;
	enum { TEXT = 65536, PATTERN = 1000 };
	char *text = arena_alloc(&arena, TEXT), *pattern = arena_alloc(&arena, PATTERN + 2);
	struct glob glob;
	struct glob_work work = {1 << 16};
	memset(text, 'a', TEXT);
	memset(pattern, 'a', PATTERN);
	memcpy(pattern + PATTERN, "b", 2);
	assert_rc(glob_compile(&arena, str_of(pattern), &glob), RC_OK);
	assert_false(glob_matches_words(&glob, str_bytes(text, TEXT), &work));
	struct glob stars;
	assert_rc(glob_compile(&arena, STR("*a*a*a*a*a*b*"), &stars), RC_OK);
	work.left = 1 << 18;
	assert_false(glob_matches(&stars, str_bytes(text, TEXT), &work));
	assert_true(work.left > 0); /* stars alone cost no more than the text */
	assert_rc(glob_compile(&arena, STR("*aab"), &stars), RC_OK);
	work.left = 1 << 18;
	assert_false(glob_matches(&stars, str_bytes(text, TEXT), &work));
	assert_true(work.left > (1 << 18) - 100);
}

static void folding(void **state)
{
	(void)state;
	static const struct {
		uint32_t from, to;
	} folds[] = {
		{'A', 'a'}, {'Z', 'z'}, {'[', '['}, {'@', '@'}, {0xc4, 0xe4}, {0xe4, 0xe4}, {0x3a3, 0x3c3}, {0x3c2, 0x3c3},
		{0x130, 0x130}, {0x131, 0x131}, {0x17f, 's'}, {0x212a, 'k'}, {0xb5, 0x3bc}, {0x1e9e, 0xdf}, {0xdf, 0xdf},
		{0x10400, 0x10428}, {0x1f600, 0x1f600}, {0x10ffff, 0x10ffff},
	};
	for (size_t i = 0; i < COUNT_OF(folds); i++)
		assert_int_equal(utf8_fold(folds[i].from), folds[i].to);
	for (uint32_t c = 0; c <= 0x10ffff; c++)
		if (utf8_fold(utf8_fold(c)) != utf8_fold(c))
			fail_msg("U+%04X folds twice", c);
}

static void without_memory(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) small = {0};
	struct glob glob = {0};
	bool done = false;
	for (int64_t k = 0; !done; k++) {
		arena_release(&small);
		arena_init(&small, MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = glob_compile(&small, STR("a*b"), &glob);
		arena_fail_after(-1);
		done = rc == RC_OK;
		assert_true(done || (rc == RC_NOMEM && glob.count == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(against_the_slow_one), cmocka_unit_test(literal),
		cmocka_unit_test(work_is_bounded), cmocka_unit_test(folding), cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
