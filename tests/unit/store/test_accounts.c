/* Accounts, devices, tokens, registration tokens, account data, filters. */
#include "store_fixture.h"

#include "store/ignored.h"
#include "store/keys.h"
#include "store/reports.h"
#include "store/uia.h"

#include <string.h>

/* Work that is done in a write transaction of its own. */
struct step {
	void (*run)(struct fixture *f, struct txn_rw *txn);
	struct fixture *fixture;
};

static enum rc step_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct step *step = arg;
	step->run(step->fixture, txn);
	return RC_OK;
}

static void in_transaction(void **state, void (*run)(struct fixture *f, struct txn_rw *txn))
{
	struct step step = {run, *state};
	assert_int_equal(store_write(step.fixture->store, step_write, &step, NULL), RC_OK);
}

static struct sha256 hash_of(const char *text)
{
	return sha256(str_of(text));
}

static struct token_pair pair_of(const char *access, const char *refresh)
{
	struct token_pair pair = {.access = hash_of(access), .access_expires_ms = 900};
	if (refresh) {
		pair.has_refresh = true;
		pair.refresh = hash_of(refresh);
	}
	return pair;
}

static void run_accounts(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct account account;
	int64_t user, other;
	bool exists = false;
	assert_int_equal(
	    account_add(txn, STR("@Ann:x"), ACCOUNT_USER, STR("phc"), true, 77, &user), RC_OK);
	assert_int_equal(account_exists_nocase(ro, STR("@aNN:x"), &exists), RC_OK);
	assert_true(exists);
	assert_int_equal(account_exists_nocase(ro, STR("@anne:x"), &exists), RC_OK);
	assert_false(exists);
	assert_int_equal(account_get(ro, &f->arena, user, &account), RC_OK);
	assert_true(str_eq(account.user_id, STR("@Ann:x")));
	assert_true(str_eq(account.password_phc, STR("phc")));
	assert_true(account.admin);
	assert_false(account.erased);
	assert_int_equal(account.created_ms, 77);
	assert_int_equal(account.deactivated_ms, 0);
	assert_int_equal(account.generation, 1);
	assert_int_equal(account.kind, ACCOUNT_USER);
	assert_int_equal(account_set_password(txn, user, STR("new")), RC_OK);
	assert_int_equal(account_set_admin(txn, user, false), RC_OK);
	assert_int_equal(account_set_displayname(txn, user, STR("Ann\0X")), RC_OK);
	assert_int_equal(account_set_avatar_url(txn, user, STR("mxc://x/y")), RC_OK);
	assert_int_equal(account_find(ro, &f->arena, STR("@Ann:x"), &account), RC_OK);
	assert_true(str_eq(account.password_phc, STR("new")));
	assert_true(str_eq(account.displayname, STR("Ann\0X")));
	assert_true(str_eq(account.avatar_url, STR("mxc://x/y")));
	assert_false(account.admin);
	assert_int_equal(account_find(ro, &f->arena, STR("@ann:x"), &account), RC_NOT_FOUND);
	assert_int_equal(account_set_password(txn, 99, STR("new")), RC_NOT_FOUND);
	assert_int_equal(account_set_admin(txn, 99, true), RC_NOT_FOUND);
	assert_int_equal(account_set_displayname(txn, 99, STR("")), RC_NOT_FOUND);
	assert_int_equal(account_set_avatar_url(txn, 99, STR("")), RC_NOT_FOUND);
	assert_int_equal(account_check_generation(ro, user, 1), RC_OK);
	assert_int_equal(account_check_generation(ro, user, 2), RC_UNKNOWN_TOKEN);
	assert_int_equal(account_check_generation(ro, 99, 1), RC_UNKNOWN_TOKEN);
	/* Seen in a room of another server, but no account. */
	assert_int_equal(user_nid_make(txn, STR("@far:y"), &other), RC_OK);
	assert_int_equal(account_get(ro, &f->arena, other, &account), RC_NOT_FOUND);
}

