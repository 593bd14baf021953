/*
 * Room aliases of this server, the room directory's flag, and forgetting a room. Any lane thread; those that write wait
 * for the commit.
 */
#ifndef EXEUNT_CORE_ROOM_DIRECTORY_H
#define EXEUNT_CORE_ROOM_DIRECTORY_H

#include "core/room/room.h"

/* A room ID as it is, or the room of an alias. RC_INVALID_PARAM: neither; RC_NOT_FOUND: no such alias. */
MUST_CHECK enum rc room_resolve(struct rooms *rooms, struct arena *arena, str room_id_or_alias, str *ret_room_id,
                                struct fail *fail);

/* RC_EXISTS: the alias is taken; RC_FORBIDDEN: not joined to the room, or an alias of another server. */
MUST_CHECK enum rc room_alias_set(struct rooms *rooms, struct arena *arena, const struct actor *actor, str alias,
                                  str room_id, struct fail *fail);
/*
 * By its creator, or who may send m.room.canonical_alias in the room, or a server administrator. That event follows, where
 * the actor may change it. On the process that owns the alias's room. RC_NOT_FOUND, RC_FORBIDDEN.
 */
MUST_CHECK enum rc room_alias_remove(struct rooms *rooms, struct arena *arena, const struct actor *actor, bool admin,
                                     str alias, struct fail *fail);
/* Appends {"aliases":[…]}. */
MUST_CHECK enum rc room_aliases_answer(struct rooms *rooms, struct arena *arena, const struct actor *actor,
                                       str room_id, struct buf *out, struct fail *fail);

/* RC_NOT_FOUND: no such room. */
MUST_CHECK enum rc room_is_listed(struct rooms *rooms, struct arena *arena, str room_id, bool *ret_listed,
                                  struct fail *fail);
/*
 * By who is joined and may send m.room.canonical_alias in the room, or a server administrator: RC_FORBIDDEN;
 * RC_NOT_FOUND: no such room.
 */
MUST_CHECK enum rc room_list(struct rooms *rooms, struct arena *arena, const struct actor *actor, bool admin,
                             str room_id, bool listed, struct fail *fail);

/* RC_UNKNOWN_400: the user is in the room, invited to it or knocking, or never was. */
MUST_CHECK enum rc room_leave_behind(struct rooms *rooms, struct arena *arena, const struct actor *actor, str room_id,
                                     struct fail *fail);

#endif
