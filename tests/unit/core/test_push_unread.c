/*
 * What is unread against a model: people talk in rooms, in threads, mention, redact, leave, and change rules, and one of them
 * reads. After every few steps the counts must be those of a list that the test keeps, for whoever asks: one that has been
 * asked all the time, one that is asked now and then, one that was just made, and one that takes up checkpoints.
 */
#include "core/push/push_int.h"
#include "core/push/unread_int.h"
#include "room_rig.h"
#include "store/ignored.h"
#include "store/unread.h"

enum { SEEDS = 6, STEPS = 400, EVENTS_MAX = 4096, ASKERS = 2 };

#define PUBLIC "{\"preset\":\"public_chat\"}"

struct said {
	str event_id;
	int64_t pos;
	size_t by;
	int root;              /* index of the thread's root; -1: main */
	bool loud, mention, is_mark, redacted;
};

struct model {
	struct room_rig *rig;
	struct push *askers[ASKERS];
	struct actor people[3];  /* [0] reads */
	str room_id;
	int64_t room;
	uint64_t seed;
	struct said said[EVENTS_MAX];
	size_t count;
	int64_t joined_pos, mention_pos;
	int64_t read[2][EVENTS_MAX + 2]; /* by type; [0] unthreaded, [1] main, [2 + i] the thread of said[i] */
	bool ignores, muted, is_out;
};

static uint64_t draw(struct model *m, uint64_t n)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return (m->seed >> 33) % n;
}

static int64_t pos_of(struct model *m, str event_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(m->rig->store);
	struct event_row row;
	assert_rc(event_find(txn, &m->rig->arena, event_id, &row), RC_OK);
	return row.pos;
}

/* ---- what people do ---- */

static void say(struct model *m)
{
	struct said said = {.by = draw(m, 3), .root = -1, .loud = true};
	str relation = STR_EMPTY, type = STR("m.room.message");
	size_t parent = m->count ? draw(m, m->count) : 0;
	if (m->is_out && said.by == 0)
		said.by = 1;
	const struct said *to = m->count && !m->said[parent].redacted ? &m->said[parent] : NULL;
	switch (draw(m, 6)) {
	case 0:
		said.loud = false;
		type = STR("org.example.quiet");
		break;
	case 1: /* a child of whatever it is: in its thread */
		if (!to)
			break;
		relation = arena_printf(&m->rig->arena, ",\"m.relates_to\":{\"rel_type\":\"org.example\",\"event_id\":\"%.*s\"}",
		                        STR_ARG(to->event_id));
		said.is_mark = true;
		said.root = to->is_mark ? -1 : to->root;
		if (to->is_mark)
			relation = STR_EMPTY; /* how many hops there are is another test's matter */
		break;
	case 2:
		if (!to || to->root >= 0 || to->is_mark)
			break;
		relation = arena_printf(&m->rig->arena, ",\"m.relates_to\":{\"rel_type\":\"m.thread\",\"event_id\":\"%.*s\"}",
		                        STR_ARG(to->event_id));
		said.root = (int)parent;
		break;
	case 3:
		said.mention = true;
		break;
	default:
		break;
	}
	str content = arena_printf(&m->rig->arena, "{\"body\":\"x\"%.*s%s}", STR_ARG(relation),
	                           said.mention ? ",\"m.mentions\":{\"user_ids\":[\"@alice:localhost\"]}" : "");
	assert_rc(rig_send(m->rig, &m->people[said.by], m->room_id, arena_cstr(&m->rig->arena, type), "",
	                   arena_cstr(&m->rig->arena, content), &said.event_id), RC_OK);
	said.pos = pos_of(m, said.event_id);
	assert_true(m->count < EVENTS_MAX);
	m->said[m->count++] = said;
}

