/* Rooms, events, memberships, aliases, receipts, what changed for whom. */
#include "store_fixture.h"

#include <string.h>

static struct room_row room_now(struct fixture *f, int64_t room)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row row;
	assert_int_equal(room_get(txn, &f->arena, room, &row), RC_OK);
	return row;
}

static struct event_row event_now(struct fixture *f, int64_t event)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row row;
	assert_int_equal(event_get(txn, &f->arena, event, &row), RC_OK);
	return row;
}

static void membership_names(void **state)
{
	(void)state;
	static const char *const names[] = {"", "join", "invite", "knock", "leave", "ban"};
	for (int i = MEMBERSHIP_NONE; i <= MEMBERSHIP_BAN; i++) {
		enum membership back = MEMBERSHIP_NONE;
		assert_true(str_eq(membership_text((enum membership)i), str_of(names[i])));
		assert_int_equal(membership_parse(str_of(names[i]), &back), i != MEMBERSHIP_NONE);
		assert_int_equal(back, i);
	}
	enum membership kept = MEMBERSHIP_BAN;
	assert_false(membership_parse(STR("Join"), &kept));
	assert_int_equal(kept, MEMBERSHIP_BAN);
}

static void rooms_are_found(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_row row;
	assert_int_equal(room_find(txn, &f->arena, STR("!a"), &row), RC_OK);
	assert_int_equal(row.room, room);
	assert_true(str_eq(row.version, STR("12")));
	assert_int_equal(row.head_event, 0);
	assert_int_equal(row.head_event_id.n, 0);
	assert_int_equal(room_find(txn, &f->arena, STR("!b"), &row), RC_NOT_FOUND);
	assert_int_equal(room_get(txn, &f->arena, 99, &row), RC_NOT_FOUND);
}

static enum rc room_again(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return room_add(txn, STR("!a"), STR("12"), false, arg);
}

static void room_ids_are_unique(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	assert_int_equal(store_write(f->store, room_again, &room, NULL), RC_EXISTS);
}

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

/* ---- members ---- */

static struct member_row member_now(struct fixture *f, int64_t room, const char *user_id)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct member_row row;
	int64_t user;
	assert_int_equal(user_nid_find(txn, str_of(user_id), &user), RC_OK);
	assert_int_equal(member_get(txn, &f->arena, room, user, &row), RC_OK);
	return row;
}

static int64_t marked_leave(struct fixture *f, int64_t room, const char *user_id)
{
	int64_t event;
	struct event_insert in = {
	    .room = room,
	    .sender = member_now(f, room, user_id).user,
	    .generation = -1,
	    .event_id = STR("$leave"),
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = str_of(user_id),
	    .membership = MEMBERSHIP_LEAVE,
	    .member_user_id = str_of(user_id),
	    .marked = true,
	};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
	return event;
}

static void the_marker_outlives_redaction_but_no_join(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@m:x", MEMBERSHIP_JOIN);
	int64_t leave = marked_leave(f, room, "@m:x");
	assert_true(member_now(f, room, "@m:x").marked);
	assert_int_equal(member_now(f, room, "@m:x").event, leave);
	struct event_insert redaction = {
	    .room = room,
	    .sender = 1,
	    .generation = -1,
	    .type = STR("m.room.redaction"),
	    .redacts = STR("$leave"),
	    .redacted_canonical = STR("{\"content\":{\"membership\":\"leave\"}}"),
	};
	assert_int_equal(fixture_event(f, redaction, NULL, NULL), RC_OK);
	assert_true(member_now(f, room, "@m:x").marked);
	fixture_check(f);
	fixture_member(f, room, "@m:x", MEMBERSHIP_JOIN);
	assert_false(member_now(f, room, "@m:x").marked);
	fixture_check(f);
}

