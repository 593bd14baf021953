/* core/room: events of others, forks and their merges, what is refused and how it is kept. */
#include "pdu_rig.h"

#define BOB "@bob:remote.example"
#define EVE "@eve:remote.example"
#define PUBLIC "{\"preset\":\"public_chat\"}"

enum { CROWD = 1000 };

static str public_room(struct room_rig *rig, const struct actor *actor, const char *version)
{
	char request[100];
	snprintf(request, sizeof request, "{\"preset\":\"public_chat\",\"room_version\":\"%s\"}", version);
	return rig_room(rig, actor, request);
}

static struct pdu_wish message(const char *sender, str prev)
{
	struct pdu_wish wish = {.sender = sender, .type = "m.room.message",
		.content = "{\"body\":\"hello\",\"msgtype\":\"m.text\"}"};
	if (prev.n) {
		wish.prev[0] = prev;
		wish.prev_count = 1;
	}
	return wish;
}

static json prev_events_of(struct room_rig *rig, str event_id)
{
	return json_get(room_json(rig, pdu_row(rig, event_id).canonical), STR("prev_events"));
}

/* v1 and v2 have pairs. */
static str link_text(json link)
{
	return json_is_array(link) ? json_text_or(json_at(link, 0), STR_EMPTY) : json_text_or(link, STR_EMPTY);
}

static bool is_linked(json links, str event_id)
{
	struct json_iter iter = json_iter(links);
	json link;
	while (json_next(&iter, NULL, &link))
		if (str_eq(link_text(link), event_id))
			return true;
	return false;
}

static void linear_events_follow_the_head(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < count; i++) {
		str room_id = public_room(rig, &alice, arena_cstr(&rig->arena, versions[i].name));
		struct pdu join = pdu_join(rig, room_id, BOB);
		assert_str(rig_row(rig, room_id).head_event_id, join.event_id);
		assert_str(pdu_state(rig, room_id, "m.room.member", STR(BOB)), join.event_id);
		str sent;
		assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{\"body\":\"hi\"}", &sent), RC_OK);
		assert_true(is_linked(prev_events_of(rig, sent), join.event_id));
		struct pdu_wish answer = message(BOB, STR_EMPTY);
		struct pdu given = pdu_given(rig, room_id, &answer, RECEIPT_ACCEPTED);
		assert_int_equal(pdu_receive(rig, room_id, given.text).verdict, RECEIPT_KNOWN);
		assert_int_equal(pdu_extremities(rig, room_id), 1);
	}
}

static void forks_are_merged_by_the_next_event(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC), sent;
	struct pdu join = pdu_join(rig, room_id, BOB);
	struct pdu_wish on_join = message(BOB, join.event_id);
	struct pdu first = pdu_given(rig, room_id, &on_join, RECEIPT_ACCEPTED);
	on_join.content = "{\"body\":\"another\"}";
	struct pdu second = pdu_given(rig, room_id, &on_join, RECEIPT_ACCEPTED);
	assert_int_equal(pdu_extremities(rig, room_id), 2);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{\"body\":\"hi\"}", &sent), RC_OK);
	json prev = prev_events_of(rig, sent);
	assert_int_equal(json_count(prev), 2);
	assert_true(is_linked(prev, first.event_id) && is_linked(prev, second.event_id));
	assert_int_equal(pdu_extremities(rig, room_id), 1);
	room_rig_reopen(rig);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{\"body\":\"again\"}", &sent), RC_OK);
	assert_int_equal(json_count(prev_events_of(rig, sent)), 1);
}

