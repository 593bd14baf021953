/* core/room: walks through spaces, their tokens, and who sees what of a room from outside. */
#include "core/room/public_rooms.h"
#include "core/room/spaces.h"
#include "room_rig.h"

static struct actor alice, bob;

static int setup(void **state)
{
	if (room_rig_setup(state) != 0)
		return 1;
	alice = rig_user(*state, "alice");
	bob = rig_user(*state, "bob");
	return 0;
}

static str space(struct room_rig *rig)
{
	return rig_room(rig, &alice,
	    "{\"preset\":\"public_chat\",\"creation_content\":{\"type\":\"m.space\"}}");
}

static void add(struct room_rig *rig, str parent, str child, const char *order)
{
	str content =
		arena_printf(&rig->arena, "{\"via\":[\"localhost\"],\"order\":\"%s\"}", order),
	    event_id;
	assert_rc(rig_state(rig, &alice, parent, "m.space.child", child,
		      arena_cstr(&rig->arena, content), &event_id),
	    RC_OK);
}

static enum rc walk(
    struct room_rig *rig, struct arena *arena, const struct hierarchy_wish *wish, json *ret_answer)
{
	struct buf out;
	buf_init(&out, arena, 4 * MEBIBYTE);
	rig->fail = (struct fail){0};
	TRY(room_hierarchy_answer(rig->store->store, arena, wish, &out, &rig->fail));
	return json_parse(arena, buf_str(&out), ret_answer, NULL);
}

static struct hierarchy_wish wish_of(str room_id)
{
	return (struct hierarchy_wish){.room_id = room_id,
	    .viewer = alice.user,
	    .limit = HIERARCHY_LIMIT_MAX,
	    .max_depth = HIERARCHY_DEPTH_MAX};
}

static void assert_rooms(json answer, const str *rooms, size_t count)
{
	json shown = json_get(answer, STR("rooms"));
	assert_int_equal(json_count(shown), count);
	for (size_t i = 0; i < count; i++)
		assert_str(json_get_text(json_at(shown, i), STR("room_id")), rooms[i]);
}

/* A chain of spaces deeper than is followed, and a ring. */
static void depth_is_bounded(void **state)
{
	struct room_rig *rig = *state;
	enum { DEEP = HIERARCHY_DEPTH_MAX + 3 };
	str rooms[DEEP];
	for (size_t i = 0; i < DEEP; i++) {
		rooms[i] = space(rig);
		if (i > 0)
			add(rig, rooms[i - 1], rooms[i], "a");
	}
	add(rig, rooms[3], rooms[0], "a");
	json answer;
	struct hierarchy_wish wish = wish_of(rooms[0]);
	wish.limit = DEEP;
	assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_OK);
	assert_rooms(answer, rooms, HIERARCHY_DEPTH_MAX + 1);
	wish.max_depth = 2;
	assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_OK);
	assert_rooms(answer, rooms, 3);
}

static void pages_join(void **state)
{
	struct room_rig *rig = *state;
	enum { CHILDREN = 9 };
	str rooms[CHILDREN + 1] = {space(rig)};
	for (size_t i = 1; i <= CHILDREN; i++) {
		char order[2] = {(char)('a' + i), '\0'};
		rooms[i] = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
		add(rig, rooms[0], rooms[i], order);
	}
	for (size_t limit = 1; limit <= CHILDREN + 2; limit++) {
		struct hierarchy_wish wish = wish_of(rooms[0]);
		size_t seen = 0;
		wish.limit = limit;
		do {
			json answer;
			assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_OK);
			size_t count = json_count(json_get(answer, STR("rooms")));
			assert_true(count >= 1 && count <= limit);
			assert_rooms(answer, rooms + seen, count);
			seen += count;
			wish.from = json_get_text(answer, STR("next_batch"));
		} while (wish.from.n);
		assert_int_equal(seen, CHILDREN + 1);
	}
}

