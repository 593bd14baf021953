/*
 * What the subcommands share: requests to the desk, and what they print. Private to *_commands.c
 * and check.c. Main thread.
 */
#ifndef EXEUNT_DAEMON_REQUEST_H
#define EXEUNT_DAEMON_REQUEST_H

#include "base/buf.h"
#include "daemon/commands.h"
#include "daemon/desk.h"

enum { REQUEST_MAX_BYTES = 32 * 1024 };

/* {"verb":"user.add" — members follow by put_*_member() of verbs.h; request_ask() closes it. */
void request_begin(struct buf *request, struct arena *arena, const char *verb);
MUST_CHECK enum rc request_ask(struct desk *desk, struct arena *arena, struct buf *request, json *ret_result,
                               struct fail *fail);

/* One request with NAME to a desk of its own. */
MUST_CHECK enum rc request_once(struct command_call *call, bool may_create, struct buf *request, json *ret_result,
                                struct fail *fail);

/*
 * Walks a list of pages: `row` for each element of `list`; the next page is asked for with the last
 * element's member `cursor` as `after`. Each page has an arena of its own: `row` copies what it
 * keeps.
 */
typedef void list_row_fn(void *self, json element);
MUST_CHECK enum rc request_list(struct command_call *call, const char *verb, const char *list, const char *cursor,
                                list_row_fn *row, void *self, struct fail *fail);

/* With --json: {"LIST":[…]} on one line, element by element. */
MUST_CHECK enum rc print_list_json(struct command_call *call, const char *verb, const char *list,
                                   const char *cursor, struct fail *fail);

void print_json(struct arena *arena, json value); /* and a newline */

static inline bool wants(const struct command_call *call, enum option option)
{
	return (call->options->given & (unsigned)option) != 0;
}

/* Ends a command: what was printed must have arrived (a full disk, a closed pipe). */
MUST_CHECK int command_done(const struct command_call *call, enum rc rc, struct fail *fail);

/* What was asked for cannot be: the sentence on standard error, and EXIT_USAGE. */
MUST_CHECK int command_misused(const struct command_call *call, const struct fail *fail);

int64_t json_get_integer(json object, str key); /* 0 when absent */
bool json_get_true(json object, str key);

#endif
