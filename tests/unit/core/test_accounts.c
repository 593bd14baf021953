#include "account_rig.h"

#include "core/account/account_data.h"
#include "core/account/identifier.h"
#include "core/account/profile.h"
#include "core/account/tags.h"

#include <pthread.h>

static bool is_known(struct account_rig *rig, str token)
{
	struct session session;
	return rig_session(rig, token, &session) == RC_OK;
}

static void registers_and_finds_the_session(void **state)
{
	struct account_rig *rig = *state;
	str token;
	struct session session = rig_register(rig, "alice", &token);
	assert_str(session.user_id, STR("@alice:localhost"));
	assert_int_equal(session.device_id.n, 10);
	assert_true(str_starts(token, STR("exe_")));
	for (int i = 0; i < 3; i++) { /* from the store, then from the cache */
		struct session again;
		assert_rc(rig_session(rig, token, &again), RC_OK);
		assert_int_equal(again.user, session.user);
		assert_int_equal(again.device, session.device);
		assert_str(again.user_id, session.user_id);
		assert_str(again.device_id, session.device_id);
	}
	assert_rc(rig_session(rig, STR("nonsense"), &session), RC_UNKNOWN_TOKEN);
	assert_false(rig->fail.soft_logout);
	assert_rc(rig_session(rig, STR_EMPTY, &session), RC_UNKNOWN_TOKEN);
}

static void refuses_bad_and_taken_names(void **state)
{
	struct account_rig *rig = *state;
	static const str bad[] = {
		STR_INIT(""), STR_INIT(" "), STR_INIT("a b"), STR_INIT("a:b"), STR_INIT("@a"), STR_INIT("Alice"),
		STR_INIT("\xc3\xbc"), STR_INIT("a%b"), STR_INIT("a\0b"), STR_INIT("@a:localhost"),
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_rc_of(accounts_username_check(rig->accounts, &rig->arena, bad[i], &rig->fail),
		             RC_INVALID_USERNAME, bad[i].p);
	char longest[246];
	memset(longest, 'x', sizeof(longest));
	assert_rc(accounts_username_check(rig->accounts, &rig->arena, str_bytes(longest, 244), &rig->fail), RC_OK);
	assert_rc(accounts_username_check(rig->accounts, &rig->arena, str_bytes(longest, 245), &rig->fail),
	          RC_INVALID_USERNAME);
	rig_register(rig, "alice", NULL);
	assert_rc(accounts_username_check(rig->accounts, &rig->arena, STR("alice"), &rig->fail), RC_USER_IN_USE);
	struct registration_request again = {.localpart = STR("alice"), .password = RIG_PASSWORD};
	struct login_result result;
	assert_rc(accounts_register(rig->accounts, &rig->arena, &again, &result, &rig->fail), RC_USER_IN_USE);
}

static void makes_a_name_when_none_is_asked_for(void **state)
{
	struct account_rig *rig = *state;
	struct registration_request request = {.password = RIG_PASSWORD, .inhibit_login = true};
	struct login_result one, two;
	assert_rc(accounts_register(rig->accounts, &rig->arena, &request, &one, &rig->fail), RC_OK);
	assert_rc(accounts_register(rig->accounts, &rig->arena, &request, &two, &rig->fail), RC_OK);
	assert_false(str_eq(one.user_id, two.user_id));
	assert_int_equal(one.access_token.n, 0);
	assert_int_equal(one.device_id.n, 0);
	struct login_result login;
	assert_rc(rig_login(rig, one.user_id, RIG_PASSWORD, NULL, false, &login), RC_OK);
}

enum { RACERS = 8 };

struct racer {
	struct account_rig *rig;
	pthread_t thread;
	enum rc rc;
};

static void *race(void *arg)
{
	struct racer *racer = arg;
	struct arena arena;
	struct login_result result;
	struct registration_request request = {.localpart = STR("prize"), .password = RIG_PASSWORD};
	arena_init(&arena, MEBIBYTE);
	racer->rc = accounts_register(racer->rig->accounts, &arena, &request, &result, NULL);
	arena_release(&arena);
	return NULL;
}

static void one_of_a_race_gets_the_name(void **state)
{
	struct racer racers[RACERS];
	int won = 0;
	for (size_t i = 0; i < RACERS; i++) {
		racers[i].rig = *state;
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		won += racers[i].rc == RC_OK;
		assert_true(racers[i].rc == RC_OK || racers[i].rc == RC_USER_IN_USE);
	}
	assert_int_equal(won, 1);
}

static void logs_in_by_name_and_by_id(void **state)
{
	struct account_rig *rig = *state;
	struct login_result result;
	rig_register(rig, "alice", NULL);
	static const str right[] = {STR_INIT("alice"), STR_INIT("@alice:localhost"), STR_INIT("ALICE")};
	for (size_t i = 0; i < COUNT_OF(right); i++) {
		assert_rc_of(rig_login(rig, right[i], RIG_PASSWORD, NULL, false, &result), RC_OK, right[i].p);
		assert_str(result.user_id, STR("@alice:localhost"));
		assert_int_equal(result.expires_in_ms, 0);
		assert_int_equal(result.refresh_token.n, 0);
	}
	static const str wrong[] = {
		STR_INIT("bob"), STR_INIT("@alice:elsewhere"), STR_INIT(""), STR_INIT("@"), STR_INIT("@alice"),
		STR_INIT("\xf0\x9f\x98\x80"),
	};
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_rc_of(rig_login(rig, wrong[i], RIG_PASSWORD, NULL, false, &result), RC_FORBIDDEN, wrong[i].p);
}

static void unknown_user_and_wrong_password_look_alike(void **state)
{
	struct account_rig *rig = *state;
	struct login_result result;
	rig_register(rig, "alice", NULL);
	assert_rc(rig_login(rig, STR("alice"), STR("wrong"), NULL, false, &result), RC_FORBIDDEN);
	char said[FAIL_MESSAGE_MAX];
	memcpy(said, rig->fail.message, sizeof(said));
	assert_rc(rig_login(rig, STR("nobody"), STR("wrong"), NULL, false, &result), RC_FORBIDDEN);
	assert_string_equal(said, rig->fail.message);
	assert_rc(rig_login(rig, STR("alice"), STR_EMPTY, NULL, false, &result), RC_FORBIDDEN);
	assert_string_equal(said, rig->fail.message);
}

static void a_login_on_the_same_device_replaces_its_token(void **state)
{
	struct account_rig *rig = *state;
	struct login_result first, second;
	rig_register(rig, "alice", NULL);
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, "PHONE", false, &first), RC_OK);
	assert_true(is_known(rig, first.access_token));
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, "PHONE", false, &second), RC_OK);
	assert_false(is_known(rig, first.access_token)); /* though it stood in the cache */
	assert_true(is_known(rig, second.access_token));
}

