#include "graph/dag_bytes.h"

#include "base/assert.h"

#include <string.h>

struct bytes {
	const uint8_t *p;
	size_t left;
};

/* 0 once they are used up. */
static size_t next(struct bytes *bytes, size_t below)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->p++ % below;
}

struct maker {
	struct dag *dag;
	struct bytes bytes;
	struct dag_state forks[DAG_FORKS_MAX];
	size_t fork_count;
	int64_t ts;
};

static const char *const users[] = {"@c:a", "@u1:a", "@u2:a", "@u3:b", "@u4:b"};

/* One kind of event each; `%` in the key stands for a user. */
static const struct kind {
	const char *type, *key, *contents[6];
} kinds[] = {
	{"m.room.member", "%", {"{\"membership\":\"join\"}", "{\"membership\":\"leave\"}", "{\"membership\":\"ban\"}",
		"{\"membership\":\"invite\"}", "{\"membership\":\"knock\"}", "{\"membership\":7}"}},
	{"m.room.power_levels", "", {"{\"users\":{\"@c:a\":100,\"@u1:a\":50}}", "{\"users\":{\"@c:a\":100}}",
		"{\"users\":{\"@u1:a\":50,\"@u2:a\":50}}", "{\"users\":{\"@c:a\":\"100\",\"@u1:a\":100}}",
		"{\"users\":[],\"users_default\":\"x\"}", "{\"state_default\":0,\"users\":{\"@c:a\":100,\"@u3:b\":75}}"}},
	{"m.room.join_rules", "", {"{\"join_rule\":\"public\"}", "{\"join_rule\":\"invite\"}",
		"{\"join_rule\":\"knock\"}", "{\"join_rule\":\"restricted\"}", "{}", "{\"join_rule\":[]}"}},
	{"m.room.topic", "", {"{\"topic\":\"a\"}", "{\"topic\":\"b\"}", "{}", "{}", "{}", "{}"}},
	{"org.example.own", "%", {"{\"a\":1}", "{\"a\":2}", "{}", "{}", "{}", "{}"}},
	{"m.room.power_levels", "odd", {"{\"users\":{}}", "{}", "{}", "{}", "{}", "{}"}},
	{"m.room.create", "", {"{\"creator\":\"@u1:a\"}", "{}", "{}", "{}", "{}", "{}"}},
	{"m.room.third_party_invite", "tok", {"{\"public_key\":\"x\"}", "{}", "{}", "{}", "{}", "{}"}},
	{"m.room.member", "%", {"{\"membership\":\"join\"}", "{\"membership\":\"leave\"}", "{\"membership\":\"ban\"}",
		"{\"membership\":\"join\",\"join_authorised_via_users_server\":\"@c:a\"}",
		"{\"membership\":\"invite\",\"third_party_invite\":{\"signed\":{\"mxid\":\"@u4:b\",\"token\":\"tok\"}}}", "{}"}},
};

static size_t at_place(const struct dag *dag, const struct dag_state *state, str type, str state_key)
{
	for (size_t i = 0; i < state->count; i++) {
		const struct event *event = state->at[i] == DAG_NONE ? NULL : &dag->events[state->at[i]];
		if (event && str_eq(event->type, type) && str_eq(event->state_key, state_key))
			return state->at[i];
	}
	return DAG_NONE;
}

/* What such an event cites by the rules, in this state. */
static size_t auth_by_rules(const struct maker *m, const struct dag_state *state, const struct dag_event *draft,
                            size_t auth[AUTH_KEYS_MAX])
{
	struct auth_key keys[AUTH_KEYS_MAX];
	size_t count = 0;
	json content;
	ASSERT(json_parse(m->dag->arena, str_of(draft->content), &content, NULL) == RC_OK);
	size_t wanted = auth_keys(m->dag->version, str_of(draft->type), true, str_of(draft->key),
	                          str_of(draft->sender), content, keys);
	for (size_t i = 0; i < wanted; i++) {
		size_t index = at_place(m->dag, state, keys[i].type, keys[i].state_key);
		if (index != DAG_NONE)
			auth[count++] = index;
	}
	return count;
}

struct judged {
	const struct dag *dag;
	const struct dag_state *state;
};

static const struct event *judged_get(void *self, str type, str state_key)
{
	const struct judged *judged = self;
	size_t index = at_place(judged->dag, judged->state, type, state_key);
	return index == DAG_NONE ? NULL : &judged->dag->events[index];
}

/* States grow with the places of the room. */
static void state_widen(struct maker *m, struct dag_state *state)
{
	struct dag_state wide = dag_state_empty(m->dag);
	if (wide.count == state->count)
		return;
	if (state->count)
		memcpy(wide.at, state->at, state->count * sizeof *wide.at);
	*state = wide;
}

/* Adds the event; it enters the fork's state when the rules allow it, or when it is forced in. */
static size_t enter(struct maker *m, size_t fork, const struct dag_event *draft, const size_t *auth, size_t auth_count,
                    bool force)
{
	struct dag_state *state = &m->forks[fork];
	size_t index = dag_add_citing(m->dag, draft, auth, auth_count);
	struct judged judged = {m->dag, state};
	struct auth_state by_state = {judged_get, &judged};
	bool allowed = auth_check(&m->dag->events[index], &by_state).allowed;
	state_widen(m, state);
	if (allowed || force)
		dag_state_put(state, m->dag, index);
	return index;
}

