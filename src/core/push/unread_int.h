/* Inside core/push: a tally as it is kept between askings. */
#ifndef EXEUNT_CORE_PUSH_UNREAD_INT_H
#define EXEUNT_CORE_PUSH_UNREAD_INT_H

#include "core/push/facts_int.h"
#include "core/push/tally_int.h"

/* Immutable, in one piece, since there are as many as rooms of active users. */
struct unread {
	struct cached cached;
	int64_t user, room;
	struct tally tally;
};

#endif
