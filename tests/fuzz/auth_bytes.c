#include "auth_bytes.h"

#include "fuzz.h"

#include <string.h>

enum { VERSIONS_MAX = 12, EDITS_MAX = 12, RAW_MAX_BYTES = 256, CONTENT_MAX_BYTES = 4096 };

/* What an event is made of before it is written down. A state_key whose pointer is NULL: there is none. */
struct draft {
	str type, sender, state_key, content;
	str room_id, prev, redacts; /* empty: left out */
};

static const char *const users[] = {"@creator:a", "@admin:a", "@mod:a", "@user:a", "@left:a", "@remote:b",
	"@invited:a", "@banned:a", "@knocker:a", "@more:b", "", "@", "creator:a", "@x y:a", "@\xc3\xa9"};
static const char *const types[] = {"m.room.message", "m.room.member", "m.room.power_levels", "m.room.join_rules",
	"m.room.create", "m.room.third_party_invite", "m.room.aliases", "m.room.redaction", "m.room.name",
	"org.example.high", ""};
static const char *const keys[] = {"", "tok", "a", "b", "@", "other"};
static const char *const memberships[] = {"\"join\"", "\"leave\"", "\"ban\"", "\"invite\"", "\"knock\"", "\"dance\"",
	"7", "null", "\"\""};
static const char *const join_rules[] = {"\"public\"", "\"invite\"", "\"knock\"", "\"restricted\"",
	"\"knock_restricted\"", "\"private\"", "[]", "null"};
static const char *const levels[] = {"50", "0", "100", "1", "49", "51", "75", "-1", "9007199254740991",
	"-9007199254740991", "\"50\"", "\" +0100 \"", "\"x\"", "50.9", "1e2", "1e30", "9223372036854775807",
	"9223372036854775808", "null", "true", "[]", "{}", "\"9223372036854775807\"", "\"-\""};
static const char *const odd[] = {"7", "\"x\"", "null", "[]", "[7]", "{}", "true", "[\"x\"]"};
static const str plain_levels[] = {STR_INIT("ban"), STR_INIT("events_default"), STR_INIT("invite"), STR_INIT("kick"),
	STR_INIT("redact"), STR_INIT("state_default"), STR_INIT("users_default")};

/* Signed by the seed of the specification's vectors, over {"mxid":"@left:a","token":"tok"}. */
#define PUBLIC_KEY "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI"
#define SIGNATURE "4p0oGdRRHQ5aqJs0WQTiUObkSN+1w3e1EY2p0P0a3nWjfBUsWa8bkz4TJMe2TURRHT8IgpR1ubgUnLGsyz5CAg"
static const char *const public_keys[] = {"\"" PUBLIC_KEY "\"", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
	"\"m-Mod5WQeAlAfhRDn_GY1b_H3Ob5vHQ8s2kUb2ELSAE\"", "\"AAAA\"", "\"*\"", "7", "null"};
static const char *const signatures[] = {"\"" SIGNATURE "\"", "\"AAAA\"", "\"*\"", "7", "{}"};

size_t auth_bytes_next(struct auth_bytes *m, size_t below)
{
	if (m->left == 0)
		return 0;
	m->left--;
	return *m->p++ % below;
}

#define NEXT_OF(m, list) (list)[auth_bytes_next((m), COUNT_OF(list))]

/* So many bytes as the next one says, as they are. */
static str next_raw(struct auth_bytes *m)
{
	size_t n = auth_bytes_next(m, RAW_MAX_BYTES);
	n = n < m->left ? n : m->left;
	str raw = str_bytes(m->p, n);
	m->p += n;
	m->left -= n;
	return raw;
}

static void put_member(struct buf *buf, str key, const char *value)
{
	json_put_key(buf, key);
	buf_put(buf, str_of(value));
}

/* A member of content with one value of a list, one that is odd, or none. */
static void put_one_of(struct auth_bytes *m, struct buf *buf, str key, const char *const *list, size_t count)
{
	size_t choice = auth_bytes_next(m, count + 3);
	if (choice < count)
		put_member(buf, key, list[choice]);
	else if (choice == count)
		put_member(buf, key, NEXT_OF(m, odd));
	else if (choice == count + 1) {
		json_put_key(buf, key);
		buf_put(buf, next_raw(m));
	}
}

