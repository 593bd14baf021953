/* Memberships: the current row of each user in a room. */
#include "store_fixture.h"

#include <string.h>

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
	struct hero *heroes;
	size_t count;
	char text[256] = "";
	assert_int_equal(room_heroes(txn, &f->arena, room, except, max, &heroes, &count), RC_OK);
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ",
		    STR_ARG(heroes[i].user_id));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(membership_names),
	    TEST(the_marker_outlives_redaction_but_no_join),
	    TEST(members_keep_name_and_picture),
	    TEST(members_are_walked_and_counted),
	    TEST(a_walk_may_walk_again),
	    TEST(heroes_come_in_order),
	    TEST(only_left_rooms_are_forgotten),
	    TEST(sharing_means_both_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
