/* The children that a space names: Client-Server API, "Ordering of children within a space". */
#ifndef EXEUNT_CORE_ROOM_SPACE_CHILDREN_H
#define EXEUNT_CORE_ROOM_SPACE_CHILDREN_H

#include "codec/json.h"
#include "store/rooms.h"

struct space_child {
	str room_id;
	str order;     /* empty: none, or none that is valid */
	int64_t ts_ms; /* of the m.space.child event */
	str canonical; /* the event */
	str event_id;
};

/*
 * The valid children in a state, in their order; at most `max`. `suggested_only`: those alone that the space suggests.
 * All in `arena`.
 */
MUST_CHECK enum rc space_children(struct txn_ro *txn, struct arena *arena, int64_t snapshot,
    bool suggested_only, size_t max, struct space_child **ret_children, size_t *ret_count);

#endif
