/*
 * core/sync against a model: a client that does with the answers what the specification tells clients to do must, after
 * every sync, hold exactly the room's state, and have been told every message that it may see exactly once.
 */
#include "sync_rig.h"

enum { USERS = 4, ROUNDS = 120, STATES_MAX = 64, SEEDS = 4, SEEN_MAX = 4096 };

struct fact {
	str type, key, event_id;
};

/* What one client believes of the one room. */
struct model {
	struct client client;
	bool joined, lazy, sees_all;
	struct fact facts[STATES_MAX];
	size_t fact_count;
	str seen[SEEN_MAX];
	size_t seen_count;
};

static uint64_t draw(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % n;
}

static void fact_set(struct model *model, json event)
{
	str type = json_get_text(event, STR("type")), key;
	if (!json_text(json_get(event, STR("state_key")), &key))
		return;
	size_t i = 0;
	while (i < model->fact_count && !(str_eq(model->facts[i].type, type) && str_eq(model->facts[i].key, key)))
		i++;
	assert_true(i < STATES_MAX);
	if (i == model->fact_count)
		model->fact_count++;
	model->facts[i] = (struct fact){type, key, json_get_text(event, STR("event_id"))};
}

static void facts_take(struct model *model, json room, const char *part)
{
	json events = json_get(dig(room, part), STR("events")), event;
	struct json_iter iter = json_iter(events);
	while (events && json_next(&iter, NULL, &event))
		fact_set(model, event);
}

/* No event comes twice in a client's life, except that a room that is new again is told from its end. */
static void seen_take(struct model *model, json room, bool again)
{
	json events = dig(room, "timeline/events"), event;
	struct json_iter iter = json_iter(events);
	while (events && json_next(&iter, NULL, &event)) {
		str event_id = json_get_text(event, STR("event_id"));
		for (size_t i = 0; !again && i < model->seen_count; i++)
			assert_false(str_eq(model->seen[i], event_id));
		assert_true(model->seen_count < SEEN_MAX);
		model->seen[model->seen_count++] = event_id;
	}
}

static void take(struct model *model, json answer, str room_id)
{
	json joined = room_in(answer, "join", room_id);
	bool again = joined && !model->joined;
	if (joined) {
		if (again)
			model->fact_count = 0;
		model->joined = true;
		facts_take(model, joined, model->client.use_state_after ? "state_after" : "state");
		assert_null(dig(joined, model->client.use_state_after ? "state" : "state_after"));
		if (!model->client.use_state_after)
			facts_take(model, joined, "timeline");
		seen_take(model, joined, again);
	}
	if (room_in(answer, "leave", room_id) || room_in(answer, "invite", room_id))
		model->joined = false;
}

struct check {
	struct sync_rig *rig;
	struct txn_ro *txn;
	struct model *model;
	size_t count;
};

static enum rc entry_check(void *self, const struct state_entry *entry)
{
	struct check *check = self;
	struct event_row row;
	assert_rc(event_get(check->txn, &check->rig->room->arena, entry->event, &row), RC_OK);
	check->count++;
	for (size_t i = 0; i < check->model->fact_count; i++)
		if (str_eq(check->model->facts[i].event_id, row.event_id))
			return RC_OK;
	if (!check->model->lazy || !str_eq(row.type, STR("m.room.member")))
		fail_msg("user %.*s with filter %s was not told %.*s '%.*s'", STR_ARG(check->model->client.session.user_id),
		         check->model->client.filter, STR_ARG(row.type), STR_ARG(row.state_key));
	return RC_OK;
}

static void model_check(struct sync_rig *rig, struct model *model, str room_id, const struct actor *actor)
{
	assert_int_equal(model->joined, rig_membership(rig->room, room_id, actor) == MEMBERSHIP_JOIN);
	if (!model->joined)
		return;
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	struct check check = {rig, txn, model, 0};
	assert_rc(snapshot_each(txn, rig_row(rig->room, room_id).snapshot, 0, entry_check, &check), RC_OK);
	if (!model->lazy)
		assert_int_equal(check.count, model->fact_count);
}

