/* Unpadded base64 (appendices, "Unpadded Base64"): standard and URL-safe alphabets. Decoding takes padding too. */
#ifndef EXEUNT_CODEC_BASE64_H
#define EXEUNT_CODEC_BASE64_H

#include "base/buf.h"

enum base64_alphabet { BASE64_STANDARD, BASE64_URL };

void base64_put(struct buf *buf, enum base64_alphabet alphabet, str bytes);
str base64_encode(struct arena *arena, enum base64_alphabet alphabet, str bytes);
/*
 * RC_INVALID_PARAM: a character outside the alphabet, or a wrong length. Bits beyond the last whole byte are
 * ignored: the seed of the specification's own test vectors has some, and other servers take them.
 */
MUST_CHECK enum rc base64_decode(struct arena *arena, enum base64_alphabet alphabet, str text, str *ret_bytes);

#endif
