/*
 * The canonical form is its own canonical form, and the scanner sees the members that the parser sees. The lenient form
 * of what has a strict one is that.
 */
#include "codec/canonical.h"
#include "fuzz.h"

typedef enum rc putter(struct buf *buf, json v, struct fail *fail);

static enum rc canonical(struct arena *arena, putter *put, str text, json *ret_root, str *ret_form)
{
	struct buf buf;
	struct fail fail = {0};
	TRY(json_parse(arena, text, ret_root, &fail));
	buf_init(&buf, arena, FUZZ_ARENA_BYTES);
	enum rc rc = put(&buf, *ret_root, &fail);
	HOLDS(rc == RC_OK || (rc == RC_BAD_JSON && fail.rc == rc));
	TRY(rc);
	return buf_finish(&buf, ret_form);
}

/* Whatever the text, the scanner only moves forward and delivers parts of it. */
static size_t scan(str text)
{
	str cursor = text, key, value;
	size_t count = 0;
	while (canonical_next_member(&cursor, &key, &value)) {
		HOLDS(key.p > text.p && value.p > key.p && value.n > 0);
		HOLDS(cursor.p == value.p + value.n && cursor.p + cursor.n == text.p + text.n);
		count++;
	}
	return count;
}

/* The members of a canonical object: their values are canonical themselves, and hold the same. */
static void check_members(struct arena *arena, putter *put, str form, json root)
{
	str cursor = form, key, value, again;
	json parsed;
	while (canonical_next_member(&cursor, &key, &value)) {
		HOLDS(canonical(arena, put, value, &parsed, &again) == RC_OK);
		HOLDS(str_eq(again, value));
		if (str_find(key, '\\') == key.n)
			HOLDS(yyjson_equals(UNCONST(yyjson_val *, json_get(root, key)),
			                    UNCONST(yyjson_val *, parsed)));
	}
	HOLDS(str_eq(cursor, STR("}")) || json_count(root) == 0);
	HOLDS(scan(form) == json_count(root));
}

/* False: the text has no such form. */
static bool check(struct arena *arena, putter *put, str text, str *ret_form)
{
	json root, again;
	str twice;
	if (canonical(arena, put, text, &root, ret_form) != RC_OK)
		return false;
	HOLDS(canonical(arena, put, *ret_form, &again, &twice) == RC_OK);
	HOLDS(str_eq(*ret_form, twice));
	HOLDS(yyjson_equals(UNCONST(yyjson_val *, root), UNCONST(yyjson_val *, again)));
	if (json_is_object(root))
		check_members(arena, put, *ret_form, root);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	str strict, lenient;
	str text = str_bytes(data, size);
	arena_init(&arena, FUZZ_ARENA_BYTES);
	scan(text);
	bool has_lenient = check(&arena, canonical_put_lenient, text, &lenient);
	if (check(&arena, canonical_put, text, &strict))
		HOLDS(has_lenient && str_eq(strict, lenient));
	return 0;
}
