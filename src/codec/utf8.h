/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef EXEUNT_CODEC_UTF8_H
#define EXEUNT_CODEC_UTF8_H

#include "base/str.h"

bool utf8_valid(str s);
size_t utf8_count(str s); /* code points of valid text */

#endif
