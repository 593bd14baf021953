/* What event_insert() leaves to the memberships. */
#ifndef EXEUNT_STORE_MEMBERS_INT_H
#define EXEUNT_STORE_MEMBERS_INT_H

#include "store/accounts.h"
#include "store/rooms.h"

/* The current membership of `in->member_user_id` follows from this event. */
MUST_CHECK enum rc membership_put(
    struct txn_rw *txn, const struct event_insert *in, int64_t event, int64_t pos);

#endif
