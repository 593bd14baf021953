/*
 * graph_tool: one room a line on standard input, one line with the answers; the oracle's way into the rules.
 *
 *   {"version":"10","events":[PDU…],"rejected":[index…],"judge":[[index,[index…]]…],"resolve":[[[index…]…]…]}
 *
 * Events stand before those that cite them. `judge`: an event against the state made of these events; `resolve`: states
 * made of events. The answer:
 *
 *   {"events":[{"id":…,"keys":[[type,state_key]…],"redacted":…,"hash":…} or {"error":…}…],
 *    "auth":[rule…] of each of `judge` by its auth events, "state":[rule…] by the state, "resolve":[[index…]…]}
 *
 * A rule is empty where the event is allowed.
 */
#include "base/map.h"
#include "graph/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define BUDGET_BYTES ((size_t)1 << 30)

struct room {
	struct arena *arena;
	const struct room_version *version;
	size_t count;
	struct event *events;
	struct resolve_event *places; /* by index; its number is the index and one */
	struct map ids;               /* event id → struct resolve_event */
	json states;                  /* of the resolution under way */
	struct map agreed;            /* path → struct resolve_event */
};

static void put_rule(struct buf *out, struct auth_verdict verdict)
{
	json_put_comma(out);
	json_put_text(out, verdict.allowed ? STR_EMPTY : str_of(verdict.rule));
}

/* ---- events ---- */

static enum rc put_event(struct room *room, struct buf *out, const struct event *event)
{
	struct auth_key keys[AUTH_KEYS_MAX];
	str redacted;
	bool matches;
	size_t count = auth_keys(room->version, event->type, event->is_state, event->state_key, event->sender,
	                         event->content, keys);
	TRY(event_redact(room->arena, room->version, event->root, &redacted));
	TRY(event_hash_matches(room->arena, event->root, &matches));
	json_put_key(out, STR("id"));
	json_put_text(out, event->event_id);
	json_put_key(out, STR("hash"));
	buf_put(out, matches ? STR("true") : STR("false"));
	json_put_key(out, STR("redacted"));
	buf_put(out, redacted);
	json_put_key(out, STR("keys"));
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(out);
		buf_putc(out, '[');
		json_put_text(out, keys[i].type);
		buf_putc(out, ',');
		json_put_text(out, keys[i].state_key);
		buf_putc(out, ']');
	}
	buf_putc(out, ']');
	return buf_status(out);
}

static enum rc links_find(struct room *room, struct resolve_event *place)
{
	const struct event *event = place->event;
	int64_t *auth = arena_array(room->arena, int64_t, event->auth_count + 1);
	TRY(arena_status(room->arena));
	for (size_t i = 0; i < event->auth_count; i++) {
		const struct resolve_event *cited = map_get(&room->ids, event->auth_events[i]);
		if (cited)
			auth[place->auth_count++] = cited->number;
	}
	place->auth = auth;
	return RC_OK;
}

static enum rc event_read(struct room *room, struct buf *out, json pdu, size_t index)
{
	struct fail fail = {0};
	struct buf text;
	buf_init(&text, room->arena, BUDGET_BYTES);
	json_put(&text, pdu);
	TRY(buf_status(&text));
	json_put_comma(out);
	buf_putc(out, '{');
	enum rc rc = event_parse(room->arena, room->version, buf_str(&text), &room->events[index], &fail);
	if (rc == RC_OK) {
		room->places[index].event = &room->events[index];
		TRY(links_find(room, &room->places[index]));
		TRY(map_put(&room->ids, room->events[index].event_id, &room->places[index], NULL));
		TRY(put_event(room, out, &room->events[index]));
	} else {
		json_put_key(out, STR("error"));
		json_put_text(out, str_of(rc_name(rc)));
	}
	buf_putc(out, '}');
	return buf_status(out);
}

static enum rc events_read(struct room *room, json root, struct buf *out)
{
	json list = json_get(root, STR("events")), value;
	struct json_iter pdus = json_iter(list), rejected = json_iter(json_get(root, STR("rejected")));
	room->count = json_count(list);
	room->events = arena_array(room->arena, struct event, room->count + 1);
	room->places = arena_array(room->arena, struct resolve_event, room->count + 1);
	TRY(arena_status(room->arena));
	for (size_t i = 0; json_next(&pdus, NULL, &value); i++) {
		room->places[i].number = (int64_t)i + 1;
		TRY(event_read(room, out, value, i));
	}
	while (json_next(&rejected, NULL, &value)) {
		int64_t index;
		if (json_integer(value, &index) && index >= 0 && (size_t)index < room->count)
			room->places[index].rejected = true;
	}
	return RC_OK;
}