static void put_user(struct auth_bytes *m, struct buf *buf)
{
	json_put_text(buf, str_of(NEXT_OF(m, users)));
}

/* Entries of `users`, `events` or `notifications`: a bit for each name says whether it is there. */
static void put_levels(struct auth_bytes *m, struct buf *buf, str key, const char *const *names, size_t count)
{
	json_put_key(buf, key);
	if (auth_bytes_next(m, 16) == 15) {
		buf_put(buf, str_of(NEXT_OF(m, odd)));
		return;
	}
	size_t which = auth_bytes_next(m, 256) | auth_bytes_next(m, 256) << 8;
	buf_putc(buf, '{');
	for (size_t i = 0; i < count; i++)
		if (which & (size_t)1 << i)
			put_member(buf, str_of(names[i]), NEXT_OF(m, levels));
	buf_putc(buf, '}');
}

static void put_power(struct auth_bytes *m, struct buf *buf)
{
	static const char *const notifications[] = {"room", "x"};
	size_t objects = auth_bytes_next(m, 8), plain = auth_bytes_next(m, 256);
	if (objects & 1)
		put_levels(m, buf, STR("events"), types, COUNT_OF(types));
	if (objects & 2)
		put_levels(m, buf, STR("notifications"), notifications, COUNT_OF(notifications));
	if (objects & 4)
		put_levels(m, buf, STR("users"), users, COUNT_OF(users));
	for (size_t i = 0; i < COUNT_OF(plain_levels); i++)
		if (plain & (size_t)1 << i)
			put_one_of(m, buf, plain_levels[i], levels, COUNT_OF(levels));
}

/* The bits of `gone` take members away. */
static void put_signed(struct auth_bytes *m, struct buf *buf, size_t gone)
{
	put_member(buf, STR("signed"), "{");
	if (!(gone & 2)) {
		json_put_key(buf, STR("mxid"));
		json_put_text(buf, auth_bytes_next(m, 4) == 3 ? str_of(NEXT_OF(m, users)) : STR("@left:a"));
	}
	put_member(buf, STR("signatures"), "{\"id\":{");
	put_one_of(m, buf, STR("ed25519:0"), signatures, COUNT_OF(signatures));
	put_one_of(m, buf, STR("ed25519:1"), signatures, COUNT_OF(signatures));
	buf_put(buf, STR("}}"));
	if (!(gone & 4)) {
		json_put_key(buf, STR("token"));
		json_put_text(buf, auth_bytes_next(m, 4) == 3 ? str_of(NEXT_OF(m, keys)) : STR("tok"));
	}
	if (gone & 8)
		put_one_of(m, buf, STR("more"), levels, COUNT_OF(levels));
	buf_putc(buf, '}');
}

static void put_invite(struct auth_bytes *m, struct buf *buf)
{
	size_t gone = auth_bytes_next(m, 16);
	json_put_key(buf, STR("third_party_invite"));
	buf_putc(buf, '{');
	if (!(gone & 1))
		put_signed(m, buf, gone);
	buf_putc(buf, '}');
}

static void put_membership(struct auth_bytes *m, struct buf *buf)
{
	put_one_of(m, buf, STR("membership"), memberships, COUNT_OF(memberships));
	size_t more = auth_bytes_next(m, 8);
	if (more & 1) {
		json_put_key(buf, STR("join_authorised_via_users_server"));
		put_user(m, buf);
	}
	if (more & 2)
		put_invite(m, buf);
	else if (more & 4)
		put_one_of(m, buf, STR("third_party_invite"), odd, COUNT_OF(odd));
}

