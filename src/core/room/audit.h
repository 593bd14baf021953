/*
 * Looking for damage in rooms: every stored event against its hashes, id and signatures, every snapshot against a
 * recomputation from the events that it follows from, what is kept twice against its origin. Reads only.
 *
 * An event's state before it must be the resolution of the states after its prev events, the state after it that state
 * with the event in it; where this holds for each event by itself, it holds for the whole graph.
 */
#ifndef EXEUNT_CORE_ROOM_AUDIT_H
#define EXEUNT_CORE_ROOM_AUDIT_H

#include "core/room/receive.h"

struct room_audit {
	struct store *store;
	const struct key_source *keys; /* a key that is not found leaves its signature unchecked */
	/* A sentence about something that is not as it must be. */
	void (*on_finding)(void *self, str room_id, str sentence);
	void *self;
};

/* How far it has come; {0} is the beginning. Numbers of the store: only rooms_audit() reads them. */
struct room_audit_cursor {
	int64_t room;                  /* the room under the eye */
	int64_t stage;                 /* of its rows: those in the stream, the others, what follows from them */
	int64_t after;
};

struct room_audit_totals {
	int64_t rooms, events, findings;
	int64_t signatures_unchecked;  /* by keys that nobody has */
};

/*
 * One step: a page of events, or the end of a room. Adds to `totals`. `*ret_more` is false when nothing is left.
 * Findings are no failure. Waits; any thread that may read.
 */
MUST_CHECK enum rc rooms_audit(const struct room_audit *audit, struct room_audit_cursor *cursor,
                               struct room_audit_totals *totals, bool *ret_more);

#endif