/* Two topics on two forks: by mainline ordering the later one stands, whichever came first. */
static void conflicting_state_is_resolved(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str sent;
	for (int64_t order = 0; order < 2; order++) {
		str room_id = rig_room(rig, &alice, PUBLIC);
		assert_rc(rig_state(rig, &alice, room_id, "m.room.power_levels", STR_EMPTY,
		                    "{\"users\":{\"" BOB "\":50},\"users_default\":0}", &sent), RC_OK);
		struct pdu join = pdu_join(rig, room_id, BOB);
		int64_t now_ms = clock_wall_ms(&rig->clock);
		struct pdu_wish topic = {.sender = BOB, .type = "m.room.topic", .state_key = "",
			.prev = {join.event_id}, .prev_count = 1};
		topic.content = "{\"topic\":\"earlier\"}";
		topic.ts_ms = now_ms + 1000;
		struct pdu earlier = pdu_make(rig, room_id, &topic);
		topic.content = "{\"topic\":\"later\"}";
		topic.ts_ms = now_ms + 2000;
		struct pdu later = pdu_make(rig, room_id, &topic);
		assert_int_equal(pdu_receive(rig, room_id, order ? earlier.text : later.text).verdict, RECEIPT_ACCEPTED);
		assert_int_equal(pdu_receive(rig, room_id, order ? later.text : earlier.text).verdict, RECEIPT_ACCEPTED);
		assert_str(pdu_state(rig, room_id, "m.room.topic", STR_EMPTY), later.event_id);
		assert_int_equal(pdu_extremities(rig, room_id), 2);
		assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{}", &sent), RC_OK);
		assert_str(pdu_state(rig, room_id, "m.room.topic", STR_EMPTY), later.event_id);
	}
}

static void what_is_no_event_of_the_room_is_dropped(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC), other_id = rig_room(rig, &alice, PUBLIC);
	struct pdu join = pdu_join(rig, room_id, BOB);
	struct pdu_wish wish = message(BOB, join.event_id);
	struct pdu good = pdu_make(rig, room_id, &wish);
	struct receipt receipt;
	size_t before = rig_event_count(rig, room_id);
	assert_int_equal(pdu_receive(rig, room_id, STR("{")).verdict, RECEIPT_INVALID);
	assert_int_equal(pdu_receive(rig, room_id, STR("{}")).verdict, RECEIPT_INVALID);
	assert_int_equal(pdu_receive(rig, room_id, STR("[]")).verdict, RECEIPT_INVALID);
	assert_int_equal(pdu_receive(rig, other_id, good.text).verdict, RECEIPT_INVALID);
	assert_rc(room_receive(rig->rooms, &rig->arena, STR("!none:localhost"), good.text, pdu_keys(), &receipt, &rig->fail),
	          RC_NOT_FOUND);
	wish.signed_by_us = true; /* by us, for a user of theirs */
	receipt = pdu_receive(rig, room_id, pdu_make(rig, room_id, &wish).text);
	assert_int_equal(receipt.verdict, RECEIPT_INVALID);
	assert_non_null(strstr(arena_cstr(&rig->arena, receipt.reason), "remote.example"));
	assert_int_equal(rig_event_count(rig, room_id), before);
}

/* Content that is not what was hashed: the redacted copy is kept, with its id. */
static void a_wrong_hash_leaves_the_redacted_copy(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC);
	struct pdu join = pdu_join(rig, room_id, BOB);
	struct pdu_wish wish = message(BOB, join.event_id);
	struct pdu good = pdu_make(rig, room_id, &wish);
	char *text = arena_cstr(&rig->arena, good.text), *at = strstr(text, "hello");
	memcpy(at, "jello", 5);
	struct receipt receipt = pdu_receive(rig, room_id, str_of(text));
	assert_int_equal(receipt.verdict, RECEIPT_ACCEPTED);
	assert_true(receipt.was_redacted);
	assert_str(receipt.event_id, good.event_id);
	json content = json_get(room_json(rig, pdu_row(rig, good.event_id).canonical), STR("content"));
	assert_int_equal(json_count(content), 0);
}

