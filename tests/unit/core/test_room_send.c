/* core/room: the sequencer, the chain of writes, failures in the middle, transaction ids, state, redactions. */
#include "room_rig.h"
#include "store/store_tamper.h"

#include <stdlib.h>
#include <string.h>

/* Every event's prev_events is the event before it, and depth grows by one. */
static void assert_chain(struct room_rig *rig, str room_id)
{
	size_t count;
	struct event_row *events = rig_events(rig, room_id, &count);
	str prev = STR_EMPTY;
	for (size_t i = 0; i < count; i++) {
		struct arena scratch CLEANUP(arena_release);
		arena_init(&scratch, 1 << 20);
		json root;
		int64_t depth;
		assert_rc(json_parse(&scratch, events[i].canonical, &root, NULL), RC_OK);
		json before = json_get(root, STR("prev_events"));
		assert_int_equal(json_count(before), i == 0 ? 0 : 1);
		assert_true(str_eq(json_text_or(json_at(before, 0), STR_EMPTY), prev));
		assert_true(json_integer(json_get(root, STR("depth")), &depth));
		assert_int_equal(depth, i + 1);
		prev = events[i].event_id;
	}
	struct room_row row = rig_row(rig, room_id);
	assert_true(str_eq(row.head_event_id, prev));
}

enum { SENDERS = 64, EACH = 40 };

struct sender {
	struct room_rig *rig;
	const struct actor *actor;
	str room_id;
	int number, acknowledged, failed;
	thread thread;
};

static void *sender_run(void *arg)
{
	struct sender *sender = arg;
	for (int i = 0; i < EACH; i++) {
		struct arena arena CLEANUP(arena_release);
		struct fail fail = {0};
		char content[64], txn_id[32];
		arena_init(&arena, 8 << 20);
		snprintf(content, sizeof content, "{\"body\":\"%d of %d\"}", i, sender->number);
		snprintf(txn_id, sizeof txn_id, "%d.%d", sender->number, i);
		struct room_send send = {.actor = *sender->actor, .room_id = sender->room_id,
			.type = STR("m.room.message"), .content = str_of(content), .txn_id = str_of(txn_id),
			.arena = &arena, .fail = &fail};
		enum rc rc = room_send_wait(sender->rig->rooms, &send);
		sender->acknowledged += rc == RC_OK;
		sender->failed += rc != RC_OK;
	}
	return NULL;
}

static void senders_run(struct sender *senders, struct room_rig *rig, const struct actor *actor, str room_id)
{
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){.rig = rig, .actor = actor, .room_id = room_id, .number = i};
		assert_rc(thread_start(&senders[i].thread, "sender", sender_run, &senders[i]), RC_OK);
	}
	for (int i = 0; i < SENDERS; i++)
		thread_join(senders[i].thread);
}

static void many_senders_make_one_chain(void **state)
{
	struct room_rig *rig = *state;
	struct sender senders[SENDERS];
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}");
	size_t before = rig_event_count(rig, room_id);
	senders_run(senders, rig, &alice, room_id);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(senders[i].acknowledged, EACH);
	assert_int_equal(rig_event_count(rig, room_id), before + SENDERS * EACH);
	assert_int_equal(__atomic_load_n(&rig->news, __ATOMIC_RELAXED), before + SENDERS * EACH);
	assert_chain(rig, room_id);
}

/* The commit that fails loses its group; everybody else is stored, and what was acknowledged is there. */
static void failed_commit_loses_nothing_acknowledged(void **state)
{
	struct room_rig *rig = *state;
	struct sender senders[SENDERS];
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}");
	size_t before = rig_event_count(rig, room_id), acknowledged = 0, failed = 0;
	for (int k = 1; k <= 30; k += 7) {
		const char *fault;
		(void)tamper_fail_commit(rig->store, k, &fault);
		room_rig_restart(rig, fault);
		senders_run(senders, rig, &alice, room_id);
		for (int i = 0; i < SENDERS; i++) {
			acknowledged += (size_t)senders[i].acknowledged;
			failed += (size_t)senders[i].failed;
		}
	}
	assert_true(failed > 0);
	room_rig_restart(rig, NULL);
	assert_int_equal(rig_event_count(rig, room_id), before + acknowledged);
	assert_chain(rig, room_id);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{\"body\":\"after\"}", NULL), RC_OK);
}

