#include "store_fixture.h"

#include "store/key_backup.h"

#include <string.h>

struct job {
	struct fixture *fixture;
	void (*run)(struct fixture *f, struct txn_rw *txn);
};

static enum rc run_job(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct job *job = arg;
	job->run(job->fixture, txn);
	return RC_OK;
}

static void in_transaction(struct fixture *f, void (*run)(struct fixture *f, struct txn_rw *txn))
{
	struct job job = {f, run};
	assert_int_equal(store_write(f->store, run_job, &job, NULL), RC_OK);
}

static struct backed_up_key session_key(const char *room_id, const char *session_id, int64_t index,
    int64_t forwarded, bool verified, const char *data)
{
	return (struct backed_up_key){
	    str_of(room_id), str_of(session_id), index, forwarded, verified, str_of(data)};
}

static struct key_backup current_of(struct fixture *f, struct txn_rw *txn, int64_t user)
{
	struct key_backup backup;
	assert_int_equal(key_backup_current(txn_reading(txn), &f->arena, user, &backup), RC_OK);
	return backup;
}

static void put_one(struct fixture *f, struct txn_rw *txn, int64_t user, struct backed_up_key key)
{
	struct key_backup backup = current_of(f, txn, user);
	assert_int_equal(backed_up_keys_put(txn, &backup, &key, 1), RC_OK);
	struct key_backup stored = current_of(f, txn, user);
	assert_int_equal(stored.count, backup.count);
	assert_int_equal(stored.etag, backup.etag);
}

static bool data_is(struct fixture *f, struct txn_rw *txn, int64_t user, const char *room_id,
    const char *session_id, const char *data)
{
	struct key_backup backup = current_of(f, txn, user);
	struct backed_up_key key;
	enum rc rc = backed_up_key_find(
	    txn_reading(txn), &f->arena, backup.backup, str_of(room_id), str_of(session_id), &key);
	assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
	return rc == RC_OK ? data && str_eq(key.session_data, str_of(data)) : !data;
}

static int64_t someone;

static int64_t backup_make(struct txn_rw *txn, int64_t user, const char *auth_data)
{
	int64_t version;
	assert_int_equal(
	    key_backup_add(txn, user, STR("some.algorithm"), str_of(auth_data), &version), RC_OK);
	return version;
}

static void run_versions(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct key_backup backup;
	int64_t number;
	assert_int_equal(key_backup_current(ro, &f->arena, someone, &backup), RC_NOT_FOUND);
	assert_int_equal(key_backup_newest(ro, someone, &number), RC_OK);
	assert_int_equal(number, 0);
	assert_int_equal(backup_make(txn, someone, "{\"a\":1}"), 1);
	assert_int_equal(backup_make(txn, someone, "{\"a\":2}"), 2);
	assert_int_equal(key_backup_find(ro, &f->arena, someone, 1, &backup), RC_OK);
	assert_true(str_eq(backup.algorithm, STR("some.algorithm")) &&
		    str_eq(backup.auth_data, STR("{\"a\":1}")));
	assert_true(backup.count == 0 && backup.etag == 0 && backup.version == 1);
	assert_int_equal(key_backup_set_auth_data(txn, backup.backup, STR("{\"a\":3}")), RC_OK);
	assert_int_equal(key_backup_find(ro, &f->arena, someone, 1, &backup), RC_OK);
	assert_true(str_eq(backup.auth_data, STR("{\"a\":3}")));
	assert_int_equal(current_of(f, txn, someone).version, 2);
	assert_int_equal(key_backup_delete(txn, current_of(f, txn, someone).backup), RC_OK);
	assert_int_equal(current_of(f, txn, someone).version, 1);
	assert_int_equal(key_backup_find(ro, &f->arena, someone, 2, &backup), RC_NOT_FOUND);
	assert_int_equal(backup_make(txn, someone, "{}"), 3); /* a number is given once */
	assert_int_equal(key_backup_newest(ro, someone, &number), RC_OK);
	assert_int_equal(number, 3);
	assert_int_equal(key_backup_versions(ro, someone, &number), RC_OK);
	assert_int_equal(number, 2);
}

static void versions(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	in_transaction(f, run_versions);
}

