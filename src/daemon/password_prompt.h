/* A password from a file, from standard input, or from the terminal without echo. Main thread. */
#ifndef EXEUNT_DAEMON_PASSWORD_PROMPT_H
#define EXEUNT_DAEMON_PASSWORD_PROMPT_H

#include "base/arena.h"

enum { PASSWORD_LINE_MAX_BYTES = 1024 };

/*
 * The first line of `path` ("-": standard input), without its line ending. RC_INVALID_PARAM: it is
 * empty, too long, not UTF-8 or holds a NUL; RC_IO, RC_NOT_FOUND, RC_FORBIDDEN. The password lives
 * in `arena`.
 */
MUST_CHECK enum rc password_from_file(struct arena *arena, str path, str *ret_password, struct fail *fail);

/*
 * Asks twice on the terminal. RC_INVALID_PARAM: there is no terminal, or the two differ;
 * RC_CANCELLED: Ctrl-C or Ctrl-D.
 */
MUST_CHECK enum rc password_from_terminal(struct arena *arena, str whose, str *ret_password, struct fail *fail);

#endif
