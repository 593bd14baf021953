/* What the files of events share with those of members and auth chains. */
#ifndef EXEUNT_STORE_EVENTS_INT_H
#define EXEUNT_STORE_EVENTS_INT_H

#include "store/rooms.h"
#include "store/sql_int.h"

/* The column `standing`: the verdict, and whether the event is a marked leave, which a redaction would take away. */
enum { STANDING_VERDICT = 3, STANDING_MARKED = 4 };

/* What an insert works out before it writes. */
struct placing {
	int64_t event, type;
	int64_t key;              /* of state events */
	bool was_outlier;         /* its row is there */
	int64_t pos;              /* 0: not in the stream */
	int64_t before, snapshot; /* room state before and after it; unless it is an outlier, as the next two */
	int64_t current;          /* the room's */
	int64_t replaced;
};

/* Rows of a query of EVENT_COLUMNS. At most `limit`, of one that asks for one_more(): `*ret_more` says if it is there. */
int64_t one_more(size_t limit);
MUST_CHECK enum rc event_page(struct query *q, struct arena *arena, size_t limit, struct event_row **ret_events,
    size_t *ret_count, bool *ret_more);

/* A list as the statements take it. */
MUST_CHECK enum rc nids_text(struct arena *arena, struct nids nids, str *ret_text);

/* relations_write.c: what an event that was just written means to relations; a redacted one, before it is redacted. */
MUST_CHECK enum rc relations_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at);
MUST_CHECK enum rc relation_end(struct txn_rw *txn, int64_t room, str event_id);

#endif
