/*
 * Summaries of rooms for those who may not be in them, and walks through spaces (Client-Server API, "Room discovery",
 * "Spaces"). Only what this server knows itself is found. Any lane thread.
 */
#ifndef EXEUNT_CORE_ROOM_SPACES_H
#define EXEUNT_CORE_ROOM_SPACES_H

#include "core/room/room.h"

/*
 * GET /room_summary/{roomIdOrAlias}: appends the whole answer. `viewer` 0: somebody without a token. RC_NOT_FOUND: there
 * is no such room, or it is none of the viewer's business.
 */
MUST_CHECK enum rc room_summary_answer(struct store *store, struct arena *arena, str room_id,
    int64_t viewer, struct buf *out, struct fail *fail);

enum {
	HIERARCHY_LIMIT_DEFAULT = 50,
	HIERARCHY_LIMIT_MAX = 100,
	HIERARCHY_DEPTH_MAX = 100,     /* also the default */
	HIERARCHY_ROOMS_MAX = 5000,    /* of a whole walk; what is beyond is not shown */
	HIERARCHY_WAITING_MAX = 50000, /* children that wait for their turn; others are left out */
	HIERARCHY_PAGE_MAX_BYTES = 4 << 20, /* a page ends with the room that goes beyond */
	SPACE_CHILDREN_MAX = 1000,          /* of one space, the first in their order */
};

struct hierarchy_wish {
	str room_id;
	int64_t viewer;
	bool suggested_only;
	size_t limit;      /* 1 … HIERARCHY_LIMIT_MAX */
	int64_t max_depth; /* 0 … HIERARCHY_DEPTH_MAX */
	str from;          /* a token of an earlier answer; empty: from the space itself */
};
/*
 * GET /rooms/{roomId}/hierarchy: appends the whole answer. Each room is shown once, where it is first met.
 * RC_FORBIDDEN: the viewer may not see the space, or there is none; RC_INVALID_PARAM: `from` is no token of this walk.
 */
MUST_CHECK enum rc room_hierarchy_answer(struct store *store, struct arena *arena,
    const struct hierarchy_wish *wish, struct buf *out, struct fail *fail);

#endif