static const char *name_of(struct maker *m)
{
	str name = arena_printf(m->dag->arena, "e%zu%c", m->dag->count * 7919 % 1009 + 1009 * m->dag->count, 0);
	ASSERT(name.n);
	return name.p;
}

static void first_events(struct maker *m)
{
	static const struct dag_event first[] = {
		{.name = "create", .type = "m.room.create", .key = "", .sender = "@c:a", .content = "{\"creator\":\"@c:a\"}"},
		{.name = "c", .type = "m.room.member", .key = "@c:a", .sender = "@c:a",
			.content = "{\"membership\":\"join\"}", .auth = "create"},
		{.name = "p0", .type = "m.room.power_levels", .key = "", .sender = "@c:a",
			.content = "{\"users\":{\"@u1:a\":50}}"},
		{.name = "j0", .type = "m.room.join_rules", .key = "", .sender = "@c:a", .content = "{\"join_rule\":\"public\"}"},
		{.name = "u1", .type = "m.room.member", .key = "@u1:a", .sender = "@u1:a",
			.content = "{\"membership\":\"join\"}"},
	};
	for (size_t i = 0; i < COUNT_OF(first); i++) {
		size_t auth[AUTH_KEYS_MAX];
		size_t count = auth_by_rules(m, &m->forks[0], &first[i], auth);
		enter(m, 0, &first[i], auth, count, true);
	}
}

/* What is wrong with this one: mostly nothing. */
enum fault {
	FAULT_DROP = 16, FAULT_ADD, FAULT_CYCLE, FAULT_MISSING, FAULT_REJECTED, FAULT_ROOM, FAULT_FORCE, FAULT_TWICE,
	FAULT_COUNT
};

static void step(struct maker *m)
{
	size_t fork = next(&m->bytes, m->fork_count), auth[AUTH_KEYS_MAX + 2];
	const struct kind *kind = &kinds[next(&m->bytes, COUNT_OF(kinds))];
	size_t sender = next(&m->bytes, COUNT_OF(users)), target = next(&m->bytes, 2 * COUNT_OF(users));
	size_t fault = next(&m->bytes, FAULT_COUNT), jitter = next(&m->bytes, 8);
	struct dag_event draft = {
		.name = name_of(m), .type = kind->type, .sender = users[sender],
		.key = kind->key[0] != '%' ? kind->key : users[target < COUNT_OF(users) ? target : sender],
		.content = kind->contents[next(&m->bytes, COUNT_OF(kind->contents))],
		.ts = 1000 + m->ts++ + (int64_t)jitter * 5, .depth = 10 + m->ts / 3,
		.rejected = fault == FAULT_REJECTED, .room_id = fault == FAULT_ROOM ? "!other" : NULL,
	};
	size_t count = auth_by_rules(m, &m->forks[fork], &draft, auth);
	if (fault == FAULT_DROP && count)
		count--;
	if (fault == FAULT_ADD)
		auth[count++] = next(&m->bytes, m->dag->count);
	if (fault == FAULT_MISSING)
		auth[count++] = (size_t)1 << 40;
	if (fault == FAULT_TWICE && count) {
		auth[count] = auth[0];
		count++;
	}
	size_t index = enter(m, fork, &draft, auth, count, fault == FAULT_FORCE);
	if (fault == FAULT_CYCLE) /* an older event cites this one */
		dag_cite(m->dag, next(&m->bytes, m->dag->count), index);
}

void dag_from_bytes(struct dag *dag, struct arena *arena, const uint8_t *data, size_t size,
                    struct dag_state states[DAG_FORKS_MAX], size_t *ret_count)
{
	size_t version_count;
	struct maker m = {.dag = dag, .bytes = {data, size}, .fork_count = 1};
	const struct room_version *versions = room_version_all(&version_count);
	dag_init(dag, arena, "1");
	dag->version = &versions[next(&m.bytes, version_count)];
	dag->room_id = dag->version->room_id_from_create ? STR("!create") : STR("!room:a");
	first_events(&m);
	size_t common = next(&m.bytes, 12), forks = 2 + next(&m.bytes, DAG_FORKS_MAX - 1);
	for (size_t i = 0; i < common && m.bytes.left; i++)
		step(&m);
	for (; m.fork_count < forks; m.fork_count++) {
		m.forks[m.fork_count] = dag_state_empty(dag);
		state_widen(&m, &m.forks[0]);
		memcpy(m.forks[m.fork_count].at, m.forks[0].at, m.forks[0].count * sizeof(size_t));
	}
	for (size_t i = 0; i < DAG_STEPS_MAX && m.bytes.left; i++)
		step(&m);
	for (size_t i = 0; i < forks; i++) {
		state_widen(&m, &m.forks[i]);
		states[i] = m.forks[i];
	}
	*ret_count = forks;
}