static void redact(struct model *m)
{
	struct fail fail = {0};
	if (!m->count)
		return;
	struct said *said = &m->said[draw(m, m->count)];
	struct room_send send = {.actor = m->people[1], .room_id = m->room_id, .type = STR("m.room.redaction"),
		.content = STR("{}"), .redacts = said->event_id, .arena = &m->rig->arena, .fail = &fail};
	/* A child of it keeps its place only while the way to the root is there: leave those alone. */
	if (said->root >= 0 || said->redacted || said->is_mark)
		return;
	assert_rc(room_send_wait(m->rig->rooms, &send), RC_OK);
	said->redacted = true;
}

static enum rc write_receipt(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return receipt_put(txn, arg);
}

static void read_on(struct model *m)
{
	if (!m->count || m->is_out)
		return;
	size_t at = draw(m, m->count), type = draw(m, 2), place = 0;
	const struct said *said = &m->said[at];
	str root = STR_EMPTY;
	if (draw(m, 2)) {
		place = said->root < 0 ? 1 : 2 + (size_t)said->root;
		root = said->root < 0 ? STR("main") : m->said[said->root].event_id;
	}
	struct receipt_insert receipt = {m->room, m->people[0].user, type ? STR("m.read.private") : STR("m.read"), root,
		said->event_id, said->pos, 1};
	assert_rc(store_write(m->rig->store->store, write_receipt, &receipt, NULL), RC_OK);
	if (m->read[type][place] < said->pos)
		m->read[type][place] = said->pos;
}

static struct session session_of(const struct actor *actor)
{
	return (struct session){.user = actor->user, .generation = actor->generation, .user_id = actor->user_id};
}

static void mute(struct model *m)
{
	struct session session = session_of(&m->people[0]);
	struct push_edit edit = {.session = &session, .verb = PUSH_SET_ENABLED, .enabled = m->muted,
		.wish = {.kind = PUSH_UNDERRIDE, .rule_id = STR(".m.rule.message")}};
	assert_rc(push_rules_edit(m->askers[0], &edit, NULL), RC_OK);
	m->muted = !m->muted;
}

struct ignoring {
	int64_t user;
	bool ignores;
};

static enum rc write_ignoring(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct ignoring *ignoring = arg;
	const str bob = STR("@bob:localhost");
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, MEBIBYTE);
	TRY(ignored_users_set(txn, &scratch, ignoring->user, &bob, ignoring->ignores));
	return account_data_put(txn, ignoring->user, 0, STR("m.ignored_user_list"), STR("{}"));
}

static void ignore(struct model *m)
{
	m->ignores = !m->ignores;
	struct ignoring ignoring = {m->people[0].user, m->ignores};
	assert_rc(store_write(m->rig->store->store, write_ignoring, &ignoring, NULL), RC_OK);
}

static void come_and_go(struct model *m)
{
	if (m->is_out)
		assert_rc(rig_join(m->rig, &m->people[0], m->room_id), RC_OK);
	else
		assert_rc(rig_leave(m->rig, &m->people[0], m->room_id), RC_OK);
	m->is_out = !m->is_out;
	if (!m->is_out)
		m->joined_pos = store_committed_pos(m->rig->store->store);
}

static void act(struct model *m)
{
	uint64_t what = draw(m, 100);
	if (what < 60)
		say(m);
	else if (what < 85)
		read_on(m);
	else if (what < 91)
		redact(m);
	else if (what < 94)
		mute(m);
	else if (what < 97)
		ignore(m);
	else
		come_and_go(m);
}

/* ---- what must be counted ---- */

static bool is_read(const struct model *m, const struct said *said)
{
	size_t place = said->root < 0 ? 1 : 2 + (size_t)said->root;
	for (size_t type = 0; type < 2; type++)
		if (said->pos <= m->read[type][0] || said->pos <= m->read[type][place])
			return true;
	return false;
}

static bool counts(const struct model *m, const struct said *said)
{
	if (said->by == 0 || said->redacted || said->pos < m->joined_pos || (m->ignores && said->by == 1) || is_read(m, said))
		return false;
	return said->mention || (said->loud && !m->muted);
}

static const struct push_counts *of_thread(const struct push_unread *unread, str root)
{
	static const struct push_counts none;
	for (size_t i = 0; i < unread->thread_count; i++)
		if (str_eq(unread->threads[i].root, root))
			return &unread->threads[i].counts;
	return &none;
}

