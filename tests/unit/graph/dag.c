#include "graph/dag.h"

#include "base/assert.h"

#include <string.h>
#include <time.h>

uint64_t dag_random(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void dag_init(struct dag *dag, struct arena *arena, const char *version)
{
	*dag = (struct dag){.arena = arena, .version = room_version_find(str_of(version))};
	ASSERT(dag->version);
	dag->room_id = dag->version->room_id_from_create ? STR("!create") : STR("!room:a");
	map_init(&dag->names, &rng_system);
	map_init(&dag->places, &rng_system);
}

void dag_release(struct dag *dag)
{
	map_release(&dag->names);
	map_release(&dag->places);
}

/* ---- events ---- */

static void *grown(struct dag *dag, void *old, size_t capacity, size_t bytes)
{
	void *p = arena_grow(dag->arena, old, dag->capacity * bytes, capacity * bytes);
	ASSERT(p);
	return p;
}

static struct dag_place *place_of(struct dag *dag, str type, str state_key)
{
	str path = arena_printf(dag->arena, "%zu %.*s%.*s", type.n, STR_ARG(type), STR_ARG(state_key));
	struct dag_place *place = map_get(&dag->places, path);
	if (place)
		return place;
	place = arena_new(dag->arena, struct dag_place);
	ASSERT(place);
	*place = (struct dag_place){type, state_key, map_count(&dag->places)};
	ASSERT(map_put(&dag->places, path, place, NULL) == RC_OK);
	if (place->index == dag->place_capacity) {
		size_t bytes = dag->place_capacity * sizeof place;
		dag->place_list = arena_grow(dag->arena, dag->place_list, bytes, bytes ? 2 * bytes : 64 * sizeof place);
		dag->place_capacity = bytes ? 2 * dag->place_capacity : 64;
		ASSERT(dag->place_list);
	}
	dag->place_list[place->index] = place;
	return place;
}

static json content_of(struct dag *dag, const char *content)
{
	json v = NULL;
	ASSERT(json_parse(dag->arena, str_of(content), &v, NULL) == RC_OK);
	return v;
}

static struct event event_of(struct dag *dag, const struct dag_event *draft)
{
	static const str before = STR_INIT("$before"), creation = STR_INIT("$create");
	bool is_create = strcmp(draft->type, "m.room.create") == 0;
	bool is_first_join = draft->auth && strcmp(draft->auth, "create") == 0;
	return (struct event){
		.version = dag->version,
		.event_id = arena_printf(dag->arena, "$%s", draft->name),
		.room_id = draft->room_id ? str_of(draft->room_id) : dag->room_id,
		.type = str_of(draft->type),
		.sender = str_of(draft->sender),
		.is_state = draft->key != NULL,
		.state_key = str_of(draft->key),
		.origin_server_ts = draft->ts ? draft->ts : (int64_t)dag->count + 1,
		.depth = draft->depth ? draft->depth : (int64_t)dag->count + 1,
		.prev_events = is_first_join ? &creation : &before,
		.prev_count = is_create ? 0 : 1,
		.content = content_of(dag, draft->content),
	};
}

size_t dag_put(struct dag *dag, const struct event *event, bool rejected, const size_t *auth, size_t auth_count)
{
	if (dag->count == dag->capacity) {
		size_t capacity = dag->capacity ? dag->capacity * 2 : 64;
		dag->events = grown(dag, dag->events, capacity, sizeof *dag->events);
		dag->links = grown(dag, dag->links, capacity, sizeof *dag->links);
		dag->at = grown(dag, dag->at, capacity, sizeof *dag->at);
		dag->capacity = capacity;
	}
	size_t index = dag->count;
	dag->events[index] = *event;
	int64_t *numbers = arena_array(dag->arena, int64_t, auth_count + 1);
	ASSERT(numbers);
	for (size_t i = 0; i < auth_count; i++)
		numbers[i] = (int64_t)auth[i] + 1;
	dag->links[index] = (struct resolve_event){.number = (int64_t)index + 1, .rejected = rejected,
		.auth = numbers, .auth_count = auth_count};
	dag->at[index] = place_of(dag, dag->events[index].type, dag->events[index].state_key);
	dag->count++;
	return index;
}

size_t dag_add_citing(struct dag *dag, const struct dag_event *draft, const size_t *auth, size_t auth_count)
{
	struct event event = event_of(dag, draft);
	return dag_put(dag, &event, draft->rejected, auth, auth_count);
}

enum { AUTH_MAX = 32, NAME_BYTES = 64 };
#define MISSING_INDEX ((size_t)1 << 40) /* of an event that nobody has */

size_t dag_add(struct dag *dag, const struct dag_event *draft)
{
	size_t auth[AUTH_MAX], count = 0;
	str names = str_of(draft->auth), name;
	while (str_split(&names, ' ', &name)) {
		char text[NAME_BYTES];
		if (!name.n)
			continue;
		ASSERT(count < AUTH_MAX && name.n < NAME_BYTES);
		memcpy(text, name.p, name.n);
		text[name.n] = 0;
		size_t index = dag_index(dag, text);
		if (!dag->version->create_in_auth_events && str_eq(name, STR("create")))
			continue; /* so that one shape serves all versions */
		auth[count++] = index == DAG_NONE ? MISSING_INDEX + dag->missing++ : index;
	}
	size_t index = dag_add_citing(dag, draft, auth, count);
	size_t *kept = arena_new(dag->arena, size_t);
	ASSERT(kept);
	*kept = index;
	ASSERT(map_put(&dag->names, dag->events[index].event_id, kept, NULL) == RC_OK);
	return index;
}

void dag_cite(struct dag *dag, size_t index, size_t cited)
{
	struct resolve_event *links = &dag->links[index];
	int64_t *auth = arena_array(dag->arena, int64_t, links->auth_count + 1);
	ASSERT(auth);
	memcpy(auth, links->auth, links->auth_count * sizeof *auth);
	auth[links->auth_count++] = (int64_t)cited + 1;
	links->auth = auth;
}

size_t dag_index(const struct dag *dag, const char *name)
{
	str id = arena_printf(dag->arena, "$%s", name);
	const size_t *index = map_get(&dag->names, id);
	return index ? *index : DAG_NONE;
}

/* ---- states ---- */

struct dag_state dag_state_empty(struct dag *dag)
{
	struct dag_state state = {.count = map_count(&dag->places)};
	state.at = arena_array(dag->arena, size_t, state.count + 1);
	ASSERT(state.at);
	for (size_t i = 0; i < state.count; i++)
		state.at[i] = DAG_NONE;
	return state;
}

void dag_state_put(struct dag_state *state, const struct dag *dag, size_t index)
{
	state->at[dag->at[index]->index] = index;
}

struct dag_state dag_state(struct dag *dag, const char *names)
{
	struct dag_state state = dag_state_empty(dag);
	str rest = str_of(names), name;
	while (str_split(&rest, ' ', &name)) {
		char text[NAME_BYTES];
		if (!name.n)
			continue;
		ASSERT(name.n < NAME_BYTES);
		memcpy(text, name.p, name.n);
		text[name.n] = 0;
		size_t index = dag_index(dag, text);
		ASSERT(index != DAG_NONE);
		dag_state_put(&state, dag, index);
	}
	return state;
}

/* ---- a source ---- */

struct source {
	struct dag *dag;
	const struct dag_state *states;
	size_t state_count;
	uint64_t seed;
	int64_t *numbers;             /* of each event */
	struct resolve_event *shown;  /* by number less one */
	struct int64_list difference; /* when it is ready */
	bool is_ready;
	struct dag_cost cost;
};

static void shuffle(uint64_t *seed, void *array, size_t count, size_t bytes)
{
	char *at = array, kept[64];
	ASSERT(bytes <= sizeof kept);
	for (size_t i = count; *seed && i > 1; i--) {
		size_t j = (size_t)(dag_random(seed) % i);
		memcpy(kept, at + (i - 1) * bytes, bytes);
		memmove(at + (i - 1) * bytes, at + j * bytes, bytes);
		memcpy(at + j * bytes, kept, bytes);
	}
}

static int64_t number_of(const struct source *s, size_t index)
{
	if (index == DAG_NONE)
		return 0;
	return index < s->dag->count ? s->numbers[index] : (int64_t)index + 1;
}

static enum rc source_events(void *self, struct arena *arena, const int64_t *numbers, size_t count,
                             const struct resolve_event **ret_events)
{
	struct source *s = self;
	(void)arena;
	s->cost.batches++;
	s->cost.events += count;
	for (size_t i = 0; i < count; i++)
		ret_events[i] = numbers[i] <= (int64_t)s->dag->count ? &s->shown[numbers[i] - 1] : NULL;
	return RC_OK;
}

static bool agree_at(const struct source *s, size_t place)
{
	for (size_t i = 1; i < s->state_count; i++)
		if (s->states[i].at[place] != s->states[0].at[place])
			return false;
	return true;
}

static enum rc source_unconflicted(void *self, str type, str state_key, int64_t *ret_number)
{
	struct source *s = self;
	size_t index = place_of(s->dag, type, state_key)->index;
	s->cost.lookups++;
	bool known = index < s->states[0].count && agree_at(s, index); /* the question may have made the place */
	*ret_number = known ? number_of(s, s->states[0].at[index]) : 0;
	return RC_OK;
}

static struct int64_list *state_lists(const struct source *s, struct arena *arena)
{
	struct int64_list *lists = arena_array(arena, struct int64_list, s->state_count);
	for (size_t i = 0; lists && i < s->state_count; i++) {
		lists[i].values = arena_array(arena, int64_t, s->states[i].count + 1);
		for (size_t j = 0; lists[i].values && j < s->states[i].count; j++)
			if (s->states[i].at[j] != DAG_NONE)
				lists[i].values[lists[i].count++] = number_of(s, s->states[i].at[j]);
	}
	return lists;
}

static enum rc source_difference(void *self, struct arena *arena, struct int64_list *ret_numbers)
{
	struct source *s = self;
	if (s->is_ready) {
		*ret_numbers = s->difference;
		return RC_OK;
	}
	struct arena CLEANUP(arena_release) scratch;
	struct int64_list found;
	arena_init(&scratch, SIZE_MAX);
	struct resolve_source plain = {.self = s, .events = source_events};
	struct dag_cost cost = s->cost; /* an index would not ask so */
	const struct int64_list *lists = state_lists(s, &scratch);
	TRY(arena_status(&scratch));
	TRY(auth_walk_difference(&scratch, &plain, lists, s->state_count, &found));
	s->cost = cost;
	int64_t *numbers = arena_array(arena, int64_t, found.count + 1);
	TRY(arena_status(arena));
	if (found.count)
		memcpy(numbers, found.values, found.count * sizeof *numbers);
	shuffle(&s->seed, numbers, found.count, sizeof *numbers);
	*ret_numbers = (struct int64_list){numbers, found.count};
	return RC_OK;
}

static enum rc source_contains(void *self, int64_t from, const int64_t *candidates, size_t count, bool *ret_contains)
{
	struct source *s = self;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, SIZE_MAX);
	int64_t *open = arena_array(&scratch, int64_t, s->dag->count + 1);
	bool *reached = arena_array(&scratch, bool, s->dag->count + 1);
	TRY(arena_status(&scratch));
	size_t count_open = 0;
	s->cost.chains++;
	for (int64_t number = from; number > 0; number = count_open ? open[--count_open] : 0) {
		const struct resolve_event *event = number <= (int64_t)s->dag->count ? &s->shown[number - 1] : NULL;
		for (size_t i = 0; event && i < event->auth_count; i++)
			if (event->auth[i] <= (int64_t)s->dag->count && !reached[event->auth[i]]) {
				reached[event->auth[i]] = true;
				open[count_open++] = event->auth[i];
			}
	}
	for (size_t i = 0; i < count; i++)
		ret_contains[i] = candidates[i] != from && candidates[i] <= (int64_t)s->dag->count && reached[candidates[i]];
	return RC_OK;
}

