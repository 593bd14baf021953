/* Building, reading, hashing, signing. The oracle test holds thousands of events against other implementations. */
#include "base/test.h"

#include "codec/base64.h"
#include "matrix/signer.h"

#define ROOM_12 "!Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"
#define ID_1 "$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg"
#define ID_2 "$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const struct room_version *version_of(const char *name)
{
	return room_version_find(str_of(name));
}

static const str id_1 = STR_INIT(ID_1), id_2 = STR_INIT(ID_2);

static const str id_random = STR_INIT("$143273582443PhrSn:domain"), hash_1 = STR_INIT("dGhlIGhhc2g");

static bool has_random_id(const struct room_version *version)
{
	return version->event_id_format == EVENT_ID_RANDOM;
}

static struct event_draft message_draft(const struct room_version *version)
{
	return (struct event_draft){
		.event_id = has_random_id(version) ? id_random : STR_EMPTY,
		.prev_hashes = has_random_id(version) ? &hash_1 : NULL,
		.auth_hashes = has_random_id(version) ? &hash_1 : NULL,
		.room_id = version->room_id_from_create ? STR(ROOM_12) : STR("!r:domain"),
		.type = STR("m.room.message"),
		.sender = STR("@a:domain"),
		.content = STR("{\"msgtype\":\"m.text\", \"body\":\"hello\"}"),
		.origin_server_ts = 1000000,
		.depth = 3,
		.prev_events = &id_1,
		.prev_count = 1,
		.auth_events = &id_2,
		.auth_count = 1,
	};
}

static struct event build(const struct room_version *version, const struct event_draft *draft)
{
	struct event event = {0};
	struct fail fail = {0};
	enum rc rc = event_build(&arena, version, draft, test_identity(), &event, &fail);
	assert_rc_of(rc, RC_OK, fail.message);
	return event;
}

/* "Event Signing" of the appendices. Their events lack fields that later versions ask for, so hash and signature are
 * checked on the tree. */
static void vectors_of_the_specification(void **state)
{
	(void)state;
	static const struct {
		const char *event, *hash;
	} rows[] = {
		{"{\"auth_events\":[],\"content\":{},\"depth\":3,\"hashes\":{\"sha256\":"
	         "\"5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos\"},\"origin\":\"domain\",\"origin_server_ts\":1000000,"
	         "\"prev_events\":[],\"room_id\":\"!x:domain\",\"sender\":\"@a:domain\",\"signatures\":{\"domain\":{"
	         "\"ed25519:1\":\"KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg\"}},"
	         "\"type\":\"X\",\"unsigned\":{\"age_ts\":1000000}}",
	         "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos"},
		{"{\"content\":{\"body\":\"Here is the message content\"},\"event_id\":\"$0:domain\",\"hashes\":{\"sha256\":"
	         "\"onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g\"},\"origin\":\"domain\",\"origin_server_ts\":1000000,"
	         "\"type\":\"m.room.message\",\"room_id\":\"!r:domain\",\"sender\":\"@u:domain\",\"signatures\":{\"domain\":{"
	         "\"ed25519:1\":\"Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA\"}},"
	         "\"unsigned\":{\"age_ts\":1000000}}",
	         "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g"},
	};
	const struct signing_identity *identity = test_identity();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json root = NULL;
		struct sha256 hash;
		bool matches = false, valid = false;
		assert_rc(json_parse(&arena, str_of(rows[i].event), &root, NULL), RC_OK);
		assert_rc(event_content_hash(&arena, root, &hash), RC_OK);
		assert_str(base64_encode(&arena, BASE64_STANDARD, str_bytes(hash.bytes, sizeof hash.bytes)),
		           str_of(rows[i].hash));
		assert_rc(event_hash_matches(&arena, root, &matches), RC_OK);
		assert_true(matches);
		/* Up to version 10 `origin` is kept, as the version of the vectors did. */
		size_t count;
		const struct room_version *versions = room_version_all(&count);
		for (size_t v = 0; v < count; v++) {
			assert_rc(event_signature_verify(&arena, &versions[v], root, STR("domain"), STR("ed25519:1"),
			                                 identity->key.public_key, &valid), RC_OK);
			assert_int_equal(valid, versions[v].redaction < REDACTION_V11);
		}
	}
}

