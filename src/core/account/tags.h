/*
 * Tags of rooms (Client-Server API, "Room Tagging"): the account data m.tag of a room, one tag at a time. Any lane thread;
 * writing waits for the commit. Waking the user's syncs is the caller's.
 */
#ifndef EXEUNT_CORE_ACCOUNT_TAGS_H
#define EXEUNT_CORE_ACCOUNT_TAGS_H

#include "core/account/accounts.h"

enum {
	TAG_MAX_BYTES = 255,
	TAG_INFO_MAX_BYTES = 4096, /* of what a client says of one tag */
	TAGS_MAX = 100,            /* of one room */
};

/* Appends {"tags":{…}}. RC_INVALID_PARAM: no room ID; RC_NOT_FOUND: a room in which the user never was. Both below, too. */
MUST_CHECK enum rc tags_put(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, struct buf *out, struct fail *fail);

/*
 * Adds or replaces. RC_INVALID_PARAM: the tag is empty or too long, or its order is not between 0 and 1; RC_BAD_JSON: the
 * order is no number; RC_TOO_LARGE: `info` is too large, or there are TAGS_MAX others.
 */
MUST_CHECK enum rc tag_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, str tag, json info, struct fail *fail);
/* RC_OK, too, when the room has no such tag. */
MUST_CHECK enum rc tag_unset(struct accounts *accounts, const struct session *session, str room_id,
    str tag, struct fail *fail);

#endif