/* Numbers, links and states as the seed presents them. */
static void source_init(struct source *s, struct dag *dag, struct arena *arena, const struct dag_state *states,
                        size_t state_count, uint64_t seed)
{
	*s = (struct source){.dag = dag, .state_count = state_count, .seed = seed};
	s->numbers = arena_array(arena, int64_t, dag->count + 1);
	s->shown = arena_array(arena, struct resolve_event, dag->count + 1);
	struct dag_state *shuffled = arena_array(arena, struct dag_state, state_count);
	ASSERT(s->numbers && s->shown && shuffled);
	memcpy(shuffled, states, state_count * sizeof *shuffled);
	shuffle(&s->seed, shuffled, state_count, sizeof *shuffled);
	s->states = shuffled;
	for (size_t i = 0; i < dag->count; i++)
		s->numbers[i] = (int64_t)i + 1;
	shuffle(&s->seed, s->numbers, dag->count, sizeof *s->numbers);
	for (size_t i = 0; i < dag->count; i++) {
		struct resolve_event *shown = &s->shown[s->numbers[i] - 1];
		int64_t *auth = arena_array(arena, int64_t, dag->links[i].auth_count + 1);
		ASSERT(auth);
		*shown = dag->links[i];
		shown->number = s->numbers[i];
		shown->event = &dag->events[i];
		for (size_t j = 0; j < shown->auth_count; j++)
			auth[j] = number_of(s, (size_t)dag->links[i].auth[j] - 1);
		shuffle(&s->seed, auth, shown->auth_count, sizeof *auth);
		shown->auth = auth;
	}
}

