/* What an event must look like in each version: Room Versions, "Event format" and "Event IDs"; "Size limits". */
#include "base/test.h"

#include "matrix/signer.h"

#define HASH_43 "Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X240 X50 X50 X50 X50 X10 X10 X10 X10
#define PAIR(id) "[" id ",{\"sha256\":\"x\"}]"

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

static bool has_random_id(const struct room_version *version)
{
	return version->event_id_format == EVENT_ID_RANDOM;
}

static str good_room_id(const struct room_version *version)
{
	return version->room_id_from_create ? STR("!" HASH_43) : STR("!r:domain");
}

/* An event that every server takes, with one member replaced, or left out when `value` is NULL. */
static str event_with(const struct room_version *version, const char *name, const char *value)
{
	const char *pairs = has_random_id(version) ? "[" PAIR("\"$a:domain\"") "]" : "[\"$" HASH_43 "\"]";
	const struct {
		const char *name;
		str value;
	} members[] = {
		{"auth_events", str_of(pairs)},
		{"content", STR("{}")},
		{"depth", STR("3")},
		{"event_id", STR("\"$e:domain\"")},
		{"hashes", STR("{\"sha256\":\"x\"}")},
		{"origin_server_ts", STR("5")},
		{"prev_events", str_of(pairs)},
		{"room_id", arena_printf(&arena, "\"%.*s\"", STR_ARG(good_room_id(version)))},
		{"sender", STR("\"@a:domain\"")},
		{"signatures", STR("{\"domain\":{\"ed25519:1\":\"x\"}}")},
		{"state_key", STR("\"\"")},
		{"type", STR("\"m.room.topic\"")},
	};
	struct buf buf;
	bool found = false;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_putc(&buf, '{');
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		bool replaced = name && strcmp(name, members[i].name) == 0;
		found = found || replaced;
		if (replaced && !value)
			continue;
		json_put_key(&buf, str_of(members[i].name));
		buf_put(&buf, replaced ? str_of(value) : members[i].value);
	}
	buf_putc(&buf, '}');
	assert_true(!name || found);
	return buf_str(&buf);
}

