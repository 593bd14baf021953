/*
 * Room cards: what a room shows of itself to those who are not in it (name, topic, aliases, how to get in), taken out of
 * its current state. A card changes in the transaction that changes the state, so that a list of rooms reads no state.
 */
#ifndef EXEUNT_STORE_ROOM_CARDS_H
#define EXEUNT_STORE_ROOM_CARDS_H

#include "store/rooms.h"

struct room_card {
	int64_t room;
	str room_id, version;
	int64_t snapshot; /* the current state */
	int64_t joined;   /* members */
	bool public_listed;
	/* Empty: the room has none. */
	str name, topic, canonical_alias, avatar_url, room_type;
	str encryption; /* algorithm */
	str join_rule;  /* empty: none is set, which is "invite" */
	bool world_readable, guest_can_join;
};
/* RC_NOT_FOUND: no such room. */
MUST_CHECK enum rc room_card_get(
    struct txn_ro *txn, struct arena *arena, int64_t room, struct room_card *ret_card);

/* The same read from a state: what the card of a room with this current state must say. Without `room` and `joined`. */
MUST_CHECK enum rc room_card_of_state(
    struct txn_ro *txn, struct arena *arena, int64_t snapshot, struct room_card *ret_card);

/* A place in the order of the directory: most members first, then the newest. */
struct listed_place {
	int64_t joined, room;
};
#define LISTED_FIRST ((struct listed_place){INT64_MAX, INT64_MAX}) /* before all of them */

struct listed_wish {
	struct listed_place from; /* not itself */
	bool backwards;           /* towards the first; the nearest to `from` comes first */
	str term;                 /* folded; stands in name, topic or alias. Empty: any */
	size_t limit;
};
/* Rooms that are listed in the directory and have members, of this server. */
MUST_CHECK enum rc listed_rooms(struct txn_ro *txn, struct arena *arena,
    const struct listed_wish *wish, struct room_card **ret_cards, size_t *ret_count);
MUST_CHECK enum rc listed_rooms_count(struct txn_ro *txn, int64_t *ret_count);

#endif
