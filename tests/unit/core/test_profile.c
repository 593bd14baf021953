/* Profiles of local users. */
#include "account_rig.h"

#include "core/account/profile.h"

static enum rc set(
    struct account_rig *rig, const struct session *session, const char *key, const char *value)
{
	rig->fail = (struct fail){0};
	return profile_set(rig->accounts, &rig->arena, session, str_of(key),
	    value ? rig_json(rig, value) : NULL, &rig->fail);
}

static enum rc unset(struct account_rig *rig, const struct session *session, const char *key)
{
	rig->fail = (struct fail){0};
	return profile_unset(rig->accounts, session, str_of(key), &rig->fail);
}

static struct profile profile_now(struct account_rig *rig, const struct session *session)
{
	struct profile profile;
	assert_rc(
	    profile_get(rig->accounts, &rig->arena, session->user_id, &profile, &rig->fail), RC_OK);
	return profile;
}

static void assert_whole(
    struct account_rig *rig, const struct session *session, const char *expected)
{
	struct profile profile = profile_now(rig, session);
	struct buf out;
	buf_init(&out, &rig->arena, MEBIBYTE);
	profile_put(&profile, &out);
	assert_rc(buf_status(&out), RC_OK);
	assert_str(buf_str(&out), str_of(expected));
}

static enum rc field(
    struct account_rig *rig, const struct session *session, const char *key, str *ret_text)
{
	struct profile profile = profile_now(rig, session);
	struct buf out;
	buf_init(&out, &rig->arena, MEBIBYTE);
	enum rc rc = profile_put_field(&profile, str_of(key), &out, &rig->fail);
	*ret_text = buf_str(&out);
	return rc;
}

static void keeps_names(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	struct profile profile = profile_now(rig, &session);
	assert_int_equal(profile.displayname.n + profile.avatar_url.n + profile.count, 0);
	assert_rc(set(rig, &session, "displayname",
		      "\"Al\xc3\xaf"
		      "ce\""),
	    RC_OK);
	assert_rc(set(rig, &session, "avatar_url", "\"mxc://localhost/abc\""), RC_OK);
	profile = profile_now(rig, &session);
	assert_str(profile.displayname, STR("Al\xc3\xaf"
					    "ce"));
	assert_str(profile.avatar_url, STR("mxc://localhost/abc"));
	assert_rc(set(rig, &session, "displayname", "\"\""), RC_OK);
	assert_rc(unset(rig, &session, "avatar_url"), RC_OK);
	assert_whole(rig, &session, "{}");
	assert_rc(
	    profile_get(rig->accounts, &rig->arena, STR("@no:localhost"), &profile, &rig->fail),
	    RC_NOT_FOUND);
	assert_rc(profile_get(rig->accounts, &rig->arena, STR("alice"), &profile, &rig->fail),
	    RC_INVALID_PARAM);
}

static void keeps_other_fields(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL),
		       other = rig_register(rig, "bob", NULL);
	str text;
	assert_rc(set(rig, &session, "org.example.b", "{\"x\":[1,null,\"\\u0000\"]}"), RC_OK);
	assert_rc(set(rig, &session, "displayname", "\"A\""), RC_OK);
	assert_rc(set(rig, &session, "m.tz", "\"Europe/Paris\""), RC_OK);
	assert_rc(set(rig, &session, "org.example.a", "null"), RC_OK);
	assert_whole(rig, &session,
	    "{\"displayname\":\"A\",\"m.tz\":\"Europe/Paris\",\"org.example.a\":null,"
	    "\"org.example.b\":{\"x\":[1,null,\"\\u0000\"]}}");
	assert_rc(set(rig, &session, "org.example.b", "7"), RC_OK);
	assert_rc(field(rig, &session, "org.example.b", &text), RC_OK);
	assert_str(text, STR("{\"org.example.b\":7}"));
	assert_rc(unset(rig, &session, "org.example.b"), RC_OK);
	assert_rc(unset(rig, &session, "org.example.b"), RC_OK);
	assert_rc(field(rig, &session, "org.example.b", &text), RC_NOT_FOUND);
	assert_int_equal(text.n, 0);
	assert_rc(field(rig, &session, "avatar_url", &text), RC_NOT_FOUND);
	assert_whole(rig, &other, "{}");
}