/* What the versions from `first` to `last` refuse, and all others take. */
static const struct {
	const char *member, *value;
	int first, last;
	enum rc rc;
} rows[] = {
	{"event_id", NULL, 1, 2, RC_BAD_JSON},
	{"event_id", "5", 1, 2, RC_BAD_JSON},
	{"event_id", "\"\"", 1, 2, RC_BAD_JSON},
	{"event_id", "\"$e\"", 1, 2, RC_BAD_JSON},
	{"event_id", "\"!e:domain\"", 1, 2, RC_BAD_JSON},
	{"event_id", "\"$" HASH_43 "\"", 1, 2, RC_BAD_JSON},
	{"event_id", "\"$" X240 "xxxxxxxx:domain\"", 1, 2, RC_TOO_LARGE},
	{"event_id", "\"$" X240 "xxxxxxx:domain\"", 0, 0, RC_OK},
	{"prev_events", NULL, 1, 12, RC_BAD_JSON},
	{"prev_events", "{}", 1, 12, RC_BAD_JSON},
	{"prev_events", "[]", 0, 0, RC_OK},
	{"prev_events", "[\"$" HASH_43 "\"]", 1, 2, RC_BAD_JSON},
	{"prev_events", "[" PAIR("\"$a:domain\"") "]", 3, 12, RC_BAD_JSON},
	{"prev_events", "[[\"$a:domain\",{}]]", 3, 12, RC_BAD_JSON},
	{"prev_events", "[" PAIR("\"$a:domain\"") "," PAIR("\"$b:domain\"") "]", 3, 12, RC_BAD_JSON},
	{"prev_events", "[" PAIR("\"$a:domain\"") ",\"$b:domain\"]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[" PAIR("\"a:domain\"") "]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[" PAIR("5") "]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[[\"$a:domain\"]]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[[\"$a:domain\",\"x\"]]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[[\"$a:domain\",{},{}]]", 1, 12, RC_BAD_JSON},
	{"prev_events", "[{\"0\":\"$a:domain\",\"1\":{}}]", 1, 12, RC_BAD_JSON},
	{"auth_events", NULL, 1, 12, RC_BAD_JSON},
	{"auth_events", "[\"$" HASH_43 "\"]", 1, 2, RC_BAD_JSON},
	{"auth_events", "[" PAIR("\"$a:domain\"") "]", 3, 12, RC_BAD_JSON},
	{"depth", NULL, 1, 12, RC_BAD_JSON},
	{"depth", "-1", 1, 12, RC_BAD_JSON},
	{"depth", "0", 0, 0, RC_OK},
	{"depth", "9007199254740991", 0, 0, RC_OK},
	{"depth", "9007199254740992", 6, 12, RC_BAD_JSON},
	{"depth", "9223372036854775807", 6, 12, RC_BAD_JSON},
	{"depth", "9223372036854775808", 1, 12, RC_BAD_JSON},
	{"depth", "99999999999999999999", 1, 12, RC_BAD_JSON},
	{"depth", "1.0", 1, 12, RC_BAD_JSON},
	{"depth", "\"1\"", 1, 12, RC_BAD_JSON},
	{"origin_server_ts", NULL, 1, 12, RC_BAD_JSON},
	{"origin_server_ts", "-5", 0, 0, RC_OK},
	{"origin_server_ts", "9007199254740992", 6, 12, RC_BAD_JSON},
	{"origin_server_ts", "9223372036854775808", 1, 12, RC_BAD_JSON},
	{"origin_server_ts", "1.5", 1, 12, RC_BAD_JSON},
	{"content", NULL, 1, 12, RC_BAD_JSON},
	{"content", "[]", 1, 12, RC_BAD_JSON},
	{"content", "{\"content\":1.5}", 6, 12, RC_BAD_JSON},
	{"content", "{\"content\":[-9007199254740992]}", 6, 12, RC_BAD_JSON},
	{"content", "{\"content\":123456789012345678901234567890}", 6, 12, RC_BAD_JSON},
	{"content", "{\"content\":1e309}", 1, 12, RC_BAD_JSON},
	{"content", "{\"content\":1,\"content\":1}", 1, 12, RC_BAD_JSON},
	{"room_id", NULL, 1, 12, RC_BAD_JSON},
	{"room_id", "\"!" HASH_43 "\"", 1, 11, RC_BAD_JSON},
	{"room_id", "\"!r:domain\"", 12, 12, RC_BAD_JSON},
	{"room_id", "\"!" X240 "xxxxxxxx:domain\"", 1, 12, RC_TOO_LARGE},
	{"room_id", "\"!" X240 "xxxxxxx:domain\"", 12, 12, RC_BAD_JSON},
	{"sender", "\"a:domain\"", 1, 12, RC_BAD_JSON},
	{"sender", "\"@" X240 "xxxxxxxx:domain\"", 1, 12, RC_TOO_LARGE},
	{"sender", "\"@" X240 "xxxxxxx:domain\"", 0, 0, RC_OK},
	{"type", "\"" X240 X10 "xxxxxx\"", 1, 12, RC_TOO_LARGE},
	{"type", "\"" X240 X10 "xxxxx\"", 0, 0, RC_OK},
	{"state_key", NULL, 0, 0, RC_OK},
	{"state_key", "null", 1, 12, RC_BAD_JSON},
	{"state_key", "\"" X240 X10 "xxxxxx\"", 1, 12, RC_TOO_LARGE},
	{"state_key", "\"" X240 X10 "xxxxx\"", 0, 0, RC_OK},
	{"hashes", NULL, 1, 12, RC_BAD_JSON},
	{"hashes", "{}", 1, 12, RC_BAD_JSON},
	{"signatures", NULL, 1, 12, RC_BAD_JSON},
	{"signatures", "{\"domain\":\"x\"}", 1, 12, RC_BAD_JSON},
};

static void read_with(const struct room_version *version, size_t row, enum rc expected)
{
	struct event event = {.depth = 77};
	struct fail fail = {0};
	str text = event_with(version, rows[row].member, rows[row].value);
	enum rc rc = event_parse(&arena, version, text, &event, &fail);
	if (rc != expected)
		fail_msg("row %zu, version %.*s: %s: %s", row, STR_ARG(version->name), rc_name(rc), fail.message);
	if (rc == RC_OK)
		return;
	assert_int_equal(event.depth, 77);
	assert_rc(fail.rc, rc);
	if (!strstr(fail.message, rows[row].member))
		fail_msg("row %zu: \"%s\" does not name the field", row, fail.message);
}

static void members_by_version(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int v = 1; v <= (int)count; v++)
			read_with(&versions[v - 1], i, v >= rows[i].first && v <= rows[i].last ? rows[i].rc : RC_OK);
}

static str links(const struct room_version *version, size_t count)
{
	struct buf buf;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_putc(&buf, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(&buf);
		buf_put(&buf, has_random_id(version) ? STR(PAIR("\"$a:domain\"")) : STR("\"$" HASH_43 "\""));
	}
	buf_put(&buf, STR("]\0"));
	return buf_str(&buf);
}

