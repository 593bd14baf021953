/* What the memberships leave to deactivation. */
#ifndef EXEUNT_STORE_DEACTIVATION_INT_H
#define EXEUNT_STORE_DEACTIVATION_INT_H

#include "store/deactivation.h"

/*
 * The user is in the room, somehow: if the account is deactivated, its departure is pending (again), and its newest job
 * open. One row, however often.
 */
MUST_CHECK enum rc departure_renew(
    struct txn_rw *txn, int64_t user, int64_t room, bool *ret_pending);

#endif
