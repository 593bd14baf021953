/*
 * Connections: their slots, their one timer each, and refusals on the bare socket.
 *
 * libmicrohttpd's own time-out counts inactivity only, so one byte a second would live for ever; and it
 * cannot answer in the middle of a body. So each connection has a timer that is *not* moved with every
 * request (that would cost two heap operations each) but looks at `phase` when it fires and
 * sleeps until the deadline it finds there. It fires at least once in the shortest of the time-outs, so
 * it is never late.
 *
 * A refusal in the middle of a body (408, 413) is written to the socket by us. Closing at once would make
 * the kernel answer the rest of the upload with a reset, which may destroy our answer before the peer reads
 * it; so we only end our direction and read on for a bounded time and number of bytes.
 */
#include "net/http_int.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { PHASE_BITS = 3, PHASE_MASK = (1 << PHASE_BITS) - 1 };

static uint64_t phase_word(enum conn_phase phase, int64_t deadline_ms)
{
	return (uint64_t)deadline_ms << PHASE_BITS | (uint64_t)phase;
}

static enum conn_phase word_phase(uint64_t word)
{
	return (enum conn_phase)(word & PHASE_MASK);
}

static int64_t word_deadline_ms(uint64_t word)
{
	return (int64_t)(word >> PHASE_BITS);
}

/* The whole word is compared, deadline included: the timer thread cannot mistake a later request for this. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the exchange writes what it saw */
static bool phase_swap(struct http_conn *conn, uint64_t *seen, uint64_t next)
{
	return __atomic_compare_exchange_n(&conn->phase, seen, next, false, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_ACQUIRE);
}

enum conn_phase http_conn_phase(const struct http_conn *conn)
{
	return word_phase(__atomic_load_n(&conn->phase, __ATOMIC_ACQUIRE));
}

bool http_conn_enter(struct http_conn *conn, enum conn_phase phase, int64_t timeout_ms)
{
	int64_t deadline_ms = 0;
	if (timeout_ms > 0)
		deadline_ms = clock_mono_ms(conn->server->config.clock) + timeout_ms;
	uint64_t seen = __atomic_load_n(&conn->phase, __ATOMIC_ACQUIRE);
	do {
		if (word_phase(seen) == CONN_LINGER || word_phase(seen) == CONN_CLOSING)
			return false;
	} while (!phase_swap(conn, &seen, phase_word(phase, deadline_ms)));
	return true;
}

/* Once, without waiting: it fits any socket buffer, and a peer that lets none in gets none. */
static void send_refusal(struct http_conn *conn, struct MHD_Response *response, int status, str body)
{
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, (size_t)64 * 1024 + body.n);
	str text = http_answer_raw(&scratch, conn->server->config.clock, response, status, body);
	if (text.n > 0) {
		ssize_t sent = send(conn->fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			COUNT_ADD(conn->server->counters.bytes_out, sent);
	}
	shutdown(conn->fd, SHUT_WR);
}

void http_conn_refuse(struct http_conn *conn, struct MHD_Response *response, int status, str body)
{
	if (!http_conn_enter(conn, CONN_LINGER, HTTP_LINGER_MS))
		return;
	timers_arm(&conn->server->timers, &conn->timer,
	           word_deadline_ms(__atomic_load_n(&conn->phase, __ATOMIC_ACQUIRE)));
	send_refusal(conn, response, status, body);
}

