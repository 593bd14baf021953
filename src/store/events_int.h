/* What the files of events share with those of members and auth chains. */
#ifndef EXEUNT_STORE_EVENTS_INT_H
#define EXEUNT_STORE_EVENTS_INT_H

#include "store/rooms.h"

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

#endif