static void how_many_links(void **state)
{
	(void)state;
	static const struct {
		const char *member;
		size_t most;
	} limits[] = {{"prev_events", 20}, {"auth_events", 10}};
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++)
		for (size_t i = 0; i < COUNT_OF(limits); i++) {
			struct event event;
			struct fail fail = {0};
			str most = event_with(&versions[v], limits[i].member, links(&versions[v], limits[i].most).p);
			str more = event_with(&versions[v], limits[i].member, links(&versions[v], limits[i].most + 1).p);
			assert_rc(event_parse(&arena, &versions[v], most, &event, NULL), RC_OK);
			assert_int_equal(i == 0 ? event.prev_count : event.auth_count, limits[i].most);
			assert_rc(event_parse(&arena, &versions[v], more, &event, &fail), RC_BAD_JSON);
			assert_non_null(strstr(fail.message, limits[i].member));
		}
}

static struct event_draft draft_of(const struct room_version *version)
{
	static const str id = STR_INIT("$a:domain"), hash = STR_INIT("aGFzaA");
	bool random = has_random_id(version);
	return (struct event_draft){
		.event_id = random ? STR("$e:domain") : STR_EMPTY,
		.room_id = good_room_id(version),
		.type = STR("m.room.message"),
		.sender = STR("@a:domain"),
		.content = STR("{\"body\":\"x\"}"),
		.origin_server_ts = 5,
		.depth = 3,
		.prev_events = &id,
		.prev_count = 1,
		.auth_events = &id,
		.auth_count = 1,
		.prev_hashes = random ? &hash : NULL,
		.auth_hashes = random ? &hash : NULL,
	};
}

static struct event build(const struct room_version *version, const struct event_draft *draft)
{
	struct event event = {0};
	struct fail fail = {0};
	assert_rc_of(event_build(&arena, version, draft, test_identity(), &event, &fail), RC_OK, fail.message);
	return event;
}

/* To the letter, but for hash and signature, which the oracle computes too. */
static void form_of_version_1(void **state)
{
	(void)state;
	const struct room_version *v1 = room_version_find(STR("1"));
	struct event_draft draft = draft_of(v1);
	struct event event, read, stored;
	draft.type = STR("m.room.redaction");
	draft.redacts = STR("$b:domain");
	event = build(v1, &draft);
	str start = STR("{\"auth_events\":[[\"$a:domain\",{\"sha256\":\"aGFzaA\"}]],\"content\":{\"body\":\"x\"},\"depth\":3,"
	                "\"event_id\":\"$e:domain\",\"hashes\":{\"sha256\":\"");
	str middle = STR("\"},\"origin_server_ts\":5,\"prev_events\":[[\"$a:domain\",{\"sha256\":\"aGFzaA\"}]],"
	                 "\"redacts\":\"$b:domain\",\"room_id\":\"!r:domain\",\"sender\":\"@a:domain\",\"signatures\":{\"domain\":"
	                 "{\"ed25519:1\":\"");
	assert_true(str_starts(event.canonical, start));
	assert_true(str_starts(str_from(event.canonical, start.n + 43), middle));
	assert_str(str_from(event.canonical, start.n + 43 + middle.n + 86), STR("\"}},\"type\":\"m.room.redaction\"}"));
	assert_str(event.event_id, STR("$e:domain"));
	assert_rc(event_parse(&arena, v1, event.canonical, &read, NULL), RC_OK);
	assert_str(read.event_id, STR("$e:domain"));
	assert_str(read.prev_events[0], STR("$a:domain"));
	assert_str(read.auth_events[0], STR("$a:domain"));
	assert_str(read.redacts, STR("$b:domain"));
	/* A row that has got another event's bytes is found out. */
	assert_rc(event_parse_stored(&arena, v1, event.canonical, STR("$e:domain"), &stored), RC_OK);
	assert_rc(event_parse_stored(&arena, v1, event.canonical, STR("$f:domain"), &stored), RC_CORRUPT);
}

static void drafts_with_and_without_ids(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		const struct room_version *version = &versions[v];
		const struct event_draft good = draft_of(version);
		const str bad_ids[] = {has_random_id(version) ? STR_EMPTY : STR("$e:domain"), STR("e:domain"), STR("$" HASH_43),
		                       arena_printf(&arena, "$%0300d:domain", 0)};
		for (size_t i = 0; i < COUNT_OF(bad_ids); i++) {
			struct event event = {.depth = 77};
			struct fail fail = {0};
			struct event_draft draft = good;
			draft.event_id = bad_ids[i];
			assert_rc(event_build(&arena, version, &draft, test_identity(), &event, &fail),
			          bad_ids[i].n > 255 ? RC_TOO_LARGE : RC_BAD_JSON);
			assert_non_null(strstr(fail.message, "event_id"));
			assert_int_equal(event.depth, 77);
		}
		for (int without = 0; without < 2; without++) {
			struct event event;
			struct fail fail = {0};
			struct event_draft draft = good;
			*(without ? &draft.prev_hashes : &draft.auth_hashes) = NULL;
			assert_rc(event_build(&arena, version, &draft, test_identity(), &event, &fail),
			          has_random_id(version) ? RC_BAD_JSON : RC_OK);
			draft.prev_count = draft.auth_count = 0;
			assert_rc(event_build(&arena, version, &draft, test_identity(), &event, &fail), RC_OK);
		}
	}
}