static bool peer_is_gone(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* After this libmicrohttpd finds the connection hung up and closes it. */
static int64_t hang_up(struct http_conn *conn, uint64_t seen, int64_t now_ms)
{
	if (!phase_swap(conn, &seen, phase_word(CONN_CLOSING, 0)))
		return now_ms;
	shutdown(conn->fd, SHUT_RDWR);
	return TIMER_NEVER;
}

static int64_t time_out(struct http_conn *conn, uint64_t seen, int64_t now_ms)
{
	struct http_server *server = conn->server;
	if (word_phase(seen) == CONN_BODY) {
		int64_t until_ms = now_ms + HTTP_LINGER_MS;
		if (!phase_swap(conn, &seen, phase_word(CONN_LINGER, until_ms)))
			return now_ms;
		struct own *own = &server->own[OWN_SLOW_BODY];
		send_refusal(conn, own->response, own->status, own->body);
		return until_ms;
	}
	return hang_up(conn, seen, now_ms);
}

static int64_t shortest_ms(const struct http_config *config)
{
	int64_t ms = HTTP_PEER_CHECK_MS;
	if (config->body_timeout_ms < ms)
		ms = config->body_timeout_ms;
	return config->idle_timeout_ms < ms ? config->idle_timeout_ms : ms;
}

/* The end is all that is left to read. */
static bool peer_sends_no_more(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/*
 * On the timer thread. Two ways of leaving escape libmicrohttpd, so peers are looked after here, every few seconds.
 * A suspended connection is in no epoll set: a parked request is ended when its client is gone (or
 * only ends its sending direction, which is the same to the library). And an end that comes together with the
 * last bytes of a cut-off request is covered by an edge that the library takes for the bytes alone.
 */
static int64_t conn_timer_fired(struct timer *timer, int64_t now_ms)
{
	struct http_conn *conn = CONTAINER_OF(timer, struct http_conn, timer);
	uint64_t seen = __atomic_load_n(&conn->phase, __ATOMIC_ACQUIRE);
	int64_t next_ms = now_ms + shortest_ms(&conn->server->config);
	switch (word_phase(seen)) {
	case CONN_BUSY:
		if ((__atomic_load_n(&conn->request.state, __ATOMIC_ACQUIRE) & REQ_PARKED) != 0 &&
		    peer_is_gone(conn->fd))
			http_peer_gone(&conn->request);
		return next_ms;
	case CONN_HEAD:
	case CONN_BODY:
	case CONN_LINGER:
		if (peer_sends_no_more(conn->fd))
			return hang_up(conn, seen, now_ms);
		if (now_ms >= word_deadline_ms(seen))
			return time_out(conn, seen, now_ms);
		return word_deadline_ms(seen) < next_ms ? word_deadline_ms(seen) : next_ms;
	case CONN_CLOSING:
		break;
	}
	return TIMER_NEVER;
}

/*
 * All slots are one block that the kernel fills in as they are first used: a connection costs no malloc,
 * and none can fail.
 */
enum rc http_conns_make(struct http_server *server)
{
	size_t count = server->config.connections_max;
	struct http_conn *slots = arena_alloc(&server->arena, count * sizeof *slots);
	if (!slots)
		return arena_status(&server->arena);
	server->unused_conns = slots;
	server->unused_count = count;
	return RC_OK;
}

static struct http_conn *slot_take_locked(struct http_server *server) REQUIRES(server->conns_mu)
{
	struct http_conn *conn = server->free_conns;
	if (conn) {
		server->free_conns = conn->next;
	} else {
		if (server->unused_count == 0)
			return NULL;
		server->unused_count--;
		conn = server->unused_conns++;
	}
	return conn;
}

static struct http_conn *slot_take(struct http_server *server)
{
	lock_take(&server->conns_mu);
	struct http_conn *conn = slot_take_locked(server);
	if (conn) {
		memset(conn, 0, sizeof *conn);
		conn->server = server;
		conn->request.conn = conn; /* on the list others look at it */
		conn->request.server = server;
		conn->request.transport = &http_over_connection;
		conn->next = server->open_conns;
		if (conn->next)
			conn->next->link = &conn->next;
		conn->link = &server->open_conns;
		server->open_conns = conn;
	}
	lock_drop(&server->conns_mu);
	return conn;
}

static void slot_give(struct http_conn *conn, bool for_reuse)
{
	struct http_server *server = conn->server;
	lock_take(&server->conns_mu);
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	if (for_reuse) {
		conn->next = server->free_conns;
		server->free_conns = conn;
	}
	lock_drop(&server->conns_mu);
}

static struct http_conn *conn_open(struct http_loop *loop, struct MHD_Connection *mhd)
{
	struct http_server *server = loop->server;
	struct http_conn *conn = slot_take(server);
	if (!conn)
		return NULL;
	conn->loop = loop;
	conn->mhd = mhd;
	conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	arena_init(&conn->request.arena, server->config.request_budget_bytes);
	conn->timer.fire = conn_timer_fired;
	int64_t now_ms = clock_mono_ms(server->config.clock);
	conn->phase = phase_word(CONN_HEAD, now_ms + server->config.idle_timeout_ms);
	timers_arm(&server->timers, &conn->timer, now_ms + shortest_ms(&server->config));
	COUNT_ADD(server->counters.connections, 1);
	return conn;
}

static void conn_close(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	timers_cancel(&server->timers, &conn->timer); /* before the descriptor can be another's */
	conn->loop->closed_some = true;
	COUNT_SUB(server->counters.connections, 1);
	unsigned state = __atomic_load_n(&conn->request.state, __ATOMIC_ACQUIRE);
	bool detached = (state & REQ_DETACHED) != 0;
	if (!detached)
		arena_release(&conn->request.arena);
	slot_give(conn, !detached);
}

void http_conn_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                      enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = conn_open(cls, mhd);
	else if (*socket_context)
		conn_close(*socket_context);
}

bool http_conns_any(struct http_server *server, bool (*is)(const struct http_request *request))
{
	bool any = false;
	lock_take(&server->conns_mu);
	for (struct http_conn *conn = server->open_conns; conn && !any; conn = conn->next)
		any = is(&conn->request);
	lock_drop(&server->conns_mu);
	return any;
}

void http_conns_each(struct http_server *server, void (*visit)(struct http_request *request))
{
	lock_take(&server->conns_mu);
	for (struct http_conn *conn = server->open_conns; conn; conn = conn->next)
		visit(&conn->request);
	lock_drop(&server->conns_mu);
}
