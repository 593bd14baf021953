/*
 * HTTP server: loop threads own the sockets (libmicrohttpd), worker lanes run the handlers, long-polls park.
 *
 * The life of a request: a loop thread reads the head and calls `on_head`, which chooses the lane and the
 * body limit or answers at once; the body arrives; `run` is called on a thread of that lane, once, and again
 * whenever a parked request is woken. `run` ends in exactly one of http_answer(), http_hold() or
 * http_park(). Nothing blocks a loop thread.
 *
 * Limits, all named in http_config: connections, head bytes, body bytes, time for the body, idle time.
 */
#ifndef EXEUNT_NET_HTTP_SERVER_H
#define EXEUNT_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/clock.h"

struct http_server;
struct http_request;

enum http_method {
	HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_PATCH, HTTP_OTHER,
};

/* Lanes: DB work never waits on other servers; REMOTE may; SLOW is for password hashing and the like. */
enum http_lane { LANE_DB, LANE_REMOTE, LANE_SLOW, LANE_COUNT };

enum http_head_verdict {
	HTTP_HEAD_ACCEPT,  /* read the body (at most ret_body_max_bytes), then run on ret_lane */
	HTTP_HEAD_ANSWERED /* http_answer() was called; the body is thrown away */
};

struct http_handler {
	enum http_head_verdict (*on_head)(void *self, struct http_request *request, size_t *ret_body_max_bytes,
	                                  enum http_lane *ret_lane);
	void (*run)(void *self, struct http_request *request);
	/*
	 * The request is over (sent or connection lost); releases what http_set_context() put there and takes the
	 * request out of wherever it could be woken from. May be NULL. On a loop thread, so it must not block.
	 */
	void (*on_end)(void *self, struct http_request *request);
	void *self;
};

struct http_header {
	const char *name;
	str value;
};

struct http_config {
	str listen_host;             /* numeric IPv4 or IPv6 */
	uint16_t listen_port;        /* 0: the system chooses, see http_server_port() */
	unsigned loop_threads;       /* 1 … 64 */
	unsigned lane_threads[LANE_COUNT];
	unsigned connections_max;
	size_t head_max_bytes;
	size_t request_budget_bytes; /* arena of one request, body included */
	int64_t body_timeout_ms;     /* from the end of the head to the end of the body */
	int64_t idle_timeout_ms;     /* keep-alive connection without a request */
	const struct clock *clock;
	struct http_handler handler;
	/* Added to the answers that the server gives by itself (408, 413, 431, 503): CORS. Static. */
	const struct http_header *own_headers;
	size_t own_header_count;
};

/* RC_EXISTS: the address is in use; RC_FORBIDDEN: not allowed to bind; RC_INVALID_PARAM: no such address. */
MUST_CHECK enum rc http_server_start(const struct http_config *config, struct http_server **ret_server,
                                     struct fail *fail);
uint16_t http_server_port(const struct http_server *server);

/*
 * Graceful stop: no new connections, parked requests are woken (http_is_stopping() is true then), what is in
 * flight is answered, at most `grace_ms`; then everything is closed. Blocks; not from a lane.
 */
void http_server_stop(struct http_server *server, int64_t grace_ms);
void http_server_free(struct http_server *server);
bool http_is_stopping(const struct http_server *server);
bool http_stopping(const struct http_request *request); /* of the server that the request came to */

/* What came in. Valid until on_end. */
bool http_is_injected(const struct http_request *request); /* another process has passed it on: see net/link.h */
struct arena *http_arena(struct http_request *request);   /* request lifetime */
enum http_method http_method(const struct http_request *request);
str http_method_text(const struct http_request *request);
str http_path(const struct http_request *request);        /* raw: percent-escapes not decoded, without query */
str http_query(const struct http_request *request);       /* raw, without '?' */
str http_header(struct http_request *request, const char *name); /* first of that name; empty when absent */
/* All of that name as one list (RFC 9110, 5.3): in their order, a comma between two. In the arena; empty without memory. */
str http_header_joined(struct http_request *request, const char *name);
str http_body(const struct http_request *request);        /* whole, in `run` only */
str http_peer_address(struct http_request *request);      /* numeric */
uint64_t http_request_id(const struct http_request *request); /* unique in this process */

void http_set_context(struct http_request *request, void *context);
void *http_context(const struct http_request *request);

struct http_response {
	int status;
	str body;                           /* borrowed from the request's arena or static */
	const char *content_type;           /* static */
	const struct http_header *headers;  /* in the arena or static */
	size_t header_count;
};

/*
 * Sends the answer; one of 503 without Retry-After gets one. Any thread, exactly once a request; the request must not
 * be touched afterwards.
 */
void http_answer(struct http_request *request, const struct http_response *response);

/*
 * `run` returns without an answer: some other thread will call http_answer() later (a commit under way).
 * It must do so even if the server was stopped meanwhile: then the connection is gone, only the arena, the
 * body and the context are left, and on_end is called by that http_answer().
 */
void http_hold(struct http_request *request);
/*
 * In place of the http_answer() that a held request waits for: `run` is called again, on the same lane. Where the
 * server was stopped meanwhile, the request ends without an answer. It must not be touched afterwards.
 */
void http_run_again(struct http_request *request);

/*
 * http_answer(), http_hold() and http_park() called inside `run` take effect when `run` has returned.
 *
 * Parks: `run` is called again after http_wake() or when `deadline_mono_ms` has passed, on the same lane.
 * A wake that came between the start of this run and http_park() counts. Holds no thread.
 */
void http_park(struct http_request *request, int64_t deadline_mono_ms);
/* Any thread; may be called with a request that is running or parked, not after on_end. Cheap; repeated wakes are one. */
void http_wake(struct http_request *request);

struct http_counters {
	uint64_t requests;    /* begun since the start */
	uint64_t connections; /* open now */
	uint64_t parked;      /* now */
	uint64_t bytes_in;    /* heads and bodies of requests, since the start */
	uint64_t bytes_out;   /* bodies of answers, since the start */
};
void http_counters(struct http_server *server, struct http_counters *ret_counters);

#endif