static void device_ids_have_a_limit(void **state)
{
	struct account_rig *rig = *state;
	struct login_result result;
	char name[257];
	rig_register(rig, "alice", NULL);
	memset(name, 'D', sizeof(name));
	name[256] = '\0';
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, name, false, &result), RC_INVALID_PARAM);
	name[255] = '\0';
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, name, false, &result), RC_OK);
}

static void refreshes(void **state)
{
	struct account_rig *rig = *state;
	struct login_result first, second;
	struct session session;
	rig_register(rig, "alice", NULL);
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, "D", true, &first), RC_OK);
	assert_int_equal(first.expires_in_ms, 60000);
	assert_true(is_known(rig, first.access_token));
	assert_rc(accounts_refresh(rig->accounts, &rig->arena, first.refresh_token, &second, &rig->fail), RC_OK);
	assert_true(is_known(rig, first.access_token)); /* until the new one is used */
	assert_true(is_known(rig, second.access_token));
	assert_false(is_known(rig, first.access_token));
	struct login_result third;
	assert_rc(accounts_refresh(rig->accounts, &rig->arena, first.refresh_token, &third, &rig->fail), RC_UNKNOWN_TOKEN);
	assert_rc(accounts_refresh(rig->accounts, &rig->arena, STR("x"), &third, &rig->fail), RC_UNKNOWN_TOKEN);
	assert_rc(accounts_refresh(rig->accounts, &rig->arena, second.access_token, &third, &rig->fail),
	          RC_UNKNOWN_TOKEN);
	assert_rc(rig_session(rig, second.refresh_token, &session), RC_UNKNOWN_TOKEN);
}

static void an_expired_token_is_a_soft_logout(void **state)
{
	struct account_rig *rig = *state;
	struct login_result result, fresh;
	struct session session;
	rig_register(rig, "alice", NULL);
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, NULL, true, &result), RC_OK);
	assert_true(is_known(rig, result.access_token));
	clock_fake_advance(&rig->store->clock_fake, 59999);
	assert_true(is_known(rig, result.access_token));
	clock_fake_advance(&rig->store->clock_fake, 1);
	assert_rc(rig_session(rig, result.access_token, &session), RC_UNKNOWN_TOKEN);
	assert_true(rig->fail.soft_logout);
	assert_rc(accounts_refresh(rig->accounts, &rig->arena, result.refresh_token, &fresh, &rig->fail), RC_OK);
	assert_true(is_known(rig, fresh.access_token));
}

