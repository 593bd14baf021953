#include "base/test.h"

#include "matrix/filter.h"

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

static struct filter parsed(const char *text)
{
	struct filter filter;
	struct fail fail = {0};
	assert_rc_of(filter_parse(&arena, str_of(text), &filter, &fail), RC_OK, fail.message);
	return filter;
}

static void everything_is_read(void **state)
{
	(void)state;
	struct filter f = parsed(
		"{\"account_data\":{\"limit\":1,\"not_types\":[\"a\"]},\"event_fields\":[\"content.body\"],"
		"\"event_format\":\"federation\",\"org.example.more\":5,"
		"\"presence\":{\"not_senders\":[\"@p:a\"],\"rooms\":5,\"senders\":[]},"
		"\"room\":{\"account_data\":{\"types\":[\"m.tag\"]},\"ephemeral\":{\"limit\":2},\"include_leave\":true,"
		"\"not_rooms\":[\"!n:a\"],\"rooms\":[\"!r:a\",\"!s:a\"],"
		"\"state\":{\"include_redundant_members\":true,\"lazy_load_members\":true,\"limit\":0},"
		"\"timeline\":{\"contains_url\":false,\"limit\":9007199254740991,\"not_rooms\":[\"!x:a\"],"
		"\"unread_thread_notifications\":true}}}");
	assert_true(f.account_data.has_limit && f.account_data.limit == 1);
	assert_str(f.account_data.not_types.entries[0], STR("a"));
	assert_true(f.federation_format && f.event_fields.count == 1);
	assert_true(f.presence.senders.given && f.presence.senders.count == 0);
	assert_str(f.presence.not_senders.entries[0], STR("@p:a"));
	assert_false(f.presence.rooms.given);
	assert_str(f.room.account_data.types.entries[0], STR("m.tag"));
	assert_true(f.room.ephemeral.limit == 2 && f.room.include_leave && f.room.rooms.count == 2);
	assert_str(f.room.not_rooms.entries[0], STR("!n:a"));
	assert_true(f.room.state.lazy_load_members && f.room.state.include_redundant_members);
	assert_true(f.room.state.has_limit && f.room.state.limit == 0);
	assert_true(f.room.timeline.has_contains_url && !f.room.timeline.contains_url);
	assert_true(f.room.timeline.unread_thread_notifications && f.room.timeline.limit == JSON_INTEGER_MAX);
	assert_str(f.room.timeline.not_rooms.entries[0], STR("!x:a"));
}

static void nothing_given(void **state)
{
	(void)state;
	struct filter f = parsed("{}");
	assert_false(f.federation_format || f.event_fields.given || f.room.include_leave || f.room.rooms.given);
	assert_false(f.room.timeline.has_limit || f.room.timeline.has_contains_url || f.room.state.lazy_load_members);
	assert_true(filter_allows(&f.room.timeline, STR("x"), STR("@a:b")));
	assert_true(filter_allows_event(&f.room.timeline, STR("{}")));
	assert_true(filter_allows_room(&f, STR("!r:a")));
	assert_true(filter_allows_room(NULL, STR("!r:a")));
	assert_true(filter_section_allows_room(&f.room.state, STR("!r:a")));
}

