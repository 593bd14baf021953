/*
 * Questions about what belongs to an event: its children, and the threads of a room. As in queries.h. Any lane thread.
 */
#ifndef EXEUNT_CORE_ROOM_RELATIONS_H
#define EXEUNT_CORE_ROOM_RELATIONS_H

#include "core/room/queries.h"

enum {
	RELATIONS_LIMIT_DEFAULT = 20,
	RELATIONS_LIMIT_MAX = 500,
	RELATIONS_DEPTH = 3,          /* of `recurse` */
	THREADS_LIMIT_DEFAULT = 20,
	THREADS_LIMIT_MAX = 100,
};

struct children_wish {
	str event_id;
	str rel_type, type;           /* empty: any */
	int64_t from_pos, to_pos;     /* -1: none */
	bool forwards;
	bool recurse;
	size_t limit;                 /* 1 … RELATIONS_LIMIT_MAX */
};
/*
 * GET …/relations/{eventId}: appends `"chunk":[…]`. `*ret_next_pos` is where to go on; -1 when there is nothing more.
 * RC_NOT_FOUND: there is no such event, or the user may not see it.
 */
MUST_CHECK enum rc room_children_answer(const struct room_query *query, const struct children_wish *wish,
                                        int64_t *ret_next_pos);

struct threads_wish {
	bool participated;            /* only those that the user is in */
	int64_t from_pos;             /* -1: from the newest on */
	size_t limit;                 /* 1 … THREADS_LIMIT_MAX */
};
/* GET …/threads: as above. RC_FORBIDDEN: the user may not read the room. */
MUST_CHECK enum rc room_threads_answer(const struct room_query *query, const struct threads_wish *wish,
                                       int64_t *ret_next_pos);

#endif
