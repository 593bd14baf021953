/* The end of an account: one transaction that accepts it, and the rooms to leave. */
#include "store_fixture.h"

#include "store/uia.h"

#include <string.h>

struct accept {
	int64_t user;
	bool erase, is_new;
	int64_t job;
};

static enum rc accept_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct accept *a = arg;
	return deactivation_accept(
	    txn, a->user, a->erase, STR("@admin:x"), 500, &a->job, &a->is_new);
}

static struct accept accept_now(struct fixture *f, int64_t user, bool erase)
{
	struct accept a = {.user = user, .erase = erase};
	assert_int_equal(store_write(f->store, accept_write, &a, NULL), RC_OK);
	return a;
}

static struct deactivation job_of(struct fixture *f, int64_t user)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct deactivation deactivation;
	assert_int_equal(deactivation_by_user(txn, &f->arena, user, &deactivation), RC_OK);
	return deactivation;
}

static enum rc belongings_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	int64_t user = *(const int64_t *)arg, device, filter;
	struct token_pair pair = {
	    .access = sha256(STR("a")), .has_refresh = true, .refresh = sha256(STR("r"))};
	TRY(account_set_displayname(txn, user, STR("Ann")));
	TRY(account_set_admin(txn, user, true));
	TRY(device_put(txn, user, STR("D"), STR(""), &device));
	TRY(token_put(txn, user, device, &pair));
	TRY(filter_put(txn, user, STR("{}"), &filter));
	return account_data_put(txn, user, 0, STR("t"), STR("{}"));
}

/* A user joined to one room, invited to another, knocking on a third; left and banned elsewhere. */
static int64_t user_in_rooms(struct fixture *f, const char *user_id)
{
	int64_t user = fixture_user(f, user_id);
	static const enum membership memberships[] = {
	    MEMBERSHIP_JOIN,
	    MEMBERSHIP_INVITE,
	    MEMBERSHIP_KNOCK,
	    MEMBERSHIP_LEAVE,
	    MEMBERSHIP_BAN,
	};
	for (size_t i = 0; i < COUNT_OF(memberships); i++) {
		str room_id = arena_printf(&f->arena, "!%s-%zu%c", user_id, i, '\0');
		fixture_member(f, fixture_room(f, room_id.p), user_id, memberships[i]);
	}
	return user;
}

static void acceptance_is_complete(void **state)
{
	struct fixture *f = *state;
	int64_t user = user_in_rooms(f, "@a:x");
	assert_int_equal(store_write(f->store, belongings_write, &user, NULL), RC_OK);
	struct accept a = accept_now(f, user, false);
	assert_true(a.is_new);
	struct deactivation d = job_of(f, user);
	assert_int_equal(d.job, a.job);
	assert_int_equal(d.generation, 2);
	assert_int_equal(d.accepted_ms, 500);
	assert_int_equal(d.finished_ms, 0);
	assert_false(d.erase);
	assert_true(str_eq(d.actor, STR("@admin:x")));
	assert_true(str_eq(d.user_id, STR("@a:x")));
	assert_int_equal(d.total, 3);
	assert_int_equal(d.pending, 3);
	assert_int_equal(d.left + d.retrying + d.terminal, 0);

	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct account account;
	struct session session;
	struct device device;
	struct account_data_row *rows;
	size_t count;
	str json;
	struct sha256 access = sha256(STR("a"));
	assert_int_equal(account_get(txn, &f->arena, user, &account), RC_OK);
	assert_int_equal(account.deactivated_ms, 500);
	assert_int_equal(account.generation, 2);
	assert_int_equal(account.password_phc.n, 0);
	assert_false(account.admin);
	assert_false(account.erased);
	assert_true(str_eq(account.displayname, STR("Ann"))); /* goes with erase only */
	assert_int_equal(session_find(txn, &f->arena, &access, &session), RC_UNKNOWN_TOKEN);
	assert_int_equal(device_find(txn, &f->arena, user, STR("D"), &device), RC_NOT_FOUND);
	assert_int_equal(account_data_since(txn, &f->arena, user, 0, &rows, &count), RC_OK);
	assert_int_equal(count, 0);
	assert_int_equal(filter_get(txn, &f->arena, user, 1, &json), RC_NOT_FOUND);
	bool exists = false; /* the id stays taken */
	assert_int_equal(account_exists_nocase(txn, STR("@A:x"), &exists), RC_OK);
	assert_true(exists);
	fixture_check(f);
}

struct uia_made {
	int64_t users[4];
};

/* Session i is of users[i]. */
static struct uia_row uia_session(const struct uia_made *made, size_t i)
{
	char id[8];
	snprintf(id, sizeof id, "s%zu", i);
	return (struct uia_row){
	    sha256(str_of(id)), 1, made->users[i], sha256(STR("request")), 0, 5000};
}

