/*
 * The card of a room in the words of the specification (PublishedRoomsChunk, RoomSummary), and who may see it. Any lane
 * thread.
 */
#ifndef EXEUNT_CORE_ROOM_CARDS_H
#define EXEUNT_CORE_ROOM_CARDS_H

#include "codec/json.h"
#include "store/room_cards.h"

/* Appends the members of a PublishedRoomsChunk, without the braces of the object. */
void card_put(struct buf *out, const struct room_card *card);

/* A card as somebody sees it. */
struct card_view {
	struct room_card card;
	enum membership membership; /* of the viewer; NONE: none, or nobody looks */
	str *allowed;               /* rooms of which the members may join */
	size_t allowed_count;
	/*
	 * GET /hierarchy: the viewer is in the room or invited, may join or knock, or the room is readable by the world. Who
	 * is banned may do neither.
	 */
	bool is_visible;
};
/* `viewer` 0: nobody in particular. RC_NOT_FOUND: no such room. */
MUST_CHECK enum rc card_view_open(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t viewer, struct card_view *ret_view);
/* Appends the members of a RoomSummary, without the braces of the object. */
void card_view_put(struct buf *out, const struct card_view *view);

#endif
