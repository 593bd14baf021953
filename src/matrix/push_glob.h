/*
 * Glob-style matching of push conditions: appendices, "Glob-style matching"; case folded (codec/utf8.h).
 * '*' stands for any number of characters, '?' for one. Any thread; takes no memory once compiled.
 */
#ifndef EXEUNT_MATRIX_PUSH_GLOB_H
#define EXEUNT_MATRIX_PUSH_GLOB_H

#include "base/arena.h"

struct glob {
	const str *parts; /* what stands between the stars, folded; at least one */
	size_t count;
};

/* What one question may still cost, in characters. */
struct glob_work {
	int64_t left;
};

MUST_CHECK enum rc glob_compile(struct arena *arena, str pattern, struct glob *ret_glob);

/* The whole text. */
bool glob_matches(const struct glob *glob, str text, struct glob_work *work);
/* Some part of it that starts and ends at word boundaries: its ends, or beside a character not of A-Z, a-z, 0-9, _. */
bool glob_matches_words(const struct glob *glob, str text, struct glob_work *work);
/* The same for a text that is no pattern. */
bool text_matches_words(str wanted, str text, struct glob_work *work);

#endif
