/* Named shapes of forks in state resolution v2 and v2.1, each with the state that stands, and why. */
#include "base/test.h"

#include "graph/dag.h"

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
	arena_release(&arena);
	return 0;
}

#define JOIN "{\"membership\":\"join\"}"
#define LEAVE "{\"membership\":\"leave\"}"
#define BAN "{\"membership\":\"ban\"}"
#define RULE(rule) "{\"join_rule\":\"" rule "\"}"
#define TOPIC "m.room.topic", ""
#define LEVELS "m.room.power_levels", ""
#define RULES "m.room.join_rules", ""
#define MEMBER(user) "m.room.member", user
#define ADMIN "\"@admin:a\":100" /* the creator has her level by the event, or by v12's rules */

/* Creator @c, @admin (100), @mod (50), @b and @d (0), in a public room. */
static const struct dag_event base[] = {
	{"create", "m.room.create", "", "@c:a", "{\"creator\":\"@c:a\"}", "", 0, 0, false, NULL},
	{"c", MEMBER("@c:a"), "@c:a", JOIN, "create", 0, 0, false, NULL},
	{"p0", LEVELS, "@c:a", "{\"users\":{" ADMIN ",\"@mod:a\":50}}", "create c", 0, 0, false, NULL},
	{"j0", RULES, "@c:a", RULE("public"), "create c p0", 0, 0, false, NULL},
	{"admin", MEMBER("@admin:a"), "@admin:a", JOIN, "create p0 j0", 0, 0, false, NULL},
	{"mod", MEMBER("@mod:a"), "@mod:a", JOIN, "create p0 j0", 0, 0, false, NULL},
	{"b", MEMBER("@b:a"), "@b:a", JOIN, "create p0 j0", 0, 0, false, NULL},
};
#define BASE "create c p0 j0 admin mod b "

static void room(const char *version)
{
	dag_release(&dag);
	arena_clear(&arena);
	dag_init(&dag, &arena, version);
	for (size_t i = 0; i < COUNT_OF(base); i++)
		dag_add(&dag, &base[i]);
}

static void add(const char *name, const char *type, const char *key, const char *sender, const char *content,
                const char *auth, int64_t ts)
{
	dag_add(&dag, &(struct dag_event){name, type, key, sender, content, auth, ts, 0, false, NULL});
}

static void add_rejected(const char *name, const char *type, const char *key, const char *sender, const char *content,
                         const char *auth, int64_t ts)
{
	dag_add(&dag, &(struct dag_event){name, type, key, sender, content, auth, ts, 0, true, NULL});
}

static void name_at(const struct dag_state *state, size_t place, str *ret_name)
{
	*ret_name = place < state->count && state->at[place] != DAG_NONE ? dag.events[state->at[place]].event_id
	                                                                 : STR("nothing");
}

/* The whole resolved state, however it is presented. */
static void stands_of(const char *const states[], size_t count, const char *expected)
{
	struct dag_state given[4], resolved, wanted = dag_state(&dag, expected);
	for (size_t i = 0; i < count; i++)
		given[i] = dag_state(&dag, states[i]);
	for (uint64_t seed = 0; seed < 12; seed++) {
		assert_rc(dag_resolve(&dag, given, count, (struct dag_way){.seed = seed, .has_index = seed % 2}, &resolved, NULL), RC_OK);
		for (size_t place = 0; place < resolved.count; place++) {
			str got, want;
			name_at(&resolved, place, &got);
			name_at(&wanted, place, &want);
			assert_str(got, want);
		}
	}
}

static void stands(const char *first, const char *second, const char *expected)
{
	stands_of((const char *const[]){first, second}, 2, expected);
}

static const char *const versions[] = {"2", "6", "10", "11", "12"};

#define EACH_VERSION(v) for (size_t v = 0; v < COUNT_OF(versions); v++)

/* ---- who may do what ---- */

