/*
 * The auth rules over any event and any state: a verdict is one of the rules of the event's version, depends on
 * nothing but the event and the state that its auth events are selected from, and on no order; the rules on auth
 * events take those selected for the right ones. The bytes are read by auth_bytes.c; tools/fuzz_auth_corpus.py
 * wrote the seeds.
 */
#include "auth_bytes.h"
#include "fuzz.h"

#include <string.h>

enum { TEXTS = AUTH_NUMBERING_V12 + 1 };

static const struct rule_text {
	const char *numbers[TEXTS]; /* by enum auth_numbering, the version's text before the colon */
	const char *sentence;
} rule_texts[] = {
#define AUTH_RULE(name, v1, v3, v6, v7, v8, v10, v11, v12, sentence)                                     \
	{{"v1:" v1, "v3:" v3, "v6:" v6, "v7:" v7, "v8:" v8, "v10:" v10, "v11:" v11, "v12:" v12}, sentence},
#include "graph/auth_rules.def"
#undef AUTH_RULE
};

static void check_verdict(const struct room_version *version, struct auth_verdict verdict)
{
	bool found = false;
	HOLDS(verdict.allowed == !verdict.rule[0] && verdict.allowed == !verdict.reason[0]);
	for (size_t i = 0; i < COUNT_OF(rule_texts) && !verdict.allowed; i++) {
		const char *number = rule_texts[i].numbers[version->auth_numbering];
		found = found || (strcmp(number, verdict.rule) == 0 && strcmp(rule_texts[i].sentence, verdict.reason) == 0);
	}
	/* A rule that the version does not have stands in the table without a number. */
	HOLDS(verdict.allowed || (found && !str_ends(str_of(verdict.rule), STR(":"))));
}

static bool same(struct auth_verdict a, struct auth_verdict b)
{
	return a.allowed == b.allowed && strcmp(a.rule, b.rule) == 0 && strcmp(a.reason, b.reason) == 0;
}

/* Some of the state of `made`, in some order. */
struct stored {
	const struct event *events[AUTH_BYTES_STATE_MAX];
	size_t count;
	const struct auth_key *keys; /* nothing else may be asked for; NULL: anything may */
	size_t key_count;
};

static bool is_key(const struct stored *stored, str type, str state_key)
{
	for (size_t i = 0; i < stored->key_count; i++)
		if (str_eq(stored->keys[i].type, type) && str_eq(stored->keys[i].state_key, state_key))
			return true;
	return false;
}

static const struct event *get(void *self, str type, str state_key)
{
	const struct stored *stored = self;
	HOLDS(!stored->keys || is_key(stored, type, state_key));
	for (size_t i = 0; i < stored->count; i++)
		if (str_eq(stored->events[i]->type, type) && str_eq(stored->events[i]->state_key, state_key))
			return stored->events[i];
	return NULL;
}

static struct auth_verdict judge(const struct event *event, struct stored *stored)
{
	struct auth_state state = {get, stored};
	return auth_check(event, &state);
}

static void store_all(struct stored *stored, const struct auth_bytes *made, bool backwards)
{
	*stored = (struct stored){.count = made->count};
	for (size_t i = 0; i < made->count; i++)
		stored->events[i] = &made->state[backwards ? made->count - 1 - i : i];
}

/* What the auth events are selected from; the rules read the create event in every version. */
static size_t selected_keys(const struct event *event, struct auth_key keys[AUTH_KEYS_MAX + 1])
{
	size_t count = auth_keys(event->version, event->type, event->is_state, event->state_key, event->sender,
	                         event->content, keys);
	HOLDS(count <= AUTH_KEYS_MAX);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			HOLDS(!str_eq(keys[i].type, keys[j].type) || !str_eq(keys[i].state_key, keys[j].state_key));
	if (!event->version->create_in_auth_events)
		keys[count++] = (struct auth_key){STR("m.room.create"), STR_EMPTY};
	return count;
}

static void reduce(struct stored *stored, const struct stored *whole, const struct auth_key *keys, size_t count)
{
	*stored = (struct stored){.keys = keys, .key_count = count};
	for (size_t i = 0; i < whole->count; i++)
		if (is_key(stored, whole->events[i]->type, whole->events[i]->state_key))
			stored->events[stored->count++] = whole->events[i];
}

