#include "daemon/request.h"

#include "daemon/control_int.h"
#include "daemon/verbs.h"

#include <errno.h>
#include <string.h>

void request_begin(struct buf *request, struct arena *arena, const char *verb)
{
	buf_init(request, arena, REQUEST_MAX_BYTES);
	buf_putc(request, '{');
	put_text_member(request, "verb", str_of(verb));
}

enum rc request_ask(struct desk *desk, struct arena *arena, struct buf *request, json *ret_result,
                    struct fail *fail)
{
	str line;
	buf_putc(request, '}');
	TRY(buf_finish(request, &line));
	return desk_ask(desk, arena, line, ret_result, fail);
}

enum rc request_once(struct command_call *call, bool may_create, struct buf *request, json *ret_result,
                     struct fail *fail)
{
	struct desk desk;
	TRY(desk_open(call->arena, &call->options->settings, may_create, &desk, fail));
	enum rc rc = request_ask(&desk, call->arena, request, ret_result, fail);
	desk_close(&desk);
	return rc;
}

struct list_walk {
	const char *verb, *list, *cursor;
	list_row_fn *row;
	void *self;
	struct buf after; /* the value of the last cursor as JSON; empty: the first page */
};

/* One page. `*ret_more`: there are others. */
static enum rc walk_page(struct desk *desk, struct list_walk *walk, bool *ret_more, struct fail *fail)
{
	struct arena CLEANUP(arena_release) arena;
	struct buf request;
	json result, element;
	arena_init(&arena, CONTROL_ARENA_BYTES);
	request_begin(&request, &arena, walk->verb);
	if (walk->after.n) {
		json_put_key(&request, STR("after"));
		buf_put(&request, buf_str(&walk->after));
	}
	TRY(request_ask(desk, &arena, &request, &result, fail));
	struct json_iter iter = json_iter(json_get(result, str_of(walk->list)));
	while (json_next(&iter, NULL, &element)) {
		walk->row(walk->self, element);
		walk->after.n = 0;
		json_put(&walk->after, json_get(element, str_of(walk->cursor)));
	}
	*ret_more = json_get_true(result, STR("more"));
	return buf_status(&walk->after);
}

enum rc request_list(struct command_call *call, const char *verb, const char *list, const char *cursor,
                     list_row_fn *row, void *self, struct fail *fail)
{
	struct list_walk walk = {.verb = verb, .list = list, .cursor = cursor, .row = row, .self = self};
	struct desk desk;
	bool more = true;
	buf_init(&walk.after, call->arena, REQUEST_MAX_BYTES);
	TRY(desk_open(call->arena, &call->options->settings, false, &desk, fail));
	enum rc rc = RC_OK;
	while (rc == RC_OK && more)
		rc = walk_page(&desk, &walk, &more, fail);
	desk_close(&desk);
	return rc;
}

struct json_printer {
	struct arena arena; /* of one element */
	bool any;
};

static void print_text(struct arena *arena, json value)
{
	struct buf out;
	buf_init(&out, arena, CONTROL_ANSWER_MAX_BYTES);
	json_put(&out, value);
	fwrite(out.p, 1, out.n, stdout);
}

static void print_element(void *self, json element)
{
	struct json_printer *printer = self;
	if (printer->any)
		putchar(',');
	printer->any = true;
	arena_clear(&printer->arena);
	print_text(&printer->arena, element);
}

enum rc print_list_json(struct command_call *call, const char *verb, const char *list, const char *cursor,
                        struct fail *fail)
{
	struct json_printer printer = {.any = false};
	arena_init(&printer.arena, (size_t)REQUEST_MAX_BYTES * 4);
	printf("{\"%s\":[", list);
	enum rc rc = request_list(call, verb, list, cursor, print_element, &printer, fail);
	if (rc == RC_OK)
		puts("]}");
	arena_release(&printer.arena);
	return rc;
}

void print_json(struct arena *arena, json value)
{
	print_text(arena, value);
	putchar('\n');
}

int command_done(const struct command_call *call, enum rc rc, struct fail *fail)
{
	if (rc == RC_OK && (fflush(stdout) != 0 || ferror(stdout)))
		rc = fail_set(fail, RC_IO, "cannot write to standard output: %s", strerror(errno));
	fail->rc = rc;
	return rc == RC_OK ? EXIT_DONE : command_failed(call, fail);
}

int command_misused(const struct command_call *call, const struct fail *fail)
{
	int status = command_failed(call, fail);
	return status == EXIT_DONE ? status : EXIT_USAGE;
}

int64_t json_get_integer(json object, str key)
{
	int64_t value = 0;
	return json_integer(json_get(object, key), &value) ? value : 0;
}

bool json_get_true(json object, str key)
{
	return json_is_true(json_get(object, key));
}