/* A ban on one fork, the banned one's renewed join on the other: no evasion, whatever the stamps. */
static void ban_evasion_by_fork(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("ban", MEMBER("@b:a"), "@mod:a", BAN, "create p0 mod b", 2000);
		add("b2", MEMBER("@b:a"), "@b:a", JOIN, "create p0 j0 b", 9000);
		add("t", TOPIC, "@b:a", "{}", "create p0 b2", 9001);
		stands(BASE "ban", BASE "b2", BASE "ban");
		add("ban2", MEMBER("@b:a"), "@mod:a", BAN, "create p0 mod b", 99000); /* by a late clock */
		stands(BASE "ban2", BASE "b2", BASE "ban2");
	}
}

/* A ban comes before what the banned one did meanwhile, as a power event does; her own leave is none. */
static void bans_and_own_leaves(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@mod:a\":50},\"events\":{\"m.room.topic\":0}}", "create p0 admin",
		    500);
		add("ban", MEMBER("@b:a"), "@mod:a", BAN, "create p1 mod b", 2000);
		add("t", TOPIC, "@b:a", "{}", "create p1 b", 1000);
		stands("create c p1 j0 admin mod ban", "create c p1 j0 admin mod b t", "create c p1 j0 admin mod ban");
		add("leave", MEMBER("@b:a"), "@b:a", LEAVE, "create p1 b", 9000);
		add("b2", MEMBER("@b:a"), "@b:a", JOIN, "create p1 j0 b", 1000);
		stands("create c p1 j0 admin mod leave", "create c p1 j0 admin mod b2", "create c p1 j0 admin mod leave");
	}
}

/* A kick, and what the kicked one did meanwhile: stands where the room would let her in again. */
static void kick_and_rejoin(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("kick", MEMBER("@b:a"), "@mod:a", LEAVE, "create p0 mod b", 2000);
		add("b2", MEMBER("@b:a"), "@b:a", JOIN, "create p0 j0 b", 1500);
		stands(BASE "kick", BASE "b2", BASE "b2");
		add("j1", RULES, "@admin:a", RULE("invite"), "create p0 admin", 1200);
		add("kick1", MEMBER("@b:a"), "@mod:a", LEAVE, "create p0 mod b", 2000);
		add("b3", MEMBER("@b:a"), "@b:a", JOIN, "create p0 j1 b", 1500);
		stands(BASE "j1 kick1", BASE "j1 b3", BASE "j1 kick1");
	}
}

/* The rules close on one fork while somebody comes in on the other: the rules stand, who came in does not. */
static void join_rule_flip_against_a_join(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("j1", RULES, "@admin:a", RULE("invite"), "create p0 admin", 9000);
		add("d", MEMBER("@d:a"), "@d:a", JOIN, "create p0 j0", 1000);
		stands(BASE "j1", BASE "d", BASE "j1");
		stands_of((const char *const[]){BASE "j1", BASE "d", BASE}, 3, BASE "j1");
	}
}

/* Who is demoted on one fork has changed levels on the other: the higher sender comes first. */
static void demotion_against_a_change(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN "}}", "create p0 admin", 9000);
		add("p2", LEVELS, "@mod:a", "{\"users\":{" ADMIN ",\"@mod:a\":50,\"@b:a\":50}}", "create p0 mod", 1000);
		stands(BASE "p1", BASE "p2", BASE "p1");
	}
}

/* Two of the same level who change levels at once: the later one stands, and two merges do not swing back. */
static void power_level_loop(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@mod:a\":50,\"@b:a\":50}}", "create p0 admin", 1000);
		add("p2", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@mod:a\":50,\"@d:a\":50}}", "create p0 admin", 2000);
		stands(BASE "p1", BASE "p2", BASE "p2");
		add("p3", LEVELS, "@admin:a", "{\"users\":{" ADMIN "}}", "create p2 admin", 500); /* on the merge, by a late clock */
		stands(BASE "p1", BASE "p3", BASE "p3");
		stands_of((const char *const[]){BASE "p1", BASE "p2", BASE "p3"}, 3, BASE "p3");
	}
}

/* An old fork that never saw what came later takes nothing back. */
static void old_fork_takes_nothing_back(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("b2", MEMBER("@b:a"), "@b:a", LEAVE, "create p0 b", 2000);
		add("b3", MEMBER("@b:a"), "@b:a", JOIN, "create p0 j0 b2", 3000);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@b:a\":50}}", "create p0 admin", 3500);
		add("t", TOPIC, "@b:a", "{}", "create p1 b3", 4000);
		stands(BASE "b3 p1 t", BASE, BASE "b3 p1 t");
		stands(BASE "b3 p1 t", BASE "b2", BASE "b3 p1 t");
	}
}

