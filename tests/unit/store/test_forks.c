/* Events beside the head: forks, their ends, outliers, refused events, and the memberships that follow. */
#include "store_fixture.h"

#include <string.h>

struct setting {
	struct fixture *f;
	int64_t room, sender;
	struct member_changes told; /* of the last insert */
};

static void assert_extremities(const struct setting *s, const int64_t *expected, size_t count)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s->f);
	int64_t *events;
	size_t found;
	assert_int_equal(room_extremities(txn, &s->f->arena, s->room, &events, &found), RC_OK);
	assert_int_equal(found, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(events[i], expected[i]);
}
#define ASSERT_EXTREMITIES(s, ...)                                                                 \
	assert_extremities(s, (const int64_t[]){__VA_ARGS__},                                      \
	    sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void assert_state(const struct setting *s, int64_t snapshot, str type, const char *key, int64_t event)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s->f);
	struct event_row row = {0};
	enum rc rc = state_event(txn, &s->f->arena, snapshot, type, str_of(key), &row);
	assert_int_equal(rc, event ? RC_OK : RC_NOT_FOUND);
	assert_int_equal(row.event, event);
}

static struct setting setting_of(void **state)
{
	struct fixture *f = *state;
	struct setting s = {.f = f, .room = fixture_room(f, "!r"), .sender = fixture_user(f, "@s:x")};
	fixture_member(f, s.room, "@s:x", MEMBERSHIP_JOIN);
	return s;
}

static int64_t put(struct setting *s, struct event_insert in)
{
	int64_t event = 0, pos = -1;
	s->told = (struct member_changes){.arena = &s->f->arena};
	in.room = s->room;
	in.sender = s->sender;
	in.generation = -1;
	in.members = &s->told;
	assert_int_equal(fixture_event(s->f, in, &event, &pos), RC_OK);
	assert_int_equal(pos, event_now(s->f, event).pos);
	return event;
}

static struct event_insert member_insert(const char *user_id, enum membership membership)
{
	return (struct event_insert){
	    .type = STR("m.room.member"),
	    .is_state = true,
	    .state_key = str_of(user_id),
	    .membership = membership,
	    .member_user_id = str_of(user_id),
	    .marked = membership == MEMBERSHIP_LEAVE,
	};
}

static void an_event_on_a_fork_becomes_the_head(void **state)
{
	struct setting s = setting_of(state);
	int64_t base = room_now(s.f, s.room).snapshot, root = room_now(s.f, s.room).head_event;
	int64_t name = put(&s, (struct event_insert){.type = STR("m.room.name"), .is_state = true});
	int64_t topic_state = room_now(s.f, s.room).snapshot;
	ASSERT_EXTREMITIES(&s);
	struct state_change both[] = {{STR("m.room.topic"), STR_EMPTY, EVENT_ITSELF}};
	int64_t topic = put(&s, (struct event_insert){.place = EVENT_ON_FORK,
				    .type = STR("m.room.topic"),
				    .is_state = true,
				    .before = {.base = base},
				    .current = {topic_state, both, 1}});
	struct room_row room = room_now(s.f, s.room);
	struct event_row row = event_now(s.f, topic);
	assert_int_equal(room.head_event, topic);
	assert_int_equal(room.last_pos, row.pos);
	assert_int_equal(row.before, base);
	assert_int_equal(row.current, room.snapshot);
	assert_int_equal(row.verdict, EVENT_ACCEPTED);
	assert_false(row.is_outlier);
	ASSERT_EXTREMITIES(&s, name);
	assert_state(&s, row.snapshot, STR("m.room.topic"), "", topic);
	assert_state(&s, row.snapshot, STR("m.room.name"), "", 0);
	assert_state(&s, room.snapshot, STR("m.room.topic"), "", topic);
	assert_state(&s, room.snapshot, STR("m.room.name"), "", name);
	assert_int_equal(s.told.count, 0);

	/* A third one, on the root as well, ends nothing; a merge of two of the three. */
	int64_t third = put(&s, (struct event_insert){.place = EVENT_ON_FORK,
				    .before = {.base = base},
				    .current = {.base = room.snapshot}});
	ASSERT_EXTREMITIES(&s, topic, name);
	assert_int_equal(event_now(s.f, third).snapshot, base);
	assert_int_equal(event_now(s.f, third).current, room.snapshot);
	int64_t ends[] = {third, name};
	int64_t merge = put(&s, (struct event_insert){.place = EVENT_ON_FORK,
				    .replaced_heads = ends,
				    .replaced_head_count = 2,
				    .before = {.base = topic_state},
				    .current = {.base = room.snapshot}});
	ASSERT_EXTREMITIES(&s, topic);
	assert_int_equal(room_now(s.f, s.room).head_event, merge);
	/* At the head: what it cites besides the head is none any more. */
	put(&s, (struct event_insert){.replaced_heads = &topic, .replaced_head_count = 1});
	ASSERT_EXTREMITIES(&s);
	assert_true(root < name);
	fixture_check(s.f);
}