/* Each key against the one that is there: verified, then the earlier message, then forwarded less often. */
static void run_better(struct fixture *f, struct txn_rw *txn)
{
	static const struct {
		int64_t index, forwarded;
		bool verified, stays;
	} rows[] = {
	    {5, 5, false, true},
	    {5, 5, false, false}, /* the same */
	    {6, 0, false, false},
	    {5, 6, false, false},
	    {5, 4, false, true},
	    {4, 9, false, true},
	    {9, 9, true, true},
	    {0, 0, false, false},
	    {9, 9, true, false},
	    {9, 8, true, true},
	    {8, 9, true, true},
	};
	char data[COUNT_OF(rows)][16];
	const char *there = NULL;
	int64_t etag = 0;
	(void)backup_make(txn, someone, "{}");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(data[i], sizeof data[i], "{\"n\":%zu}", i);
		put_one(f, txn, someone,
		    session_key(
			"!r:x", "s", rows[i].index, rows[i].forwarded, rows[i].verified, data[i]));
		if (rows[i].stays) {
			there = data[i];
			etag++;
		}
		if (!data_is(f, txn, someone, "!r:x", "s", there))
			fail_msg("row %zu", i);
		assert_int_equal(current_of(f, txn, someone).etag, etag);
		assert_int_equal(current_of(f, txn, someone).count, 1);
	}
}

static void the_better_key_stays(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	in_transaction(f, run_better);
}

static void run_deletions(struct fixture *f, struct txn_rw *txn)
{
	const struct backed_up_key keys[] = {
	    session_key("!a:x", "1", 0, 0, false, "{}"),
	    session_key("!a:x", "2", 0, 0, false, "{}"),
	    session_key("!b:x", "1", 0, 0, false, "{}"),
	    session_key("!c:x", "1", 0, 0, false, "{}"),
	};
	int64_t bytes, count;
	(void)backup_make(txn, someone, "{}");
	struct key_backup backup = current_of(f, txn, someone);
	assert_int_equal(backed_up_keys_put(txn, &backup, keys, COUNT_OF(keys)), RC_OK);
	assert_true(backup.count == 4 && backup.etag == 1);
	assert_int_equal(backed_up_keys_put(txn, &backup, keys, COUNT_OF(keys)), RC_OK);
	assert_true(backup.count == 4 && backup.etag == 1);
	assert_int_equal(backed_up_keys_put(txn, &backup, keys, 0), RC_OK);
	assert_int_equal(
	    backed_up_keys_size(txn_reading(txn), backup.backup, STR("!a:x"), &bytes, &count),
	    RC_OK);
	assert_true(bytes == 4 && count == 2);
	struct backed_up_keys one = {STR("!a:x"), STR("1")}, room = {STR("!b:x"), STR_EMPTY},
			      all = {0};
	assert_int_equal(backed_up_keys_delete(txn, &backup, &one), RC_OK);
	assert_true(backup.count == 3 && backup.etag == 2);
	assert_int_equal(backed_up_keys_delete(txn, &backup, &one), RC_OK);
	assert_true(backup.count == 3 && backup.etag == 2);
	assert_int_equal(backed_up_keys_delete(txn, &backup, &room), RC_OK);
	assert_true(backup.count == 2 && backup.etag == 3);
	assert_true(data_is(f, txn, someone, "!a:x", "1", NULL) &&
		    data_is(f, txn, someone, "!a:x", "2", "{}"));
	assert_int_equal(backed_up_keys_delete(txn, &backup, &all), RC_OK);
	assert_true(backup.count == 0 && backup.etag == 4);
	assert_int_equal(
	    backed_up_keys_size(txn_reading(txn), backup.backup, STR_EMPTY, &bytes, &count), RC_OK);
	assert_true(bytes == 0 && count == 0);
}

static void deletions(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	in_transaction(f, run_deletions);
}

enum { MANY = 1500 };

