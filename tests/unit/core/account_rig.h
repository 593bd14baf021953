/* Accounts over a real store, with a fake clock and a seeded generator; passwords cost next to nothing. */
#ifndef EXEUNT_TEST_ACCOUNT_RIG_H
#define EXEUNT_TEST_ACCOUNT_RIG_H

#include "base/test.h"
#include "core/account/accounts.h"
#include "store/store_fixture.h"

#define RIG_PASSWORD STR("correct horse")

struct account_rig {
	struct fixture *store;
	struct accounts *accounts;
	struct arena arena;
	struct fail fail;
};

int account_rig_setup(void **state); /* open registration */
int account_rig_teardown(void **state);
/* Makes the accounts anew, over the same store. */
void account_rig_mode(struct account_rig *rig, enum registration_mode mode);

/* Registers, logged in on a device; the session as a request would find it. */
struct session rig_register(struct account_rig *rig, const char *localpart, str *ret_token);
enum rc rig_session(struct account_rig *rig, str token, struct session *ret_session);
enum rc rig_login(struct account_rig *rig, str user, str password, const char *device, bool refresh,
                  struct login_result *ret_result);
json rig_json(struct account_rig *rig, const char *text);

#endif
