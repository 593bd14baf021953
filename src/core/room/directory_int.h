/* What the files of the directory share. */
#ifndef EXEUNT_CORE_ROOM_DIRECTORY_INT_H
#define EXEUNT_CORE_ROOM_DIRECTORY_INT_H

#include "core/room/directory.h"
#include "core/room/room_int.h"

/* The room of an alias of ours, and who made the alias. RC_INVALID_PARAM, RC_NOT_FOUND. */
MUST_CHECK enum rc alias_room(struct rooms *rooms, struct txn_ro *txn, struct arena *arena, str alias,
                              struct room_row *ret_room, int64_t *ret_creator, struct fail *fail);
/* Joined, with the power to send m.room.canonical_alias. */
MUST_CHECK enum rc may_name(struct txn_ro *txn, struct arena *arena, const struct actor *actor,
                            const struct room_row *room, bool *ret_may);

#endif
