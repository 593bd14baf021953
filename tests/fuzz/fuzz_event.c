/*
 * Events: what is read is read again as the same; redaction keeps the id and is done once; the form for
 * clients is JSON; power levels may be asked of any content. The first byte chooses the room version, from 0 for "1".
 */
#include "fuzz.h"

#include "matrix/power_levels.h"

static void check_client_form(struct arena *arena, str canonical, const struct event *event)
{
	static const enum event_form forms[] = {EVENT_FORM_CLIENT, EVENT_FORM_SYNC, EVENT_FORM_STRIPPED};
	const struct event_unsigned data = {.age_ms = 1, .transaction_id = event->sender};
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct buf buf;
		json form;
		buf_init(&buf, arena, FUZZ_ARENA_BYTES);
		event_put_client(&buf, canonical, event->event_id, event->room_id, forms[i], &data);
		HOLDS(buf_status(&buf) == RC_OK);
		HOLDS(json_parse(arena, buf_str(&buf), &form, NULL) == RC_OK);
		HOLDS(str_eq(json_get_text(form, STR("type")), event->type));
		HOLDS(str_eq(json_get_text(form, STR("sender")), event->sender));
		HOLDS(json_is_object(json_get(form, STR("content"))));
		HOLDS(!json_get(form, STR("signatures")) && !json_get(form, STR("auth_events")));
		HOLDS(forms[i] == EVENT_FORM_STRIPPED ||
		      str_eq(json_get_text(form, STR("event_id")), event->event_id));
	}
}

/* The redacted event has the same id, and redacting it again changes nothing. */
static void check_redaction(struct arena *arena, const struct event *event)
{
	str redacted, twice;
	struct event read;
	struct fail fail = {0};
	HOLDS(event_redact(arena, event->version, event->root, &redacted) == RC_OK);
	HOLDS(event_parse(arena, event->version, redacted, &read, &fail) == RC_OK);
	HOLDS(str_eq(read.event_id, event->event_id) && str_eq(read.room_id, event->room_id));
	HOLDS(str_eq(read.canonical, redacted));
	HOLDS(event_redact(arena, event->version, read.root, &twice) == RC_OK);
	HOLDS(str_eq(twice, redacted));
	check_client_form(arena, redacted, &read);
}

static void check_again(struct arena *arena, const struct event *event)
{
	struct event again, stored;
	HOLDS(event_parse(arena, event->version, event->canonical, &again, NULL) == RC_OK);
	HOLDS(str_eq(again.canonical, event->canonical) && str_eq(again.event_id, event->event_id));
	HOLDS(event_parse_stored(arena, event->version, event->canonical, event->event_id, &stored) == RC_OK);
	HOLDS(str_eq(stored.room_id, event->room_id) && stored.depth == event->depth);
}

static void check_signatures(struct arena *arena, const struct event *event)
{
	static const unsigned char key[ED25519_PUBLIC_BYTES] = {1};
	bool matches, valid;
	HOLDS(event_hash_matches(arena, event->root, &matches) == RC_OK);
	HOLDS(event_signature_verify(arena, event->version, event->root, STR("domain"), STR("ed25519:1"), key,
	                             &valid) == RC_OK);
}

static void check_signers(const struct event *event)
{
	str servers[EVENT_SIGNERS_MAX];
	size_t count = event_signers(event, servers);
	HOLDS(count <= EVENT_SIGNERS_MAX);
	for (size_t i = 0; i < count; i++) {
		HOLDS(servers[i].n == 0 || server_name_valid(servers[i]));
		for (size_t j = 0; j < i; j++)
			HOLDS(!str_eq(servers[i], servers[j]));
	}
}

/* The id is the reference hash, or stands in the event. */
static void check_id(struct arena *arena, const struct event *event)
{
	str hash;
	HOLDS(event_id_parse(event->event_id, NULL));
	HOLDS(event_reference_text(arena, event->version, event->root, &hash) == RC_OK);
	if (event->version->event_id_format == EVENT_ID_RANDOM)
		HOLDS(str_eq(event->event_id, json_get_text(event->root, STR("event_id"))));
	else if (event->version->event_id_format == EVENT_ID_HASH_STANDARD)
		HOLDS(str_eq(str_from(event->event_id, 1), hash));
}

static void check_power(const struct event *event)
{
	struct power_levels levels = power_levels_of(event, event);
	json users = json_get(event->content, STR("users"));
	struct json_iter iter = json_iter(json_is_object(users) ? users : NULL);
	str user;
	json v;
	int64_t level;
	while (json_next(&iter, &user, &v))
		if (!is_room_creator(event, user) && power_level_read(event->version, v, &level))
			HOLDS(power_of_user(&levels, user) == level);
	(void)power_to_send(&levels, event->type, event->is_state);
	(void)power_for_action(&levels, STR("ban"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct event event;
	struct fail fail = {0};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	arena_init(&arena, FUZZ_ARENA_BYTES);
	if (size == 0)
		return 0;
	enum rc rc = event_parse(&arena, &versions[data[0] % count], str_bytes(data + 1, size - 1), &event, &fail);
	if (rc != RC_OK) {
		HOLDS(fail.rc == rc && fail.message[0]);
		HOLDS(rc == RC_NOT_JSON || rc == RC_BAD_JSON || rc == RC_TOO_LARGE);
		return 0;
	}
	check_again(&arena, &event);
	check_client_form(&arena, event.canonical, &event);
	check_redaction(&arena, &event);
	check_signatures(&arena, &event);
	check_signers(&event);
	check_id(&arena, &event);
	check_power(&event);
	return 0;
}
