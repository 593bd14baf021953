/* core/sync: which room stands in which part, and what of it is told. */
#include "sync_rig.h"

#define PUBLIC "{\"preset\":\"public_chat\"}"
#define SECRET                                                                                               \
	"{\"preset\":\"public_chat\",\"initial_state\":[{\"type\":\"m.room.history_visibility\",\"content\":" \
	"{\"history_visibility\":\"joined\"}}]}"

enum { STEPS_MAX = 8 };

static const char *const sections[] = {"join", "invite", "knock", "leave"};

static void say(struct sync_rig *rig, const struct actor *actor, str room_id, const char *body)
{
	str content = arena_printf(&rig->room->arena, "{\"body\":\"%s\",\"msgtype\":\"m.text\"}", body);
	assert_rc(rig_send(rig->room, actor, room_id, "m.room.message", "", arena_cstr(&rig->room->arena, content), NULL),
	          RC_OK);
}

static void topic(struct sync_rig *rig, const struct actor *actor, str room_id, const char *text)
{
	str content = arena_printf(&rig->room->arena, "{\"topic\":\"%s\"}", text);
	assert_rc(rig_state(rig->room, actor, room_id, "m.room.topic", STR_EMPTY, arena_cstr(&rig->room->arena, content),
	                    NULL), RC_OK);
}

static bool in_text(json v, const char *needle)
{
	struct arena arena CLEANUP(arena_release);
	struct buf buf;
	arena_init(&arena, 64 << 20);
	buf_init(&buf, &arena, 64 << 20);
	json_put(&buf, v);
	str text = buf_str(&buf);
	return memmem(text.p, text.n, needle, strlen(needle)) != NULL;
}

/* The part in which the room stands; "" for none, and never in two. */
static const char *part_of(json answer, str room_id)
{
	const char *found = "";
	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		if (!room_in(answer, sections[i], room_id))
			continue;
		assert_string_equal(found, "");
		found = sections[i];
	}
	return found;
}

/*
 * What bob does, or has done to him, before and after his token was given out: j joins, l leaves, i is invited, k is
 * kicked, b banned, u unbanned, f forgets; at s somebody else says something.
 */
struct part_row {
	const char *before, *after, *part, *part_of_initial;
	bool tells_state; /* in the incremental answer, something of the room beyond bob's own member event */
	bool whole;       /* and that is all of it */
};

static const struct part_row part_rows[] = {
	{"", "", "", "", false, false},
	{"", "j", "join", "join", true, true},
	{"j", "", "", "join", false, false},
	{"j", "l", "leave", "", false, false},
	{"j", "sl", "leave", "", true, false},
	{"j", "sk", "leave", "", true, false},
	{"j", "sb", "leave", "", true, false},
	{"j", "lj", "join", "join", true, false},
	{"j", "kij", "join", "join", true, false},
	{"jl", "", "", "", false, false},
	{"jl", "j", "join", "join", true, true},
	{"jl", "i", "invite", "invite", false, false},
	{"jl", "b", "leave", "", false, false},
	{"jb", "u", "leave", "", false, false},
	{"jb", "ui", "invite", "invite", false, false},
	{"j", "lf", "leave", "", false, false},
	{"jlf", "", "", "", false, false},
	{"jlf", "j", "join", "join", true, true},
	{"", "i", "invite", "invite", false, false},
	{"i", "", "", "invite", false, false},
	{"i", "j", "join", "join", true, true},
	{"i", "l", "leave", "", false, false},
	{"i", "k", "leave", "", false, false},
	{"i", "b", "leave", "", false, false},
	{"", "il", "leave", "", false, false},
	{"", "jl", "leave", "", true, true},
	{"", "b", "leave", "", false, false},
	{"b", "", "", "", false, false},
};

static enum rc forget_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct member_row *member = arg;
	return room_forget(txn, member->room, member->user);
}

static enum rc forget(struct room_rig *room, const struct actor *actor, str room_id)
{
	struct member_row member = {.room = rig_row(room, room_id).room, .user = actor->user};
	return store_write(room->store->store, forget_write, &member, NULL);
}

