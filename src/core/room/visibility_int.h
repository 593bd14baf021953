/*
 * History visibility at an event: what reading.c and visibility.c share.
 *
 * room_event_visible() alone decides who sees an event. Who asks it, and what is read without it:
 *
 *   path                                 events                      state
 *   GET …/messages                       messages.c, each            of lazy members: at a visible event of theirs
 *   GET …/context/{eventId}              context.c, each             at the last event that is shown
 *   GET …/event/{eventId}                queries.c                   -
 *   GET …/relations/…, …/threads         relations.c, each           -
 *   m.relations of unsigned everywhere   bundles.c, each; a thread that is visible as a whole by its first event
 *   GET …/state, …/state/{type}/{key}    -                           view.state_snapshot: now, or at the leave
 *   GET …/members                        queries.c, the one at `at`  the same; with `at`: at that event
 *   GET …/joined_members                 -                           now; for the joined
 *   GET …/aliases                        -                           for the joined, or open to the world
 *   /sync timeline (join, leave)         timeline.c, each; those of an unbroken join on no fork are visible by rule 2
 *   /sync state, state_after             -                           now, or at the leave; before the oldest event shown
 *   /sync rooms left without a join      the viewer's own member event and nothing else
 *   /sync invite_state, knock_state      stripped state of parts.c, at the viewer's member event
 *   unsigned.prev_content everywhere     reading.c: the event before, but for the viewer's own memberships
 *   receipts                             name event ids only
 *
 * Whoever is ignored by the viewer counts as invisible in the first three, by the view; /sync passes over them in
 * timeline.c, since what is invisible ends its timeline.
 *
 * State is not judged event by event: who is in a room knows its state, whoever set it, and whenever.
 */
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

/*
 * Whether the room's history has been shared or open to the world, by the same event of the state, from `event` until
 * now: who sees that one sees all later ones, up to view.until_pos.
 */
MUST_CHECK enum rc visibility_is_open_since(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                            const struct event_row *event, bool *ret_open);

/* The event that ended a user's last join. */
struct join_end {
	int64_t pos, snapshot;
};
/* From the newest member event backwards. RC_NOT_FOUND: never joined. */
MUST_CHECK enum rc join_end_find(struct txn_ro *txn, struct arena *scratch, int64_t member_event,
                                 struct join_end *ret_end);

/* A member event of the viewer. */
bool event_is_viewers_own(const struct event_row *event, str viewer_user_id);

/* The viewer's membership after the event. */
MUST_CHECK enum rc viewer_membership_at(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                        const struct event_row *event, enum membership *ret_membership);

#endif
