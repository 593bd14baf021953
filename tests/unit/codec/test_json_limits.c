/* What json_parse() refuses although it is JSON: depth, duplicate keys, and more memory than it may have. */
#include "base/test.h"

#include "base/clock.h"
#include "codec/json.h"

#include <stdio.h>

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

/* `depth` times `open`, then `inside`, then `depth` times `close`. */
static str nested(int depth, str open, str inside, str close)
{
	struct buf buf;
	buf_init(&buf, &arena, 4 * MEBIBYTE);
	for (int i = 0; i < depth; i++)
		buf_put(&buf, open);
	buf_put(&buf, inside);
	for (int i = 0; i < depth; i++)
		buf_put(&buf, close);
	assert_rc(buf_status(&buf), RC_OK);
	return buf_str(&buf);
}

static void depth_is_limited_exactly(void **state)
{
	(void)state;
	static const struct {
		str open, inside, close;
	} rows[] = {
		{STR_INIT("["), STR_INIT(""), STR_INIT("]")},
		{STR_INIT("["), STR_INIT("1"), STR_INIT("]")},
		{STR_INIT("{\"a\":"), STR_INIT("1"), STR_INIT("}")},
		{STR_INIT("[1,"), STR_INIT("2"), STR_INIT(",[]]")},
		{STR_INIT("{\"b\":[],\"a\":"), STR_INIT("1"), STR_INIT(",\"c\":{}}")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int siblings = rows[i].close.n > 1; /* the innermost has children of its own */
		json v;
		struct fail fail = {0};
		str deepest = nested(JSON_DEPTH_MAX - siblings, rows[i].open, rows[i].inside, rows[i].close);
		assert_rc(json_parse(&arena, deepest, &v, NULL), RC_OK);
		str deeper = nested(JSON_DEPTH_MAX - siblings + 1, rows[i].open, rows[i].inside, rows[i].close);
		assert_rc(json_parse(&arena, deeper, &v, &fail), RC_NOT_JSON);
		assert_non_null(strstr(fail.message, "deeper than 100"));
	}
}

static void absurd_depth_is_refused_cleanly(void **state)
{
	(void)state;
	static const int depths[] = {10000, 200000};
	for (size_t i = 0; i < COUNT_OF(depths); i++) {
		json v;
		assert_rc(json_parse(&arena, nested(depths[i], STR("["), STR(""), STR("]")), &v, NULL), RC_NOT_JSON);
		assert_rc(json_parse(&arena, nested(depths[i], STR("{\"a\":"), STR("1"), STR("}")), &v, NULL),
		          RC_NOT_JSON);
		assert_rc(json_parse(&arena, nested(depths[i], STR("["), STR(""), STR("")), &v, NULL), RC_NOT_JSON);
		assert_rc(arena_status(&arena), RC_OK);
		arena_clear(&arena);
	}
}

static void duplicate_keys_at_every_level(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum rc rc;
		const char *key;
	} rows[] = {
		{"{\"a\":1,\"a\":2}", RC_BAD_JSON, "\"a\""},
		{"{\"a\":1,\"\\u0061\":2}", RC_BAD_JSON, "\"a\""},
		{"{\"\":1,\"b\":2,\"\":3}", RC_BAD_JSON, "\"\""},
		{"[[{\"x\":{\"kk\":1,\"l\":[],\"kk\":{}}}]]", RC_BAD_JSON, "\"kk\""},
		{"{\"a\":{\"b\":1},\"c\":[{\"d\":1},{\"e\":{\"f\":0,\"f\":0}}]}", RC_BAD_JSON, "\"f\""},
		{"{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}}", RC_OK, ""},
		{"{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"a\\u0000\":5}", RC_OK, ""},
		{"[1,1,\"a\",\"a\"]", RC_OK, ""},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json v;
		struct fail fail = {0};
		assert_rc_of(json_parse(&arena, str_of(rows[i].text), &v, &fail), rows[i].rc, rows[i].text);
		if (!strstr(fail.message, rows[i].key))
			fail_msg("%s: \"%s\"", rows[i].text, fail.message);
	}
}

/* An object of `count` members in a scattered order; the member at `twin` (if not negative) repeats key 0. */
static str wide_object(int count, int twin, const char *prefix)
{
	struct buf buf;
	buf_init(&buf, &arena, 32 * MEBIBYTE);
	buf_putc(&buf, '{');
	for (int i = 0; i < count; i++) {
		char key[64];
		snprintf(key, sizeof key, "%s%d", prefix, i == twin ? 0 : (int)((int64_t)i * 7919 % count));
		json_put_key(&buf, str_of(key));
		buf_put_i64(&buf, i);
	}
	buf_putc(&buf, '}');
	assert_rc(buf_status(&buf), RC_OK);
	return buf_str(&buf);
}