static void depth_is_the_greatest_and_misuse_is_told(void **state)
{
	struct setting s = setting_of(state);
	int64_t depth = room_now(s.f, s.room).depth, base = room_now(s.f, s.room).snapshot;
	put(&s, (struct event_insert){.place = EVENT_ON_FORK, .before = {.base = base}, .current = {.base = base}});
	assert_int_equal(room_now(s.f, s.room).depth, depth + 1);
	struct event_insert moved = {.room = s.room,
	    .sender = s.sender,
	    .generation = -1,
	    .place = EVENT_ON_FORK,
	    .expected_head = room_now(s.f, s.room).head_event + 9};
	assert_int_equal(fixture_event(s.f, moved, NULL, NULL), RC_CONFLICT);
	moved.expected_head = 0;
	moved.before.base = -1; /* an outlier has no state */
	assert_int_equal(fixture_event(s.f, moved, NULL, NULL), RC_INVALID_PARAM);
	struct event_insert refused = {.room = s.room, .sender = s.sender, .generation = -1, .verdict = EVENT_REJECTED};
	assert_int_equal(fixture_event(s.f, refused, NULL, NULL), RC_INVALID_PARAM);
}

static void refused_events_change_nothing(void **state)
{
	struct setting s = setting_of(state);
	struct room_row before = room_now(s.f, s.room);
	static const enum event_verdict verdicts[] = {EVENT_SOFT_FAILED, EVENT_REJECTED};
	for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
		struct event_insert in = member_insert("@v:x", MEMBERSHIP_JOIN);
		int64_t pos = store_committed_pos(s.f->store);
		in.place = EVENT_ON_FORK;
		in.verdict = verdicts[i];
		in.before.base = before.snapshot;
		int64_t event = put(&s, in);
		struct event_row row = event_now(s.f, event);
		struct room_row now = room_now(s.f, s.room);
		assert_int_equal(row.pos, 0);
		assert_int_equal(row.verdict, verdicts[i]);
		assert_false(row.is_outlier);
		assert_int_equal(row.before, before.snapshot);
		assert_int_equal(row.current, before.snapshot);
		/* what is rejected is in no state; what soft-failed is, for those who build on it */
		assert_state(&s, row.snapshot, STR("m.room.member"), "@v:x",
		    verdicts[i] == EVENT_REJECTED ? 0 : event);
		assert_int_equal(now.head_event, before.head_event);
		assert_int_equal(now.last_pos, before.last_pos);
		assert_int_equal(now.snapshot, before.snapshot);
		assert_int_equal(store_committed_pos(s.f->store), pos);
		assert_int_equal(s.told.count, 0);
	}
	ASSERT_EXTREMITIES(&s);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s.f);
	struct event_row *events;
	size_t count;
	bool more;
	assert_int_equal(events_between(txn, &s.f->arena, s.room, 0, INT64_MAX, true, 99, &events, &count, &more), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].event, before.head_event);
	fixture_check(s.f);
}

struct placed {
	struct event_insert in;
	struct arena *arena;
	int64_t event, pos;
};

