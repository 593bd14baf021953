/*
 * A real server on a free loopback port with a scripted handler, and a client of bare sockets.
 *
 * The first word of the path says what the handler does:
 *   /echo    answers with the body
 *   /line    answers "METHOD|path|query|X-Test|peer"
 *   /joined  answers with all X-Test
 *   /came    answers "METHOD|path|query|Authorization|Content-Type|all Authorization|peer|injected or not"
 *   /early   is answered 401 by on_head
 *   /small   like /echo, with a body limit of RIG_SMALL_BYTES
 *   /big     like /echo, with a body limit of 8 MiB
 *   /park    parks until RIG_PARK_MS have passed or it is woken; answers "woken" or "deadline"
 *   /eager   wakes itself before it parks, and answers in the second run
 *   /hold    holds; the test answers
 *   /again   holds; the test has it run again, and the second run answers "again"
 *   /retry   the same, but by itself, before the first run has returned
 *   /block   waits in `run` until the test lets it go, on the SLOW lane
 */
#ifndef EXEUNT_TESTS_UNIT_NET_RIG_H
#define EXEUNT_TESTS_UNIT_NET_RIG_H

#include "base/test.h"

#include "base/lock.h"
#include "net/http_server.h"

enum {
	RIG_SMALL_BYTES = 100,
	RIG_BODY_BYTES = 100 * 1000,
	RIG_BUDGET_BYTES = 10 * 1024 * 1024,
	RIG_PARK_MS = 60 * 1000,
	RIG_BODY_TIMEOUT_MS = 10 * 1000,
	RIG_IDLE_TIMEOUT_MS = 100 * 1000,
	RIG_HEAD_BYTES = 8 * 1024,
};

struct rig {
	struct http_config config; /* may be changed before rig_start() */
	struct http_server *server;
	struct clock_fake fake;
	struct clock clock;
	struct lock mu;
	struct cond changed;
	/* Guarded by mu. */
	struct http_request *parked, *held; /* the newest */
	unsigned runs, blocked, ends, parks, holds;
	bool let_go;
};

void rig_init(struct rig *rig);   /* fills the configuration */
void rig_start(struct rig *rig);
void rig_free(struct rig *rig);   /* stops what still runs */

/* Waits until the counter (a member of rig) is at least `n`; fails the test after ten seconds. */
void rig_await(struct rig *rig, const unsigned *counter, unsigned n);
unsigned rig_count(struct rig *rig, const unsigned *counter);
void rig_let_go(struct rig *rig);
/* Advances the injected clock in small steps until `fd` has something to read or is closed. */
void rig_advance_until_readable(struct rig *rig, int fd, int64_t step_ms, int64_t most_ms);
/* Waits until a counter of the server has the value; advances the clock by `step_ms` (may be 0) meanwhile. */
void rig_await_counter(struct rig *rig, size_t offset_in_counters, uint64_t expected);
void rig_advance_until_counter(struct rig *rig, size_t offset_in_counters, uint64_t expected,
                               int64_t step_ms);

struct reply {
	int status;
	char head[4096]; /* NUL-terminated */
	size_t body_n;
	char body[16 * 1024];
};

int peer_open(struct rig *rig);
void peer_send(int fd, str bytes);
bool peer_try_send(int fd, str bytes); /* false: the connection is broken */
void peer_request(int fd, const char *method, const char *target, const char *headers, str body);
bool peer_reply(int fd, bool head_only, struct reply *ret_reply); /* false: closed instead */
void peer_expect(int fd, int status, const char *body); /* NULL: any body */
bool peer_is_closed(int fd); /* reads to the end; false when nothing comes in ten seconds */
bool reply_has(const struct reply *reply, const char *head_line);

#endif
