/* State resolution v1: its order, its passes, and the resets that it is known for. */
#include "base/test.h"

#include "graph/dag.h"
#include "graph/resolve_int.h"

static struct arena arena;
static struct dag dag;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dag_release(&dag);
	arena_release(&arena);
	return 0;
}

#define JOIN "{\"membership\":\"join\"}"
#define BAN "{\"membership\":\"ban\"}"
#define TOPIC "m.room.topic", ""
#define LEVELS "m.room.power_levels", ""
#define RULES "m.room.join_rules", ""
#define MEMBER(user) "m.room.member", user
#define USERS(more) "{\"users\":{\"@c:a\":100,\"@mod:a\":50" more "}}"

static void add(const char *name, const char *type, const char *key, const char *sender, const char *content,
                int64_t depth)
{
	dag_add(&dag, &(struct dag_event){name, type, key, sender, content, "create", 1, depth, false, NULL});
}

static void room(void)
{
	dag_release(&dag);
	arena_clear(&arena);
	dag_init(&dag, &arena, "1");
	add("create", "m.room.create", "", "@c:a", "{\"creator\":\"@c:a\"}", 1);
	add("c", MEMBER("@c:a"), "@c:a", JOIN, 2);
	add("p0", LEVELS, "@c:a", USERS(""), 3);
	add("j0", RULES, "@c:a", "{\"join_rule\":\"public\"}", 4);
	add("mod", MEMBER("@mod:a"), "@mod:a", JOIN, 5);
	add("b", MEMBER("@b:a"), "@b:a", JOIN, 6);
}
#define BASE "create c p0 j0 mod b "

static void stands_of(const char *const states[], size_t count, const char *expected)
{
	struct dag_state given[4], resolved, wanted = dag_state(&dag, expected);
	for (size_t i = 0; i < count; i++)
		given[i] = dag_state(&dag, states[i]);
	for (uint64_t seed = 0; seed < 12; seed++) {
		assert_rc(dag_resolve(&dag, given, count, (struct dag_way){.seed = seed}, &resolved, NULL), RC_OK);
		for (size_t i = 0; i < resolved.count; i++) {
			bool same = resolved.at[i] == (i < wanted.count ? wanted.at[i] : DAG_NONE);
			if (!same)
				fail_msg("%s: at place %zu stands event %zd", expected, i, (ssize_t)resolved.at[i]);
		}
	}
}

static void stands(const char *first, const char *second, const char *expected)
{
	stands_of((const char *const[]){first, second}, 2, expected);
}

/* What stands in one state only is no conflict, and neither is what only some states have. */
static void union_of_states(void **state)
{
	(void)state;
	room();
	add("t", TOPIC, "@stranger:a", "{}", 9); /* the rules are not asked */
	add("d", MEMBER("@d:a"), "@d:a", JOIN, 9);
	stands(BASE "t", BASE "d", BASE "t d");
	stands_of((const char *const[]){BASE "t", BASE "d", BASE}, 3, BASE "t d");
}

/* Others: the deepest that passes; of equal depth the smaller SHA-1; of none the least deep. */
static void plain_events(void **state)
{
	(void)state;
	room();
	add("low", TOPIC, "@c:a", "{}", 10);
	add("high", TOPIC, "@c:a", "{}", 20);
	add("higher", TOPIC, "@b:a", "{}", 30); /* has no right to */
	stands(BASE "low", BASE "high", BASE "high");
	stands_of((const char *const[]){BASE "low", BASE "higher", BASE "high"}, 3, BASE "high");
	add("even", TOPIC, "@c:a", "{}", 20); /* SHA-1 of $high begins with f6, of $even with 84 */
	stands(BASE "high", BASE "even", BASE "even");
	add("least", TOPIC, "@b:a", "{}", 7);
	stands(BASE "least", BASE "higher", BASE "least");
}

/* Levels: from the least deep on, as long as each is allowed by the one before. */
static void levels_in_a_row(void **state)
{
	(void)state;
	room();
	add("p1", LEVELS, "@c:a", USERS(",\"@b:a\":50"), 10);
	add("p2", LEVELS, "@b:a", USERS(",\"@b:a\":50,\"@d:a\":50"), 11); /* b may by p1 */
	add("p3", LEVELS, "@d:a", USERS(""), 12); /* d is not in the room: the row ends */
	add("p4", LEVELS, "@c:a", USERS(",\"@e:a\":1"), 13);
	stands("create c p1 j0 mod b", "create c p2 j0 mod b", "create c p2 j0 mod b");
	stands_of((const char *const[]){"create c p1 j0 mod b", "create c p2 j0 mod b", "create c p3 j0 mod b",
		"create c p4 j0 mod b"}, 4, "create c p2 j0 mod b");
	stands("create c p0 j0 mod b", "create c p2 j0 mod b", "create c p0 j0 mod b"); /* without p1 b may not */
}

