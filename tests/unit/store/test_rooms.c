/* Rooms, events, memberships, aliases, receipts, what changed for whom. */
#include "store_fixture.h"

#include <string.h>

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

/* ---- spans ---- */

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

static enum rc receipt_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return receipt_put(txn, arg);
}

static int64_t receipt_upto(struct fixture *f, int64_t room, int64_t user, const char *type,
    const char *thread_id, const char *event_id, int64_t upto)
{
	struct receipt_insert receipt = {
	    room, user, str_of(type), str_of(thread_id), str_of(event_id), upto, 77};
	assert_int_equal(store_write(f->store, receipt_write, &receipt, NULL), RC_OK);
	return store_committed_pos(f->store);
}

static int64_t receipt_now(struct fixture *f, int64_t room, int64_t user, const char *type,
    const char *thread_id, const char *event_id)
{
	return receipt_upto(f, room, user, type, thread_id, event_id, 0);
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

static void receipt_is(struct fixture *f, int64_t room, int64_t user, int64_t since,
    const char *thread_id, int64_t upto)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct read_upto *rows;
	size_t count;
	assert_int_equal(
	    receipts_of_user(txn, &f->arena, user, room, since, &rows, &count), RC_OK);
	assert_int_equal(count, thread_id ? 1 : 0);
	if (!thread_id)
		return;
	assert_true(str_eq(rows[0].thread_id, str_of(thread_id)));
	assert_int_equal(rows[0].upto, upto);
}

static void receipts_only_go_forward(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!a");
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	int64_t user = member_now(f, room, "@a:x").user, start = store_committed_pos(f->store);
	receipt_upto(f, room, user, "m.read", "", "$5", 5);
	receipt_is(f, room, user, start, "", 5);
	receipt_upto(f, room, user, "m.read", "", "$4", 4);
	receipt_is(f, room, user, start, "", 5);
	int64_t before = receipt_upto(f, room, user, "m.read", "", "$6", 6);
	receipt_is(f, room, user, start, "", 6);
	receipt_is(f, room, user, before, NULL, 0);
	receipt_upto(f, room, user, "m.read", "", "$6", 6);
	receipt_is(f, room, user, before, NULL, 0); /* nothing new */
	receipt_upto(f, room, user, "m.read.private", "main", "$3", 3);
	receipt_is(f, room, user, before, "main", 3);
	receipt_is(f, room, user + 1, 0, NULL, 0);
	receipt_is(f, room + 1, user, 0, NULL, 0);
	receipt_now(f, room, user, "m.read.private", "main", "$unknown");
	receipt_is(f, room, user, before, "main", 0);
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
	struct hero *heroes;
	str *ids;
	int64_t *rooms;
	size_t count;
	bool more;
	TRY(room_get(txn, arena, room, &row));
	TRY(events_between(txn, arena, room, 0, 1000, true, 40, &events, &count, &more));
	TRY(member_get(txn, arena, room, user, &member));
	TRY(room_heroes(txn, arena, room, user, 5, &heroes, &count));
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

static struct user_room user_room_now(struct fixture *f, int64_t user, int64_t room)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct user_room *rooms;
	size_t count;
	assert_int_equal(user_rooms(txn, &f->arena, user, &rooms, &count), RC_OK);
	for (size_t i = 0; i < count; i++)
		if (rooms[i].room == room)
			return rooms[i];
	return (struct user_room){0};
}

static void what_bumps_a_room(void **state)
{
	static const struct {
		const char *type;
		bool bumps;
	} rows[] = {
	    {"m.room.create", true},
	    {"m.room.message", true},
	    {"m.room.messages", false},
	    {"m.room.encrypted", true},
	    {"m.sticker", true},
	    {"m.call.invite", true},
	    {"m.call.answer", false},
	    {"m.poll.start", true},
	    {"org.matrix.msc3381.poll.start", true},
	    {"m.beacon_info", true},
	    {"org.matrix.msc3672.beacon_info", true},
	    {"m.reaction", false},
	    {"m.room.topic", false},
	};
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"), event, pos;
	fixture_member(f, room, "@a:x", MEMBERSHIP_JOIN);
	assert_int_equal(user_room_now(f, user, room).bump_pos, 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int is_state = 0; is_state < 2; is_state++) {
			int64_t before = user_room_now(f, user, room).bump_pos;
			struct event_insert in = {.room = room,
			    .sender = user,
			    .generation = 1,
			    .type = str_of(rows[i].type),
			    .is_state = is_state};
			assert_int_equal(fixture_event(f, in, &event, &pos), RC_OK);
			struct user_room now = user_room_now(f, user, room);
			assert_int_equal(now.last_pos, pos);
			assert_int_equal(now.bump_pos, rows[i].bumps ? pos : before);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rooms_are_found),
	    TEST(room_ids_are_unique),
	    TEST(changed_rooms_by_span),
	    TEST(changed_rooms_by_user),
	    TEST(receipts_replace_and_are_private),
	    TEST(receipts_only_go_forward),
	    TEST(readers_see_whole_commits),
	    TEST(rooms_are_listed_one_by_one),
	    TEST(aliases_point_to_rooms),
	    TEST(failing_allocations_are_told),
	    TEST(what_bumps_a_room),
	    TEST(check_finds_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
