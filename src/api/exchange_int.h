/* One request on its way through dispatch; it lives in the request's arena. Private to src/api. */
#ifndef EXEUNT_API_EXCHANGE_INT_H
#define EXEUNT_API_EXCHANGE_INT_H

#include "api/dispatch.h"
#include "api/router.h"

#define EXCHANGE_MAGIC UINT32_C(0x45584348)

enum {
	EXCHANGE_HEADERS_MAX = 8,
	EXCHANGE_SPARE_BYTES = 512,
	EXCHANGE_RETRY_BYTES = 24,
};

struct exchange {
	uint32_t magic;
	struct api *api;
	struct api_request rq;
	struct forward *forward; /* NULL: it runs here */
	int64_t started_mono_ms;
	size_t counter_row;
	struct client_address client; /* by exchange_client() */

	/* the answer */
	struct http_header headers[EXCHANGE_HEADERS_MAX];
	size_t header_count;
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
/* What another process answered. */
void exchange_answer_passed(struct exchange *x, int status, str body, str retry_after);
/* A request for which there was no memory at all. */
void exchange_refuse(struct http_request *http);

/* In dispatch.c. Who asks, whatever proxies stand between: into x->client. False: it is no numeric address. */
bool exchange_client(struct exchange *x);

/* By dispatch, when an answer goes out: the log line and the counters. */
void exchange_account(struct exchange *x, int status);

#endif