static void steps(struct sync_rig *rig, const char *list, const struct actor *alice, const struct actor *bob, str room_id)
{
	struct room_rig *room = rig->room;
	for (; *list; list++) {
		rig_verb *verb = *list == 'i' ? room_invite : *list == 'k' ? room_kick : *list == 'b' ? room_ban : room_unban;
		enum rc rc = *list == 's'   ? RC_OK
		             : *list == 'j' ? rig_join(room, bob, room_id)
		             : *list == 'l' ? rig_leave(room, bob, room_id)
		             : *list == 'f' ? forget(room, bob, room_id)
		                            : rig_member(room, verb, alice, room_id, bob->user_id);
		assert_rc_of(rc, RC_OK, list);
		say(rig, alice, room_id, list);
		if (*list != 'j' && *list != 's')
			topic(rig, alice, room_id, "not for those outside");
	}
}

static void every_change_has_its_part(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	for (size_t i = 0; i < COUNT_OF(part_rows); i++) {
		const struct part_row *row = &part_rows[i];
		str name = arena_printf(&rig->room->arena, "bob%zu", i);
		struct actor bob = rig_user(rig->room, arena_cstr(&rig->room->arena, name));
		str room_id = rig_room(rig->room, &alice, SECRET);
		struct client client = client_of(&bob), fresh = client;
		print_message("before '%s', after '%s'\n", row->before, row->after);
		steps(rig, row->before, &alice, &bob, room_id);
		client_sync(rig, &client);
		steps(rig, row->after, &alice, &bob, room_id);
		json answer = client_sync(rig, &client);
		assert_string_equal(part_of(answer, room_id), row->part);
		assert_int_equal(client.empty, !*row->part);
		assert_string_equal(part_of(client_sync(rig, &fresh), room_id), row->part_of_initial);
		json told = room_in(answer, row->part, room_id);
		assert_int_equal(told && in_text(told, "@alice:localhost") && events_at(told, "timeline") +
			events_at(told, "state") > 1, row->tells_state);
		assert_int_equal(event_of(told, "state", "m.room.create", STR_EMPTY) ||
			event_of(told, "timeline", "m.room.create", STR_EMPTY), row->whole);
		if (!strcmp(row->part, "leave"))
			assert_false(in_text(told, "not for those outside"));
		assert_true(!told || in_text(told, arena_cstr(&rig->room->arena, bob.user_id)));
		answer = client_sync(rig, &client); /* and never again */
		assert_string_equal(part_of(answer, room_id), "");
		assert_true(client.empty);
	}
}

static void left_rooms_are_told_when_wanted(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str left = rig_room(rig->room, &alice, PUBLIC), forgotten = rig_room(rig->room, &alice, PUBLIC);
	steps(rig, "jl", &alice, &bob, left);
	steps(rig, "jlf", &alice, &bob, forgotten);
	struct client client = client_of(&bob);
	client.filter = "{\"room\":{\"include_leave\":true}}";
	json room = room_in(client_sync(rig, &client), "leave", left);
	assert_non_null(room);
	assert_false(in_text(room, "not for those outside"));
	assert_string_equal(part_of(client_sync(rig, &client), left), "");
	client.full_state = true;
	json answer = client_sync(rig, &client);
	assert_string_equal(part_of(answer, left), "leave");
	assert_string_equal(part_of(answer, forgotten), "");
	assert_non_null(event_of(room_in(answer, "leave", left), "state", "m.room.create", STR_EMPTY));
}

static void an_invite_shows_stripped_state(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str room_id = rig_room(rig->room, &alice, "{\"name\":\"den\",\"invite\":[\"@bob:localhost\"]}");
	struct client client = client_of(&bob);
	json room = room_in(client_sync(rig, &client), "invite", room_id), event;
	struct json_iter iter = json_iter(dig(room, "invite_state/events"));
	assert_non_null(event_of(room, "invite_state", "m.room.name", STR_EMPTY));
	assert_non_null(event_of(room, "invite_state", "m.room.create", STR_EMPTY));
	assert_non_null(event_of(room, "invite_state", "m.room.member", bob.user_id));
	while (json_next(&iter, NULL, &event))
		assert_int_equal(json_count(event), 4); /* content, sender, state_key, type */
}

