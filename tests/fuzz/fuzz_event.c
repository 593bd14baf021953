/*
 * Events: what is read is read again as the same, and built again from its pieces it is an event with the same
 * pieces, whose hash and signature are right; redaction keeps the id and is done once; the form for clients is JSON; power
 * levels may be asked of any content. The first byte chooses the room version, from 0 for "1".
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

static struct signing_identity identity(void)
{
	static const unsigned char seed[ED25519_SEED_BYTES] = {1};
	struct signing_identity identity = {.server_name = STR("domain"), .key_id = STR("ed25519:1")};
	ed25519_from_seed(&identity.key, seed);
	return identity;
}

/* A hash beside each id, where the version wants them. */
static const str *some_hashes(struct arena *arena, const struct event *event, size_t count)
{
	if (event->version->event_id_format != EVENT_ID_RANDOM)
		return NULL;
	str *hashes = arena_array(arena, str, count + 1);
	for (size_t i = 0; i < count; i++)
		hashes[i] = STR("x");
	return hashes;
}

static enum rc build_from(struct arena *arena, const struct event *event, struct event *ret_event)
{
	bool random = event->version->event_id_format == EVENT_ID_RANDOM;
	struct signing_identity own = identity();
	struct fail fail = {0};
	struct buf content;
	buf_init(&content, arena, EVENT_MAX_BYTES);
	json_put(&content, event->content);
	struct event_draft draft = {
		.event_id = random ? event->event_id : STR_EMPTY,
		.room_id = json_get_text(event->root, STR("room_id")),
		.type = event->type,
		.sender = event->sender,
		.is_state = event->is_state,
		.state_key = event->state_key,
		.content = buf_str(&content),
		.redacts = event->redacts,
		.origin_server_ts = event->origin_server_ts,
		.depth = event->depth,
		.prev_events = event->prev_events,
		.prev_count = event->prev_count,
		.auth_events = event->auth_events,
		.auth_count = event->auth_count,
		.prev_hashes = some_hashes(arena, event, event->prev_count),
		.auth_hashes = some_hashes(arena, event, event->auth_count),
	};
	enum rc rc = event_build(arena, event->version, &draft, &own, ret_event, &fail);
	HOLDS(rc == RC_OK || fail.message[0]);
	return rc;
}

/* What a peer may send and we do not: stamps that are no JSON integers, a create event of v12 with a room_id. */
static bool may_be_refused(const struct event *event, enum rc rc)
{
	bool create = event->version->room_id_from_create && str_eq(event->type, STR("m.room.create"));
	if (rc == RC_TOO_LARGE) /* a redaction's `redacts` may stand twice; our signature and hash are added */
		return event->canonical.n > EVENT_MAX_BYTES / 2 - 2048 || event->redacts.n > ID_MAX_BYTES;
	return rc == RC_BAD_JSON &&
	       ((create && json_get(event->root, STR("room_id"))) || event->origin_server_ts > JSON_INTEGER_MAX ||
	        event->origin_server_ts < -JSON_INTEGER_MAX);
}

static void same_pieces(const struct event *a, const struct event *b)
{
	HOLDS(str_eq(a->type, b->type) && str_eq(a->sender, b->sender));
	HOLDS(a->is_state == b->is_state && str_eq(a->state_key, b->state_key));
	HOLDS(a->depth == b->depth && a->origin_server_ts == b->origin_server_ts);
	HOLDS(a->prev_count == b->prev_count && a->auth_count == b->auth_count);
	for (size_t i = 0; i < a->prev_count; i++)
		HOLDS(str_eq(a->prev_events[i], b->prev_events[i]));
	for (size_t i = 0; i < a->auth_count; i++)
		HOLDS(str_eq(a->auth_events[i], b->auth_events[i]));
}

static void same_content(struct arena *arena, const struct event *a, const struct event *b)
{
	struct buf of_a, of_b;
	buf_init(&of_a, arena, EVENT_MAX_BYTES);
	buf_init(&of_b, arena, EVENT_MAX_BYTES);
	json_put(&of_a, a->content);
	json_put(&of_b, b->content);
	HOLDS(str_eq(buf_str(&of_a), buf_str(&of_b)));
}

/* What event_build() says of its event is what event_parse() reads; building that again changes nothing. */
static void check_build(struct arena *arena, const struct event *event)
{
	struct event built, read, again;
	struct signing_identity own = identity();
	bool matches, valid;
	enum rc rc = build_from(arena, event, &built);
	if (rc != RC_OK) {
		HOLDS(may_be_refused(event, rc));
		return;
	}
	HOLDS(event_parse(arena, event->version, built.canonical, &read, NULL) == RC_OK);
	HOLDS(str_eq(read.canonical, built.canonical) && str_eq(read.event_id, built.event_id));
	HOLDS(str_eq(read.room_id, built.room_id) && str_eq(read.redacts, built.redacts));
	HOLDS(event->redacts.n == 0 || str_eq(read.redacts, event->redacts));
	same_pieces(event, &built);
	same_pieces(event, &read);
	same_content(arena, event, &read);
	HOLDS(event_hash_matches(arena, read.root, &matches) == RC_OK && matches);
	HOLDS(event_signature_verify(arena, read.version, read.root, own.server_name, own.key_id, own.key.public_key,
	                             &valid) == RC_OK && valid);
	rc = build_from(arena, &read, &again);
	HOLDS(rc == RC_OK || read.redacts.n > ID_MAX_BYTES); /* taken over from the content; a draft's has a limit */
	HOLDS(rc != RC_OK || (str_eq(again.canonical, built.canonical) && str_eq(again.event_id, built.event_id)));
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

/* v4 and later: '-' and '_' for '+' and '/'. */
static str in_alphabet_of(struct arena *arena, const struct room_version *version, str hash)
{
	char *text = arena_cstr(arena, hash);
	HOLDS(text);
	for (size_t i = 0; i < hash.n && version->event_id_format == EVENT_ID_HASH_URL; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	return str_bytes(text, hash.n);
}

/* The id is the reference hash, or stands in the event. */
static void check_id(struct arena *arena, const struct event *event)
{
	str hash;
	HOLDS(event_id_parse(event->event_id, NULL));
	HOLDS(event_reference_text(arena, event->version, event->root, &hash) == RC_OK);
	if (event->version->event_id_format == EVENT_ID_RANDOM)
		HOLDS(str_eq(event->event_id, json_get_text(event->root, STR("event_id"))));
	else
		HOLDS(str_eq(str_from(event->event_id, 1), in_alphabet_of(arena, event->version, hash)));
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
	HOLDS(crypto_init() == RC_OK);
	if (size == 0)
		return 0;
	enum rc rc = event_parse(&arena, &versions[data[0] % count], str_bytes(data + 1, size - 1), &event, &fail);
	if (rc != RC_OK) {
		HOLDS(fail.rc == rc && fail.message[0]);
		HOLDS(rc == RC_NOT_JSON || rc == RC_BAD_JSON || rc == RC_TOO_LARGE);
		return 0;
	}
	check_again(&arena, &event);
	check_build(&arena, &event);
	check_client_form(&arena, event.canonical, &event);
	check_redaction(&arena, &event);
	check_signatures(&arena, &event);
	check_signers(&event);
	check_id(&arena, &event);
	check_power(&event);
	return 0;
}
