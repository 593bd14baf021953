/* core/sync: sliding sync without HTTP: what fails cleanly, and what it costs. */
#include "core/sync/sliding_int.h"
#include "sync_rig.h"

#define PUBLIC "{\"preset\":\"public_chat\"}"

enum { ANSWER_BYTES = 64 << 20 };

static const struct sliding_pattern everything[] = {{.any_type = true, .any_key = true}};

/* All rooms, all extensions. */
static struct sliding_list all_rooms(void)
{
	struct sliding_list list = {.name = STR("all"), .everything = true};
	list.config = (struct sliding_config){
	    .timeline_limit = 5, .include = everything, .include_count = 1, .lazy_members = true};
	return list;
}

static const struct sliding_scope whole = {
    .enabled = true, .all_lists = true, .all_subscriptions = true};

static struct sliding_request request_of(
    const struct client *client, const struct sliding_list *list)
{
	return (struct sliding_request){.session = &client->session,
	    .stable = true,
	    .pos = client->since,
	    .lists = list,
	    .list_count = list != NULL,
	    .account_data = whole,
	    .receipts = whole,
	    .typing = whole,
	    .e2ee = true};
}

static enum rc slide_try(struct sync_rig *rig, struct arena *arena,
    const struct sliding_request *request, struct buf *out, struct sync_mark *mark)
{
	buf_init(out, arena, ANSWER_BYTES);
	return sliding_answer(rig->syncs, arena, request, false, out, mark, NULL);
}

static json slide(struct sync_rig *rig, struct client *client, const struct sliding_list *list)
{
	struct sliding_request request = request_of(client, list);
	struct buf out;
	assert_rc(slide_try(rig, &rig->room->arena, &request, &out, &client->mark), RC_OK);
	json answer = room_json(rig->room, buf_str(&out));
	client->since = json_get_text(answer, STR("pos"));
	return answer;
}

static void say(struct sync_rig *rig, const struct actor *actor, str room_id)
{
	assert_rc(
	    rig_send(rig->room, actor, room_id, "m.room.message", "", "{\"body\":\"x\"}", NULL),
	    RC_OK);
}

/* Every allocation fails once: a clear outcome each time, and the next answer is whole. */
static void without_memory_it_fails_cleanly(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str joined = rig_room(rig->room, &alice, PUBLIC),
	    left = rig_room(rig->room, &alice, PUBLIC);
	rig_room(rig->room, &alice, "{\"invite\":[\"@bob:localhost\"]}");
	assert_rc(rig_join(rig->room, &bob, joined), RC_OK);
	assert_rc(rig_join(rig->room, &bob, left), RC_OK);
	fixture_account_data(
	    rig->room->store, bob.user, "m.direct", "{\"@alice:localhost\":[\"!x\"]}");
	const struct sliding_list list = all_rooms();
	struct client client = client_of(&bob);
	slide(rig, &client, &list);
	for (int round = 0; round < 2; round++) {
		struct sliding_request request = request_of(&client, &list);
		enum rc rc = RC_NOMEM;
		int64_t failures = 0;
		if (round == 0)
			request.pos = STR_EMPTY;
		say(rig, &alice, joined);
		if (round == 0)
			assert_rc(
			    rig_member(rig->room, room_kick, &alice, left, bob.user_id), RC_OK);
		for (; rc != RC_OK; failures++) {
			struct arena scratch CLEANUP(arena_release);
			struct buf out;
			arena_init(&scratch, ANSWER_BYTES);
			arena_fail_after(failures);
			rc = slide_try(rig, &scratch, &request, &out, &client.mark);
			arena_fail_after(-1);
			if (rc != RC_OK)
				assert_rc(rc, RC_NOMEM);
		}
		assert_true(failures > 30);
		client.since = STR_EMPTY;
		json rooms = json_get(slide(rig, &client, &list), STR("rooms"));
		assert_int_equal(json_count(rooms), 3);
	}
}

static void an_ended_session_gets_nothing(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	const struct sliding_list list = all_rooms();
	struct client client = client_of(&alice);
	struct buf out;
	slide(rig, &client, &list);
	struct sliding_request request = request_of(&client, &list);
	fixture_deactivate(rig->room->store, alice.user);
	assert_rc(
	    slide_try(rig, &rig->room->arena, &request, &out, &client.mark), RC_UNKNOWN_TOKEN);
	request.pos = STR_EMPTY;
	assert_rc(
	    slide_try(rig, &rig->room->arena, &request, &out, &client.mark), RC_UNKNOWN_TOKEN);
}

/* Nothing is written while a connection that has all its rooms gets their news. */
static void the_steady_state_writes_nothing(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	str room_id = rig_room(rig->room, &alice, PUBLIC);
	const struct sliding_list list = all_rooms();
	struct client client = client_of(&alice);
	struct store_counters before, after;
	slide(rig, &client, &list);
	for (int i = 0; i < 10; i++) {
		say(rig, &alice, room_id);
		store_counters(rig->room->store->store, &before);
		json part = json_get(json_get(slide(rig, &client, &list), STR("rooms")), room_id);
		store_counters(rig->room->store->store, &after);
		assert_int_equal(json_count(json_get(part, STR("timeline"))), 1);
		assert_int_equal(after.jobs, before.jobs);
	}
}

static void positions_are_read(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	struct client client = client_of(&alice);
	struct sliding_token token;
	int64_t pos;
	slide(rig, &client, NULL);
	assert_true(sliding_token_read(rig->syncs, client.since, &token));
	assert_rc(sync_position_parse(rig->syncs, client.since, &pos, NULL), RC_OK);
	assert_int_equal(pos, token.position.pos);
	struct buf out;
	buf_init(&out, &rig->room->arena, 200);
	sliding_token_put(&out, rig->syncs, token);
	assert_str(buf_str(&out), client.since);
	static const char *const bad[] = {
	    "", "p", "p1_2_3_4", "p1_2_3_4_", "p1_2_3_4_x", "s1_2_3_4_x", "p1_2_3_x"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(sliding_token_read(rig->syncs, str_of(bad[i]), &token));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sync_rig_setup, sync_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_memory_it_fails_cleanly),
	    TEST(an_ended_session_gets_nothing),
	    TEST(the_steady_state_writes_nothing),
	    TEST(positions_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
