/*
 * How far a long command is: one line that moves on a terminal, on standard error; otherwise a plain line every few
 * seconds on standard output. Main thread.
 */
#ifndef EXEUNT_DAEMON_RUNNING_H
#define EXEUNT_DAEMON_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

struct running {
	const char *unit;    /* "rows" */
	bool is_terminal;
	int64_t started_ms;  /* monotonic; of this stage */
	int64_t shown_ms;
	int64_t before;      /* done already when this stage began */
};

void running_begin(struct running *running, const char *unit, int64_t before);
void running_show(struct running *running, const char *doing, int64_t done, int64_t total);
void running_end(struct running *running); /* takes the moving line away */

#endif
