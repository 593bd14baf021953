/* What no verb of the store does: damage done to its database while it is shut. */
#ifndef EXEUNT_TEST_STORE_TAMPER_H
#define EXEUNT_TEST_STORE_TAMPER_H

#include "store_fixture.h"

void tamper_poison_room(struct fixture *f, int64_t room); /* every event of this room fails to be written */
void tamper_cure(struct fixture *f);

/*
 * The k-th commit of a group after the store has been opened again (k from 1) fails, and what it was to keep is lost:
 * returns the outcome. `*ret_fault` is to be armed meanwhile; NULL on PostgreSQL, where a fault would not do: a commit
 * that failed is tried again there, unless its disk is full.
 */
enum rc tamper_fail_commit(struct fixture *f, int k, const char **ret_fault);

#endif