static void unknown_links_are_named(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC);
	struct pdu join = pdu_join(rig, room_id, BOB);
	struct pdu_wish first = message(BOB, join.event_id);
	struct pdu unknown = pdu_make(rig, room_id, &first);
	struct pdu_wish next = message(BOB, join.event_id);
	next.content = "{\"body\":\"next\"}";
	next.prev[next.prev_count++] = unknown.event_id;
	struct pdu second = pdu_make(rig, room_id, &next);
	struct receipt receipt = pdu_receive(rig, room_id, second.text);
	assert_int_equal(receipt.verdict, RECEIPT_MISSING);
	assert_int_equal(receipt.missing_count, 1);
	assert_str(receipt.missing[0], unknown.event_id);
	assert_int_equal(pdu_receive_outlier(rig, room_id, unknown.text).verdict, RECEIPT_ACCEPTED);
	assert_int_equal(pdu_receive(rig, room_id, second.text).verdict, RECEIPT_MISSING); /* an outlier has no place */
	assert_int_equal(pdu_receive(rig, room_id, unknown.text).verdict, RECEIPT_ACCEPTED);
	assert_int_equal(pdu_receive(rig, room_id, second.text).verdict, RECEIPT_ACCEPTED);
	assert_int_equal(pdu_extremities(rig, room_id), 1);
}

static void refused_events_are_kept_and_never_shown(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC);
	struct pdu join = pdu_join(rig, room_id, BOB);
	size_t before = rig_event_count(rig, room_id);
	struct pdu_wish stranger = message(EVE, join.event_id), topic = {.sender = BOB, .type = "m.room.topic",
		.state_key = "", .content = "{\"topic\":\"mine\"}"};
	struct pdu rejected = pdu_given(rig, room_id, &stranger, RECEIPT_REJECTED);
	struct pdu no_power = pdu_given(rig, room_id, &topic, RECEIPT_REJECTED);
	assert_int_equal(pdu_row(rig, rejected.event_id).verdict, EVENT_REJECTED);
	assert_int_equal(pdu_row(rig, no_power.event_id).verdict, EVENT_REJECTED);
	assert_int_equal(pdu_state(rig, room_id, "m.room.topic", STR_EMPTY).n, 0);
	struct membership_change ban = {.actor = alice, .room_id = room_id, .target_user_id = STR(BOB)};
	assert_rc(room_ban(rig->rooms, &rig->arena, &ban, &rig->fail), RC_OK);
	struct pdu_wish late = message(BOB, join.event_id); /* as if it had not heard of the ban */
	struct pdu soft = pdu_given(rig, room_id, &late, RECEIPT_SOFT_FAILED);
	assert_int_equal(pdu_row(rig, soft.event_id).verdict, EVENT_SOFT_FAILED);
	assert_int_equal(pdu_extremities(rig, room_id), 1);
	assert_int_equal(rig_event_count(rig, room_id), before + 1);
	/* What builds on a rejected event has the state before that one. */
	struct pdu_wish after = message(BOB, rejected.event_id);
	pdu_given(rig, room_id, &after, RECEIPT_SOFT_FAILED);
}

static void redactions_of_others_are_applied(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC), ours;
	struct pdu join = pdu_join(rig, room_id, BOB);
	pdu_join(rig, room_id, EVE);
	struct pdu_wish wish = message(EVE, join.event_id);
	wish.prev_count = 0;
	struct pdu theirs = pdu_given(rig, room_id, &wish, RECEIPT_ACCEPTED);
	assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{\"body\":\"ours\"}", &ours), RC_OK);
	for (int i = 0; i < 2; i++) {
		char content[200];
		str target = i ? ours : theirs.event_id;
		snprintf(content, sizeof content, "{\"redacts\":\"%.*s\"}", STR_ARG(target));
		struct pdu_wish redaction = {.sender = BOB, .type = "m.room.redaction", .content = content};
		pdu_given(rig, room_id, &redaction, RECEIPT_ACCEPTED);
		json body = json_get(json_get(room_json(rig, pdu_row(rig, target).canonical), STR("content")), STR("body"));
		assert_int_equal(body == NULL, i == 0); /* same server: yes; somebody else's without power: no */
	}
}

static void a_crowd_of_extremities_drains(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = rig_room(rig, &alice, PUBLIC), sent;
	const int crowd = fixture_often(rig->store, CROWD);
	struct pdu join = pdu_join(rig, room_id, BOB);
	for (int i = 0; i < crowd; i++) {
		struct pdu_wish wish = message(BOB, join.event_id);
		wish.ts_ms = 1000 + i;
		pdu_given(rig, room_id, &wish, RECEIPT_ACCEPTED);
	}
	assert_int_equal(pdu_extremities(rig, room_id), crowd);
	for (size_t left = (size_t)crowd; left > 1;) {
		assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{}", &sent), RC_OK);
		left = left > EVENT_PREV_MAX ? left - EVENT_PREV_MAX + 1 : 1;
		assert_int_equal(pdu_extremities(rig, room_id), left);
		assert_true(json_count(prev_events_of(rig, sent)) <= EVENT_PREV_MAX);
	}
}