static void bad_filters(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum rc rc;
		const char *named;
	} rows[] = {
		{"", RC_NOT_JSON, "JSON"},
		{"{", RC_NOT_JSON, "JSON"},
		{"[]", RC_BAD_JSON, "object"},
		{"{\"a\":1,\"a\":2}", RC_BAD_JSON, "twice"},
		{"{\"presence\":[]}", RC_BAD_JSON, "presence"},
		{"{\"account_data\":5}", RC_BAD_JSON, "account_data"},
		{"{\"room\":\"x\"}", RC_BAD_JSON, "room"},
		{"{\"room\":{\"timeline\":null}}", RC_BAD_JSON, "room.timeline"},
		{"{\"room\":{\"state\":[]}}", RC_BAD_JSON, "room.state"},
		{"{\"room\":{\"ephemeral\":1}}", RC_BAD_JSON, "room.ephemeral"},
		{"{\"room\":{\"account_data\":1}}", RC_BAD_JSON, "room.account_data"},
		{"{\"room\":{\"include_leave\":\"yes\"}}", RC_BAD_JSON, "room.include_leave"},
		{"{\"room\":{\"rooms\":\"!a:b\"}}", RC_BAD_JSON, "room.rooms"},
		{"{\"room\":{\"rooms\":[\"a\"]}}", RC_INVALID_PARAM, "room.rooms"},
		{"{\"room\":{\"not_rooms\":[5]}}", RC_BAD_JSON, "room.not_rooms"},
		{"{\"room\":{\"timeline\":{\"rooms\":[\"@a:b\"]}}}", RC_INVALID_PARAM, "room.timeline.rooms"},
		{"{\"room\":{\"timeline\":{\"senders\":[\"a\"]}}}", RC_INVALID_PARAM, "room.timeline.senders"},
		{"{\"room\":{\"state\":{\"not_senders\":{}}}}", RC_BAD_JSON, "room.state.not_senders"},
		{"{\"presence\":{\"types\":\"x\"}}", RC_BAD_JSON, "presence.types"},
		{"{\"presence\":{\"not_types\":[null]}}", RC_BAD_JSON, "presence.not_types"},
		{"{\"room\":{\"timeline\":{\"limit\":\"10\"}}}", RC_BAD_JSON, "room.timeline.limit"},
		{"{\"room\":{\"timeline\":{\"limit\":1.5}}}", RC_BAD_JSON, "room.timeline.limit"},
		{"{\"room\":{\"timeline\":{\"limit\":9007199254740992}}}", RC_BAD_JSON, "room.timeline.limit"},
		{"{\"room\":{\"timeline\":{\"limit\":-1}}}", RC_INVALID_PARAM, "room.timeline.limit"},
		{"{\"room\":{\"state\":{\"lazy_load_members\":\"true\"}}}", RC_BAD_JSON, "room.state.lazy_load_members"},
		{"{\"room\":{\"state\":{\"include_redundant_members\":1}}}", RC_BAD_JSON,
	         "room.state.include_redundant_members"},
		{"{\"room\":{\"timeline\":{\"contains_url\":null}}}", RC_BAD_JSON, "room.timeline.contains_url"},
		{"{\"room\":{\"timeline\":{\"related_by_senders\":[\"a\"]}}}", RC_INVALID_PARAM,
		 "room.timeline.related_by_senders"},
		{"{\"room\":{\"timeline\":{\"related_by_rel_types\":[1]}}}", RC_BAD_JSON,
		 "room.timeline.related_by_rel_types"},
		{"{\"room\":{\"timeline\":{\"unread_thread_notifications\":0}}}", RC_BAD_JSON,
	         "room.timeline.unread_thread_notifications"},
		{"{\"event_fields\":\"type\"}", RC_BAD_JSON, "event_fields"},
		{"{\"event_fields\":[1]}", RC_BAD_JSON, "event_fields"},
		{"{\"event_format\":1}", RC_BAD_JSON, "event_format"},
		{"{\"event_format\":\"other\"}", RC_INVALID_PARAM, "event_format"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct filter filter = {.federation_format = true};
		struct fail fail = {0};
		assert_rc_of(filter_parse(&arena, str_of(rows[i].text), &filter, &fail), rows[i].rc, rows[i].text);
		if (!strstr(fail.message, rows[i].named))
			fail_msg("%s: \"%s\" does not name %s", rows[i].text, fail.message, rows[i].named);
		assert_true(filter.federation_format);
	}
}

static enum rc parse_types(size_t count, size_t bytes)
{
	struct buf text;
	struct filter filter;
	buf_init(&text, &arena, MEBIBYTE);
	buf_put(&text, STR("{\"presence\":{\"types\":["));
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%s\"%0*d\"", i ? "," : "", (int)bytes, 0);
	buf_put(&text, STR("]}}"));
	return filter_parse(&arena, buf_str(&text), &filter, NULL);
}

static void limits(void **state)
{
	(void)state;
	assert_rc(parse_types(FILTER_LIST_MAX, 1), RC_OK);
	assert_rc(parse_types(FILTER_LIST_MAX + 1, 1), RC_INVALID_PARAM);
	assert_rc(parse_types(1, FILTER_ENTRY_MAX_BYTES), RC_OK);
	assert_rc(parse_types(1, FILTER_ENTRY_MAX_BYTES + 1), RC_INVALID_PARAM);
}

