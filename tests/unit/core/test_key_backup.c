/* core/keys/backup.h: who may put what into which version, and what comes out of it. */
#include "account_rig.h"
#include "core/keys/backup.h"

static struct account_rig *rig;
static struct session alice;

static int setup(void **state)
{
	if (account_rig_setup(state) != 0)
		return 1;
	rig = *state;
	alice = rig_register(rig, "alice", NULL);
	return 0;
}

static int64_t create(const struct session *session)
{
	int64_t version = 0;
	assert_rc(backup_create(rig->store->store, &rig->arena, session, STR("a"),
		      rig_json(rig, "{\"k\":1}"), &version, &rig->fail),
	    RC_OK);
	return version;
}

static struct backup_wish wish_of(
    struct buf *out, const char *version, const char *room_id, const char *session_id)
{
	buf_init(out, &rig->arena, MEBIBYTE);
	rig->fail = (struct fail){0};
	return (struct backup_wish){
	    .store = rig->store->store,
	    .arena = &rig->arena,
	    .session = &alice,
	    .version = str_of(version),
	    .room_id = str_of(room_id),
	    .session_id = str_of(session_id),
	    .out = out,
	    .fail = &rig->fail,
	};
}

static struct backed_up_key key_in(const char *room_id, const char *session_id, const char *data)
{
	return (struct backed_up_key){.room_id = str_of(room_id),
	    .session_id = str_of(session_id),
	    .session_data = str_of(data)};
}

static enum rc put(const char *version, struct backed_up_key key)
{
	struct buf out;
	struct backup_wish wish = wish_of(&out, version, "", "");
	return backup_keys_put(&wish, &key, 1);
}

static str all_of(const char *version, const char *room_id)
{
	struct buf out;
	struct backup_wish wish = wish_of(&out, version, room_id, "");
	assert_rc(backup_keys_answer(&wish), RC_OK);
	return buf_str(&out);
}

static void rooms_are_objects_of_sessions(void **state)
{
	(void)state;
	create(&alice);
	assert_str(all_of("1", ""), STR("{\"rooms\":{}}"));
	assert_str(all_of("1", "!a:x"), STR("{\"sessions\":{}}"));
	assert_rc(put("1", key_in("!b:x", "s", "{\"d\":3}")), RC_OK);
	assert_rc(put("1", key_in("!a:x", "t", "{\"d\":2}")), RC_OK);
	assert_rc(put("1", key_in("!a:x", "s", "{\"d\":1}")), RC_OK);
#define KEY(n)                                                                                     \
	"{\"first_message_index\":0,\"forwarded_count\":0,\"is_verified\":false,\"session_data\":" \
	"{\"d\":" n "}}"
	assert_str(all_of("1", ""),
	    STR("{\"rooms\":{\"!a:x\":{\"sessions\":{\"s\":" KEY("1") ",\"t\":" KEY(
		"2") "}},"
		     "\"!b:x\":{\"sessions\":{\"s\":" KEY("3") "}}}}"));
	assert_str(all_of("1", "!b:x"), STR("{\"sessions\":{\"s\":" KEY("3") "}}"));
}

static void versions_are_texts(void **state)
{
	(void)state;
	static const char *const wrong[] = {
	    "", "0", "01", "+1", "-1", "1 ", "2", "x", "99999999999999999999"};
	create(&alice);
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct buf out;
		struct backup_wish wish = wish_of(&out, wrong[i], "", "");
		assert_rc_of(backup_keys_answer(&wish), RC_NOT_FOUND, wrong[i]);
		assert_rc_of(backup_keys_delete(&wish), RC_NOT_FOUND, wrong[i]);
		assert_rc_of(put(wrong[i], key_in("!a:x", "s", "{}")), RC_NOT_FOUND, wrong[i]);
	}
}

