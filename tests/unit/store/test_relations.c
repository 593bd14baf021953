/* Relations between events: written with the child, waiting for the parent, gone with the redaction. */
#include "store_fixture.h"

#include "store/relations.h"

#include <string.h>

enum { LIST_MAX = 40 };

/* What a test says of a child. */
struct child {
	const char *rel_type, *type;
	int64_t sender, ts_ms;
	bool unfit, is_state;
};

static struct event_row row_of(struct fixture *f, int64_t event)
{
	return event_now(f, event);
}

static int64_t child_with_id(
    struct fixture *f, int64_t room, str id, str parent, struct child child)
{
	int64_t event;
	struct event_insert in = {
	    .room = room,
	    .sender = child.sender,
	    .generation = -1,
	    .ts_ms = child.ts_ms,
	    .event_id = id,
	    .type = str_of(child.type ? child.type : "m.room.message"),
	    .is_state = child.is_state,
	    .relation = {parent, str_of(child.rel_type), !child.unfit},
	};
	assert_int_equal(fixture_event(f, in, &event, NULL), RC_OK);
	return event;
}

static int64_t child_of(struct fixture *f, int64_t parent, struct child child)
{
	struct event_row row = row_of(f, parent);
	if (child.sender == 0)
		child.sender = row.sender;
	return child_with_id(f, row.room, STR_EMPTY, row.event_id, child);
}

static void redact(struct fixture *f, int64_t event)
{
	struct event_row row = row_of(f, event);
	struct event_insert in = {.room = row.room,
	    .sender = row.sender,
	    .generation = -1,
	    .redacts = row.event_id,
	    .redacted_canonical = STR("{}")};
	assert_int_equal(fixture_event(f, in, NULL, NULL), RC_OK);
}

/* Exactly these children, in this order; the list ends with 0. */
static void assert_page(struct fixture *f, struct relations_wish wish, const int64_t *expected)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row *events;
	size_t count, n = 0;
	bool more;
	wish.to = wish.to ? wish.to : INT64_MAX;
	wish.limit = wish.limit ? wish.limit : LIST_MAX;
	wish.depth = wish.depth ? wish.depth : 1;
	assert_int_equal(relations_page(txn, &f->arena, &wish, &events, &count, &more), RC_OK);
	while (expected[n])
		n++;
	assert_int_equal(count, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(events[i].event, expected[i]);
}
#define PAGE(f, expected, ...)                                                                     \
	assert_page((f), (struct relations_wish){__VA_ARGS__}, (const int64_t[])expected)
#define LIST(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__, 0                                                                     \
	}
#define NOBODY                                                                                     \
	{                                                                                          \
		0                                                                                  \
	}

static void children_by_type_and_span(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	int64_t root = fixture_message(f, room, user);
	int64_t a = child_of(f, root, (struct child){.rel_type = "m.thread"});
	int64_t b =
	    child_of(f, root, (struct child){.rel_type = "m.annotation", .type = "m.reaction"});
	int64_t c = child_of(f, root, (struct child){.rel_type = "m.thread", .type = "m.sticker"});
	int64_t d = child_of(f, root, (struct child){.rel_type = "org.example.other"});
	int64_t e = child_of(f, root, (struct child){.rel_type = "m.thread"});
	PAGE(f, LIST(a, b, c, d, e), .parent = root);
	PAGE(f, LIST(e, d, c, b, a), .parent = root, .newest_first = true);
	PAGE(f, LIST(a, c, e), .parent = root, .rel_type = STR("m.thread"));
	PAGE(f, LIST(e, c, a), .parent = root, .rel_type = STR("m.thread"), .newest_first = true);
	PAGE(f, LIST(c), .parent = root, .rel_type = STR("m.thread"), .type = STR("m.sticker"));
	PAGE(f, LIST(d), .parent = root, .rel_type = STR("org.example.other"));
	PAGE(f, LIST(b), .parent = root, .type = STR("m.reaction"));
	PAGE(f, NOBODY, .parent = root, .rel_type = STR("m.replace"));
	PAGE(f, NOBODY, .parent = root, .rel_type = STR("never.seen"));
	PAGE(f, NOBODY, .parent = root, .type = STR("never.seen"));
	PAGE(f, NOBODY, .parent = a);
	PAGE(f, LIST(b, c), .parent = root, .from = row_of(f, a).pos, .to = row_of(f, c).pos);
	PAGE(f, LIST(c), .parent = root, .rel_type = STR("m.thread"), .from = row_of(f, a).pos,
	    .to = row_of(f, d).pos);
	PAGE(f, LIST(a, b), .parent = root, .limit = 2);
	PAGE(f, LIST(e, c), .parent = root, .rel_type = STR("m.thread"), .newest_first = true,
	    .limit = 2);
	fixture_check(f);
}