static void logs_out(void **state)
{
	struct account_rig *rig = *state;
	struct login_result other;
	str token;
	struct session session = rig_register(rig, "alice", &token);
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, NULL, false, &other), RC_OK);
	assert_rc(accounts_logout(rig->accounts, &session), RC_OK);
	assert_false(is_known(rig, token));
	assert_true(is_known(rig, other.access_token));
	assert_rc(accounts_logout(rig->accounts, &session), RC_OK); /* two at once */
	assert_rc(accounts_logout_all(rig->accounts, &session), RC_OK);
	assert_false(is_known(rig, other.access_token));
	struct session of_service = {.user = session.user};
	assert_rc(accounts_logout(rig->accounts, &of_service), RC_FORBIDDEN);
}

static void changes_the_password(void **state)
{
	struct account_rig *rig = *state;
	struct login_result other, result;
	str token;
	struct session session = rig_register(rig, "alice", &token);
	char too_long[513];
	memset(too_long, 'p', sizeof(too_long));
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, NULL, false, &other), RC_OK);
	assert_true(is_known(rig, other.access_token));
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR_EMPTY, true, &rig->fail),
	          RC_WEAK_PASSWORD);
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, str_bytes(too_long, 513), true, &rig->fail),
	          RC_INVALID_PARAM);
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR("new one"), false, &rig->fail), RC_OK);
	assert_true(is_known(rig, other.access_token));
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR("newer"), true, &rig->fail), RC_OK);
	assert_false(is_known(rig, other.access_token));
	assert_true(is_known(rig, token));
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, NULL, false, &result), RC_FORBIDDEN);
	assert_rc(rig_login(rig, STR("alice"), STR("newer"), NULL, false, &result), RC_OK);
}

static void after_the_end_nothing_works(void **state)
{
	struct account_rig *rig = *state;
	struct login_result result;
	str token;
	struct session session = rig_register(rig, "alice", &token), again;
	fixture_deactivate(rig->store, session.user);
	accounts_drop_sessions(rig->accounts, session.user);
	assert_rc(rig_session(rig, token, &again), RC_UNKNOWN_TOKEN);
	assert_rc(rig_login(rig, STR("alice"), RIG_PASSWORD, NULL, false, &result), RC_USER_DEACTIVATED);
	assert_rc(rig_login(rig, STR("alice"), STR("wrong"), NULL, false, &result), RC_USER_DEACTIVATED);
	assert_rc(accounts_username_check(rig->accounts, &rig->arena, STR("alice"), &rig->fail), RC_USER_IN_USE);
	/* Requests in flight with the session of before. */
	assert_rc(accounts_set_password(rig->accounts, &rig->arena, &session, STR("x"), true, &rig->fail),
	          RC_UNKNOWN_TOKEN);
	assert_rc(profile_set(rig->accounts, &rig->arena, &session, STR("displayname"),
		      rig_json(rig, "\"Ghost\""), &rig->fail),
	    RC_UNKNOWN_TOKEN);
	assert_rc(
	    profile_unset(rig->accounts, &session, STR("m.tz"), &rig->fail), RC_UNKNOWN_TOKEN);
	assert_rc(account_data_set(rig->accounts, &rig->arena, &session, STR_EMPTY, STR("a.b"), rig_json(rig, "{}"),
	                           &rig->fail), RC_UNKNOWN_TOKEN);
	int64_t filter_id;
	assert_rc(accounts_filter_add(rig->accounts, &rig->arena, &session, rig_json(rig, "{}"), &filter_id, &rig->fail),
	          RC_UNKNOWN_TOKEN);
}

static enum rc put_token(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return registration_token_put(txn, arg);
}

static void uses_up_a_registration_token(void **state)
{
	struct account_rig *rig = *state;
	struct registration_token token = {.token = STR("Come-In"), .uses_allowed = 1};
	assert_rc(store_write(rig->store->store, put_token, &token, NULL), RC_OK);
	struct registration_request request = {.localpart = STR("one"), .registration_token = token.token};
	struct login_result result;
	assert_rc(accounts_register(rig->accounts, &rig->arena, &request, &result, &rig->fail), RC_OK);
	request.localpart = STR("two");
	assert_rc(accounts_register(rig->accounts, &rig->arena, &request, &result, &rig->fail), RC_FORBIDDEN);
	assert_rc(accounts_username_check(rig->accounts, &rig->arena, STR("two"), &rig->fail), RC_OK);
}