static void duplicates_in_objects_of_any_size(void **state)
{
	(void)state;
	for (int count = 2; count < 70; count++) {
		for (int twin = 1; twin < count; twin++) {
			json v;
			arena_clear(&arena);
			assert_rc(json_parse(&arena, wide_object(count, twin, "k"), &v, NULL), RC_BAD_JSON);
		}
		json v;
		assert_rc(json_parse(&arena, wide_object(count, -1, "k"), &v, NULL), RC_OK);
		assert_int_equal(json_count(v), count);
	}
}

/* 100,000 members are done in milliseconds; comparing each with each would take minutes. */
static void wide_objects_are_not_quadratic(void **state)
{
	(void)state;
	enum { WIDE = 100003 };
	str text = wide_object(WIDE, -1, "a-rather-long-common-prefix-");
	str twin = wide_object(WIDE, WIDE - 1, "a-rather-long-common-prefix-");
	json v;
	int64_t before = clock_mono_ms(&clock_system);
	assert_rc(json_parse(&arena, text, &v, NULL), RC_OK);
	assert_rc(json_parse(&arena, twin, &v, NULL), RC_BAD_JSON);
	assert_true(clock_mono_ms(&clock_system) - before < 10000);
}

static void long_keys_are_shortened_in_the_sentence(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_putc(&buf, '{');
	for (int twice = 0; twice < 2; twice++) {
		json_put_comma(&buf);
		buf_putc(&buf, '"');
		for (int i = 0; i < 1000; i++)
			buf_put(&buf, STR("\xe2\x82\xac"));
		buf_put(&buf, STR("\":1"));
	}
	buf_putc(&buf, '}');
	json v;
	struct fail fail = {0};
	assert_rc(json_parse(&arena, buf_str(&buf), &v, &fail), RC_BAD_JSON);
	assert_true(str_ends(str_of(fail.message), STR("\xe2\x82\xac\" stands twice in one object")));
}

static void memory_is_bounded_by_the_budget(void **state)
{
	(void)state;
	str text = nested(100000, STR("["), STR(""), STR("]"));
	struct arena CLEANUP(arena_release) small;
	struct fail fail = {0};
	json v = NULL;
	arena_init(&small, 400000);
	assert_rc(json_parse(&small, text, &v, &fail), RC_BUDGET);
	assert_rc(fail.rc, RC_BUDGET);
	assert_null(v);
	assert_rc(json_parse(&small, STR("{}"), &v, NULL), RC_BUDGET); /* sticky */
	for (size_t budget = 0;; budget += 16) {
		arena_release(&small);
		arena_init(&small, budget);
		enum rc rc = json_parse(&small, STR("{\"a\":[1,2,3],\"b\":\"text\"}"), &v, NULL);
		if (rc == RC_OK)
			break;
		assert_rc(rc, RC_BUDGET);
		assert_true(budget < 2000);
	}
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	str texts[] = {STR("{\"a\":[1,2,3]}"), wide_object(500, -1, "k"), nested(90, STR("["), STR("1"), STR("]"))};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		enum rc rc = RC_NOMEM;
		for (int64_t k = 0; rc != RC_OK; k++) {
			struct arena CLEANUP(arena_release) scratch;
			json v = NULL;
			struct fail fail = {0};
			arena_init(&scratch, MEBIBYTE);
			arena_fail_after(k);
			rc = json_parse(&scratch, texts[i], &v, &fail);
			arena_fail_after(-1);
			assert_true(rc == RC_OK || rc == RC_NOMEM);
			assert_int_equal(v != NULL, rc == RC_OK);
			assert_true(k < 100);
		}
	}
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(depth_is_limited_exactly),
		WITH_ARENA(absurd_depth_is_refused_cleanly),
		WITH_ARENA(duplicate_keys_at_every_level),
		WITH_ARENA(duplicates_in_objects_of_any_size),
		WITH_ARENA(wide_objects_are_not_quadratic),
		WITH_ARENA(long_keys_are_shortened_in_the_sentence),
		WITH_ARENA(memory_is_bounded_by_the_budget),
		WITH_ARENA(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