/* A rejoin with hidden events between: the timeline begins at the join, and the state has what was missed. */
static void a_gap_ends_the_timeline(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str room_id = rig_room(rig->room, &alice, SECRET);
	struct client client = client_of(&bob);
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	client_sync(rig, &client);
	say(rig, &alice, room_id, "seen");
	assert_rc(rig_leave(rig->room, &bob, room_id), RC_OK);
	say(rig, &alice, room_id, "unseen");
	topic(rig, &alice, room_id, "changed meanwhile");
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	json room = room_in(client_sync(rig, &client), "join", room_id);
	assert_int_equal(events_at(room, "timeline"), 1);
	assert_true(json_is_true(dig(room, "timeline/limited")));
	assert_non_null(event_of(room, "state", "m.room.topic", STR_EMPTY));
	assert_false(in_text(room, "unseen"));
}

struct limit_row {
	const char *filter;
	size_t sent, shown;
	bool limited, has_topic_in_state, written;
};

static void limits_and_filters(void **state)
{
	static const struct limit_row rows[] = {
		{NULL, 3, 3, false, false, true},
		{NULL, 10, 10, false, false, true},
		{NULL, 11, 10, true, true, true},
		{"{\"room\":{\"timeline\":{\"limit\":1}}}", 3, 1, true, true, true},
		{"{\"room\":{\"timeline\":{\"limit\":0}}}", 3, 0, true, true, true},
		{"{\"room\":{\"timeline\":{\"limit\":0}}}", 0, 0, false, false, false},
		{"{\"room\":{\"timeline\":{\"types\":[\"m.room.message\"]}}}", 3, 2, false, true, true},
		{"{\"room\":{\"timeline\":{\"types\":[]},\"state\":{\"types\":[]}}}", 3, 0, false, false, false},
		{"{\"room\":{\"timeline\":{\"rooms\":[]}}}", 3, 0, false, true, true},
		{"{\"room\":{\"timeline\":{\"rooms\":[]},\"state\":{\"rooms\":[]}}}", 3, 0, false, false, false},
		{"{\"room\":{\"rooms\":[]}}", 3, 0, false, false, false},
		{"{\"room\":{\"timeline\":{\"limit\":1,\"types\":[\"m.room.topic\"]}}}", 20, 1, false, false, true},
	};
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct limit_row *row = &rows[i];
		str room_id = rig_room(rig->room, &alice, PUBLIC);
		struct client client = client_of(&alice);
		client.filter = row->filter;
		print_message("row %zu: %s\n", i, row->filter ? row->filter : "no filter");
		client_sync(rig, &client);
		for (size_t sent = 0; sent < row->sent; sent++)
			sent == 0 ? topic(rig, &alice, room_id, "new") : say(rig, &alice, room_id, "x");
		json room = room_in(client_sync(rig, &client), "join", room_id);
		assert_int_equal(room != NULL, row->written);
		assert_int_equal(client.empty, !row->written);
		assert_int_equal(events_at(room, "timeline"), row->shown);
		assert_int_equal(json_is_true(dig(room, "timeline/limited")), row->limited);
		assert_int_equal(event_of(room, "state", "m.room.topic", STR_EMPTY) != NULL, row->has_topic_in_state);
	}
}

/* prev_batch and what /messages gives before it meet without hole or double. */
static void prev_batch_meets_history(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	str room_id = rig_room(rig->room, &alice, PUBLIC);
	struct client client = client_of(&alice);
	for (size_t i = 0; i < 30; i++)
		say(rig, &alice, room_id, "x");
	json room = room_in(client_sync(rig, &client), "join", room_id);
	size_t count, shown = events_at(room, "timeline");
	struct event_row *all = rig_events(rig->room, room_id, &count), *before;
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->room->store);
	int64_t pos;
	bool more;
	assert_rc(sync_position_parse(rig->syncs, json_get_text(dig(room, "timeline"), STR("prev_batch")), &pos, NULL),
	          RC_OK);
	size_t older;
	assert_rc(events_between(txn, &rig->room->arena, all->room, 0, pos, true, 1, &before, &older, &more), RC_OK);
	assert_str(before->event_id, all[count - shown - 1].event_id);
	assert_str(json_get_text(json_at(dig(room, "timeline/events"), 0), STR("event_id")), all[count - shown].event_id);
}

