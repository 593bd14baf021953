#include "room_rig.h"

#include "base/fault.h"

#include <stdlib.h>

enum { RIG_BYTES = 256 << 20, RIG_EVENTS_MAX = 100000 };

static void news_count(void *self, const struct event_news *news)
{
	struct room_rig *rig = self;
	assert_true(news->event > 0 && news->pos > 0 && news->room > 0);
	__atomic_add_fetch(&rig->news, 1, __ATOMIC_RELAXED);
}

static void rooms_open(struct room_rig *rig)
{
	struct rooms_config config = {
		.store = rig->store->store,
		.clock = &rig->clock,
		.rng = &rng_system,
		.identity = &rig->identity,
		.default_version = STR("12"),
		.marker = rig->marker,
		.heads_max = rig->heads_max,
		.on_event = news_count,
		.news_self = rig,
	};
	assert_rc(rooms_new(&config, &rig->rooms), RC_OK);
}

void room_rig_reopen(struct room_rig *rig)
{
	rooms_free(TAKE(rig->rooms));
	rooms_open(rig);
}

void room_rig_restart(struct room_rig *rig, const char *fault)
{
	rooms_free(TAKE(rig->rooms));
	fixture_close(rig->store);
	fault_disarm();
	if (fault)
		assert_rc(fault_arm(str_of(fault)), RC_OK);
	fixture_open(rig->store);
	rooms_open(rig);
}

int room_rig_setup(void **state)
{
	static const unsigned char seed[ED25519_SEED_BYTES] = {7};
	struct room_rig *rig = calloc(1, sizeof *rig);
	void *store;
	if (crypto_init() != RC_OK || fixture_setup(&store) != 0)
		return 1;
	rig->store = store;
	rig->identity = (struct signing_identity){.server_name = STR("localhost"), .key_id = STR("ed25519:1")};
	ed25519_from_seed(&rig->identity.key, seed);
	rig->heads_max = 256;
	rig->clock = clock_system;
	arena_init(&rig->arena, RIG_BYTES);
	rooms_open(rig);
	*state = rig;
	return 0;
}

int room_rig_teardown(void **state)
{
	struct room_rig *rig = *state;
	void *store = rig->store;
	fault_disarm();
	rooms_free(rig->rooms);
	fixture_check(rig->store);
	arena_release(&rig->arena);
	free(rig);
	return fixture_teardown(&store);
}

struct actor rig_user(struct room_rig *rig, const char *localpart)
{
	str user_id = user_id_make(&rig->arena, str_of(localpart), STR("localhost"));
	char *text = arena_cstr(&rig->arena, user_id);
	int64_t user = fixture_user(rig->store, text);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct account account;
	assert_rc(account_get(txn, &rig->arena, user, &account), RC_OK);
	return (struct actor){.user = user, .generation = account.generation, .user_id = user_id};
}

json room_json(struct room_rig *rig, str text)
{
	json root;
	assert_rc(json_parse(&rig->arena, text, &root, &rig->fail), RC_OK);
	return root;
}

enum rc rig_create(struct room_rig *rig, const struct actor *actor, const char *request, str *ret_room_id)
{
	str alias;
	rig->fail = (struct fail){0};
	return room_create(rig->rooms, &rig->arena, actor, room_json(rig, str_of(request)), ret_room_id, &alias,
	                   &rig->fail);
}

str rig_room(struct room_rig *rig, const struct actor *actor, const char *request)
{
	str room_id = STR_EMPTY;
	enum rc rc = rig_create(rig, actor, request, &room_id);
	if (rc != RC_OK)
		fail_msg("createRoom %s: %s: %s", request, rc_name(rc), rig->fail.message);
	return room_id;
}

static enum rc event_send(struct room_rig *rig, struct room_send send, str *ret_event_id)
{
	rig->fail = (struct fail){0};
	send.arena = &rig->arena;
	send.fail = &rig->fail;
	enum rc rc = room_send_wait(rig->rooms, &send);
	if (rc == RC_OK && ret_event_id)
		*ret_event_id = send.event_id;
	return rc;
}

enum rc rig_send(struct room_rig *rig, const struct actor *actor, str room_id, const char *type, const char *txn_id,
                 const char *content, str *ret_event_id)
{
	struct room_send send = {.actor = *actor, .room_id = room_id, .type = str_of(type), .txn_id = str_of(txn_id),
		.content = str_of(content)};
	return event_send(rig, send, ret_event_id);
}

enum rc rig_state(struct room_rig *rig, const struct actor *actor, str room_id, const char *type, str state_key,
                  const char *content, str *ret_event_id)
{
	struct room_send send = {.actor = *actor, .room_id = room_id, .type = str_of(type), .is_state = true,
		.state_key = state_key, .content = str_of(content)};
	return event_send(rig, send, ret_event_id);
}

enum rc rig_member(struct room_rig *rig, rig_verb *verb, const struct actor *actor, str room_id, str target)
{
	struct membership_change change = {.actor = *actor, .room_id = room_id, .target_user_id = target};
	rig->fail = (struct fail){0};
	return verb(rig->rooms, &rig->arena, &change, &rig->fail);
}

struct room_row rig_row(struct room_rig *rig, str room_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct room_row row;
	assert_rc(room_find(txn, &rig->arena, room_id, &row), RC_OK);
	return row;
}

enum membership rig_membership(struct room_rig *rig, str room_id, const struct actor *actor)
{
	struct room_row row = rig_row(rig, room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct member_row member;
	enum rc rc = member_get(txn, &rig->arena, row.room, actor->user, &member);
	return rc == RC_OK ? member.membership : MEMBERSHIP_NONE;
}

struct event_row *rig_events(struct room_rig *rig, str room_id, size_t *ret_count)
{
	struct room_row row = rig_row(rig, room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct event_row *events;
	bool more;
	assert_rc(events_between(txn, &rig->arena, row.room, 0, row.last_pos, false, RIG_EVENTS_MAX, &events, ret_count,
	                         &more), RC_OK);
	assert_false(more);
	return events;
}

size_t rig_event_count(struct room_rig *rig, str room_id)
{
	size_t count;
	rig_events(rig, room_id, &count);
	return count;
}

json rig_content(struct room_rig *rig, str room_id, const char *type, str state_key)
{
	struct room_row row = rig_row(rig, room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct event_row event;
	if (state_event(txn, &rig->arena, row.snapshot, str_of(type), state_key, &event) != RC_OK)
		return NULL;
	return json_get(room_json(rig, event.canonical), STR("content"));
}