static enum rc outlier_place(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct placed *placed = arg;
	struct room_row room;
	(void)fail;
	TRY(room_get(txn_reading(txn), placed->arena, placed->in.room, &room));
	placed->in.expected_head = room.head_event;
	return event_place_outlier(txn, &placed->in, &placed->event, &placed->pos);
}

static void outliers_find_their_place(void **state)
{
	struct setting s = setting_of(state);
	struct event_insert in = member_insert("@o:x", MEMBERSHIP_JOIN);
	int64_t base = room_now(s.f, s.room).snapshot, head = room_now(s.f, s.room).head_event;
	in.place = EVENT_OUTLIER;
	in.event_id = STR("$outlier");
	in.expected_head = 4711; /* not looked at */
	int64_t outlier = put(&s, in);
	struct event_row row = event_now(s.f, outlier);
	assert_true(row.is_outlier);
	assert_int_equal(row.pos, 0);
	assert_int_equal(row.before, -1);
	assert_int_equal(row.snapshot, -1);
	assert_int_equal(row.current, -1);
	assert_int_equal(room_now(s.f, s.room).head_event, head);

	/* Another event brings it into the room's state, where it is shown, without a position. */
	struct state_change comes[] = {{STR("m.room.member"), STR("@o:x"), outlier}};
	int64_t carrier = put(&s, (struct event_insert){.place = EVENT_ON_FORK,
				      .before = {.base = base},
				      .current = {base, comes, 1}});
	struct member_row member = member_now(s.f, s.room, "@o:x");
	assert_int_equal(member.membership, MEMBERSHIP_JOIN);
	assert_int_equal(member.event, outlier);
	assert_int_equal(member.pos, event_now(s.f, carrier).pos);
	assert_int_equal(s.told.count, 1);
	assert_int_equal(s.told.users[0], member.user);
	fixture_check(s.f);

	in.place = EVENT_ON_FORK;
	in.before.base = base;
	in.current = (struct snapshot_edit){base, comes, 1};
	in.expected_head = 0;
	in.canonical = STR("{}");
	in.room = s.room;
	in.sender = s.sender;
	in.generation = -1;
	assert_int_equal(fixture_event(s.f, in, NULL, NULL), RC_EXISTS);
	struct placed placed = {.in = in, .arena = &s.f->arena};
	assert_int_equal(store_write(s.f->store, outlier_place, &placed, NULL), RC_OK);
	assert_int_equal(placed.event, outlier);
	row = event_now(s.f, outlier);
	assert_false(row.is_outlier);
	assert_int_equal(row.pos, placed.pos);
	assert_int_equal(row.before, base);
	assert_state(&s, row.snapshot, STR("m.room.member"), "@o:x", outlier);
	assert_int_equal(room_now(s.f, s.room).head_event, outlier);
	ASSERT_EXTREMITIES(&s, carrier, head);
	assert_int_equal(store_write(s.f->store, outlier_place, &placed, NULL), RC_NOT_FOUND);
	fixture_check(s.f);
}

static void an_outlier_of_no_state_becomes_the_head(void **state)
{
	struct setting s = setting_of(state);
	struct event_insert in = {.place = EVENT_OUTLIER, .event_id = STR("$message"), .type = STR("m.room.message")};
	struct room_row room = room_now(s.f, s.room);
	int64_t outlier = put(&s, in);
	in.place = EVENT_AT_HEAD;
	in.canonical = STR("{}");
	in.room = s.room;
	in.sender = s.sender;
	in.generation = -1;
	struct placed placed = {.in = in, .arena = &s.f->arena};
	assert_int_equal(store_write(s.f->store, outlier_place, &placed, NULL), RC_OK);
	struct event_row row = event_now(s.f, outlier);
	assert_false(row.is_outlier);
	assert_int_equal(row.pos, placed.pos);
	assert_int_equal(row.before, room.snapshot);
	assert_int_equal(row.snapshot, room.snapshot);
	assert_int_equal(room_now(s.f, s.room).head_event, outlier);
	assert_int_equal(room_now(s.f, s.room).snapshot, room.snapshot);
	fixture_check(s.f);
}

