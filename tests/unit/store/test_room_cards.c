/* Cards of rooms: they follow the state at the head, on forks and by redactions; and the directory's order. */
#include "store_fixture.h"

#include "base/buf.h"
#include "store/room_cards.h"

#include <string.h>

struct setting {
	struct fixture *f;
	int64_t room, sender;
};

static struct setting setting_of(void **state)
{
	struct fixture *f = *state;
	struct setting s = {
	    .f = f, .room = fixture_room(f, "!r"), .sender = fixture_user(f, "@s:x")};
	fixture_member(f, s.room, "@s:x", MEMBERSHIP_JOIN);
	return s;
}

static struct room_card card_now(struct fixture *f, int64_t room)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct room_card card = {0}, stated;
	struct room_row row;
	assert_int_equal(room_card_get(txn, &f->arena, room, &card), RC_OK);
	assert_int_equal(room_get(txn, &f->arena, room, &row), RC_OK);
	assert_int_equal(room_card_of_state(txn, &f->arena, row.snapshot, &stated), RC_OK);
	assert_true(str_eq(stated.name, card.name) && stated.world_readable == card.world_readable);
	return card;
}

static struct event_insert state_of(struct setting *s, const char *type, const char *content)
{
	return (struct event_insert){
	    .room = s->room,
	    .sender = s->sender,
	    .generation = -1,
	    .type = str_of(type),
	    .is_state = true,
	    .canonical = arena_printf(
		&s->f->arena, "{\"content\":%s,\"state_key\":\"\",\"type\":\"%s\"}", content, type),
	};
}

static int64_t put(struct setting *s, struct event_insert in)
{
	int64_t event, pos;
	assert_int_equal(fixture_event(s->f, in, &event, &pos), RC_OK);
	return event;
}

static void is(str text, const char *expected)
{
	if (!str_eq(text, str_of(expected)))
		fail_msg("expected %s, got %.*s", expected, STR_ARG(text));
}

static void a_new_room_has_an_empty_card(void **state)
{
	struct fixture *f = *state;
	struct room_card card = card_now(f, fixture_room(f, "!r"));
	is(card.room_id, "!r");
	is(card.version, "12");
	is(card.name, "");
	is(card.join_rule, "");
	assert_true(card.joined == 0 && !card.public_listed && !card.world_readable &&
		    !card.guest_can_join);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	assert_int_equal(room_card_get(txn, &f->arena, 99, &card), RC_NOT_FOUND);
}

static void every_place_is_shown(void **state)
{
	struct setting s = setting_of(state);
	put(&s, state_of(&s, "m.room.create", "{\"type\":\"m.space\"}"));
	put(&s, state_of(&s, "m.room.name", "{\"name\":\"Name\"}"));
	put(&s, state_of(&s, "m.room.topic", "{\"topic\":\"Topic\"}"));
	put(&s, state_of(&s, "m.room.canonical_alias", "{\"alias\":\"#a:x\"}"));
	put(&s, state_of(&s, "m.room.avatar", "{\"url\":\"mxc://x/y\"}"));
	put(&s, state_of(&s, "m.room.encryption", "{\"algorithm\":\"m.megolm.v1.aes-sha2\"}"));
	put(&s, state_of(&s, "m.room.join_rules", "{\"join_rule\":\"knock\"}"));
	put(&s, state_of(&s, "m.room.history_visibility",
		    "{\"history_visibility\":\"world_readable\"}"));
	put(&s, state_of(&s, "m.room.guest_access", "{\"guest_access\":\"can_join\"}"));
	struct room_card card = card_now(s.f, s.room);
	is(card.room_type, "m.space");
	is(card.name, "Name");
	is(card.topic, "Topic");
	is(card.canonical_alias, "#a:x");
	is(card.avatar_url, "mxc://x/y");
	is(card.encryption, "m.megolm.v1.aes-sha2");
	is(card.join_rule, "knock");
	assert_true(card.world_readable && card.guest_can_join && card.joined == 1);
	put(&s, state_of(&s, "m.room.history_visibility", "{\"history_visibility\":\"shared\"}"));
	put(&s, state_of(&s, "m.room.guest_access", "{}"));
	put(&s, state_of(&s, "m.room.name", "{\"name\":7}"));
	card = card_now(s.f, s.room);
	assert_true(!card.world_readable && !card.guest_can_join);
	is(card.name, "");
	fixture_check(s.f);
}

