/* What is decoded is UTF-8 without NUL, and comes back from its escaped form. */
#include "codec/uri.h"
#include "codec/utf8.h"
#include "fuzz.h"

static void check_decoded(struct arena *arena, str text)
{
	struct buf buf;
	str escaped = STR_EMPTY, again = STR_EMPTY;
	HOLDS(utf8_valid(text) && str_find(text, '\0') == text.n);
	buf_init(&buf, arena, FUZZ_ARENA_BYTES);
	uri_put_escaped(&buf, text);
	HOLDS(buf_finish(&buf, &escaped) == RC_OK);
	HOLDS(uri_decode(arena, escaped, &again) == RC_OK && str_eq(text, again));
	HOLDS(uri_decode_query(arena, escaped, &again) == RC_OK && str_eq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena CLEANUP(arena_release) arena;
	str cursor = str_bytes(data, size), decoded, name, value;
	arena_init(&arena, FUZZ_ARENA_BYTES);
	bool path_ok = uri_decode(&arena, cursor, &decoded) == RC_OK;
	if (path_ok)
		check_decoded(&arena, decoded);
	HOLDS((uri_decode_query(&arena, cursor, &decoded) == RC_OK) == path_ok);
	arena_clear(&arena); /* so that a long query's parts have the whole budget */
	while (uri_query_next(&cursor, &name, &value)) {
		HOLDS(str_find(name, '=') == name.n && str_find(name, '&') == name.n);
		HOLDS(str_find(value, '&') == value.n);
		if (uri_decode_query(&arena, value, &decoded) == RC_OK)
			check_decoded(&arena, decoded);
		arena_clear(&arena);
	}
	return 0;
}
