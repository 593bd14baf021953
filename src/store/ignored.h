/*
 * Whom users ignore (Client-Server API, "Ignoring Users"): what their account data m.ignored_user_list says, as rows, so
 * that nobody has to read it to know about one user. core keeps both in step, in one transaction.
 */
#ifndef EXEUNT_STORE_IGNORED_H
#define EXEUNT_STORE_IGNORED_H

#include "store/rooms.h"

/* Whether it is among numbers that ascend. */
bool nids_have(const struct nids *ascending, int64_t nid);

/* Replaces the list. `ignored`: user IDs, known or not, each once, ascending by their bytes. */
MUST_CHECK enum rc ignored_users_set(
    struct txn_rw *txn, struct arena *scratch, int64_t user, const str *ignored, size_t count);
/* Those of the list whom this server has ever heard of, ascending: nobody else can have sent anything. */
MUST_CHECK enum rc ignored_users(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct nids *ret_ignored);
/* Whether `user` ignores `other`. */
MUST_CHECK enum rc user_ignores(struct txn_ro *txn, int64_t user, int64_t other, bool *ret_ignores);

#endif