/* ---- resolving ---- */

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void conflicts_find(struct source *s, struct arena *arena, struct resolve_input *input)
{
	struct dag_place *const *places = s->dag->place_list;
	size_t place_count = s->states[0].count;
	struct resolve_conflict *conflicts = arena_array(arena, struct resolve_conflict, place_count + 1);
	ASSERT(conflicts);
	*input = (struct resolve_input){s->dag->version, s->state_count, conflicts, 0};
	for (size_t p = 0; p < place_count; p++) {
		if (agree_at(s, p))
			continue;
		int64_t *events = arena_array(arena, int64_t, s->state_count);
		ASSERT(events);
		for (size_t i = 0; i < s->state_count; i++)
			events[i] = number_of(s, s->states[i].at[p]);
		conflicts[input->conflict_count++] =
			(struct resolve_conflict){places[p]->type, places[p]->state_key, events};
	}
	shuffle(&s->seed, conflicts, input->conflict_count, sizeof *conflicts);
}

/* The agreed entries and the output's together. */
static void outcome(struct source *s, const struct resolve_output *output, struct dag_state *ret_state)
{
	struct dag_state state = dag_state_empty(s->dag);
	size_t *indices = arena_array(s->dag->arena, size_t, s->dag->count + 1);
	ASSERT(indices);
	for (size_t i = 0; i < s->dag->count; i++)
		indices[s->numbers[i] - 1] = i;
	for (size_t p = 0; p < s->states[0].count; p++)
		if (agree_at(s, p))
			state.at[p] = s->states[0].at[p];
	for (size_t i = 0; i < output->count; i++) {
		const struct resolve_entry *entry = &output->entries[i];
		size_t place = place_of(s->dag, entry->type, entry->state_key)->index;
		ASSERT(entry->number <= (int64_t)s->dag->count);
		state.at[place] = entry->number ? indices[entry->number - 1] : DAG_NONE;
	}
	*ret_state = state;
}

