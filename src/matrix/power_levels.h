/* Power levels as the auth rules read them (Client-Server API, m.room.power_levels; Room Versions, v12 creators). */
#ifndef EXEUNT_MATRIX_POWER_LEVELS_H
#define EXEUNT_MATRIX_POWER_LEVELS_H

#include "matrix/event.h"

#define POWER_INFINITE INT64_MAX /* creators in v12 */

struct power_levels {
	const struct room_version *version;
	json content;        /* of m.room.power_levels; NULL: the room has none */
	const struct event *create;
};

struct power_levels power_levels_of(const struct event *create, const struct event *power_levels_or_null);
int64_t power_of_user(const struct power_levels *levels, str user_id);
/* Level needed to send `type` (`is_state` chooses state_default or events_default). */
int64_t power_to_send(const struct power_levels *levels, str type, bool is_state);
/* "ban" "kick" "redact" "invite" with the defaults of the specification. */
int64_t power_for_action(const struct power_levels *levels, str action);
bool is_room_creator(const struct event *create, str user_id);

#endif
