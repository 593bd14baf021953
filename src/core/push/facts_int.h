/*
 * Inside core/push: events as push rules are asked about them. What is recent in a room is read and parsed once for all its
 * members (window.c). Any thread.
 */
#ifndef EXEUNT_CORE_PUSH_FACTS_INT_H
#define EXEUNT_CORE_PUSH_FACTS_INT_H

#include "core/push/push_int.h"
#include "matrix/push_eval.h"

/* One event of the stream of a room; immutable. */
struct facts {
	int64_t event, pos, ts_ms;
	int64_t sender;   /* user nid */
	bool is_redacted; /* it notifies nobody */
	bool is_on_fork;  /* not all who are in the room may see it */
	str thread;       /* the root's event id; empty: the main timeline */
	int64_t
	    redacts_pos; /* of a redaction that took place: where the redacted event stands; else 0 */
	bool is_member; /* an m.room.member event: */
	enum membership membership;
	bool begins_join; /* it joins somebody who was not joined before */
	str member_user_id;
	struct push_event push; /* its power is known when the server's rules ask for it */
};

/*
 * Texts of the rows are borrowed; the rest lives in `arena`. `scratch` may be the same. `member_count`: joined ones, now.
 */
MUST_CHECK enum rc facts_make(struct txn_ro *txn, struct arena *arena, struct arena *scratch,
    const struct room_row *room, const struct event_row *event, int64_t member_count,
    struct facts *ret_facts);
/* What the sender may notify of, by the state at the event. */
MUST_CHECK enum rc facts_power(struct txn_ro *txn, struct arena *arena, const struct room_row *room,
    const struct facts *facts, struct push_power *ret_power);

/* All events with from < pos <= to, oldest first. The facts live until the call returns. */
typedef enum rc facts_fn(void *self, const struct facts *facts);
MUST_CHECK enum rc facts_each(struct push *push, struct txn_ro *txn, const struct room_row *room,
    int64_t from, int64_t to, facts_fn *fn, void *self);

#endif
