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

static const utf8proc_option_t options =
    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

static enum rc unicode_fold(struct arena *arena, str text, str *ret_folded)
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
			      : unicode_fold(arena, text, ret_folded);
}