static void accounts(void **state)
{
	in_transaction(state, run_accounts);
}

static enum rc add_taken(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return account_add(txn, STR("@ann:x"), ACCOUNT_USER, STR(""), false, 78, arg);
}

static void names_differ_by_more_than_case(void **state)
{
	struct fixture *f = *state;
	int64_t other;
	fixture_user(f, "@Ann:x");
	assert_int_equal(store_write(f->store, add_taken, &other, NULL), RC_USER_IN_USE);
	fixture_user(f, "@anne:x");
}

static bool names_add(void *self, const struct account *account)
{
	char *names = self;
	snprintf(names + strlen(names), 64 - strlen(names), "%.*s ", STR_ARG(account->user_id));
	return !str_eq(account->user_id, STR("@b:x"));
}

static void accounts_are_walked_in_order(void **state)
{
	struct fixture *f = *state;
	char names[64] = "";
	fixture_user(f, "@c:x");
	fixture_user(f, "@a:x");
	fixture_user(f, "@b:x");
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 16);
	assert_int_equal(account_each(txn, &scratch, names_add, names), RC_OK);
	assert_string_equal(names, "@a:x @b:x ");
}

static int64_t user_with_device(struct txn_rw *txn, const char *user_id, int64_t *ret_device)
{
	int64_t user;
	assert_int_equal(
	    account_add(txn, str_of(user_id), ACCOUNT_USER, STR("p"), false, 1, &user), RC_OK);
	assert_int_equal(device_put(txn, user, STR("D"), STR("Phone"), ret_device), RC_OK);
	return user;
}

