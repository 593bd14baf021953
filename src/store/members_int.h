/* What inserting events leaves to the memberships. */
#ifndef EXEUNT_STORE_MEMBERS_INT_H
#define EXEUNT_STORE_MEMBERS_INT_H

#include "store/events_int.h"

/* The current membership of `in->member_user_id` follows from this event. */
MUST_CHECK enum rc membership_put(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at);

/* All memberships follow from what differs between the room's current states `before` and at->current. */
MUST_CHECK enum rc memberships_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at, int64_t before);

#endif
