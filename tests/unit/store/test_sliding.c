/* Connections of sliding sync: whose they are, their versions, their bounds, and their end. */
#include "store/sliding.h"

#include "store_fixture.h"

#include <string.h>

struct put {
	struct session session;
	const char *conn_id, *state;
	struct sliding_place base;
	int64_t now_ms;
	struct sliding_place place;
};

static enum rc put_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct put *put = arg;
	(void)fail;
	return sliding_state_put(txn, &put->session, str_of(put->conn_id), put->base,
	    str_of(put->state), put->now_ms, &put->place);
}

static struct sliding_place put_now(struct fixture *f, const struct session *session,
    const char *conn_id, struct sliding_place base, const char *state, int64_t now_ms)
{
	struct put put = {*session, conn_id, state, base, now_ms, {0}};
	assert_int_equal(store_write(f->store, put_write, &put, NULL), RC_OK);
	return put.place;
}

static struct sliding_place begin(
    struct fixture *f, const struct session *session, const char *conn_id, const char *state)
{
	return put_now(f, session, conn_id, (struct sliding_place){0}, state, 1);
}

/* The state, "" when it is not there. */
static const char *state_now(struct fixture *f, const struct session *session, const char *conn_id,
    struct sliding_place place)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	str state;
	enum rc rc = sliding_state_get(txn, &f->arena, session, str_of(conn_id), place, &state);
	assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
	return rc == RC_OK ? arena_cstr(&f->arena, state) : "";
}

struct device_job {
	int64_t user;
	const char *device_id;
	int64_t device; /* put when 0, else deleted */
};

static enum rc device_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct device_job *job = arg;
	(void)fail;
	return job->device
		   ? device_delete(txn, job->device)
		   : device_put(txn, job->user, str_of(job->device_id), STR_EMPTY, &job->device);
}

static struct session session_on(struct fixture *f, int64_t user, const char *device_id)
{
	struct device_job job = {.user = user, .device_id = device_id};
	if (device_id)
		assert_int_equal(store_write(f->store, device_write, &job, NULL), RC_OK);
	return (struct session){
	    .user = user, .device = job.device, .generation = 1, .device_id = str_of(device_id)};
}

static void versions_of_a_connection(void **state)
{
	struct fixture *f = *state;
	struct session me = session_on(f, fixture_user(f, "@me:x"), "D");
	struct sliding_place first = begin(f, &me, "c", "one");
	struct sliding_place second = put_now(f, &me, "c", first, "two", 2);
	assert_int_equal(second.connection, first.connection);
	assert_true(second.version > first.version);
	assert_string_equal(state_now(f, &me, "c", first), "one");
	assert_string_equal(state_now(f, &me, "c", second), "two");
	/* again from the first: both answers may be the one that arrives */
	struct sliding_place again = put_now(f, &me, "c", first, "again", 3);
	assert_string_equal(state_now(f, &me, "c", second), "two");
	assert_string_equal(state_now(f, &me, "c", again), "again");
	for (int i = 0; i < SLIDING_VERSIONS_MAX; i++)
		again = put_now(f, &me, "c", first, "more", 4);
	assert_string_equal(state_now(f, &me, "c", second), "");
	assert_string_equal(state_now(f, &me, "c", first), "one");
	/* what comes after the newest has acknowledged it */
	struct sliding_place third = put_now(f, &me, "c", again, "three", 5);
	assert_string_equal(state_now(f, &me, "c", first), "");
	assert_string_equal(state_now(f, &me, "c", again), "more");
	assert_string_equal(state_now(f, &me, "c", third), "three");
	struct sliding_place anew = begin(f, &me, "c", "anew");
	assert_int_equal(anew.connection, first.connection);
	assert_true(anew.version > third.version);
	assert_string_equal(state_now(f, &me, "c", third), "");
	assert_string_equal(state_now(f, &me, "c", anew), "anew");
	fixture_check(f);
}