/* ---- memberships ---- */

static void memberships_follow_the_current_state(void **state)
{
	struct setting s = setting_of(state);
	int64_t base = room_now(s.f, s.room).snapshot;
	int64_t ann = put(&s, member_insert("@ann:x", MEMBERSHIP_JOIN));
	assert_int_equal(s.told.count, 1); /* at the head, too */
	put(&s, member_insert("@bob:x", MEMBERSHIP_INVITE));
	int64_t left = put(&s, member_insert("@ann:x", MEMBERSHIP_LEAVE));
	put(&s, member_insert("@cid:x", MEMBERSHIP_JOIN));
	assert_true(member_now(s.f, s.room, "@ann:x").marked);
	struct room_row room = room_now(s.f, s.room);

	/* ann's join comes back, bob's invite is gone, dan joins, cid stays. */
	struct event_insert dan = member_insert("@dan:x", MEMBERSHIP_JOIN);
	struct state_change changes[] = {
	    {STR("m.room.member"), STR("@ann:x"), ann},
	    {STR("m.room.member"), STR("@bob:x"), 0},
	    {STR("m.room.member"), STR("@dan:x"), EVENT_ITSELF},
	};
	dan.place = EVENT_ON_FORK;
	dan.before.base = base;
	dan.current = (struct snapshot_edit){room.snapshot, changes, COUNT_OF(changes)};
	dan.member_displayname = STR("Dan");
	int64_t event = put(&s, dan), pos = event_now(s.f, event).pos;
	struct member_row member = member_now(s.f, s.room, "@ann:x");
	assert_int_equal(member.membership, MEMBERSHIP_JOIN);
	assert_int_equal(member.event, ann);
	assert_int_equal(member.pos, pos);
	assert_false(member.marked);
	member = member_now(s.f, s.room, "@bob:x");
	assert_int_equal(member.membership, MEMBERSHIP_LEAVE);
	assert_int_equal(member.event, event);
	assert_false(member.marked);
	member = member_now(s.f, s.room, "@dan:x");
	assert_int_equal(member.event, event);
	assert_true(str_eq(member.displayname, STR("Dan")));
	assert_true(member_now(s.f, s.room, "@cid:x").pos < pos);
	assert_int_equal(s.told.count, 3);
	assert_false(s.told.departures);
	assert_counts(s.f, s.room, 4, 0); /* s, ann, cid, dan */
	fixture_check(s.f);

	/* The marked leave again: what a redaction took from its bytes is still known. */
	struct event_insert redaction = {.type = STR("m.room.redaction"),
	    .redacts = event_now(s.f, left).event_id,
	    .redacted_canonical = STR("{\"content\":{\"membership\":\"leave\"}}")};
	put(&s, redaction);
	struct state_change again[] = {{STR("m.room.member"), STR("@ann:x"), left}};
	put(&s, (struct event_insert){.place = EVENT_ON_FORK,
		    .before = {.base = base},
		    .current = {room_now(s.f, s.room).snapshot, again, 1}});
	assert_true(member_now(s.f, s.room, "@ann:x").marked);
	assert_int_equal(member_now(s.f, s.room, "@ann:x").membership, MEMBERSHIP_LEAVE);
	fixture_check(s.f);
}

/* ---- deactivated stays dead ---- */

static struct deactivation job_of(const struct setting *s, int64_t user)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(s->f);
	struct deactivation job;
	assert_int_equal(deactivation_by_user(txn, &s->f->arena, user, &job), RC_OK);
	return job;
}

static enum rc departure_leave(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const int64_t *job_room = arg;
	(void)fail;
	return departure_end(txn, job_room[0], job_room[1], DEPARTURE_LEFT, STR_EMPTY, STR("$gone"), 99);
}

