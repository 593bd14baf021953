/* core/sync/typing: who types, until when, and who is told. */
#include "sync_rig.h"

#include <stdlib.h>

enum { TIMEOUT_MS = 1000, MANY_ROOMS = 20000, THREADS = 4, ROUNDS = 500 };

struct typing_rig {
	struct clock_fake fake;
	struct clock clock;
	struct notifier *notifier;
	struct typing *typing;
	struct arena arena;
};

static int setup(void **state)
{
	struct typing_rig *rig = calloc(1, sizeof *rig);
	rig->fake = (struct clock_fake){.wall_ms = 1000, .mono_ms = 1};
	rig->clock = clock_fake_make(&rig->fake);
	arena_init(&rig->arena, 64 << 20);
	if (notifier_new(&rig->notifier) != RC_OK || typing_new(&rig->clock, rig->notifier, &rig->typing) != RC_OK)
		return 1;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct typing_rig *rig = *state;
	typing_free(rig->typing);
	notifier_free(rig->notifier);
	arena_release(&rig->arena);
	free(rig);
	return 0;
}

/* The event of the room, or "" when nothing changed since. */
static str told(struct typing_rig *rig, int64_t room, int64_t since)
{
	struct buf out;
	buf_init(&out, &rig->arena, 1 << 20);
	bool changed = typing_put_event(rig->typing, room, since, &out);
	assert_int_equal(changed, buf_str(&out).n > 0);
	return buf_str(&out);
}

static size_t rooms_since(struct typing_rig *rig, int64_t since)
{
	int64_t *rooms;
	size_t count;
	assert_rc(typing_rooms_since(rig->typing, &rig->arena, since, &rooms, &count), RC_OK);
	return count;
}

#define EVENT(ids) STR("{\"content\":{\"user_ids\":[" ids "]},\"type\":\"m.typing\"}")

static void start_and_stop(void **state)
{
	struct typing_rig *rig = *state;
	int64_t begin = typing_serial(rig->typing);
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), 0), RC_OK); /* never began */
	assert_int_equal(typing_serial(rig->typing), begin);
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), TIMEOUT_MS), RC_OK);
	assert_str(told(rig, 1, begin), EVENT("\"@a:x\""));
	assert_str(told(rig, 1, 0), EVENT("\"@a:x\""));
	assert_int_equal(told(rig, 2, begin).n, 0);
	int64_t first = typing_serial(rig->typing);
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), TIMEOUT_MS), RC_OK); /* prolonged: no news */
	assert_int_equal(told(rig, 1, first).n, 0);
	assert_rc(typing_set(rig->typing, 1, 11, STR("@b:x"), TIMEOUT_MS), RC_OK);
	assert_str(told(rig, 1, first), EVENT("\"@a:x\",\"@b:x\""));
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), 0), RC_OK);
	assert_str(told(rig, 1, first), EVENT("\"@b:x\""));
	assert_rc(typing_set(rig->typing, 1, 11, STR("@b:x"), 0), RC_OK);
	assert_str(told(rig, 1, first), EVENT(""));
	assert_int_equal(told(rig, 1, 0).n, 0); /* a new client need not hear that nobody types */
	assert_int_equal(rooms_since(rig, first), 1);
	assert_int_equal(rooms_since(rig, typing_serial(rig->typing)), 0);
}

struct waiting {
	struct lock mu;
	struct cond changed;
	int wakes;
};

static void wake(void *self)
{
	struct waiting *waiting = self;
	lock_take(&waiting->mu);
	waiting->wakes++;
	lock_drop(&waiting->mu);
	cond_signal(&waiting->changed);
}

