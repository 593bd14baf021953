/* Events at the head of a room: state, redaction, transaction ids, spans of positions. */
#include "store_fixture.h"

#include <string.h>

static void an_event_moves_the_head(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"), first, second, pos;
	struct event_insert in = {
	    .room = room,
	    .sender = user,
	    .generation = 1,
	    .event_id = STR("$one"),
	    .type = STR("m.x"),
	    .canonical = STR("{\"a\":\"\\u0000\"}"),
	};
	assert_int_equal(fixture_event(f, in, &first, &pos), RC_OK);
	assert_int_equal(store_committed_pos(f->store), pos);
	second = fixture_message(f, room, user);
	struct room_row row = room_now(f, room);
	assert_int_equal(row.head_event, second);
	assert_int_equal(row.last_pos, pos + 1);
	assert_int_equal(row.depth, 2);
	assert_int_equal(row.snapshot, 0);
	assert_int_equal(second, first + 1);
	struct event_row event = event_now(f, first);
	assert_int_equal(event.room, room);
	assert_int_equal(event.sender, user);
	assert_int_equal(event.ts_ms, 1234);
	assert_false(event.is_state);
	assert_true(str_eq(event.type, STR("m.x")));
	assert_true(str_eq(event.event_id, STR("$one")));
	assert_true(str_eq(event.canonical, in.canonical));
	assert_int_equal(event.txn_device, 0);
	fixture_check(f);
}

static void a_moved_head_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	int64_t head = fixture_message(f, room, user), pos = store_committed_pos(f->store);
	struct event_insert in = {
	    .room = room, .sender = user, .generation = -1, .expected_head = head + 5};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_CONFLICT);
	in.is_state = true;
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_CONFLICT);
	assert_int_equal(room_now(f, room).head_event, head);
	assert_int_equal(store_committed_pos(f->store), pos);
	assert_int_equal(
	    fixture_message(f, room, user), head + 1); /* their numbers were given back */
	fixture_check(f);
}

static void the_generation_is_a_gate(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	struct event_insert in = {.room = room, .sender = user, .generation = 2};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_UNKNOWN_TOKEN);
	in.generation = 1;
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	fixture_deactivate(f, user);
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_UNKNOWN_TOKEN);
	in.generation = 2;
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_UNKNOWN_TOKEN);
	in.generation = -1; /* the server's own work */
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
}

static void transaction_ids_are_used_once(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"),
		other = fixture_room(f, "!b"), event;
	struct event_insert in = {
	    .room = room,
	    .sender = user,
	    .generation = 1,
	    .txn_device = 7,
	    .txn_id = STR("t1"),
	    .event_id = STR("$1"),
	};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
	in.event_id = STR("$2");
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_EXISTS);
	assert_int_equal(room_now(f, room).head_event, event); /* the head is not moved by it */
	in.type = STR("m.other"); /* the same id under another path is another */
	in.is_state = true;
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	in.room = other;
	in.event_id = STR("$3");
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	in.txn_device = 8;
	in.event_id = STR("$4");
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);

	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	str event_id;
	assert_int_equal(
	    event_by_txn(txn, &f->arena, 7, room, STR("m.room.message"), STR("t1"), &event_id),
	    RC_OK);
	assert_true(str_eq(event_id, STR("$1")));
	assert_int_equal(
	    event_by_txn(txn, &f->arena, 7, room, STR("m.other"), STR("t1"), &event_id), RC_OK);
	assert_true(str_eq(event_id, STR("$2")));
	assert_int_equal(
	    event_by_txn(txn, &f->arena, 9, room, STR("m.other"), STR("t1"), &event_id),
	    RC_NOT_FOUND);
	assert_int_equal(event_by_txn(txn, &f->arena, 7, room, STR("m.none"), STR("t1"), &event_id),
	    RC_NOT_FOUND);
	struct event_row row;
	assert_int_equal(event_find(txn, &f->arena, STR("$1"), &row), RC_OK);
	assert_int_equal(row.txn_device, 7);
	assert_true(str_eq(row.txn_id, STR("t1")));
}

static void event_ids_are_unique(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), user = fixture_user(f, "@a:x");
	struct event_insert in = {
	    .room = room, .sender = user, .generation = -1, .event_id = STR("$same")};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_EXISTS);
}

static void state_is_kept_and_replaced(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), user = fixture_user(f, "@a:x"), first, second;
	struct event_insert in = {
	    .room = room,
	    .sender = user,
	    .generation = -1,
	    .type = STR("m.room.name"),
	    .is_state = true,
	};
	assert_int_equal(fixture_event(f, in, &first, NULL), RC_OK);
	int64_t message = fixture_message(f, room, user);
	assert_int_equal(fixture_event(f, in, &second, NULL), RC_OK);
	assert_int_equal(event_now(f, first).replaced, 0);
	assert_int_equal(event_now(f, second).replaced, first);
	assert_int_equal(event_now(f, message).snapshot, event_now(f, first).snapshot);
	assert_true(event_now(f, second).is_state);
	assert_int_equal(room_now(f, room).snapshot, event_now(f, second).snapshot);

	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row row;
	int64_t old = event_now(f, first).snapshot, current = room_now(f, room).snapshot;
	assert_int_equal(
	    state_event(txn, &f->arena, current, STR("m.room.name"), STR(""), &row), RC_OK);
	assert_int_equal(row.event, second);
	assert_int_equal(
	    state_event(txn, &f->arena, old, STR("m.room.name"), STR(""), &row), RC_OK);
	assert_int_equal(row.event, first);
	assert_int_equal(
	    state_event(txn, &f->arena, current, STR("m.room.name"), STR("k"), &row), RC_NOT_FOUND);
	assert_int_equal(
	    state_event(txn, &f->arena, current, STR("m.none"), STR(""), &row), RC_NOT_FOUND);
}

