/*
 * Inside of the link. link.c: its thread and its life; link_channel.c: one connection, bytes in and out; link_peer.c:
 * connections to others, and our calls; link_address.c: where they go; link_guest.c: connections of others, and what
 * they have us run.
 *
 * All belongs to the link's thread but for the two queues, the flags of waking, and what a thread that looks up a name
 * writes. A channel that is closed in the course of one round is freed at its end, for events of it may still be about.
 */
#ifndef EXEUNT_NET_LINK_INT_H
#define EXEUNT_NET_LINK_INT_H

#include "base/lock.h"
#include "base/map.h"
#include "net/http_inject_int.h"
#include "net/link.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	CHANNEL_IN_BYTES = 64 * 1024,        /* read at once; grows for a frame that is longer */
	CHANNEL_OUT_FULL_BYTES = 256 * 1024, /* written: then no more are, until all was sent */
	CHANNEL_OUT_MAX_BYTES = CHANNEL_OUT_FULL_BYTES + LINK_FRAME_MAX_BYTES,
	TARGETS_MAX = 4,                     /* addresses of one name that are tried */
};

/* One connection, or the socket that listens. */
struct channel {
	struct link *link;
	int fd;              /* -1: closed */
	uint32_t watched;    /* EPOLL… */
	void (*on_event)(struct channel *channel, uint32_t events);
	char *in;            /* received and not yet consumed */
	size_t in_n, in_capacity;
	size_t needed_bytes; /* of the frame that begins in `in`, as far as is known */
	struct arena arena;  /* of `out` */
	struct buf out;      /* frames to be sent */
	size_t sent;         /* of them, in bytes */
};

/* Where a name leads. */
struct targets {
	struct sockaddr_storage of[TARGETS_MAX];
	socklen_t bytes[TARGETS_MAX];
	size_t count;
};

/* A name that is looked up, on a thread of its own. */
struct lookup {
	struct link *link;
	char host[LINK_TARGET_MAX_BYTES + 1], port[8];
	struct targets targets; /* before `is_over` */
	bool is_over;           /* atomic */
	thread thread;
};

/* A connection to another process; it goes with the connection. */
struct peer {
	struct channel channel;
	int64_t process;
	bool is_up;
	struct lookup *lookup;   /* under way; NULL: none */
	struct targets targets;
	size_t next_target;
	int64_t connect_due_ms;
	struct map64 calls;      /* id → call, of those that were written */
	struct link_call *first, *last, *unwritten; /* in their order; from `unwritten` on none is written */
	struct peer *next;
};

/* A connection of somebody. */
struct guest {
	struct channel channel;
	bool is_known;           /* has shown our secret */
	int64_t hello_due_ms;
	size_t errands;          /* under way, or over and not yet written */
	struct errand *first, **end; /* over, and waiting for room in the channel */
	struct guest *next;
};

/* A request of a guest. */
struct errand {
	struct http_injection injection;
	struct queue_link link;
	struct guest *guest;
	uint64_t id;
	struct errand *next;
};

struct link {
	struct link_config config;
	struct http_server *server;
	uint16_t port;
	int epoll_fd, wake_fd;
	struct queue calls;      /* submitted */
	struct queue over;       /* errands */
	bool pending;            /* something was queued since the thread last looked; atomic */
	bool asleep;             /* the thread waits, or is about to; atomic */
	bool stopping;           /* atomic */
	bool started;
	thread thread;
	/* the thread's */
	struct channel listener;
	uint64_t last_id;
	int64_t next_tick_ms;    /* by the machine's clock */
	struct peer *peers, *ended_peers;
	struct guest *guests, *ended_guests;
	size_t guests_count;
	struct errand *spare_errands;
	size_t errands;          /* that are not spare */
};

/* link.c */
void link_wake(struct link *link); /* any thread */
int64_t link_now_ms(const struct link *link);

/* link_channel.c */
void channel_init(struct channel *channel, struct link *link); /* closed so far */
MUST_CHECK enum rc channel_open(struct channel *channel, struct link *link, int fd, uint32_t events);
void channel_close(struct channel *channel);    /* the memory, too; nothing when it is closed */
void channel_watch(struct channel *channel, uint32_t events);
bool channel_is_full(const struct channel *channel);
MUST_CHECK enum rc channel_put(struct channel *channel, const struct link_frame *frame);
/* Sends what can be sent now; the rest when there is room. RC_UNAVAILABLE: it is broken. */
MUST_CHECK enum rc channel_send(struct channel *channel);
/*
 * Receives, and has `take` take each whole frame; what that returns, if it is not RC_OK, is returned, and the channel is
 * to be closed then. RC_UNAVAILABLE: it ended, or is broken, or there is something else than frames of at most
 * `max_bytes`; RC_NOMEM.
 */
MUST_CHECK enum rc channel_serve(struct channel *channel, size_t (*max_bytes)(struct channel *channel),
                                 enum rc (*take)(struct channel *channel, const struct link_frame *frame));

/* link_address.c */
/* RC_NOT_FOUND: it is no numeric address, but may be a name; RC_INVALID_PARAM: neither. */
MUST_CHECK enum rc targets_numeric(str address, struct targets *ret_targets);
MUST_CHECK enum rc lookup_start(struct link *link, str address, struct lookup **ret_lookup);
bool lookup_is_over(const struct lookup *lookup);
void lookup_free(struct lookup *lookup); /* waits until it is over */

/* link_peer.c */
void peers_take_calls(struct link *link);
void peers_tick(struct link *link);
bool peers_need_tick(const struct link *link);
void peers_end(struct link *link);  /* all; what is looked up goes on until it is over */
void peers_free_ended(struct link *link);

/* link_guest.c */
void guests_accept(struct channel *listener, uint32_t events);
void guests_take_errands(struct link *link); /* those that are over */
void guests_tick(struct link *link);
bool guests_need_tick(const struct link *link);
void guests_end(struct link *link);
void guests_free_ended(struct link *link);

#endif