static void members_keep_name_and_picture(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	struct event_insert in = {
	    .room = room,
	    .sender = fixture_user(f, "@m:x"),
	    .generation = -1,
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = STR("@m:x"),
	    .membership = MEMBERSHIP_JOIN,
	    .member_user_id = STR("@m:x"),
	    .member_displayname = STR("Em"),
	    .member_avatar_url = STR("mxc://x/y"),
	};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
	struct member_row row = member_now(f, room, "@m:x");
	assert_true(str_eq(row.displayname, STR("Em")));
	assert_true(str_eq(row.avatar_url, STR("mxc://x/y")));
	assert_true(str_eq(row.user_id, STR("@m:x")));
	assert_true(str_eq(row.room_id, STR("!a")));
	fixture_member(f, room, "@m:x", MEMBERSHIP_LEAVE);
	assert_int_equal(member_now(f, room, "@m:x").displayname.n, 0);
}

static enum rc count_member(void *self, const struct member_row *member)
{
	assert_true(member->user_id.n > 0 && member->room_id.n > 0);
	return ++*(int *)self == 1000 ? RC_UNKNOWN : RC_OK;
}

static int members_being(struct fixture *f, bool of_room, int64_t nid, enum membership membership)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 16);
	int count = 0;
	assert_int_equal((of_room ? members_of_room : members_of_user)(
			     txn, &scratch, nid, membership, count_member, &count),
	    RC_OK);
	return count;
}

static void assert_counts(struct fixture *f, int64_t room, int64_t joined, int64_t invited)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t j, i;
	assert_int_equal(member_counts(txn, room, &j, &i), RC_OK);
	assert_int_equal(j, joined);
	assert_int_equal(i, invited);
}

static void members_are_walked_and_counted(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a"), other = fixture_room(f, "!b");
	fixture_member(f, room, "@a:x", MEMBERSHIP_INVITE);
	assert_counts(f, room, 0, 1);
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@b:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@c:x", MEMBERSHIP_INVITE);
	fixture_member(f, room, "@d:x", MEMBERSHIP_BAN);
	fixture_member(f, other, "@a:x", MEMBERSHIP_KNOCK);
	assert_counts(f, room, 2, 1);
	assert_counts(f, other, 0, 0);
	fixture_member(f, room, "@b:x", MEMBERSHIP_LEAVE);
	assert_counts(f, room, 1, 1);
	assert_int_equal(members_being(f, true, room, MEMBERSHIP_NONE), 4);
	assert_int_equal(members_being(f, true, room, MEMBERSHIP_JOIN), 1);
	int64_t a = member_now(f, room, "@a:x").user;
	assert_int_equal(members_being(f, false, a, MEMBERSHIP_NONE), 2);
	assert_int_equal(members_being(f, false, a, MEMBERSHIP_KNOCK), 1);
	assert_int_equal(members_being(f, false, a, MEMBERSHIP_BAN), 0);
	fixture_check(f);
}

struct nested {
	struct txn_ro *txn;
	int count;
};

static enum rc walk_again(void *self, const struct member_row *member)
{
	struct nested *nested = self;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 16);
	return members_of_room(
	    nested->txn, &scratch, member->room, MEMBERSHIP_NONE, count_member, &nested->count);
}

static void a_walk_may_walk_again(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@b:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@c:x", MEMBERSHIP_JOIN);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 16);
	struct nested nested = {txn, 0};
	assert_int_equal(
	    members_of_room(txn, &scratch, room, MEMBERSHIP_NONE, walk_again, &nested), RC_OK);
	assert_int_equal(nested.count, 9);
	nested.count = 999; /* the callback's outcome ends both */
	assert_int_equal(
	    members_of_room(txn, &scratch, room, MEMBERSHIP_NONE, walk_again, &nested), RC_UNKNOWN);
}

static void assert_heroes(
    struct fixture *f, int64_t room, int64_t except, size_t max, const char *expected)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	str *ids;
	size_t count;
	char text[256] = "";
	assert_int_equal(room_heroes(txn, &f->arena, room, except, max, &ids, &count), RC_OK);
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ", STR_ARG(ids[i]));
	assert_string_equal(text, expected);
}

