#include "codec/json_int.h"

static void *alloc_in_arena(void *arena, size_t size_bytes)
{
	return arena_alloc(arena, size_bytes);
}

static void *grow_in_arena(void *arena, void *old, size_t old_bytes, size_t new_bytes)
{
	return new_bytes <= old_bytes ? old : arena_grow(arena, old, old_bytes, new_bytes);
}

static void free_in_arena(void *arena, void *p)
{
	(void)arena; /* the arena gives it back as a whole */
	(void)p;
}

static enum rc read_failed(struct arena *arena, const yyjson_read_err *error, struct fail *fail)
{
	if (arena_status(arena) != RC_OK)
		return fail_set(fail, arena_status(arena), "The JSON needs more memory than there is for it");
	if (error->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return fail_set(fail, RC_BUDGET, "The JSON is too long");
	return fail_set(fail, RC_NOT_JSON, "Not JSON at byte %zu: %s", error->pos, error->msg);
}

/*
 * Walks the values once, in the order of the text, with the ends of the open containers on a stack. yyjson
 * itself does not recurse, so depth costs no stack before it is measured here.
 */
static enum rc check_tree(struct arena *arena, json root, struct fail *fail)
{
	json ends[JSON_DEPTH_MAX];
	size_t depth = 0;
	json end = json_after(root);
	for (json v = root; v < end; v++) {
		while (depth > 0 && v == ends[depth - 1])
			depth--;
		if (!json_is_container(v))
			continue;
		if (depth == JSON_DEPTH_MAX)
			return fail_set(fail, RC_NOT_JSON, "The JSON is nested deeper than %d levels",
			                JSON_DEPTH_MAX);
		json twice = json_type(v) == YYJSON_TYPE_OBJ ? json_key_twice(arena, v) : NULL;
		if (twice)
			return fail_set(fail, RC_BAD_JSON, "The key \"%.*s\" stands twice in one object",
			                STR_ARG(json_key_shown(json_bytes(twice))));
		ends[depth++] = json_after(v);
	}
	return arena_status(arena);
}

enum rc json_parse(struct arena *arena, str text, json *ret_root, struct fail *fail)
{
	const yyjson_alc alc = {alloc_in_arena, grow_in_arena, free_in_arena, arena};
	yyjson_read_err error = {0};
	if (arena_status(arena) != RC_OK)
		return arena_status(arena);
	if (text.n == 0)
		return fail_set(fail, RC_NOT_JSON, "Not JSON: nothing was sent");
	/* Numbers that no machine type holds are JSON all the same: they are kept as text, and canonical JSON refuses them. */
	/* Without YYJSON_READ_INSITU the text is copied, and only read. */
	yyjson_doc *doc = yyjson_read_opts(UNCONST(char *, text.p), text.n, YYJSON_READ_BIGNUM_AS_RAW, &alc, &error);
	if (!doc)
		return read_failed(arena, &error, fail);
	json root = yyjson_doc_get_root(doc);
	TRY(check_tree(arena, root, fail));
	*ret_root = root;
	return RC_OK;
}