/* ---- orders ---- */

/* By the mainline first: what cites older levels comes earlier, whatever its stamp. */
static void topics_by_mainline(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("t1", TOPIC, "@admin:a", "{}", "create p0 admin", 9000);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@mod:a\":50}}", "create p0 admin", 2000);
		add("t2", TOPIC, "@admin:a", "{}", "create p1 admin", 1000);
		stands(BASE "t1", BASE "p1 t2", BASE "p1 t2");
	}
}

/* A side line of levels counts where it leaves the mainline: there the stamps decide. */
static void topics_by_side_line(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN "}}", "create p0 admin", 2000);
		add("p2", LEVELS, "@mod:a", "{\"users\":{" ADMIN ",\"@mod:a\":50},\"ban\":49}", "create p0 mod", 2500);
		add("t1", TOPIC, "@admin:a", "{}", "create p0 admin", 9600);
		add("t2", TOPIC, "@admin:a", "{}", "create p2 admin", 9700);
		add("t3", TOPIC, "@admin:a", "{}", "create p2 admin", 9500);
		add("t4", TOPIC, "@admin:a", "{}", "create p1 admin", 1000);
		stands(BASE "p1 t1", BASE "p2 t2", BASE "p1 t2");
		stands(BASE "p1 t1", BASE "p2 t3", BASE "p1 t1");
		stands(BASE "p1 t4", BASE "p2 t2", BASE "p1 t4");
	}
}

/* The levels on which the states agree are the mainline's head in v2; v2.1 knows none then, and the stamps decide. */
static void topics_by_agreed_levels(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@mod:a\":50}}", "create p0 admin", 2000);
		add("t1", TOPIC, "@mod:a", "{}", "create p1 mod", 1000);
		add("t2", TOPIC, "@mod:a", "{}", "create p0 mod", 9000);
		stands(BASE "p1 t1", BASE "p1 t2", strcmp(versions[v], "12") == 0 ? BASE "p1 t2" : BASE "p1 t1");
	}
}

static void topics_by_stamp_then_id(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("tb", TOPIC, "@admin:a", "{}", "create p0 admin", 1000);
		add("ta", TOPIC, "@admin:a", "{}", "create p0 admin", 2000);
		add("tc", TOPIC, "@admin:a", "{}", "create p0 admin", 1000);
		stands(BASE "tb", BASE "ta", BASE "ta");
		stands(BASE "tb", BASE "tc", BASE "tc");
		stands_of((const char *const[]){BASE "tb", BASE "tc", BASE}, 3, BASE "tc");
	}
}

/* Power events: the greater level, the earlier stamp, the smaller id comes first; the last stands. */
static void power_events_by_level(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("j1", RULES, "@admin:a", RULE("invite"), "create p0 admin", 9000);
		add("j2", RULES, "@mod:a", RULE("knock"), "create p0 mod", 1000);
		stands(BASE "j1", BASE "j2", BASE "j2");
		add("j3", RULES, "@mod:a", RULE("invite"), "create p0 mod", 1000);
		stands(BASE "j2", BASE "j3", BASE "j3");
	}
}

/* What a power event has in its chain by way of what all states agree on comes before it, whatever its stamp. */
static void order_through_agreed_events(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("j1", RULES, "@admin:a", RULE("public"), "create p0 admin", 9000);
		add("d", MEMBER("@d:a"), "@d:a", JOIN, "create p0 j1", 9100);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@d:a\":100}}", "create p0 admin", 9200);
		add("j2", RULES, "@d:a", RULE("invite"), "create p1 d", 1000); /* cites j1 only through d */
		stands("create c p1 admin mod b d j1", "create c p1 admin mod b d j2", "create c p1 admin mod b d j2");
		add("e1", MEMBER("@e:a"), "@d:a", "{\"membership\":\"invite\"}", "create p1 d", 9300);
		add("p2", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@d:a\":100,\"@e:a\":100}}", "create p1 admin", 9350);
		add("e2", MEMBER("@e:a"), "@e:a", JOIN, "create p2 e1", 9400);
		add("j3", RULES, "@e:a", RULE("knock"), "create p2 e2", 1000); /* through e2, e1 and d */
		stands("create c p2 admin mod b d e2 j1", "create c p2 admin mod b d e2 j3", "create c p2 admin mod b d e2 j3");
	}
}