static void other_events_change_nothing(void **state)
{
	struct setting s = setting_of(state);
	put(&s, state_of(&s, "m.room.name", "{\"name\":\"Name\"}"));
	struct event_insert keyed = state_of(&s, "m.room.name", "{\"name\":\"Other\"}");
	keyed.state_key = STR("x");
	put(&s, keyed);
	struct event_insert message = state_of(&s, "m.room.name", "{\"name\":\"Other\"}");
	message.is_state = false;
	put(&s, message);
	struct event_insert refused = state_of(&s, "m.room.name", "{\"name\":\"Other\"}");
	refused.place = EVENT_ON_FORK;
	refused.verdict = EVENT_SOFT_FAILED;
	refused.before.base = room_now(s.f, s.room).snapshot;
	put(&s, refused);
	struct event_insert outlier = state_of(&s, "m.room.name", "{\"name\":\"Other\"}");
	outlier.place = EVENT_OUTLIER;
	put(&s, outlier);
	is(card_now(s.f, s.room).name, "Name");
}

static void topics_have_forms(void **state)
{
	struct setting s = setting_of(state);
	static const struct {
		const char *content, *topic;
	} rows[] = {
	    {"{\"topic\":\"plain\",\"m.topic\":{\"m.text\":[{\"body\":\"other\"}]}}", "plain"},
	    {"{\"m.topic\":{\"m.text\":[{\"body\":\"<b>a</b>\",\"mimetype\":\"text/"
	     "html\"},{\"body\":\"a\"}]}}",
		"a"},
	    {"{\"topic\":\"\",\"m.topic\":{\"m.text\":[{\"body\":\"a\",\"mimetype\":\"text/"
	     "plain\"}]}}",
		"a"},
	    {"{\"m.topic\":{\"m.text\":[{\"body\":\"<b>a</b>\",\"mimetype\":\"text/html\"}]}}", ""},
	    {"{\"m.topic\":{\"m.text\":[7,null,{\"mimetype\":5,\"body\":\"x\"}]}}", ""},
	    {"{\"m.topic\":{\"m.text\":\"a\"}}", ""},
	    {"{\"m.topic\":[]}", ""},
	    {"{}", ""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		put(&s, state_of(&s, "m.room.topic", rows[i].content));
		is(card_now(s.f, s.room).topic, rows[i].topic);
	}
}

/* A resolved state brings one back, takes one away, and keeps the event that came. */
static void cards_follow_a_resolution(void **state)
{
	struct setting s = setting_of(state);
	int64_t first = put(&s, state_of(&s, "m.room.name", "{\"name\":\"First\"}"));
	put(&s, state_of(&s, "m.room.topic", "{\"topic\":\"Topic\"}"));
	int64_t base = room_now(s.f, s.room).snapshot;
	put(&s, state_of(&s, "m.room.name", "{\"name\":\"Second\"}"));
	is(card_now(s.f, s.room).name, "Second");
	struct state_change changes[] = {
	    {STR("m.room.name"), STR_EMPTY, first},
	    {STR("m.room.topic"), STR_EMPTY, 0},
	    {STR("m.room.avatar"), STR_EMPTY, EVENT_ITSELF},
	};
	struct event_insert in = state_of(&s, "m.room.avatar", "{\"url\":\"mxc://x/y\"}");
	in.place = EVENT_ON_FORK;
	in.before.base = base;
	in.current =
	    (struct snapshot_edit){room_now(s.f, s.room).snapshot, changes, COUNT_OF(changes)};
	put(&s, in);
	struct room_card card = card_now(s.f, s.room);
	is(card.name, "First");
	is(card.topic, "");
	is(card.avatar_url, "mxc://x/y");
	fixture_check(s.f);
}

static void redact(struct setting *s, str event_id, const char *redacted)
{
	put(s, (struct event_insert){
		   .room = s->room,
		   .sender = s->sender,
		   .generation = -1,
		   .type = STR("m.room.redaction"),
		   .redacts = event_id,
		   .redacted_canonical = str_of(redacted),
	       });
}

static void a_redacted_name_is_gone(void **state)
{
	struct setting s = setting_of(state);
	static const char redacted[] =
	    "{\"content\":{},\"state_key\":\"\",\"type\":\"m.room.name\"}";
	int64_t old = put(&s, state_of(&s, "m.room.name", "{\"name\":\"Old\"}"));
	int64_t current = put(&s, state_of(&s, "m.room.name", "{\"name\":\"Name\"}"));
	redact(&s, event_now(s.f, old).event_id, redacted);
	is(card_now(s.f, s.room).name, "Name");
	redact(&s, event_now(s.f, current).event_id, redacted);
	is(card_now(s.f, s.room).name, "");
	fixture_check(s.f);
}

static void count_finding(void *self, str finding)
{
	assert_true(str_starts(finding, STR("the card of !r ")));
	(*(int *)self)++;
}

static int findings_of(struct fixture *f)
{
	int findings = 0;
	assert_int_equal(store_check(f->store, count_finding, &findings), RC_OK);
	return findings;
}

static void a_wrong_card_is_found(void **state)
{
	struct setting s = setting_of(state);
	put(&s, state_of(&s, "m.room.name", "{\"name\":\"Name\"}"));
	fixture_check(s.f);
	fixture_sql(s.f, "UPDATE room_cards SET name='Other'");
	assert_true(findings_of(s.f) == 1);
	fixture_sql(s.f, "DELETE FROM room_cards");
	assert_true(findings_of(s.f) == 1);
}

/* ---- the directory ---- */

static enum rc list_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return room_set_listed(txn, *(int64_t *)arg, true);
}

