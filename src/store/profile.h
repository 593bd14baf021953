/*
 * Fields of local users' profiles, but for displayname and avatar_url: those stand in the account (accounts.h), since
 * rooms need them. Limits are core's.
 */
#ifndef EXEUNT_STORE_PROFILE_H
#define EXEUNT_STORE_PROFILE_H

#include "store/store.h"

struct profile_field {
	str key;
	str value; /* JSON of any kind */
};

/* Adds or replaces. */
MUST_CHECK enum rc profile_field_put(struct txn_rw *txn, int64_t user, str key, str value);
/* RC_OK, too, when there is none. */
MUST_CHECK enum rc profile_field_delete(struct txn_rw *txn, int64_t user, str key);
/* In order of key. */
MUST_CHECK enum rc profile_fields(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct profile_field **ret_fields, size_t *ret_count);

#endif