static void strangers_see_no_closed_space(void **state)
{
	struct room_rig *rig = *state;
	str closed = rig_room(rig, &alice, "{\"creation_content\":{\"type\":\"m.space\"}}");
	struct hierarchy_wish wish = wish_of(closed);
	json answer;
	assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_OK);
	wish.viewer = bob.user;
	assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_FORBIDDEN);
	wish = wish_of(STR("!none"));
	assert_rc(walk(rig, &rig->arena, &wish, &answer), RC_FORBIDDEN);
	struct buf out;
	buf_init(&out, &rig->arena, MEBIBYTE);
	assert_rc(
	    room_summary_answer(rig->store->store, &rig->arena, closed, bob.user, &out, &rig->fail),
	    RC_NOT_FOUND);
	assert_rc(room_summary_answer(rig->store->store, &rig->arena, closed, 0, &out, &rig->fail),
	    RC_NOT_FOUND);
	assert_rc(room_summary_answer(
		      rig->store->store, &rig->arena, closed, alice.user, &out, &rig->fail),
	    RC_OK);
}

/* A topic of an event's size in each room: pages end before they are too large, in both directions. */
static void large_cards_make_short_pages(void **state)
{
	struct room_rig *rig = *state;
	enum { ROOMS = 80, TOPIC_BYTES = 60000 };
	char *topic = arena_alloc(&rig->arena, TOPIC_BYTES + 1);
	memset(topic, 't', TOPIC_BYTES);
	topic[TOPIC_BYTES] = '\0';
	str request = arena_printf(&rig->arena,
	    "{\"visibility\":\"public\",\"initial_state\":[{\"type\":\"m.room.topic\","
	    "\"content\":{\"topic\":\"%s\"}}]}",
	    topic);
	for (size_t i = 0; i < ROOMS; i++)
		rig_room(rig, &alice, arena_cstr(&rig->arena, request));
	struct public_rooms_wish wish = {.limit = PUBLIC_ROOMS_LIMIT_MAX};
	static const char *const ways[] = {"next_batch", "prev_batch"};
	size_t pages[2] = {0}, seen[2] = {0};
	for (size_t way = 0; way < 2; way++) {
		str token = STR_EMPTY;
		do {
			struct arena arena CLEANUP(arena_release);
			struct buf out;
			json answer;
			arena_init(&arena, 256 * MEBIBYTE);
			buf_init(&out, &arena, 64 * MEBIBYTE);
			assert_rc(
			    public_rooms_answer(rig->store->store, &arena, &wish, &out, &rig->fail),
			    RC_OK);
			assert_true(buf_str(&out).n < 2 * PUBLIC_ROOMS_PAGE_MAX_BYTES);
			assert_rc(json_parse(&arena, buf_str(&out), &answer, NULL), RC_OK);
			seen[way] += json_count(json_get(answer, STR("chunk")));
			pages[way]++;
			token = arena_dup(&rig->arena, json_get_text(answer, str_of(ways[way])));
			wish.since = token.n ? token : STR("p0-0");
		} while (token.n);
	}
	assert_true(pages[0] > 1 && pages[1] > 1);
	assert_int_equal(seen[0], ROOMS);
	assert_int_equal(seen[1], ROOMS);
}

static void failing_allocations_are_told(void **state)
{
	struct room_rig *rig = *state;
	str root = space(rig), child = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}");
	add(rig, root, child, "a");
	struct hierarchy_wish wish = wish_of(root);
	int64_t failures = 0;
	for (enum rc rc = RC_NOMEM; rc != RC_OK; failures++) {
		struct arena arena CLEANUP(arena_release);
		struct buf out;
		arena_init(&arena, 64 * MEBIBYTE);
		buf_init(&out, &arena, MEBIBYTE);
		arena_fail_after(failures);
		rc = room_hierarchy_answer(rig->store->store, &arena, &wish, &out, &rig->fail);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(depth_is_bounded),
	    TEST(pages_join),
	    TEST(strangers_see_no_closed_space),
	    TEST(large_cards_make_short_pages),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