static void heads_are_evicted_and_read_again(void **state)
{
	struct room_rig *rig = *state;
	enum { ROOMS = 40 };
	str rooms[ROOMS];
	rig->heads_max = 1;
	room_rig_reopen(rig);
	struct actor alice = rig_user(rig, "alice");
	for (int i = 0; i < ROOMS; i++)
		rooms[i] = rig_room(rig, &alice, "{}");
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < ROOMS; i++)
			assert_rc(rig_send(rig, &alice, rooms[i], "m.room.message", "", "{}", NULL), RC_OK);
	for (int i = 0; i < ROOMS; i++)
		assert_chain(rig, rooms[i]);
}

struct device_made {
	int64_t user, device;
};

static enum rc device_make(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct device_made *made = arg;
	(void)fail;
	return device_put(txn, made->user, STR("PHONE"), STR_EMPTY, &made->device);
}

static int64_t device_of(struct room_rig *rig, const struct actor *actor)
{
	struct device_made made = {.user = actor->user};
	assert_rc(store_write(rig->store->store, device_make, &made, NULL), RC_OK);
	return made.device;
}

static void transaction_id_is_used_once(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}"), first, again, other;
	alice.device = device_of(rig, &alice);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "t1", "{\"body\":\"1\"}", &first), RC_OK);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "t1", "{\"body\":\"2\"}", &again), RC_OK);
	assert_true(str_eq(first, again));
	room_rig_reopen(rig); /* the head has forgotten: the unique index decides */
	size_t before = rig_event_count(rig, room_id);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "t1", "{\"body\":\"3\"}", &again), RC_OK);
	assert_true(str_eq(first, again));
	assert_int_equal(rig_event_count(rig, room_id), before);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "t2", "{\"body\":\"4\"}", &other), RC_OK);
	assert_false(str_eq(first, other));
	assert_chain(rig, room_id);
}

static void same_state_is_the_same_event(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}"), first, again, other;
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"name\":\"a\",\"x\":1}", &first), RC_OK);
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"x\":1, \"name\":\"a\"}", &again), RC_OK);
	assert_true(str_eq(first, again));
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"name\":\"b\"}", &other), RC_OK);
	assert_false(str_eq(first, other));
}

static const struct {
	const char *type, *content;
	bool is_state;
	enum rc rc;
} refused[] = {
	{"m.room.message", "[]", false, RC_BAD_JSON},
	{"m.room.message", "{\"a\":1.5}", false, RC_BAD_JSON},
	{"m.room.message", "{\"a\":9007199254740992}", false, RC_BAD_JSON},
	{"m.room.message", "{\"a\":1,\"a\":2}", false, RC_BAD_JSON},
	{"m.room.message", "{", false, RC_NOT_JSON},
	{"m.room.create", "{}", true, RC_FORBIDDEN},
	{"m.room.create", "{}", false, RC_FORBIDDEN},
	{"m.room.member", "{\"membership\":\"leave\",\"m.deactivated\":true}", true, RC_FORBIDDEN},
	{"m.room.member", "{\"membership\":\"leave\",\"org.matrix.msc3759.deactivated\":true}", true, RC_FORBIDDEN},
	{"m.room.member", "{\"membership\":\"join\",\"org.matrix.msc3759.deactivated\":false}", true, RC_FORBIDDEN},
	{"m.room.member", "{\"membership\":\"gone\"}", true, RC_BAD_JSON},
	{"m.room.canonical_alias", "{\"alias\":\"#no:localhost\"}", true, RC_BAD_ALIAS},
	{"m.room.canonical_alias", "{\"alias\":\"no\"}", true, RC_INVALID_PARAM},
	{"m.room.power_levels", "{\"users\":{\"@alice:localhost\":\"100\"}}", true, RC_BAD_JSON},
	{"m.room.redaction", "{}", false, RC_INVALID_PARAM},
};