static void lazy_members_are_those_who_speak(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob"),
		carol = rig_user(rig->room, "carol");
	str room_id = rig_room(rig->room, &alice, PUBLIC);
	for (size_t i = 0; i < 8; i++) {
		str extra = arena_printf(&rig->room->arena, "extra%zu", i);
		struct actor member = rig_user(rig->room, arena_cstr(&rig->room->arena, extra));
		assert_rc(rig_join(rig->room, &member, room_id), RC_OK);
	}
	str extra = STR("@extra7:localhost");
	assert_rc(rig_join(rig->room, &carol, room_id), RC_OK);
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	for (size_t i = 0; i < 12; i++)
		say(rig, &carol, room_id, "x");
	struct client client = client_of(&bob);
	client.filter = "{\"room\":{\"state\":{\"lazy_load_members\":true},\"timeline\":{\"limit\":5}}}";
	json room = room_in(client_sync(rig, &client), "join", room_id);
	assert_non_null(event_of(room, "state", "m.room.member", carol.user_id));
	assert_non_null(event_of(room, "state", "m.room.member", bob.user_id)); /* oneself */
	assert_non_null(event_of(room, "state", "m.room.member", alice.user_id)); /* a hero */
	assert_null(event_of(room, "state", "m.room.member", extra));
	assert_int_equal(json_count(dig(room, "summary/m.heroes")), 5);
	say(rig, &alice, room_id, "now me");
	room = room_in(client_sync(rig, &client), "join", room_id);
	assert_int_equal(events_at(room, "state"), 1);
	assert_non_null(event_of(room, "state", "m.room.member", alice.user_id));
	assert_null(dig(room, "summary"));
	/* in a gap, membership changes are not lost, and none is told twice */
	assert_rc(rig_member(rig->room, room_kick, &alice, room_id, extra), RC_OK);
	assert_rc(rig_leave(rig->room, &carol, room_id), RC_OK);
	assert_rc(rig_join(rig->room, &carol, room_id), RC_OK);
	for (size_t i = 0; i < 7; i++)
		say(rig, &carol, room_id, "x");
	room = room_in(client_sync(rig, &client), "join", room_id);
	assert_non_null(event_of(room, "state", "m.room.member", extra));
	assert_non_null(event_of(room, "state", "m.room.member", carol.user_id));
	json event, events = dig(room, "state/events");
	struct json_iter iter = json_iter(events);
	size_t carols = 0;
	while (json_next(&iter, NULL, &event))
		carols += str_eq(json_get_text(event, STR("state_key")), carol.user_id);
	assert_int_equal(carols, 1);
	assert_non_null(dig(room, "summary"));
}

static void tokens_of_others_are_refused(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	struct client client = client_of(&alice);
	client_sync(rig, &client);
	str tag = store_tag(rig->room->store->store);
	static const struct {
		const char *before, *after; /* the tag */
		enum rc rc;
	} rows[] = {
		{"s0_0_", "", RC_OK},
		{"s0_99999999999999_", "", RC_OK},
		{"s99999_0_", "", RC_INVALID_PARAM},
		{"s-1_0_", "", RC_INVALID_PARAM},
		{"s0_-1_", "", RC_INVALID_PARAM},
		{"s0_0_", "x", RC_INVALID_PARAM},
		{"s0_0_x", "", RC_INVALID_PARAM},
		{"s0_0_", "_", RC_INVALID_PARAM},
		{"s0_", "", RC_INVALID_PARAM},
		{"t0_0_", "", RC_INVALID_PARAM},
		{"t0_", "", RC_INVALID_PARAM},
		{" s0_0_", "", RC_INVALID_PARAM},
		{"s99999999999999999999_0_", "", RC_INVALID_PARAM},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char token[128];
		json answer;
		struct fail fail = {0};
		str before = client.since;
		snprintf(token, sizeof token, "%s%.*s%s", rows[i].before, STR_ARG(tag), rows[i].after);
		client.since = str_of(token);
		assert_rc_of(client_try(rig, &client, &fail, &answer), rows[i].rc, token);
		client.since = before;
	}
	static const char *const garbage[] = {"s", "s0", "s0_0", "s0_0_", "x", "s0_0_abcdefgh", "ss0_0_abcdefgh", "\xff"};
	for (size_t i = 0; i < COUNT_OF(garbage); i++) {
		json answer;
		int64_t pos;
		struct fail fail = {0};
		client.since = str_of(garbage[i]);
		assert_rc_of(client_try(rig, &client, &fail, &answer), RC_INVALID_PARAM, garbage[i]);
		assert_true(strstr(fail.message, "since") != NULL);
		assert_rc_of(sync_position_parse(rig->syncs, str_of(garbage[i]), &pos, NULL), RC_INVALID_PARAM, garbage[i]);
	}
}