static void silence_ends_a_notice(void **state)
{
	struct typing_rig *rig = *state;
	static const int64_t room = 1;
	struct waiting waiting = {.wakes = 0};
	struct watch *watch;
	lock_init(&waiting.mu);
	cond_init(&waiting.changed);
	assert_rc(typing_set(rig->typing, room, 10, STR("@a:x"), TIMEOUT_MS), RC_OK);
	assert_rc(typing_set(rig->typing, room, 11, STR("@b:x"), TIMEOUT_MS * 10), RC_OK);
	int64_t before = typing_serial(rig->typing);
	assert_rc(watch_new(rig->notifier, 99, &room, 1, wake, &waiting, &watch), RC_OK);
	clock_fake_advance(&rig->fake, TIMEOUT_MS);
	assert_rc(typing_set(rig->typing, 2, 12, STR("@c:x"), TIMEOUT_MS), RC_OK); /* the thread looks at the clock */
	lock_take(&waiting.mu);
	while (!waiting.wakes)
		cond_wait(&waiting.changed, &waiting.mu);
	lock_drop(&waiting.mu);
	assert_str(told(rig, room, before), EVENT("\"@b:x\""));
	watch_free(watch);
	cond_destroy(&waiting.changed);
	lock_destroy(&waiting.mu);
}

static void who_is_gone_types_nowhere(void **state)
{
	struct typing_rig *rig = *state;
	for (int64_t room = 1; room <= 5; room++)
		assert_rc(typing_set(rig->typing, room, 10, STR("@a:x"), TIMEOUT_MS), RC_OK);
	assert_rc(typing_set(rig->typing, 5, 11, STR("@b:x"), TIMEOUT_MS), RC_OK);
	int64_t before = typing_serial(rig->typing);
	typing_drop_user(rig->typing, 10);
	assert_str(told(rig, 1, before), EVENT(""));
	assert_str(told(rig, 5, before), EVENT("\"@b:x\""));
	assert_int_equal(rooms_since(rig, before), 5);
}

/* Quiet rooms are forgotten; whom that concerns is told that nobody types there. */
static void memory_is_bounded(void **state)
{
	struct typing_rig *rig = *state;
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), TIMEOUT_MS), RC_OK);
	int64_t old = typing_serial(rig->typing);
	assert_rc(typing_set(rig->typing, 1, 10, STR("@a:x"), 0), RC_OK);
	for (int64_t room = 2; room < MANY_ROOMS; room++) {
		assert_rc(typing_set(rig->typing, room, 10, STR("@a:x"), TIMEOUT_MS), RC_OK);
		assert_rc(typing_set(rig->typing, room, 10, STR("@a:x"), 0), RC_OK);
		clock_fake_advance(&rig->fake, 1000);
	}
	assert_true(rooms_since(rig, 1) < MANY_ROOMS / 2);
	assert_str(told(rig, 1, old), EVENT(""));
	assert_int_equal(told(rig, 1, typing_serial(rig->typing)).n, 0);
	assert_int_equal(told(rig, 1, 0).n, 0);
}

static void a_room_has_a_limit(void **state)
{
	struct typing_rig *rig = *state;
	for (int64_t user = 1; user <= 500; user++)
		assert_rc(typing_set(rig->typing, 1, user, STR("@a:x"), TIMEOUT_MS), RC_OK);
	assert_true(told(rig, 1, 0).n < 1000);
}

static void without_memory_it_fails_and_goes_on(void **state)
{
	struct typing_rig *rig = *state;
	int failures = 0;
	enum rc rc;
	do {
		arena_fail_after(failures);
		rc = typing_set(rig->typing, 1, 10, STR("@a:x"), TIMEOUT_MS);
		arena_fail_after(-1);
	} while (rc == RC_NOMEM && ++failures < 20);
	assert_rc(rc, RC_OK);
	assert_true(failures > 0);
	assert_str(told(rig, 1, 0), EVENT("\"@a:x\""));
}

struct typist_thread {
	struct typing_rig *rig;
	int64_t user;
	thread thread;
};

static void *type_on(void *arg)
{
	struct typist_thread *typist = arg;
	struct arena arena CLEANUP(arena_release);
	arena_init(&arena, 64 << 20);
	for (int i = 0; i < ROUNDS; i++) {
		struct buf out;
		int64_t *rooms;
		size_t count;
		buf_init(&out, &arena, 1 << 20);
		if (typing_set(typist->rig->typing, i % 7 + 1, typist->user, STR("@a:x"), i % 3) != RC_OK ||
		    typing_rooms_since(typist->rig->typing, &arena, 1, &rooms, &count) != RC_OK)
			return NULL;
		typing_put_event(typist->rig->typing, i % 7 + 1, 1, &out);
		clock_fake_advance(&typist->rig->fake, 1);
		if (i % 50 == 0)
			typing_drop_user(typist->rig->typing, typist->user);
		arena_clear(&arena);
	}
	typing_drop_user(typist->rig->typing, typist->user);
	return typist;
}