static void nobody_elses(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@me:x");
	struct session me = session_on(f, user, "D"), other_device = session_on(f, user, "E"),
		       nobody = session_on(f, fixture_user(f, "@other:x"), NULL),
		       no_device = session_on(f, user, NULL);
	struct sliding_place place = begin(f, &me, "c", "mine"),
			     without = begin(f, &no_device, "c", "none");
	assert_string_equal(state_now(f, &me, "c", place), "mine");
	assert_string_equal(state_now(f, &no_device, "c", without), "none");
	assert_string_equal(state_now(f, &me, "", place), "");
	assert_string_equal(state_now(f, &me, "C", place), "");
	assert_string_equal(state_now(f, &other_device, "c", place), "");
	assert_string_equal(state_now(f, &nobody, "c", place), "");
	assert_string_equal(state_now(f, &no_device, "c", place), "");
	place.version++;
	assert_string_equal(state_now(f, &me, "c", place), "");
}

static void connections_are_bounded(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@me:x");
	struct session me = session_on(f, user, "D"), other = session_on(f, user, "E");
	struct sliding_place places[SLIDING_CONNECTIONS_MAX + 2],
	    kept = begin(f, &other, "c", "other");
	char name[16];
	for (int i = 0; i < SLIDING_CONNECTIONS_MAX; i++) {
		snprintf(name, sizeof name, "c%d", i);
		places[i] = put_now(f, &me, name, (struct sliding_place){0}, "s", 10 + i);
	}
	places[0] = put_now(f, &me, "c0", places[0], "used", 100);
	put_now(f, &me, "new", (struct sliding_place){0}, "s", 101);
	assert_string_equal(state_now(f, &me, "c0", places[0]), "used");
	assert_string_equal(state_now(f, &me, "c1", places[1]), "");
	assert_string_equal(state_now(f, &me, "c2", places[2]), "s");
	assert_string_equal(state_now(f, &other, "c", kept), "other");
	struct put gone = {me, "c1", "s", places[1], 102, {0}};
	assert_int_equal(store_write(f->store, put_write, &gone, NULL), RC_NOT_FOUND);
	fixture_check(f);
}

static void they_go_with_their_device(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@me:x");
	struct session me = session_on(f, user, "D"), other = session_on(f, user, "E");
	struct sliding_place place = begin(f, &me, "c", "mine"),
			     kept = begin(f, &other, "c", "other");
	struct device_job job = {.device = me.device};
	assert_int_equal(store_write(f->store, device_write, &job, NULL), RC_OK);
	assert_string_equal(state_now(f, &me, "c", place), "");
	assert_string_equal(state_now(f, &other, "c", kept), "other");
	struct put late = {me, "c", "s", place, 5, {0}};
	assert_int_equal(store_write(f->store, put_write, &late, NULL), RC_UNKNOWN_TOKEN);
	late.base = (struct sliding_place){0};
	assert_int_equal(store_write(f->store, put_write, &late, NULL), RC_UNKNOWN_TOKEN);
	fixture_check(f);
}

static enum rc count_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	*(int64_t *)arg =
	    fixture_sql_number(txn, "SELECT (SELECT count(*) FROM sliding_connections) + (SELECT "
				    "count(*) FROM sliding_states)");
	return RC_OK;
}

static void they_go_with_the_account(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@me:x"), rows = -1;
	struct session me = session_on(f, user, "D"), no_device = session_on(f, user, NULL);
	begin(f, &me, "c", "mine");
	begin(f, &no_device, "c", "none");
	assert_int_equal(store_write(f->store, count_write, &rows, NULL), RC_OK);
	assert_int_equal(rows, 4);
	fixture_deactivate(f, user);
	assert_int_equal(store_write(f->store, count_write, &rows, NULL), RC_OK);
	assert_int_equal(rows, 0);
	struct put late = {no_device, "c", "s", {0}, 5, {0}};
	assert_int_equal(store_write(f->store, put_write, &late, NULL), RC_UNKNOWN_TOKEN);
}

/* A number of a connection that is gone is never another's. */
static void numbers_are_used_once(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@me:x");
	struct session me = session_on(f, user, "D");
	struct sliding_place place = begin(f, &me, "c", "mine");
	struct device_job job = {.device = me.device};
	assert_int_equal(store_write(f->store, device_write, &job, NULL), RC_OK);
	me = session_on(f, user, "D");
	assert_true(begin(f, &me, "c", "new").connection > place.connection);
	assert_string_equal(state_now(f, &me, "c", place), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(versions_of_a_connection),
	    TEST(nobody_elses),
	    TEST(connections_are_bounded),
	    TEST(they_go_with_their_device),
	    TEST(they_go_with_the_account),
	    TEST(numbers_are_used_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
