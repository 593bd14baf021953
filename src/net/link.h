/*
 * Links between the processes of one server: a request that another process must run is passed to it, and its answer
 * comes back, over one TCP connection that is kept, with many requests under way at the same time (link_frames.h).
 *
 * Each process listens for the others, and connects to those to which it has something to pass. A connection begins
 * with the secret of the process that listens and the version of the protocol; who does not know them is hung up on,
 * before anything else is read. What a process of the same server passes on is believed: also who asked.
 *
 * The other side runs the request as one of its own HTTP server: routed, authenticated, limited, on the lanes. One
 * thread serves all connections, in both directions. It is not encrypted: a network between the processes is to be
 * theirs alone.
 */
#ifndef EXEUNT_NET_LINK_H
#define EXEUNT_NET_LINK_H

#include "base/clock.h"
#include "base/queue.h"
#include "net/link_frames.h"

struct link;
struct http_server;

enum {
	LINK_CONNECT_MS = 1000,      /* to one address */
	LINK_CALL_MS = 30 * 1000,    /* until the answer has come */
	LINK_HELLO_MS = 5000,        /* for whoever connects to say who it is */
	LINK_TICK_MS = 100,          /* how often deadlines, and processes that ended, are looked for */
	LINK_GUESTS_MAX = 256,       /* connections of others to us */
	LINK_ERRANDS_MAX = 8192,     /* requests of one of them under way here: then no more are read */
	LINK_TARGET_MAX_BYTES = 255, /* "host:port" */
};

struct link_config {
	str listen_host;             /* numeric IPv4 or IPv6 */
	uint16_t listen_port;        /* 0: the system chooses, see link_port() */
	const struct clock *clock;
	/* On the link's thread, so they must not block. */
	bool (*is_secret)(void *self, str secret);         /* ours; in constant time */
	bool (*is_alive)(void *self, int64_t process);     /* one that ended is not waited for */
	void *self;
};

/* Listens, and takes calls. RC_EXISTS, RC_FORBIDDEN, RC_INVALID_PARAM as http_server_start(). */
MUST_CHECK enum rc link_open(const struct link_config *config, struct link **ret_link, struct fail *fail);
uint16_t link_port(const struct link *link);
/* From now on calls are made, and what others pass on is run by `server`. */
MUST_CHECK enum rc link_start(struct link *link, struct http_server *server);
/*
 * Between http_server_stop() and http_server_free(). Calls under way end with RC_CANCELLED; requests of others that are
 * still held are waited for.
 */
void link_free(struct link *link);

/* Embedded in the caller's object; lives until `done` has been called. */
struct link_call {
	/* set by the caller; texts live until done */
	int64_t process;             /* that runs it */
	str address;                 /* of its link: "host:port", "[IPv6]:port" */
	str secret;                  /* of that process */
	struct link_request request;
	struct arena *arena;         /* for the answer; the link's until done */
	void (*done)(struct link_call *call, enum rc rc); /* on the link's thread: must be short */
	/*
	 * With RC_OK: `answer`, texts in the arena. RC_UNAVAILABLE: no connection, or it was lost, or the process stops;
	 * RC_TIMEOUT; RC_TOO_LARGE: a field of the request is; RC_BUDGET, RC_NOMEM; RC_CANCELLED. Unless it is RC_TOO_LARGE
	 * the request may have been run all the same.
	 */
	struct link_answer answer;
	/* the link's */
	struct queue_link link;
	uint64_t id;
	int64_t due_ms;
	struct link_call *next, *previous;
};

/* Any thread. `done` comes once, maybe before this returns when the link is being freed. */
void link_submit(struct link *link, struct link_call *call);

#endif
