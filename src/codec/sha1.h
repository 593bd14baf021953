/*
 * SHA-1 (FIPS 180-4), for what was laid down when it was good enough: ties in state resolution v1, credentials of TURN
 * servers. For nothing else. Any thread.
 */
#ifndef EXEUNT_CODEC_SHA1_H
#define EXEUNT_CODEC_SHA1_H

#include "base/arena.h"

enum { SHA1_BYTES = 20 };

void sha1(str bytes, unsigned char ret_hash[SHA1_BYTES]);
/* HMAC (RFC 2104) over it, with any key. */
MUST_CHECK enum rc hmac_sha1(
    struct arena *arena, str key, str message, unsigned char ret_mac[SHA1_BYTES]);

#endif
