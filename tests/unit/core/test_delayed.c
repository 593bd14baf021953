/* core/delayed: what is due when, on a clock that stands until it is moved. */
#include "core/delayed/delayed.h"

#include "room_rig.h"
#include "store/delayed_events.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DELAY_MS = 100000, MAX_SCHEDULED = 3, LOOKS_MAX = 200000 };

struct delayed_rig {
	struct room_rig *room;
	struct delayed *delayed;
	struct actor alice;
	str room_id;
};

static void open_runner(struct delayed_rig *rig, bool start)
{
	struct delayed_config config = {
	    .store = rig->room->store->store,
	    .rooms = rig->room->rooms,
	    .clock = &rig->room->store->clock,
	    .rng = &rng_system,
	    .max_delay_ms = MAX_DELAY_MS,
	    .max_scheduled = MAX_SCHEDULED,
	    .retry_ms = 1,
	};
	assert_rc(delayed_new(&config, &rig->delayed), RC_OK);
	if (start)
		assert_rc(delayed_start(rig->delayed), RC_OK);
}

static void close_runner(struct delayed_rig *rig)
{
	delayed_stop(rig->delayed);
	delayed_free(TAKE(rig->delayed));
}

static int setup(void **state)
{
	struct delayed_rig *rig = calloc(1, sizeof *rig);
	void *room;
	if (room_rig_setup(&room) != 0)
		return 1;
	rig->room = room;
	rig->alice = rig_user(rig->room, "alice");
	rig->room_id = rig_room(rig->room, &rig->alice, "{}");
	open_runner(rig, true);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct delayed_rig *rig = *state;
	void *room = rig->room;
	close_runner(rig);
	int rc = room_rig_teardown(&room);
	free(rig);
	return rc;
}

static enum rc try_schedule(struct delayed_rig *rig, const char *type, const char *content,
    int64_t delay_ms, const char *txn_id, str *ret_delay_id)
{
	struct delay_wish wish = {
	    .actor = rig->alice,
	    .room_id = rig->room_id,
	    .type = str_of(type),
	    .content = str_of(content),
	    .txn_id = str_of(txn_id),
	    .delay_ms = delay_ms,
	};
	wish.actor.device = 7;
	return delayed_schedule(
	    rig->delayed, &rig->room->arena, &wish, ret_delay_id, &rig->room->fail);
}

static str schedule(struct delayed_rig *rig, const char *content, int64_t delay_ms)
{
	str delay_id = STR_EMPTY;
	assert_rc(try_schedule(rig, "m.room.message", content, delay_ms, "", &delay_id), RC_OK);
	return delay_id;
}

static struct delayed_event look(struct delayed_rig *rig, str delay_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct delayed_event event;
	assert_rc(delayed_event_find(txn, &rig->room->arena, delay_id, &event), RC_OK);
	return event;
}

static void advance(struct delayed_rig *rig, int64_t ms)
{
	clock_fake_advance(&rig->room->store->clock_fake, ms);
	delayed_wake(rig->delayed);
}

/* The runner is another thread: it is looked at until it has done it. */
static struct delayed_event ended(struct delayed_rig *rig, str delay_id)
{
	struct delayed_event event = {0};
	for (int looks = 0; event.ended_ms == 0 && looks < LOOKS_MAX; looks++) {
		struct arena CLEANUP(arena_release) arena;
		struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
		arena_init(&arena, 1 << 20);
		assert_rc(delayed_event_find(txn, &arena, delay_id, &event), RC_OK);
	}
	assert_true(event.ended_ms != 0);
	return look(rig, delay_id);
}

static bool is_open(struct delayed_rig *rig, str delay_id)
{
	return look(rig, delay_id).ended_ms == 0;
}

static void is_sent_not_before_its_time(void **state)
{
	struct delayed_rig *rig = *state;
	int64_t began = clock_wall_ms(&rig->room->store->clock);
	str late = schedule(rig, "{\"n\":1}", 1000), early = schedule(rig, "{\"n\":0}", 999);
	assert_int_equal(look(rig, late).due_ms, began + 1000);
	advance(rig, 998);
	advance(rig, 1);
	struct delayed_event first = ended(rig, early);
	assert_true(is_open(rig, late));
	assert_int_equal(first.ended_ms, began + 999);
	advance(rig, 1);
	struct delayed_event second = ended(rig, late);
	assert_true(first.event_id.n && second.event_id.n && !second.errcode.n);
	size_t count;
	struct event_row *events = rig_events(rig->room, rig->room_id, &count);
	assert_str(events[count - 2].delay_id, early);
	assert_str(events[count - 1].delay_id, late);
	assert_str(events[count - 1].event_id, second.event_id);
	assert_true(events[count - 1].txn_id.n == 0);
}

static void restarts_begin_anew(void **state)
{
	struct delayed_rig *rig = *state;
	struct fail *fail = &rig->room->fail;
	str delay_id = schedule(rig, "{}", 1000);
	for (int i = 0; i < 5; i++) {
		advance(rig, 900);
		assert_rc(
		    delayed_restart(rig->delayed, &rig->room->arena, &rig->alice, delay_id, fail),
		    RC_OK);
	}
	str marker = schedule(rig, "{\"marker\":true}", 999);
	advance(rig, 999);
	ended(rig, marker);
	assert_true(is_open(rig, delay_id));
	advance(rig, 1);
	ended(rig, delay_id);
	assert_rc(
	    delayed_restart(rig->delayed, &rig->room->arena, &rig->alice, delay_id, fail), RC_OVER);
}

