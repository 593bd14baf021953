/* What json_parse() takes, json_put() writes so that it is read as the same. */
#include "codec/json.h"
#include "codec/utf8.h"
#include "fuzz.h"

static str put(struct arena *arena, json v)
{
	struct buf buf;
	str text = STR_EMPTY;
	buf_init(&buf, arena, FUZZ_ARENA_BYTES);
	json_put(&buf, v);
	HOLDS(buf_finish(&buf, &text) == RC_OK);
	return text;
}

/* Every text and key is UTF-8, every key finds its value. Recursion ends at JSON_DEPTH_MAX. */
static void check_values(json v, unsigned depth)
{
	struct json_iter iter = json_iter(v);
	str key, text;
	json member;
	HOLDS(depth <= JSON_DEPTH_MAX + 1);
	HOLDS(!json_text(v, &text) || utf8_valid(text));
	for (size_t i = 0; json_next(&iter, &key, &member); i++) {
		HOLDS(utf8_valid(key));
		if (i < 100) /* both search from the front */
			HOLDS((json_is_object(v) ? json_get(v, key) : json_at(v, i)) == member);
		check_values(member, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	struct fail fail = {0};
	json v = NULL, again = NULL;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	enum rc rc = json_parse(&arena, str_bytes(data, size), &v, &fail);
	if (rc != RC_OK) {
		HOLDS(rc == RC_NOT_JSON || rc == RC_BAD_JSON || (rc == RC_BUDGET && size > 1000000));
		HOLDS(fail.rc == rc && utf8_valid(str_of(fail.message)));
		return 0;
	}
	check_values(v, 1);
	str text = put(&arena, v);
	HOLDS(json_parse(&arena, text, &again, NULL) == RC_OK);
	HOLDS(yyjson_equals(UNCONST(yyjson_val *, v), UNCONST(yyjson_val *, again)));
	HOLDS(str_eq(text, put(&arena, again)));
	return 0;
}
