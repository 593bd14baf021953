/*
 * Reading rooms as a user may see them: one function decides visibility (Client-Server API, "Room History
 * Visibility"), and messages, context, event, state and sync all use it.
 */
#ifndef EXEUNT_CORE_ROOM_READING_H
#define EXEUNT_CORE_ROOM_READING_H

#include "matrix/event.h"
#include "matrix/filter.h"
#include "store/ignored.h"
#include "store/rooms.h"

/* What a user is to a room now. */
struct room_view {
	struct room_row room;
	struct member_row member;    /* membership NONE when the user never had one */
	int64_t viewer;              /* user nid */
	int64_t joined_until;        /* position of the event that ended the last join; INT64_MAX while joined; 0: never
	                                joined, or forgotten */
	int64_t state_snapshot;      /* the state this user may read: current, or as it was when they left; 0: none */
	int64_t state_until_pos;     /* newest position whose state they may read; INT64_MAX: all; 0: none */
	int64_t until_pos;           /* no event after this position is theirs to see; those before are judged one by one */
	struct nids ignored;         /* users whom they ignore, ascending: nothing but state is seen of these */
};

/* Opens a view of any room for any user. RC_NOT_FOUND: no such room. */
MUST_CHECK enum rc room_view_of(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id,
                                struct room_view *ret_view);
/*
 * The same for what lists events and state: RC_FORBIDDEN for those who were never joined, or forgot the room, unless it
 * is open to the world now (and when there is no such room).
 */
MUST_CHECK enum rc room_view_open(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id,
                                  struct room_view *ret_view, struct fail *fail);

/*
 * True when the viewer may see the event, and wants to (view.ignored): the one function that decides. visibility_int.h
 * lists who asks it.
 */
MUST_CHECK enum rc room_event_visible(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                      const struct event_row *event, bool *ret_visible);

/* Whether the viewer is not to hear of an invite: whoever made it is ignored, or no invites are taken. */
MUST_CHECK enum rc invite_is_hidden(
    struct txn_ro *txn, struct arena *scratch, const struct member_row *invite, bool *ret_hidden);

/*
 * Appends the event for clients with its unsigned part: age, transaction_id of `device`, replaces_state, prev_content if
 * the viewer may see the event before, redacted_because (a redaction is for everybody), membership of the viewer.
 */
MUST_CHECK enum rc room_event_put(struct txn_ro *txn, struct arena *arena, struct buf *out, const struct room_view *view,
                                  const struct event_row *event, enum event_form form, int64_t device, int64_t now_ms);

struct bundles;

/* For whom an event is written, and how. */
struct event_reader {
	const struct room_view *view;
	enum event_form form;
	int64_t device;
	int64_t now_ms;
	const struct bundles *bundles; /* see bundles.h; NULL: events carry none */
};
/* The same as room_event_put(), with the event's bundled aggregations. */
MUST_CHECK enum rc room_event_put_to(struct txn_ro *txn, struct arena *arena, struct buf *out,
                                     const struct event_reader *reader, const struct event_row *event);

#endif