static void put_create(struct auth_bytes *m, struct buf *buf)
{
	static const char *const creators[] = {"\"@creator:a\"", "\"@user:a\"", "\"\""};
	static const char *const federate[] = {"true", "false", "\"false\""};
	static const char *const known[] = {"\"12\"", "\"1\"", "\"nonsense\"", "12"};
	static const char *const additional[] = {"[]", "[\"@admin:a\"]", "[\"@remote:b\",\"@more:b\"]",
		"[\"@user:a\",7]", "[\"user\"]"};
	size_t more = auth_bytes_next(m, 8);
	put_one_of(m, buf, STR("creator"), creators, COUNT_OF(creators));
	if (more & 1)
		put_one_of(m, buf, STR("m.federate"), federate, COUNT_OF(federate));
	if (more & 2)
		put_one_of(m, buf, STR("room_version"), known, COUNT_OF(known));
	if (more & 4)
		put_one_of(m, buf, STR("additional_creators"), additional, COUNT_OF(additional));
}

static void put_invite_keys(struct auth_bytes *m, struct buf *buf)
{
	put_one_of(m, buf, STR("public_key"), public_keys, COUNT_OF(public_keys));
	size_t count = auth_bytes_next(m, 4);
	if (count == 0)
		return;
	put_member(buf, STR("public_keys"), "[");
	while (--count) {
		json_put_comma(buf);
		buf_putc(buf, '{');
		put_one_of(m, buf, STR("public_key"), public_keys, COUNT_OF(public_keys));
		buf_putc(buf, '}');
	}
	buf_putc(buf, ']');
}

static void put_content_of(struct auth_bytes *m, struct buf *buf, str type)
{
	buf_putc(buf, '{');
	if (str_eq(type, STR("m.room.member")))
		put_membership(m, buf);
	else if (str_eq(type, STR("m.room.power_levels")))
		put_power(m, buf);
	else if (str_eq(type, STR("m.room.join_rules")))
		put_one_of(m, buf, STR("join_rule"), join_rules, COUNT_OF(join_rules));
	else if (str_eq(type, STR("m.room.create")))
		put_create(m, buf);
	else if (str_eq(type, STR("m.room.third_party_invite")))
		put_invite_keys(m, buf);
	buf_putc(buf, '}');
}

/* Mostly what belongs to the type; else bytes as they are, or something that is no object. */
static str next_content(struct auth_bytes *m, str type)
{
	struct buf buf;
	buf_init(&buf, m->arena, CONTENT_MAX_BYTES);
	switch (auth_bytes_next(m, 16)) {
	case 15:
		return next_raw(m);
	case 14:
		buf_put(&buf, str_of(NEXT_OF(m, odd)));
		break;
	case 13:
		put_content_of(m, &buf, str_of(NEXT_OF(m, types)));
		break;
	default:
		put_content_of(m, &buf, type);
	}
	return buf_status(&buf) == RC_OK ? buf_str(&buf) : STR("{}");
}

static str next_text(struct auth_bytes *m, const char *const *list, size_t count)
{
	size_t choice = auth_bytes_next(m, count + 1);
	return choice < count ? str_of(list[choice]) : next_raw(m);
}

/* Members and the rest stand where they belong unless the byte says otherwise. */
static str next_state_key(struct auth_bytes *m, str type)
{
	size_t where = auth_bytes_next(m, 8);
	bool by_user = str_eq(type, STR("m.room.member"));
	if (where == 7)
		return next_raw(m);
	if (where == 6 || (where < 4 && !by_user))
		return next_text(m, keys, COUNT_OF(keys));
	return next_text(m, users, COUNT_OF(users));
}

/* In v12 a create event has no room_id. */
static bool has_room_id(const struct auth_bytes *m, str type)
{
	return !m->version->room_id_from_create || !str_eq(type, STR("m.room.create"));
}

static str or_empty(str text)
{
	return text.p ? text : STR("");
}

static void put_text_member(struct buf *buf, str key, str value)
{
	json_put_key(buf, key);
	json_put_text(buf, value);
}

static void put_links(struct buf *buf, const struct room_version *version, str event_id)
{
	json_put_key(buf, STR("prev_events"));
	buf_putc(buf, '[');
	if (event_id.n && version->event_id_format == EVENT_ID_RANDOM)
		buf_putc(buf, '[');
	if (event_id.n)
		json_put_text(buf, event_id);
	if (event_id.n && version->event_id_format == EVENT_ID_RANDOM)
		buf_put(buf, STR(",{}]"));
	buf_putc(buf, ']');
}