static void families_go_down_as_far_as_asked(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	int64_t root = fixture_message(f, room, user), line[5] = {root};
	for (int i = 1; i < 5; i++)
		line[i] = child_of(f, line[i - 1],
		    (struct child){.rel_type = i == 2 ? "m.reference" : "m.thread"});
	PAGE(f, LIST(line[1]), .parent = root);
	PAGE(f, LIST(line[1], line[2], line[3]), .parent = root, .depth = 3);
	PAGE(f, LIST(line[4], line[3], line[2], line[1]), .parent = root, .depth = 9,
	    .newest_first = true);
	PAGE(f, LIST(line[1]), .parent = root, .depth = 9,
	    .rel_type = STR("m.thread")); /* the next one is not wanted */
	PAGE(f, LIST(line[3], line[2]), .parent = root, .depth = 3, .newest_first = true,
	    .limit = 2);
	fixture_check(f);
}

/* Ids of v1 and v2 are chosen by their servers: they may go round. */
static void a_circle_ends(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	struct child child = {.rel_type = "m.thread", .sender = user};
	int64_t itself = child_with_id(f, room, STR("$itself:x"), STR("$itself:x"), child);
	PAGE(f, LIST(itself), .parent = itself);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct relation_scope scope = {.until_pos = INT64_MAX};
	struct relation_pair *pairs;
	struct relations_wish wish = {
	    .parent = itself, .to = INT64_MAX, .limit = LIST_MAX, .depth = 3};
	struct event_row *events;
	size_t count;
	bool more;
	assert_int_equal(relations_page(txn, &f->arena, &wish, &events, &count, &more), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(
	    relation_thread_ends(txn, &f->arena, (struct nids){&itself, 1}, &scope, &pairs, &count),
	    RC_OK);
	assert_int_equal(count, 0);
}

static void a_relation_waits_for_its_parent(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"),
		other = fixture_room(f, "!b"), parent;
	struct child child = {.rel_type = "m.thread", .sender = user};
	int64_t early = child_with_id(f, room, STR("$child"), STR("$parent"), child);
	fixture_check(f);
	struct event_insert in = {.room = other,
	    .sender = user,
	    .generation = -1,
	    .event_id = STR("$other"),
	    .is_foreign = true};
	assert_int_equal(fixture_event(f, in, &parent, NULL), RC_OK);
	PAGE(f, NOBODY, .parent = parent);
	in = (struct event_insert){.room = room,
	    .sender = user,
	    .generation = -1,
	    .event_id = STR("$parent"),
	    .is_foreign = true};
	assert_int_equal(fixture_event(f, in, &parent, NULL), RC_OK);
	PAGE(f, LIST(early), .parent = parent);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct thread_row *threads;
	size_t count;
	assert_int_equal(
	    threads_of_room(txn, &f->arena, room, INT64_MAX, 0, 5, &threads, &count), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(threads[0].root, parent);
	assert_int_equal(threads[0].latest_pos, row_of(f, early).pos);
	fixture_check(f);
}

static void a_parent_in_another_room_is_none(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"),
		other = fixture_room(f, "!b");
	int64_t root = fixture_message(f, room, user);
	child_with_id(f, other, STR_EMPTY, row_of(f, root).event_id,
	    (struct child){.rel_type = "m.thread", .sender = user});
	PAGE(f, NOBODY, .parent = root);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct thread_row *threads;
	size_t count;
	assert_int_equal(
	    threads_of_room(txn, &f->arena, room, INT64_MAX, 0, 5, &threads, &count), RC_OK);
	assert_int_equal(count, 0);
	fixture_check(f);
}

static void summaries_count_once_for_all(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), other = fixture_user(f, "@b:x"),
		room = fixture_room(f, "!a");
	int64_t parents[3];
	for (size_t i = 0; i < COUNT_OF(parents); i++)
		parents[i] = fixture_message(f, room, user);
	int64_t first =
	    child_of(f, parents[0], (struct child){.rel_type = "m.thread", .sender = other});
	int64_t mine =
	    child_of(f, parents[0], (struct child){.rel_type = "m.thread", .sender = user});
	child_of(f, parents[0], (struct child){.rel_type = "m.reference", .sender = other});
	child_of(f, parents[2], (struct child){.rel_type = "m.replace", .sender = user});
	child_of(f, parents[2],
	    (struct child){.rel_type = "m.annotation", .type = "m.reaction", .sender = user});
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct relation_summary *found;
	size_t count;
	struct nids all = {parents, COUNT_OF(parents)};
	struct relation_scope scope = {.until_pos = INT64_MAX};
	assert_int_equal(
	    relation_summaries(txn, &f->arena, all, user, &scope, &found, &count), RC_OK);
	assert_int_equal(count, 3);
	assert_int_equal(found[0].parent, parents[0]);
	assert_int_equal(found[0].rel_type, REL_THREAD);
	assert_int_equal(found[0].count, 2);
	assert_int_equal(found[0].oldest_pos, row_of(f, first).pos);
	assert_true(found[0].by_user);
	assert_int_equal(found[1].rel_type, REL_REFERENCE);
	assert_false(found[1].by_user);
	assert_int_equal(found[2].parent, parents[2]);
	assert_int_equal(found[2].rel_type, REL_REPLACE);

	scope.until_pos = row_of(f, first).pos;
	assert_int_equal(
	    relation_summaries(txn, &f->arena, all, user, &scope, &found, &count), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(found[0].count, 1);
	scope = (struct relation_scope){INT64_MAX, {&other, 1}};
	assert_int_equal(
	    relation_summaries(txn, &f->arena, all, user, &scope, &found, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(found[0].count, 1);
	assert_int_equal(found[0].oldest_pos, row_of(f, mine).pos);
	assert_int_equal(
	    relation_summaries(txn, &f->arena, (struct nids){0}, user, &scope, &found, &count),
	    RC_OK);
	assert_int_equal(count, 0);
}

static int64_t replacement_of(struct fixture *f, int64_t parent, const struct relation_scope *scope)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct relation_scope all = {.until_pos = INT64_MAX};
	struct relation_pair *pairs;
	size_t count;
	assert_int_equal(relation_replacements(txn, &f->arena, (struct nids){&parent, 1},
			     scope ? scope : &all, &pairs, &count),
	    RC_OK);
	assert_true(count == 0 || (count == 1 && pairs[0].parent == parent));
	return count ? pairs[0].child : 0;
}

/* Client-Server API, "Validity of replacement events" and "Server-side aggregation of m.replace relationships". */
static void the_most_recent_valid_replacement(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), other = fixture_user(f, "@b:x"),
		room = fixture_room(f, "!a");
	int64_t root = fixture_message(f, room, user);
	static const struct child bad[] = {
	    {.rel_type = "m.replace", .type = "m.sticker", .ts_ms = 9000},
	    {.rel_type = "m.replace", .ts_ms = 9000, .unfit = true},
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		child_of(f, root, bad[i]);
	child_of(f, root, (struct child){.rel_type = "m.replace", .sender = other, .ts_ms = 9000});
	assert_int_equal(replacement_of(f, root, NULL), 0);
	int64_t late = child_of(f, root, (struct child){.rel_type = "m.replace", .ts_ms = 8000});
	int64_t early = child_of(f, root, (struct child){.rel_type = "m.replace", .ts_ms = 7000});
	assert_int_equal(replacement_of(f, root, NULL), late);
	assert_int_equal(replacement_of(f, late, NULL), 0);
	child_of(
	    f, late, (struct child){.rel_type = "m.replace", .ts_ms = 9000}); /* of a replacement */
	assert_int_equal(replacement_of(f, late, NULL), 0);
	struct event_row row = row_of(f, root);
	int64_t twin = child_with_id(f, room, STR("$zzzz"), row.event_id,
	    (struct child){.rel_type = "m.replace", .sender = user, .ts_ms = 8000});
	assert_int_equal(replacement_of(f, root, NULL), twin); /* by its id */
	struct relation_scope scope = {.until_pos = row_of(f, early).pos};
	assert_int_equal(replacement_of(f, root, &scope), late);
	scope = (struct relation_scope){INT64_MAX, {&user, 1}};
	assert_int_equal(replacement_of(f, root, &scope), 0);
	redact(f, twin);
	redact(f, late);
	assert_int_equal(replacement_of(f, root, NULL), early);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row *events;
	size_t count;
	scope = (struct relation_scope){.until_pos = INT64_MAX};
	assert_int_equal(replacements_of(txn, &f->arena, root, &scope, 5, &events, &count), RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].event, early);
	fixture_check(f);
}

static void state_events_are_not_replaced(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"), root;
	struct event_insert in = {.room = room, .sender = user, .generation = -1, .is_state = true};
	assert_int_equal(fixture_event(f, in, &root, NULL), RC_OK);
	child_of(f, root, (struct child){.rel_type = "m.replace"});
	assert_int_equal(replacement_of(f, root, NULL), 0);
}

static void assert_threads(
    struct fixture *f, int64_t room, int64_t to, int64_t participant, const int64_t *roots)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct thread_row *threads;
	size_t count, n = 0;
	assert_int_equal(
	    threads_of_room(txn, &f->arena, room, to, participant, LIST_MAX, &threads, &count),
	    RC_OK);
	while (roots[n])
		n++;
	assert_int_equal(count, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(threads[i].root, roots[i]);
}
#define THREADS(f, room, to, participant, ...)                                                     \
	assert_threads(                                                                            \
	    (f), (room), (to), (participant), (const int64_t[]){__VA_ARGS__ __VA_OPT__(, ) 0})

static void threads_by_their_newest_event(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), other = fixture_user(f, "@b:x"),
		third = fixture_user(f, "@c:x");
	int64_t room = fixture_room(f, "!a");
	int64_t one = fixture_message(f, room, user), two = fixture_message(f, room, other);
	THREADS(f, room, INT64_MAX, 0);
	int64_t a = child_of(f, one, (struct child){.rel_type = "m.thread", .sender = user});
	int64_t b = child_of(f, two, (struct child){.rel_type = "m.thread", .sender = other});
	THREADS(f, room, INT64_MAX, 0, two, one);
	int64_t c = child_of(f, one, (struct child){.rel_type = "m.thread", .sender = other});
	THREADS(f, room, INT64_MAX, 0, one, two);
	THREADS(f, room, INT64_MAX, user, one);
	THREADS(f, room, INT64_MAX, other, one, two);
	THREADS(f, room, INT64_MAX, third);
	THREADS(f, room, row_of(f, c).pos - 1, 0, two);
	child_of(f, a,
	    (struct child){.rel_type = "m.thread",
		.sender = third}); /* no thread begins at an event of a thread */
	THREADS(f, room, INT64_MAX, 0, one, two);
	redact(f, c);
	THREADS(f, room, INT64_MAX, 0, two, one);
	redact(f, b);
	THREADS(f, room, INT64_MAX, 0, one);
	fixture_check(f);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct relation_scope scope = {.until_pos = INT64_MAX};
	struct relation_pair *pairs;
	size_t count;
	int64_t roots[] = {one, two, a};
	assert_int_equal(
	    relation_thread_ends(txn, &f->arena, (struct nids){roots, 3}, &scope, &pairs, &count),
	    RC_OK);
	assert_int_equal(count, 1);
	assert_int_equal(pairs[0].parent, one);
	assert_int_equal(pairs[0].child, a);
}

static void a_redacted_child_is_none(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a"),
		root = fixture_message(f, room, user);
	int64_t a = child_of(f, root, (struct child){.rel_type = "m.reference"}),
		b = child_of(f, root, (struct child){.rel_type = "m.reference"});
	bool is_child;
	redact(f, a);
	PAGE(f, LIST(b), .parent = root);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	assert_int_equal(relation_is_child(txn, room, row_of(f, a).event_id, &is_child), RC_OK);
	assert_false(is_child);
	assert_int_equal(relation_is_child(txn, room, row_of(f, b).event_id, &is_child), RC_OK);
	assert_true(is_child);
	assert_int_equal(relation_is_child(txn, room + 1, row_of(f, b).event_id, &is_child), RC_OK);
	assert_false(is_child);
	assert_int_equal(relation_is_child(txn, room, STR("$none"), &is_child), RC_OK);
	assert_false(is_child);
	fixture_check(f);
}

static void children_by_one_sender(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), other = fixture_user(f, "@b:x"),
		room = fixture_room(f, "!a");
	int64_t root = fixture_message(f, room, user);
	int64_t a = child_of(f, root,
	    (struct child){.rel_type = "m.annotation", .type = "m.reaction", .sender = user});
	child_of(f, root,
	    (struct child){.rel_type = "m.annotation", .type = "m.reaction", .sender = other});
	child_of(f, root,
	    (struct child){.rel_type = "m.annotation", .type = "m.sticker", .sender = user});
	int64_t b = child_of(f, root,
	    (struct child){.rel_type = "m.annotation", .type = "m.reaction", .sender = user});
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row *events;
	size_t count;
	assert_int_equal(relations_by(txn, &f->arena, root, REL_ANNOTATION, user, STR("m.reaction"),
			     9, &events, &count),
	    RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(events[0].event, a);
	assert_int_equal(events[1].event, b);
	assert_int_equal(relations_by(txn, &f->arena, root, REL_ANNOTATION, user, STR("m.none"), 9,
			     &events, &count),
	    RC_OK);
	assert_int_equal(count, 0);
}

static void parents_of_chosen_children(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), other = fixture_user(f, "@b:x"), room = fixture_room(f, "!a");
	int64_t events[4];
	for (size_t i = 0; i < COUNT_OF(events); i++)
		events[i] = fixture_message(f, room, user);
	child_of(f, events[0], (struct child){.rel_type = "m.thread", .sender = user});
	child_of(f, events[1], (struct child){.rel_type = "org.example", .sender = other});
	child_of(f, events[1], (struct child){.rel_type = "m.thread", .sender = other});
	child_of(f, events[2], (struct child){.rel_type = "m.annotation", .sender = user});
	const str one[] = {STR("m.thread")}, both[] = {STR("m.annotation"), STR("org.example")};
	const str unheard[] = {STR("never.seen")};
	const struct nids mine = {&user, 1}, nobody = {0};
	const struct {
		struct relation_choice choice;
		const char *expected; /* indices */
	} rows[] = {
	    {{NULL, 0, NULL}, "012"},
	    {{one, 1, NULL}, "01"},
	    {{both, 2, NULL}, "12"},
	    {{unheard, 1, NULL}, ""},
	    {{one, 0, NULL}, ""},
	    {{NULL, 0, &mine}, "02"},
	    {{NULL, 0, &nobody}, ""},
	    {{one, 1, &mine}, "0"},
	    {{both, 2, &mine}, "2"},
	};
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
		struct nids found;
		assert_int_equal(parents_with(txn, &f->arena, (struct nids){events, COUNT_OF(events)},
				     &rows[r].choice, &found),
		    RC_OK);
		assert_int_equal(found.n, strlen(rows[r].expected));
		for (size_t i = 0; i < found.n; i++)
			assert_int_equal(found.p[i], events[rows[r].expected[i] - '0']);
	}
}

static void events_come_by_their_numbers(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@a:x"), room = fixture_room(f, "!a");
	int64_t a = fixture_message(f, room, user), b = fixture_message(f, room, user);
	int64_t wanted[] = {b, 99999, a, b};
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct event_row *events;
	size_t count;
	assert_int_equal(
	    events_of(txn, &f->arena, (struct nids){wanted, COUNT_OF(wanted)}, &events, &count),
	    RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(events[0].event, a);
	assert_int_equal(events[1].event, b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(children_by_type_and_span),
	    TEST(families_go_down_as_far_as_asked),
	    TEST(a_circle_ends),
	    TEST(a_relation_waits_for_its_parent),
	    TEST(a_parent_in_another_room_is_none),
	    TEST(summaries_count_once_for_all),
	    TEST(the_most_recent_valid_replacement),
	    TEST(state_events_are_not_replaced),
	    TEST(threads_by_their_newest_event),
	    TEST(a_redacted_child_is_none),
	    TEST(children_by_one_sender),
	    TEST(parents_of_chosen_children),
	    TEST(events_come_by_their_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