static void run_devices(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct device device;
	int64_t first, again, second;
	int64_t user = user_with_device(txn, "@a:x", &first);
	assert_int_equal(device_put(txn, user, STR("D"), STR("Other name"), &again), RC_OK);
	assert_int_equal(first, again);
	assert_int_equal(device_find(ro, &f->arena, user, STR("D"), &device), RC_OK);
	assert_int_equal(device.nid, first);
	assert_true(str_eq(device.display_name, STR("Phone")));
	assert_int_equal(device.last_seen_ms, 0);
	assert_int_equal(device_find(ro, &f->arena, user, STR("E"), &device), RC_NOT_FOUND);

	struct token_pair pair = pair_of("one", NULL);
	struct session session;
	assert_int_equal(token_put(txn, user, first, &pair), RC_OK);
	assert_int_equal(device_delete(txn, first), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pair.access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(device_put(txn, user, STR("D"), STR(""), &second), RC_OK);
	assert_true(second > first); /* events name the old one: its number is not used again */
}

static void devices(void **state)
{
	in_transaction(state, run_devices);
}

static void run_all_devices_but_one(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	int64_t a, b, d;
	int64_t user = user_with_device(txn, "@a:x", &a), other = user_with_device(txn, "@o:x", &d);
	assert_int_equal(device_put(txn, user, STR("E"), STR(""), &b), RC_OK);
	struct token_pair pairs[] = {
	    pair_of("a", NULL), pair_of("b", NULL), pair_of("cli", NULL), pair_of("o", NULL)};
	struct session session;
	assert_int_equal(token_put(txn, user, a, &pairs[0]), RC_OK);
	assert_int_equal(token_put(txn, user, b, &pairs[1]), RC_OK);
	assert_int_equal(token_put(txn, user, 0, &pairs[2]), RC_OK);
	assert_int_equal(token_put(txn, other, d, &pairs[3]), RC_OK);
	assert_int_equal(device_delete_all(txn, user, b), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pairs[0].access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(session_find(ro, &f->arena, &pairs[1].access, &session), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pairs[2].access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(session_find(ro, &f->arena, &pairs[3].access, &session), RC_OK);
	assert_int_equal(device_delete_all(txn, user, 0), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pairs[1].access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(session_find(ro, &f->arena, &pairs[3].access, &session), RC_OK);
	assert_int_equal(token_delete_all(txn, other), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pairs[3].access, &session), RC_UNKNOWN_TOKEN);
}

static void all_devices_but_one(void **state)
{
	in_transaction(state, run_all_devices_but_one);
}

static void run_sessions(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct session session;
	int64_t device, user = user_with_device(txn, "@a:x", &device);
	struct token_pair pair = pair_of("one", NULL), next = pair_of("two", NULL),
			  cli = pair_of("cli", NULL);
	assert_int_equal(token_put(txn, user, device, &pair), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &pair.access, &session), RC_OK);
	assert_int_equal(session.user, user);
	assert_int_equal(session.device, device);
	assert_int_equal(session.generation, 1);
	assert_int_equal(session.expires_ms, 900);
	assert_false(session.admin);
	assert_true(str_eq(session.user_id, STR("@a:x")));
	assert_true(str_eq(session.device_id, STR("D")));
	assert_int_equal(token_put(txn, user, device, &next), RC_OK); /* replaces */
	assert_int_equal(session_find(ro, &f->arena, &pair.access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(token_put(txn, user, 0, &cli), RC_OK);
	assert_int_equal(session_find(ro, &f->arena, &cli.access, &session), RC_OK);
	assert_int_equal(session.device, 0);
	assert_int_equal(session.device_id.n, 0);
	assert_int_equal(session_find(ro, &f->arena, &next.access, &session), RC_OK);
}

static void sessions(void **state)
{
	in_transaction(state, run_sessions);
}

static bool token_works(struct fixture *f, struct txn_rw *txn, const char *token)
{
	struct session session;
	struct sha256 hash = hash_of(token);
	return session_find(txn_reading(txn), &f->arena, &hash, &session) == RC_OK;
}

static enum rc refresh(
    struct fixture *f, struct txn_rw *txn, const char *with, const char *access, const char *next)
{
	struct token_pair pair = pair_of(access, next);
	struct sha256 hash = hash_of(with);
	struct session session;
	enum rc rc = token_refresh(txn, &hash, &pair, &f->arena, &session);
	if (rc == RC_OK)
		assert_true(
		    str_eq(session.user_id, STR("@a:x")) && str_eq(session.device_id, STR("D")));
	return rc;
}

static void run_refresh(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	int64_t device, user = user_with_device(txn, "@a:x", &device);
	struct token_pair first = pair_of("a1", "r1");
	struct sha256 a1 = hash_of("a1"), a2 = hash_of("a2"), a3 = hash_of("a3");
	bool has;
	assert_int_equal(token_put(txn, user, device, &first), RC_OK);
	assert_int_equal(refresh(f, txn, "nonsense", "x", "y"), RC_UNKNOWN_TOKEN);
	assert_int_equal(refresh(f, txn, "r1", "a2", "r2"), RC_OK);
	/* Both pairs work until the new one is used. */
	assert_true(token_works(f, txn, "a1") && token_works(f, txn, "a2"));
	assert_int_equal(token_has_predecessor(ro, &a2, &has), RC_OK);
	assert_true(has);
	assert_int_equal(token_has_predecessor(ro, &a1, &has), RC_OK);
	assert_false(has);
	/* The client has not got the answer and asks again: the first answer's pair is void. */
	assert_int_equal(refresh(f, txn, "r1", "a3", "r3"), RC_OK);
	assert_true(
	    token_works(f, txn, "a1") && !token_works(f, txn, "a2") && token_works(f, txn, "a3"));
	assert_int_equal(refresh(f, txn, "r2", "x", "y"), RC_UNKNOWN_TOKEN);
	/* First use of the new access token. */
	assert_int_equal(token_retire_predecessor(txn, &a3), RC_OK);
	assert_int_equal(token_retire_predecessor(txn, &a3), RC_OK);
	assert_true(!token_works(f, txn, "a1") && token_works(f, txn, "a3"));
	assert_int_equal(refresh(f, txn, "r1", "x", "y"), RC_UNKNOWN_TOKEN);
	assert_int_equal(token_has_predecessor(ro, &a3, &has), RC_OK);
	assert_false(has);
	/* First use of the new refresh token ends the pair before, too. */
	assert_int_equal(refresh(f, txn, "r3", "a4", "r4"), RC_OK);
	assert_int_equal(refresh(f, txn, "r4", "a5", NULL), RC_OK);
	assert_true(
	    !token_works(f, txn, "a3") && token_works(f, txn, "a4") && token_works(f, txn, "a5"));
	assert_int_equal(device_delete(txn, device), RC_OK);
	assert_true(!token_works(f, txn, "a4") && !token_works(f, txn, "a5"));
}

static void refresh_tokens(void **state)
{
	in_transaction(state, run_refresh);
}

static void run_registration(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	struct txn_ro *ro = txn_reading(txn);
	struct registration_token twice = {STR("twice"), 2, 0, 0},
				  always = {STR("always"), -1, 0, 1000};
	bool valid;
	assert_int_equal(registration_token_put(txn, &twice), RC_OK);
	assert_int_equal(registration_token_put(txn, &always), RC_OK);
	assert_int_equal(registration_token_use(txn, STR("twice"), 5), RC_OK);
	assert_int_equal(registration_token_valid(ro, STR("twice"), 5, &valid), RC_OK);
	assert_true(valid);
	assert_int_equal(registration_token_use(txn, STR("twice"), 5), RC_OK);
	assert_int_equal(registration_token_use(txn, STR("twice"), 5), RC_FORBIDDEN);
	assert_int_equal(registration_token_valid(ro, STR("twice"), 5, &valid), RC_OK);
	assert_false(valid);
	assert_int_equal(registration_token_use(txn, STR("always"), 999), RC_OK);
	assert_int_equal(registration_token_use(txn, STR("always"), 1000), RC_FORBIDDEN);
	assert_int_equal(registration_token_use(txn, STR("never"), 5), RC_FORBIDDEN);
	assert_int_equal(registration_token_put(txn, &twice), RC_OK); /* anew */
	assert_int_equal(registration_token_use(txn, STR("twice"), 5), RC_OK);
}

static void registration_tokens(void **state)
{
	in_transaction(state, run_registration);
}

static void run_account_data(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	int64_t device, user = user_with_device(txn, "@a:x", &device), start;
	struct account_data_row *rows;
	size_t count;
	str content;
	assert_int_equal(txn_committed_pos(ro, &start), RC_OK);
	assert_int_equal(account_data_put(txn, user, 0, STR("one"), STR("{\"a\":1}")), RC_OK);
	assert_int_equal(account_data_put(txn, user, 7, STR("one"), STR("{}")), RC_OK);
	assert_int_equal(account_data_put(txn, user, 0, STR("one"), STR("{\"a\":2}")), RC_OK);
	assert_int_equal(account_data_get(ro, &f->arena, user, 0, STR("one"), &content), RC_OK);
	assert_true(str_eq(content, STR("{\"a\":2}")));
	assert_int_equal(
	    account_data_get(ro, &f->arena, user, 0, STR("two"), &content), RC_NOT_FOUND);
	assert_int_equal(account_data_since(ro, &f->arena, user, start, &rows, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].room, 7);
	assert_int_equal(rows[1].room, 0);
	assert_int_equal(rows[1].pos, start + 3);
	assert_true(str_eq(rows[1].type, STR("one")));
	assert_int_equal(account_data_since(ro, &f->arena, user, start + 3, &rows, &count), RC_OK);
	assert_int_equal(count, 0);
}

static void account_data(void **state)
{
	in_transaction(state, run_account_data);
}

static void run_filters(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	int64_t device, a = user_with_device(txn, "@a:x", &device),
			b = user_with_device(txn, "@b:x", &device);
	int64_t first, second, same, other;
	str json;
	assert_int_equal(filter_put(txn, a, STR("{\"a\":1}"), &first), RC_OK);
	assert_int_equal(filter_put(txn, a, STR("{\"a\":2}"), &second), RC_OK);
	assert_int_equal(filter_put(txn, a, STR("{\"a\":1}"), &same), RC_OK);
	assert_int_equal(filter_put(txn, b, STR("{\"b\":1}"), &other), RC_OK);
	assert_int_equal(first, same);
	assert_true(first != second);
	assert_int_equal(filter_get(ro, &f->arena, a, second, &json), RC_OK);
	assert_true(str_eq(json, STR("{\"a\":2}")));
	assert_int_equal(filter_get(ro, &f->arena, b, second, &json), RC_NOT_FOUND);
}

static void filters(void **state)
{
	in_transaction(state, run_filters);
}

static enum rc uia_begin(struct txn_rw *txn, const char *id, int64_t expires_ms)
{
	struct uia_row row = {
	    .id = hash_of(id), .purpose = 2, .user = 7, .request = hash_of("body"), .expires_ms = expires_ms};
	return uia_row_add(txn, &row);
}

static void run_uia(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct sha256 id = hash_of("one"), other = hash_of("two"), request = hash_of("body");
	struct uia_row row;
	str token;
	assert_int_equal(uia_begin(txn, "one", 100), RC_OK);
	assert_int_equal(uia_row_find(ro, &id, 99, &row), RC_OK);
	assert_memory_equal(&row.id, &id, sizeof id);
	assert_memory_equal(&row.request, &request, sizeof request);
	assert_int_equal(row.purpose, 2);
	assert_int_equal(row.user, 7);
	assert_int_equal(row.completed, 0);
	assert_int_equal(uia_row_find(ro, &id, 100, &row), RC_NOT_FOUND);
	assert_int_equal(uia_row_find(ro, &other, 99, &row), RC_NOT_FOUND);
	assert_int_equal(uia_row_complete(txn, &id, 99, 4, STR("token")), RC_OK);
	assert_int_equal(uia_row_complete(txn, &id, 99, 1, STR_EMPTY), RC_OK);
	assert_int_equal(uia_row_complete(txn, &id, 100, 8, STR_EMPTY), RC_NOT_FOUND);
	assert_int_equal(uia_row_find(ro, &id, 99, &row), RC_OK);
	assert_int_equal(row.completed, 5);
	assert_int_equal(uia_row_take(txn, &f->arena, &id, 100, &token), RC_NOT_FOUND);
	assert_int_equal(uia_row_take(txn, &f->arena, &id, 99, &token), RC_OK);
	assert_true(str_eq(token, STR("token")));
	assert_int_equal(uia_row_take(txn, &f->arena, &id, 99, &token), RC_NOT_FOUND);
}

static void uia_sessions(void **state)
{
	in_transaction(state, run_uia);
}

/* Which of five are left, as a number with their digits. */
static int64_t uia_left(struct txn_rw *txn)
{
	static const char *const ids[] = {"1", "2", "3", "4", "5"};
	int64_t left = 0;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		struct sha256 id = hash_of(ids[i]);
		struct uia_row row;
		enum rc rc = uia_row_find(txn_reading(txn), &id, 0, &row);
		left = rc == RC_OK ? 10 * left + (int64_t)i + 1 : left;
	}
	return left;
}

static void run_uia_bounds(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	static const char *const ids[] = {"1", "2", "3", "4", "5"};
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		assert_int_equal(uia_begin(txn, ids[i], 100 * (1 + (int64_t)i)), RC_OK);
	assert_int_equal(uia_rows_drop_expired(txn, 99, 5), RC_OK);
	assert_int_equal(uia_rows_drop_oldest(txn, 5), RC_OK);
	assert_int_equal(uia_left(txn), 12345);
	assert_int_equal(uia_rows_drop_expired(txn, 300, 1), RC_OK);
	assert_int_equal(uia_left(txn), 2345);
	assert_int_equal(uia_rows_drop_expired(txn, 300, 4), RC_OK);
	assert_int_equal(uia_left(txn), 45);
	assert_int_equal(uia_begin(txn, "1", 900), RC_OK);
	assert_int_equal(uia_rows_drop_oldest(txn, 2), RC_OK);
	assert_int_equal(uia_left(txn), 15);
}

static void uia_sessions_are_dropped(void **state)
{
	in_transaction(state, run_uia_bounds);
}

static enum rc read_much(
    struct txn_ro *txn, struct arena *arena, int64_t user, const struct sha256 *access)
{
	struct account account;
	struct session session;
	struct account_data_row *rows;
	struct otk_count *counts;
	size_t count;
	str text;
	TRY(account_get(txn, arena, user, &account));
	TRY(session_find(txn, arena, access, &session));
	TRY(account_data_since(txn, arena, user, 0, &rows, &count));
	TRY(account_data_get(txn, arena, user, 0, STR("t"), &text));
	TRY(user_id_of(txn, arena, user, &text));
	return otk_counts(txn, arena, session.device, &counts, &count);
}

struct login {
	int64_t user, device;
	struct token_pair pair;
};

static enum rc login_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct login *login = arg;
	TRY(device_put(txn, login->user, STR("D"), STR(""), &login->device));
	return token_put(txn, login->user, login->device, &login->pair);
}

static void failing_allocations_are_told(void **state)
{
	struct fixture *f = *state;
	struct login login = {.user = fixture_user(f, "@a:x"), .pair = pair_of("one", NULL)};
	fixture_account_data(f, login.user, "t", "{}");
	assert_int_equal(store_write(f->store, login_write, &login, NULL), RC_OK);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena;
		arena_init(&arena, 1 << 20);
		arena_fail_after(failures);
		rc = read_much(txn, &arena, login.user, &login.pair.access);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void ignore(
    struct fixture *f, struct txn_rw *txn, int64_t user, const char *const *names, size_t count)
{
	str ids[8];
	for (size_t i = 0; i < count; i++)
		ids[i] = str_of(names[i]);
	assert_int_equal(ignored_users_set(txn, &f->arena, user, ids, count), RC_OK);
}

static void run_ignored(struct fixture *f, struct txn_rw *txn)
{
	static const char *const first[] = {"@a:x", "@b:x", "@never seen:x", "@z:x"};
	static const char *const second[] = {"@A:x", "@b:x", "@c:x"};
	struct txn_ro *ro = txn_reading(txn);
	int64_t me, a, b, c, far;
	struct nids set;
	bool ignores = true;
	assert_int_equal(
	    account_add(txn, STR("@me:x"), ACCOUNT_USER, STR(""), false, 1, &me), RC_OK);
	assert_int_equal(user_nid_make(txn, STR("@c:x"), &c), RC_OK);
	assert_int_equal(user_nid_make(txn, STR("@b:x"), &b), RC_OK);
	assert_int_equal(user_nid_make(txn, STR("@a:x"), &a), RC_OK);
	assert_int_equal(user_nid_make(txn, STR("@far:y"), &far), RC_OK);
	assert_int_equal(ignored_users(ro, &f->arena, me, &set), RC_OK);
	assert_int_equal(set.n, 0);
	assert_false(nids_have(&set, a));
	ignore(f, txn, me, first, COUNT_OF(first));
	assert_int_equal(ignored_users(ro, &f->arena, me, &set), RC_OK);
	assert_int_equal(set.n, 2);
	assert_true(nids_have(&set, a) && nids_have(&set, b));
	assert_false(nids_have(&set, c) || nids_have(&set, far) || nids_have(&set, 0));
	ignore(f, txn, me, first, COUNT_OF(first)); /* the same again */
	ignore(f, txn, me, second, COUNT_OF(second));
	assert_int_equal(ignored_users(ro, &f->arena, me, &set), RC_OK);
	assert_int_equal(set.n, 2);
	assert_true(nids_have(&set, b) && nids_have(&set, c));
	assert_int_equal(user_ignores(ro, me, c, &ignores), RC_OK);
	assert_true(ignores);
	assert_int_equal(user_ignores(ro, me, a, &ignores), RC_OK);
	assert_false(ignores);
	assert_int_equal(user_ignores(ro, c, me, &ignores), RC_OK);
	assert_false(ignores);
	ignore(f, txn, me, NULL, 0);
	assert_int_equal(fixture_sql_number(txn, "SELECT count(*) FROM ignored_users"), 0);
}

static void ignored_users_follow_their_list(void **state)
{
	in_transaction(state, run_ignored);
}

static int64_t report(struct txn_rw *txn, int64_t reporter, enum report_kind kind,
    const char *about, const char *reason)
{
	struct report row = {
	    .reporter = reporter, .kind = kind, .reason = str_of(reason), .ts_ms = 7};
	int64_t nid = 0;
	if (kind == REPORT_USER)
		row.user_id = str_of(about);
	else
		row.room_id = str_of(about);
	enum rc rc = report_add(txn, &row, 2, &nid);
	assert_true(rc == RC_OK || rc == RC_LIMIT_EXCEEDED);
	return rc == RC_OK ? nid : 0;
}

static void run_reports(struct fixture *f, struct txn_rw *txn)
{
	struct report *rows;
	size_t count;
	int64_t a, b;
	assert_int_equal(user_nid_make(txn, STR("@a:x"), &a), RC_OK);
	assert_int_equal(user_nid_make(txn, STR("@b:x"), &b), RC_OK);
	int64_t first = report(txn, a, REPORT_ROOM, "!r:x", "bad");
	assert_true(first > 0);
	assert_true(report(txn, a, REPORT_USER, "@b:x", "") > first);
	assert_int_equal(report(txn, a, REPORT_ROOM, "!s:x", "one more"), 0);
	int64_t other = report(txn, b, REPORT_ROOM, "!r:x", "bad, too"),
		again = report(txn, a, REPORT_ROOM, "!r:x", "worse");
	assert_true(other > 0 && again > other); /* in the place of the first */
	assert_int_equal(reports_list(txn_reading(txn), &f->arena, 0, 10, &rows, &count), RC_OK);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].kind, REPORT_USER);
	assert_true(
	    str_eq(rows[0].user_id, STR("@b:x")) && str_eq(rows[0].reporter_id, STR("@a:x")));
	assert_int_equal(rows[0].room_id.n + rows[0].event_id.n + rows[0].reason.n, 0);
	assert_int_equal(rows[1].reporter, b);
	assert_int_equal(rows[2].report, again);
	assert_true(str_eq(rows[2].reason, STR("worse")) && str_eq(rows[2].room_id, STR("!r:x")));
	assert_int_equal(rows[2].ts_ms, 7);
	assert_int_equal(
	    reports_list(txn_reading(txn), &f->arena, other, 10, &rows, &count), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(reports_list(txn_reading(txn), &f->arena, 0, 2, &rows, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(report_remove(txn, again), RC_OK);
	assert_int_equal(report_remove(txn, again), RC_NOT_FOUND);
	assert_true(report(txn, a, REPORT_ROOM, "!s:x", "there is room again") > again);
}

static void reports(void **state)
{
	in_transaction(state, run_reports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(accounts),
	    TEST(names_differ_by_more_than_case),
	    TEST(accounts_are_walked_in_order),
	    TEST(devices),
	    TEST(all_devices_but_one),
	    TEST(sessions),
	    TEST(refresh_tokens),
	    TEST(registration_tokens),
	    TEST(account_data),
	    TEST(filters),
	    TEST(uia_sessions),
	    TEST(uia_sessions_are_dropped),
	    TEST(failing_allocations_are_told),
	    TEST(ignored_users_follow_their_list),
	    TEST(reports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
