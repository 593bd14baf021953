#include "daemon/running.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { MOVE_MS = 200, LINE_MS = 5000 };

void running_begin(struct running *running, const char *unit, int64_t before)
{
	int64_t now_ms = clock_mono_ms(&clock_system);
	*running = (struct running){
	    .unit = unit,
	    .is_terminal = isatty(STDERR_FILENO) == 1,
	    .started_ms = now_ms,
	    .shown_ms = now_ms,
	    .before = before,
	};
}

static void print(const struct running *running, const char *doing, int64_t done, int64_t total, int64_t took_ms)
{
	FILE *stream = running->is_terminal ? stderr : stdout;
	int64_t rate = took_ms > 0 ? (done - running->before) * 1000 / took_ms : 0;
	int64_t percent = total > 0 ? (done < total ? done : total) * 100 / total : 100;
	fprintf(stream, "%s%s: %lld of %lld %s (%lld %%), %lld %s/s", running->is_terminal ? "\r" : "", doing,
	    (long long)done, (long long)total, running->unit, (long long)percent, (long long)rate, running->unit);
	if (rate > 0 && done < total)
		fprintf(stream, ", %lld s to go", (long long)((total - done) / rate + 1));
	fputs(running->is_terminal ? "\033[K" : "\n", stream);
	fflush(stream);
}

void running_show(struct running *running, const char *doing, int64_t done, int64_t total)
{
	int64_t now_ms = clock_mono_ms(&clock_system);
	if (now_ms - running->shown_ms < (running->is_terminal ? MOVE_MS : LINE_MS))
		return;
	running->shown_ms = now_ms;
	print(running, doing, done, total, now_ms - running->started_ms);
}

void running_end(struct running *running)
{
	if (running->is_terminal)
		fputs("\r\033[K", stderr);
}