/* A listed room with so many members. */
static int64_t listed(struct setting *s, const char *room_id, const char *name, int members)
{
	int64_t room = fixture_room(s->f, room_id);
	struct setting there = {s->f, room, s->sender};
	for (int i = 0; i < members; i++) {
		char user_id[32];
		snprintf(user_id, sizeof user_id, "@u%d:x", i);
		fixture_member(s->f, room, user_id, MEMBERSHIP_JOIN);
	}
	if (name) {
		str content = arena_printf(&s->f->arena, "{\"name\":\"%s\"}", name);
		put(&there, state_of(&there, "m.room.name", arena_cstr(&s->f->arena, content)));
	}
	assert_int_equal(store_write(s->f->store, list_write, &room, NULL), RC_OK);
	return room;
}

static const char *listing(
    struct setting *s, struct listed_wish wish, struct listed_place *ret_last)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s->f);
	struct room_card *cards;
	struct buf out;
	size_t count;
	buf_init(&out, &s->f->arena, 1000);
	if (!wish.limit)
		wish.limit = 100;
	assert_int_equal(listed_rooms(txn, &s->f->arena, &wish, &cards, &count), RC_OK);
	for (size_t i = 0; i < count; i++) {
		buf_printf(
		    &out, "%.*s%lld ", STR_ARG(cards[i].room_id), (long long)cards[i].joined);
		*ret_last = (struct listed_place){cards[i].joined, cards[i].room};
	}
	return arena_cstr(&s->f->arena, buf_str(&out));
}

static void the_directory_has_an_order(void **state)
{
	struct setting s = setting_of(state);
	struct listed_place last;
	int64_t count;
	listed(&s, "!one", "Tea", 1);
	listed(&s, "!three", "COFFEE and tea", 3);
	listed(&s, "!two", "\xc3\x84pfel", 2);
	listed(&s, "!again", NULL, 2);
	listed(&s, "!empty", "Tea", 0);
	fixture_room(s.f, "!hidden");
	assert_string_equal(listing(&s, (struct listed_wish){.from = LISTED_FIRST}, &last),
	    "!three3 !again2 !two2 !one1 ");
	assert_string_equal(
	    listing(&s, (struct listed_wish){.from = LISTED_FIRST, .limit = 2}, &last),
	    "!three3 !again2 ");
	assert_string_equal(listing(&s, (struct listed_wish){.from = last}, &last), "!two2 !one1 ");
	assert_string_equal(
	    listing(&s, (struct listed_wish){.from = last, .backwards = true}, &last),
	    "!two2 !again2 !three3 ");
	assert_string_equal(
	    listing(&s, (struct listed_wish){.from = last, .backwards = true}, &last), "");
	assert_string_equal(
	    listing(&s, (struct listed_wish){.from = LISTED_FIRST, .term = STR("tea")}, &last),
	    "!three3 !one1 ");
	assert_string_equal(
	    listing(
		&s, (struct listed_wish){.from = LISTED_FIRST, .term = STR("\xc3\xa4pf")}, &last),
	    "!two2 ");
	assert_string_equal(
	    listing(&s, (struct listed_wish){.from = LISTED_FIRST, .term = STR("none")}, &last),
	    "");
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s.f);
	assert_int_equal(listed_rooms_count(txn, &count), RC_OK);
	assert_int_equal(count, 4);
}

static void failing_allocations_are_told(void **state)
{
	struct setting s = setting_of(state);
	int64_t room = listed(&s, "!a", "Name", 1), failures = 0;
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s.f);
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena;
		struct room_card card, *cards;
		size_t count;
		struct listed_wish wish = {.from = LISTED_FIRST, .limit = 5};
		struct room_row row;
		arena_init(&arena, 1 << 20);
		arena_fail_after(failures);
		rc = room_get(txn, &arena, room, &row);
		if (rc == RC_OK)
			rc = room_card_of_state(txn, &arena, row.snapshot, &card);
		if (rc == RC_OK)
			rc = room_card_get(txn, &arena, room, &card);
		if (rc == RC_OK)
			rc = listed_rooms(txn, &arena, &wish, &cards, &count);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_room_has_an_empty_card),
	    TEST(every_place_is_shown),
	    TEST(other_events_change_nothing),
	    TEST(topics_have_forms),
	    TEST(cards_follow_a_resolution),
	    TEST(a_redacted_name_is_gone),
	    TEST(a_wrong_card_is_found),
	    TEST(the_directory_has_an_order),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