static void ask(struct model *m, struct push *push, struct push_unread *ret_unread)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(m->rig->store);
	struct session session = session_of(&m->people[0]);
	struct room_view view;
	struct push_run *run CLEANUP(push_run_end) = NULL;
	assert_rc(room_view_of(txn, &m->rig->arena, session.user, m->room_id, &view), RC_OK);
	assert_rc(push_run_begin(push, txn, &m->rig->arena, &session, &run), RC_OK);
	assert_rc(push_room_unread(run, &m->rig->arena, &view, ret_unread), RC_OK);
}

static void check(struct model *m, struct push *push)
{
	struct push_unread unread;
	struct push_counts all = {0}, main = {0};
	size_t threads = 0;
	if (m->is_out)
		return;
	ask(m, push, &unread);
	for (size_t i = 0; i < m->count; i++) {
		struct push_counts in_thread = {0};
		if (counts(m, &m->said[i])) {
			all.notifications++;
			all.highlights += m->said[i].mention;
			main.notifications += m->said[i].root < 0;
			main.highlights += m->said[i].root < 0 && m->said[i].mention;
		}
		for (size_t j = i + 1; j < m->count; j++) {
			if (m->said[j].root != (int)i || !counts(m, &m->said[j]))
				continue;
			in_thread.notifications++;
			in_thread.highlights += m->said[j].mention;
		}
		const struct push_counts *got = of_thread(&unread, m->said[i].event_id);
		assert_int_equal(got->notifications, in_thread.notifications);
		assert_int_equal(got->highlights, in_thread.highlights);
		threads += in_thread.notifications > 0;
	}
	assert_int_equal(unread.all.notifications, all.notifications);
	assert_int_equal(unread.all.highlights, all.highlights);
	assert_int_equal(unread.main.notifications, main.notifications);
	assert_int_equal(unread.main.highlights, main.highlights);
	assert_int_equal(unread.thread_count, threads);
}

/* ---- the tests ---- */

static struct push *push_open(struct room_rig *rig)
{
	const struct push_config config = {.store = rig->store->store};
	struct push *push = NULL;
	assert_rc(push_new(&config, &push), RC_OK);
	return push;
}

static struct model *model_new(struct room_rig *rig, uint64_t seed)
{
	struct model *m = test_malloc(sizeof *m);
	memset(m, 0, sizeof *m);
	m->rig = rig;
	m->seed = seed;
	static const char *const names[] = {"alice", "bob", "carol"};
	for (size_t i = 0; i < 3; i++) {
		str name = arena_printf(&rig->arena, "%s", names[i]);
		m->people[i] = rig_user(rig, arena_cstr(&rig->arena, name));
	}
	m->room_id = rig_room(rig, &m->people[1], PUBLIC);
	m->room = rig_row(rig, m->room_id).room;
	assert_rc(rig_join(rig, &m->people[2], m->room_id), RC_OK);
	assert_rc(rig_join(rig, &m->people[0], m->room_id), RC_OK);
	m->joined_pos = store_committed_pos(rig->store->store);
	for (size_t i = 0; i < ASKERS; i++)
		m->askers[i] = push_open(rig);
	return m;
}

static void model_free(struct model *m)
{
	for (size_t i = 0; i < ASKERS; i++)
		push_free(m->askers[i]);
	test_free(m);
}

/* Until all that was left to the background is written: what is queued behind it comes later. */
static void wait_for_background(struct room_rig *rig)
{
	struct numbered_job job = {.key = (int)rig->store->done + 1, .job.background = true};
	numbered_submit(rig->store, &job);
	numbered_wait(rig->store, (size_t)job.key);
}

/* Another asker takes up what this one leaves in the store. */
static void store_checkpoint(struct model *m, struct push *push)
{
	struct cached *cached = cache_get(&push->unread, cache_key(m->people[0].user, m->room));
	struct session session = session_of(&m->people[0]);
	if (!cached)
		return;
	struct push_run run = {.push = push, .session = &session, .checkpoint_count = 1};
	run.checkpoints[0] = CONTAINER_OF(cached, struct unread, cached);
	checkpoints_store(&run);
	wait_for_background(m->rig);
}