static bool signed_by(json root, const char *server, const char *key_id, const unsigned char *key)
{
	bool valid = true;
	assert_rc(event_signature_verify(&arena, version_of("12"), root, str_of(server), str_of(key_id), key, &valid),
	          RC_OK);
	return valid;
}

static void signatures_that_are_none(void **state)
{
	(void)state;
	struct event_draft draft = message_draft(version_of("12"));
	struct event event = build(version_of("12"), &draft), read;
	unsigned char key[ED25519_PUBLIC_BYTES];
	memcpy(key, test_identity()->key.public_key, sizeof key);
	assert_rc(event_parse(&arena, version_of("12"), event.canonical, &read, NULL), RC_OK);
	assert_true(signed_by(read.root, "domain", "ed25519:1", key));
	assert_false(signed_by(read.root, "domain", "ed25519:2", key));
	assert_false(signed_by(read.root, "other", "ed25519:1", key));
	key[0] ^= 1;
	assert_false(signed_by(read.root, "domain", "ed25519:1", key));
	key[0] ^= 1;
	static const char *const others[] = {
		"{\"signatures\":{\"domain\":{\"ed25519:1\":\"!\"}}}", "{\"signatures\":{\"domain\":{\"ed25519:1\":\"AAAA\"}}}",
		"{\"signatures\":{\"domain\":{\"ed25519:1\":5}}}",     "{\"signatures\":{\"domain\":[]}}",
		"{\"signatures\":5}",                                  "{}",
	};
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		json root = NULL;
		assert_rc(json_parse(&arena, str_of(others[i]), &root, NULL), RC_OK);
		assert_false(signed_by(root, "domain", "ed25519:1", key));
	}
}

static void built_and_read_again(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		struct event_draft draft = message_draft(&versions[v]);
		struct event event = build(&versions[v], &draft), read;
		assert_rc(event_parse(&arena, &versions[v], event.canonical, &read, NULL), RC_OK);
		assert_null(event.root);
		assert_non_null(read.root);
		assert_str(read.canonical, event.canonical);
		assert_str(read.event_id, event.event_id);
		assert_str(read.room_id, event.room_id);
		assert_str(read.type, STR("m.room.message"));
		assert_str(read.sender, STR("@a:domain"));
		assert_false(read.is_state || event.is_state);
		assert_int_equal(read.depth, 3);
		assert_int_equal(read.origin_server_ts, 1000000);
		assert_int_equal(read.prev_count, 1);
		assert_str(read.prev_events[0], id_1);
		assert_str(event.prev_events[0], id_1);
		assert_int_equal(read.auth_count, 1);
		assert_str(read.auth_events[0], id_2);
		assert_str(json_get_text(event.content, STR("body")), STR("hello"));
		struct event stored;
		assert_rc(event_parse_stored(&arena, &versions[v], event.canonical, event.event_id, &stored), RC_OK);
		assert_str(stored.room_id, event.room_id);
		assert_ptr_equal(stored.canonical.p, event.canonical.p);
	}
}

/* v12: the create event has no room_id and makes it, whatever its state key: the rules go by its type. */
static void create_event_of_v12(void **state)
{
	(void)state;
	const struct room_version *v12 = version_of("12");
	struct fail fail = {0};
	struct event event, read;
	struct event_draft draft = {.type = STR("m.room.create"), .sender = STR("@a:domain"), .is_state = true,
	                            .content = STR("{\"room_version\":\"12\"}"), .depth = 1};
	event = build(v12, &draft);
	assert_int_equal(event.room_id.n, 44);
	assert_true(event.room_id.p[0] == '!');
	assert_str(str_from(event.room_id, 1), str_from(event.event_id, 1));
	assert_rc(event_parse(&arena, v12, event.canonical, &read, NULL), RC_OK);
	assert_str(read.room_id, event.room_id);
	assert_null(json_get(read.root, STR("room_id")));
	draft.room_id = STR(ROOM_12);
	assert_rc(event_build(&arena, v12, &draft, test_identity(), &event, &fail), RC_BAD_JSON);
	assert_non_null(strstr(fail.message, "room_id"));
	/* A peer's that has one is read, and belongs to that room, for the auth rules to reject. */
	str with = arena_printf(&arena, "{\"room_id\":\"" ROOM_12 "\",%.*s", STR_ARG(str_from(read.canonical, 1)));
	assert_rc(event_parse(&arena, v12, with, &read, NULL), RC_OK);
	assert_str(read.room_id, STR(ROOM_12));
	with = arena_printf(&arena, "{\"room_id\":\"!r:domain\",%.*s", STR_ARG(str_from(event.canonical, 1)));
	assert_rc(event_parse(&arena, v12, with, &read, &fail), RC_BAD_JSON);
	draft.room_id = STR_EMPTY;
	draft.state_key = STR("x");
	event = build(v12, &draft);
	assert_str(str_from(event.room_id, 1), str_from(event.event_id, 1));
	assert_rc(event_parse(&arena, v12, event.canonical, &read, NULL), RC_OK);
	assert_str(read.room_id, event.room_id);
	draft.is_state = false;
	event = build(v12, &draft);
	assert_str(str_from(event.room_id, 1), str_from(event.event_id, 1));
	assert_rc(event_parse_stored(&arena, v12, event.canonical, event.event_id, &read), RC_OK);
	assert_str(read.room_id, event.room_id);
}

