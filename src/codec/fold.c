#include "codec/fold.h"

#include <utf8proc.h>

static bool is_ascii(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

static enum rc ascii_fold(struct arena *arena, str text, str *ret_folded)
{
	char *folded = arena_alloc(arena, text.n);
	TRY(arena_status(arena));
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		folded[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	*ret_folded = str_bytes(folded, text.n);
	return RC_OK;
}

static const utf8proc_option_t options_fold =
    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

static enum rc unicode_fold(
    struct arena *arena, str text, utf8proc_option_t options, str *ret_folded)
{
	const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.p;
	utf8proc_ssize_t n = (utf8proc_ssize_t)text.n;
	utf8proc_ssize_t count = utf8proc_decompose(bytes, n, NULL, 0, options);
	if (count < 0)
		return RC_INVALID_PARAM;
	/* The library writes the text over the numbers of its characters, and a NUL behind it. */
	utf8proc_int32_t *characters = arena_array(arena, utf8proc_int32_t, (size_t)count + 1);
	TRY(arena_status(arena));
	if (utf8proc_decompose(bytes, n, characters, count, options) != count)
		return RC_INVALID_PARAM;
	utf8proc_ssize_t folded = utf8proc_reencode(characters, count, options);
	if (folded < 0)
		return RC_INVALID_PARAM;
	*ret_folded = str_bytes(characters, (size_t)folded);
	return RC_OK;
}

enum rc text_fold(struct arena *arena, str text, str *ret_folded)
{
	return is_ascii(text) ? ascii_fold(arena, text, ret_folded)
			      : unicode_fold(arena, text, options_fold, ret_folded);
}

enum rc text_fold_bare(struct arena *arena, str text, str *ret_folded)
{
	return is_ascii(text)
		   ? ascii_fold(arena, text, ret_folded)
		   : unicode_fold(arena, text, options_fold | UTF8PROC_STRIPMARK, ret_folded);
}

#define CATEGORY(name) (UINT32_C(1) << UTF8PROC_CATEGORY_##name)

/* Punctuation, blanks, controls. */
static const uint32_t between_words = CATEGORY(PC) | CATEGORY(PD) | CATEGORY(PS) | CATEGORY(PE) |
				      CATEGORY(PI) | CATEGORY(PF) | CATEGORY(PO) | CATEGORY(ZS) |
				      CATEGORY(ZL) | CATEGORY(ZP) | CATEGORY(CC) | CATEGORY(CF);

static bool is_in_word(utf8proc_int32_t character)
{
	return (between_words >> (unsigned)utf8proc_category(character) & 1) == 0;
}

/* The character at the start of a text that is not empty, and its bytes; what is no UTF-8 is passed over. */
static bool starts_in_word(str text, size_t *ret_bytes)
{
	utf8proc_int32_t character;
	utf8proc_ssize_t n = utf8proc_iterate(
	    (const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &character);
	*ret_bytes = n > 0 ? (size_t)n : 1;
	return n > 0 && is_in_word(character);
}

bool text_next_word(str *cursor, str *ret_word)
{
	str rest = *cursor;
	size_t bytes;
	while (rest.n > 0 && !starts_in_word(rest, &bytes))
		rest = str_from(rest, bytes);
	str word = {rest.p, 0};
	while (rest.n > 0 && starts_in_word(rest, &bytes)) {
		word.n += bytes;
		rest = str_from(rest, bytes);
	}
	if (word.n == 0)
		return false;
	*cursor = rest;
	*ret_word = word;
	return true;
}
