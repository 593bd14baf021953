/* History visibility at an event: what reading.c and visibility.c share. */
#ifndef EXEUNT_CORE_ROOM_VISIBILITY_INT_H
#define EXEUNT_CORE_ROOM_VISIBILITY_INT_H

#include "core/room/reading.h"

enum history_visibility {
	VISIBILITY_SHARED, /* also when there is none, or one that is not understood */
	VISIBILITY_WORLD_READABLE,
	VISIBILITY_INVITED,
	VISIBILITY_JOINED,
};

MUST_CHECK enum rc visibility_at(struct txn_ro *txn, struct arena *scratch, int64_t snapshot,
                                 enum history_visibility *ret_visibility);

/* The event that ended a user's last join. */
struct join_end {
	int64_t pos, snapshot;
};
/* From the newest member event backwards. RC_NOT_FOUND: never joined. */
MUST_CHECK enum rc join_end_find(struct txn_ro *txn, struct arena *scratch, int64_t member_event,
                                 struct join_end *ret_end);

/* The viewer's membership after the event. */
MUST_CHECK enum rc viewer_membership_at(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                        const struct event_row *event, enum membership *ret_membership);

#endif
