/* A page of a room's history: what /messages and /context share. */
#ifndef EXEUNT_CORE_ROOM_MESSAGES_INT_H
#define EXEUNT_CORE_ROOM_MESSAGES_INT_H

#include "core/room/queries.h"

struct page {
	/* set by the caller */
	const struct room_query *query;
	const struct messages_wish *wish;
	struct txn_ro *txn;
	struct room_view view;
	struct sender_seen {
		str user_id;
		int64_t snapshot;  /* of the first event that it sent in this page */
	} *senders;                /* with lazy loading: room for wish->limit more */
	size_t sender_count;
	/* set by page_put() */
	int64_t low, high;         /* what is left: low < pos <= high */
	size_t put, scanned;
	bool more;                 /* there may be events beyond */
	int64_t start_pos, end_pos; /* where it began, and where to go on */
	int64_t last_snapshot;     /* the room's state at the newest event that was put; as it was when none was */
};

/* Appends the events, with commas between them. */
MUST_CHECK enum rc page_put(struct page *page);
/* Appends `,"state":[…]` with the member events of the senders. */
MUST_CHECK enum rc page_put_members(struct page *page);

#endif
