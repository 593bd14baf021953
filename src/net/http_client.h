/*
 * The HTTP client: calls to other servers and processes, all on one thread, over connections that are kept.
 *
 * Only http and https; no redirects, no cookies, no proxies of the environment, no Expect. A URL goes out as it
 * stands: dot segments are not folded. Everything that a peer sends is bounded. Times are those of the machine:
 * an injected clock does not reach them.
 *
 * A kept connection may have been closed by the peer at the moment it is used again. libcurl then repeats the
 * request, once and whatever its method, over a new connection, if not one byte of an answer had come.
 */
#ifndef EXEUNT_NET_HTTP_CLIENT_H
#define EXEUNT_NET_HTTP_CLIENT_H

#include "base/arena.h"
#include "base/queue.h"

struct http_client;

struct http_client_config {
	unsigned per_host_max;    /* connections to one host at the same time; more calls wait; 0: 64 */
	unsigned connections_max; /* to all hosts; 0: 1024 */
	int64_t idle_ms;          /* after which a kept connection is not used again, in whole seconds; 0: a minute */
};

MUST_CHECK enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client);
/* Calls under way end with RC_CANCELLED before it returns. Not from the client's thread. */
void http_client_free(struct http_client *client);

enum {
	CALL_HEADERS_MAX = 8,
	CALL_URL_MAX_BYTES = 16 * 1024,
	CALL_HEADER_MAX_BYTES = 8 * 1024,         /* value of one header of the request */
	CALL_ANSWER_HEAD_MAX_BYTES = 64 * 1024,   /* all heads and trailers of an answer, 1xx included */
};

struct call_header {
	const char *name; /* a token; not one that frames the message (Content-Length, Connection …) */
	str value;        /* empty: the header is not sent */
};

/* Embedded in the caller's object, zero at first; must live until `done` has been called. */
struct http_call {
	/* set by the caller; texts live until done */
	const char *method;
	str url;                        /* http:// or https://, without user name and fragment */
	struct call_header headers[CALL_HEADERS_MAX];
	size_t header_count;
	str body;                       /* not with HEAD */
	int64_t connect_ms, total_ms;   /* time-outs, both above 0; waiting for a free connection counts */
	size_t answer_max_bytes;        /* of the body */
	struct arena *arena;            /* for the request's texts and the answer; the client thread's until done */
	void (*done)(struct http_call *call, enum rc rc); /* on the client's thread: be short */
	void *self;
	/*
	 * Set before done. RC_OK: there is an answer of whatever status. RC_UNAVAILABLE: no connection, or it was lost,
	 * or what came is no HTTP; RC_TIMEOUT; RC_TOO_LARGE: more than answer_max_bytes, or a head without end;
	 * RC_BUDGET, RC_NOMEM: the arena's; RC_CANCELLED; RC_INVALID_PARAM: method, URL or a header is none, or a
	 * text holds a control character.
	 */
	int status;                     /* with RC_OK; else 0 */
	str answer;                     /* with RC_OK: the body, in the arena */
	str retry_after;                /* with RC_OK: that header; empty: none */
	str answer_head;                /* with RC_OK: header lines as they came; ask http_call_header() */
	bool maybe_sent;                /* on failure: a connection stood, the peer may have got the request */
	/* the client's */
	struct queue_link link;
	bool is_cancelled;              /* atomic */
};

/* Any thread. `done` comes once, maybe before this returns when the client is being freed. */
void http_client_submit(struct http_client *client, struct http_call *call);
/*
 * Ends a call early, with RC_CANCELLED unless it ends by itself just now; `done` comes as ever. Any thread, after
 * http_client_submit(), as long as the call lives; nothing when it has ended.
 */
void http_client_cancel(struct http_client *client, struct http_call *call);

/*
 * The answer's first header of that name, without blanks around it, from `done` on. Empty: there is none, or it holds
 * control characters. In the arena.
 */
str http_call_header(const struct http_call *call, str name);

#endif