static void an_ended_session_gets_nothing(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	struct client client = client_of(&alice), stranger = client;
	struct fail fail = {0};
	json answer;
	struct watch *watch;
	client_sync(rig, &client);
	stranger.session.device = 77; /* logged out: the device is gone */
	stranger.session.device_id = STR("GONE");
	assert_rc(client_try(rig, &stranger, &fail, &answer), RC_UNKNOWN_TOKEN);
	fixture_deactivate(rig->room->store, alice.user);
	assert_rc(client_try(rig, &client, &fail, &answer), RC_UNKNOWN_TOKEN);
	assert_rc(sync_watch(rig->syncs, &rig->room->arena, &client.session, &client.mark, NULL, NULL, &watch),
	          RC_UNKNOWN_TOKEN);
}

static void count_wake(void *self)
{
	__atomic_add_fetch((int *)self, 1, __ATOMIC_RELAXED);
}

static void a_watch_misses_nothing(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	str room_id = rig_room(rig->room, &alice, PUBLIC);
	struct client client = client_of(&alice);
	struct watch *watch;
	int wakes = 0;
	client_sync(rig, &client);
	assert_rc(sync_watch(rig->syncs, &rig->room->arena, &client.session, &client.mark, count_wake, &wakes, &watch),
	          RC_OK);
	assert_int_equal(wakes, 0);
	notify_room(rig->notifier, rig_row(rig->room, room_id).room);
	assert_int_equal(wakes, 1);
	watch_free(watch);
	say(rig, &alice, room_id, "between the answer and the watch");
	assert_rc(sync_watch(rig->syncs, &rig->room->arena, &client.session, &client.mark, count_wake, &wakes, &watch),
	          RC_OK);
	assert_int_equal(wakes, 2);
	watch_free(watch);
}

static struct client reads(struct sync_rig *rig, const struct actor *actor)
{
	struct client client = client_of(actor);
	client_sync(rig, &client);
	return client;
}

static void receipt(struct sync_rig *rig, const struct actor *actor, str room_id, const char *type, str event_id,
                    const char *thread_id, enum rc rc)
{
	struct fail fail = {0};
	struct client client = client_of(actor);
	struct read_mark mark = {
		.type = str_of(type), .event_id = event_id, .thread_id = str_of(thread_id), .field = "eventId"};
	assert_rc(sync_set_read_marks(rig->syncs, &rig->room->arena, &client.session, room_id, &mark, 1, &fail), rc);
}

