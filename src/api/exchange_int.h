/*
 * One request on its way through dispatch. Private to src/api.
 *
 * It lives in the request's arena. A handler's run on its lane and the answer from another thread may end in either
 * order; whoever is second sends the answer, so nobody touches the request after it was sent.
 */
#ifndef EXEUNT_API_EXCHANGE_INT_H
#define EXEUNT_API_EXCHANGE_INT_H

#include "api/dispatch.h"
#include "api/router.h"

#include <stdatomic.h>

#define EXCHANGE_MAGIC UINT32_C(0x45584348)

enum {
	EXCHANGE_HEADERS_MAX = 8,
	EXCHANGE_SPARE_BYTES = 512,
	EXCHANGE_RETRY_BYTES = 24,
};

enum exchange_phase {
	EXCHANGE_ANSWERED = 1, /* the response is complete */
	EXCHANGE_RUN_OVER = 2, /* the lane has let go of it */
};

struct exchange {
	uint32_t magic;
	struct api *api;
	struct api_request rq;
	int64_t started_mono_ms;
	size_t counter_row;
	atomic_uint phase;

	/* set by a handler on its lane */
	bool held, parked;
	int64_t park_deadline_mono_ms;

	/* the answer */
	struct http_response response;
	struct http_header headers[EXCHANGE_HEADERS_MAX];
	enum rc rc; /* what it ended in, for the log */
	char allow[ALLOW_MAX_BYTES];
	char retry_after[EXCHANGE_RETRY_BYTES];
	char spare[EXCHANGE_SPARE_BYTES]; /* an error body when the arena has no room left */
};

struct exchange *exchange_of(struct api_request *rq);

/* NULL when the arena has no room. */
struct exchange *exchange_new(struct api *api, struct http_request *http);
/* OPTIONS: 204 with CORS and nothing else. */
void exchange_answer_preflight(struct exchange *x);
/* A request for which there was no memory at all. */
void exchange_refuse(struct http_request *http);
/* The lane lets go: parks, holds or sends. */
void exchange_settle(struct exchange *x);

/* By dispatch, when an answer goes out: the log line and the counters. */
void exchange_account(struct exchange *x);

#endif