static void limits(void **state)
{
	struct delayed_rig *rig = *state;
	struct fail *fail = &rig->room->fail;
	str delay_id;
	schedule(rig, "{}", 5000);
	schedule(rig, "{}", 4000);
	schedule(rig, "{}", MAX_DELAY_MS);
	assert_rc(try_schedule(rig, "m.room.message", "{}", 10, "", &delay_id), RC_LIMIT_EXCEEDED);
	assert_int_equal(fail->retry_after_ms, 4000);
	static const struct {
		const char *type, *content;
		int64_t delay_ms;
		enum rc rc;
	} rows[] = {
	    {"m.room.message", "{}", MAX_DELAY_MS + 1, RC_FORBIDDEN},
	    {"m.room.message", "{}", 0, RC_INVALID_PARAM},
	    {"m.room.message", "{}", INT64_MIN, RC_INVALID_PARAM},
	    {"m.room.message", "[]", 5, RC_BAD_JSON},
	    {"m.room.message", "{", 5, RC_NOT_JSON},
	    {"m.room.member", "{\"org.matrix.msc3759.deactivated\":true}", 5, RC_FORBIDDEN},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_rc(try_schedule(
			      rig, rows[i].type, rows[i].content, rows[i].delay_ms, "", &delay_id),
		    rows[i].rc);
}

static void a_transaction_id_is_one_event(void **state)
{
	struct delayed_rig *rig = *state;
	str one, again, other;
	assert_rc(try_schedule(rig, "a", "{}", 10, "t", &one), RC_OK);
	assert_rc(try_schedule(rig, "a", "{}", 10, "t", &again), RC_OK);
	assert_rc(try_schedule(rig, "b", "{}", 10, "t", &other), RC_OK);
	assert_str(one, again);
	assert_false(str_eq(one, other));
}

static void the_refused_say_why(void **state)
{
	struct delayed_rig *rig = *state;
	str delay_id = schedule(rig, "{}", 10), odd = schedule(rig, "{\"x\":1.5}", 10);
	assert_rc(rig_leave(rig->room, &rig->alice, rig->room_id), RC_OK);
	advance(rig, 10);
	struct delayed_event event = ended(rig, delay_id);
	assert_str(event.errcode, STR("M_FORBIDDEN"));
	assert_true(event.error.n > 0 && event.event_id.n == 0);
	assert_true(ended(rig, odd).errcode.n > 0);
}

static void actions_have_one_outcome(void **state)
{
	struct delayed_rig *rig = *state;
	struct fail *fail = &rig->room->fail;
	struct arena *arena = &rig->room->arena;
	struct actor bob = rig_user(rig->room, "bob");
	str sent = schedule(rig, "{}", 10), cancelled = schedule(rig, "{}", 10);
	assert_rc(delayed_send(rig->delayed, arena, &bob, sent, fail), RC_NOT_FOUND);
	assert_rc(
	    delayed_send(rig->delayed, arena, &rig->alice, STR("nothing"), fail), RC_NOT_FOUND);
	assert_rc(delayed_send(rig->delayed, arena, &rig->alice, sent, fail), RC_OK);
	assert_rc(delayed_send(rig->delayed, arena, &rig->alice, sent, fail), RC_OK);
	assert_rc(delayed_cancel(rig->delayed, arena, &rig->alice, sent, fail), RC_OVER);
	assert_rc(delayed_cancel(rig->delayed, arena, &rig->alice, cancelled, fail), RC_OK);
	assert_rc(delayed_cancel(rig->delayed, arena, &rig->alice, cancelled, fail), RC_OK);
	assert_rc(delayed_send(rig->delayed, arena, &rig->alice, cancelled, fail), RC_OVER);
	size_t count = rig_event_count(rig->room, rig->room_id);
	str marker = schedule(rig, "{}", 10);
	advance(rig, 10);
	ended(rig, marker); /* whatever was due before it has had its turn */
	assert_int_equal(rig_event_count(rig->room, rig->room_id), count + 1);
}

static void what_was_due_is_sent_after_a_restart(void **state)
{
	struct delayed_rig *rig = *state;
	str second = schedule(rig, "{\"n\":2}", 200), first = schedule(rig, "{\"n\":1}", 100);
	close_runner(rig);
	clock_fake_advance(&rig->room->store->clock_fake, 5000);
	room_rig_restart(rig->room, NULL);
	open_runner(rig, true);
	ended(rig, second);
	size_t count;
	struct event_row *events = rig_events(rig->room, rig->room_id, &count);
	assert_str(events[count - 2].delay_id, first);
	assert_str(events[count - 1].delay_id, second);
}

static void an_ended_account_sends_nothing(void **state)
{
	struct delayed_rig *rig = *state;
	str delay_id = schedule(rig, "{}", 10);
	fixture_deactivate(rig->room->store, rig->alice.user);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct delayed_event event;
	assert_rc(delayed_event_find(txn, &rig->room->arena, delay_id, &event), RC_NOT_FOUND);
	assert_rc(try_schedule(rig, "m.room.message", "{}", 10, "", &delay_id), RC_UNKNOWN_TOKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(is_sent_not_before_its_time),
	    TEST(restarts_begin_anew),
	    TEST(limits),
	    TEST(a_transaction_id_is_one_event),
	    TEST(the_refused_say_why),
	    TEST(actions_have_one_outcome),
	    TEST(what_was_due_is_sent_after_a_restart),
	    TEST(an_ended_account_sends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