/* v3 writes the reference hash in standard base64, later versions in the URL-safe one; v1 and v2 beside ids. */
static void ids_made_of_hashes(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		struct event_draft draft = draft_of(&versions[v]);
		bool special = false;
		for (draft.depth = 0; draft.depth < 20; draft.depth++) {
			struct event event = build(&versions[v], &draft), read;
			str hash, id = str_from(event.event_id, 1);
			assert_rc(event_parse(&arena, &versions[v], event.canonical, &read, NULL), RC_OK);
			assert_str(read.event_id, event.event_id);
			assert_rc(event_reference_text(&arena, &versions[v], read.root, &hash), RC_OK);
			assert_int_equal(hash.n, 43);
			if (has_random_id(&versions[v]))
				continue;
			assert_int_equal(id.n, 43);
			for (size_t i = 0; i < id.n; i++) {
				bool url = versions[v].event_id_format == EVENT_ID_HASH_URL;
				char c = hash.p[i] == '+' && url ? '-' : hash.p[i] == '/' && url ? '_' : hash.p[i];
				special = special || c != hash.p[i] || c == '+' || c == '/';
				assert_int_equal(id.p[i], c);
			}
		}
		assert_true(special || has_random_id(&versions[v]));
		assert_rc(event_reference_text(&arena, &versions[v], NULL, &(str){0}), RC_BAD_JSON);
	}
}

static void random_ids(void **state)
{
	(void)state;
	uint64_t seed = 5;
	const struct rng rng = rng_seeded(&seed);
	struct id_parts parts;
	str one = event_id_random(&arena, &rng, STR("domain:8448")), other = event_id_random(&arena, &rng, STR("domain:8448"));
	assert_true(event_id_parse(one, &parts) && event_id_parse(other, NULL));
	assert_str(parts.domain, STR("domain:8448"));
	assert_true(parts.localpart.n >= 18);
	assert_false(str_eq(one, other));
	struct arena none;
	arena_init(&none, MEBIBYTE);
	arena_fail_after(0);
	assert_int_equal(event_id_random(&none, &rng, STR("domain")).n, 0);
	arena_fail_after(-1);
	arena_release(&none);
}

/* Before v6: numbers of any kind, and depths to 2^63 - 1. */
static void numbers_of_old_rooms(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t v = 0; v < count; v++) {
		bool strict = versions[v].strict_canonical_json, matches, valid;
		struct event_draft draft = draft_of(&versions[v]);
		struct event event, read;
		struct fail fail = {0};
		draft.depth = INT64_MAX;
		assert_int_equal(build(&versions[v], &draft).depth, strict ? JSON_INTEGER_MAX : INT64_MAX);
		draft.is_state = true;
		draft.content = STR("{\"float\":1e2, \"big\":18446744073709551616}");
		enum rc rc = event_build(&arena, &versions[v], &draft, test_identity(), &event, &fail);
		assert_rc(rc, strict ? RC_BAD_JSON : RC_OK);
		if (strict)
			continue;
		assert_rc(event_parse(&arena, &versions[v], event.canonical, &read, NULL), RC_OK);
		assert_int_equal(read.depth, INT64_MAX);
		assert_str(read.canonical, event.canonical);
		assert_str(read.event_id, event.event_id);
		assert_rc(event_hash_matches(&arena, read.root, &matches), RC_OK);
		assert_rc(event_signature_verify(&arena, &versions[v], read.root, STR("domain"), STR("ed25519:1"),
		                                 test_identity()->key.public_key, &valid), RC_OK);
		assert_true(matches && valid);
		struct buf form;
		buf_init(&form, &arena, MEBIBYTE);
		event_put_client(&form, event.canonical, event.event_id, event.room_id, EVENT_FORM_STRIPPED, NULL);
		assert_true(str_starts(buf_str(&form), STR("{\"content\":{\"big\":18446744073709551616,\"float\":100.0},")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_by_version),
		cmocka_unit_test(how_many_links),
		cmocka_unit_test(form_of_version_1),
		cmocka_unit_test(drafts_with_and_without_ids),
		cmocka_unit_test(ids_made_of_hashes),
		cmocka_unit_test(random_ids),
		cmocka_unit_test(numbers_of_old_rooms),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
