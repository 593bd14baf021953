#include "account_rig.h"

#include "core/account/uia_sessions.h"

/* One request; `body` without auth, or with one in which SESSION stands for `session`. */
struct attempt {
	enum rc rc;
	json answer;          /* NULL: may go on */
	str session;
	str registration_token;
};

static struct attempt try_as(struct account_rig *rig, enum uia_purpose purpose, const struct session *owner,
                             const char *body)
{
	struct uia_request request = {.purpose = purpose, .body = rig_json(rig, body), .session = owner};
	struct attempt attempt = {0};
	struct buf out;
	str text;
	buf_init(&out, &rig->arena, 4096);
	rig->fail = (struct fail){0};
	attempt.rc = uia_check(rig->accounts, &rig->arena, &request, &out, &rig->fail);
	attempt.registration_token = request.registration_token;
	if (attempt.rc == RC_UIA_FORBIDDEN) {
		assert_rc(buf_finish(&out, &text), RC_OK);
		assert_rc(json_parse(&rig->arena, text, &attempt.answer, NULL), RC_OK);
		attempt.session = json_get_text(attempt.answer, STR("session"));
		assert_int_equal(attempt.session.n, UIA_SESSION_ID_BYTES);
		assert_true(json_count(json_get(attempt.answer, STR("flows"))) > 0);
	}
	return attempt;
}

static struct attempt try_with(struct account_rig *rig, enum uia_purpose purpose, const struct session *owner,
                               const char *before, str session, const char *after)
{
	str body = arena_printf(&rig->arena, "%s%.*s%s", before, STR_ARG(session), after);
	return try_as(rig, purpose, owner, arena_cstr(&rig->arena, body));
}

static bool has_errcode(const struct attempt *attempt)
{
	return str_eq(json_get_text(attempt->answer, STR("errcode")), STR("M_FORBIDDEN"));
}

#define RIGHT_PASSWORD                                                                             \
	"\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"alice\"},"   \
	"\"password\":\"correct horse\""
#define WRONG_PASSWORD                                                                             \
	"\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"alice\"},"   \
	"\"password\":\"wrong\""

static void asks_first(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	static const char *const bodies[] = {"{}", "{\"auth\":null}", "{\"auth\":{}}", "{\"x\":1}"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct attempt attempt = try_as(rig, UIA_DEACTIVATE, &alice, bodies[i]);
		assert_int_equal(attempt.rc, RC_UIA_FORBIDDEN);
		assert_null(json_get(attempt.answer, STR("errcode")));
		assert_int_equal(json_count(json_get(attempt.answer, STR("completed"))), 0);
		json stages = json_get(json_at(json_get(attempt.answer, STR("flows")), 0), STR("stages"));
		assert_int_equal(json_count(stages), 1);
		assert_str(json_text_or(json_at(stages, 0), STR_EMPTY), STR("m.login.password"));
	}
}

