/* Delayed events in the store: their order, their ends, and what is kept of those. */
#include "store_fixture.h"

#include "store/delayed_events.h"

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

static int64_t someone, room;

static void in_transaction(void **state, void (*run)(struct fixture *f, struct txn_rw *txn))
{
	struct fixture *f = *state;
	struct job job = {f, run};
	someone = fixture_user(f, "@a:x");
	room = fixture_room(f, "!r");
	assert_int_equal(store_write(f->store, run_job, &job, NULL), RC_OK);
}

static int64_t add(struct fixture *f, struct txn_rw *txn, const char *delay_id, int64_t delay_ms,
    int64_t scheduled_ms)
{
	struct delayed_event event = {
	    .user = someone,
	    .room = room,
	    .generation = 1,
	    .delay_id = str_of(delay_id),
	    .type = STR("t"),
	    .content = STR("{}"),
	    .delay_ms = delay_ms,
	    .scheduled_ms = scheduled_ms,
	};
	assert_int_equal(delayed_event_add(txn, &event), RC_OK);
	assert_int_equal(
	    delayed_event_find(txn_reading(txn), &f->arena, event.delay_id, &event), RC_OK);
	return event.nid;
}

static const char *due(
    struct fixture *f, struct txn_rw *txn, int64_t now_ms, size_t max, int64_t *ret_next_ms)
{
	struct delayed_event *events;
	size_t count;
	str names = STR_EMPTY;
	assert_int_equal(delayed_events_due(txn_reading(txn), &f->arena, now_ms, max, &events,
			     &count, ret_next_ms),
	    RC_OK);
	for (size_t i = 0; i < count; i++)
		names = arena_printf(
		    &f->arena, "%.*s%.*s ", STR_ARG(names), STR_ARG(events[i].delay_id));
	return arena_cstr(&f->arena, names);
}

static enum rc end(struct txn_rw *txn, int64_t nid, int64_t due_ms, int64_t now_ms)
{
	struct delayed_end ending = {
	    .nid = nid, .user = someone, .due_ms = due_ms, .now_ms = now_ms};
	return delayed_event_end(txn, &ending);
}

static void run_order(struct fixture *f, struct txn_rw *txn)
{
	int64_t next_ms, count;
	int64_t b = add(f, txn, "b", 20, 100), a = add(f, txn, "a", 10, 100),
		c = add(f, txn, "c", 5, 115);
	assert_string_equal(due(f, txn, 109, 9, &next_ms), "");
	assert_int_equal(next_ms, 110);
	assert_string_equal(due(f, txn, 120, 9, &next_ms), "a b c ");
	assert_int_equal(next_ms, 0);
	assert_string_equal(due(f, txn, 110, 9, &next_ms), "a ");
	assert_int_equal(next_ms, 120);
	assert_string_equal(due(f, txn, 500, 2, &next_ms), "a b ");
	assert_int_equal(delayed_events_count(txn_reading(txn), someone, &count, &next_ms), RC_OK);
	assert_true(count == 3 && next_ms == 110);
	assert_int_equal(end(txn, a, 111, 200), RC_NOT_FOUND); /* due at another time */
	assert_int_equal(end(txn, a, 110, 200), RC_OK);
	assert_int_equal(end(txn, a, 110, 200), RC_NOT_FOUND);
	assert_int_equal(end(txn, a, -1, 200), RC_NOT_FOUND);
	assert_int_equal(delayed_event_restart(txn, a, 200), RC_NOT_FOUND);
	assert_int_equal(delayed_event_restart(txn, b, 200), RC_OK);
	assert_string_equal(due(f, txn, 219, 9, &next_ms), "c ");
	assert_int_equal(next_ms, 220);
	assert_int_equal(end(txn, c, -1, 200), RC_OK);
	assert_int_equal(delayed_events_count(txn_reading(txn), someone, &count, &next_ms), RC_OK);
	assert_true(count == 1 && next_ms == 220);
}

static void the_longest_due_comes_first(void **state)
{
	in_transaction(state, run_order);
}

static void run_trim(struct fixture *f, struct txn_rw *txn)
{
	int64_t open = add(f, txn, "open", 1, 0), last = 0;
	char name[16];
	for (int i = 0; i < DELAYED_KEPT_MAX + 5; i++) {
		snprintf(name, sizeof name, "d%d", i);
		last = add(f, txn, name, 1, i);
		assert_int_equal(end(txn, last, -1, i + 1), RC_OK);
	}
	assert_int_equal(
	    fixture_sql_number(txn, "SELECT count(*) FROM delayed_events WHERE ended_ms<>0"),
	    DELAYED_KEPT_MAX);
	struct delayed_event event;
	assert_int_equal(
	    delayed_event_find(txn_reading(txn), &f->arena, STR("d4"), &event), RC_NOT_FOUND);
	assert_int_equal(delayed_event_find(txn_reading(txn), &f->arena, STR("d5"), &event), RC_OK);
	assert_int_equal(end(txn, open, -1, DELAYED_KEPT_MS + 1000), RC_OK);
	assert_true(fixture_sql_number(txn, "SELECT count(*) FROM delayed_events") < 10);
	assert_int_equal(
	    delayed_event_find(txn_reading(txn), &f->arena, STR("open"), &event), RC_OK);
	assert_true(event.nid == open && last != 0);
}

static void what_ended_is_kept_for_a_while(void **state)
{
	in_transaction(state, run_trim);
}

static void deactivation_takes_them(void **state)
{
	struct fixture *f = *state;
	in_transaction(state, run_order);
	fixture_deactivate(f, someone);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct delayed_event event;
	assert_int_equal(delayed_event_find(txn, &f->arena, STR("a"), &event), RC_NOT_FOUND);
	assert_int_equal(delayed_event_find(txn, &f->arena, STR("b"), &event), RC_NOT_FOUND);
	fixture_check(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_longest_due_comes_first),
	    TEST(what_ended_is_kept_for_a_while),
	    TEST(deactivation_takes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
