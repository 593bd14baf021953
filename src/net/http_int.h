/*
 * Inside of the HTTP server; included by src/net/http_*.c and by tests of the room only.
 *
 * Who owns a request when: the loop thread of its connection while the head and the body arrive and
 * while the answer is sent; a lane thread during `run`; nobody while it is parked or held. libmicrohttpd sees
 * the connection as suspended from dispatch to http_answer(), and each suspension ends in exactly one
 * MHD_resume_connection(). `state` says where the request is; whoever moves it out of PARKED or HELD
 * has it. An injected request (http_inject.c) has no connection: who brings it is its loop thread.
 */
#ifndef EXEUNT_NET_HTTP_INT_H
#define EXEUNT_NET_HTTP_INT_H

#include "base/lock.h"
#include "base/queue.h"
#include "net/http_server.h"
#include "net/timer.h"

#include <arpa/inet.h>
#include <microhttpd.h>

enum {
	HTTP_LOOPS_MAX = 64,
	HTTP_LANE_THREADS_MAX = 256,
	HTTP_DISCARD_MAX_BYTES = 256 * 1024, /* of a body that nobody wants, to keep the connection */
	HTTP_LINGER_MAX_BYTES = 1024 * 1024, /* read after a refusal, so that the answer is not reset */
	HTTP_LINGER_MS = 2000,
	HTTP_PEER_CHECK_MS = 5000,           /* how long a parked request may outlive its client */
	HTTP_RETRY_AFTER_S = 2,              /* told with 503 where nobody says otherwise */
};

/* Bits of http_request.state. */
enum {
	REQ_LOOP = 1 << 0,      /* head or body arrives, or on_head runs: the loop thread's */
	REQ_RUN = 1 << 1,       /* queued on its lane or running there */
	REQ_WOKEN = 1 << 2,     /* http_wake() since this run began */
	REQ_PARK = 1 << 3,      /* this run asked to park */
	REQ_HOLD = 1 << 4,      /* this run asked to hold */
	REQ_PARKED = 1 << 5,    /* waits for a wake or its deadline */
	REQ_HELD = 1 << 6,      /* waits for http_answer() */
	REQ_ANSWERED = 1 << 7,  /* `response` is set */
	REQ_GONE = 1 << 8,      /* will not be answered: the client left or the server stops */
	REQ_ABANDONED = 1 << 9, /* was held when the server stopped: whoever answers it ends it */
	REQ_DETACHED = 1 << 10, /* abandoned, and its connection is closed */
	REQ_AGAIN = 1 << 11,    /* http_run_again() since this run held it */
};

/* What a connection is doing, as the timer thread must know it. */
enum conn_phase {
	CONN_HEAD,   /* idle or reading a head; past the deadline it is closed */
	CONN_BODY,   /* reading a body; past the deadline 408 */
	CONN_BUSY,   /* the request is on a lane, parked, held, or its answer is being sent */
	CONN_LINGER, /* refused by us on the bare socket; reads on until the peer has seen it */
	CONN_CLOSING /* shut down; libmicrohttpd is about to notice */
};

struct http_conn;

/* How a request came, and how its answer goes. */
struct http_transport {
	str (*header)(struct http_request *request, const char *name);
	str (*header_joined)(struct http_request *request, const char *name);
	str (*peer_address)(struct http_request *request);
	/* Keeps the answer, on the thread of http_answer(). */
	void (*answer)(struct http_request *request, const struct http_response *response);
	/* The lanes are through with it, which is ANSWERED, GONE or ABANDONED; it may be no more on return. */
	void (*resume)(struct http_request *request);
};

/* One for each connection, used again for each request on it: HTTP/1.1 has one at a time. Or injected. */
struct http_request {
	struct http_conn *conn;    /* NULL: injected */
	struct http_server *server;
	const struct http_transport *transport;
	unsigned state;            /* REQ_*; atomic */
	/* From here on all is cleared between two requests. */
	struct queue_link link;    /* on the lane's queue */
	struct timer park_timer;
	struct arena arena;
	uint64_t id;
	enum http_method method;
	str method_text;
	str path, query;
	size_t head_bytes;
	uint64_t content_length;   /* UINT64_MAX: chunked */
	bool expects_continue;
	char *body;
	size_t body_bytes, body_capacity;
	size_t body_max_bytes;     /* on_head's */
	size_t discarded_bytes;
	bool begun;                /* on_head was called, so on_end is due */
	bool counted;              /* in server->active */
	bool park_armed;           /* park_timer may be armed */
	bool stop_told;            /* woken for the stop once */
	enum http_lane lane;
	int64_t park_deadline_ms;
	struct MHD_Response *response;
	int status;
	str answer_body;
	void *context;
};

struct http_conn {
	struct http_server *server;
	struct http_loop *loop;
	struct http_conn *next, **link; /* list of open or of free connections, server->conns_mu */
	struct MHD_Connection *mhd;
	int fd;
	uint64_t phase;                 /* enum conn_phase and deadline, see http_conn.c; atomic */
	struct timer timer;
	size_t lingered_bytes;
	char peer[INET6_ADDRSTRLEN];    /* empty until asked for */
	struct http_request request;
};

struct lane {
	struct http_server *server;
	struct queue queue;
	unsigned depth;         /* queued; atomic */
	unsigned threads_count; /* running */
	thread *threads;
};

struct http_loop {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	int listen_fd, epoll_fd, wake_fd; /* epoll_fd is the daemon's */
	bool pending;  /* something was resumed since the loop last looked; atomic */
	bool asleep;   /* in poll(), or about to be; atomic */
	bool leave;    /* atomic */
	bool running;  /* the thread was started */
	bool quiesced; /* no longer listening */
	bool closed_some; /* a connection ended in this run */
	thread thread;
};

