/* The user directory, and which rooms show their members to everybody. */
#include "store_fixture.h"

#include "store/directory.h"

#include <string.h>

enum { FIND_MAX = 50 };

static void assert_words(struct fixture *f, const char *text, const char *expected)
{
	char joined[512] = "";
	str *words;
	size_t count;
	assert_int_equal(directory_words(&f->arena, str_of(text), 8, &words, &count), RC_OK);
	for (size_t i = 0; i < count; i++)
		snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%.*s|",
		    STR_ARG(words[i]));
	assert_string_equal(joined, expected);
}

static void words(void **state)
{
	struct fixture *f = *state;
	char longer[80], cut[80];
	memset(longer, 'x', sizeof longer);
	memcpy(longer + 63, "\xc3\xb8", 3); /* ø over the edge */
	snprintf(cut, sizeof cut, "%.63s|", longer);
	assert_words(f, "", "");
	assert_words(f, " . ", "");
	assert_words(f, "Ann-Marie O'Neil", "ann|marie|o|neil|");
	assert_words(f, "\xc3\x89mile", "emile|");
	assert_words(f, "a b c d e f g h i j", "a|b|c|d|e|f|g|h|");
	assert_words(f, longer, cut);
	assert_words(f, "\xe6\x97\xa5\xe6\x9c\xac x", "\xe6\x97\xa5\xe6\x9c\xac|\xe6\x9c\xac|x|");
}

/* The users found, in order, a blank behind each. */
static void assert_found(struct fixture *f, const char *prefix, const char *expected)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct directory_entry *entries;
	size_t count;
	bool more;
	char found[512] = "";
	assert_int_equal(
	    directory_find(txn, &f->arena, str_of(prefix), FIND_MAX, &entries, &count, &more),
	    RC_OK);
	for (size_t i = 0; i < count; i++)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%.*s ",
		    STR_ARG(entries[i].user_id));
	assert_string_equal(found, expected);
	assert_false(more);
}

struct change {
	int64_t user;
	const char *name, *avatar_url;
	enum account_kind kind;
	str user_id;
};

static enum rc write_name(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct change *change = arg;
	if (change->avatar_url)
		TRY(account_set_avatar_url(txn, change->user, str_of(change->avatar_url)));
	return account_set_displayname(txn, change->user, str_of(change->name));
}

static void rename_to(struct fixture *f, int64_t user, const char *name, const char *avatar_url)
{
	struct change change = {.user = user, .name = name, .avatar_url = avatar_url};
	assert_int_equal(store_write(f->store, write_name, &change, NULL), RC_OK);
}

static enum rc write_account(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct change *change = arg;
	return account_add(txn, change->user_id, change->kind, STR_EMPTY, false, 1, &change->user);
}

static void accounts_follow_their_names(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann.lee:x"), bob = fixture_user(f, "@bob:annx");
	struct change guest = {.kind = ACCOUNT_GUEST, .user_id = STR("@ann.guest:x")};
	assert_int_equal(store_write(f->store, write_account, &guest, NULL), RC_OK);
	assert_found(f, "ann", "@ann.lee:x ");
	assert_found(f, "lee", "@ann.lee:x ");
	assert_found(f, "annx", "");
	rename_to(f, bob, "Anna Lee", "mxc://x/y");
	assert_found(f, "ann", "@ann.lee:x @bob:annx ");
	assert_found(f, "lee", "@ann.lee:x @bob:annx ");
	assert_found(f, "anna", "@bob:annx ");
	rename_to(f, bob, "Bob Bobson", NULL); /* two words that begin alike */
	assert_found(f, "bob", "@bob:annx ");
	assert_found(f, "anna", "");
	rename_to(f, guest.user, "Ann", NULL);
	assert_found(f, "ann", "@ann.lee:x ");
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct directory_entry *entries;
	size_t count;
	bool more;
	assert_int_equal(
	    directory_find(txn, &f->arena, STR("bobs"), 1, &entries, &count, &more), RC_OK);
	assert_int_equal(count, 1);
	assert_true(more); /* as many as were asked for */
	assert_true(str_eq(entries[0].displayname, STR("Bob Bobson")));
	assert_true(str_eq(entries[0].avatar_url, STR("mxc://x/y")));
	assert_int_equal(entries[0].user, bob);
	assert_true(ann != bob);
}

static void ended_accounts_are_gone(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x");
	rename_to(f, ann, "Quux", NULL);
	fixture_deactivate(f, ann);
	assert_found(f, "ann", "");
	assert_found(f, "quux", "");
	rename_to(f, ann, "Again", NULL); /* nothing brings them back */
	assert_found(f, "a", "");
}

static void join_as(struct fixture *f, int64_t room, const char *user_id, const char *name)
{
	int64_t event;
	struct event_insert in = {
	    .room = room,
	    .sender = 1,
	    .generation = -1,
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = str_of(user_id),
	    .membership = MEMBERSHIP_JOIN,
	    .member_user_id = str_of(user_id),
	    .member_displayname = str_of(name),
	};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
}