static struct resolve_event *event_at(struct room *room, json index)
{
	int64_t i;
	bool good = json_integer(index, &i) && i >= 0 && (size_t)i < room->count && room->places[i].event;
	return good ? &room->places[i] : NULL;
}

/* ---- verdicts ---- */

struct given_state {
	struct room *room;
	json indices;
};

static const struct event *given_get(void *self, str type, str state_key)
{
	struct given_state *state = self;
	struct json_iter iter = json_iter(state->indices);
	json index;
	while (json_next(&iter, NULL, &index)) {
		const struct resolve_event *place = event_at(state->room, index);
		if (place && str_eq(place->event->type, type) && str_eq(place->event->state_key, state_key))
			return place->event;
	}
	return NULL;
}

static struct auth_verdict verdict_by_auth_events(struct room *room, const struct resolve_event *place)
{
	struct auth_event entries[EVENT_AUTH_MAX];
	size_t count = 0;
	for (size_t i = 0; i < place->auth_count && count < EVENT_AUTH_MAX; i++) {
		const struct resolve_event *cited = &room->places[place->auth[i] - 1];
		entries[count++] = (struct auth_event){cited->event, cited->rejected};
	}
	return auth_check_auth_events(place->event, entries, count);
}

static enum rc judge(struct room *room, json root, struct buf *by_auth, struct buf *by_state)
{
	struct json_iter iter = json_iter(json_get(root, STR("judge")));
	json pair;
	while (json_next(&iter, NULL, &pair)) {
		const struct resolve_event *place = event_at(room, json_at(pair, 0));
		struct given_state given = {room, json_at(pair, 1)};
		struct auth_state state = {given_get, &given};
		if (!place)
			return RC_INVALID_PARAM;
		put_rule(by_auth, verdict_by_auth_events(room, place));
		put_rule(by_state, auth_check(place->event, &state));
	}
	return RC_OK;
}

/* ---- resolution ---- */

static enum rc source_events(void *self, struct arena *arena, const int64_t *numbers, size_t count,
                             const struct resolve_event **ret_events)
{
	struct room *room = self;
	(void)arena;
	for (size_t i = 0; i < count; i++) {
		const struct resolve_event *place = &room->places[numbers[i] - 1];
		ret_events[i] = place->event ? place : NULL;
	}
	return RC_OK;
}

static str path_of(struct room *room, str type, str state_key)
{
	return arena_printf(room->arena, "%zu %.*s %.*s", type.n, STR_ARG(type), STR_ARG(state_key));
}

static enum rc source_unconflicted(void *self, str type, str state_key, int64_t *ret_number)
{
	struct room *room = self;
	const struct resolve_event *place = map_get(&room->agreed, path_of(room, type, state_key));
	*ret_number = place ? place->number : 0;
	return arena_status(room->arena);
}

static enum rc source_difference(void *self, struct arena *arena, struct int64_list *ret_numbers)
{
	struct room *room = self;
	struct resolve_source source = {.self = room, .events = source_events};
	size_t count = json_count(room->states);
	struct int64_list *states = arena_array(arena, struct int64_list, count + 1);
	TRY(arena_status(arena));
	struct json_iter iter = json_iter(room->states);
	json list, index;
	for (size_t s = 0; json_next(&iter, NULL, &list); s++) {
		struct json_iter indices = json_iter(list);
		states[s].values = arena_array(arena, int64_t, json_count(list) + 1);
		TRY(arena_status(arena));
		while (json_next(&indices, NULL, &index))
			states[s].values[states[s].count++] = event_at(room, index)->number;
	}
	return auth_walk_difference(arena, &source, states, count, ret_numbers);
}

struct slot {
	struct resolve_conflict conflict;
	int64_t *numbers;
	bool differs;
};

static enum rc slots_fill(struct room *room, struct map *slots, size_t state_count)
{
	struct json_iter iter = json_iter(room->states);
	json list, index;
	for (size_t s = 0; json_next(&iter, NULL, &list); s++) {
		struct json_iter indices = json_iter(list);
		while (json_next(&indices, NULL, &index)) {
			const struct resolve_event *place = event_at(room, index);
			if (!place)
				return RC_INVALID_PARAM;
			str path = path_of(room, place->event->type, place->event->state_key);
			struct slot *slot = map_get(slots, path);
			if (!slot) {
				slot = arena_new(room->arena, struct slot);
				int64_t *numbers = arena_array(room->arena, int64_t, state_count);
				TRY(arena_status(room->arena));
				*slot = (struct slot){{place->event->type, place->event->state_key, numbers}, numbers, false};
				TRY(map_put(slots, path, slot, NULL));
			}
			slot->numbers[s] = place->number;
		}
	}
	return RC_OK;
}