/* The same of the event as it is read from the store. */
static void check_stored_event(struct arena *arena, const struct event *event, struct stored *stored,
                               struct auth_verdict verdict)
{
	struct event again;
	HOLDS(event_parse_stored(arena, event->version, event->canonical, event->event_id, &again) == RC_OK);
	HOLDS(same(judge(&again, stored), verdict));
}

static void check_state(struct auth_bytes *made)
{
	struct auth_key keys[AUTH_KEYS_MAX + 1];
	struct stored forwards, backwards, reduced;
	store_all(&forwards, made, false);
	store_all(&backwards, made, true);
	struct auth_verdict verdict = judge(&made->event, &forwards);
	check_verdict(made->version, verdict);
	HOLDS(same(judge(&made->event, &forwards), verdict));
	HOLDS(same(judge(&made->event, &backwards), verdict));
	reduce(&reduced, &forwards, keys, selected_keys(&made->event, keys));
	HOLDS(same(judge(&made->event, &reduced), verdict));
	check_stored_event(made->arena, &made->event, &reduced, verdict);
}

static struct auth_verdict judge_entries(const struct event *event, const struct auth_event *entries, size_t count)
{
	struct auth_event backwards[AUTH_BYTES_STATE_MAX + 1];
	struct auth_verdict verdict = auth_check_auth_events(event, entries, count);
	check_verdict(event->version, verdict);
	for (size_t i = 0; i < count; i++)
		backwards[i] = entries[count - 1 - i];
	HOLDS(same(auth_check_auth_events(event, backwards, count), verdict));
	return verdict;
}

/* A further entry that is not selected, or that is there already. */
static void check_one_more(const struct event *event, struct auth_event *entries, size_t count,
                           const struct event *more)
{
	bool is_create = str_eq(event->type, STR("m.room.create"));
	if (!more)
		return;
	entries[count] = (struct auth_event){more, false};
	HOLDS(judge_entries(event, entries, count + 1).allowed == is_create);
}

/* What auth_keys() selects is refused only for what it is by itself; anything more is refused. */
static void check_selected(const struct auth_bytes *made)
{
	struct auth_event entries[AUTH_BYTES_STATE_MAX + 1];
	struct auth_key keys[AUTH_KEYS_MAX + 1];
	const struct event *event = &made->event;
	struct stored selected = {.keys = keys};
	bool sound = true, has_create = !event->version->create_in_auth_events;
	bool is_create = str_eq(event->type, STR("m.room.create"));
	size_t count = 0;
	const struct event *other = NULL;
	selected.key_count = selected_keys(event, keys) - (event->version->create_in_auth_events ? 0 : 1);
	for (size_t i = 0; i < made->count; i++) {
		const struct event *entry = &made->state[i];
		if (!is_key(&selected, entry->type, entry->state_key)) {
			other = entry;
			continue;
		}
		entries[count++] = (struct auth_event){entry, made->rejected[i]};
		sound = sound && !made->rejected[i] && str_eq(entry->room_id, event->room_id);
		has_create = has_create || str_eq(entry->type, STR("m.room.create"));
	}
	HOLDS(judge_entries(event, entries, count).allowed == (is_create || (sound && has_create)));
	check_one_more(event, entries, count, other);
	check_one_more(event, entries, count, count ? entries[0].event : NULL);
}

/* Any of the state, some of it twice. */
static void check_any_entries(struct auth_bytes *made)
{
	struct auth_event entries[AUTH_BYTES_STATE_MAX];
	size_t count = auth_bytes_next(made, 8);
	for (size_t i = 0; i < count; i++) {
		size_t index = made->count ? auth_bytes_next(made, made->count) : 0;
		entries[i] = (struct auth_event){&made->state[index], made->rejected[index]};
	}
	(void)judge_entries(&made->event, entries, made->count ? count : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct auth_bytes made;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	HOLDS(crypto_init() == RC_OK);
	if (!auth_bytes_read(&made, &arena, data, size))
		return 0;
	check_state(&made);
	check_selected(&made);
	check_any_entries(&made);
	return 0;
}