static void wildcards(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *type;
		bool matches;
	} rows[] = {
		{"m.room.message", "m.room.message", true}, {"m.room.message", "m.room.messages", false},
		{"m.room.message", "m.room.messag", false}, {"m.room.*", "m.room.message", true},
		{"m.room.*", "m.room.", true},              {"m.room.*", "m.room", false},
		{"*", "", true},                            {"*", "anything", true},
		{"", "", true},                             {"", "x", false},
		{"*.message", "m.room.message", true},      {"*.message", "m.room.message.x", false},
		{"m.*.message", "m.room.message", true},    {"m.*.*e", "m.room.message", true},
		{"m.*.x*", "m.room.message", false},        {"**", "x", true},
		{"a*a", "a", false},                        {"a*a", "aa", true},
		{"a*b*a", "abbaba", true},                  {"M.room.*", "m.room.message", false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str pattern = str_of(rows[i].pattern);
		struct event_filter only = {.types = {&pattern, 1, true}}, but = {.not_types = {&pattern, 1, true}};
		if (filter_allows(&only, str_of(rows[i].type), STR_EMPTY) != rows[i].matches ||
		    filter_allows(&but, str_of(rows[i].type), STR_EMPTY) == rows[i].matches)
			fail_msg("%s against %s", rows[i].pattern, rows[i].type);
	}
}

#define EVENT(content, sender, type) \
	"{\"auth_events\":[],\"content\":" content ",\"depth\":1,\"sender\":\"" sender "\",\"type\":\"" type "\"}"