static void heroes_come_in_order(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	assert_heroes(f, room, 0, 5, "");
	fixture_member(f, room, "@me:x", MEMBERSHIP_JOIN);
	int64_t me = member_now(f, room, "@me:x").user;
	fixture_member(f, room, "@gone:x", MEMBERSHIP_LEAVE);
	fixture_member(f, room, "@banned:x", MEMBERSHIP_BAN);
	assert_heroes(f, room, me, 5, "@gone:x @banned:x ");
	fixture_member(f, room, "@i1:x", MEMBERSHIP_INVITE);
	fixture_member(f, room, "@j1:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@i2:x", MEMBERSHIP_INVITE);
	fixture_member(f, room, "@j2:x", MEMBERSHIP_JOIN);
	assert_heroes(f, room, me, 5, "@i1:x @j1:x @i2:x @j2:x ");
	assert_heroes(f, room, me, 3, "@i1:x @j1:x @i2:x ");
	assert_heroes(f, room, me, 1, "@i1:x ");
	assert_heroes(f, room, me, 0, "");
}

static enum rc forget_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct member_row *row = arg;
	return room_forget(txn, row->room, row->user);
}

static void only_left_rooms_are_forgotten(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	struct member_row row = member_now(f, room, "@a:x");
	assert_int_equal(store_write(f->store, forget_write, &row, NULL), RC_NOT_FOUND);
	fixture_member(f, room, "@a:x", MEMBERSHIP_LEAVE);
	assert_int_equal(store_write(f->store, forget_write, &row, NULL), RC_OK);
	assert_true(member_now(f, room, "@a:x").forgotten);
	fixture_member(f, room, "@a:x", MEMBERSHIP_INVITE);
	assert_false(member_now(f, room, "@a:x").forgotten);
}

static void sharing_means_both_joined(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@b:x", MEMBERSHIP_INVITE);
	int64_t a = member_now(f, room, "@a:x").user, b = member_now(f, room, "@b:x").user;
	bool share = true;
	{
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		assert_int_equal(users_share_room(txn, a, b, &share), RC_OK);
		assert_false(share);
	}
	fixture_member(f, room, "@b:x", MEMBERSHIP_JOIN);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	assert_int_equal(users_share_room(txn, a, b, &share), RC_OK);
	assert_true(share);
}

/* ---- spans ---- */

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

static void assert_changed(
    struct fixture *f, int64_t user, int64_t since, int64_t to, size_t expected, int64_t room)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t *rooms;
	size_t count;
	assert_int_equal(rooms_changed_for(txn, &f->arena, user, since, to, &rooms, &count), RC_OK);
	assert_int_equal(count, expected);
	if (expected == 1)
		assert_int_equal(rooms[0], room);
}

/* `far`: so many events before that the walk goes over the rooms of the user instead. */
static void changes_with(struct fixture *f, int far)
{
	int64_t a = fixture_room(f, "!a"), b = fixture_room(f, "!b"),
		noise = fixture_room(f, "!noise");
	fixture_member(f, a, "@u:x", MEMBERSHIP_JOIN);
	fixture_member(f, b, "@u:x", MEMBERSHIP_JOIN);
	int64_t user = member_now(f, a, "@u:x").user, other = fixture_user(f, "@o:x");
	int64_t since = store_committed_pos(f->store);
	for (int i = 0; i < far; i++)
		fixture_message(f, noise, other);
	assert_changed(f, user, since, store_committed_pos(f->store), 0, 0);
	fixture_message(f, a, other);
	int64_t middle = store_committed_pos(f->store);
	assert_changed(f, user, since, middle, 1, a);
	fixture_member(f, b, "@u:x", MEMBERSHIP_LEAVE);
	int64_t left = store_committed_pos(f->store);
	assert_changed(f, user, since, left, 2, 0);
	assert_changed(f, user, since, middle, 1, a); /* the later event of b is beyond the span */
	assert_changed(f, user, middle, left, 1, b);
	fixture_message(f, b, other); /* not the user's room any more */
	for (int i = 0; i < far; i++)
		fixture_message(f, noise, other);
	assert_changed(f, user, left, store_committed_pos(f->store), 0, 0);
}

