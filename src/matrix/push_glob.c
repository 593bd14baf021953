#include "matrix/push_glob.h"

#include "codec/utf8.h"

#include <string.h>

enum { UTF8_MAX_BYTES = 4 };

/* ---- compiling ---- */

static size_t utf8_put(char *p, uint32_t c)
{
	if (c < 0x80) {
		p[0] = (char)c;
		return 1;
	}
	size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--, c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3f));
	p[0] = (char)((0xf00U >> size) | c);
	return size;
}

static enum rc folded(struct arena *arena, str text, str *ret_folded)
{
	char *p = arena_alloc(arena, text.n * UTF8_MAX_BYTES + 1);
	size_t n = 0;
	uint32_t c;
	TRY(arena_status(arena));
	while (utf8_next(&text, &c))
		n += utf8_put(p + n, utf8_fold(c));
	*ret_folded = str_bytes(p, n);
	return RC_OK;
}

enum rc glob_compile(struct arena *arena, str pattern, struct glob *ret_glob)
{
	size_t stars = 0, count = 0;
	str rest;
	TRY(folded(arena, pattern, &rest));
	for (size_t i = 0; i < rest.n; i++)
		stars += rest.p[i] == '*';
	str *parts = arena_array(arena, str, stars + 1);
	TRY(arena_status(arena));
	while (str_split(&rest, '*', &parts[count]))
		count++;
	*ret_glob = (struct glob){parts, stars + 1};
	return RC_OK;
}

/* ---- matching ---- */

struct match {
	str text;
	struct glob_work *work;
	bool
	    is_literal; /* of the parts '?' stands for itself, and their case counts for as little as the text's */
};

static bool step(struct match *m)
{
	return --m->work->left >= 0;
}

/* Whether the part matches where `at` begins; then `at` goes behind it. */
static bool part_here(struct match *m, str part, str *at)
{
	str rest = *at;
	uint32_t want, got;
	while (utf8_next(&part, &want)) {
		if (!step(m) || !utf8_next(&rest, &got))
			return false;
		if (want == '?' && !m->is_literal)
			continue;
		if (utf8_fold(got) != (m->is_literal ? utf8_fold(want) : want))
			return false;
	}
	*at = rest;
	return true;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* At an end of the text, or beside a character that is not of a word. */
static bool is_boundary(const struct match *m, str at)
{
	size_t offset = m->text.n - at.n;
	return offset == 0 || at.n == 0 || !is_word(m->text.p[offset - 1]) || !is_word(at.p[0]);
}

/* The first place from `at` on where the part matches, within word boundaries or not; `at` goes behind it. */
static bool part_from(struct match *m, str part, bool starts_word, bool ends_word, str *at)
{
	str here = *at, behind;
	uint32_t skipped;
	do {
		behind = here;
		if ((!starts_word || is_boundary(m, here)) && part_here(m, part, &behind) &&
		    (!ends_word || is_boundary(m, behind))) {
			*at = behind;
			return true;
		}
	} while (step(m) && utf8_next(&here, &skipped));
	return false;
}

/* The part as the end of `at`. Folding changes no count of characters, so that it is known where it must begin. */
static bool part_at_end(struct match *m, str part, str at)
{
	size_t characters = utf8_count(part), n = at.n;
	while (characters > 0 && n > 0)
		if (((unsigned char)at.p[--n] & 0xc0) != 0x80)
			characters--;
	str end = str_from(at, n);
	return characters == 0 && part_here(m, part, &end);
}

bool glob_matches(const struct glob *glob, str text, struct glob_work *work)
{
	struct match m = {.text = text, .work = work};
	str at = text;
	if (!part_here(&m, glob->parts[0], &at))
		return false;
	if (glob->count == 1)
		return at.n == 0;
	for (size_t i = 1; i + 1 < glob->count; i++)
		if (!part_from(&m, glob->parts[i], false, false, &at))
			return false;
	return part_at_end(&m, glob->parts[glob->count - 1], at);
}

/* The earliest place of each part leaves most to the others. */
bool glob_matches_words(const struct glob *glob, str text, struct glob_work *work)
{
	struct match m = {.text = text, .work = work};
	str at = text;
	for (size_t i = 0; i < glob->count; i++)
		if (!part_from(&m, glob->parts[i], i == 0, i + 1 == glob->count, &at))
			return false;
	return true;
}

bool text_matches_words(str wanted, str text, struct glob_work *work)
{
	struct match m = {.text = text, .work = work, .is_literal = true};
	return part_from(&m, wanted, true, true, &text);
}