/* One pass over the rooms that ended accounts are to leave; returns how many were left. */
static size_t depart(struct room_rig *rig)
{
	struct departure *departures;
	size_t count, done = 0;
	int64_t next_due_ms;
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	assert_rc(departures_due(txn, &rig->arena, INT64_MAX, 100, &departures, &count, &next_due_ms), RC_OK);
	txn_ro_end(&txn);
	enum rc *outcomes = arena_array(&rig->arena, enum rc, count);
	assert_rc(rooms_depart(rig->rooms, &rig->arena, departures, count, outcomes), RC_OK);
	for (size_t i = 0; i < count; i++)
		done += outcomes[i] == RC_OK;
	return done;
}

static size_t marked_leaves(struct room_rig *rig, str room_id, str user_id)
{
	size_t count, leaves = 0;
	struct event_row *events = rig_events(rig, room_id, &count);
	for (size_t i = 0; i < count; i++)
		if (str_eq(events[i].type, STR("m.room.member")) && str_eq(events[i].state_key, user_id))
			leaves += json_get(json_get(room_json(rig, events[i].canonical), STR("content")), MARKER_KEY_UNSTABLE) != NULL;
	return leaves;
}

/*
 * The join was stamped by a clock that ran ahead. A fork from before the leave brings it back: by mainline ordering the
 * later stamp stands last. The account is to leave once more, and that is the end of it.
 */
static void an_ended_account_stays_out(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	static const char *const versions[] = {"2", "6", "11", "12"};
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		char name[] = {'c', 'a', 'r', (char)('a' + i), '\0'};
		struct actor carol = rig_user(rig, name);
		str room_id = public_room(rig, &alice, versions[i]);
		pdu_join(rig, room_id, BOB);
		struct clock_fake ahead = {.wall_ms = clock_wall_ms(&clock_system) + 86400000, .mono_ms = 1};
		rig->clock = clock_fake_make(&ahead);
		room_rig_reopen(rig);
		assert_rc(rig_join(rig, &carol, room_id), RC_OK);
		rig->clock = clock_system;
		room_rig_reopen(rig);
		str join = pdu_state(rig, room_id, "m.room.member", carol.user_id);
		fixture_deactivate(rig->store, carol.user);
		assert_int_equal(depart(rig), 1);
		assert_int_equal(rig_membership(rig, room_id, &carol), MEMBERSHIP_LEAVE);
		struct pdu_wish fork = message(BOB, join);
		pdu_given(rig, room_id, &fork, RECEIPT_ACCEPTED);
		assert_str(pdu_state(rig, room_id, "m.room.member", carol.user_id), join);
		assert_int_equal(rig_membership(rig, room_id, &carol), MEMBERSHIP_JOIN);
		fork.content = "{\"body\":\"and again\"}";
		pdu_given(rig, room_id, &fork, RECEIPT_ACCEPTED);
		assert_int_equal(depart(rig), 1);
		assert_int_equal(depart(rig), 0);
		assert_int_equal(marked_leaves(rig, room_id, carol.user_id), 2);
		assert_int_equal(rig_membership(rig, room_id, &carol), MEMBERSHIP_LEAVE);
		assert_int_equal(pdu_extremities(rig, room_id), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(linear_events_follow_the_head, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(forks_are_merged_by_the_next_event, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(conflicting_state_is_resolved, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_event_of_the_room_is_dropped, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(a_wrong_hash_leaves_the_redacted_copy, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(unknown_links_are_named, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(refused_events_are_kept_and_never_shown, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(redactions_of_others_are_applied, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(an_ended_account_stays_out, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(a_crowd_of_extremities_drains, room_rig_setup, room_rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
