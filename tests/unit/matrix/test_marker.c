#include "base/test.h"

#include "matrix/marker.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static json parsed(const char *text)
{
	json v = NULL;
	assert_rc_of(json_parse(&arena, str_of(text), &v, NULL), RC_OK, text);
	return v;
}

#define LEAVE(more) "{\"membership\":\"leave\"" more "}"
#define UNSTABLE(value) ",\"org.matrix.msc3759.deactivated\":" value
#define STABLE(value) ",\"m.deactivated\":" value

static void values_of_the_keys(void **state)
{
	(void)state;
	static const struct {
		const char *content;
		enum marker_verdict verdict;
		bool forged;
	} rows[] = {
		{LEAVE(""), MARKER_NONE, false},
		{LEAVE(UNSTABLE("true")), MARKER_VALID, true},
		{LEAVE(STABLE("true")), MARKER_VALID, true},
		{LEAVE(UNSTABLE("true") STABLE("true")), MARKER_VALID, true},
		{LEAVE(UNSTABLE("true") STABLE("false")), MARKER_CONFLICT, true},
		{LEAVE(UNSTABLE("false") STABLE("true")), MARKER_CONFLICT, true},
		{LEAVE(UNSTABLE("true") STABLE("1")), MARKER_CONFLICT, true},
		{LEAVE(UNSTABLE("null") STABLE("true")), MARKER_CONFLICT, true},
		{LEAVE(UNSTABLE("false") STABLE("false")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("1")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("\"true\"")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("[]")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("[true]")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("{}")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("null")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("false")), MARKER_NONE, true},
		{LEAVE(UNSTABLE("0")), MARKER_NONE, true},
		{LEAVE(STABLE("1")), MARKER_NONE, true},
		{LEAVE(STABLE("\"true\"")), MARKER_NONE, true},
		{LEAVE(STABLE("null")), MARKER_NONE, true},
		{LEAVE(",\"reason\":\"m.deactivated\""), MARKER_NONE, false},
		{LEAVE(",\"M.deactivated\":true"), MARKER_NONE, false},
		{LEAVE(",\"x\":{\"m.deactivated\":true}"), MARKER_NONE, false},
		{"{\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":\"join\",\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":\"ban\",\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":\"invite\",\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":\"knock\",\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":\"Leave\",\"m.deactivated\":true}", MARKER_NONE, true},
		{"{\"membership\":[\"leave\"],\"m.deactivated\":true}", MARKER_NONE, true},
		{"[\"m.deactivated\"]", MARKER_NONE, false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json content = parsed(rows[i].content);
		enum marker_verdict verdict =
			marker_verdict(STR("m.room.member"), true, STR("@a:b"), STR("@a:b"), content);
		if (verdict != rows[i].verdict)
			fail_msg("%s gives %d", rows[i].content, verdict);
		if (marker_forged(STR("m.room.member"), content) != rows[i].forged)
			fail_msg("%s: forged", rows[i].content);
	}
}

static void what_is_around_it(void **state)
{
	(void)state;
	json content = parsed(LEAVE(STABLE("true") UNSTABLE("true")));
	/* The sample of the proposal: sender and state_key differ, so it is a kick. */
	assert_int_equal(marker_verdict(STR("m.room.member"), true, STR("@alice:example.org"),
	                                STR("@example:example.org"), content), MARKER_NONE);
	assert_int_equal(marker_verdict(STR("m.room.member"), true, STR("@a:b"), STR("@A:b"), content), MARKER_NONE);
	assert_int_equal(marker_verdict(STR("m.room.member"), false, STR("@a:b"), STR("@a:b"), content), MARKER_NONE);
	assert_int_equal(marker_verdict(STR("m.room.message"), true, STR("@a:b"), STR("@a:b"), content), MARKER_NONE);
	assert_int_equal(marker_verdict(STR("m.room.member"), true, STR("@a:b"), STR("@a:b"), NULL), MARKER_NONE);
	assert_int_equal(marker_verdict(STR("m.room.member"), true, STR("@a:b"), STR("@a:b"), content), MARKER_VALID);
	assert_false(marker_forged(STR("m.room.message"), content));
	assert_false(marker_forged(STR("m.room.member"), NULL));
}

/* Duplicate keys never come as far as the marker. */
static void duplicate_keys(void **state)
{
	(void)state;
	json v = NULL;
	assert_rc(json_parse(&arena, STR(LEAVE(STABLE("true") STABLE("false"))), &v, NULL), RC_BAD_JSON);
	assert_rc(json_parse(&arena, STR(LEAVE(UNSTABLE("false") UNSTABLE("true"))), &v, NULL), RC_BAD_JSON);
}

/* What we write is what we take for valid, has the keys of the setting and nothing else. */
static void content_of_our_leave(void **state)
{
	(void)state;
	static const struct {
		enum marker_keys keys;
		bool unstable, stable;
	} rows[] = {{MARKER_UNSTABLE, true, false}, {MARKER_STABLE, false, true}, {MARKER_BOTH, true, true}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json content = NULL;
		assert_rc(json_parse(&arena, marker_leave_content(rows[i].keys), &content, NULL), RC_OK);
		assert_str(json_get_text(content, STR("membership")), STR("leave"));
		assert_int_equal(json_is_true(json_get(content, MARKER_KEY_UNSTABLE)), rows[i].unstable);
		assert_int_equal(json_is_true(json_get(content, MARKER_KEY_STABLE)), rows[i].stable);
		assert_int_equal(json_count(content), 1 + rows[i].unstable + rows[i].stable);
		assert_int_equal(marker_verdict(STR("m.room.member"), true, STR("@a:b"), STR("@a:b"), content),
		                 MARKER_VALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_the_keys),
		cmocka_unit_test(what_is_around_it),
		cmocka_unit_test(duplicate_keys),
		cmocka_unit_test(content_of_our_leave),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