static void users_of_other_servers_come_with_their_joins(void **state)
{
	struct fixture *f = *state;
	int64_t room = fixture_room(f, "!r"), other = fixture_room(f, "!s");
	fixture_user(f, "@own:x");
	fixture_member(f, room, "@far:y", MEMBERSHIP_INVITE);
	assert_found(f, "far", "");
	join_as(f, room, "@far:y", "Away");
	assert_found(f, "far", "@far:y ");
	assert_found(f, "away", "@far:y ");
	join_as(f, other, "@far:y", "Distant"); /* the newest name counts */
	assert_found(f, "away", "");
	assert_found(f, "distant", "@far:y ");
	fixture_member(f, other, "@far:y", MEMBERSHIP_LEAVE);
	assert_found(f, "distant", "@far:y ");
	join_as(f, room, "@own:x", "Nickname"); /* not that of the account */
	assert_found(f, "nickname", "");
}

static bool is_known(struct fixture *f, int64_t user, int64_t viewer)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	bool known;
	assert_int_equal(user_is_known_to(txn, user, viewer, &known), RC_OK);
	return known;
}

static void set_state(struct fixture *f, int64_t room, const char *type, const char *content)
{
	struct event_insert in = {
	    .room = room,
	    .sender = 1,
	    .generation = -1,
	    .type = str_of(type),
	    .is_state = true,
	    .canonical = arena_printf(&f->arena, "{\"content\":%s}", content),
	};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
}

static void who_is_known_to_whom(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), bob = fixture_user(f, "@bob:x"),
		room = fixture_room(f, "!r");
	fixture_member(f, room, "@ann:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@bob:x", MEMBERSHIP_INVITE);
	assert_false(is_known(f, ann, bob) || is_known(f, bob, ann));
	fixture_member(f, room, "@bob:x", MEMBERSHIP_JOIN);
	assert_true(is_known(f, ann, bob) && is_known(f, bob, ann));
	fixture_member(f, room, "@bob:x", MEMBERSHIP_LEAVE);
	assert_false(is_known(f, ann, bob) || is_known(f, bob, ann));
}

static void open_rooms_show_their_members(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), bob = fixture_user(f, "@bob:x"),
		room = fixture_room(f, "!r");
	static const struct {
		const char *type, *content;
		bool shows;
	} rows[] = {
	    {"m.room.join_rules", "{\"join_rule\":\"invite\"}", false},
	    {"m.room.join_rules", "{\"join_rule\":\"public\"}", true},
	    {"m.room.topic", "{\"topic\":\"x\"}", true},
	    {"m.room.history_visibility", "{\"history_visibility\":\"world_readable\"}", true},
	    {"m.room.join_rules", "{\"join_rule\":\"knock\"}", true},
	    {"m.room.history_visibility", "{\"history_visibility\":5}", false},
	    {"m.room.join_rules", "{\"history_visibility\":\"world_readable\"}", false},
	    {"m.room.history_visibility", "{\"join_rule\":\"public\"}", false},
	    {"m.room.join_rules", "{\"join_rule\":\"public\"}", true},
	    {"m.room.join_rules", "{}", false},
	};
	fixture_member(f, room, "@ann:x", MEMBERSHIP_JOIN);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		set_state(f, room, rows[i].type, rows[i].content);
		if (is_known(f, ann, bob) != rows[i].shows)
			fail_msg("row %zu: %s", i, rows[i].content);
	}
	set_state(f, room, "m.room.join_rules", "{\"join_rule\":\"public\"}");
	fixture_member(f, room, "@ann:x", MEMBERSHIP_LEAVE);
	assert_false(is_known(f, ann, bob));
}

/* What a resolution takes out of the state, or brings back, counts like what an event sets. */
static void openness_follows_forks(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), bob = fixture_user(f, "@bob:x"),
		room = fixture_room(f, "!r");
	fixture_member(f, room, "@ann:x", MEMBERSHIP_JOIN);
	int64_t closed = room_now(f, room).snapshot;
	set_state(f, room, "m.room.join_rules", "{\"join_rule\":\"public\"}");
	struct room_row now = room_now(f, room);
	assert_true(is_known(f, ann, bob));
	struct event_insert fork = {
	    .room = room,
	    .sender = 1,
	    .generation = -1,
	    .place = EVENT_ON_FORK,
	    .before = {.base = closed},
	    .current = {.base = now.snapshot},
	};
	assert_int_equal(fixture_event(f, fork, NULL, NULL), RC_OK);
	assert_true(is_known(f, ann, bob));
	fork.current.base = closed;
	assert_int_equal(fixture_event(f, fork, NULL, NULL), RC_OK);
	assert_false(is_known(f, ann, bob));
	struct state_change back = {STR("m.room.join_rules"), STR_EMPTY, now.head_event};
	fork.current = (struct snapshot_edit){closed, &back, 1};
	assert_int_equal(fixture_event(f, fork, NULL, NULL), RC_OK);
	assert_true(is_known(f, ann, bob));
	fixture_check(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(words),
	    TEST(accounts_follow_their_names),
	    TEST(ended_accounts_are_gone),
	    TEST(users_of_other_servers_come_with_their_joins),
	    TEST(who_is_known_to_whom),
	    TEST(open_rooms_show_their_members),
	    TEST(openness_follows_forks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