static void bad_input_is_refused(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}");
	size_t before = rig_event_count(rig, room_id);
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		bool member = strcmp(refused[i].type, "m.room.member") == 0;
		enum rc rc = refused[i].is_state
			? rig_state(rig, &alice, room_id, refused[i].type, member ? alice.user_id : STR(""),
			            refused[i].content, NULL)
			: rig_send(rig, &alice, room_id, refused[i].type, "", refused[i].content, NULL);
		assert_rc_of(rc, refused[i].rc, refused[i].content);
	}
	assert_int_equal(rig_event_count(rig, room_id), before);
	assert_rc(rig_send(rig, &alice, STR("!no:localhost"), "m.room.message", "", "{}", NULL), RC_FORBIDDEN);
	struct actor bob = rig_user(rig, "bob");
	assert_rc(rig_send(rig, &bob, room_id, "m.room.message", "", "{}", NULL), RC_FORBIDDEN);
}

static void too_large_is_refused(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, "{}");
	char *content = malloc(70000);
	memset(content, 'x', 69999);
	content[69999] = '\0';
	memcpy(content, "{\"body\":\"", 9);
	memcpy(content + 69990, "\"}", 3);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", content, NULL), RC_TOO_LARGE);
	content[256] = '\0';
	assert_rc(rig_send(rig, &alice, room_id, content, "", "{}", NULL), RC_TOO_LARGE);
	free(content);
}

static enum rc redact(struct room_rig *rig, const struct actor *actor, str room_id, str event_id)
{
	struct room_send send = {.actor = *actor, .room_id = room_id, .type = STR("m.room.redaction"),
		.content = STR("{\"reason\":\"spam\"}"), .redacts = event_id, .arena = &rig->arena, .fail = &rig->fail};
	return room_send_wait(rig->rooms, &send);
}

static void redaction_prunes(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), bob = rig_user(rig, "bob"), carol = rig_user(rig, "carol");
	str room_id = rig_room(rig, &alice, "{\"preset\":\"public_chat\"}"), event_id, name_id;
	assert_rc(rig_join(rig, &bob, room_id), RC_OK);
	assert_rc(rig_join(rig, &carol, room_id), RC_OK);
	assert_rc(rig_send(rig, &bob, room_id, "m.room.message", "", "{\"body\":\"secret\"}", &event_id), RC_OK);
	assert_rc(redact(rig, &carol, room_id, event_id), RC_FORBIDDEN);
	assert_rc(redact(rig, &bob, room_id, STR("$nothing")), RC_NOT_FOUND);
	assert_rc(redact(rig, &bob, room_id, event_id), RC_OK);
	struct txn_ro *txn = fixture_read(rig->store);
	struct event_row row;
	assert_rc(event_find(txn, &rig->arena, event_id, &row), RC_OK);
	txn_ro_end(&txn);
	assert_true(row.redacted_by > 0);
	assert_int_equal(json_count(json_get(room_json(rig, row.canonical), STR("content"))), 0);
	/* redacted state counts as redacted at once: the same content is a change again */
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"name\":\"n\"}", &name_id), RC_OK);
	assert_rc(redact(rig, &alice, room_id, name_id), RC_OK);
	assert_rc(rig_state(rig, &alice, room_id, "m.room.name", STR(""), "{\"name\":\"n\"}", &event_id), RC_OK);
	assert_false(str_eq(name_id, event_id));
	assert_chain(rig, room_id);
}

static void old_generation_is_refused_at_commit(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice"), stale = alice;
	str room_id = rig_room(rig, &alice, "{}");
	stale.generation--;
	assert_rc(rig_send(rig, &stale, room_id, "m.room.message", "", "{}", NULL), RC_UNKNOWN_TOKEN);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{}", NULL), RC_OK);
	assert_chain(rig, room_id);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(many_senders_make_one_chain),
		ROOM_TEST(failed_commit_loses_nothing_acknowledged),
		ROOM_TEST(heads_are_evicted_and_read_again),
		ROOM_TEST(transaction_id_is_used_once),
		ROOM_TEST(same_state_is_the_same_event),
		ROOM_TEST(bad_input_is_refused),
		ROOM_TEST(too_large_is_refused),
		ROOM_TEST(redaction_prunes),
		ROOM_TEST(old_generation_is_refused_at_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