static void keeps_account_data(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	str content;
	json value = rig_json(rig, "{\"a\":[1, 2.5,null]}");
	int64_t room = fixture_room(rig->store, "!r:localhost");
#define SET(room_id, type) \
	account_data_set(rig->accounts, &rig->arena, &session, STR(room_id), STR(type), value, &rig->fail)
#define READ(room_id, type) \
	account_data_read(rig->accounts, &rig->arena, &session, STR(room_id), STR(type), &content, &rig->fail)
	assert_rc(READ("", "a.b"), RC_NOT_FOUND);
	assert_rc(SET("", "a.b"), RC_OK);
	assert_rc(READ("", "a.b"), RC_OK);
	assert_str(content, STR("{\"a\":[1,2.5,null]}"));
	assert_rc(SET("", "m.fully_read"), RC_READ_ONLY_TYPE);
	assert_rc(SET("", "m.push_rules"), RC_READ_ONLY_TYPE);
	assert_rc(READ("", "m.push_rules"), RC_OK);
	assert_true(str_starts(content, STR("{\"global\":{")));
	assert_rc(SET("", ""), RC_INVALID_PARAM);
	assert_rc(SET("r", "a.b"), RC_INVALID_PARAM);
	assert_rc(SET("!none:localhost", "a.b"), RC_NOT_FOUND);
	assert_rc(SET("!r:localhost", "a.b"), RC_NOT_FOUND); /* never been there */
	fixture_member(rig->store, room, "@alice:localhost", MEMBERSHIP_JOIN);
	assert_rc(SET("!r:localhost", "c.d"), RC_OK);
	assert_rc(READ("!r:localhost", "c.d"), RC_OK);
	assert_rc(READ("", "c.d"), RC_NOT_FOUND);
#undef SET
#undef READ
}

static void keeps_filters(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL), other = rig_register(rig, "bob", NULL);
	int64_t id;
	str text;
	json good = rig_json(rig, "{\"room\": {\"timeline\": {\"limit\": 10}}}");
	assert_rc(accounts_filter_add(rig->accounts, &rig->arena, &session, good, &id, &rig->fail), RC_OK);
	str id_text = arena_printf(&rig->arena, "%lld", (long long)id);
	assert_rc(accounts_filter_read(rig->accounts, &rig->arena, &session, id_text, &text, &rig->fail), RC_OK);
	assert_str(text, STR("{\"room\":{\"timeline\":{\"limit\":10}}}"));
	assert_rc(accounts_filter_read(rig->accounts, &rig->arena, &other, id_text, &text, &rig->fail), RC_NOT_FOUND);
	static const str none[] = {STR_INIT("99"), STR_INIT("x"), STR_INIT("-1"), STR_INIT(""),
	                           STR_INIT("99999999999999999999")};
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_rc_of(accounts_filter_read(rig->accounts, &rig->arena, &session, none[i], &text, &rig->fail),
		             RC_NOT_FOUND, none[i].p);
	assert_rc(accounts_filter_add(rig->accounts, &rig->arena, &session, rig_json(rig, "{\"room\":[]}"), &id,
	                              &rig->fail), RC_BAD_JSON);
}

static str tags_now(struct account_rig *rig, const struct session *session, str room_id)
{
	struct buf out;
	buf_init(&out, &rig->arena, MEBIBYTE);
	assert_rc(tags_put(rig->accounts, &rig->arena, session, room_id, &out, &rig->fail), RC_OK);
	return buf_str(&out);
}