static void threads_type_together(void **state)
{
	struct typist_thread typists[THREADS];
	for (int i = 0; i < THREADS; i++) {
		typists[i] = (struct typist_thread){.rig = *state, .user = i + 1};
		assert_rc(thread_start(&typists[i].thread, "typist", type_on, &typists[i]), RC_OK);
	}
	for (int i = 0; i < THREADS; i++)
		thread_join(typists[i].thread);
	for (int64_t room = 1; room <= 7; room++)
		assert_int_equal(told(*state, room, 0).n, 0);
}

/* Through /sync. */

static enum rc type(struct sync_rig *rig, const struct actor *actor, str room_id, int64_t timeout_ms)
{
	struct client client = client_of(actor);
	struct fail fail = {0};
	return sync_set_typing(rig->syncs, &rig->room->arena, &client.session, room_id, timeout_ms, &fail);
}

static void members_are_told(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob"),
		eve = rig_user(rig->room, "eve");
	str room_id = rig_room(rig->room, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	struct client by_bob = client_of(&bob), by_eve = client_of(&eve), picky = by_bob;
	picky.filter = "{\"room\":{\"ephemeral\":{\"not_types\":[\"m.typing\"]}}}";
	client_sync(rig, &by_bob);
	client_sync(rig, &by_eve);
	client_sync(rig, &picky);
	assert_rc(type(rig, &eve, room_id, TIMEOUT_MS), RC_FORBIDDEN);
	assert_rc(type(rig, &eve, STR("!none:localhost"), TIMEOUT_MS), RC_FORBIDDEN);
	assert_rc(type(rig, &alice, room_id, INT64_MAX), RC_OK); /* cut to the limit */
	json room = room_in(client_sync(rig, &by_bob), "join", room_id);
	assert_str(json_text_or(json_at(dig(event_of(room, "ephemeral", "m.typing", STR_EMPTY), "content/user_ids"), 0),
	                        STR_EMPTY), alice.user_id);
	client_sync(rig, &by_bob);
	assert_true(by_bob.empty);
	client_sync(rig, &by_eve);
	assert_true(by_eve.empty);
	client_sync(rig, &picky);
	assert_true(picky.empty);
	assert_rc(rig_leave(rig->room, &bob, room_id), RC_OK);
	client_sync(rig, &by_bob);
	assert_rc(type(rig, &alice, room_id, 0), RC_OK);
	client_sync(rig, &by_bob); /* not for those who left */
	assert_true(by_bob.empty);
}

static void a_deactivated_user_stops_typing(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str room_id = rig_room(rig->room, &alice, "{\"preset\":\"public_chat\"}");
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	struct client by_alice = client_of(&alice);
	assert_rc(type(rig, &bob, room_id, TIMEOUT_MS), RC_OK);
	client_sync(rig, &by_alice);
	fixture_deactivate(rig->room->store, bob.user);
	assert_rc(type(rig, &bob, room_id, TIMEOUT_MS), RC_UNKNOWN_TOKEN); /* came too late, and takes all with it */
	json room = room_in(client_sync(rig, &by_alice), "join", room_id);
	assert_int_equal(json_count(dig(event_of(room, "ephemeral", "m.typing", STR_EMPTY), "content/user_ids")), 0);
	assert_false(by_alice.empty);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SYNC_TEST(name) cmocka_unit_test_setup_teardown(name, sync_rig_setup, sync_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(start_and_stop),
		TEST(silence_ends_a_notice),
		TEST(who_is_gone_types_nowhere),
		TEST(memory_is_bounded),
		TEST(a_room_has_a_limit),
		TEST(without_memory_it_fails_and_goes_on),
		TEST(threads_type_together),
		SYNC_TEST(members_are_told),
		SYNC_TEST(a_deactivated_user_stops_typing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
