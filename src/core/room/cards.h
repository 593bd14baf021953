/* The card of a room in the words of the specification: PublishedRoomsChunk, RoomSummary. Any lane thread. */
#ifndef EXEUNT_CORE_ROOM_CARDS_H
#define EXEUNT_CORE_ROOM_CARDS_H

#include "codec/json.h"
#include "store/room_cards.h"

/* Appends the members of a PublishedRoomsChunk, without the braces of the object. */
void card_put(struct buf *out, const struct room_card *card);

#endif
