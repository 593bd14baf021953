/*
 * Room versions: one row of rules each (spec: "Room Versions"). Code asks the rules, never the version's name.
 */
#ifndef EXEUNT_MATRIX_ROOM_VERSION_H
#define EXEUNT_MATRIX_ROOM_VERSION_H

#include "base/str.h"

#include <stdbool.h>

enum event_id_format {
	EVENT_ID_RANDOM,          /* v1, v2: in the event */
	EVENT_ID_HASH_STANDARD,   /* v3: reference hash, standard base64 */
	EVENT_ID_HASH_URL,        /* v4 and later: URL-safe base64 */
};

enum state_resolution {
	STATE_RESOLUTION_V1,
	STATE_RESOLUTION_V2,
	STATE_RESOLUTION_V2_1, /* v12 */
};

enum redaction_rules {
	REDACTION_V1,
	REDACTION_V6,  /* no aliases */
	REDACTION_V8,  /* join_rules keeps allow */
	REDACTION_V9,  /* member keeps join_authorised_via_users_server */
	REDACTION_V11, /* keeps all of create, invite of power_levels, redacts of redaction, … */
};

/* Whose text numbers the auth rules, for verdicts that cite one; graph/auth_rules.def has a column each. */
enum auth_numbering {
	AUTH_NUMBERING_V1,  /* and v2 */
	AUTH_NUMBERING_V3,  /* to v5 */
	AUTH_NUMBERING_V6,
	AUTH_NUMBERING_V7,
	AUTH_NUMBERING_V8,  /* and v9 */
	AUTH_NUMBERING_V10,
	AUTH_NUMBERING_V11,
	AUTH_NUMBERING_V12,
};

struct room_version {
	str name;
	bool stable;
	enum event_id_format event_id_format;
	enum state_resolution state_resolution;
	enum redaction_rules redaction;
	enum auth_numbering auth_numbering;
	bool special_alias_auth;          /* v1 to v5: m.room.aliases has a rule of its own */
	bool redaction_auth;              /* v1, v2: redactions have a rule of their own */
	bool strict_canonical_json;       /* v6+; before, floats and any integers may stand in events */
	bool enforce_key_validity;        /* v5+ */
	bool limit_notifications_power;   /* v6+: the notifications key is checked */
	bool knock;                       /* v7+ */
	bool restricted_join;             /* v8+ */
	bool knock_restricted_join;       /* v10+ */
	bool integer_power_levels;        /* v10+; before, texts (and up to v5 floats) are read as numbers */
	bool implicit_room_creator;       /* v11+: sender of create, no `creator` key */
	bool redacts_in_content;          /* v11+ */
	bool privileged_creators;         /* v12: creators have infinite power, may not stand in users */
	bool room_id_from_create;         /* v12: room id is the create event's id with '!' */
	bool create_in_auth_events;       /* before v12 */
};

/* NULL: not known to this server. */
const struct room_version *room_version_find(str name);
const struct room_version *room_version_default(void); /* 12 */

/* All rows in order; `ret_count` rows. */
const struct room_version *room_version_all(size_t *ret_count);

#endif