/* Writes the event down and reads it as a peer's. */
static bool read_draft(struct auth_bytes *m, const struct draft *draft, struct event *ret_event)
{
	struct buf buf;
	bool is_create = str_eq(draft->type, STR("m.room.create"));
	buf_init(&buf, m->arena, EVENT_MAX_BYTES);
	buf_put(&buf, STR("{\"auth_events\":[],\"depth\":7,\"hashes\":{\"sha256\":\"x\"},\"origin_server_ts\":1,"
	                  "\"signatures\":{},\"content\":"));
	buf_put(&buf, draft->content);
	if (m->version->event_id_format == EVENT_ID_RANDOM)
		put_text_member(&buf, STR("event_id"), is_create ? STR("$create:a") : STR("$event:a"));
	put_links(&buf, m->version, draft->prev);
	put_text_member(&buf, STR("type"), draft->type);
	put_text_member(&buf, STR("sender"), draft->sender);
	if (draft->redacts.n)
		put_text_member(&buf, STR("redacts"), draft->redacts);
	if (draft->room_id.n)
		put_text_member(&buf, STR("room_id"), draft->room_id);
	if (draft->state_key.p)
		put_text_member(&buf, STR("state_key"), draft->state_key);
	buf_putc(&buf, '}');
	return buf_status(&buf) == RC_OK &&
	       event_parse(m->arena, m->version, buf_str(&buf), ret_event, NULL) == RC_OK;
}

/* Puts it where it belongs, in place of what stands there. What is no event, or no state, changes nothing. */
static void put_state(struct auth_bytes *m, const struct draft *draft, bool rejected)
{
	struct event event;
	size_t i = 0;
	if (!read_draft(m, draft, &event) || !event.is_state)
		return;
	while (i < m->count && !(str_eq(m->state[i].type, event.type) && str_eq(m->state[i].state_key, event.state_key)))
		i++;
	if (i == AUTH_BYTES_STATE_MAX)
		return;
	m->state[i] = event;
	m->rejected[i] = rejected;
	m->count += i == m->count;
}

static void take_state(struct auth_bytes *m, size_t index)
{
	if (index >= m->count)
		return;
	m->count--;
	m->state[index] = m->state[m->count];
	m->rejected[index] = m->rejected[m->count];
}

static str other_room(const struct room_version *version)
{
	return version->room_id_from_create ? STR("!bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") : STR("!other:b");
}

/* Mostly the room's. */
static str next_room_id(struct auth_bytes *m, str otherwise)
{
	switch (auth_bytes_next(m, 16)) {
	case 14:
		return STR_EMPTY;
	case 15:
		return other_room(m->version);
	default:
		return otherwise;
	}
}

static str no_room_yet(const struct room_version *version)
{
	return version->room_id_from_create ? STR_EMPTY : STR("!room:a");
}

/* The create event, and the room's id: in v12 it is made by it. */
static void put_create_event(struct auth_bytes *m, str content)
{
	struct draft draft = {.type = STR("m.room.create"), .sender = STR("@creator:a"), .state_key = STR(""),
		.content = content, .room_id = no_room_yet(m->version)};
	m->room_id = draft.room_id;
	put_state(m, &draft, false);
	if (m->version->room_id_from_create)
		m->room_id = m->count ? m->state[0].room_id : other_room(m->version);
}

static void put_default_state(struct auth_bytes *m)
{
	static const struct {
		const char *user, *membership;
	} members[] = {{"@creator:a", "join"}, {"@admin:a", "join"}, {"@mod:a", "join"}, {"@user:a", "join"},
		{"@remote:b", "join"}, {"@invited:a", "invite"}, {"@banned:a", "ban"}, {"@knocker:a", "knock"}};
	struct draft draft = {.type = STR("m.room.power_levels"), .sender = STR("@creator:a"), .room_id = m->room_id,
		.state_key = STR("")};
	draft.content = STR("{\"events\":{\"m.room.name\":50,\"org.example.high\":75},\"notifications\":{\"room\":50},"
	                    "\"users\":{\"@admin:a\":100,\"@mod:a\":50}}");
	put_state(m, &draft, false);
	draft.type = STR("m.room.member");
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		draft.state_key = draft.sender = str_of(members[i].user);
		draft.content = arena_printf(m->arena, "{\"membership\":\"%s\"}", members[i].membership);
		put_state(m, &draft, false);
	}
	draft.type = STR("m.room.third_party_invite");
	draft.sender = STR("@mod:a");
	draft.state_key = STR("tok");
	draft.content = STR("{\"public_key\":\"" PUBLIC_KEY "\"}");
	put_state(m, &draft, false);
}

