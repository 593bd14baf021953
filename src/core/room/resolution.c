#include "core/room/resolution_int.h"

#include "base/map.h"
#include "matrix/ids.h"
#include "store/auth_chains.h"

#include <string.h>

/* The resolution knows events by their nids, and the one that has none yet by this number. */
#define PENDING_NUMBER INT64_MAX

/* A place at which some states may differ. */
struct place {
	str type, state_key;
	int64_t base;                 /* what stands there in the first state's base */
	int64_t *numbers;             /* in each state */
};

struct resolution {
	struct txn_ro *txn;
	struct arena *arena;
	const struct room_version *version;
	const struct pending_event *pending;
	const struct snapshot_edit *states;
	size_t count;
	struct map places;            /* path → struct place */
	struct map64 events;          /* number → struct resolve_event */
	size_t state;                 /* while the tree of this one is walked */
};

static void resolution_release(struct resolution *resolution)
{
	map_release(&resolution->places);
	map64_release(&resolution->events);
}

static enum rc state_key_find(struct txn_ro *txn, str type, str state_key, struct state_key *ret_at)
{
	TRY(type_nid_find(txn, type, &ret_at->type));
	return key_nid_find(txn, state_key, &ret_at->key);
}

static enum rc snapshot_at(struct txn_ro *txn, int64_t snapshot, str type, str state_key, int64_t *ret_event)
{
	struct state_key at = {0};
	enum rc rc = state_key_find(txn, type, state_key, &at);
	if (rc == RC_OK)
		rc = snapshot_get(txn, snapshot, at, ret_event);
	if (rc == RC_NOT_FOUND)
		*ret_event = 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static const struct state_change *change_at(const struct snapshot_edit *state, str type, str state_key)
{
	for (size_t i = state->count; i-- > 0;) /* the last one counts */
		if (str_eq(state->changes[i].type, type) && str_eq(state->changes[i].state_key, state_key))
			return &state->changes[i];
	return NULL;
}

enum rc state_at(struct txn_ro *txn, const struct snapshot_edit *state, str type, str state_key, int64_t *ret_event)
{
	const struct state_change *change = change_at(state, type, state_key);
	if (!change)
		return snapshot_at(txn, state->base, type, state_key, ret_event);
	*ret_event = change->event;
	return RC_OK;
}

enum rc events_known(struct txn_ro *txn, struct arena *arena, const str *ids, size_t count, int64_t **ret_events)
{
	int64_t *events = arena_array(arena, int64_t, count ? count : 1);
	TRY(arena_status(arena));
	for (size_t i = 0; i < count; i++) {
		enum rc rc = event_nid_find(txn, ids[i], &events[i]);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	*ret_events = events;
	return RC_OK;
}

/* ---- the places at which the states differ ---- */

static str path_dup(struct arena *arena, str type, str state_key)
{
	struct buf buf;
	str path;
	buf_init(&buf, arena, EVENT_TYPE_MAX_BYTES + STATE_KEY_MAX_BYTES + 1);
	buf_putc(&buf, (char)type.n); /* any byte may stand in a type: its length tells where the key begins */
	buf_put(&buf, type);
	buf_put(&buf, state_key);
	return buf_finish(&buf, &path) == RC_OK ? path : STR_EMPTY;
}

/* Until told otherwise, every state has there what the first one's base has. */
static enum rc place_add(struct resolution *r, str type, str state_key, struct place **ret_place)
{
	str path = path_dup(r->arena, type, state_key);
	TRY(arena_status(r->arena));
	struct place *place = map_get(&r->places, path);
	if (place) {
		*ret_place = place;
		return RC_OK;
	}
	place = arena_new(r->arena, struct place);
	int64_t *numbers = arena_array(r->arena, int64_t, r->count);
	str type_kept = arena_dup(r->arena, type), key_kept = arena_dup(r->arena, state_key);
	TRY(arena_status(r->arena));
	*place = (struct place){type_kept, key_kept, 0, numbers};
	TRY(snapshot_at(r->txn, r->states[0].base, type, state_key, &place->base));
	for (size_t i = 0; i < r->count; i++)
		numbers[i] = place->base;
	*ret_place = place;
	return map_put(&r->places, path, place, NULL);
}

static enum rc difference_add(void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct resolution *r = self;
	str type, state_key;
	struct place *place;
	TRY(type_of(r->txn, r->arena, before->at.type, &type));
	TRY(key_of(r->txn, r->arena, before->at.key, &state_key));
	TRY(place_add(r, type, state_key, &place));
	place->numbers[r->state] = after->event;
	return RC_OK;
}

static int64_t number_of(int64_t event)
{
	return event == EVENT_ITSELF ? PENDING_NUMBER : event;
}

static enum rc places_find(struct resolution *r)
{
	int64_t first = r->states[0].base;
	for (r->state = 1; r->state < r->count; r->state++)
		if (r->states[r->state].base != first)
			TRY(snapshot_diff(r->txn, first, r->states[r->state].base, difference_add, r));
	for (size_t i = 0; i < r->count; i++) {
		const struct snapshot_edit *state = &r->states[i];
		for (size_t j = 0; j < state->count; j++) {
			const struct state_change *change = &state->changes[j];
			struct place *place;
			TRY(place_add(r, change->type, change->state_key, &place));
			place->numbers[i] = number_of(change->event);
		}
	}
	return RC_OK;
}

static bool is_agreed(const struct resolution *r, const struct place *place)
{
	for (size_t i = 1; i < r->count; i++)
		if (place->numbers[i] != place->numbers[0])
			return false;
	return true;
}

/* ---- what the resolution asks for ---- */

static enum rc stored_event(struct resolution *r, int64_t number, struct resolve_event **ret_event)
{
	struct event_row row = {0};
	struct resolve_event *made = arena_new(r->arena, struct resolve_event);
	struct event *event = arena_new(r->arena, struct event);
	int64_t *auth;
	size_t known = 0;
	TRY(arena_status(r->arena));
	*ret_event = NULL;
	enum rc rc = event_get(r->txn, r->arena, number, &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = event_parse_stored(r->arena, r->version, row.canonical, row.event_id, event);
	if (rc != RC_OK)
		return rc;
	TRY(events_known(r->txn, r->arena, event->auth_events, event->auth_count, &auth));
	for (size_t i = 0; i < event->auth_count; i++)
		if (auth[i] != 0)
			auth[known++] = auth[i];
	*made = (struct resolve_event){number, event, row.verdict == EVENT_REJECTED, auth, known};
	*ret_event = made;
	return RC_OK;
}

static enum rc pending_as_event(struct resolution *r, struct resolve_event **ret_event)
{
	const struct pending_event *pending = r->pending;
	*ret_event = NULL;
	if (!pending)
		return RC_OK;
	struct resolve_event *made = arena_new(r->arena, struct resolve_event);
	TRY(arena_status(r->arena));
	*made = (struct resolve_event){PENDING_NUMBER, pending->event, false, pending->auth, pending->auth_count};
	*ret_event = made;
	return RC_OK;
}

static enum rc source_events(void *self, struct arena *arena, const int64_t *numbers, size_t count,
                             const struct resolve_event **ret_events)
{
	struct resolution *r = self;
	(void)arena; /* the same as r->arena */
	for (size_t i = 0; i < count; i++) {
		struct resolve_event *event = map64_get(&r->events, (uint64_t)numbers[i]);
		if (!event && numbers[i] > 0) {
			TRY(numbers[i] == PENDING_NUMBER ? pending_as_event(r, &event)
			                                 : stored_event(r, numbers[i], &event));
			if (event)
				TRY(map64_put(&r->events, (uint64_t)numbers[i], event, NULL));
		}
		ret_events[i] = event;
	}
	return RC_OK;
}

static enum rc source_unconflicted(void *self, str type, str state_key, int64_t *ret_number)
{
	struct resolution *r = self;
	str path = path_dup(r->arena, type, state_key);
	TRY(arena_status(r->arena));
	const struct place *place = map_get(&r->places, path);
	if (!place)
		return snapshot_at(r->txn, r->states[0].base, type, state_key, ret_number);
	*ret_number = is_agreed(r, place) ? place->numbers[0] : 0;
	return RC_OK;
}

/* ---- auth difference ---- */

/* The events of each state where they differ, as roots of its full auth chain. */
struct roots {
	int64_t **states;
	size_t *counts;
	size_t capacity;
};

static enum rc roots_new(struct resolution *r, struct roots *ret_roots)
{
	/* An event that stands for the pending one may bring its place's agreed event to every state. */
	size_t capacity = map_count(&r->places) + 2 * (r->pending ? r->pending->auth_count : 0);
	struct roots roots = {arena_array(r->arena, int64_t *, r->count), arena_array(r->arena, size_t, r->count), capacity};
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->count; i++)
		roots.states[i] = arena_array(r->arena, int64_t, capacity ? capacity : 1);
	TRY(arena_status(r->arena));
	*ret_roots = roots;
	return RC_OK;
}

static void root_add(struct roots *roots, size_t state, int64_t number)
{
	for (size_t i = 0; i < roots->counts[state]; i++)
		if (roots->states[state][i] == number)
			return;
	if (number > 0 && roots->counts[state] < roots->capacity)
		roots->states[state][roots->counts[state]++] = number;
}

/*
 * The index does not know the pending event: its auth events stand for it. One on which all states agree adds
 * nothing. The place of another would count as one of difference, so its agreed event joins every state.
 */
static enum rc pending_roots_add(struct resolution *r, struct roots *roots, size_t state)
{
	const struct resolve_event *event;
	for (size_t i = 0; i < r->pending->auth_count; i++) {
		int64_t number = r->pending->auth[i], agreed = 0;
		TRY(source_events(r, r->arena, &number, 1, &event));
		if (!event)
			continue;
		TRY(source_unconflicted(r, event->event->type, event->event->state_key, &agreed));
		if (agreed == number)
			continue;
		root_add(roots, state, number);
		for (size_t j = 0; agreed > 0 && agreed != PENDING_NUMBER && j < r->count; j++)
			root_add(roots, j, agreed);
	}
	return RC_OK;
}

static enum rc roots_fill(struct resolution *r, struct roots *roots, bool *ret_has_pending)
{
	size_t cursor = 0;
	str path;
	void *value;
	while (map_next(&r->places, &cursor, &path, &value)) {
		const struct place *place = value;
		if (is_agreed(r, place))
			continue;
		for (size_t i = 0; i < r->count; i++) {
			*ret_has_pending = *ret_has_pending || place->numbers[i] == PENDING_NUMBER;
			if (place->numbers[i] == PENDING_NUMBER)
				TRY(pending_roots_add(r, roots, i));
			else
				root_add(roots, i, place->numbers[i]);
		}
	}
	return RC_OK;
}

/* A state without changes: where the states agree, its snapshot tells on what. */
static int64_t plain_snapshot(const struct resolution *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->states[i].count == 0)
			return r->states[i].base;
	return r->states[0].base;
}

static enum rc source_difference(void *self, struct arena *arena, struct int64_list *ret_numbers)
{
	struct resolution *r = self;
	struct roots roots;
	bool has_pending = false;
	int64_t *events;
	size_t count;
	TRY(roots_new(r, &roots));
	TRY(roots_fill(r, &roots, &has_pending));
	struct auth_states states = {roots.states, roots.counts, r->count, plain_snapshot(r)};
	TRY(auth_difference(r->txn, arena, &states, &events, &count));
	if (has_pending) {
		int64_t *more = arena_array(arena, int64_t, count + 1);
		TRY(arena_status(arena));
		if (count)
			memcpy(more, events, count * sizeof *more);
		more[count++] = PENDING_NUMBER;
		events = more;
	}
	*ret_numbers = (struct int64_list){events, count};
	return RC_OK;
}

static enum rc source_contains(void *self, int64_t from, const int64_t *candidates, size_t count, bool *ret_contains)
{
	struct resolution *r = self;
	if (from != PENDING_NUMBER)
		return auth_chain_contains(r->txn, from, candidates, count, ret_contains);
	bool *some = arena_array(r->arena, bool, count ? count : 1);
	TRY(arena_status(r->arena));
	memset(ret_contains, 0, count * sizeof *ret_contains);
	for (size_t i = 0; i < r->pending->auth_count; i++) {
		TRY(auth_chain_contains(r->txn, r->pending->auth[i], candidates, count, some));
		for (size_t j = 0; j < count; j++)
			ret_contains[j] = ret_contains[j] || some[j] || candidates[j] == r->pending->auth[i];
	}
	return RC_OK;
}

/* ---- the outcome ---- */

static enum rc conflicts_collect(struct resolution *r, struct resolve_input *input)
{
	struct resolve_conflict *conflicts = arena_array(r->arena, struct resolve_conflict, map_count(&r->places) + 1);
	size_t cursor = 0, count = 0;
	str path;
	void *value;
	TRY(arena_status(r->arena));
	while (map_next(&r->places, &cursor, &path, &value)) {
		const struct place *place = value;
		if (!is_agreed(r, place))
			conflicts[count++] = (struct resolve_conflict){place->type, place->state_key, place->numbers};
	}
	*input = (struct resolve_input){r->version, r->count, conflicts, count};
	return RC_OK;
}

static enum rc change_add(struct resolution *r, struct state_change *changes, size_t *count, str type, str state_key,
                          int64_t number)
{
	int64_t base;
	TRY(snapshot_at(r->txn, r->states[0].base, type, state_key, &base));
	if (base != number)
		changes[(*count)++] = (struct state_change){type, state_key,
		                                            number == PENDING_NUMBER ? EVENT_ITSELF : number};
	return RC_OK;
}

/* What was resolved, and what the states agree on beside the first one's base. */
static enum rc outcome_collect(struct resolution *r, const struct resolve_output *output, struct snapshot_edit *ret_state)
{
	struct state_change *changes = arena_array(r->arena, struct state_change, output->count + map_count(&r->places) + 1);
	size_t cursor = 0, count = 0;
	str path;
	void *value;
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < output->count; i++)
		TRY(change_add(r, changes, &count, output->entries[i].type, output->entries[i].state_key,
		               output->entries[i].number));
	while (map_next(&r->places, &cursor, &path, &value)) {
		const struct place *place = value;
		if (is_agreed(r, place))
			TRY(change_add(r, changes, &count, place->type, place->state_key, place->numbers[0]));
	}
	*ret_state = (struct snapshot_edit){r->states[0].base, changes, count};
	return RC_OK;
}