static void changed_rooms_by_span(void **state)
{
	changes_with(*state, 0);
}

static void changed_rooms_by_user(void **state)
{
	changes_with(*state, 100);
}

struct receipt {
	int64_t room, user;
	str type, thread_id, event_id;
};

static enum rc receipt_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct receipt *r = arg;
	return receipt_put(txn, r->room, r->user, r->type, r->thread_id, r->event_id, 77);
}

static int64_t receipt_now(struct fixture *f, int64_t room, int64_t user, const char *type,
    const char *thread_id, const char *event_id)
{
	struct receipt receipt = {room, user, str_of(type), str_of(thread_id), str_of(event_id)};
	assert_int_equal(store_write(f->store, receipt_write, &receipt, NULL), RC_OK);
	return store_committed_pos(f->store);
}

static void receipts_replace_and_are_private(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@b:x", MEMBERSHIP_JOIN);
	int64_t a = member_now(f, room, "@a:x").user, b = member_now(f, room, "@b:x").user;
	int64_t start = store_committed_pos(f->store);
	receipt_now(f, room, a, "m.read", "", "$1");
	receipt_now(f, room, a, "m.read", "$t", "$2");
	receipt_now(f, room, a, "m.read.private", "", "$3");
	int64_t last = receipt_now(f, room, a, "m.read", "", "$4");
	assert_int_equal(last, start + 4);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct receipt_row *rows;
	size_t count;
	assert_int_equal(
	    receipts_since(txn, &f->arena, room, a, start, last, &rows, &count), RC_OK);
	assert_int_equal(count, 3);
	assert_true(str_eq(rows[0].thread_id, STR("$t")));
	assert_true(str_eq(rows[1].type, STR("m.read.private")));
	assert_true(str_eq(rows[2].event_id, STR("$4")));
	assert_true(str_eq(rows[2].user_id, STR("@a:x")));
	assert_int_equal(rows[2].ts_ms, 77);
	assert_int_equal(
	    receipts_since(txn, &f->arena, room, b, start, last, &rows, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(
	    receipts_since(txn, &f->arena, room, a, start, last - 1, &rows, &count), RC_OK);
	assert_int_equal(count, 2);

	int64_t *rooms;
	assert_int_equal(
	    receipt_rooms_changed_for(txn, &f->arena, b, start, last, &rooms, &count), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rooms[0], room);
	assert_int_equal(
	    receipt_rooms_changed_for(txn, &f->arena, b, start - 100, last, &rooms, &count), RC_OK);
	assert_int_equal(count, 1); /* the other walk */
	assert_int_equal(
	    receipt_rooms_changed_for(txn, &f->arena, b, last, last + 9, &rooms, &count), RC_OK);
	assert_int_equal(count, 0);
}

/* ---- readers beside the writer ---- */

struct watcher {
	struct fixture *fixture;
	thread thread;
	int64_t room;
	bool stop; /* atomic */
	int looks, wrong;
};

static enum rc count_joined(void *self, const struct state_entry *entry)
{
	*(int64_t *)self += entry->event > 0;
	return RC_OK;
}

/* What a reader sees fits together: head, state, counts and position are of one moment. */
static enum rc look(struct watcher *watcher, struct arena *arena)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct room_row room;
	struct event_row head;
	int64_t pos, joined, invited, type, members = 0;
	TRY(txn_ro_begin(watcher->fixture->store, &txn));
	TRY(txn_committed_pos(txn, &pos));
	TRY(room_get(txn, arena, watcher->room, &room));
	TRY(event_get(txn, arena, room.head_event, &head));
	TRY(member_counts(txn, watcher->room, &joined, &invited));
	TRY(type_nid_find(txn, STR("m.room.member"), &type));
	TRY(snapshot_each(txn, room.snapshot, type, count_joined, &members));
	watcher->looks++;
	watcher->wrong += head.pos != room.last_pos || pos != head.pos || members != joined;
	return RC_OK;
}

static void *watch(void *arg)
{
	struct watcher *watcher = arg;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 1 << 20);
	while (!__atomic_load_n(&watcher->stop, __ATOMIC_RELAXED)) {
		arena_clear(&arena);
		watcher->wrong += look(watcher, &arena) != RC_OK;
	}
	return NULL;
}