static void redacts_where_the_version_wants_it(void **state)
{
	(void)state;
	static const struct {
		const char *version, *content;
		bool given;
		const char *above, *inside;
	} rows[] = {
		{"10", "{\"reason\":\"x\"}", true, ID_1, ""},
		{"11", "{\"reason\":\"x\"}", true, "", ID_1},
		{"12", "{}", true, "", ID_1},
		{"12", "{\"redacts\":\"$else\",\"zz\":1,\"a\":2}", true, "", ID_1},
		{"10", "{\"redacts\":\"" ID_1 "\"}", false, ID_1, ID_1},
		{"12", "{\"redacts\":\"" ID_1 "\"}", false, "", ID_1},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct room_version *version = version_of(rows[i].version);
		struct event_draft draft = message_draft(version);
		struct event read;
		draft.type = STR("m.room.redaction");
		draft.content = str_of(rows[i].content);
		draft.redacts = rows[i].given ? id_1 : STR_EMPTY;
		struct event event = build(version, &draft);
		assert_str(event.redacts, id_1);
		assert_rc(event_parse(&arena, version, event.canonical, &read, NULL), RC_OK);
		assert_str(read.redacts, id_1);
		assert_str(read.event_id, event.event_id);
		assert_str(json_get_text(read.root, STR("redacts")), str_of(rows[i].above));
		assert_str(json_get_text(read.content, STR("redacts")), str_of(rows[i].inside));
	}
}

static void bad_drafts(void **state)
{
	(void)state;
	const struct room_version *v12 = version_of("12");
	static char long_text[70000];
	memset(long_text, 'x', sizeof long_text);
	str too_long = str_bytes(long_text, 256);
	static const struct {
		const char *content;
		enum rc rc;
	} rows[] = {
		{"", RC_NOT_JSON},        {"{", RC_NOT_JSON},          {"[]", RC_BAD_JSON},
		{"5", RC_BAD_JSON},       {"{\"a\":1.5}", RC_BAD_JSON}, {"{\"a\":9007199254740992}", RC_BAD_JSON},
		{"{\"a\":1,\"a\":2}", RC_BAD_JSON}, {"{\"a\":\"\\ud800\"}", RC_NOT_JSON}, {"{\"a\":\"\xff\"}", RC_NOT_JSON},
	};
	struct event event = {.depth = 77};
	struct fail fail = {0};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct event_draft draft = message_draft(v12);
		draft.content = str_of(rows[i].content);
		fail = (struct fail){0};
		assert_rc_of(event_build(&arena, v12, &draft, test_identity(), &event, &fail), rows[i].rc,
		             rows[i].content);
		assert_true(fail.message[0]);
	}
	const struct event_draft good = message_draft(v12);
	struct event_draft draft;