static void redaction_replaces_the_bytes_once(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), other = fixture_room(f, "!b"),
		user = fixture_user(f, "@a:x"), redaction;
	struct event_insert in = {
	    .room = room, .sender = user, .generation = -1, .event_id = STR("$t")};
	int64_t target;
	assert_int_equal(fixture_event(f, in, &target, NULL), RC_OK);
	in.event_id = STR_EMPTY;
	in.redacts = STR("$t");
	in.redacted_canonical = STR("{}");
	in.room = other; /* of another room: nothing happens */
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	assert_int_equal(event_now(f, target).redacted_by, 0);
	in.room = room;
	assert_int_equal(fixture_event(f, in, &redaction, NULL), RC_OK);
	assert_int_equal(event_now(f, target).redacted_by, redaction);
	assert_true(str_eq(event_now(f, target).canonical, STR("{}")));
	in.redacted_canonical = STR("{\"again\":1}");
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	assert_int_equal(event_now(f, target).redacted_by, redaction);
	assert_true(str_eq(event_now(f, target).canonical, STR("{}")));
}

static void events_between_positions(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), user = fixture_user(f, "@a:x"), events[10];
	int64_t start = store_committed_pos(f->store);
	for (int i = 0; i < 10; i++)
		events[i] = fixture_message(f, room, user);
	static const struct {
		int from, to;
		bool newest_first;
		size_t limit;
		int count, first;
		bool more;
	} rows[] = {
	    {0, 10, false, 100, 10, 0, false},
	    {0, 10, false, 10, 10, 0, false},
	    {0, 10, false, 9, 9, 0, true},
	    {0, 10, true, 3, 3, 9, true},
	    {3, 7, false, 10, 4, 3, false},
	    {3, 7, true, 10, 4, 6, false},
	    {10, 99, false, 10, 0, 0, false},
	    {0, 10, false, 0, 0, 0, true},
	};
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		struct event_row *found;
		size_t count;
		bool more;
		assert_int_equal(
		    events_between(txn, &f->arena, room, start + rows[r].from, start + rows[r].to,
			rows[r].newest_first, rows[r].limit, &found, &count, &more),
		    RC_OK);
		assert_int_equal(count, rows[r].count);
		assert_int_equal(more, rows[r].more);
		for (int i = 0; i < rows[r].count; i++)
			assert_int_equal(found[i].event,
			    events[rows[r].first + (rows[r].newest_first ? -i : i)]);
	}
}

static void events_by_their_time(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), other = fixture_room(f, "!b");
	int64_t user = fixture_user(f, "@a:x"), events[5];
	static const int64_t times[] = {100, 300, 200, 300, -5}; /* in the order of arrival */
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		struct event_insert in = {.room = room, .sender = user, .generation = -1, .ts_ms = times[i]};
		assert_int_equal(fixture_event(f, in, &events[i], NULL), RC_OK);
		in.room = other;
		assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	}
	static const struct {
		int64_t ts_ms;
		int after; /* index, or -1 */
		bool backwards;
		size_t limit, count;
		int first, second; /* of what is found */
		bool more;
	} rows[] = {
	    {INT64_MIN, -1, false, 2, 2, 4, 0, true},
	    {100, -1, false, 9, 4, 0, 2, false},
	    {101, -1, false, 9, 3, 2, 1, false},
	    {300, -1, false, 9, 2, 1, 3, false},
	    {300, 1, false, 9, 1, 3, -1, false},
	    {301, -1, false, 9, 0, -1, -1, false},
	    {INT64_MAX, -1, true, 2, 2, 3, 1, true},
	    {300, 3, true, 2, 2, 1, 2, true},
	    {99, -1, true, 9, 1, 4, -1, false},
	    {-6, -1, true, 9, 0, -1, -1, false},
	};
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		struct event_row *found;
		size_t count;
		bool more;
		int64_t after = rows[r].after >= 0 ? events[rows[r].after] : 0;
		assert_int_equal(events_by_time(txn, &f->arena, room, rows[r].ts_ms, after, rows[r].backwards,
				     rows[r].limit, &found, &count, &more),
		    RC_OK);
		assert_int_equal(count, rows[r].count);
		assert_int_equal(more, rows[r].more);
		if (rows[r].first >= 0)
			assert_int_equal(found[0].event, events[rows[r].first]);
		if (rows[r].second >= 0)
			assert_int_equal(found[1].event, events[rows[r].second]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_event_moves_the_head),
	    TEST(a_moved_head_is_a_conflict),
	    TEST(the_generation_is_a_gate),
	    TEST(transaction_ids_are_used_once),
	    TEST(event_ids_are_unique),
	    TEST(state_is_kept_and_replaced),
	    TEST(redaction_replaces_the_bytes_once),
	    TEST(events_between_positions),
	    TEST(events_by_their_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
