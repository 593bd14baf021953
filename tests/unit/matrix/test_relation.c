#include "base/test.h"

#include "matrix/relation.h"

#define PARENT "$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

static void relations_are_read_or_ignored(void **state)
{
	(void)state;
	char long_type[400];
	snprintf(long_type, sizeof long_type,
	    "{\"m.relates_to\":{\"event_id\":\"" PARENT "\",\"rel_type\":\"%0*d\"}}", 256, 7);
	const struct {
		const char *content, *rel_type, *parent, *key; /* rel_type NULL: no relation */
	} rows[] = {
	    {"{\"m.relates_to\":{\"event_id\":\"" PARENT "\",\"rel_type\":\"m.thread\"}}",
		"m.thread", PARENT, ""},
	    {"{\"m.relates_to\":{\"event_id\":\"$old:server\",\"rel_type\":\"x\",\"key\":\"k\"}}",
		"x", "$old:server", "k"},
	    {"{\"m.relates_to\":{\"event_id\":\"" PARENT "\",\"rel_type\":\"x\",\"key\":5}}", "x",
		PARENT, ""},
	    {"{\"m.relates_to\":{\"m.in_reply_to\":{\"event_id\":\"" PARENT "\"}}}", NULL, NULL,
		NULL},
	    {"{\"m.relates_to\":{\"event_id\":\"" PARENT "\"}}", NULL, NULL, NULL},
	    {"{\"m.relates_to\":{\"event_id\":\"" PARENT "\",\"rel_type\":\"\"}}", NULL, NULL,
		NULL},
	    {"{\"m.relates_to\":{\"event_id\":\"" PARENT "\",\"rel_type\":1}}", NULL, NULL, NULL},
	    {"{\"m.relates_to\":{\"event_id\":\"no id\",\"rel_type\":\"m.thread\"}}", NULL, NULL,
		NULL},
	    {"{\"m.relates_to\":{\"event_id\":7,\"rel_type\":\"m.thread\"}}", NULL, NULL, NULL},
	    {"{\"m.relates_to\":{\"rel_type\":\"m.thread\"}}", NULL, NULL, NULL},
	    {"{\"m.relates_to\":[\"m.thread\"]}", NULL, NULL, NULL},
	    {"{\"m.relates_to\":null}", NULL, NULL, NULL},
	    {"{}", NULL, NULL, NULL},
	    {long_type, NULL, NULL, NULL},
	};
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json content;
		struct relation relation = {0};
		assert_rc(json_parse(&arena, str_of(rows[i].content), &content, NULL), RC_OK);
		assert_int_equal(relation_of(content, &relation), rows[i].rel_type != NULL);
		assert_str(relation.rel_type, str_of(rows[i].rel_type));
		assert_str(relation.parent, str_of(rows[i].parent));
		assert_str(relation.key, str_of(rows[i].key));
	}
}

static void replacements_have_new_content(void **state)
{
	(void)state;
	static const struct {
		const char *type, *content;
		bool is_state, fits;
	} rows[] = {
	    {"m.room.message", "{\"m.new_content\":{}}", false, true},
	    {"m.room.message", "{\"m.new_content\":{}}", true, false},
	    {"m.room.message", "{\"m.new_content\":\"text\"}", false, false},
	    {"m.room.message", "{}", false, false},
	    {"m.room.encrypted", "{}", false, true},
	    {"m.room.encrypted", "{}", true, false},
	};
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json content;
		assert_rc(json_parse(&arena, str_of(rows[i].content), &content, NULL), RC_OK);
		assert_int_equal(replacement_fits(str_of(rows[i].type), rows[i].is_state, content),
		    rows[i].fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(relations_are_read_or_ignored),
	    cmocka_unit_test(replacements_have_new_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
