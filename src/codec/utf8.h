/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef EXEUNT_CODEC_UTF8_H
#define EXEUNT_CODEC_UTF8_H

#include "base/str.h"

bool utf8_valid(str s);
size_t utf8_count(str s); /* code points of valid text */

/* The next code point of valid text; the cursor goes behind it. False at the end. */
bool utf8_next(str *cursor, uint32_t *ret_code_point);

/*
 * Simple case folding of a code point (Unicode, CaseFolding, C and S): two that fold to the same differ in case only. One
 * folds to one, so no text grows by it.
 */
uint32_t utf8_fold(uint32_t code_point);

#endif
