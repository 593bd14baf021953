/*
 * The HTTP client: calls to other servers and processes, all on one thread, over connections that are kept.
 *
 * Only http and https, no redirects, no cookies, no proxies of the environment. Bounds on everything that a peer sends.
 */
#ifndef EXEUNT_NET_HTTP_CLIENT_H
#define EXEUNT_NET_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/queue.h"

struct http_client;

struct http_client_config {
	unsigned per_host_max;   /* connections to one host at the same time; more calls wait */
	unsigned connections_max;
};

MUST_CHECK enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client);
/* Calls under way end with RC_CANCELLED. */
void http_client_free(struct http_client *client);

enum { CALL_HEADERS_MAX = 8 };

struct call_header {
	const char *name;
	str value;
};

/* Embedded in the caller's object; must live until `done` has been called. */
struct http_call {
	/* set by the caller; texts live until done */
	const char *method;
	str url;
	struct call_header headers[CALL_HEADERS_MAX];
	size_t header_count;
	str body;
	int64_t connect_ms, total_ms;   /* time-outs */
	size_t answer_max_bytes;
	struct arena *arena;            /* for the answer; the client thread's until done */
	void (*done)(struct http_call *call, enum rc rc); /* on the client's thread: be short */
	void *self;
	/*
	 * Set before done. RC_OK: there is an answer of whatever status. RC_UNAVAILABLE: no connection, or it was lost;
	 * RC_TIMEOUT; RC_TOO_LARGE; RC_CANCELLED; RC_INVALID_PARAM: a text holds a control character.
	 */
	int status;
	str answer;
	str retry_after;                /* header; empty: none */
	bool maybe_sent;                /* on failure: the peer may have got the request */
	/* the client's */
	struct queue_link link;
	bool is_cancelled;              /* atomic */
};

/* Any thread. `done` comes once, maybe before this returns when the client is being freed. */
void http_client_submit(struct http_client *client, struct http_call *call);
/* Ends a call early, with RC_CANCELLED unless it ends by itself just now; `done` comes as ever. */
void http_client_cancel(struct http_client *client, struct http_call *call);

#endif