static void readers_see_whole_commits(void **state)
{
	struct fixture *f = *state;
	enum { WATCHERS = 6, MEMBERS = 400 }; /* more watchers than readers: some wait for one */
	struct watcher watchers[WATCHERS];
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@first:x", MEMBERSHIP_JOIN);
	for (int i = 0; i < WATCHERS; i++) {
		watchers[i] = (struct watcher){.fixture = f, .room = room};
		assert_int_equal(
		    thread_start(&watchers[i].thread, "watcher", watch, &watchers[i]), RC_OK);
	}
	for (int i = 0; i < MEMBERS; i++) {
		char user_id[32];
		snprintf(user_id, sizeof user_id, "@m%d:x", i);
		fixture_member(f, room, user_id, MEMBERSHIP_JOIN);
	}
	for (int i = 0; i < WATCHERS; i++) {
		__atomic_store_n(&watchers[i].stop, true, __ATOMIC_RELAXED);
		thread_join(watchers[i].thread);
	}
	for (int i = 0; i < WATCHERS; i++) {
		assert_int_equal(watchers[i].wrong, 0);
		assert_true(watchers[i].looks > 0);
	}
	assert_counts(f, room, MEMBERS + 1, 0);
	fixture_check(f);
}

/* ---- aliases ---- */

struct alias {
	const char *alias;
	int64_t room;
	bool delete;
};

static enum rc alias_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct alias *a = arg;
	return a->delete ? alias_delete(txn, str_of(a->alias))
			 : alias_put(txn, str_of(a->alias), a->room, 5);
}

struct listing {
	int64_t room;
	bool listed;
};

static enum rc listing_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct listing *listing = arg;
	return room_set_listed(txn, listing->room, listing->listed);
}

static void rooms_are_listed_one_by_one(void **state)
{
	struct fixture *f = *state;
	int64_t a = fixture_room(f, "!a"), b = fixture_room(f, "!b");
	for (int listed = 1; listed >= 0; listed--) {
		struct listing listing = {a, listed != 0};
		struct room_row row;
		assert_int_equal(store_write(f->store, listing_write, &listing, NULL), RC_OK);
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		assert_int_equal(room_get(txn, &f->arena, a, &row), RC_OK);
		assert_int_equal(row.public_listed, listed);
		assert_int_equal(room_get(txn, &f->arena, b, &row), RC_OK);
		assert_false(row.public_listed);
	}
}

static void aliases_point_to_rooms(void **state)
{
	struct fixture *f = *state;
	int64_t a = fixture_room(f, "!a"), b = fixture_room(f, "!b");
	struct alias two = {"#two:x", a, false}, one = {"#one:x", a, false},
		     taken = {"#one:x", b, false};
	struct alias gone = {"#two:x", 0, true};
	assert_int_equal(store_write(f->store, alias_write, &two, NULL), RC_OK);
	assert_int_equal(store_write(f->store, alias_write, &one, NULL), RC_OK);
	assert_int_equal(store_write(f->store, alias_write, &taken, NULL), RC_ROOM_IN_USE);
	{
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		int64_t room, creator;
		str *aliases;
		size_t count;
		assert_int_equal(alias_find(txn, STR("#one:x"), &room, &creator), RC_OK);
		assert_int_equal(room, a);
		assert_int_equal(creator, 5);
		assert_int_equal(alias_find(txn, STR("#none:x"), &room, &creator), RC_NOT_FOUND);
		assert_int_equal(aliases_of_room(txn, &f->arena, a, &aliases, &count), RC_OK);
		assert_int_equal(count, 2);
		assert_true(str_eq(aliases[0], STR("#one:x")));
		assert_int_equal(aliases_of_room(txn, &f->arena, b, &aliases, &count), RC_OK);
		assert_int_equal(count, 0);
	}
	assert_int_equal(store_write(f->store, alias_write, &gone, NULL), RC_OK);
	assert_int_equal(store_write(f->store, alias_write, &gone, NULL), RC_NOT_FOUND);
}

