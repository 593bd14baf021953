/*
 * codec_tool canonical|lenient|put: one JSON text a line on standard input; for each, one line: "=" and its canonical
 * form (or the lenient one, or json_put()'s), or "!" and the name of the outcome.
 */
#include "codec/canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define BUDGET_BYTES ((size_t)64 << 20)

static enum rc put(struct buf *buf, json v, struct fail *fail)
{
	(void)fail;
	json_put(buf, v);
	return buf_status(buf);
}

static const struct verb {
	str name;
	enum rc (*put)(struct buf *buf, json v, struct fail *fail);
} verbs[] = {
	{STR_INIT("canonical"), canonical_put},
	{STR_INIT("lenient"), canonical_put_lenient},
	{STR_INIT("put"), put},
};

static const struct verb *find_verb(str name)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (str_eq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static enum rc convert(struct arena *arena, str text, const struct verb *verb, str *ret_form)
{
	json v;
	struct buf buf;
	TRY(json_parse(arena, text, &v, NULL));
	buf_init(&buf, arena, BUDGET_BYTES);
	TRY(verb->put(&buf, v, NULL));
	return buf_finish(&buf, ret_form);
}

int main(int argc, char **argv)
{
	const struct verb *verb = argc == 2 ? find_verb(str_of(argv[1])) : NULL;
	if (!verb) {
		fprintf(stderr, "usage: codec_tool canonical|lenient|put\n");
		return 2;
	}
	struct arena CLEANUP(arena_release) arena;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	arena_init(&arena, BUDGET_BYTES);
	while ((n = getline(&line, &capacity, stdin)) > 0) {
		str form = STR_EMPTY, text = str_bytes(line, (size_t)n - (line[n - 1] == '\n'));
		enum rc rc = convert(&arena, text, verb, &form);
		putchar(rc == RC_OK ? '=' : '!');
		if (rc == RC_OK)
			fwrite(form.p, 1, form.n, stdout);
		else
			fputs(rc_name(rc), stdout);
		putchar('\n');
		arena_clear(&arena);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0;
}