static void as_the_model(void **state)
{
	struct room_rig *rig = *state;
	int steps = fixture_often(rig->store, STEPS);
	struct model *m = model_new(rig, 1);
	for (int step = 0; step < steps * SEEDS; step++) {
		act(m);
		check(m, m->askers[0]);
		if (draw(m, 10) == 0)
			check(m, m->askers[1]);
		if (draw(m, 40) == 0) {
			struct push *fresh = push_open(rig);
			check(m, fresh);
			push_free(fresh);
		}
		if (draw(m, 60) == 0)
			store_checkpoint(m, m->askers[0]);
	}
	model_free(m);
}

static struct unread_row checkpoint(struct model *m)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(m->rig->store);
	struct unread_row row = {0};
	enum rc rc = unread_get(txn, &m->rig->arena, m->people[0].user, m->room, &row);
	assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
	return row;
}

static void plain(struct model *m, int count)
{
	for (int i = 0; i < count; i++)
		assert_rc(rig_send(m->rig, &m->people[1], m->room_id, "m.room.message", "", "{\"body\":\"x\"}", NULL), RC_OK);
}

static int64_t notifications(struct model *m, struct push *push)
{
	struct push_unread unread;
	ask(m, push, &unread);
	return unread.all.notifications;
}

/* Written when much has been judged, used by whoever comes new, and gone with the account. */
static void checkpoints(void **state)
{
	struct room_rig *rig = *state;
	struct model *m = model_new(rig, 1);
	plain(m, 100);
	assert_int_equal(notifications(m, m->askers[0]), 100);
	wait_for_background(rig);
	assert_int_equal(checkpoint(m).upto, 0);
	plain(m, 200);
	assert_int_equal(notifications(m, m->askers[0]), 300);
	wait_for_background(rig);
	assert_true(checkpoint(m).upto > 0);
	fixture_sql(rig->store, "UPDATE unread SET state='{\"items\":[1,1,2,0],\"moved\":0,\"threads\":[]}'");
	assert_int_equal(notifications(m, m->askers[1]), 2); /* it is what was taken up */
	struct push *third = push_open(rig);
	fixture_sql(rig->store, "UPDATE unread SET state='damaged'");
	assert_int_equal(notifications(m, third), 300);
	push_free(third);
	fixture_deactivate(rig->store, m->people[0].user);
	assert_int_equal(checkpoint(m).upto, 0);
	store_checkpoint(m, m->askers[0]);
	assert_int_equal(checkpoint(m).upto, 0); /* nor does one that comes late leave anything */
	model_free(m);
}

static void a_long_absence_is_bounded(void **state)
{
	struct room_rig *rig = *state;
	struct model *m = model_new(rig, 1);
	assert_rc(rig_send(rig, &m->people[1], m->room_id, "m.room.message", "",
	                   "{\"body\":\"x\",\"m.mentions\":{\"user_ids\":[\"@alice:localhost\"]}}", NULL), RC_OK);
	plain(m, PUSH_UNREAD_MAX);
	assert_int_equal(notifications(m, m->askers[0]), PUSH_UNREAD_MAX);
	struct push_unread unread;
	ask(m, m->askers[0], &unread);
	assert_int_equal(unread.all.highlights, 1);
	for (int i = 0; i < PUSH_SCAN_MAX; i++)
		assert_rc(rig_send(rig, &m->people[1], m->room_id, "org.example.quiet", "", "{}", NULL), RC_OK);
	wait_for_background(rig);
	fixture_sql(rig->store, "DELETE FROM unread");
	assert_int_equal(notifications(m, m->askers[1]), 0); /* who comes late, and finds no checkpoint */
	assert_int_equal(notifications(m, m->askers[0]), PUSH_UNREAD_MAX);
	model_free(m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, room_rig_setup, room_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_the_model), TEST(checkpoints), TEST(a_long_absence_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
