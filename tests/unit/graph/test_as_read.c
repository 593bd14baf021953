/* The rules over events as they are read from text: what its form changes in the verdict. */
#include "base/test.h"

#include "codec/base64.h"
#include "graph/auth.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return crypto_init() == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

struct one_state {
	const struct event *events;
	size_t count;
};

static const struct event *get(void *self, str type, str state_key)
{
	const struct one_state *state = self;
	for (size_t i = 0; i < state->count; i++)
		if (str_eq(state->events[i].type, type) &&
		    str_eq(state->events[i].state_key, state_key))
			return &state->events[i];
	return NULL;
}

static struct auth_verdict judge(
    const struct event *event, const struct event *events, size_t count)
{
	struct one_state state = {events, count};
	struct auth_state by = {get, &state};
	return auth_check(event, &by);
}

/* `more` says the members that differ, a comma behind each. */
__attribute__((format(printf, 2, 3))) static struct event read_event(
    const struct room_version *version, const char *more, ...)
{
	char members[1024];
	struct event event;
	va_list args;
	va_start(args, more);
	assert_true((size_t)vsnprintf(members, sizeof members, more, args) < sizeof members);
	va_end(args);
	str text = arena_printf(&arena,
	    "{%s\"auth_events\":[],\"depth\":1,\"hashes\":{\"sha256\":\"x\"},"
	    "\"origin_server_ts\":1,\"prev_events\":[],\"sender\":\"@a:domain\","
	    "\"signatures\":{}}",
	    members);
	assert_rc(event_parse(&arena, version, text, &event, NULL), RC_OK);
	return event;
}

#define CREATE "\"type\":\"m.room.create\",\"content\":{\"room_version\":\"12\"},"

/* Rule 1 goes by the type; with a room_id the event is rejected (1.2), whatever its state key. */
static void create_of_v12_by_its_type(void **state)
{
	(void)state;
	static const char *const keys[] = {"", "\"state_key\":\"\",", "\"state_key\":\"x\","};
	const struct room_version *v12 = room_version_find(STR("12"));
	struct event first = read_event(v12, CREATE "\"state_key\":\"\",");
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct event event = read_event(v12, CREATE "%s", keys[i]);
		assert_str(str_from(event.room_id, 1), str_from(event.event_id, 1));
		assert_true(judge(&event, NULL, 0).allowed);
		event = read_event(v12, CREATE "%s\"room_id\":\"%.*s\",", keys[i],
		    STR_ARG(first.room_id));
		assert_str(event.room_id, first.room_id);
		assert_string_equal(judge(&event, &first, 1).rule, "v12:1.2");
	}
}

/* A room whose create event is out of place has none. */
static void nothing_follows_a_create_out_of_place(void **state)
{
	(void)state;
	const struct room_version *v12 = room_version_find(STR("12"));
	struct event odd = read_event(v12, CREATE "\"state_key\":\"x\",");
	struct event event = read_event(v12,
	    "\"type\":\"m.room.member\",\"state_key\":\"@a:domain\","
	    "\"content\":{\"membership\":\"join\"},\"room_id\":\"%.*s\",",
	    STR_ARG(odd.room_id));
	assert_string_equal(judge(&event, &odd, 1).rule, "v12:2");
}

static str base64_of(const unsigned char *bytes, size_t n)
{
	return base64_encode(&arena, BASE64_STANDARD, str_bytes(bytes, n));
}

static struct ed25519_key identity_key(void)
{
	static const unsigned char seed[ED25519_SEED_BYTES] = {7};
	struct ed25519_key key;
	ed25519_from_seed(&key, seed);
	return key;
}

/*
 * An invitation whose signed part is `message` and the signature of that text. `id` and `room`
 * are its members event_id and room_id.
 */
static struct event invitation(
    const struct room_version *version, const char *id, const char *room, const char *message)
{
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	struct ed25519_key key = identity_key();
	ed25519_sign(&key, str_of(message), signature);
	return read_event(version,
	    "%s%s\"type\":\"m.room.member\",\"state_key\":\"@b:domain\",\"content\":{"
	    "\"membership\":\"invite\",\"third_party_invite\":{\"signed\":{"
	    "\"signatures\":{\"id\":{\"ed25519:0\":\"%.*s\"}},%s}},",
	    id, room, STR_ARG(base64_of(signature, sizeof signature)), message + 1);
}

static struct auth_verdict judge_invitation(const struct room_version *version, const char *message)
{
	bool random = version->event_id_format == EVENT_ID_RANDOM;
	const char *id = random ? "\"event_id\":\"$e:domain\"," : "";
	const char *room = version->room_id_from_create ? "" : "\"room_id\":\"!r:domain\",";
	char derived[128];
	struct ed25519_key key = identity_key();
	struct event events[2];
	events[0] = read_event(version,
	    "%s%s\"type\":\"m.room.create\",\"state_key\":\"\",\"content\":{},", id, room);
	snprintf(derived, sizeof derived, "\"room_id\":\"%.*s\",", STR_ARG(events[0].room_id));
	events[1] = read_event(version,
	    "%s%s\"type\":\"m.room.third_party_invite\",\"state_key\":\"tok\","
	    "\"content\":{\"public_key\":\"%.*s\"},",
	    id, derived, STR_ARG(base64_of(key.public_key, sizeof key.public_key)));
	struct event event = invitation(version, id, derived, message);
	return judge(&event, events, COUNT_OF(events));
}

#define SIGNED(number) "{\"mxid\":\"@b:domain\",\"n\":" number ",\"token\":\"tok\"}"

/* Before v6 what is signed may hold numbers that canonical JSON refuses: v1, "Canonical JSON". */
static void signed_part_as_strict_as_the_version(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		const struct room_version *version = &versions[v];
		assert_true(judge_invitation(version, SIGNED("7")).allowed);
		if (version->strict_canonical_json)
			continue; /* there such a text is no event */
		assert_true(judge_invitation(version, SIGNED("1.5")).allowed);
		assert_true(judge_invitation(version, SIGNED("[9007199254740993,1e+20]")).allowed);
		/* Signed as another text than the canonical one. */
		struct auth_verdict verdict = judge_invitation(version, SIGNED("1.50"));
		assert_non_null(strstr(verdict.rule, ":5.3.1.8"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create_of_v12_by_its_type),
		cmocka_unit_test(nothing_follows_a_create_out_of_place),
		cmocka_unit_test(signed_part_as_strict_as_the_version),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
