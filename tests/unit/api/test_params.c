#include "base/test.h"

#include "api/request.h"

static struct arena arena;
static struct api_request rq;
static str query;

/* In place of net's: params.c asks the request for nothing else. */
str http_query(const struct http_request *request)
{
	(void)request;
	return query;
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, MEBIBYTE);
	rq = (struct api_request){.arena = &arena};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void reads_texts_of_the_query(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		enum rc rc;
		const char *value; /* NULL: absent */
	} rows[] = {
		{"", RC_OK, NULL}, {"b=1", RC_OK, NULL}, {"a", RC_OK, ""}, {"a=", RC_OK, ""}, {"a=1", RC_OK, "1"},
		{"b=2&a=x%20y+z", RC_OK, "x y z"}, {"a=1&a=2", RC_OK, "1"}, {"aa=1&&=&a=%26", RC_OK, "&"},
		{"a=%zz", RC_INVALID_PARAM, NULL}, {"a=%ff", RC_INVALID_PARAM, NULL}, {"b=%zz&a=1", RC_OK, "1"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str value;
		query = str_of(rows[i].query);
		assert_rc_of(api_query(&rq, STR("a"), &value), rows[i].rc, rows[i].query);
		if (rows[i].rc != RC_OK)
			continue;
		assert_int_equal(value.p != NULL, rows[i].value != NULL);
		assert_str(value, str_of(rows[i].value));
	}
}

static void reads_integers_and_truths(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		enum rc rc;
		int64_t value;
	} numbers[] = {
		{"", RC_OK, 7}, {"n=0", RC_OK, 0}, {"n=100", RC_OK, 100}, {"n=-1", RC_INVALID_PARAM, 0},
		{"n=101", RC_INVALID_PARAM, 0}, {"n=", RC_INVALID_PARAM, 0}, {"n=1.0", RC_INVALID_PARAM, 0},
		{"n=99999999999999999999", RC_INVALID_PARAM, 0},
	};
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		int64_t value = numbers[i].value;
		query = str_of(numbers[i].query);
		rq.fail = (struct fail){0};
		assert_rc_of(api_query_integer(&rq, STR("n"), 0, 100, 7, &value), numbers[i].rc, numbers[i].query);
		assert_int_equal(value, numbers[i].value);
		assert_int_equal(strstr(rq.fail.message, "n") != NULL, numbers[i].rc != RC_OK);
	}
	static const struct {
		const char *query;
		enum rc rc;
		bool value;
	} truths[] = {
		{"", RC_OK, true}, {"b=true", RC_OK, true}, {"b=false", RC_OK, false}, {"b=1", RC_INVALID_PARAM, false},
		{"b", RC_INVALID_PARAM, false}, {"b=True", RC_INVALID_PARAM, false},
	};
	for (size_t i = 0; i < COUNT_OF(truths); i++) {
		bool value = truths[i].value;
		query = str_of(truths[i].query);
		assert_rc_of(api_query_bool(&rq, STR("b"), true, &value), truths[i].rc, truths[i].query);
		assert_int_equal(value, truths[i].value);
	}
}

struct in {
	str text;
	bool truth;
	int64_t number;
	json object, array, any;
};

static const struct field fields[] = {
	{"text", FIELD_TEXT, true, 1, 5, offsetof(struct in, text)},
	{"truth", FIELD_BOOL, false, 0, 0, offsetof(struct in, truth)},
	{"number", FIELD_INTEGER, false, -3, 9, offsetof(struct in, number)},
	{"object", FIELD_OBJECT, false, 0, 0, offsetof(struct in, object)},
	{"array", FIELD_ARRAY, false, 0, 0, offsetof(struct in, array)},
	{"any", FIELD_ANY, false, 0, 0, offsetof(struct in, any)},
};

static enum rc read_text(const char *text, struct in *in)
{
	rq.fail = (struct fail){0};
	assert_rc_of(json_parse(&arena, str_of(text), &rq.body, NULL), RC_OK, text);
	return api_read_body(&rq, fields, COUNT_OF(fields), in);
}

static void reads_bodies(void **state)
{
	(void)state;
	struct in in = {.truth = true, .number = 4};
	assert_rc(read_text("{\"text\":\"a\",\"unknown\":[1.5]}", &in), RC_OK);
	assert_str(in.text, STR("a"));
	assert_true(in.truth && in.number == 4 && !in.object && !in.array && !in.any); /* as they were */
	assert_rc(read_text("{\"text\":\"abcde\",\"truth\":false,\"number\":-3,\"object\":{},\"array\":[],\"any\":1}", &in),
	          RC_OK);
	assert_str(in.text, STR("abcde"));
	assert_true(!in.truth && in.number == -3 && json_is_object(in.object) && json_is_array(in.array));
	assert_true(json_is_integer(in.any));
	assert_rc(read_text("{\"text\":\"a\",\"truth\":null,\"number\":null,\"object\":null}", &in), RC_OK);
}

static void names_the_bad_field(void **state)
{
	(void)state;
	static const struct {
		const char *text, *named;
		enum rc rc;
	} rows[] = {
		{"{}", "text", RC_MISSING_PARAM},
		{"{\"text\":null}", "text", RC_BAD_JSON},
		{"{\"text\":5}", "text", RC_BAD_JSON},
		{"{\"text\":\"\"}", "text", RC_INVALID_PARAM},
		{"{\"text\":\"abcdef\"}", "text", RC_INVALID_PARAM},
		{"{\"text\":\"a\",\"truth\":1}", "truth", RC_BAD_JSON},
		{"{\"text\":\"a\",\"truth\":\"true\"}", "truth", RC_BAD_JSON},
		{"{\"text\":\"a\",\"number\":1.5}", "number", RC_BAD_JSON},
		{"{\"text\":\"a\",\"number\":\"1\"}", "number", RC_BAD_JSON},
		{"{\"text\":\"a\",\"number\":10}", "number", RC_INVALID_PARAM},
		{"{\"text\":\"a\",\"number\":-4}", "number", RC_INVALID_PARAM},
		{"{\"text\":\"a\",\"number\":9007199254740992}", "number", RC_BAD_JSON},
		{"{\"text\":\"a\",\"object\":[]}", "object", RC_BAD_JSON},
		{"{\"text\":\"a\",\"array\":{}}", "array", RC_BAD_JSON},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct in in = {0};
		assert_rc_of(read_text(rows[i].text, &in), rows[i].rc, rows[i].text);
		assert_non_null(strstr(rq.fail.message, rows[i].named));
	}
}

static void knows_its_own_user(void **state)
{
	(void)state;
	rq.has_session = true;
	rq.session.user_id = STR("@a:b");
	assert_rc(api_own_user(&rq, STR("@a:b")), RC_OK);
	assert_rc(api_own_user(&rq, STR("@c:b")), RC_FORBIDDEN);
	assert_rc(api_own_user(&rq, STR("a")), RC_INVALID_PARAM);
	assert_rc(api_own_user(&rq, STR_EMPTY), RC_INVALID_PARAM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_texts_of_the_query, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_integers_and_truths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_bodies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_the_bad_field, set_up, tear_down),
		cmocka_unit_test_setup_teardown(knows_its_own_user, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