static void an_older_version_takes_no_keys(void **state)
{
	(void)state;
	create(&alice);
	assert_int_equal(create(&alice), 2);
	assert_rc(put("1", key_in("!a:x", "s", "{}")), RC_WRONG_ROOM_KEYS_VERSION);
	assert_int_equal(rig->fail.current_version, 2);
	assert_rc(put("2", key_in("!a:x", "s", "{}")), RC_OK);
	assert_rc(
	    backup_delete(rig->store->store, &rig->arena, &alice, STR("2"), &rig->fail), RC_OK);
	assert_rc(put("2", key_in("!a:x", "s", "{}")), RC_WRONG_ROOM_KEYS_VERSION);
	assert_rc(put("1", key_in("!a:x", "s", "{}")), RC_OK);
}

static void keys_are_checked(void **state)
{
	(void)state;
	static char long_id[BACKUP_SESSION_ID_MAX_BYTES + 1],
	    long_data[BACKUP_SESSION_DATA_MAX_BYTES + 1];
	memset(long_id, 's', sizeof long_id);
	memset(long_data, ' ', sizeof long_data);
	struct backed_up_key key = key_in("!a:x", "s", "{}");
	assert_rc(backup_key_check(&key, &rig->fail), RC_OK);
	key.session_id = str_bytes(long_id, sizeof long_id);
	assert_rc(backup_key_check(&key, &rig->fail), RC_INVALID_PARAM);
	key.session_id = str_first(key.session_id, BACKUP_SESSION_ID_MAX_BYTES);
	assert_rc(backup_key_check(&key, &rig->fail), RC_OK);
	key.session_data = str_bytes(long_data, sizeof long_data);
	assert_rc(backup_key_check(&key, &rig->fail), RC_TOO_LARGE);
	key = key_in("!a:x", "", "{}");
	assert_rc(backup_key_check(&key, &rig->fail), RC_INVALID_PARAM);
	key = key_in("a", "s", "{}");
	assert_rc(backup_key_check(&key, &rig->fail), RC_INVALID_PARAM);
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
	(void)state;
	create(&alice);
	assert_rc(put("1", key_in("!a:x", "s", "{\"d\":1}")), RC_OK);
	struct buf out;
	struct backup_wish wish = wish_of(&out, "1", "", "");
	buf_init(&out, &rig->arena, 100);
	assert_rc(backup_keys_answer(&wish), RC_TOO_LARGE);
	assert_non_null(strstr(fail_message(&rig->fail), "room by room"));
}

static void an_ended_account_writes_nothing(void **state)
{
	(void)state;
	struct buf out;
	int64_t version;
	create(&alice);
	fixture_deactivate(rig->store, alice.user);
	assert_rc(put("1", key_in("!a:x", "s", "{}")), RC_UNKNOWN_TOKEN);
	struct backup_wish wish = wish_of(&out, "1", "", "");
	assert_rc(backup_keys_delete(&wish), RC_UNKNOWN_TOKEN);
	assert_rc(backup_create(rig->store->store, &rig->arena, &alice, STR("a"),
		      rig_json(rig, "{}"), &version, &rig->fail),
	    RC_UNKNOWN_TOKEN);
	assert_rc(backup_update(rig->store->store, &rig->arena, &alice, STR("1"), STR("a"),
		      rig_json(rig, "{}"), &rig->fail),
	    RC_UNKNOWN_TOKEN);
	assert_rc(backup_delete(rig->store->store, &rig->arena, &alice, STR("1"), &rig->fail),
	    RC_UNKNOWN_TOKEN);
}

static void failing_allocations_are_told(void **state)
{
	(void)state;
	create(&alice);
	assert_rc(put("1", key_in("!a:x", "s", "{\"d\":1}")), RC_OK);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena arena CLEANUP(arena_release);
		struct buf out;
		struct backup_wish wish = wish_of(&out, "1", "", "");
		arena_init(&arena, MEBIBYTE);
		wish.arena = &arena;
		buf_init(&out, &arena, MEBIBYTE);
		arena_fail_after(failures);
		rc = backup_keys_answer(&wish);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, account_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rooms_are_objects_of_sessions),
	    TEST(versions_are_texts),
	    TEST(an_older_version_takes_no_keys),
	    TEST(keys_are_checked),
	    TEST(an_answer_that_is_too_large_is_refused),
	    TEST(an_ended_account_writes_nothing),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
