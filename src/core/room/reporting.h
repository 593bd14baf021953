/*
 * Reports to the administrators (Client-Server API, "Reporting Content"). Any lane thread; waits for the commit. They are
 * kept for whoever administers the server (store/reports.h); nobody else is told.
 */
#ifndef EXEUNT_CORE_ROOM_REPORTING_H
#define EXEUNT_CORE_ROOM_REPORTING_H

#include "core/room/room.h"

enum {
	REPORT_REASON_MAX_BYTES = 4096,
	REPORTS_OF_USER_MAX = 500, /* that nobody has dealt with */
};

/*
 * RC_NOT_FOUND: this server knows no such room, event or user, or the event is not the reporter's to see: they must be
 * joined to its room. RC_INVALID_PARAM: no room ID or user ID; RC_TOO_LARGE: the reason is too long; RC_LIMIT_EXCEEDED:
 * too many reports of this user wait.
 */
MUST_CHECK enum rc report_room(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str room_id, str reason, struct fail *fail);
MUST_CHECK enum rc report_event(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str room_id, str event_id, str reason, struct fail *fail);
MUST_CHECK enum rc report_user(
    struct rooms *rooms, const struct actor *actor, str user_id, str reason, struct fail *fail);

#endif