/* ---- what the auth checks look at ---- */

static void rejected_events(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		/* Rejected on receipt, but in a state, and allowed by what is resolved: handled as usual. */
		add_rejected("t1", TOPIC, "@admin:a", "{}", "create p0 admin", 9000);
		add("t2", TOPIC, "@admin:a", "{}", "create p0 admin", 1000);
		stands(BASE "t1", BASE "t2", BASE "t1");
		/* As an auth event it is not used: d is in no state, and her own event cites a membership that does not count. */
		for (size_t i = 0; i < 2; i++) {
			room(versions[v]);
			add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@d:a\":50}}", "create p0 admin", 900);
			(i ? add_rejected : add)("d", MEMBER("@d:a"), "@d:a", JOIN, "create p1 j0", 1000);
			add("t0", "org.example.plain", "", "@d:a", "{}", "create p1 d", 1000);
			add("t3", TOPIC, "@d:a", "{}", "create p1 d", 1000);
			stands("create c p1 j0 t0 t3", "create c p1 j0 t0", i ? "create c p1 j0 t0" : "create c p1 j0 t0 t3");
		}
	}
}

/* Where the state has nothing, the event's own auth events stand in. */
static void own_auth_events(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@d:a\":50}}", "create p0 admin", 1000);
		add("d", MEMBER("@d:a"), "@d:a", JOIN, "create p1 j0", 1100);
		add("t1", TOPIC, "@d:a", "{}", "create p1 d", 1200);
		stands("create c p1 j0 admin t1", "create c p1 j0 admin", "create c p1 j0 admin t1 d");
	}
}

/* Missing auth events, and those of another room: as if they were not cited. */
static void auth_events_that_do_not_count(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN "},\"state_default\":0}", "create p0 admin", 900);
		add("t1", "org.example.one", "", "@d:a", "{}", "create p1 nobody-has-this", 1200);
		dag_add(&dag, &(struct dag_event){"far", MEMBER("@d:a"), "@d:a", JOIN, "create p1 j0", 0, 0, false, "!far:a"});
		add("t2", "org.example.two", "", "@d:a", "{}", "create p1 far", 1300);
		add("t3", "org.example.three", "", "@admin:a", "{}", "create p1 admin nobody", 1300);
		stands("create c p1 j0 admin t1 t2 t3", "create c p1 j0 admin", "create c p1 j0 admin t3");
		add("near", MEMBER("@d:a"), "@d:a", JOIN, "create p1 j0", 900); /* the twin of `far` */
		add("t4", "org.example.two", "", "@d:a", "{}", "create p1 near", 1300);
		stands("create c p1 j0 admin t4", "create c p1 j0 admin", "create c p1 j0 admin t4 near");
	}
}

/* A message of a type that is state elsewhere is none, and gives no levels. */
static void messages_are_no_state(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("levels", "m.room.power_levels", NULL, "@b:a", "{\"users\":{\"@b:a\":100}}", "create", 900);
		add("t1", TOPIC, "@b:a", "{}", "create levels b", 1200);
		stands("create c j0 b t1", "create c j0 b", "create c j0 b");
	}
}

/* A cycle of forged links has no order: what is on it, and what cites it, does not come in by step 1. */
static void cycles(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		room(versions[v]);
		add("j1", RULES, "@admin:a", RULE("invite"), "create p0 admin", 1000);
		add("j2", RULES, "@admin:a", RULE("knock"), "create p0 admin", 2000);
		dag_cite(&dag, dag_index(&dag, "j1"), dag_index(&dag, "j2"));
		dag_cite(&dag, dag_index(&dag, "j2"), dag_index(&dag, "j1"));
		add("j3", RULES, "@admin:a", RULE("private"), "create p0 admin", 3000);
		stands_of((const char *const[]){"create c p0 admin j1", "create c p0 admin j2", "create c p0 admin j3"}, 3,
		          "create c p0 admin j3");
	}
}