static void password_in_two_legs_and_in_one(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	struct attempt first = try_as(rig, UIA_DEACTIVATE, &alice, "{\"erase\":true}");
	struct attempt wrong = try_with(rig, UIA_DEACTIVATE, &alice, "{\"erase\":true,\"auth\":{\"session\":\"",
	                                first.session, "\"," WRONG_PASSWORD "}}");
	assert_int_equal(wrong.rc, RC_UIA_FORBIDDEN);
	assert_true(has_errcode(&wrong));
	assert_str(wrong.session, first.session); /* it may try again */
	struct attempt right = try_with(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{\"session\":\"", first.session,
	                                "\"," RIGHT_PASSWORD "},\"erase\":true}");
	assert_int_equal(right.rc, RC_OK);
	struct attempt again = try_with(rig, UIA_DEACTIVATE, &alice, "{\"erase\":true,\"auth\":{\"session\":\"",
	                                first.session, "\"}}");
	assert_int_equal(again.rc, RC_UIA_FORBIDDEN); /* once */
	assert_int_equal(try_as(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{" RIGHT_PASSWORD "}}").rc, RC_OK);
	struct attempt single = try_as(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{" WRONG_PASSWORD "}}");
	assert_int_equal(single.rc, RC_UIA_FORBIDDEN);
	assert_true(has_errcode(&single));
}

static void takes_the_owner_only(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL), bob = rig_register(rig, "bob", NULL);
	static const struct {
		const char *user;
		enum rc rc;
	} rows[] = {
		{"alice", RC_OK}, {"@alice:localhost", RC_OK}, {"ALICE", RC_OK}, {"bob", RC_UIA_FORBIDDEN},
		{"@bob:localhost", RC_UIA_FORBIDDEN}, {"", RC_UIA_FORBIDDEN}, {"@alice:elsewhere", RC_UIA_FORBIDDEN},
		{"alic", RC_UIA_FORBIDDEN}, {"alice:localhost", RC_UIA_FORBIDDEN},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct attempt attempt = try_with(rig, UIA_PASSWORD_CHANGE, &alice,
		                                  "{\"auth\":{\"type\":\"m.login.password\",\"user\":\"",
		                                  str_of(rows[i].user), "\",\"password\":\"correct horse\"}}");
		assert_rc_of(attempt.rc, rows[i].rc, rows[i].user);
	}
	assert_int_equal(try_as(rig, UIA_DEACTIVATE, &bob, "{\"auth\":{" RIGHT_PASSWORD "}}").rc, RC_UIA_FORBIDDEN);
}

static void a_session_is_bound(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL), bob = rig_register(rig, "bob", NULL);
	struct attempt first = try_as(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\"}");
	static const struct {
		enum uia_purpose purpose;
		bool other_user;
		const char *before;
	} rows[] = {
		{UIA_DEACTIVATE, false, "{\"new_password\":\"x\",\"auth\":{\"session\":\""},
		{UIA_PASSWORD_CHANGE, false, "{\"new_password\":\"y\",\"auth\":{\"session\":\""},
		{UIA_PASSWORD_CHANGE, false, "{\"new_password\":\"x\",\"z\":1,\"auth\":{\"session\":\""},
		{UIA_PASSWORD_CHANGE, false, "{\"auth\":{\"session\":\""},
		{UIA_PASSWORD_CHANGE, true, "{\"new_password\":\"x\",\"auth\":{\"session\":\""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct attempt attempt = try_with(rig, rows[i].purpose, rows[i].other_user ? &bob : &alice,
		                                  rows[i].before, first.session, "\"," RIGHT_PASSWORD "}}");
		assert_rc_of(attempt.rc, RC_UIA_FORBIDDEN, rows[i].before);
		assert_true(has_errcode(&attempt));
		assert_false(str_eq(attempt.session, first.session));
	}
	struct attempt right = try_with(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\",\"auth\":{\"session\":\"",
	                                first.session, "\"," RIGHT_PASSWORD "}}");
	assert_int_equal(right.rc, RC_OK);
}

static void refuses_malformed_auth(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	static const struct {
		const char *body;
		enum rc rc;
	} rows[] = {
		{"{\"auth\":[]}", RC_BAD_JSON},
		{"{\"auth\":\"m.login.password\"}", RC_BAD_JSON},
		{"{\"auth\":{\"type\":7}}", RC_BAD_JSON},
		{"{\"auth\":{\"session\":7}}", RC_BAD_JSON},
		{"{\"auth\":{\"type\":\"m.login.password\"}}", RC_MISSING_PARAM},
		{"{\"auth\":{\"type\":\"m.login.password\",\"user\":\"alice\"}}", RC_MISSING_PARAM},
		{"{\"auth\":{\"type\":\"m.login.password\",\"user\":\"alice\",\"password\":5}}", RC_BAD_JSON},
		{"{\"auth\":{\"type\":\"m.login.password\",\"password\":\"correct horse\"}}", RC_MISSING_PARAM},
		{"{\"auth\":{\"type\":\"m.login.dummy\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"type\":\"org.example\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"session\":\"never given\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"session\":\"never given\"," RIGHT_PASSWORD "}}", RC_UIA_FORBIDDEN},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_rc_of(try_as(rig, UIA_DEACTIVATE, &alice, rows[i].body).rc, rows[i].rc, rows[i].body);
}

static void a_session_expires(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	struct attempt first = try_as(rig, UIA_DEACTIVATE, &alice, "{}");
	clock_fake_advance(&rig->store->clock_fake, 999);
	struct attempt in_time = try_with(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{\"session\":\"", first.session, "\"}}");
	assert_str(in_time.session, first.session);
	clock_fake_advance(&rig->store->clock_fake, 1);
	struct attempt late = try_with(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{\"session\":\"", first.session,
	                               "\"," RIGHT_PASSWORD "}}");
	assert_int_equal(late.rc, RC_UIA_FORBIDDEN);
	assert_false(str_eq(late.session, first.session));
}

static void registration_by_dummy(void **state)
{
	struct account_rig *rig = *state;
	struct attempt first = try_as(rig, UIA_REGISTER, NULL, "{\"username\":\"a\"}");
	assert_int_equal(first.rc, RC_UIA_FORBIDDEN);
	struct attempt second = try_with(rig, UIA_REGISTER, NULL, "{\"auth\":{\"type\":\"m.login.dummy\",\"session\":\"",
	                                 first.session, "\"}}"); /* the other parameters may be left out */
	assert_int_equal(second.rc, RC_OK);
	struct attempt used = try_with(rig, UIA_REGISTER, NULL, "{\"auth\":{\"type\":\"m.login.dummy\",\"session\":\"",
	                               first.session, "\"}}");
	assert_int_equal(used.rc, RC_UIA_FORBIDDEN);
	assert_int_equal(try_as(rig, UIA_REGISTER, NULL, "{\"auth\":{\"type\":\"m.login.dummy\"}}").rc, RC_OK);
}

static enum rc put_token(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return registration_token_put(txn, arg);
}

static void registration_by_token(void **state)
{
	struct account_rig *rig = *state;
	struct registration_token token = {.token = STR("Come-In"), .uses_allowed = -1};
	assert_rc(store_write(rig->store->store, put_token, &token, NULL), RC_OK);
	account_rig_mode(rig, REGISTRATION_TOKEN);
	static const struct {
		const char *auth;
		enum rc rc;
	} rows[] = {
		{"{\"auth\":{\"type\":\"m.login.dummy\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"type\":\"m.login.registration_token\",\"token\":\"come-in\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"type\":\"m.login.registration_token\",\"token\":\"\"}}", RC_UIA_FORBIDDEN},
		{"{\"auth\":{\"type\":\"m.login.registration_token\"}}", RC_MISSING_PARAM},
		{"{\"auth\":{\"type\":\"m.login.registration_token\",\"token\":1}}", RC_BAD_JSON},
		{"{\"auth\":{\"type\":\"m.login.registration_token\",\"token\":\"Come-In\"}}", RC_OK},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct attempt attempt = try_as(rig, UIA_REGISTER, NULL, rows[i].auth);
		assert_rc_of(attempt.rc, rows[i].rc, rows[i].auth);
		assert_str(attempt.registration_token, attempt.rc == RC_OK ? STR("Come-In") : STR_EMPTY);
	}
}

static void sessions_are_bounded(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	str sessions[10];
	for (size_t i = 0; i < COUNT_OF(sessions); i++)
		sessions[i] = try_as(rig, UIA_DEACTIVATE, &alice, "{}").session;
	/* The newest first: asking after one that is gone makes another, which pushes out the oldest. */
	for (size_t i = COUNT_OF(sessions); i-- > 0;) {
		struct attempt attempt = try_with(rig, UIA_DEACTIVATE, &alice, "{\"auth\":{\"session\":\"", sessions[i],
		                                  "\"}}");
		assert_int_equal(str_eq(attempt.session, sessions[i]), i >= 2);
	}
}

/* Counted by the database itself. */
static enum rc count_read(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	*(int64_t *)arg = fixture_sql_number(txn, "SELECT count(*) FROM uia_sessions");
	return RC_OK;
}

static int64_t stored(struct account_rig *rig)
{
	int64_t count = -1;
	assert_rc(store_write(rig->store->store, count_read, &count, NULL), RC_OK);
	return count;
}

static struct uia_sessions sessions_of(struct account_rig *rig, size_t sessions_max, int64_t life_ms)
{
	struct accounts_config config = {
		.store = rig->store->store,
		.clock = &rig->store->clock,
		.rng = &rig->store->rng,
		.uia_sessions_max = sessions_max,
		.uia_session_life_ms = life_ms,
	};
	struct uia_sessions sessions = {0};
	assert_rc(uia_sessions_init(&sessions, &config), RC_OK);
	return sessions;
}

static str opened(struct account_rig *rig, struct uia_sessions *sessions)
{
	struct uia_binding binding = {.purpose = UIA_REGISTER};
	str id = STR_EMPTY;
	assert_rc(uia_session_open(sessions, &rig->arena, &binding, &id), RC_OK);
	return id;
}

/* The sessions alone: what is kept with them, and that one taker wins. */
static void a_session_is_taken_once(void **state)
{
	struct account_rig *rig = *state;
	struct uia_sessions sessions = sessions_of(rig, 2, 10);
	struct uia_binding binding = {.purpose = UIA_REGISTER};
	unsigned completed = 7;
	str token, id = opened(rig, &sessions);
	assert_rc(uia_session_find(&sessions, id, &binding, &completed), RC_OK);
	assert_int_equal(completed, 0);
	assert_rc(uia_session_complete(&sessions, id, 2, STR("kept")), RC_OK);
	assert_rc(uia_session_complete(&sessions, id, 1, STR_EMPTY), RC_OK);
	assert_rc(uia_session_find(&sessions, id, &binding, &completed), RC_OK);
	assert_int_equal(completed, 3);
	assert_rc(uia_session_take(&sessions, &rig->arena, id, &token), RC_OK);
	assert_str(token, STR("kept"));
	assert_rc(uia_session_take(&sessions, &rig->arena, id, &token), RC_NOT_FOUND);
	assert_rc(uia_session_complete(&sessions, id, 2, STR_EMPTY), RC_NOT_FOUND);
	assert_rc(uia_session_find(&sessions, id, &binding, &completed), RC_NOT_FOUND);
	assert_int_equal(stored(rig), 0);
}

static void one_that_has_expired_is_nobodys(void **state)
{
	struct account_rig *rig = *state;
	struct uia_sessions sessions = sessions_of(rig, 2, 10);
	struct uia_binding binding = {.purpose = UIA_REGISTER};
	unsigned completed;
	str token, id = opened(rig, &sessions);
	clock_fake_advance(&rig->store->clock_fake, 10);
	assert_rc(uia_session_find(&sessions, id, &binding, &completed), RC_NOT_FOUND);
	assert_rc(uia_session_complete(&sessions, id, 1, STR_EMPTY), RC_NOT_FOUND);
	assert_rc(uia_session_take(&sessions, &rig->arena, id, &token), RC_NOT_FOUND);
}

static void impossible_bounds_are_refused(void **state)
{
	(void)state;
	static const struct accounts_config configs[] = {
		{.uia_sessions_max = 0, .uia_session_life_ms = 1},
		{.uia_sessions_max = 1, .uia_session_life_ms = 0},
	};
	for (size_t i = 0; i < COUNT_OF(configs); i++) {
		struct uia_sessions sessions = {0};
		assert_rc(uia_sessions_init(&sessions, &configs[i]), RC_INVALID_PARAM);
	}
}

/* Two of them over one store, as two processes have, or one that was started again. */
static void another_process_goes_on(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	struct attempt first = try_as(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\"}");
	account_rig_mode(rig, REGISTRATION_OPEN);
	struct attempt wrong = try_with(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\",\"auth\":{\"session\":\"",
	                                first.session, "\"," WRONG_PASSWORD "}}");
	assert_str(wrong.session, first.session);
	account_rig_mode(rig, REGISTRATION_OPEN);
	struct attempt right = try_with(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\",\"auth\":{\"session\":\"",
	                                first.session, "\"," RIGHT_PASSWORD "}}");
	assert_int_equal(right.rc, RC_OK);
	account_rig_mode(rig, REGISTRATION_OPEN);
	struct attempt again = try_with(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\",\"auth\":{\"session\":\"",
	                                first.session, "\"," RIGHT_PASSWORD "}}");
	assert_int_equal(again.rc, RC_UIA_FORBIDDEN); /* once, wherever */
}

/* The database of many may be counted now and then, and holds a hundredth more at most. */
static void many_are_bounded_too(void **state)
{
	struct account_rig *rig = *state;
	enum { MAX = 250, OPENED = 600 };
	struct uia_sessions sessions = sessions_of(rig, MAX, 1000);
	int64_t most = 0;
	for (int i = 0; i < OPENED; i++) {
		opened(rig, &sessions);
		int64_t count = i >= MAX ? stored(rig) : 0;
		most = count > most ? count : most;
	}
	assert_in_range(most, MAX, MAX + MAX / 100);
}

static void the_expired_go(void **state)
{
	struct account_rig *rig = *state;
	enum { OLD = 40 };
	struct uia_sessions sessions = sessions_of(rig, 1000, 1000);
	for (int i = 0; i < OLD; i++)
		opened(rig, &sessions);
	clock_fake_advance(&rig->store->clock_fake, 999);
	opened(rig, &sessions);
	assert_int_equal(stored(rig), OLD + 1);
	clock_fake_advance(&rig->store->clock_fake, 1);
	opened(rig, &sessions);
	assert_int_equal(stored(rig), OLD + 2 - 16); /* never many at a time */
	opened(rig, &sessions);
	opened(rig, &sessions);
	assert_int_equal(stored(rig), 4);
	opened(rig, &sessions);
	assert_int_equal(stored(rig), 5);
}

/* How many rows hold exactly these bytes as their id or their request. */
struct search {
	struct sha256 bytes;
	bool is_on_postgres;
	int64_t found;
};

static enum rc search_read(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct search *search = arg;
	char hex[2 * SHA256_BYTES + 1], sql[300];
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", search->bytes.bytes[i]);
	const char *prefix = search->is_on_postgres ? "'\\x" : "x'";
	snprintf(sql, sizeof sql, "SELECT count(*) FROM uia_sessions WHERE request=%s%s' OR id=%s%s'", prefix, hex,
	         prefix, hex);
	search->found = fixture_sql_number(txn, sql);
	return RC_OK;
}

static int64_t stored_as(struct account_rig *rig, struct sha256 bytes)
{
	struct search search = {bytes, rig->store->database[0] != '\0', -1};
	assert_rc(store_write(rig->store->store, search_read, &search, NULL), RC_OK);
	return search.found;
}

/* A new password is in the body that a session is bound to: who reads the database must not be able to try it. */
static void the_database_tells_no_password(void **state)
{
	struct account_rig *rig = *state;
	struct session alice = rig_register(rig, "alice", NULL);
	struct attempt first = try_as(rig, UIA_PASSWORD_CHANGE, &alice, "{\"new_password\":\"x\"}");
	assert_int_equal(stored_as(rig, sha256(first.session)), 1);
	assert_int_equal(stored_as(rig, sha256(STR("\"new_password\"\"x\""))), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, account_rig_setup, account_rig_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(asks_first),
		TEST(password_in_two_legs_and_in_one),
		TEST(takes_the_owner_only),
		TEST(a_session_is_bound),
		TEST(refuses_malformed_auth),
		TEST(a_session_expires),
		TEST(registration_by_dummy),
		TEST(registration_by_token),
		TEST(sessions_are_bounded),
		TEST(a_session_is_taken_once),
		TEST(one_that_has_expired_is_nobodys),
		TEST(impossible_bounds_are_refused),
		TEST(another_process_goes_on),
		TEST(many_are_bounded_too),
		TEST(the_expired_go),
		TEST(the_database_tells_no_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
