/*
 * The index of auth chains, held against plain walks over random graphs: linear rooms, forks, events that cite old
 * ones, refused events that cite anything, rooms in which nobody cites the create event.
 */
#include "snapshot_model.h"

#include "store/auth_chains.h"
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

enum {
	EVENTS_MAX = 128,
	WORDS = EVENTS_MAX / 64,
	USERS = 7,
	PLACES = USERS + 8,
	STATES_MAX = 4,
	CITES_MAX = 6,
	GRAPHS = 2500,
};

struct place {
	const char *type;
	char key[16];
	bool authorises;
};

struct made {
	int64_t nid;
	int place; /* -1: a message */
	bool rejected, foreign;
	uint64_t ancestors[WORDS]; /* its auth chain */
};

struct graph {
	struct fixture *f;
	struct txn_rw *txn;
	int64_t room, other_room;
	int number, count;
	struct place places[PLACES];
	struct made events[EVENTS_MAX];
	bool cites_create, forks, old;
};

static bool bit(const uint64_t *bits, int i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void bit_set(uint64_t *bits, int i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static int below(struct graph *g, int n)
{
	return (int)rng_below(&g->f->rng, (uint64_t)n);
}

/* ---- making a graph ---- */

static void places_make(struct graph *g)
{
	static const struct place fixed[PLACES - USERS] = {
	    {"m.room.create", "", true},
	    {"m.room.power_levels", "", true},
	    {"m.room.join_rules", "", true},
	    {"m.room.third_party_invite", "t", true},
	    {"m.room.name", "", false},
	    {"m.room.topic", "", false},
	    {"m.widget", "a", false},
	    {"m.widget", "b", false},
	};
	memcpy(g->places, fixed, sizeof fixed);
	for (int i = 0; i < USERS; i++) {
		struct place *place = &g->places[PLACES - USERS + i];
		*place = (struct place){"m.room.member", "", true};
		snprintf(place->key, sizeof place->key, "@u%d:x", i);
	}
}

/* An event of a place: its newest, or any of its events; -1: there is none. */
static int event_of(struct graph *g, int place, bool any)
{
	int found = -1, seen = 0;
	for (int i = 0; i < g->count; i++) {
		const struct made *made = &g->events[i];
		if (made->place != place || made->rejected || made->foreign)
			continue;
		if (!any || below(g, ++seen) == 0)
			found = i;
	}
	return found;
}

static void cite(struct graph *g, struct made *made, int cited, str *ids, size_t *count)
{
	if (cited < 0 || *count == CITES_MAX)
		return;
	const struct made *other = &g->events[cited];
	ids[(*count)++] = arena_printf(&g->f->arena, "$%d_%d", g->number, cited);
	if (other->foreign || other->place < 0 || !g->places[other->place].authorises)
		return; /* left out: see auth_index.c */
	for (int w = 0; w < WORDS; w++)
		made->ancestors[w] |= other->ancestors[w];
	bit_set(made->ancestors, cited);
}

static void cite_as_a_server_would(struct graph *g, struct made *made, str *ids, size_t *count)
{
	int sender = PLACES - USERS + below(g, USERS);
	bool any = g->old ? below(g, 2) == 0 : g->forks && below(g, 4) == 0;
	if (g->cites_create)
		cite(g, made, 0, ids, count);
	cite(g, made, event_of(g, 1, any), ids, count);
	cite(g, made, event_of(g, sender, any), ids, count);
	if (made->place < PLACES - USERS)
		return;
	cite(g, made, event_of(g, 2, any), ids, count);
	if (made->place != sender)
		cite(g, made, event_of(g, made->place, any), ids, count);
	if (below(g, 5) == 0)
		cite(g, made, event_of(g, 3, any), ids, count);
}

static void event_make(struct graph *g)
{
	struct made *made = &g->events[g->count];
	str ids[CITES_MAX];
	size_t cited = 0;
	*made = (struct made){.place = g->count == 0 ? 0 : 1 + below(g, PLACES - 1)};
	if (g->count > 0 && below(g, 12) == 0)
		made->place = -1;
	made->rejected = g->count > 0 && below(g, 10) == 0;
	made->foreign = g->count > 0 && below(g, 25) == 0;
	if (made->rejected || made->foreign)
		for (int n = below(g, CITES_MAX); n > 0; n--)
			cite(g, made, below(g, g->count), ids, &cited);
	else if (g->count > 0)
		cite_as_a_server_would(g, made, ids, &cited);
	if (made->foreign) { /* of another room, with a graph of its own */
		cited = 0;
		memset(made->ancestors, 0, sizeof made->ancestors);
	}
	const struct place *place = made->place < 0 ? NULL : &g->places[made->place];
	str canonical = STR("{\"auth_events\":[");
	for (size_t i = 0; i < cited; i++) /* every other one as old rooms write it */
		canonical = arena_printf(&g->f->arena, i % 2 ? "%.*s%s[\"%.*s\",{}]" : "%.*s%s\"%.*s\"",
		    STR_ARG(canonical), i ? "," : "", STR_ARG(ids[i]));
	struct event_insert in = {
	    .room = made->foreign ? g->other_room : g->room,
	    .place = EVENT_OUTLIER,
	    .verdict = made->rejected ? EVENT_REJECTED : EVENT_ACCEPTED,
	    .sender = 1,
	    .generation = -1,
	    .event_id = arena_printf(&g->f->arena, "$%d_%d", g->number, g->count),
	    .type = place ? str_of(place->type) : STR("m.room.message"),
	    .is_state = place != NULL,
	    .state_key = place ? str_of(place->key) : STR_EMPTY,
	    .canonical = arena_printf(&g->f->arena, "%.*s]}", STR_ARG(canonical)),
	    .auth_events = ids,
	    .auth_count = cited,
	};
	int64_t pos;
	assert_int_equal(event_insert(g->txn, &in, &made->nid, &pos), RC_OK);
	assert_int_equal(pos, 0);
	g->count++;
}

static void graph_make(struct graph *g, int number, int size)
{
	char room_id[32];
	g->number = number;
	g->count = 0;
	g->cites_create = number % 3 != 0;
	g->forks = number % 4 > 0;
	g->old = number % 4 == 3;
	places_make(g);
	snprintf(room_id, sizeof room_id, "!g%d", number);
	assert_int_equal(room_add(g->txn, str_of(room_id), STR("10"), false, &g->room), RC_OK);
	while (g->count < size)
		event_make(g);
}

/* ---- questions ---- */

struct states {
	int events[STATES_MAX][PLACES]; /* -1: nothing */
	size_t count;
	int64_t snapshots[STATES_MAX];
};

static void states_make(struct graph *g, struct states *states)
{
	states->count = 2 + (size_t)below(g, STATES_MAX - 1);
	int agreement = below(g, 4); /* of four places, so many are agreed on */
	for (int p = 0; p < PLACES; p++) {
		int agreed = below(g, 5) ? event_of(g, p, below(g, 3) == 0) : -1;
		bool differs = below(g, 4) >= agreement;
		for (size_t s = 0; s < states->count; s++)
			states->events[s][p] = differs && below(g, 2) ? (below(g, 4) ? event_of(g, p, true) : -1)
								      : agreed;
	}
	for (size_t s = 0; s < states->count; s++) {
		states->snapshots[s] = 0;
		for (int p = 0; p < PLACES; p++) {
			struct state_key at;
			if (states->events[s][p] < 0)
				continue;
			assert_int_equal(type_nid_make(g->txn, str_of(g->places[p].type), &at.type), RC_OK);
			assert_int_equal(key_nid_make(g->txn, str_of(g->places[p].key), &at.key), RC_OK);
			assert_int_equal(snapshot_set(g->txn, states->snapshots[s], at,
					     g->events[states->events[s][p]].nid, &states->snapshots[s]),
			    RC_OK);
		}
	}
}

static bool differ_at(const struct states *states, int place)
{
	for (size_t s = 1; s < states->count; s++)
		if (states->events[s][place] != states->events[0][place])
			return true;
	return false;
}

/* What the definition says: the full auth chain of each state; all of them but what is in every one. */
static void difference_plainly(struct graph *g, const struct states *states, uint64_t out[WORDS])
{
	uint64_t all[WORDS], some[WORDS] = {0};
	memset(all, 0xff, sizeof all);
	for (size_t s = 0; s < states->count; s++) {
		uint64_t full[WORDS] = {0};
		for (int p = 0; p < PLACES; p++) {
			int event = states->events[s][p];
			if (event < 0)
				continue;
			bit_set(full, event);
			for (int w = 0; w < WORDS; w++)
				full[w] |= g->events[event].ancestors[w];
		}
		for (int w = 0; w < WORDS; w++) {
			all[w] &= full[w];
			some[w] |= full[w];
		}
	}
	for (int w = 0; w < WORDS; w++)
		out[w] = some[w] & ~all[w];
}

/* `events` are exactly those of `bits`, each once. */
static void assert_events(struct graph *g, const int64_t *events, size_t count, const uint64_t *bits)
{
	uint64_t found[WORDS] = {0};
	for (size_t i = 0; i < count; i++) {
		int at = 0;
		while (at < g->count && g->events[at].nid != events[i])
			at++;
		assert_true(at < g->count);
		if (bit(found, at))
			fail_msg("graph %d: event %d twice", g->number, at);
		bit_set(found, at);
	}
	for (int i = 0; i < g->count; i++)
		if (bit(found, i) != bit(bits, i))
			fail_msg("graph %d: event %d is %s", g->number, i, bit(found, i) ? "too much" : "missing");
}

static size_t assert_difference(struct graph *g)
{
	struct states states;
	int64_t lists[STATES_MAX][PLACES], *pointers[STATES_MAX], *events;
	size_t counts[STATES_MAX] = {0}, count;
	uint64_t expected[WORDS];
	states_make(g, &states);
	for (size_t s = 0; s < states.count; s++) {
		pointers[s] = lists[s];
		for (int p = 0; p < PLACES; p++)
			if (differ_at(&states, p) && states.events[s][p] >= 0)
				lists[s][counts[s]++] = g->events[states.events[s][p]].nid;
	}
	struct auth_states asked = {pointers, counts, states.count,
	    states.snapshots[below(g, (int)states.count)]};
	assert_int_equal(
	    auth_difference(txn_reading(g->txn), &g->f->arena, &asked, &events, &count), RC_OK);
	difference_plainly(g, &states, expected);
	assert_events(g, events, count, expected);
	return count;
}

static void assert_chains(struct graph *g)
{
	int64_t nids[EVENTS_MAX], given[3], *events;
	bool contains[EVENTS_MAX];
	size_t count, given_count = 1 + (size_t)below(g, 3), expected_count = 0;
	uint64_t expected[WORDS] = {0};
	int from = below(g, g->count);
	for (int i = 0; i < g->count; i++)
		nids[i] = g->events[i].nid;
	assert_int_equal(
	    auth_chain_contains(txn_reading(g->txn), nids[from], nids, (size_t)g->count, contains), RC_OK);
	for (int i = 0; i < g->count; i++)
		if (contains[i] != bit(g->events[from].ancestors, i))
			fail_msg("graph %d: %d reaches %d: %d", g->number, from, i, contains[i]);

	int chosen[3];
	for (size_t i = 0; i < given_count; i++) {
		chosen[i] = below(g, g->count);
		given[i] = nids[chosen[i]];
		for (int w = 0; w < WORDS; w++)
			expected[w] |= g->events[chosen[i]].ancestors[w];
	}
	for (size_t i = 0; i < given_count; i++)
		expected[chosen[i] / 64] &= ~(UINT64_C(1) << (chosen[i] % 64));
	for (int i = 0; i < g->count; i++)
		expected_count += bit(expected, i);
	struct txn_ro *ro = txn_reading(g->txn);
	assert_int_equal(
	    auth_chain(ro, &g->f->arena, given, given_count, expected_count, &events, &count), RC_OK);
	assert_events(g, events, count, expected);
	if (expected_count > 0)
		assert_int_equal(auth_chain(ro, &g->f->arena, given, given_count, expected_count - 1,
				     &events, &count),
		    RC_TOO_LARGE);
}

static void graphs_run(struct fixture *f, struct txn_rw *txn)
{
	struct graph *g = calloc(1, sizeof *g);
	size_t differing = 0;
	assert_non_null(g);
	g->f = f;
	g->txn = txn;
	assert_int_equal(room_add(txn, STR("!other"), STR("10"), false, &g->other_room), RC_OK);
	for (int number = 0; number < GRAPHS; number++) {
		graph_make(g, number, 4 + below(g, number % 10 ? 40 : EVENTS_MAX - 4));
		for (int i = 0; i < 4; i++) {
			differing += assert_difference(g);
			assert_chains(g);
		}
		arena_clear(&f->arena);
	}
	print_message("%d graphs, %zu events in auth differences\n", GRAPHS, differing);
	assert_true(differing > GRAPHS);
	free(g);
}

static void random_graphs_match_a_plain_walk(void **state)
{
	fixture_user(*state, "@a:x");
	in_transaction(state, graphs_run);
	fixture_check(*state);
}

/* ---- size and depth ---- */

static int64_t index_put(struct fixture *f, struct txn_rw *txn, int64_t room, const char *type, str key,
    int number, const int *cites, size_t cited)
{
	str ids[4];
	int64_t event, pos;
	for (size_t i = 0; i < cited; i++)
		ids[i] = arena_printf(&f->arena, "$%d", cites[i]);
	struct event_insert in = {
	    .room = room,
	    .place = EVENT_OUTLIER,
	    .sender = 1,
	    .generation = -1,
	    .event_id = arena_printf(&f->arena, "$%d", number),
	    .type = str_of(type),
	    .is_state = true,
	    .state_key = key,
	    .canonical = STR("{}"),
	    .auth_events = ids,
	    .auth_count = cited,
	};
	assert_int_equal(event_insert(txn, &in, &event, &pos), RC_OK);
	return event;
}

/* Each invited by the one before: a path through as many chains, which nothing may recurse along. */
static void deep_run(struct fixture *f, struct txn_rw *txn)
{
	const int depth = fixture_often(f, 20000);
	int64_t room, first = 0, last = 0, *events;
	size_t count;
	assert_int_equal(room_add(txn, STR("!deep"), STR("12"), false, &room), RC_OK);
	for (int i = 0; i < depth; i++) {
		int before = i - 1;
		str key = arena_printf(&f->arena, "@u%d:x", i);
		last = index_put(f, txn, room, "m.room.member", key, i, &before, i > 0);
		first = first ? first : last;
	}
	struct txn_ro *ro = txn_reading(txn);
	bool contains[2];
	int64_t candidates[] = {first, last};
	assert_int_equal(auth_chain_contains(ro, last, candidates, 2, contains), RC_OK);
	assert_true(contains[0] && !contains[1]);
	assert_int_equal(auth_chain(ro, &f->arena, &last, 1, (size_t)depth, &events, &count), RC_OK);
	assert_int_equal(count, depth - 1);

	/* One state has the last, one has none; what they agree on stands at the far end, or nowhere. */
	struct state_key at;
	int64_t agreed, *states[] = {&last, NULL};
	size_t counts[] = {1, 0};
	assert_int_equal(type_nid_make(txn, STR("m.room.member"), &at.type), RC_OK);
	assert_int_equal(key_nid_make(txn, arena_printf(&f->arena, "@u%d:x", depth / 2), &at.key), RC_OK);
	assert_int_equal(snapshot_set(txn, 0, at, first + depth / 2, &agreed), RC_OK);
	struct auth_states asked = {states, counts, 2, 0};
	assert_int_equal(auth_difference(ro, &f->arena, &asked, &events, &count), RC_OK);
	assert_int_equal(count, depth);
	asked.snapshot = agreed;
	assert_int_equal(auth_difference(ro, &f->arena, &asked, &events, &count), RC_OK);
	assert_int_equal(count, depth - depth / 2 - 1);
}

static void depth_is_no_matter(void **state)
{
	in_transaction(state, deep_run);
}

/* An ordinary room: rows and links stay near the number of events. */
static void size_run(struct fixture *f, struct txn_rw *txn)
{
	enum { MEMBERS = 500, CHANGES = 2000 };
	int64_t room;
	assert_int_equal(room_add(txn, STR("!size"), STR("11"), false, &room), RC_OK);
	index_put(f, txn, room, "m.room.create", STR_EMPTY, 0, NULL, 0);
	index_put(f, txn, room, "m.room.member", STR("@u0:x"), 1, (int[]){0}, 1);
	index_put(f, txn, room, "m.room.power_levels", STR_EMPTY, 2, (int[]){0, 1}, 2);
	index_put(f, txn, room, "m.room.join_rules", STR_EMPTY, 3, (int[]){0, 1, 2}, 3);
	int newest[MEMBERS] = {1}, number = 4;
	for (int i = 1; i < MEMBERS; i++) {
		str key = arena_printf(&f->arena, "@u%d:x", i);
		newest[i] = number;
		index_put(f, txn, room, "m.room.member", key, number++, (int[]){0, 2, 3}, 3);
	}
	for (int i = 0; i < CHANGES; i++) {
		int user = below(&(struct graph){.f = f}, MEMBERS);
		str key = arena_printf(&f->arena, "@u%d:x", user);
		index_put(f, txn, room, "m.room.member", key, number, (int[]){0, 2, 3, newest[user]}, 4);
		newest[user] = number++;
	}
	int64_t rows = fixture_sql_number(txn, "SELECT count(*) FROM auth_chains"),
		links = fixture_sql_number(txn, "SELECT count(*) FROM auth_links");
	assert_int_equal(rows, number);
	assert_in_range(links, MEMBERS - 1, MEMBERS + 10); /* one for a member: the join rules lead to the rest */
}

static void the_index_is_near_linear(void **state)
{
	in_transaction(state, size_run);
}

/* ---- what cannot be ---- */

static void limits_run(struct fixture *f, struct txn_rw *txn)
{
	int64_t room, event, pos;
	str ids[11];
	assert_int_equal(room_add(txn, STR("!l"), STR("11"), false, &room), RC_OK);
	int64_t create = index_put(f, txn, room, "m.room.create", STR_EMPTY, 0, NULL, 0);
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		ids[i] = STR("$0");
	struct event_insert in = {
	    .room = room,
	    .place = EVENT_OUTLIER,
	    .sender = 1,
	    .generation = -1,
	    .event_id = STR("$many"),
	    .type = STR("m.room.power_levels"),
	    .is_state = true,
	    .canonical = STR("{}"),
	    .auth_events = ids,
	    .auth_count = COUNT_OF(ids),
	};
	assert_int_equal(event_insert(txn, &in, &event, &pos), RC_TOO_LARGE);
	in.event_id = STR("$ten");
	in.auth_count = 10; /* the same one, ten times */
	assert_int_equal(event_insert(txn, &in, &event, &pos), RC_OK);
	in.event_id = STR("$unknown");
	ids[3] = STR("$none");
	assert_int_equal(event_insert(txn, &in, &event, &pos), RC_NOT_FOUND);

	struct txn_ro *ro = txn_reading(txn);
	bool contains;
	int64_t *events, none = 99999;
	size_t count;
	assert_int_equal(auth_chain_contains(ro, none, &create, 1, &contains), RC_NOT_FOUND);
	assert_int_equal(auth_chain_contains(ro, create, &none, 1, &contains), RC_OK);
	assert_false(contains);
	assert_int_equal(auth_chain(ro, &f->arena, NULL, 0, 5, &events, &count), RC_OK);
	assert_int_equal(count, 0);
	struct auth_states nothing = {NULL, NULL, 0, 0};
	assert_int_equal(auth_difference(ro, &f->arena, &nothing, &events, &count), RC_OK);
	assert_int_equal(count, 0);
}

static void limits(void **state)
{
	in_transaction(state, limits_run);
}

/* ---- damage ---- */

static void count_finding(void *self, str finding)
{
	assert_true(finding.n > 0);
	++*(int *)self;
}

static void check_finds_damage(void **state)
{
	struct fixture *f = *state;
	fixture_user(f, "@a:x");
	in_transaction(state, size_run);
	fixture_check(f);
	static const char *const damages[] = {
	    "UPDATE auth_chains SET seq=seq+1000000 WHERE event=2",
	    "UPDATE auth_chains SET seq=seq-1000000 WHERE event=2",
	    "UPDATE auth_chains SET event=event+1000000 WHERE event=3",
	    "UPDATE auth_chains SET event=event-1000000 WHERE event>1000000",
	    "UPDATE auth_links SET to_seq=to_seq+7",
	    "UPDATE auth_links SET to_seq=to_seq-7",
	};
	for (size_t i = 0; i < COUNT_OF(damages); i++) {
		int findings = 0;
		fixture_sql(f, damages[i]);
		assert_int_equal(store_check(f->store, count_finding, &findings), RC_OK);
		if ((findings > 0) != (i % 2 == 0))
			fail_msg("%d findings after %s", findings, damages[i]);
	}
}

/* A peer that sends refused power levels does not cut the room's chain to pieces. */
static void refused_run(struct fixture *f, struct txn_rw *txn)
{
	int64_t room, event, pos, seq;
	str cites[] = {STR("$1")};
	assert_int_equal(room_add(txn, STR("!r"), STR("11"), false, &room), RC_OK);
	index_put(f, txn, room, "m.room.power_levels", STR_EMPTY, 1, NULL, 0);
	struct event_insert in = {
	    .room = room,
	    .place = EVENT_OUTLIER,
	    .verdict = EVENT_REJECTED,
	    .sender = 1,
	    .generation = -1,
	    .event_id = STR("$refused"),
	    .type = STR("m.room.power_levels"),
	    .is_state = true,
	    .canonical = STR("{}"),
	    .auth_events = cites,
	    .auth_count = 1,
	};
	assert_int_equal(event_insert(txn, &in, &event, &pos), RC_OK);
	index_put(f, txn, room, "m.room.power_levels", STR_EMPTY, 2, (int[]){1}, 1);
	seq = fixture_sql_number(txn, "SELECT seq FROM auth_chains ORDER BY event DESC LIMIT 1");
	assert_int_equal(seq, 2);
	assert_int_equal(fixture_sql_number(txn, "SELECT count(DISTINCT chain) FROM auth_chains"), 2);
}

static void a_refused_event_holds_no_chain_up(void **state)
{
	in_transaction(state, refused_run);
}

static void failing_run(struct fixture *f, struct txn_rw *txn)
{
	struct graph *g = calloc(1, sizeof *g);
	assert_non_null(g);
	g->f = f;
	g->txn = txn;
	assert_int_equal(room_add(txn, STR("!other"), STR("10"), false, &g->other_room), RC_OK);
	graph_make(g, 3, EVENTS_MAX);
	int64_t first = g->events[EVENTS_MAX - 1].nid, second = g->events[EVENTS_MAX - 9].nid;
	int64_t *lists[] = {&first, &second}, *events;
	size_t counts[] = {1, 1}, count;
	struct auth_states asked = {lists, counts, 2, 0};
	enum rc rc = RC_NOMEM;
	int64_t failures = 0;
	for (; rc != RC_OK; failures++) {
		struct arena CLEANUP(arena_release) arena;
		arena_init(&arena, 1 << 24);
		arena_fail_after(failures);
		rc = auth_difference(txn_reading(txn), &arena, &asked, &events, &count);
		if (rc == RC_OK)
			rc = auth_chain(txn_reading(txn), &arena, &first, 1, 500, &events, &count);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(failures > 20);
	free(g);
}

static void failing_allocations_are_told(void **state)
{
	in_transaction(state, failing_run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(random_graphs_match_a_plain_walk),
	    TEST(depth_is_no_matter),
	    TEST(the_index_is_near_linear),
	    TEST(a_refused_event_holds_no_chain_up),
	    TEST(limits),
	    TEST(check_finds_damage),
	    TEST(failing_allocations_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
