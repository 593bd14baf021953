/*
 * Dehydrated devices (MSC3814): a device that is put away on the server with its keys, takes messages while nobody is
 * logged in, and gives them to a new login that can decrypt it. Any lane thread; those that write wait for the commit, and
 * then wake whom the change concerns.
 */
#ifndef EXEUNT_CORE_KEYS_DEHYDRATED_H
#define EXEUNT_CORE_KEYS_DEHYDRATED_H

#include "core/keys/keys.h"

enum {
	DEHYDRATED_DATA_MAX_BYTES = 256 * 1024,
	DEHYDRATED_NAME_MAX_BYTES = 255,
};

struct dehydration {
	str device_id;
	str display_name; /* empty: none */
	json data;        /* an object */
	json body; /* of which device_keys (required), one_time_keys and fallback_keys are read */
};
/*
 * Puts it in the place of the one that is there, all in one transaction. RC_INVALID_PARAM: a device that is logged in has
 * the ID; RC_TOO_LARGE; and what keys_upload() says of keys.
 */
MUST_CHECK enum rc dehydrated_device_put(struct keys *keys, struct arena *arena,
    const struct session *session, const struct dehydration *dehydration, struct fail *fail);
/* Appends {"device_id":…,"device_data":…}. RC_NOT_FOUND: the user has none; as with the next one. */
MUST_CHECK enum rc dehydrated_device_answer(struct keys *keys, struct arena *arena,
    const struct session *session, struct buf *out, struct fail *fail);
/* Appends {"device_id":…}. */
MUST_CHECK enum rc dehydrated_device_delete(struct keys *keys, struct arena *arena,
    const struct session *session, struct buf *out, struct fail *fail);

struct dehydrated_events_wish {
	str device_id;
	str next_batch; /* a token of an earlier answer; empty: from the beginning */
	size_t limit;   /* 1 … TO_DEVICE_LIMIT */
};
/*
 * Appends {"events":[…],"next_batch":…}. Messages stay where they are until the device goes, so that another login can
 * begin again; the token that follows the last of them gives an empty array. RC_FORBIDDEN: this is not the dehydrated
 * device of the user; RC_INVALID_PARAM: no token.
 */
MUST_CHECK enum rc dehydrated_events_answer(struct keys *keys, struct arena *arena,
    const struct session *session, const struct dehydrated_events_wish *wish, struct buf *out,
    struct fail *fail);

#endif
