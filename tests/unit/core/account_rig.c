#include "account_rig.h"

#include <stdlib.h>

void account_rig_mode(struct account_rig *rig, enum registration_mode mode)
{
	accounts_free(TAKE(rig->accounts));
	struct accounts_config config = {
		.store = rig->store->store,
		.clock = &rig->store->clock,
		.rng = &rig->store->rng,
		.server_name = STR("localhost"),
		.registration = mode,
		.password_cost = {.passes = 1, .memory_bytes = 8192},
		.access_token_life_ms = 60000,
		.sessions_cached_max = 100,
		.uia_sessions_max = 8,
		.uia_session_life_ms = 1000,
	};
	assert_rc(accounts_new(&config, &rig->accounts), RC_OK);
}

int account_rig_setup(void **state)
{
	struct account_rig *rig = calloc(1, sizeof(*rig));
	void *store;
	if (crypto_init() != RC_OK || fixture_setup(&store) != 0)
		return 1;
	rig->store = store;
	arena_init(&rig->arena, 8 * MEBIBYTE);
	account_rig_mode(rig, REGISTRATION_OPEN);
	*state = rig;
	return 0;
}

int account_rig_teardown(void **state)
{
	struct account_rig *rig = *state;
	void *store = rig->store;
	accounts_free(rig->accounts);
	arena_release(&rig->arena);
	free(rig);
	return fixture_teardown(&store);
}

struct session rig_register(struct account_rig *rig, const char *localpart, str *ret_token)
{
	struct registration_request request = {.localpart = str_of(localpart), .password = RIG_PASSWORD};
	struct login_result result;
	struct session session;
	assert_rc(accounts_register(rig->accounts, &rig->arena, &request, &result, &rig->fail), RC_OK);
	assert_rc(rig_session(rig, result.access_token, &session), RC_OK);
	if (ret_token)
		*ret_token = result.access_token;
	return session;
}

enum rc rig_session(struct account_rig *rig, str token, struct session *ret_session)
{
	rig->fail = (struct fail){0};
	return accounts_session(rig->accounts, &rig->arena, token, ret_session, &rig->fail);
}

enum rc rig_login(struct account_rig *rig, str user, str password, const char *device, bool refresh,
                  struct login_result *ret_result)
{
	struct login_request request = {.device_id = str_of(device), .refresh_token = refresh};
	rig->fail = (struct fail){0};
	return accounts_login_password(rig->accounts, &rig->arena, user, password, &request, ret_result, &rig->fail);
}

json rig_json(struct account_rig *rig, const char *text)
{
	json root;
	assert_rc_of(json_parse(&rig->arena, str_of(text), &root, NULL), RC_OK, text);
	return root;
}