static enum rc resolution_run(struct resolution *r, struct snapshot_edit *ret_state)
{
	struct resolve_input input;
	struct resolve_output output = {0};
	struct resolve_source source = {r, source_events, source_unconflicted, source_difference, source_contains};
	TRY(places_find(r));
	TRY(conflicts_collect(r, &input));
	if (input.conflict_count > 0)
		TRY(resolve_state(r->arena, &input, &source, &output));
	return outcome_collect(r, &output, ret_state);
}

static bool same_snapshot(const struct snapshot_edit *a, const struct snapshot_edit *b)
{
	return a->count == 0 && b->count == 0 && a->base == b->base;
}

/* Each state once: a hundred extremities often share a few. */
static size_t states_distinct(const struct snapshot_edit *states, size_t count, struct snapshot_edit *distinct)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		size_t j = 0;
		while (j < n && !same_snapshot(&distinct[j], &states[i]))
			j++;
		if (j == n)
			distinct[n++] = states[i];
	}
	return n;
}

enum rc states_resolve(struct txn_ro *txn, struct arena *arena, const struct room_version *version,
                       const struct snapshot_edit *states, size_t count, const struct pending_event *pending,
                       struct snapshot_edit *ret_state)
{
	struct snapshot_edit *distinct = arena_array(arena, struct snapshot_edit, count);
	TRY(arena_status(arena));
	size_t n = states_distinct(states, count, distinct);
	if (n == 1) {
		*ret_state = distinct[0];
		return RC_OK;
	}
	struct resolution resolution CLEANUP(resolution_release) = {
		.txn = txn, .arena = arena, .version = version, .pending = pending, .states = distinct, .count = n};
	map_init(&resolution.places, &rng_system);
	map64_init(&resolution.events);
	return resolution_run(&resolution, ret_state);
}
