/*
 * A room that is being made, by createRoom or as the replacement of another: its events are built on a head of its
 * own, judged one after the other by the auth rules, and written in one transaction. Nobody can know the room before.
 */
#ifndef EXEUNT_CORE_ROOM_FOUNDING_INT_H
#define EXEUNT_CORE_ROOM_FOUNDING_INT_H

#include "core/room/room_int.h"

struct founding {
	/* set by the caller */
	struct rooms *rooms;
	struct arena *arena;
	struct fail *fail;
	const struct actor *actor;
	const struct room_version *version;
	/* set by founding_begin() */
	struct room_head *head;        /* its room_id is empty until the create event of a v12 room is there */
	struct build build;
	/* one for each event */
	struct room_write *writes;
	size_t count, capacity;
};

MUST_CHECK enum rc founding_begin(struct founding *founding);
/* Accepts one that was never begun. */
void founding_release(struct founding *founding);

/* The next state event. RC_FORBIDDEN with the rule's sentence when the auth rules refuse it: then it is not there. */
MUST_CHECK enum rc founding_add(struct founding *founding, str type, str state_key, str content);
/* With a content of one text. */
MUST_CHECK enum rc founding_add_text(struct founding *founding, str type, str key, str value);
/* membership_gate(), for a precise answer; it is asked again at the commit. */
MUST_CHECK enum rc founding_gate(struct founding *founding, enum membership membership, str user_id);
/* With the profile of those who join or are invited. `extra`: an object, or empty. */
MUST_CHECK enum rc founding_add_member(struct founding *founding, enum membership membership, str user_id, str reason,
                                       str extra);

/* In the write transaction: the room and its events. */
MUST_CHECK enum rc founding_write(struct founding *founding, struct txn_rw *txn, bool is_public, int64_t *ret_room,
                                  struct fail *fail);
/* After the commit: the news. */
void founding_tell(const struct founding *founding);

#endif
