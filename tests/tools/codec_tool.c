/*
 * codec_tool canonical|put: one JSON text a line on standard input; for each, one line: "=" and its canonical
 * form (or json_put()'s), or "!" and the name of the outcome.
 */
#include "codec/canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define BUDGET_BYTES ((size_t)64 << 20)

static enum rc convert(struct arena *arena, str text, bool is_canonical, str *ret_form)
{
	json v;
	struct buf buf;
	TRY(json_parse(arena, text, &v, NULL));
	buf_init(&buf, arena, BUDGET_BYTES);
	if (is_canonical)
		TRY(canonical_put(&buf, v, NULL));
	else
		json_put(&buf, v);
	return buf_finish(&buf, ret_form);
}

int main(int argc, char **argv)
{
	bool is_canonical = argc == 2 && str_eq(str_of(argv[1]), STR("canonical"));
	if (!is_canonical && !(argc == 2 && str_eq(str_of(argv[1]), STR("put")))) {
		fprintf(stderr, "usage: codec_tool canonical|put\n");
		return 2;
	}
	struct arena CLEANUP(arena_release) arena;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	arena_init(&arena, BUDGET_BYTES);
	while ((n = getline(&line, &capacity, stdin)) > 0) {
		str form = STR_EMPTY, text = str_bytes(line, (size_t)n - (line[n - 1] == '\n'));
		enum rc rc = convert(&arena, text, is_canonical, &form);
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