enum rc dag_resolve(struct dag *dag, const struct dag_state *states, size_t count, struct dag_way way,
                    struct dag_state *ret_state, struct dag_cost *cost)
{
	struct arena CLEANUP(arena_release) scratch;
	struct arena CLEANUP(arena_release) arena;
	struct source s;
	struct resolve_input input;
	struct resolve_output output;
	arena_init(&scratch, SIZE_MAX);
	arena_init(&arena, way.budget_bytes ? way.budget_bytes : SIZE_MAX);
	source_init(&s, dag, &scratch, states, count, way.seed);
	int64_t begun_ns = now_ns();
	conflicts_find(&s, &scratch, &input);
	s.cost.compared_ns = now_ns() - begun_ns;
	struct resolve_source source = {&s, source_events, source_unconflicted, source_difference,
		way.has_index ? source_contains : NULL};
	if (way.has_index)
		TRY(source_difference(&s, &scratch, &s.difference));
	s.is_ready = way.has_index;
	begun_ns = now_ns();
	TRY(resolve_state(&arena, &input, &source, &output));
	s.cost.ns = now_ns() - begun_ns;
	outcome(&s, &output, ret_state);
	s.cost.used_bytes = arena.used_bytes;
	if (cost)
		*cost = s.cost;
	return RC_OK;
}

enum rc dag_difference(struct dag *dag, const struct dag_state *states, size_t count, uint64_t seed, bool **ret_in)
{
	struct arena CLEANUP(arena_release) scratch;
	struct source s;
	struct int64_list found;
	arena_init(&scratch, SIZE_MAX);
	source_init(&s, dag, &scratch, states, count, seed);
	struct resolve_source source = {.self = &s, .events = source_events, .chain_contains = source_contains};
	const struct int64_list *lists = state_lists(&s, &scratch);
	TRY(auth_walk_difference(&scratch, &source, lists, count, &found));
	bool *in = arena_array(dag->arena, bool, dag->count + 1);
	bool *numbers = arena_array(&scratch, bool, dag->count + 1);
	ASSERT(in && numbers);
	for (size_t i = 0; i < found.count; i++)
		numbers[found.values[i]] = true;
	for (size_t i = 0; i < dag->count; i++)
		in[i] = numbers[s.numbers[i]];
	*ret_in = in;
	return RC_OK;
}
