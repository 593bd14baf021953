/* Tokens for minutes: other logins, and proof of identity. */
#include "account_rig.h"

#include "core/account/short_tokens.h"

static str login_token(struct account_rig *rig, const struct session *session)
{
	str token;
	assert_rc(accounts_login_token(rig->accounts, &rig->arena, session, &token, &rig->fail), RC_OK);
	assert_true(str_starts(token, STR("exl_")));
	return token;
}

static enum rc login(struct account_rig *rig, str token, struct login_result *ret_result)
{
	struct login_request request = {.device_display_name = STR("Phone")};
	rig->fail = (struct fail){0};
	return accounts_login_by_token(rig->accounts, &rig->arena, token, &request, ret_result, &rig->fail);
}

static str openid_token(struct account_rig *rig, const struct session *session)
{
	str token;
	assert_rc(accounts_openid_token(rig->accounts, &rig->arena, session, &token, &rig->fail), RC_OK);
	return token;
}

static enum rc openid_user(struct account_rig *rig, str token, str *ret_user_id)
{
	return accounts_openid_user(rig->accounts, &rig->arena, token, ret_user_id, &rig->fail);
}

static void logs_in_once(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL), fresh;
	struct login_result result;
	str token = login_token(rig, &session);
	assert_rc(login(rig, token, &result), RC_OK);
	assert_str(result.user_id, STR("@alice:localhost"));
	assert_rc(rig_session(rig, result.access_token, &fresh), RC_OK);
	assert_int_equal(fresh.user, session.user);
	assert_true(fresh.device != session.device);
	assert_rc(login(rig, token, &result), RC_FORBIDDEN);
	assert_rc(login(rig, STR(""), &result), RC_FORBIDDEN);
	assert_rc(login(rig, openid_token(rig, &session), &result), RC_FORBIDDEN);
	assert_rc(rig_session(rig, login_token(rig, &session), &fresh), RC_UNKNOWN_TOKEN);
}

static void expires(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	struct login_result result;
	str early = login_token(rig, &session), late = login_token(rig, &session);
	rig->store->clock_fake.wall_ms += LOGIN_TOKEN_LIFE_MS - 1;
	assert_rc(login(rig, early, &result), RC_OK);
	rig->store->clock_fake.wall_ms++;
	assert_rc(login(rig, late, &result), RC_FORBIDDEN);
}

static void is_kept_for_some(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL), other = rig_register(rig, "bob", NULL);
	struct login_result result;
	str others = login_token(rig, &other), tokens[LOGIN_TOKENS_MAX + 1];
	for (size_t i = 0; i < COUNT_OF(tokens); i++)
		tokens[i] = login_token(rig, &session);
	assert_rc(login(rig, tokens[0], &result), RC_FORBIDDEN); /* the oldest made place */
	for (size_t i = 1; i < COUNT_OF(tokens); i++)
		assert_rc(login(rig, tokens[i], &result), RC_OK);
	assert_rc(login(rig, others, &result), RC_OK);
	(void)login_token(rig, &session);
	rig->store->clock_fake.wall_ms += LOGIN_TOKEN_LIFE_MS;
	str newest = login_token(rig, &session); /* takes the expired along */
	assert_rc(login(rig, newest, &result), RC_OK);
}

static void ends_with_the_password(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	struct login_result result;
	str token = login_token(rig, &session);
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR("new"), false, &rig->fail), RC_OK);
	assert_rc(login(rig, token, &result), RC_OK);
	token = login_token(rig, &session);
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR("newer"), true, &rig->fail), RC_OK);
	assert_rc(login(rig, token, &result), RC_FORBIDDEN);
}

static void ends_with_the_account(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	struct login_result result;
	str token = login_token(rig, &session), proof = openid_token(rig, &session), user_id;
	fixture_deactivate(rig->store, session.user);
	assert_rc(login(rig, token, &result), RC_FORBIDDEN);
	assert_rc(openid_user(rig, proof, &user_id), RC_UNKNOWN_TOKEN);
	assert_rc(accounts_login_token(rig->accounts, &rig->arena, &session, &token, &rig->fail), RC_UNKNOWN_TOKEN);
	assert_rc(accounts_openid_token(rig->accounts, &rig->arena, &session, &token, &rig->fail), RC_UNKNOWN_TOKEN);
}

static void proves_who_somebody_is(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	str token = openid_token(rig, &session), user_id = STR_EMPTY;
	for (int i = 0; i < 2; i++) { /* more than once */
		assert_rc(openid_user(rig, token, &user_id), RC_OK);
		assert_str(user_id, STR("@alice:localhost"));
	}
	assert_rc(openid_user(rig, login_token(rig, &session), &user_id), RC_UNKNOWN_TOKEN);
	assert_rc(openid_user(rig, STR(""), &user_id), RC_UNKNOWN_TOKEN);
	rig->store->clock_fake.wall_ms += OPENID_TOKEN_LIFE_MS;
	assert_rc(openid_user(rig, token, &user_id), RC_UNKNOWN_TOKEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, account_rig_setup, account_rig_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(logs_in_once),
		TEST(expires),
		TEST(is_kept_for_some),
		TEST(ends_with_the_password),
		TEST(ends_with_the_account),
		TEST(proves_who_somebody_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