/* Answers that the server gives by itself. */
enum own_answer {
	OWN_BODY_TOO_LARGE,
	OWN_HEAD_TOO_LARGE,
	OWN_BAD_FRAMING,
	OWN_SLOW_BODY,
	OWN_LANE_FULL,
	OWN_STOPPING,
	OWN_NO_MEMORY,
	OWN_COUNT
};

struct own {
	struct MHD_Response *response;
	int status;
	str body;
};

struct http_server {
	struct http_config config;
	struct arena arena;     /* of everything below */
	unsigned refs;          /* the owner and each detached request; atomic */
	int listen_fd;
	uint16_t port;
	struct http_loop *loops;
	unsigned loops_count;
	struct timers timers;
	struct lane lanes[LANE_COUNT];
	struct own own[OWN_COUNT];
	struct lock injected_mu;
	struct http_injected *injected GUARDED_BY(injected_mu);      /* all that were ever used */
	struct http_injected *injected_free GUARDED_BY(injected_mu);
	size_t injected_count GUARDED_BY(injected_mu);
	struct lock conns_mu;
	struct http_conn *open_conns GUARDED_BY(conns_mu);
	struct http_conn *free_conns GUARDED_BY(conns_mu);
	struct http_conn *unused_conns GUARDED_BY(conns_mu); /* never used so far */
	size_t unused_count GUARDED_BY(conns_mu);
	bool stopping;          /* no new requests; atomic */
	bool closing;           /* the grace is over; atomic */
	bool stopped;
	struct lock stop_mu;
	struct cond idle;       /* active has become 0 while stopping */
	uint64_t active;        /* requests between head and end; atomic */
	uint64_t next_id;       /* atomic */
	struct http_counters counters; /* atomic */
};

#define COUNT_ADD(counter, n) ((void)__atomic_fetch_add(&(counter), (uint64_t)(n), __ATOMIC_RELAXED))
#define COUNT_SUB(counter, n) ((void)__atomic_fetch_sub(&(counter), (uint64_t)(n), __ATOMIC_RELAXED))

/* http_listen.c: a listening socket, and the port it got. */
MUST_CHECK enum rc http_listen(str host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct fail *fail);
/* Numeric; IPv4 in IPv6 is shown as IPv4; empty for other families. `size` >= INET6_ADDRSTRLEN. */
void http_address_text(const struct sockaddr *address, char *ret_text, size_t size);

/* http_loop.c */
MUST_CHECK enum rc http_loops_start(struct http_server *server);
void http_loops_stop(struct http_server *server); /* nothing may be suspended */
void http_loops_wake(struct http_server *server);
void http_loop_wake(struct http_loop *loop);      /* any thread */

/* http_conn.c */
MUST_CHECK enum rc http_conns_make(struct http_server *server);
void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                      enum MHD_ConnectionNotificationCode code);
/* Loop thread. False: the timer thread has given the connection up. */
bool http_conn_enter(struct http_conn *conn, enum conn_phase phase, int64_t timeout_ms);
enum conn_phase http_conn_phase(const struct http_conn *conn);
/* Answers on the bare socket and reads on for a while. Loop thread; see http_conn.c for the why. */
void http_conn_refuse(struct http_conn *conn, struct MHD_Response *response, int status, str body);
void http_conns_each(struct http_server *server, void (*visit)(struct http_request *request));
bool http_conns_any(struct http_server *server, bool (*is)(const struct http_request *request));

/* http_request.c: libmicrohttpd's callbacks, and what injected requests share with those of connections. */
void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_call(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *data_bytes, void **context);
void http_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode code);
void http_server_unref(struct http_server *server); /* http_server.c */
void http_request_finish(struct http_request *request); /* on_end and release */
void http_active_end(struct http_server *server);       /* one request less is between head and end */
enum http_method http_method_parse(str text);

/* http_fields.c */
extern const struct http_transport http_over_connection;

/* http_inject.c */
void http_injected_each(struct http_server *server, void (*visit)(struct http_request *request));
void http_injected_free(struct http_server *server);    /* none is under way */

/* http_body.c */
bool http_body_framing(struct http_request *request);  /* false: contradictory or unknown framing */
bool http_body_expected(const struct http_request *request);
/* RC_TOO_LARGE beyond the limit, RC_BUDGET, RC_NOMEM. */
MUST_CHECK enum rc http_body_add(struct http_request *request, const char *data, size_t n);

/* http_answer.c */
void http_answer_make(struct http_request *request, const struct http_response *response); /* for a connection */
MUST_CHECK enum rc http_own_make(struct http_server *server);
void http_own_free(struct http_server *server);
enum MHD_Result http_own_queue(struct http_request *request, enum own_answer own);
enum MHD_Result http_answer_queue(struct http_request *request); /* what http_answer() left */
/* The answer as bytes, with "Connection: close"; empty when the arena failed. */
str http_answer_raw(struct arena *arena, const struct clock *clock, struct MHD_Response *response,
                    int status, str body);

/* http_lanes.c */
void http_lanes_init(struct http_server *server);
MUST_CHECK enum rc http_lanes_start(struct http_server *server);
void http_lanes_stop(struct http_server *server);    /* joins the threads */
void http_lanes_release(struct http_server *server); /* nobody puts any more */
bool http_lane_is_full(const struct http_request *request);
void http_lane_dispatch(struct http_request *request); /* the connection is suspended */
void http_peer_gone(struct http_request *request);     /* ends it if it is parked */
void http_give_up(struct http_request *request);       /* stop: ends what is parked or held */
bool http_is_on_lane(const struct http_request *request); /* or on its way there */

#endif