#define REFUSED(field, value, outcome, word)                                                                    \
	draft = good;                                                                                           \
	draft.field = value;                                                                                    \
	fail = (struct fail){0};                                                                                \
	assert_rc(event_build(&arena, v12, &draft, test_identity(), &event, &fail), outcome);                   \
	assert_non_null(strstr(fail.message, word));
	REFUSED(type, too_long, RC_TOO_LARGE, "type")
	REFUSED(state_key, too_long, RC_TOO_LARGE, "state_key")
	REFUSED(sender, too_long, RC_TOO_LARGE, "sender")
	REFUSED(room_id, too_long, RC_TOO_LARGE, "room_id")
	REFUSED(room_id, STR_EMPTY, RC_BAD_JSON, "room_id")
	REFUSED(redacts, too_long, RC_TOO_LARGE, "redacts")
	REFUSED(depth, -1, RC_BAD_JSON, "depth")
	REFUSED(origin_server_ts, JSON_INTEGER_MAX + 1, RC_BAD_JSON, "origin_server_ts")
	REFUSED(prev_count, EVENT_PREV_MAX + 1, RC_BAD_JSON, "prev_events")
	REFUSED(auth_count, EVENT_AUTH_MAX + 1, RC_BAD_JSON, "auth_events")
	str huge = arena_printf(&arena, "{\"a\":\"%.65600s\"}", long_text);
	REFUSED(content, huge, RC_TOO_LARGE, "65536")
	assert_int_equal(event.depth, 77);
	draft = good;
	draft.depth = INT64_MAX;
	assert_int_equal(build(v12, &draft).depth, JSON_INTEGER_MAX);
}

static str nested(unsigned depth)
{
	struct buf buf;
	buf_init(&buf, &arena, 4096);
	for (unsigned i = 1; i < depth; i++)
		buf_put(&buf, STR("{\"a\":"));
	buf_put(&buf, STR("{}"));
	for (unsigned i = 1; i < depth; i++)
		buf_putc(&buf, '}');
	return buf_str(&buf);
}

/* What we build we must be able to read again: content has one level less than the event. */
static void depth_of_content(void **state)
{
	(void)state;
	const struct room_version *v12 = version_of("12");
	struct event_draft draft = message_draft(v12);
	struct event event, read;
	struct fail fail = {0};
	draft.content = nested(EVENT_DEPTH_JSON_MAX - 1);
	event = build(v12, &draft);
	assert_rc(event_parse(&arena, v12, event.canonical, &read, NULL), RC_OK);
	draft.content = nested(EVENT_DEPTH_JSON_MAX);
	assert_rc(event_build(&arena, v12, &draft, test_identity(), &event, &fail), RC_BAD_JSON);
	assert_non_null(strstr(fail.message, "nested"));
}

/* Content of state events is in canonical order, however it came. */
static void content_in_canonical_order(void **state)
{
	(void)state;
	const struct room_version *v12 = version_of("12");
	struct event_draft draft = message_draft(v12);
	struct event read;
	draft.type = STR("m.room.power_levels");
	draft.is_state = true;
	draft.content = STR("{\"users\":{\"@z:a\":1,\"@a:a\":2},\"ban\":3}");
	struct event event = build(v12, &draft);
	str shuffled = arena_printf(&arena, "{\"zzz\":{\"b\":1,\"a\":2},%.*s", STR_ARG(str_from(event.canonical, 1)));
	assert_rc(event_parse(&arena, v12, shuffled, &read, NULL), RC_OK);
	const json contents[] = {event.content, read.content};
	for (size_t i = 0; i < COUNT_OF(contents); i++) {
		struct buf text;
		buf_init(&text, &arena, 4096);
		json_put(&text, contents[i]);
		assert_str(buf_str(&text), STR("{\"ban\":3,\"users\":{\"@a:a\":2,\"@z:a\":1}}"));
	}
}

static void stored_rows_that_are_damaged(void **state)
{
	(void)state;
	struct event event = {.depth = 77};
	static const char *const rows[] = {"", "{", "[]", "{}", "null", "{\"type\":\"x\"}"};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_rc_of(event_parse_stored(&arena, version_of("12"), str_of(rows[i]), STR(ID_1), &event),
		             RC_CORRUPT, rows[i]);
	struct event_draft draft = message_draft(version_of("12"));
	str canonical = build(version_of("12"), &draft).canonical;
	assert_rc(event_parse_stored(&arena, version_of("12"), canonical, STR_EMPTY, &event), RC_CORRUPT);
	assert_int_equal(event.depth, 77);
}

