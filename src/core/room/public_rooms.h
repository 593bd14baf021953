/*
 * The published room directory (Client-Server API, same heading): most members first. Pages follow a room's place in that
 * order, so a room whose members change while somebody reads may be seen twice or not at all. Any lane thread.
 */
#ifndef EXEUNT_CORE_ROOM_PUBLIC_ROOMS_H
#define EXEUNT_CORE_ROOM_PUBLIC_ROOMS_H

#include "core/room/room.h"

enum {
	PUBLIC_ROOMS_LIMIT_DEFAULT = 100,
	PUBLIC_ROOMS_LIMIT_MAX = 1000,
	PUBLIC_ROOMS_PAGE_MAX_BYTES = 4 << 20, /* of a page, unless its only room has more */
	PUBLIC_ROOMS_TERM_MAX_BYTES = 512,
	PUBLIC_ROOMS_TYPES_MAX = 32,
};

struct public_rooms_wish {
	str since;       /* a token of an earlier page; empty: from the beginning */
	size_t limit;    /* 1 … PUBLIC_ROOMS_LIMIT_MAX */
	str term;        /* stands in name, topic or alias, in any case; empty: any */
	json room_types; /* an array of strings and null; NULL: any */
	bool
	    no_network; /* of a third-party network that this server does not have: there are no rooms */
};
/* Appends the answer of GET and POST /publicRooms. RC_INVALID_PARAM, RC_BAD_JSON: a part of the wish. */
MUST_CHECK enum rc public_rooms_answer(struct store *store, struct arena *arena,
    const struct public_rooms_wish *wish, struct buf *out, struct fail *fail);

#endif
