/*
 * Delayed events (MSC4140): what is to be sent, and for a while what became of it. A row ends in the transaction of its
 * event, so that each is sent once, whenever the process dies.
 */
#ifndef EXEUNT_STORE_DELAYED_EVENTS_H
#define EXEUNT_STORE_DELAYED_EVENTS_H

#include "store/rooms.h"

enum {
	DELAYED_KEPT_MS = 7 * 24 * 60 * 60 * 1000, /* of those that ended */
	DELAYED_KEPT_MAX = 1000,                   /* of one user */
};

struct delayed_event {
	int64_t nid;
	int64_t user, room;
	int64_t generation; /* of the account, when it was scheduled */
	str user_id, room_id;
	str delay_id;
	str type;
	bool is_state;
	str state_key;
	str content;                            /* a JSON object */
	int64_t delay_ms, scheduled_ms, due_ms; /* due: the sum of the others */
	int64_t ended_ms;                       /* 0: it is still to be sent */
	str event_id;                           /* empty: was not sent */
	str errcode, error; /* why it could not be sent; empty: somebody cancelled it */
	/* To add only: the transaction id that the client gave it. */
	int64_t txn_device; /* 0: none */
	str txn_id;
};

/* With user, room, generation, delay_id and what follows up to scheduled_ms. Tells of it (store/news.h). */
MUST_CHECK enum rc delayed_event_add(struct txn_rw *txn, const struct delayed_event *event);
/* RC_NOT_FOUND: the device never used this transaction id in the room with this type, or it is forgotten. */
MUST_CHECK enum rc delayed_event_by_txn(struct txn_ro *txn, struct arena *arena, int64_t device,
    int64_t room, str type, str txn_id, str *ret_delay_id);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc delayed_event_find(
    struct txn_ro *txn, struct arena *arena, str delay_id, struct delayed_event *ret_event);

/* Those of a user that are still to be sent, the next first. */
MUST_CHECK enum rc delayed_events_of(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct delayed_event **ret_events, size_t *ret_count);
/* How many they are, and when the next is due (0: there is none). */
MUST_CHECK enum rc delayed_events_count(
    struct txn_ro *txn, int64_t user, int64_t *ret_count, int64_t *ret_next_due_ms);
/*
 * What is due in rooms of this process, the longest due first, at most `max`; `*ret_next_due_ms`: when the next of the
 * others is, 0: there is none.
 */
MUST_CHECK enum rc delayed_events_due(struct txn_ro *txn, struct arena *arena, int64_t now_ms,
    size_t max, struct delayed_event **ret_events, size_t *ret_count, int64_t *ret_next_due_ms);

/* How one ends. */
struct delayed_end {
	int64_t nid;
	int64_t user;
	int64_t due_ms; /* only if it is still due then; -1: whenever it is due */
	int64_t now_ms;
	str event_id, errcode, error;
};
/*
 * In the transaction of the event, or alone where there is none. RC_NOT_FOUND: it has ended, or is due at another time.
 * Of those that ended before, what is too old or too much goes.
 */
MUST_CHECK enum rc delayed_event_end(struct txn_rw *txn, const struct delayed_end *end);
/* Its time begins anew. RC_NOT_FOUND: it has ended. */
MUST_CHECK enum rc delayed_event_restart(struct txn_rw *txn, int64_t nid, int64_t now_ms);
MUST_CHECK enum rc delayed_events_delete_all(struct txn_rw *txn, int64_t user);

#endif
