/*
 * Dispatch: from a request of net to a handler and back: route, limits, authentication, rate limit, body, error
 * mapping, CORS, one log line, counters. Handlers never do these.
 *
 * api_new() once, before the HTTP server starts; api_free() after it has stopped. The struct http_handler is called
 * on loop threads (head) and lane threads (run).
 */
#ifndef EXEUNT_API_DISPATCH_H
#define EXEUNT_API_DISPATCH_H

#include "api/client_address.h"
#include "api/endpoints.h"

struct api;

struct api_config {
	struct rate_limits rate_limits;
	struct trusted_proxies trusted_proxies; /* what they say of their peers is believed */
};

/* `ctx` is borrowed and outlives the api. */
MUST_CHECK enum rc api_new(
    const struct api_context *ctx, const struct api_config *config, struct api **ret_api);
void api_free(struct api *api);
struct http_handler api_http_handler(struct api *api);
/* CORS, for http_config.own_headers: a browser must be able to read what the server says by itself, too. */
const struct http_header *api_own_headers(size_t *ret_count);

/* What happened at one row, since the start. */
struct endpoint_counters {
	uint64_t answers[6]; /* by the first digit of the status; [0] is not used */
	uint64_t total_ms;   /* from the head to the answer, parked time included */
};

/* `row` in [0, endpoint_count]; the last one is for requests that found no row. Any thread. */
void api_counters(const struct api *api, size_t row, struct endpoint_counters *ret_counters);

#endif