/* The ordinary state, which is read once for each version: most of the time would go there. */
static void ordinary_room(struct auth_bytes *m, size_t version)
{
	static struct auth_bytes rooms[VERSIONS_MAX];
	static struct arena arena; /* as long as the process */
	static bool has_arena;
	struct auth_bytes *room = &rooms[version];
	if (!has_arena)
		arena_init(&arena, FUZZ_ARENA_BYTES);
	has_arena = true;
	if (!room->arena) {
		*room = (struct auth_bytes){.arena = &arena, .version = m->version};
		put_create_event(room, STR("{\"creator\":\"@creator:a\"}"));
		put_default_state(room);
	}
	memcpy(m->state, room->state, sizeof m->state);
	m->count = room->count;
	m->room_id = room->room_id;
}

/* One change to the state: something taken away, or put there. */
static void edit(struct auth_bytes *m)
{
	size_t what = auth_bytes_next(m, 8);
	if (what == 7) {
		take_state(m, auth_bytes_next(m, AUTH_BYTES_STATE_MAX));
		return;
	}
	struct draft draft = {.type = next_text(m, types, COUNT_OF(types))};
	draft.state_key = or_empty(next_state_key(m, draft.type));
	draft.sender = next_text(m, users, COUNT_OF(users));
	draft.room_id = next_room_id(m, has_room_id(m, draft.type) ? m->room_id : STR_EMPTY);
	draft.content = next_content(m, draft.type);
	put_state(m, &draft, what == 6);
}

static str create_id(const struct auth_bytes *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (str_eq(m->state[i].type, STR("m.room.create")))
			return m->state[i].event_id;
	return STR_EMPTY;
}

/* A create event has none and others have some; 1 turns that round, 2 is a first join. */
static str prev_of(const struct auth_bytes *m, bool is_create, size_t links)
{
	if (links == 2)
		return create_id(m);
	return is_create == (links == 1) ? STR("$prev:a") : STR_EMPTY;
}

static bool judged_event(struct auth_bytes *m)
{
	static const char *const redacted[] = {"$some:a", "$some:b", "$some", ":"};
	struct draft draft = {.type = next_text(m, types, COUNT_OF(types))};
	bool is_create = str_eq(draft.type, STR("m.room.create"));
	size_t form = auth_bytes_next(m, 16);
	draft.sender = next_text(m, users, COUNT_OF(users));
	if (form % 4)
		draft.state_key = or_empty(next_state_key(m, draft.type));
	draft.prev = prev_of(m, is_create, form / 4);
	if (str_eq(draft.type, STR("m.room.redaction")))
		draft.redacts = next_text(m, redacted, COUNT_OF(redacted));
	draft.room_id = next_room_id(m, has_room_id(m, draft.type) ? m->room_id : STR_EMPTY);
	draft.content = next_content(m, draft.type);
	return read_draft(m, &draft, &m->event);
}

bool auth_bytes_read(struct auth_bytes *m, struct arena *arena, const uint8_t *data, size_t size)
{
	size_t version_count;
	const struct room_version *versions = room_version_all(&version_count);
	*m = (struct auth_bytes){.arena = arena, .p = data, .left = size};
	HOLDS(version_count <= VERSIONS_MAX);
	size_t version = auth_bytes_next(m, version_count);
	m->version = &versions[version];
	if (auth_bytes_next(m, 8) == 7) {
		put_create_event(m, next_content(m, STR("m.room.create")));
		put_default_state(m);
	} else
		ordinary_room(m, version);
	size_t edits = auth_bytes_next(m, EDITS_MAX + 1);
	bool is_event = judged_event(m);
	for (size_t i = 0; i < edits; i++)
		edit(m);
	return is_event;
}