static void receipts_reach_whom_they_should(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob"),
		eve = rig_user(rig->room, "eve");
	str room_id = rig_room(rig->room, &alice, PUBLIC), other = rig_room(rig->room, &alice, PUBLIC), event_id, foreign;
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	assert_rc(rig_send(rig->room, &alice, room_id, "m.room.message", "", "{}", &event_id), RC_OK);
	assert_rc(rig_send(rig->room, &alice, other, "m.room.message", "", "{}", &foreign), RC_OK);
	struct client by_alice = reads(rig, &alice), by_bob = reads(rig, &bob);
	char path[300];
	const char *in_thread = arena_cstr(&rig->room->arena, event_id);
	receipt(rig, &bob, room_id, "m.read.private", event_id, "", RC_OK);
	client_sync(rig, &by_alice);
	assert_true(by_alice.empty);
	snprintf(path, sizeof path, "%.*s/m.read.private/@bob:localhost", STR_ARG(event_id));
	json room = room_in(client_sync(rig, &by_bob), "join", room_id);
	json content = json_get(event_of(room, "ephemeral", "m.receipt", STR_EMPTY), STR("content"));
	assert_non_null(dig(content, path));
	/* unthreaded, main and a thread on one event: three events, since the form has room for one */
	receipt(rig, &bob, room_id, "m.read", event_id, "", RC_OK);
	receipt(rig, &bob, room_id, "m.read", event_id, "main", RC_OK);
	receipt(rig, &bob, room_id, "m.read", event_id, in_thread, RC_OK);
	receipt(rig, &alice, room_id, "m.read", event_id, "", RC_OK);
	room = room_in(client_sync(rig, &by_alice), "join", room_id);
	assert_int_equal(events_at(room, "ephemeral"), 3);
	assert_true(in_text(room, in_thread) && in_text(room, "\"thread_id\":\"main\""));
	assert_true(in_text(room, "@alice:localhost"));
	receipt(rig, &bob, room_id, "m.fully_read", event_id, "", RC_OK);
	client_sync(rig, &by_alice);
	assert_true(by_alice.empty);
	room = room_in(client_sync(rig, &by_bob), "join", room_id);
	assert_str(json_get_text(json_get(event_of(room, "account_data", "m.fully_read", STR_EMPTY), STR("content")),
	                         STR("event_id")), event_id);
	receipt(rig, &bob, room_id, "m.fully_read", event_id, "main", RC_INVALID_PARAM);
	receipt(rig, &bob, room_id, "m.read", event_id, "neither", RC_INVALID_PARAM);
	receipt(rig, &bob, room_id, "m.read", foreign, "", RC_NOT_FOUND);
	receipt(rig, &bob, room_id, "m.read", STR("$none"), "", RC_NOT_FOUND);
	receipt(rig, &eve, room_id, "m.read", event_id, "", RC_FORBIDDEN);
	receipt(rig, &eve, STR("!none:localhost"), "m.read", event_id, "", RC_FORBIDDEN);
	receipt(rig, &bob, room_id, "m.read", event_id, arena_cstr(&rig->room->arena, foreign), RC_INVALID_PARAM);
	assert_rc(rig_send(rig->room, &alice, room_id, "m.room.message", "", "{}", &event_id), RC_OK);
	client_sync(rig, &by_alice);
	by_alice.filter = "{\"room\":{\"ephemeral\":{\"types\":[]}}}";
	receipt(rig, &bob, room_id, "m.read", event_id, "", RC_OK);
	client_sync(rig, &by_alice);
	assert_true(by_alice.empty);
}

static void account_data_of_a_new_room_is_told(void **state)
{
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str room_id = rig_room(rig->room, &alice, PUBLIC), event_id;
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	assert_rc(rig_send(rig->room, &alice, room_id, "m.room.message", "", "{}", &event_id), RC_OK);
	receipt(rig, &bob, room_id, "m.fully_read", event_id, "", RC_OK);
	assert_rc(rig_leave(rig->room, &bob, room_id), RC_OK);
	struct client client = reads(rig, &bob);
	assert_rc(rig_join(rig->room, &bob, room_id), RC_OK);
	json room = room_in(client_sync(rig, &client), "join", room_id);
	assert_non_null(event_of(room, "account_data", "m.fully_read", STR_EMPTY));
	fixture_account_data(rig->room->store, bob.user, "org.example", "{\"a\":1}");
	json answer = client_sync(rig, &client);
	assert_false(client.empty);
	assert_non_null(event_of(answer, "account_data", "org.example", STR_EMPTY));
	client_sync(rig, &client);
	assert_true(client.empty);
}

