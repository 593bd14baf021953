/* Leaving the user directory: for the end of an account. */
#ifndef EXEUNT_STORE_DIRECTORY_INT_H
#define EXEUNT_STORE_DIRECTORY_INT_H

#include "store/store.h"

MUST_CHECK enum rc directory_remove(struct txn_rw *txn, int64_t user);

#endif