/* ---- where v2.1 differs ---- */

/*
 * A state reset: b joined while the room was public, one fork lost her, the rules have closed since on both. v2 holds her
 * join against the rules of today and drops her; v2.1 against those she joined under.
 */
static void member_lost_to_rules_of_today(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		bool is_v2_1 = strcmp(versions[v], "12") == 0;
		room(versions[v]);
		add("j1", RULES, "@admin:a", RULE("invite"), "create p0 admin", 9000);
		stands("create c p0 admin mod j1 b", "create c p0 admin mod j1",
		       is_v2_1 ? "create c p0 admin mod j1 b" : "create c p0 admin mod j1");
	}
}

/*
 * Levels that fall back: one state holds p1 although its chains know p2, which gave @d what she needs for p3. v2
 * holds p3 against p1 alone; the conflicted state subgraph of v2.1 brings p2 in between.
 */
static void power_level_regress(void **state)
{
	(void)state;
	EACH_VERSION(v) {
		bool is_v2_1 = strcmp(versions[v], "12") == 0;
		room(versions[v]);
		add("d", MEMBER("@d:a"), "@d:a", JOIN, "create p0 j0", 1000);
		add("p1", LEVELS, "@admin:a", "{\"users\":{" ADMIN "},\"ban\":60}", "create p0 admin", 2000);
		add("p2", LEVELS, "@admin:a", "{\"users\":{" ADMIN ",\"@d:a\":90}}", "create p1 admin", 3000);
		add("mod2", MEMBER("@mod:a"), "@mod:a", JOIN, "create p2 j0 mod", 3500);
		add("p3", LEVELS, "@d:a", "{\"users\":{" ADMIN ",\"@d:a\":90},\"kick\":80}", "create p2 d", 4000);
		stands("create c j0 admin b d mod2 p1", "create c j0 admin b d mod2 p3",
		       is_v2_1 ? "create c j0 admin b d mod2 p3" : "create c j0 admin b d mod2 p1");
	}
}

/* ---- v12: the create event stands in no auth events ---- */

static void create_event_of_v12(void **state)
{
	(void)state;
	room("12");
	add("t1", TOPIC, "@c:a", "{}", "p0 c", 1000); /* by a creator: above all levels */
	add("t2", TOPIC, "@admin:a", "{}", "p0 admin", 2000);
	stands(BASE "t1", BASE "t2", BASE "t2");
	/* Lost by one state, it is found by the room's id. */
	stands(BASE "t1", "c p0 j0 admin mod b t2", BASE "t2");
	/* A rejected one makes no room. */
	dag.links[dag_index(&dag, "create")].rejected = true;
	stands(BASE "t1", BASE, BASE);
}

/* Creators come before every other sender. */
static void creators_first_in_v12(void **state)
{
	(void)state;
	room("12");
	add("j1", RULES, "@c:a", RULE("invite"), "p0 c", 9000);
	add("j2", RULES, "@admin:a", RULE("knock"), "p0 admin", 1000);
	stands(BASE "j1", BASE "j2", BASE "j2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ban_evasion_by_fork),
		cmocka_unit_test(bans_and_own_leaves),
		cmocka_unit_test(kick_and_rejoin),
		cmocka_unit_test(join_rule_flip_against_a_join),
		cmocka_unit_test(demotion_against_a_change),
		cmocka_unit_test(power_level_loop),
		cmocka_unit_test(old_fork_takes_nothing_back),
		cmocka_unit_test(topics_by_mainline),
		cmocka_unit_test(topics_by_side_line),
		cmocka_unit_test(topics_by_agreed_levels),
		cmocka_unit_test(topics_by_stamp_then_id),
		cmocka_unit_test(power_events_by_level),
		cmocka_unit_test(order_through_agreed_events),
		cmocka_unit_test(rejected_events),
		cmocka_unit_test(own_auth_events),
		cmocka_unit_test(auth_events_that_do_not_count),
		cmocka_unit_test(messages_are_no_state),
		cmocka_unit_test(cycles),
		cmocka_unit_test(member_lost_to_rules_of_today),
		cmocka_unit_test(power_level_regress),
		cmocka_unit_test(create_event_of_v12),
		cmocka_unit_test(creators_first_in_v12),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