static void events(void **state)
{
	(void)state;
	static const struct {
		const char *filter, *event;
		bool allowed;
	} rows[] = {
		{"{\"types\":[\"a\",\"b\"]}", EVENT("{}", "@s:a", "b"), true},
		{"{\"types\":[\"a\",\"b\"]}", EVENT("{}", "@s:a", "c"), false},
		{"{\"types\":[]}", EVENT("{}", "@s:a", "c"), false},
		{"{\"not_types\":[]}", EVENT("{}", "@s:a", "c"), true},
		{"{\"types\":[\"a\"],\"not_types\":[\"a\"]}", EVENT("{}", "@s:a", "a"), false},
		{"{\"senders\":[\"@s:a\"]}", EVENT("{}", "@s:a", "a"), true},
		{"{\"senders\":[\"@s:a\"]}", EVENT("{}", "@t:a", "a"), false},
		{"{\"senders\":[\"@s:a\"],\"not_senders\":[\"@s:a\"]}", EVENT("{}", "@s:a", "a"), false},
		{"{\"contains_url\":true}", EVENT("{\"url\":\"mxc://a/b\"}", "@s:a", "a"), true},
		{"{\"contains_url\":true}", EVENT("{\"body\":\"url\",\"file\":{\"url\":1}}", "@s:a", "a"), false},
		{"{\"contains_url\":false}", EVENT("{\"url\":null}", "@s:a", "a"), false},
		{"{\"contains_url\":false}", EVENT("{}", "@s:a", "a"), true},
		/* Escapes in the canonical bytes are no part of the text. */
		{"{\"types\":[\"a\\\"\\\\\\u0001\\n\\tb\"]}", EVENT("{}", "@s:a", "a\\\"\\\\\\u0001\\n\\tb"), true},
		{"{\"types\":[\"\\u001f\\b\\f\\r\"]}", EVENT("{}", "@s:a", "\\u001f\\b\\f\\r"), true},
		{"{\"senders\":[\"@\\\"q:a\"]}", EVENT("{}", "@\\\"q:a", "a"), true},
		{"{\"senders\":[\"@q:a\"]}", EVENT("{}", "@\\\"q:a", "a"), false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct event_filter section;
		struct fail fail = {0};
		assert_rc_of(filter_parse_room_event(&arena, str_of(rows[i].filter), &section, &fail), RC_OK,
		             fail.message);
		if (filter_allows_event(&section, str_of(rows[i].event)) != rows[i].allowed)
			fail_msg("%s on %s", rows[i].filter, rows[i].event);
	}
}

static void rooms(void **state)
{
	(void)state;
	struct filter f = parsed("{\"room\":{\"rooms\":[\"!a:x\",\"!b:x\"],\"not_rooms\":[\"!b:x\"],"
	                         "\"timeline\":{\"rooms\":[\"!a:x\"],\"not_rooms\":[]},\"state\":{\"not_rooms\":[\"!a:x\"]}}}");
	assert_true(filter_allows_room(&f, STR("!a:x")));
	assert_false(filter_allows_room(&f, STR("!b:x")));
	assert_false(filter_allows_room(&f, STR("!c:x")));
	assert_true(filter_section_allows_room(&f.room.timeline, STR("!a:x")));
	assert_false(filter_section_allows_room(&f.room.timeline, STR("!c:x")));
	assert_false(filter_section_allows_room(&f.room.state, STR("!a:x")));
	assert_true(filter_section_allows_room(&f.room.state, STR("!c:x")));
}

static void without_memory(void **state)
{
	(void)state;
	static const str text = STR_INIT("{\"room\":{\"rooms\":[\"!a:x\"],\"timeline\":{\"types\":[\"a\"]}}}");
	struct arena small;
	enum rc rc = RC_NOMEM;
	arena_init(&small, MEBIBYTE);
	for (int64_t k = 0; rc != RC_OK; k++) {
		struct filter filter = {.federation_format = true};
		arena_clear(&small);
		arena_fail_after(k);
		rc = filter_parse(&small, text, &filter, NULL);
		arena_fail_after(-1);
		assert_int_equal(filter.federation_format, rc != RC_OK);
		if (rc != RC_OK)
			assert_rc(rc, RC_NOMEM);
	}
	arena_release(&small);
}

static void fields_of_events(void **state)
{
	(void)state;
#define WHOLE                                                                                      \
	"{\"content\":{\"a.b\":1,\"body\":\"x\",\"c\\\"d\":{\"e\":{},\"f\":[{}]}},\"type\":\"t\"," \
	"\"unsigned\":{\"age\":5}}"
	static const struct {
		const char *fields, *expected;
	} rows[] = {
	    {"[]", "{}"},
	    {"[\"type\"]", "{\"type\":\"t\"}"},
	    {"[\"content.body\",\"type\"]", "{\"content\":{\"body\":\"x\"},\"type\":\"t\"}"},
	    {"[\"unsigned\"]", "{\"unsigned\":{\"age\":5}}"},
	    {"[\"unsigned.age\",\"unsigned\"]", "{\"unsigned\":{\"age\":5}}"},
	    {"[\"content.a.b\"]", "{}"},
	    {"[\"content.a\\\\.b\"]", "{\"content\":{\"a.b\":1}}"},
	    {"[\"content.c\\\"d.e\"]", "{\"content\":{\"c\\\"d\":{\"e\":{}}}}"},
	    {"[\"content.c\\\"d.f\"]", "{\"content\":{\"c\\\"d\":{\"f\":[{}]}}}"},
	    {"[\"content.c\\\"d.f.x\",\"content.body.x\"]", "{}"},
	    {"[\"typ\",\"types\",\"\",\".\",\"type.\",\".type\",\"content..body\",\"\\\\\"]", "{}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str text = arena_printf(&arena, "{\"event_fields\":%s}", rows[i].fields);
		struct filter f = parsed(arena_cstr(&arena, text));
		struct buf out;
		buf_init(&out, &arena, MEBIBYTE);
		buf_putc(&out, '[');
		filter_put_fields(&f, &out, STR(WHOLE));
		assert_str(str_from(buf_str(&out), 1), str_of(rows[i].expected));
	}
#undef WHOLE
}

static void children_are_asked_for(void **state)
{
	(void)state;
	struct event_filter section;
	assert_false(filter_asks_for_children(NULL));
	assert_rc(filter_parse_room_event(&arena, STR("{}"), &section, NULL), RC_OK);
	assert_false(filter_asks_for_children(&section));
	assert_rc(filter_parse_room_event(&arena, STR("{\"related_by_rel_types\":[\"m.thread\"]}"), &section, NULL),
	    RC_OK);
	assert_true(filter_asks_for_children(&section));
	assert_str(section.related_by_rel_types.entries[0], STR("m.thread"));
	assert_rc(filter_parse_room_event(&arena, STR("{\"related_by_senders\":[]}"), &section, NULL), RC_OK);
	assert_true(filter_asks_for_children(&section));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_read),
	    cmocka_unit_test(nothing_given),
	    cmocka_unit_test(bad_filters),
	    cmocka_unit_test(fields_of_events),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(wildcards),
	    cmocka_unit_test(events),
	    cmocka_unit_test(rooms),
	    cmocka_unit_test(children_are_asked_for),
	    cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