static enum rc uia_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	for (size_t i = 0; i < COUNT_OF(((struct uia_made *)arg)->users); i++) {
		struct uia_row row = uia_session(arg, i);
		TRY(uia_row_add(txn, &row));
	}
	return RC_OK;
}

/* All that an account began, and nothing of others, nor what nobody in particular began. */
static void sessions_of_authentication_end_with_the_account(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@a:x"), bob = fixture_user(f, "@b:x");
	struct uia_made made = {{ann, bob, 0, ann}};
	assert_int_equal(store_write(f->store, uia_write, &made, NULL), RC_OK);
	accept_now(f, ann, false);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	for (size_t i = 0; i < COUNT_OF(made.users); i++) {
		struct uia_row row = uia_session(&made, i);
		enum rc expected = made.users[i] == ann ? RC_NOT_FOUND : RC_OK;
		assert_int_equal(uia_row_find(txn, &row.id, 1000, &row), expected);
	}
}

static void once_more_changes_nothing_but_erase(void **state)
{
	struct fixture *f = *state;
	int64_t user = user_in_rooms(f, "@a:x");
	assert_int_equal(store_write(f->store, belongings_write, &user, NULL), RC_OK);
	struct accept first = accept_now(f, user, false), again = accept_now(f, user, false);
	assert_false(again.is_new);
	assert_int_equal(again.job, first.job);
	assert_false(job_of(f, user).erase);
	again = accept_now(f, user, true);
	assert_false(again.is_new);
	assert_true(job_of(f, user).erase);
	again = accept_now(f, user, false); /* never taken back */
	assert_false(again.is_new);
	assert_true(job_of(f, user).erase);
	assert_int_equal(job_of(f, user).total, 3);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct account account;
	assert_int_equal(account_get(txn, &f->arena, user, &account), RC_OK);
	assert_true(account.erased);
	assert_int_equal(account.displayname.n, 0);
	assert_int_equal(account.generation, 2);
}

static void nobody_cannot_be_deactivated(void **state)
{
	struct fixture *f = *state;
	struct accept a = {.user = 99};
	assert_int_equal(store_write(f->store, accept_write, &a, NULL), RC_NOT_FOUND);
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@remote:y", MEMBERSHIP_JOIN); /* a user, but no account of ours */
	a.user = 1;
	assert_int_equal(store_write(f->store, accept_write, &a, NULL), RC_NOT_FOUND);
}

static void without_rooms_it_is_finished_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x");
	accept_now(f, user, true);
	assert_int_equal(job_of(f, user).finished_ms, 500);
	assert_int_equal(job_of(f, user).total, 0);
}

struct end {
	int64_t job, room;
	enum departure_state state;
	bool retry;
	int64_t at_ms;
};

static enum rc end_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct end *e = arg;
	if (e->retry)
		return departure_retry(txn, e->job, e->room, STR("busy"), e->at_ms);
	return departure_end(txn, e->job, e->room, e->state, STR("why"), STR("$e"), e->at_ms);
}

static enum rc end_now(
    struct fixture *f, const struct departure *d, enum departure_state how, int64_t at_ms)
{
	struct end e = {d->job, d->room, how, false, at_ms};
	return store_write(f->store, end_write, &e, NULL);
}

static size_t due_now(
    struct fixture *f, int64_t now_ms, size_t max, struct departure **ret_due, int64_t *ret_next_ms)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	size_t count;
	assert_int_equal(
	    departures_due(txn, &f->arena, now_ms, max, ret_due, &count, ret_next_ms), RC_OK);
	return count;
}

static void the_last_room_finishes_the_job(void **state)
{
	struct fixture *f = *state;
	int64_t user = user_in_rooms(f, "@a:x"), next_ms;
	accept_now(f, user, false);
	struct departure *due;
	assert_int_equal(due_now(f, 600, 10, &due, &next_ms), 3);
	assert_int_equal(next_ms, 0);
	assert_true(str_eq(due[0].user_id, STR("@a:x")));
	assert_int_equal(due[0].generation, 2);
	assert_int_equal(end_now(f, &due[0], DEPARTURE_LEFT, 601), RC_OK);
	assert_int_equal(end_now(f, &due[0], DEPARTURE_LEFT, 602), RC_CONFLICT);
	assert_int_equal(end_now(f, &due[1], DEPARTURE_BANNED, 603), RC_OK);
	assert_int_equal(job_of(f, user).finished_ms, 0);
	assert_int_equal(end_now(f, &due[2], DEPARTURE_REFUSED, 604), RC_OK);
	struct deactivation d = job_of(f, user);
	assert_int_equal(d.finished_ms, 604);
	assert_int_equal(d.left, 1);
	assert_int_equal(d.terminal, 2);
	assert_int_equal(d.pending, 0);
	assert_int_equal(due_now(f, 700, 10, &due, &next_ms), 0);
	fixture_check(f);
}