/* ---- what goes wrong ---- */

static enum rc read_much(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t user)
{
	struct room_row row;
	struct event_row *events;
	struct member_row member;
	str *ids;
	int64_t *rooms;
	size_t count;
	bool more;
	TRY(room_get(txn, arena, room, &row));
	TRY(events_between(txn, arena, room, 0, 1000, true, 40, &events, &count, &more));
	TRY(member_get(txn, arena, room, user, &member));
	TRY(room_heroes(txn, arena, room, user, 5, &ids, &count));
	TRY(rooms_changed_for(txn, arena, user, 0, 1000, &rooms, &count));
	return aliases_of_room(txn, arena, room, &ids, &count);
}

static void failing_allocations_are_told(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	struct alias one = {"#one:x", room, false};
	assert_int_equal(store_write(f->store, alias_write, &one, NULL), RC_OK);
	for (int i = 0; i < 40; i++)
		fixture_member(f, room, i % 2 ? "@a:x" : "@b:x", MEMBERSHIP_JOIN);
	int64_t user = member_now(f, room, "@a:x").user;
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena;
		arena_init(&arena, 1 << 20);
		arena_fail_after(failures);
		rc = read_much(txn, &arena, room, user);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 150);
}

static void count_finding(void *self, str finding)
{
	assert_true(finding.n > 0);
	++*(int *)self;
}

static void check_finds_what_is_wrong(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	fixture_message(f, room, 1);
	fixture_check(f);
	static const char *const damages[] = {
	    "UPDATE memberships SET membership=4", /* its event says another, and the counts are wrong */
	    "UPDATE memberships SET membership=1",
	    "UPDATE memberships SET event=event+1",
	    "UPDATE memberships SET event=event-1",
	    "UPDATE rooms SET head_event=1",
	    "UPDATE rooms SET head_event=2",
	    "UPDATE rooms SET joined=0",
	    "UPDATE rooms SET joined=1",
	    "UPDATE rooms SET snapshot=snapshot+100",
	    "UPDATE rooms SET snapshot=snapshot-100",
	    "UPDATE events SET sender=sender+100",
	    "UPDATE events SET sender=sender-100",
	};
	for (size_t i = 0; i < COUNT_OF(damages); i++) {
		int findings = 0;
		fixture_sql(f, damages[i]);
		assert_int_equal(store_check(f->store, count_finding, &findings), RC_OK);
		if ((findings > 0) != (i % 2 == 0))
			fail_msg("%d findings after %s", findings, damages[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(membership_names),
	    TEST(rooms_are_found),
	    TEST(room_ids_are_unique),
	    TEST(an_event_moves_the_head),
	    TEST(a_moved_head_is_a_conflict),
	    TEST(the_generation_is_a_gate),
	    TEST(transaction_ids_are_used_once),
	    TEST(event_ids_are_unique),
	    TEST(state_is_kept_and_replaced),
	    TEST(redaction_replaces_the_bytes_once),
	    TEST(the_marker_outlives_redaction_but_no_join),
	    TEST(members_keep_name_and_picture),
	    TEST(members_are_walked_and_counted),
	    TEST(a_walk_may_walk_again),
	    TEST(heroes_come_in_order),
	    TEST(only_left_rooms_are_forgotten),
	    TEST(sharing_means_both_joined),
	    TEST(events_between_positions),
	    TEST(changed_rooms_by_span),
	    TEST(changed_rooms_by_user),
	    TEST(receipts_replace_and_are_private),
	    TEST(readers_see_whole_commits),
	    TEST(rooms_are_listed_one_by_one),
	    TEST(aliases_point_to_rooms),
	    TEST(failing_allocations_are_told),
	    TEST(check_finds_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