static enum rc slots_sort(struct room *room, struct map *slots, size_t state_count, struct resolve_input *input)
{
	struct resolve_conflict *conflicts = arena_array(room->arena, struct resolve_conflict, map_count(slots) + 1);
	size_t cursor = 0, count = 0;
	str path;
	void *value;
	TRY(arena_status(room->arena));
	while (map_next(slots, &cursor, &path, &value)) {
		struct slot *slot = value;
		for (size_t s = 1; s < state_count; s++)
			slot->differs = slot->differs || slot->numbers[s] != slot->numbers[0];
		if (slot->differs)
			conflicts[count++] = slot->conflict;
		else
			TRY(map_put(&room->agreed, path, &room->places[slot->numbers[0] - 1], NULL));
	}
	*input = (struct resolve_input){room->version, state_count, conflicts, count};
	return RC_OK;
}

static enum rc resolve_one(struct room *room, struct buf *out, struct map *slots)
{
	struct resolve_source source = {room, source_events, source_unconflicted, source_difference, NULL};
	struct resolve_output output = {0};
	struct resolve_input input;
	size_t state_count = json_count(room->states), cursor = 0;
	str path;
	void *value;
	TRY(slots_fill(room, slots, state_count));
	TRY(slots_sort(room, slots, state_count, &input));
	if (input.conflict_count > 0)
		TRY(resolve_state(room->arena, &input, &source, &output));
	json_put_comma(out);
	buf_putc(out, '[');
	while (map_next(&room->agreed, &cursor, &path, &value)) {
		json_put_comma(out);
		buf_put_i64(out, ((struct resolve_event *)value)->number - 1);
	}
	for (size_t i = 0; i < output.count; i++) {
		if (output.entries[i].number == 0)
			continue;
		json_put_comma(out);
		buf_put_i64(out, output.entries[i].number - 1);
	}
	buf_putc(out, ']');
	return buf_status(out);
}

static enum rc resolve_all(struct room *room, json root, struct buf *out)
{
	struct json_iter iter = json_iter(json_get(root, STR("resolve")));
	enum rc rc = RC_OK;
	while (rc == RC_OK && json_next(&iter, NULL, &room->states)) {
		struct map slots;
		map_init(&slots, &rng_system);
		map_init(&room->agreed, &rng_system);
		rc = resolve_one(room, out, &slots);
		map_release(&slots);
		map_release(&room->agreed);
	}
	return rc;
}

/* ---- lines ---- */

static enum rc answer_room(struct room *room, json root, struct buf *out)
{
	struct buf by_auth, by_state;
	buf_init(&by_auth, room->arena, BUDGET_BYTES);
	buf_init(&by_state, room->arena, BUDGET_BYTES);
	buf_put(out, STR("{\"events\":["));
	TRY(events_read(room, root, out));
	buf_put(out, STR("],\"resolve\":["));
	TRY(resolve_all(room, root, out));
	buf_putc(&by_auth, '[');
	buf_putc(&by_state, '[');
	TRY(judge(room, root, &by_auth, &by_state));
	buf_put(out, STR("],\"auth\":"));
	buf_put(out, buf_str(&by_auth));
	buf_put(out, STR("],\"state\":"));
	buf_put(out, buf_str(&by_state));
	buf_put(out, STR("]}"));
	return buf_status(out);
}

static enum rc answer(struct arena *arena, str line, struct buf *out)
{
	json root;
	TRY(json_parse(arena, line, &root, NULL));
	struct room room = {.arena = arena, .version = room_version_find(json_get_text(root, STR("version")))};
	if (!room.version)
		return RC_INVALID_PARAM;
	map_init(&room.ids, &rng_system);
	enum rc rc = answer_room(&room, root, out);
	map_release(&room.ids);
	return rc;
}

int main(void)
{
	struct arena CLEANUP(arena_release) arena;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	if (crypto_init() != RC_OK)
		return 2;
	arena_init(&arena, BUDGET_BYTES);
	while ((n = getline(&line, &capacity, stdin)) > 0) {
		struct buf out;
		buf_init(&out, &arena, BUDGET_BYTES);
		enum rc rc = answer(&arena, str_bytes(line, (size_t)n - (line[n - 1] == '\n')), &out);
		if (rc == RC_OK)
			printf("%.*s\n", STR_ARG(buf_str(&out)));
		else
			printf("{\"error\":\"%s\"}\n", rc_name(rc));
		fflush(stdout);
		arena_clear(&arena);
	}
	free(line);
	return ferror(stdin) != 0;
}
