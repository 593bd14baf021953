/*
 * Reading rooms as a user may see them: one function decides visibility (Client-Server API, "Room History
 * Visibility"), and messages, context, event, state and sync all use it.
 */
#ifndef EXEUNT_CORE_ROOM_READING_H
#define EXEUNT_CORE_ROOM_READING_H

#include "matrix/event.h"
#include "matrix/filter.h"
#include "store/rooms.h"

/* What a user is to a room now. */
struct room_view {
	struct room_row room;
	struct member_row member;    /* membership NONE when the user never had one */
	int64_t viewer;              /* user nid */
	int64_t state_snapshot;      /* the state this user may read: current, or as it was when they left */
	int64_t until_pos;           /* newest position they may read up to; INT64_MAX while joined */
};

/* RC_FORBIDDEN when the user may read nothing of the room (and when there is no such room). */
MUST_CHECK enum rc room_view_open(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id,
                                  struct room_view *ret_view, struct fail *fail);

/* True when the viewer may see the event. */
MUST_CHECK enum rc room_event_visible(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                      const struct event_row *event, bool *ret_visible);

/*
 * Appends the event for clients with its unsigned part (age, transaction_id of `device`, prev_content, redacted_because,
 * membership of the viewer).
 */
MUST_CHECK enum rc room_event_put(struct txn_ro *txn, struct arena *arena, struct buf *out, const struct room_view *view,
                                  const struct event_row *event, enum event_form form, int64_t device, int64_t now_ms);

#endif