static void a_deactivated_member_departs_again(void **state)
{
	struct setting s = setting_of(state);
	int64_t user = fixture_user(s.f, "@dead:x");
	int64_t join = put(&s, member_insert("@dead:x", MEMBERSHIP_JOIN));
	int64_t base = room_now(s.f, s.room).snapshot;
	int64_t job_room[] = {fixture_deactivate(s.f, user), s.room};
	put(&s, member_insert("@dead:x", MEMBERSHIP_LEAVE));
	assert_int_equal(store_write(s.f->store, departure_leave, job_room, NULL), RC_OK);
	assert_true(job_of(&s, user).finished_ms != 0);

	struct state_change back[] = {{STR("m.room.member"), STR("@dead:x"), join}};
	struct state_change gone[] = {{STR("m.room.member"), STR("@dead:x"), 0}};
	for (int round = 0; round < 3; round++) { /* exactly one row, whatever repeats */
		struct event_insert fork = {.place = EVENT_ON_FORK,
		    .before = {.base = base},
		    .current = {room_now(s.f, s.room).snapshot, round == 1 ? gone : back, 1}};
		put(&s, fork);
		assert_int_equal(s.told.count, 1);
		assert_int_equal(s.told.users[0], user);
		assert_int_equal(s.told.departures, round != 1);
		struct deactivation job = job_of(&s, user);
		assert_int_equal(job.job, job_room[0]);
		assert_int_equal(job.finished_ms, 0);
		assert_int_equal(job.total, 1);
		assert_int_equal(job.pending, 1);
		fixture_check(s.f);
	}
	assert_int_equal(member_now(s.f, s.room, "@dead:x").membership, MEMBERSHIP_JOIN);
	assert_int_equal(store_write(s.f->store, departure_leave, job_room, NULL), RC_OK);
	assert_true(job_of(&s, user).finished_ms != 0);

	/* An invite that slipped in at the head. */
	put(&s, member_insert("@dead:x", MEMBERSHIP_INVITE));
	assert_true(s.told.departures);
	assert_int_equal(job_of(&s, user).pending, 1);
	assert_int_equal(job_of(&s, user).total, 1);
}

static void a_room_that_the_job_did_not_know_is_added(void **state)
{
	struct setting s = setting_of(state);
	int64_t user = fixture_user(s.f, "@dead:x");
	int64_t base = room_now(s.f, s.room).snapshot;
	fixture_deactivate(s.f, user);
	assert_int_equal(job_of(&s, user).total, 0);
	struct event_insert in = member_insert("@dead:x", MEMBERSHIP_KNOCK);
	struct state_change comes[] = {{STR("m.room.member"), STR("@dead:x"), EVENT_ITSELF}};
	in.place = EVENT_ON_FORK;
	in.before.base = base;
	in.current = (struct snapshot_edit){base, comes, 1};
	put(&s, in);
	assert_int_equal(job_of(&s, user).pending, 1);
	assert_int_equal(job_of(&s, user).finished_ms, 0);
	fixture_check(s.f);
}

static void count_finding(void *self, str finding)
{
	assert_true(finding.n > 0);
	++*(int *)self;
}

static void check_finds_wrong_extremities(void **state)
{
	struct setting s = setting_of(state);
	int64_t other = fixture_message(s.f, fixture_room(s.f, "!other"), s.sender);
	char sql[128];
	for (int i = 0; i < 2; i++) { /* the head itself, an event of another room */
		int findings = 0;
		snprintf(sql, sizeof sql, "DELETE FROM extremities; INSERT INTO extremities VALUES(%lld, %lld)",
		    (long long)s.room, (long long)(i ? other : room_now(s.f, s.room).head_event));
		fixture_sql(s.f, sql);
		assert_int_equal(store_check(s.f->store, count_finding, &findings), RC_OK);
		assert_int_equal(findings, 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_event_on_a_fork_becomes_the_head),
	    TEST(depth_is_the_greatest_and_misuse_is_told),
	    TEST(refused_events_change_nothing),
	    TEST(outliers_find_their_place),
	    TEST(an_outlier_of_no_state_becomes_the_head),
	    TEST(memberships_follow_the_current_state),
	    TEST(a_deactivated_member_departs_again),
	    TEST(a_room_that_the_job_did_not_know_is_added),
	    TEST(check_finds_wrong_extremities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
