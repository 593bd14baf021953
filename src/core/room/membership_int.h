/* What the files of membership share. */
#ifndef EXEUNT_CORE_ROOM_MEMBERSHIP_INT_H
#define EXEUNT_CORE_ROOM_MEMBERSHIP_INT_H

#include "core/room/room_int.h"

/*
 * restricted.c: whether a join to a room with the join rule restricted or knock_restricted is to be had, and by whom
 * it is authorised: join_authorised_via_users_server is written here and never taken from a client, since our
 * signature under the event vouches for it. `before` is the membership that stands.
 *
 * RC_FORBIDDEN: the user is in none of the rooms; RC_UNABLE_TO_AUTHORISE_JOIN: this server knows none of them;
 * RC_UNABLE_TO_GRANT_JOIN: the user may come, but nobody of this server in the room has the power to let them in.
 */
MUST_CHECK enum rc restricted_join_prepare(struct build *build, struct event_request *request, json content,
                                           enum membership before);

#endif