/* Redaction of what clients change most, in full; the oracle has the rest. */
static void redacted_forms(void **state)
{
	(void)state;
	static const struct {
		const char *version, *type, *content, *redacted;
	} rows[] = {
		{"12", "m.room.message", "{\"body\":\"x\"}", "{}"},
		{"12", "m.room.member", "{\"displayname\":\"x\",\"membership\":\"leave\",\"m.deactivated\":true}",
	         "{\"membership\":\"leave\"}"},
		{"12", "m.room.member", "{\"third_party_invite\":{\"signed\":{\"a\":1},\"display_name\":\"x\"}}",
	         "{\"third_party_invite\":{\"signed\":{\"a\":1}}}"},
		{"12", "m.room.member", "{\"third_party_invite\":\"x\"}", "{}"},
		{"10", "m.room.member", "{\"third_party_invite\":{\"signed\":{}}}", "{}"},
		{"10", "m.room.create", "{\"creator\":\"@a:b\",\"x\":1}", "{\"creator\":\"@a:b\"}"},
		{"11", "m.room.create", "{\"creator\":\"@a:b\",\"x\":1}", "{\"creator\":\"@a:b\",\"x\":1}"},
		{"10", "m.room.power_levels", "{\"invite\":1,\"notifications\":{},\"ban\":5}", "{\"ban\":5}"},
		{"11", "m.room.power_levels", "{\"invite\":1,\"notifications\":{},\"ban\":5}", "{\"ban\":5,\"invite\":1}"},
		{"10", "m.room.aliases", "{\"aliases\":[]}", "{}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json root = NULL;
		str redacted;
		str text = arena_printf(&arena, "{\"content\":%s,\"type\":\"%s\",\"unsigned\":{}}", rows[i].content,
		                        rows[i].type);
		assert_rc(json_parse(&arena, text, &root, NULL), RC_OK);
		assert_rc(event_redact(&arena, version_of(rows[i].version), root, &redacted), RC_OK);
		assert_str(redacted, arena_printf(&arena, "{\"content\":%s,\"type\":\"%s\"}", rows[i].redacted,
		                                  rows[i].type));
	}
}

enum verb { BUILD, PARSE, PARSE_STORED, REDACT, REFERENCE_TEXT, VERBS };

/* One of the verbs with so little memory that the k-th allocation fails. */
static enum rc without_allocation(struct arena *small, enum verb verb, const struct event *good, int64_t k)
{
	struct event event = {.depth = 77}, read;
	struct event_draft draft = message_draft(good->version);
	const str shuffled = arena_printf(&arena, "{\"zzz\":1,%.*s", STR_ARG(str_from(good->canonical, 1)));
	str text = STR("untouched");
	enum rc rc = RC_UNKNOWN;
	assert_rc(event_parse(&arena, good->version, good->canonical, &read, NULL), RC_OK);
	arena_clear(small);
	arena_fail_after(k);
	if (verb == BUILD)
		rc = event_build(small, good->version, &draft, test_identity(), &event, NULL);
	else if (verb == PARSE)
		rc = event_parse(small, good->version, shuffled, &event, NULL);
	else if (verb == PARSE_STORED)
		rc = event_parse_stored(small, good->version, good->canonical, good->event_id, &event);
	else if (verb == REDACT)
		rc = event_redact(small, good->version, read.root, &text);
	else
		rc = event_reference_text(small, good->version, read.root, &text);
	arena_fail_after(-1);
	if (rc != RC_OK) {
		assert_rc(rc, RC_NOMEM);
		assert_int_equal(event.depth, 77);
		assert_str(text, STR("untouched"));
	}
	return rc;
}

/* Whatever allocation fails: RC_NOMEM, and nothing is given out. */
static void without_memory(void **state)
{
	(void)state;
	static const char *const names[] = {"1", "3", "5", "12"};
	struct arena small;
	arena_init(&small, MEBIBYTE);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct event_draft draft = message_draft(version_of(names[i]));
		struct event good = build(version_of(names[i]), &draft);
		for (enum verb verb = BUILD; verb < VERBS; verb++)
			for (int64_t k = 0; without_allocation(&small, verb, &good, k) != RC_OK; k++)
				continue;
	}
	arena_release(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_specification),
		cmocka_unit_test(signatures_that_are_none),
		cmocka_unit_test(built_and_read_again),
		cmocka_unit_test(create_event_of_v12),
		cmocka_unit_test(redacts_where_the_version_wants_it),
		cmocka_unit_test(bad_drafts),
		cmocka_unit_test(depth_of_content),
		cmocka_unit_test(content_in_canonical_order),
		cmocka_unit_test(stored_rows_that_are_damaged),
		cmocka_unit_test(redacted_forms),
		cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