static void act(struct sync_rig *rig, uint64_t *seed, const struct actor *users, str room_id)
{
	static const char *const visibilities[] = {"joined", "invited", "shared", "world_readable"};
	struct room_rig *room = rig->room;
	const struct actor *one = &users[draw(seed, USERS)], *host = &users[0];
	struct arena *arena = &room->arena;
	char text[200];
	snprintf(text, sizeof text, "{\"topic\":\"%u\",\"name\":\"x\"}", (unsigned)draw(seed, 1000));
	enum rc rc;
	switch (draw(seed, 9)) {
	case 0:
		rc = rig_join(room, one, room_id);
		break;
	case 1:
		rc = one == host ? RC_OK : rig_leave(room, one, room_id);
		break;
	case 2:
		rc = one == host ? RC_OK : rig_member(room, room_kick, host, room_id, one->user_id);
		break;
	case 3:
		rc = rig_member(room, room_invite, host, room_id, one->user_id);
		break;
	case 4:
		rc = rig_state(room, host, room_id, "m.room.topic", STR_EMPTY, text, NULL);
		break;
	case 5:
		rc = rig_state(room, host, room_id, "org.example.x", STR("k"), text, NULL);
		break;
	case 6:
		snprintf(text, sizeof text, "{\"history_visibility\":\"%s\"}", visibilities[draw(seed, 4)]);
		rc = rig_state(room, host, room_id, "m.room.history_visibility", STR_EMPTY, text, NULL);
		break;
	default:
		rc = rig_send(room, one, room_id, "m.room.message", "", arena_cstr(arena, STR("{\"body\":\"x\"}")), NULL);
	}
	(void)rc; /* some are refused, as they should be */
}

static void clients_hold_the_state(void **state)
{
	static const char *const filters[] = {
		NULL,
		"{\"room\":{\"timeline\":{\"limit\":2}}}",
		"{\"room\":{\"timeline\":{\"limit\":0}}}",
		"{\"room\":{\"timeline\":{\"types\":[\"m.room.message\"]}}}",
		"{\"room\":{\"timeline\":{\"not_types\":[\"m.room.topic\"],\"limit\":3}}}",
		"{\"room\":{\"timeline\":{\"rooms\":[]}}}",
		"{\"room\":{\"state\":{\"lazy_load_members\":true},\"timeline\":{\"limit\":2}}}",
	};
	enum { VARIANTS = COUNT_OF(filters) * 2 };
	struct sync_rig *rig = *state;
	for (uint64_t round = 1; round <= SEEDS; round++) {
		uint64_t seed = round;
		struct actor users[USERS];
		for (size_t i = 0; i < USERS; i++) {
			str name = arena_printf(&rig->room->arena, "u%llu-%zu", (unsigned long long)round, i);
			users[i] = rig_user(rig->room, arena_cstr(&rig->room->arena, name));
		}
		str room_id = rig_room(rig->room, &users[0], "{\"preset\":\"public_chat\"}");
		struct model *models = arena_array(&rig->room->arena, struct model, USERS * VARIANTS);
		for (size_t i = 0; i < USERS * VARIANTS; i++) {
			models[i].client = client_of(&users[i / VARIANTS]);
			models[i].client.filter = filters[i % VARIANTS / 2];
			models[i].client.use_state_after = i % 2;
			models[i].lazy = i % VARIANTS / 2 == COUNT_OF(filters) - 1;
		}
		for (size_t step = 0; step < ROUNDS; step++) {
			act(rig, &seed, users, room_id);
			for (size_t i = 0; i < USERS * VARIANTS; i++) {
				if (draw(&seed, 4))
					continue;
				take(&models[i], client_sync(rig, &models[i].client), room_id);
				model_check(rig, &models[i], room_id, &users[i / VARIANTS]);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(clients_hold_the_state, sync_rig_setup, sync_rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