static void retries_wait(void **state)
{
	struct fixture *f = *state;
	int64_t user = user_in_rooms(f, "@a:x"), next_ms;
	accept_now(f, user, false);
	struct departure *due;
	assert_int_equal(due_now(f, 600, 10, &due, &next_ms), 3);
	struct end retry = {due[1].job, due[1].room, DEPARTURE_PENDING, true, 900};
	int64_t room = due[1].room;
	assert_int_equal(store_write(f->store, end_write, &retry, NULL), RC_OK);
	assert_int_equal(job_of(f, user).retrying, 1);
	assert_int_equal(job_of(f, user).pending, 3);
	assert_int_equal(due_now(f, 600, 10, &due, &next_ms), 2);
	assert_int_equal(next_ms, 900);
	assert_int_equal(due_now(f, 600, 1, &due, &next_ms), 1);
	assert_int_equal(next_ms, 600); /* another is due already */
	assert_int_equal(due_now(f, 900, 10, &due, &next_ms), 3);
	assert_int_equal(next_ms, 0);
	assert_int_equal(due[2].room, room);
	assert_int_equal(due[2].attempts, 1);
	assert_true(str_eq(due[2].reason, STR("busy")));
	assert_int_equal(end_now(f, &due[2], DEPARTURE_LEFT, 901), RC_OK);
	assert_int_equal(store_write(f->store, end_write, &retry, NULL), RC_CONFLICT);
}

static void jobs_take_turns(void **state)
{
	struct fixture *f = *state;
	int64_t many = fixture_user(f, "@many:x"), next_ms;
	for (int i = 0; i < 20; i++) {
		char room_id[16];
		snprintf(room_id, sizeof room_id, "!m%d", i);
		fixture_member(f, fixture_room(f, room_id), "@many:x", MEMBERSHIP_JOIN);
	}
	int64_t few = user_in_rooms(f, "@few:x");
	int64_t first = accept_now(f, many, false).job, second = accept_now(f, few, false).job;
	struct departure *due;
	assert_int_equal(due_now(f, 600, 8, &due, &next_ms), 8);
	int64_t expected[] = {first, second, first, second, first, second, first, first};
	for (int i = 0; i < 8; i++)
		assert_int_equal(due[i].job, expected[i]);
	assert_int_equal(due_now(f, 600, 1, &due, &next_ms), 1);
	assert_int_equal(due_now(f, 600, 100, &due, &next_ms), 23);
}

static enum rc count_job(void *self, const struct deactivation *deactivation)
{
	*(int64_t *)self += deactivation->total;
	return RC_OK;
}

static enum rc count_departure(void *self, const struct departure *departure)
{
	assert_true(departure->room_id.n > 0);
	++*(int64_t *)self;
	return RC_OK;
}

static void jobs_and_rooms_are_walked(void **state)
{
	struct fixture *f = *state;
	int64_t a = user_in_rooms(f, "@a:x"), b = user_in_rooms(f, "@b:x");
	int64_t job = accept_now(f, a, false).job, total = 0, rooms = 0;
	accept_now(f, b, false);
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 16);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	assert_int_equal(deactivation_each(txn, &scratch, count_job, &total), RC_OK);
	assert_int_equal(total, 6);
	assert_int_equal(departures_of(txn, &scratch, job, count_departure, &rooms), RC_OK);
	assert_int_equal(rooms, 3);
	struct deactivation deactivation;
	assert_int_equal(deactivation_by_user(txn, &f->arena, 4711, &deactivation), RC_NOT_FOUND);
}

static void states_have_names(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "pending", "left", "already_left", "banned", "not_resident", "refused"};
	for (int i = 0; i <= DEPARTURE_REFUSED; i++)
		assert_true(
		    str_eq(departure_state_text((enum departure_state)i), str_of(names[i])));
}

static void failing_allocations_are_told(void **state)
{
	struct fixture *f = *state;
	int64_t user = user_in_rooms(f, "@a:x"), next_ms;
	accept_now(f, user, false);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena;
		struct departure *due;
		struct deactivation deactivation;
		size_t count;
		arena_init(&arena, 1 << 20);
		arena_fail_after(failures);
		rc = departures_due(txn, &arena, 600, 10, &due, &count, &next_ms);
		if (rc == RC_OK)
			rc = deactivation_by_user(txn, &arena, user, &deactivation);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(acceptance_is_complete),
	    TEST(sessions_of_authentication_end_with_the_account),
	    TEST(once_more_changes_nothing_but_erase),
	    TEST(nobody_cannot_be_deactivated),
	    TEST(without_rooms_it_is_finished_at_once),
	    TEST(the_last_room_finishes_the_job),
	    TEST(retries_wait),
	    TEST(jobs_take_turns),
	    TEST(jobs_and_rooms_are_walked),
	    cmocka_unit_test(states_have_names),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