static void keeps_tags(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	str room = STR("!r:localhost");
	struct buf out;
	fixture_member(
	    rig->store, fixture_room(rig->store, room.p), "@alice:localhost", MEMBERSHIP_JOIN);
	assert_str(tags_now(rig, &session, room), STR("{\"tags\":{}}"));
	assert_rc(tag_set(rig->accounts, &rig->arena, &session, room, STR("a"),
		      rig_json(rig, "{\"order\":1}"), &rig->fail),
	    RC_OK);
	assert_rc(tag_set(rig->accounts, &rig->arena, &session, room, STR("b"), rig_json(rig, "{}"),
		      &rig->fail),
	    RC_OK);
	assert_str(tags_now(rig, &session, room), STR("{\"tags\":{\"a\":{\"order\":1},\"b\":{}}}"));
	int64_t before = store_committed_pos(rig->store->store);
	assert_rc(tag_unset(rig->accounts, &session, room, STR("c"), &rig->fail), RC_OK);
	assert_int_equal(
	    store_committed_pos(rig->store->store), before); /* no news: nothing changed */
	assert_rc(tag_unset(rig->accounts, &session, room, STR("a"), &rig->fail), RC_OK);
	assert_str(tags_now(rig, &session, room), STR("{\"tags\":{\"b\":{}}}"));
	assert_rc(
	    tag_unset(rig->accounts, &session, room, STR_EMPTY, &rig->fail), RC_INVALID_PARAM);
	buf_init(&out, &rig->arena, MEBIBYTE);
	assert_rc(
	    tags_put(rig->accounts, &rig->arena, &session, STR("!s:localhost"), &out, &rig->fail),
	    RC_NOT_FOUND);
	fixture_deactivate(rig->store, session.user);
	assert_rc(tag_unset(rig->accounts, &session, room, STR("b"), &rig->fail), RC_UNKNOWN_TOKEN);
}

static void reads_identifiers(void **state)
{
	struct account_rig *rig = *state;
	static const struct {
		const char *text;
		enum rc rc;
	} rows[] = {
		{"{\"identifier\":{\"type\":\"m.id.user\",\"user\":\"a\"}}", RC_OK},
		{"{\"user\":\"a\"}", RC_OK},
		{"{}", RC_MISSING_PARAM},
		{"{\"identifier\":{}}", RC_MISSING_PARAM},
		{"{\"identifier\":{\"type\":\"m.id.user\"},\"user\":\"a\"}", RC_MISSING_PARAM},
		{"{\"identifier\":\"a\"}", RC_BAD_JSON},
		{"{\"identifier\":{\"type\":5,\"user\":\"a\"}}", RC_BAD_JSON},
		{"{\"identifier\":{\"type\":\"m.id.user\",\"user\":5}}", RC_BAD_JSON},
		{"{\"user\":[]}", RC_BAD_JSON},
		{"{\"identifier\":{\"type\":\"m.id.phone\",\"user\":\"a\"}}", RC_UNKNOWN_400},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str user = STR("untouched");
		assert_rc_of(identifier_read(rig_json(rig, rows[i].text), &user, &rig->fail), rows[i].rc, rows[i].text);
		assert_str(user, rows[i].rc == RC_OK ? STR("a") : STR("untouched"));
	}
}

/* Each allocation in turn: registration and login fail cleanly or work, and the account is there once or not. */
static void survives_every_failed_allocation(void **state)
{
	struct account_rig *rig = *state;
	struct registration_request request = {.localpart = STR("tight"), .password = RIG_PASSWORD};
	struct login_result result;
	bool registered = false, done = false;
	for (int64_t k = 0; !done && k < 10000; k++) {
		struct arena arena;
		arena_init(&arena, MEBIBYTE);
		arena_fail_after(k);
		enum rc rc = registered ? accounts_login_password(rig->accounts, &arena, STR("tight"), RIG_PASSWORD,
		                                                  &request.login, &result, NULL)
		                        : accounts_register(rig->accounts, &arena, &request, &result, NULL);
		arena_fail_after(-1);
		arena_release(&arena);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
		done = rc == RC_OK && registered;
		if (rc == RC_OK && !registered) {
			registered = true;
			k = -1;
		}
	}
	assert_true(done);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, account_rig_setup, account_rig_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(registers_and_finds_the_session),
	    TEST(refuses_bad_and_taken_names),
	    TEST(makes_a_name_when_none_is_asked_for),
	    TEST(one_of_a_race_gets_the_name),
	    TEST(logs_in_by_name_and_by_id),
	    TEST(unknown_user_and_wrong_password_look_alike),
	    TEST(a_login_on_the_same_device_replaces_its_token),
	    TEST(device_ids_have_a_limit),
	    TEST(refreshes),
	    TEST(an_expired_token_is_a_soft_logout),
	    TEST(logs_out),
	    TEST(changes_the_password),
	    TEST(after_the_end_nothing_works),
	    TEST(uses_up_a_registration_token),
	    TEST(keeps_account_data),
	    TEST(keeps_filters),
	    TEST(keeps_tags),
	    TEST(reads_identifiers),
	    TEST(survives_every_failed_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
