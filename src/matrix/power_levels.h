/*
 * Power levels as the auth rules read them (Client-Server API, m.room.power_levels; Room Versions, v12
 * creators). A level that cannot be read counts as absent: the default that the specification gives for its
 * place stands. From v10 on the rules refuse an event with such a level wherever it stands (v10, rules 9.1 to
 * 9.3), before that only in `users` (v1, rule 10.1). Any thread.
 */
#ifndef EXEUNT_MATRIX_POWER_LEVELS_H
#define EXEUNT_MATRIX_POWER_LEVELS_H

#include "matrix/event.h"

#define POWER_INFINITE INT64_MAX /* creators in v12 */

struct power_levels {
	const struct room_version *version; /* NULL: neither event is known */
	json content;        /* of m.room.power_levels; NULL: the room has none */
	const struct event *create;
};

/*
 * Reads one level: an integer; before v10 also a text of a base 10 integer with an optional sign, leading
 * zeroes and white space (as Unicode defines it) around it; before v6 also a float, cut at its point. False: no
 * level, among them whatever lies beyond 64 bits. Room Versions, v1, "m.room.power_levels events accept values
 * as strings" and "… as floats".
 */
bool power_level_read(const struct room_version *version, json v, int64_t *ret_level);

struct power_levels power_levels_of(const struct event *create, const struct event *power_levels_or_null);
int64_t power_of_user(const struct power_levels *levels, str user_id);
/* Level needed to send `type` (`is_state` chooses state_default or events_default). */
int64_t power_to_send(const struct power_levels *levels, str type, bool is_state);
/* "ban" "kick" "redact" "invite" with the defaults of the specification. */
int64_t power_for_action(const struct power_levels *levels, str action);
bool is_room_creator(const struct event *create, str user_id);

#endif