static void a_large_room_needs_little_memory(void **state)
{
	enum { MEMBERS = 300 };
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice");
	str room_id = rig_room(rig->room, &alice, PUBLIC);
	for (size_t i = 0; i < MEMBERS; i++) {
		str name = arena_printf(&rig->room->arena, "m%zu", i);
		struct actor member = rig_user(rig->room, arena_cstr(&rig->room->arena, name));
		assert_rc(rig_join(rig->room, &member, room_id), RC_OK);
	}
	struct client client = client_of(&alice);
	struct arena arena CLEANUP(arena_release), answer CLEANUP(arena_release);
	struct buf out;
	struct sync_request request = {.session = &client.session};
	arena_init(&arena, 256 << 10);
	arena_init(&answer, 64 << 20);
	buf_init(&out, &answer, 64 << 20);
	assert_rc(sync_answer(rig->syncs, &arena, &request, &out, &client.mark, &rig->room->fail), RC_OK);
	json room = room_in(room_json(rig->room, buf_str(&out)), "join", room_id);
	assert_int_equal(events_at(room, "state") + events_at(room, "timeline"), rig_event_count(rig->room, room_id));
}

/* Every allocation fails once: a clear outcome each time, nothing held, and the next sync is whole. */
static void without_memory_it_fails_cleanly(void **state)
{
	static const char *const filters[] = {
		"{\"room\":{\"include_leave\":true,\"timeline\":{\"limit\":3,\"not_types\":[\"m.room.topic\"]}}}",
		"{\"room\":{\"state\":{\"lazy_load_members\":true}}}",
	};
	struct sync_rig *rig = *state;
	struct actor alice = rig_user(rig->room, "alice"), bob = rig_user(rig->room, "bob");
	str joined = rig_room(rig->room, &alice, PUBLIC), left = rig_room(rig->room, &alice, PUBLIC), event_id;
	rig_room(rig->room, &alice, "{\"invite\":[\"@bob:localhost\"]}");
	steps(rig, "jsl", &alice, &bob, left);
	steps(rig, "jsss", &alice, &bob, joined);
	topic(rig, &alice, joined, "t");
	assert_rc(rig_send(rig->room, &alice, joined, "m.room.message", "", "{}", &event_id), RC_OK);
	receipt(rig, &bob, joined, "m.fully_read", event_id, "", RC_OK);
	receipt(rig, &alice, joined, "m.read", event_id, "", RC_OK);
	for (size_t i = 0; i < COUNT_OF(filters); i++) {
		struct client client = client_of(&bob);
		struct filter filter;
		struct sync_request request = {.session = &client.session, .filter = &filter};
		enum rc rc = RC_NOMEM;
		int64_t failures = 0;
		assert_rc(filter_parse(&rig->room->arena, str_of(filters[i]), &filter, NULL), RC_OK);
		for (; rc != RC_OK; failures++) {
			struct arena scratch CLEANUP(arena_release);
			struct buf out;
			struct watch *watch = NULL;
			arena_init(&scratch, 64 << 20);
			buf_init(&out, &scratch, 64 << 20);
			arena_fail_after(failures);
			rc = sync_answer(rig->syncs, &scratch, &request, &out, &client.mark, NULL);
			if (rc == RC_OK)
				rc = sync_watch(rig->syncs, &scratch, &client.session, &client.mark, NULL, NULL, &watch);
			arena_fail_after(-1);
			watch_free(watch);
			if (rc != RC_OK)
				assert_rc(rc, RC_NOMEM);
		}
		assert_true(failures > 10);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sync_rig_setup, sync_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_change_has_its_part),
		TEST(left_rooms_are_told_when_wanted),
		TEST(an_invite_shows_stripped_state),
		TEST(a_gap_ends_the_timeline),
		TEST(limits_and_filters),
		TEST(prev_batch_meets_history),
		TEST(lazy_members_are_those_who_speak),
		TEST(tokens_of_others_are_refused),
		TEST(an_ended_session_gets_nothing),
		TEST(a_watch_misses_nothing),
		TEST(receipts_reach_whom_they_should),
		TEST(account_data_of_a_new_room_is_told),
		TEST(a_large_room_needs_little_memory),
		TEST(without_memory_it_fails_cleanly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
