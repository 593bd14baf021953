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

#endif
