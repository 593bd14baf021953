/*
 * An event and the state before it, made of bytes, for fuzz_auth.c: a small vocabulary of types, users, levels and
 * malformed values, and JSON cut from the bytes as it stands there. Bytes that are used up count as 0, which stands
 * for what is ordinary: no bytes at all are a message that the rules allow.
 */
#ifndef EXEUNT_TESTS_FUZZ_AUTH_BYTES_H
#define EXEUNT_TESTS_FUZZ_AUTH_BYTES_H

#include "graph/auth.h"

#include <stdint.h>

enum { AUTH_BYTES_STATE_MAX = 40 };

struct auth_bytes {
	struct arena *arena;
	const struct room_version *version;
	const uint8_t *p; /* what is left */
	size_t left;
	str room_id;
	struct event state[AUTH_BYTES_STATE_MAX]; /* one for each (type, state_key) */
	bool rejected[AUTH_BYTES_STATE_MAX];      /* for the rules on auth events: was it itself rejected? */
	size_t count;
	struct event event;
};

/* The next byte modulo `below`. */
size_t auth_bytes_next(struct auth_bytes *made, size_t below);

/* False: the bytes make no event that event_parse() reads. */
bool auth_bytes_read(struct auth_bytes *made, struct arena *arena, const uint8_t *data, size_t size);

#endif
