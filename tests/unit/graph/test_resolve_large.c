/* What grows with what peers send: chains, cycles and conflicts by the ten thousand. Costs are counted, not timed. */
#include "base/test.h"

#include "graph/dag.h"

enum { CHAIN = 100000, CROWD = 10000 };

static struct arena arena;
static struct dag dag;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 2048 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dag_release(&dag);
	arena_release(&arena);
	return 0;
}

#define LEVELS "{\"users\":{\"@admin:a\":100}}"
#define JOIN "{\"membership\":\"join\"}"

static size_t add(const char *type, const char *key, const char *sender, const char *content, const size_t *auth,
                  size_t count)
{
	str name = arena_printf(&arena, "n%zu%c", dag.count, 0);
	return dag_add_citing(&dag, &(struct dag_event){.name = name.p, .type = type, .key = key, .sender = sender,
		.content = content}, auth, count);
}

#define ADD(type, key, sender, content, ...) \
	add(type, key, sender, content, (const size_t[]){__VA_ARGS__}, \
	    sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

/* Create, the creator, levels, rules, the admin: 0 to 4. In v12 nothing cites the create event. */
enum { CREATE, CREATOR, LEVELS0, RULES0, ADMIN };

static void room(const char *version)
{
	dag_release(&dag);
	arena_clear(&arena);
	dag_init(&dag, &arena, version);
	dag_add(&dag, &(struct dag_event){.name = "create", .type = "m.room.create", .key = "", .sender = "@c:a",
		.content = "{\"creator\":\"@c:a\"}"});
	add("m.room.member", "@c:a", "@c:a", JOIN, (const size_t[]){CREATE}, 1);
	ADD("m.room.power_levels", "", "@c:a", LEVELS, CREATE, CREATOR);
	ADD("m.room.join_rules", "", "@c:a", "{\"join_rule\":\"public\"}", CREATE, CREATOR, LEVELS0);
	ADD("m.room.member", "@admin:a", "@admin:a", JOIN, CREATE, LEVELS0, RULES0);
}

static struct dag_state base(void)
{
	struct dag_state state = dag_state_empty(&dag);
	for (size_t i = 0; i < 5; i++)
		dag_state_put(&state, &dag, i);
	return state;
}

static size_t resolved_at(struct dag_state *states, size_t count, size_t like, bool has_index, struct dag_cost *cost)
{
	struct dag_state resolved;
	assert_rc(dag_resolve(&dag, states, count, (struct dag_way){.has_index = has_index}, &resolved, cost), RC_OK);
	return resolved.at[dag.at[like]->index];
}

static const char *const versions[] = {"2", "10", "12"};

/* Each levels event cites the one before; one state has the first, the other the last. */
static void chain_of_levels(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t last = LEVELS0;
		for (size_t i = 0; i < CHAIN; i++)
			last = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, last);
		size_t topic = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, LEVELS0);
		struct dag_state states[2] = {base(), base()};
		dag_state_put(&states[1], &dag, last);
		dag_state_put(&states[1], &dag, topic);
		struct dag_cost cost;
		assert_int_equal(resolved_at(states, 2, last, false, &cost), last);
		assert_in_range(cost.events, CHAIN, CHAIN + 100); /* each once */
		bool *in;
		assert_rc(dag_difference(&dag, states, 2, 0, &in), RC_OK);
		for (size_t i = 0; i < dag.count; i++)
			assert_int_equal(in[i], i > ADMIN);
	}
}

/* The mainline is a hundred thousand long; only its end matters to who cites that. */
static void mainline_as_far_as_needed(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t last = LEVELS0, older = 0;
		for (size_t i = 0; i < CHAIN; i++) {
			last = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, last);
			older = i == CHAIN - 10 ? last : older;
		}
		size_t first = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, last);
		size_t second = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, older);
		struct dag_state states[2] = {base(), base()};
		struct dag_cost cost;
		dag_state_put(&states[0], &dag, last);
		dag_state_put(&states[1], &dag, last);
		dag_state_put(&states[0], &dag, first);
		dag_state_put(&states[1], &dag, second);
		bool is_v2_1 = dag.version->state_resolution == STATE_RESOLUTION_V2_1; /* it has no mainline here */
		assert_int_equal(resolved_at(states, 2, first, false, &cost), is_v2_1 ? second : first);
		if (!is_v2_1)
			assert_in_range(cost.events, 1, 100);
	}
}

/*
 * Two lines of levels that part early. The states agree on the end of one; the other is in the auth difference, and so
 * the mainline of step 3 is that one: the text replays what the states have settled, and restores it at the end.
 */
static void side_lines(void **state)
{
	(void)state;
	room("10");
	size_t main_line = LEVELS0, side = LEVELS0;
	for (size_t i = 0; i < CHAIN / 2; i++) {
		side = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, side);
		main_line = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, main_line);
	}
	size_t first = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, main_line);
	size_t second = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, side);
	struct dag_state states[2] = {base(), base()};
	struct dag_cost cost;
	for (size_t i = 0; i < 2; i++)
		dag_state_put(&states[i], &dag, main_line);
	dag_state_put(&states[0], &dag, first);
	dag_state_put(&states[1], &dag, second);
	assert_int_equal(resolved_at(states, 2, first, false, &cost), second);
	assert_int_equal(resolved_at(states, 2, main_line, false, &cost), main_line);
	assert_in_range(cost.events, CHAIN, CHAIN + 100);
}