static void refuses_bad_input(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	char key[PROFILE_KEY_MAX_BYTES + 2] = {0}, name[DISPLAYNAME_MAX_BYTES + 8] = {0};
	memset(key, 'k', PROFILE_KEY_MAX_BYTES + 1);
	memset(name, 'n', DISPLAYNAME_MAX_BYTES + 3);
	name[0] = name[DISPLAYNAME_MAX_BYTES + 2] = '"';
	const struct {
		const char *key, *value;
		enum rc rc;
	} rows[] = {
	    {key, "1", RC_KEY_TOO_LARGE},
	    {key + 1, "1", RC_OK},
	    {"a", "1", RC_OK},
	    {"a-9_.b", "1", RC_OK},
	    {"", "1", RC_INVALID_PARAM},
	    {"9a.b", "1", RC_INVALID_PARAM},
	    {".a", "1", RC_INVALID_PARAM},
	    {"_a", "1", RC_INVALID_PARAM},
	    {"A.b", "1", RC_INVALID_PARAM},
	    {"a.B", "1", RC_INVALID_PARAM},
	    {"a b", "1", RC_INVALID_PARAM},
	    {"a/b", "1", RC_INVALID_PARAM},
	    {"\xc3\xa4", "1", RC_INVALID_PARAM},
	    {"org.example.x", NULL, RC_MISSING_PARAM},
	    {"displayname", NULL, RC_MISSING_PARAM},
	    {"displayname", "null", RC_BAD_JSON},
	    {"displayname", "1", RC_BAD_JSON},
	    {"displayname", name, RC_INVALID_PARAM},
	    {"avatar_url", "[]", RC_BAD_JSON},
	    {"avatar_url", "\"https://a/b\"", RC_INVALID_PARAM},
	    {"m.tz", "7", RC_BAD_JSON},
	    {"m.tz", "null", RC_BAD_JSON},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_rc_of(
		    set(rig, &session, rows[i].key, rows[i].value), rows[i].rc, rows[i].key);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].rc == RC_KEY_TOO_LARGE ||
		    (rows[i].rc == RC_INVALID_PARAM && str_eq(str_of(rows[i].value), STR("1"))))
			assert_rc_of(unset(rig, &session, rows[i].key), rows[i].rc, rows[i].key);
	assert_int_equal(profile_now(rig, &session).count, 3);
}

/* A JSON string of so many bytes, its quotes included. */
static const char *text_of(struct account_rig *rig, size_t n)
{
	char *text = arena_alloc_zero(&rig->arena, n + 1, 1);
	assert_non_null(text);
	memset(text, 'x', n);
	text[0] = text[n - 1] = '"';
	return text;
}

static void stays_under_64_kib(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	size_t frame = strlen("{\"a.b\":}");
	assert_rc(set(rig, &session, "a.b", text_of(rig, 65535 - frame)), RC_OK);
	assert_rc(set(rig, &session, "a.b", text_of(rig, 65536 - frame)), RC_PROFILE_TOO_LARGE);
	assert_rc(set(rig, &session, "a.b", text_of(rig, 70000)), RC_PROFILE_TOO_LARGE);
	assert_rc(set(rig, &session, "c", "1"), RC_PROFILE_TOO_LARGE);
	assert_rc(set(rig, &session, "displayname", "\"A\""), RC_PROFILE_TOO_LARGE);
	struct profile profile = profile_now(rig, &session);
	assert_int_equal(profile.count, 1);
	assert_int_equal(profile.displayname.n, 0);
	assert_int_equal(profile.fields[0].value.n, 65535 - frame);
	assert_rc(unset(rig, &session, "a.b"), RC_OK);
	assert_rc(set(rig, &session, "displayname", "\"A\""), RC_OK);
}

static enum rc end_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	int64_t job;
	bool is_new;
	return deactivation_accept(txn, *(int64_t *)arg, true, STR("cli"), 5, &job, &is_new);
}

static void goes_with_an_erased_account(void **state)
{
	struct account_rig *rig = *state;
	struct session session = rig_register(rig, "alice", NULL);
	struct profile profile;
	struct profile_field *fields;
	size_t count;
	assert_rc(set(rig, &session, "org.example.a", "1"), RC_OK);
	fixture_deactivate(rig->store, session.user);
	assert_whole(rig, &session, "{\"org.example.a\":1}");
	assert_rc(store_write(rig->store->store, end_write, &session.user, NULL), RC_OK);
	assert_rc(profile_get(rig->accounts, &rig->arena, session.user_id, &profile, &rig->fail),
	    RC_NOT_FOUND);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	assert_rc(profile_fields(txn, &rig->arena, session.user, &fields, &count), RC_OK);
	assert_int_equal(count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, account_rig_setup, account_rig_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(keeps_names),
	    TEST(keeps_other_fields),
	    TEST(refuses_bad_input),
	    TEST(stays_under_64_kib),
	    TEST(goes_with_an_erased_account),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
