/* core/room: who may see which event (Client-Server API, "Room History Visibility"), pages, members. */
#include "room_rig.h"

/* The phases of one life: each sends one message; the reader is outside, invited, joined, then out again. */
enum phase { BEFORE, INVITED, JOINED, AFTER, PHASES };

/* Which of the messages each reader sees: a letter is a phase, in order b i j a. */
static const struct {
	const char *visibility;
	const char *joined_now, *left, *rejected, *stranger; /* what they see; NULL: not even the room */
} table[] = {
	{"world_readable", "bija", "bija", "bija", "bija"},
	{"shared", "bija", "bij", NULL, NULL},
	{"invited", "ija", "ij", NULL, NULL},
	{"joined", "ja", "j", NULL, NULL},
};

struct life {
	str room_id, messages[PHASES];
};

static void phase_say(struct room_rig *rig, const struct actor *alice, struct life *life, enum phase phase)
{
	assert_rc(rig_send(rig, alice, life->room_id, "m.room.message", "", "{}", &life->messages[phase]), RC_OK);
}

static str seen_by(struct room_rig *rig, const struct actor *reader, const struct life *life)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct room_view view;
	struct buf seen;
	enum rc rc = room_view_open(txn, &rig->arena, reader->user, life->room_id, &view, &rig->fail);
	if (rc == RC_FORBIDDEN)
		return STR_EMPTY;
	assert_rc(rc, RC_OK);
	buf_init(&seen, &rig->arena, PHASES);
	for (size_t i = 0; i < PHASES; i++) {
		struct event_row event;
		bool visible;
		assert_rc(event_find(txn, &rig->arena, life->messages[i], &event), RC_OK);
		assert_rc(room_event_visible(txn, &rig->arena, &view, &event, &visible), RC_OK);
		if (visible)
			buf_putc(&seen, "bija"[i]);
	}
	return buf_str(&seen);
}

static struct life life_of(struct room_rig *rig, const struct actor *alice, const struct actor *reader,
                           const char *visibility, bool joins, bool leaves)
{
	struct life life;
	char request[256];
	snprintf(request, sizeof request, "{\"initial_state\":[{\"type\":\"m.room.history_visibility\",\"content\":"
		"{\"history_visibility\":\"%s\"}}]}", visibility);
	life.room_id = rig_room(rig, alice, request);
	phase_say(rig, alice, &life, BEFORE);
	assert_rc(rig_member(rig, room_invite, alice, life.room_id, reader->user_id), RC_OK);
	phase_say(rig, alice, &life, INVITED);
	if (joins)
		assert_rc(rig_join(rig, reader, life.room_id), RC_OK);
	phase_say(rig, alice, &life, JOINED);
	if (leaves)
		assert_rc(rig_leave(rig, reader, life.room_id), RC_OK);
	phase_say(rig, alice, &life, AFTER);
	return life;
}

static void visibility_table(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob"), carol = rig_user(rig, "carol");
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct life joined = life_of(rig, &alice, &bob, table[i].visibility, true, false);
		struct life left = life_of(rig, &alice, &bob, table[i].visibility, true, true);
		struct life rejected = life_of(rig, &alice, &bob, table[i].visibility, false, true);
		assert_str(seen_by(rig, &bob, &joined), str_of(table[i].joined_now));
		assert_str(seen_by(rig, &bob, &left), str_of(table[i].left));
		assert_str(seen_by(rig, &bob, &rejected), str_of(table[i].rejected));
		assert_str(seen_by(rig, &carol, &joined), str_of(table[i].stranger));
	}
}

/* The change of the visibility itself is seen by whoever sees what was before it or what comes after. */
static void visibility_changes_are_seen_from_both_sides(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), carol = rig_user(rig, "carol");
	struct life life = {.room_id = rig_room(rig, &alice, "{}")};
	static const char *const contents[PHASES] = {"{\"history_visibility\":\"world_readable\"}",
		"{\"history_visibility\":\"joined\"}", "{\"history_visibility\":\"shared\"}",
		"{\"history_visibility\":\"world_readable\"}"};
	for (size_t i = 0; i < PHASES; i++)
		assert_rc(rig_state(rig, &alice, life.room_id, "m.room.history_visibility", STR(""), contents[i],
		                    &life.messages[i]), RC_OK);
	assert_str(seen_by(rig, &carol, &life), STR("bia"));
}

/* Who left reads the state as it was then. */
static void state_is_as_it_was_when_they_left(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob");
	str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\",\"name\":\"then\"}");
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	assert_rc(rig_leave(rig, &bob, room_id), RC_OK);
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"name\":\"now\"}", NULL), RC_OK);
	const struct actor *readers[] = {&alice, &bob};
	const char *const names[] = {"{\"name\":\"now\"}", "{\"name\":\"then\"}"};
	for (size_t i = 0; i < COUNT_OF(readers); i++) {
		struct buf out;
		buf_init(&out, &rig->arena, 1 << 20);
		struct room_query query = {rig->rooms, &rig->arena, readers[i], room_id, &out, &rig->fail};
		assert_rc(room_state_event_answer(&query, STR("m.room.name"), STR(""), false), RC_OK);
		assert_str(buf_str(&out), str_of(names[i]));
	}
	struct buf out;
	buf_init(&out, &rig->arena, 1 << 20);
	struct room_query query = {rig->rooms, &rig->arena, &bob, room_id, &out, &rig->fail};
	assert_rc(room_joined_members_answer(&query), RC_FORBIDDEN);
}

/* Pages in both directions cover the room once, whatever their size. */
static void pages_cover_the_room_once(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}");
	for (int i = 0; i < 20; i++)
		assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{}", NULL), RC_OK);
	size_t count;
	struct event_row *events = rig_events(rig, room_id, &count);
	for (size_t size = 1; size < 40; size += 6) {
		for (int backwards = 0; backwards < 2; backwards++) {
			int64_t from = -1, start;
			size_t seen = 0;
			do {
				struct buf out;
				buf_init(&out, &rig->arena, 1 << 20);
				buf_putc(&out, '{');
				struct room_query query = {rig->rooms, &rig->arena, &alice, room_id, &out, &rig->fail};
				struct messages_wish wish = {.backwards = backwards, .from_pos = from, .to_pos = -1,
					.limit = size};
				assert_rc(room_messages_answer(&query, &wish, &start, &from), RC_OK);
				buf_putc(&out, '}');
				struct json_iter iter = json_iter(json_get(room_json(rig, buf_str(&out)), STR("chunk")));
				json event;
				for (; json_next(&iter, NULL, &event); seen++)
					assert_str(json_get_text(event, STR("event_id")),
					           events[backwards ? count - 1 - seen : seen].event_id);
			} while (from >= 0);
			assert_int_equal(seen, count);
		}
	}
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(visibility_table),
		ROOM_TEST(visibility_changes_are_seen_from_both_sides),
		ROOM_TEST(state_is_as_it_was_when_they_left),
		ROOM_TEST(pages_cover_the_room_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