/* Levels come before join rules, these before members, these before the rest. */
static void passes_in_order(void **state)
{
	(void)state;
	room();
	add("p1", LEVELS, "@c:a", USERS(",\"@b:a\":50"), 10);
	add("j1", RULES, "@b:a", "{\"join_rule\":\"invite\"}", 20);
	add("d", MEMBER("@d:a"), "@d:a", "{\"membership\":\"leave\"}", 7);
	add("d2", MEMBER("@d:a"), "@d:a", JOIN, 8);
	add("t1", TOPIC, "@d:a", "{}", 31);
	add("t2", TOPIC, "@c:a", "{}", 30);
	/* j1 holds by p1; under it d may not join; so her topic falls. */
	stands("create c p0 j0 mod b d t2", "create c p1 j1 mod b d2 t1", "create c p1 j1 mod b d t2");
}

/* Who joins is let in by the rules that the pass before resolved. */
static void members_by_resolved_rules(void **state)
{
	(void)state;
	room();
	add("j1", RULES, "@c:a", "{\"join_rule\":\"public\",\"a\":1}", 10);
	add("d", MEMBER("@d:a"), "@d:a", "{\"membership\":\"leave\"}", 11);
	add("d2", MEMBER("@d:a"), "@d:a", JOIN, 12);
	stands("create c p0 j0 mod b d", "create c p0 j1 mod b d2", "create c p0 j1 mod b d2");
}

/* What only one state has is in R from the start, and authorises. */
static void single_events_authorise(void **state)
{
	(void)state;
	room();
	add("ban", MEMBER("@b:a"), "@mod:a", BAN, 21);
	stands("create c p0 j0 b", "create c p0 j0 mod ban", "create c p0 j0 mod ban");
}

/* Members are judged by what was resolved before the members: who else is in conflict is not there yet. */
static void members_by_themselves(void **state)
{
	(void)state;
	room();
	add("mod2", MEMBER("@mod:a"), "@mod:a", JOIN, 20);
	add("ban", MEMBER("@b:a"), "@mod:a", BAN, 21);
	stands(BASE "mod2", BASE "ban", BASE "mod2"); /* the moderator counts as outside: the ban falls */
	stands(BASE, BASE "ban", BASE "ban");
}

/* A known reset: the least deep of the members is never judged, so an old fork's join beats a ban that does not pass. */
static void first_is_never_judged(void **state)
{
	(void)state;
	room();
	add("ban", MEMBER("@b:a"), "@c:a", BAN, 8);
	add("b2", MEMBER("@b:a"), "@b:a", JOIN, 9);
	stands(BASE "ban", BASE "b2", BASE "ban"); /* judged, and refused */
	add("b3", MEMBER("@b:a"), "@b:a", JOIN, 7);
	add("ban2", MEMBER("@b:a"), "@b:a", BAN, 8);
	stands(BASE "b3", BASE "ban2", BASE "b3");
}

static void a_thousand_states(void **state)
{
	(void)state;
	enum { STATES = 1000 };
	static struct dag_state states[STATES];
	struct dag_state resolved;
	room();
	size_t best = 0;
	for (size_t i = 0; i < STATES; i++) {
		str name = arena_printf(&arena, "t%zu%c", i, 0);
		add(name.p, TOPIC, "@c:a", "{}", (int64_t)(10 + i * 7919 % 1013));
		if (i == 0 || dag.events[dag.count - 1].depth > dag.events[best].depth)
			best = dag.count - 1;
	}
	for (size_t i = 0; i < STATES; i++) {
		states[i] = dag_state(&dag, BASE);
		dag_state_put(&states[i], &dag, dag.count - 1 - i);
	}
	assert_rc(dag_resolve(&dag, states, STATES, (struct dag_way){.seed = 3}, &resolved, NULL), RC_OK);
	assert_int_equal(resolved.at[dag.at[best]->index], best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(union_of_states),
	    cmocka_unit_test(plain_events),
	    cmocka_unit_test(levels_in_a_row),
	    cmocka_unit_test(passes_in_order),
	    cmocka_unit_test(members_by_resolved_rules),
	    cmocka_unit_test(single_events_authorise),
	    cmocka_unit_test(members_by_themselves),
	    cmocka_unit_test(first_is_never_judged),
	    cmocka_unit_test(a_thousand_states),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