static void run_many(struct fixture *f, struct txn_rw *txn)
{
	struct backed_up_key *keys = arena_array(&f->arena, struct backed_up_key, MANY);
	assert_non_null(keys);
	for (int i = 0; i < MANY; i++)
		keys[i] = (struct backed_up_key){
		    .room_id = arena_printf(&f->arena, "!%d:x", i % 3),
		    .session_id = arena_printf(&f->arena, "%04d", i),
		    .session_data = STR("{\"k\":1}"),
		};
	(void)backup_make(txn, someone, "{}");
	struct key_backup backup = current_of(f, txn, someone);
	assert_int_equal(backed_up_keys_put(txn, &backup, keys, MANY), RC_OK);
	assert_true(backup.count == MANY && backup.etag == 1);
}

struct walk {
	int seen;
	int stop_at; /* -1: not at all */
	char last[64];
};

static enum rc walk_key(void *self, const struct backed_up_key *key)
{
	struct walk *walk = self;
	char place[64];
	if (walk->seen == walk->stop_at)
		return RC_CANCELLED;
	snprintf(place, sizeof place, "%.*s %.*s", STR_ARG(key->room_id), STR_ARG(key->session_id));
	assert_true(strcmp(place, walk->last) > 0); /* in order, each once */
	strcpy(walk->last, place);
	walk->seen++;
	return RC_OK;
}

static struct walk walk_of(struct fixture *f, const char *room_id, int stop_at, enum rc expected)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct walk walk = {.stop_at = stop_at};
	struct key_backup backup;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 4096);
	assert_int_equal(key_backup_current(txn, &f->arena, someone, &backup), RC_OK);
	assert_int_equal(
	    backed_up_keys_each(txn, &scratch, backup.backup, str_of(room_id), walk_key, &walk),
	    expected);
	return walk;
}

static void many_are_walked_in_order(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	in_transaction(f, run_many);
	assert_int_equal(walk_of(f, "", -1, RC_OK).seen, MANY);
	assert_int_equal(walk_of(f, "!1:x", -1, RC_OK).seen, MANY / 3);
	assert_int_equal(walk_of(f, "!9:x", -1, RC_OK).seen, 0);
	assert_int_equal(walk_of(f, "", 700, RC_CANCELLED).seen, 700);
}

static void run_only_the_others(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	static const char *const tables[] = {"key_backups", "key_backup_numbers", "backed_up_keys"};
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		char sql[128];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
		assert_int_equal(fixture_sql_number(txn, sql), i == 2 ? 2 : 1);
	}
}

static void run_two_people(struct fixture *f, struct txn_rw *txn)
{
	int64_t other;
	assert_int_equal(user_nid_find(txn_reading(txn), STR("@b:x"), &other), RC_OK);
	(void)backup_make(txn, someone, "{}");
	(void)backup_make(txn, someone, "{}");
	(void)backup_make(txn, other, "{}");
	put_one(f, txn, someone, session_key("!r:x", "s", 0, 0, false, "{}"));
	put_one(f, txn, other, session_key("!r:x", "s", 0, 0, false, "{}"));
	put_one(f, txn, other, session_key("!r:x", "t", 0, 0, false, "{}"));
}

static void deactivation_takes_all_of_it(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	(void)fixture_user(f, "@b:x");
	in_transaction(f, run_two_people);
	(void)fixture_deactivate(f, someone);
	in_transaction(f, run_only_the_others);
	fixture_check(f);
}

static void failing_allocations_are_told(void **state)
{
	struct fixture *f = *state;
	someone = fixture_user(f, "@a:x");
	in_transaction(f, run_many);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena, CLEANUP(arena_release) scratch;
		struct key_backup backup;
		struct backed_up_key key;
		struct walk walk = {.stop_at = -1};
		arena_init(&arena, 1 << 20);
		arena_init(&scratch, 4096);
		arena_fail_after(failures);
		rc = key_backup_current(txn, &arena, someone, &backup);
		if (rc == RC_OK)
			rc = backed_up_key_find(
			    txn, &arena, backup.backup, STR("!0:x"), STR("0000"), &key);
		if (rc == RC_OK)
			rc = backed_up_keys_each(
			    txn, &scratch, backup.backup, STR_EMPTY, walk_key, &walk);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(versions),
	    TEST(the_better_key_stays),
	    TEST(deletions),
	    TEST(many_are_walked_in_order),
	    TEST(deactivation_takes_all_of_it),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
