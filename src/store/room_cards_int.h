/* What the files of room cards share, and what inserting events leaves to them. */
#ifndef EXEUNT_STORE_ROOM_CARDS_INT_H
#define EXEUNT_STORE_ROOM_CARDS_INT_H

#include "codec/json.h"
#include "store/events_int.h"
#include "store/room_cards.h"
#include "store/sql_int.h"

/* A place of the state, always with the empty state key, and the field of the card that comes from it. */
struct card_place {
	const char *type;
	const char *member; /* of the content */
	const char *
	    flag; /* the field says whether the member is this; NULL: it is a text, the member itself */
	size_t offset; /* into struct room_card */
	enum statement set;
	bool is_searched; /* has a folded copy */
};
enum { CARD_PLACES = 9 };
extern const struct card_place card_places[CARD_PLACES];

/* NULL: no card says anything of such an event. */
const struct card_place *card_place_of(str type, str state_key);
/* Sets the field of the place in `card`. `content` NULL: nothing stands there. */
void card_place_read(const struct card_place *place, json content, struct room_card *card);

/* A new room, without any state. */
MUST_CHECK enum rc room_card_add(struct txn_rw *txn, int64_t room);
/* An event became the current state of its place. */
MUST_CHECK enum rc room_card_enter(struct txn_rw *txn, const struct event_insert *in);
/* All that differs between the room's current states `before` and at->current. */
MUST_CHECK enum rc room_card_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at, int64_t before);
/* The event that `in` redacts may stand in the current state. */
MUST_CHECK enum rc room_card_redact(struct txn_rw *txn, const struct event_insert *in);

#endif
