/*
 * Texts as a search compares them: letters in one case, compatible forms of a character as one (Unicode, "NFKC_Casefold").
 * Only for finding; identifiers are compared as they are. Any thread.
 */
#ifndef EXEUNT_CODEC_FOLD_H
#define EXEUNT_CODEC_FOLD_H

#include "base/arena.h"

/* `text` is UTF-8. The result may be longer: by a factor of FOLD_GROWTH_MAX at most. */
enum { FOLD_GROWTH_MAX = 11 };
MUST_CHECK enum rc text_fold(struct arena *arena, str text, str *ret_folded);
/* The same, and without accents and other marks: for names, which people write with and without them. */
MUST_CHECK enum rc text_fold_bare(struct arena *arena, str text, str *ret_folded);

/*
 * The next word at the cursor, which goes behind it: a run of characters but for blanks, punctuation and controls. False
 * at the end. `*cursor` is UTF-8.
 */
bool text_next_word(str *cursor, str *ret_word);

#endif
