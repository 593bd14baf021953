/* What the files of createRoom share. */
#ifndef EXEUNT_CORE_ROOM_CREATE_INT_H
#define EXEUNT_CORE_ROOM_CREATE_INT_H

#include "core/room/room_int.h"

enum { CREATE_EVENTS_MAX = 2000, CREATE_STATE_DEFAULT = 50 };

enum preset { PRESET_PRIVATE, PRESET_TRUSTED, PRESET_PUBLIC };

/* The body of the request, checked. */
struct create_wish {
	const struct room_version *version;
	enum preset preset;
	bool is_public;            /* listed in the room directory */
	bool is_direct;
	str name, topic;
	bool has_name, has_topic;
	str alias;                 /* whole; empty: none */
	json creation_content, initial_state, power_override;
	str *invites;              /* each once */
	size_t invite_count;
};

MUST_CHECK enum rc create_wish_read(struct rooms *rooms, struct arena *arena, json request,
                                    struct create_wish *ret_wish, struct fail *fail);

/* Contents of the first events, as JSON objects in the arena. */
MUST_CHECK enum rc create_content(struct arena *arena, const struct create_wish *wish, str creator, str *ret_content);
MUST_CHECK enum rc create_power_levels(struct arena *arena, const struct create_wish *wish, str creator,
                                       str *ret_content);

/* The level that m.room.tombstone gets: from v12 on above state_default, however high; creators have it always. */
int64_t create_tombstone_level(const struct room_version *version, int64_t state_default);

struct preset_event {
	const char *type, *key, *value;
};
enum { PRESET_EVENTS = 3 };
extern const struct preset_event preset_events[][PRESET_EVENTS]; /* by enum preset */

#endif
