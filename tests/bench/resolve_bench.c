/*
 * State resolution by itself, with everything in memory: what it costs against what Synapse's takes on the same
 * input, and how it grows. Not a test.
 *
 *   resolve_bench MEMBERS EVENTS [FILE]   two forks of EVENTS events each in a room of MEMBERS; with FILE the events and the
 *                                         states are written there, for resolve_synapse.py
 *   resolve_bench growth                  TSV: what, size, milliseconds, bytes of the arena, events asked for
 *
 * The auth difference is ready, as an index has it; the time of walking for it is told beside. So is the time of finding
 * what differs by looking at every entry, which Synapse's function does as well: it belongs into a comparison.
 */
#include "base/assert.h"
#include "graph/dag.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERSION "11"

enum { RUNS = 5, KEYS_BYTES = 64, CONTENT_BYTES = 256 };

struct bench {
	struct arena arena;
	struct dag dag;
	struct signing_identity identity;
	struct dag_state states[2];
	struct map members;       /* user → index of the join */
	size_t create, levels, rules;
	int64_t ts;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- events, as a server would make them ---- */

struct wish {
	const char *type, *key, *sender, *content;
	size_t auth[4], auth_count;
};

static str kept(struct bench *b, const char *text)
{
	return arena_dup(&b->arena, str_of(text));
}

static size_t make(struct bench *b, const struct wish *wish)
{
	static const str before = STR_INIT("$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	str *auth = arena_array(&b->arena, str, wish->auth_count + 1);
	struct event event;
	struct fail fail = {0};
	bool is_create = strcmp(wish->type, "m.room.create") == 0;
	for (size_t i = 0; i < wish->auth_count; i++)
		auth[i] = b->dag.events[wish->auth[i]].event_id;
	struct event_draft draft = {
		.room_id = b->dag.room_id, .type = kept(b, wish->type), .sender = kept(b, wish->sender), .is_state = true,
		.state_key = kept(b, wish->key), .content = kept(b, wish->content), .origin_server_ts = ++b->ts,
		.depth = b->ts, .prev_events = wish->auth_count == 1 ? auth : &before, .prev_count = is_create ? 0 : 1,
		.auth_events = auth, .auth_count = wish->auth_count,
	};
	enum rc rc = event_build(&b->arena, b->dag.version, &draft, &b->identity, &event, &fail);
	if (rc != RC_OK) {
		fprintf(stderr, "%s: %s\n", rc_name(rc), fail_message(&fail));
		exit(1);
	}
	return dag_put(&b->dag, &event, false, wish->auth, wish->auth_count);
}

static size_t member_of(const struct bench *b, const char *user)
{
	const size_t *index = map_get(&b->members, str_of(user));
	ASSERT(index);
	return *index;
}

static const char *user_of(size_t i)
{
	static char user[KEYS_BYTES];
	snprintf(user, sizeof user, "@m%zu:a", i);
	return user;
}

static void join(struct bench *b, const char *user, bool is_first)
{
	size_t *index = arena_new(&b->arena, size_t);
	struct wish wish = {"m.room.member", user, user, "{\"membership\":\"join\"}", {b->create, b->levels, b->rules},
		is_first ? 1 : 3};
	ASSERT(index);
	*index = make(b, &wish);
	ASSERT(map_put(&b->members, kept(b, user), index, NULL) == RC_OK);
}

static void room_make(struct bench *b, size_t members)
{
	static const unsigned char seed[ED25519_SEED_BYTES] = {7};
	*b = (struct bench){.ts = 1700000000000};
	arena_init(&b->arena, SIZE_MAX);
	dag_init(&b->dag, &b->arena, VERSION);
	map_init(&b->members, &rng_system);
	b->identity = (struct signing_identity){.server_name = STR("a"), .key_id = STR("ed25519:1")};
	ed25519_from_seed(&b->identity.key, seed);
	b->create = make(b, &(struct wish){"m.room.create", "", "@m0:a", "{\"room_version\":\"" VERSION "\"}", {0}, 0});
	join(b, user_of(0), true);
	b->levels = make(b, &(struct wish){"m.room.power_levels", "", "@m0:a",
		"{\"users\":{\"@m0:a\":100,\"@m1:a\":100}}", {b->create, member_of(b, "@m0:a")}, 2});
	b->rules = make(b, &(struct wish){"m.room.join_rules", "", "@m0:a", "{\"join_rule\":\"public\"}",
		{b->create, b->levels, member_of(b, "@m0:a")}, 3});
	for (size_t i = 1; i < members; i++)
		join(b, user_of(i), false);
}

static void room_free(struct bench *b)
{
	map_release(&b->members);
	dag_release(&b->dag);
	arena_release(&b->arena);
}

/* ---- forks ---- */

/* One event of a fork, in turns a topic, a name, a ban, power levels, a new display name. */
static size_t fork_event(struct bench *b, size_t fork, size_t i, size_t members, size_t *levels)
{
	char admin[KEYS_BYTES], content[CONTENT_BYTES], user[KEYS_BYTES];
	size_t half = (members - 2) / 2, target = 2 + (i % 5 == 2 ? fork * half + i % half : i % half);
	snprintf(admin, sizeof admin, "@m%zu:a", fork);
	snprintf(user, sizeof user, "@m%zu:a", target);
	snprintf(content, sizeof content, "{\"%s\":\"%zu of %zu\"}", i % 5 == 0 ? "topic" : "name", i, fork);
	struct wish wish = {"m.room.topic", "", admin, content, {b->create, *levels, member_of(b, admin)}, 3};
	if (i % 5 == 1)
		wish.type = "m.room.name";
	if (i % 5 == 2) {
		wish.type = "m.room.member";
		wish.key = user;
		wish.auth[wish.auth_count++] = member_of(b, user);
		snprintf(content, sizeof content, "{\"membership\":\"ban\"}");
	}
	if (i % 5 == 3) {
		wish.type = "m.room.power_levels";
		snprintf(content, sizeof content, "{\"users\":{\"@m0:a\":100,\"@m1:a\":100,\"%s\":%zu}}", user, i % 50);
	}
	if (i % 5 == 4) {
		wish = (struct wish){"m.room.member", user, user, content, {b->create, *levels, b->rules, member_of(b, user)}, 4};
		snprintf(content, sizeof content, "{\"displayname\":\"%zu\",\"membership\":\"join\"}", fork);
	}
	size_t index = make(b, &wish);
	if (i % 5 == 3)
		*levels = index;
	return index;
}

static struct dag_state room_state(struct bench *b)
{
	struct dag_state state = dag_state_empty(&b->dag);
	for (size_t i = 0; i < b->dag.count; i++)
		dag_state_put(&state, &b->dag, i);
	return state;
}

/* What stands on a fork later replaces what stood there before. */
static void forks_make(struct bench *b, size_t members, size_t events)
{
	size_t first = b->dag.count;
	size_t levels[2] = {b->levels, b->levels};
	for (size_t i = 0; i < 2 * events; i++)
		fork_event(b, i % 2, i / 2, members, &levels[i % 2]);
	for (size_t fork = 0; fork < 2; fork++) {
		b->states[fork] = dag_state_empty(&b->dag);
		for (size_t i = 0; i < first; i++)
			dag_state_put(&b->states[fork], &b->dag, i);
		for (size_t i = first + fork; i < b->dag.count; i += 2)
			dag_state_put(&b->states[fork], &b->dag, i);
	}
}

/* ---- measuring ---- */

static struct dag_cost resolve_best(struct bench *b, struct dag_state *ret_state)
{
	struct dag_cost best = {.ns = INT64_MAX}, cost;
	for (int i = 0; i < RUNS; i++) {
		ASSERT(dag_resolve(&b->dag, b->states, 2, (struct dag_way){.has_index = true}, ret_state, &cost) == RC_OK);
		if (cost.ns < best.ns)
			best = cost;
	}
	return best;
}

static void print_row(const char *what, size_t size, const struct dag_cost *cost)
{
	printf("%s\t%zu\t%.3f\t%zu\t%zu\n", what, size, (double)cost->ns / 1e6, cost->used_bytes, cost->events);
	fflush(stdout);
}

static void file_write(struct bench *b, const char *path, const struct dag_state *resolved)
{
	const struct dag_state *lists[3] = {&b->states[0], &b->states[1], resolved};
	FILE *file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	for (size_t i = 0; i < b->dag.count; i++)
		fprintf(file, "%.*s\n", STR_ARG(b->dag.events[i].canonical));
	for (size_t s = 0; s < 3; s++) {
		fprintf(file, s < 2 ? "state" : "resolved");
		for (size_t i = 0; i < lists[s]->count; i++)
			if (lists[s]->at[i] != DAG_NONE)
				fprintf(file, " \"%.*s\"", STR_ARG(b->dag.events[lists[s]->at[i]].event_id));
		fprintf(file, "\n");
	}
	fclose(file);
}

static int measure(size_t members, size_t events, const char *path)
{
	struct bench b;
	struct dag_state resolved;
	bool *in;
	room_make(&b, members);
	forks_make(&b, members, events);
	struct dag_cost cost = resolve_best(&b, &resolved);
	int64_t begun = now_ns();
	ASSERT(dag_difference(&b.dag, b.states, 2, 0, &in) == RC_OK);
	printf("members\t%zu\nevents of each fork\t%zu\nresolution, ms\t%.3f\ncomparing all entries before it, ms\t%.3f\narena, bytes\t%zu\nevents asked for\t%zu\n"
	       "batches\t%zu\nthe difference by a walk of everything, ms\t%.1f\n", members, events, (double)cost.ns / 1e6, (double)cost.compared_ns / 1e6,
	       cost.used_bytes, cost.events, cost.batches, (double)(now_ns() - begun) / 1e6);
	if (path)
		file_write(&b, path, &resolved);
	room_free(&b);
	return 0;
}

static void grow_room(const char *what, size_t members, size_t events, size_t size)
{
	struct bench b;
	struct dag_state resolved;
	room_make(&b, members);
	forks_make(&b, members, events);
	struct dag_cost cost = resolve_best(&b, &resolved);
	print_row(what, size, &cost);
	room_free(&b);
}

/* One fork has changed the levels `length` times. */
static void grow_chain(size_t length)
{
	struct bench b;
	struct dag_state resolved;
	room_make(&b, 10);
	b.states[0] = room_state(&b);
	size_t levels = b.levels;
	for (size_t i = 0; i < length; i++)
		levels = make(&b, &(struct wish){"m.room.power_levels", "", "@m0:a", "{\"users\":{\"@m0:a\":100,\"@m1:a\":100}}",
			{b.create, levels, member_of(&b, "@m0:a")}, 3});
	b.states[1] = room_state(&b);
	struct dag_cost cost = resolve_best(&b, &resolved);
	print_row("chain of power levels", length, &cost);
	room_free(&b);
}

static int growth(void)
{
	static const size_t sizes[] = {10, 100, 1000, 10000, 100000};
	printf("what\tsize\tms\tarena_bytes\tevents\n");
	for (size_t i = 0; i < 4; i++)
		grow_room("conflict, events of each fork", 30000, sizes[i], sizes[i]);
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		grow_chain(sizes[i]);
	for (size_t i = 1; i < COUNT_OF(sizes); i++)
		grow_room("room, members", sizes[i], 100, sizes[i]);
	return 0;
}

int main(int argc, char **argv)
{
	if (crypto_init() != RC_OK)
		return 1;
	if (argc == 2 && strcmp(argv[1], "growth") == 0)
		return growth();
	long members = argc >= 3 ? strtol(argv[1], NULL, 10) : 0, events = argc >= 3 ? strtol(argv[2], NULL, 10) : 0;
	if (members < 4 || events < 1) {
		fprintf(stderr, "usage: resolve_bench MEMBERS EVENTS [FILE] | resolve_bench growth\n");
		return 2;
	}
	return measure((size_t)members, (size_t)events, argc > 3 ? argv[3] : NULL);
}