/* A ring of forged links: no order, no end to walk to; the honest event stands. */
static void ring(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t first = dag.count, last = first;
		for (size_t i = 0; i < CHAIN; i++)
			last = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, i ? last : LEVELS0);
		dag_cite(&dag, first, last);
		size_t honest = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, LEVELS0);
		struct dag_state states[2] = {base(), base()};
		dag_state_put(&states[1], &dag, last);
		dag_state_put(&states[0], &dag, honest);
		assert_int_equal(resolved_at(states, 2, honest, false, NULL), honest);
	}
}

/* Ten thousand are kicked on one fork and change their names on the other. */
static void crowd(void **state)
{
	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t joined[CROWD], kicked[CROWD], renamed[CROWD];
		for (size_t i = 0; i < CROWD; i++) {
			const char *user = arena_printf(&arena, "@u%zu:a%c", i, 0).p;
			joined[i] = ADD("m.room.member", user, user, JOIN, CREATE, LEVELS0, RULES0);
			kicked[i] = ADD("m.room.member", user, "@admin:a", "{\"membership\":\"leave\"}", CREATE, LEVELS0, ADMIN, joined[i]);
			renamed[i] = ADD("m.room.member", user, user, JOIN, CREATE, LEVELS0, RULES0, joined[i]);
		}
		struct dag_state states[3] = {base(), base(), base()};
		for (size_t i = 0; i < CROWD; i++) {
			dag_state_put(&states[0], &dag, kicked[i]);
			dag_state_put(&states[1], &dag, renamed[i]);
			dag_state_put(&states[2], &dag, joined[i]);
		}
		struct dag_cost cost;
		assert_int_equal(resolved_at(states, 3, kicked[7], true, &cost), renamed[7]);
		assert_int_equal(cost.chains, 0); /* more targets than it asks about */
		assert_in_range(cost.events, 3 * CROWD, 3 * CROWD + 100);
	}
}

/*
 * A long chain behind events on which the states agree: with an index it is left alone beyond a first walk, and
 * the outcome is that of walking all of it.
 */
static void index_cuts_walks(void **state)
{
	(void)state;
	enum { LONG = 20000 };
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t line = CREATOR;
		for (size_t i = 0; i < LONG; i++) /* of no use to any rule, but in the chain */
			line = ADD("m.room.member", "@c:a", "@c:a", JOIN, CREATE, LEVELS0, line);
		size_t rules1 = ADD("m.room.join_rules", "", "@admin:a", "{\"join_rule\":\"invite\"}", CREATE, LEVELS0, ADMIN, line);
		size_t rules2 = ADD("m.room.join_rules", "", "@admin:a", "{\"join_rule\":\"knock\"}", CREATE, LEVELS0, ADMIN, rules1);
		struct dag_state states[2] = {base(), base()};
		for (size_t i = 0; i < 2; i++)
			dag_state_put(&states[i], &dag, line);
		dag_state_put(&states[0], &dag, rules1);
		dag_state_put(&states[1], &dag, rules2);
		struct dag_cost walked, asked;
		assert_int_equal(resolved_at(states, 2, rules1, false, &walked), rules2);
		assert_int_equal(resolved_at(states, 2, rules1, true, &asked), rules2);
		assert_true(walked.events >= LONG && asked.events < LONG / 2);
		assert_in_range(asked.chains, 1, 10);
	}
}

/* An arena that is too small ends it, with its own outcome. */
static void out_of_memory(void **state)
{
	(void)state;
	struct dag_state states[2], resolved;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		room(versions[v]);
		size_t levels = ADD("m.room.power_levels", "", "@admin:a", LEVELS, CREATE, ADMIN, LEVELS0);
		size_t topic = ADD("m.room.topic", "", "@admin:a", "{}", CREATE, ADMIN, LEVELS0);
		states[0] = base();
		states[1] = base();
		dag_state_put(&states[0], &dag, levels);
		dag_state_put(&states[1], &dag, topic);
		enum rc rc = RC_BUDGET;
		size_t budget = 0;
		for (; rc != RC_OK; budget += 16) {
			rc = dag_resolve(&dag, states, 2, (struct dag_way){.budget_bytes = budget + 1}, &resolved, NULL);
			assert_true(rc == RC_OK || rc == RC_BUDGET);
		}
		assert_true(budget > 1024);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_of_levels),
		cmocka_unit_test(mainline_as_far_as_needed),
		cmocka_unit_test(side_lines),
		cmocka_unit_test(ring),
		cmocka_unit_test(crowd),
		cmocka_unit_test(index_cuts_walks),
		cmocka_unit_test(out_of_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
