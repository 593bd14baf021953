/* What no verb of the store does: damage done to its database while it is shut. */
#ifndef EXEUNT_TEST_STORE_TAMPER_H
#define EXEUNT_TEST_STORE_TAMPER_H

#include "store_fixture.h"

void tamper_poison_room(struct fixture *f, int64_t room); /* every event of this room fails to be written */
void tamper_cure(struct fixture *f);

#endif
