/* Rooms that two users share (Client-Server API, "Mutual Rooms"). Any lane thread. */
#ifndef EXEUNT_CORE_ROOM_MUTUAL_H
#define EXEUNT_CORE_ROOM_MUTUAL_H

#include "core/room/room.h"

enum { MUTUAL_ROOMS_PAGE = 1000 };

/*
 * Appends {"joined":[…],"count":…} and next_batch when there are others. `from` is empty or a next_batch.
 * RC_INVALID_PARAM: `user_id` is none or the actor's own, or `from` is no token.
 */
MUST_CHECK enum rc mutual_rooms_answer(struct rooms *rooms, struct arena *arena,
    const struct actor *actor, str user_id, str from, struct buf *out, struct fail *fail);

#endif
