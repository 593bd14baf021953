/*
 * Loop threads: each runs one libmicrohttpd daemon in its external mode; all listen on the same socket.
 *
 * The library has loop threads of its own, but in 0.9.75 these have two faults. Whenever one
 * epoll_wait() fills its 128 events, the next is made with the same time-out before any of them is served:
 * with exactly 128 connections ready everybody waits until something else happens. And each resumed
 * connection costs a write() to wake a loop that is mostly awake. Here MHD_run() never blocks, and a wake is
 * written only when the loop sleeps.
 */
#include "base/assert.h"
#include "net/http_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	POOL_EXTRA_BYTES = 4096, /* beside the head: the library's notes on it, and our head */
	POOL_INCREMENT_BYTES = 4096,
};

static size_t raw_uri(void *cls, struct MHD_Connection *mhd, char *text)
{
	(void)cls;
	(void)mhd;
	return strlen(text); /* percent-escapes are the router's */
}

static struct MHD_Daemon *daemon_start(struct http_loop *loop, unsigned connections_max)
{
	struct http_server *server = loop->server;
	const struct http_config *config = &server->config;
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_on_call, server,
		MHD_OPTION_LISTEN_SOCKET, loop->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, connections_max,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		config->head_max_bytes + config->head_max_bytes / 2 + POOL_EXTRA_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)POOL_INCREMENT_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((config->idle_timeout_ms + 999) / 1000),
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, /* threads of base/lock.h block all signals */
		MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, http_conn_notify, loop,
		MHD_OPTION_URI_LOG_CALLBACK, http_on_uri, server,
		MHD_OPTION_UNESCAPE_CALLBACK, raw_uri, NULL,
		MHD_OPTION_END);
}

/* `pending` before `asleep` here, the other way round in the loop: one of them sees the other. */
void http_loop_wake(struct http_loop *loop)
{
	if (__atomic_exchange_n(&loop->pending, true, __ATOMIC_SEQ_CST))
		return;
	if (!__atomic_load_n(&loop->asleep, __ATOMIC_SEQ_CST))
		return;
	const uint64_t one = 1;
	ssize_t written = write(loop->wake_fd, &one, sizeof one);
	(void)written; /* only fails when it is readable already */
}

static void quiesce_once(struct http_loop *loop)
{
	if (loop->quiesced || !http_is_stopping(loop->server))
		return;
	loop->quiesced = true;
	MHD_quiesce_daemon(loop->daemon);
}

static void sleep_until_event(struct http_loop *loop)
{
	if (TAKE(loop->closed_some))
		return; /* below its limit again, the library only listens from its next run on */
	MHD_UNSIGNED_LONG_LONG left_ms;
	int timeout_ms = -1;
	if (MHD_get_timeout(loop->daemon, &left_ms) == MHD_YES)
		timeout_ms = left_ms > INT_MAX ? INT_MAX : (int)left_ms;
	if (timeout_ms == 0)
		return;
	__atomic_store_n(&loop->asleep, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&loop->pending, __ATOMIC_SEQ_CST)) {
		struct pollfd fds[2] = {
			{.fd = loop->epoll_fd, .events = POLLIN},
			{.fd = loop->wake_fd, .events = POLLIN},
		};
		(void)poll(fds, 2, timeout_ms);
		uint64_t wakes;
		if ((fds[1].revents & POLLIN) != 0 && read(loop->wake_fd, &wakes, sizeof wakes) < 0)
			ASSERT(errno == EAGAIN || errno == EINTR);
	}
	__atomic_store_n(&loop->asleep, false, __ATOMIC_SEQ_CST);
}

static void *loop_main(void *arg)
{
	struct http_loop *loop = arg;
	while (!__atomic_load_n(&loop->leave, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&loop->pending, false, __ATOMIC_SEQ_CST);
		quiesce_once(loop);
		MHD_run(loop->daemon);
		sleep_until_event(loop);
	}
	return NULL;
}

static enum rc loop_start(struct http_loop *loop, unsigned connections_max)
{
	/* A descriptor of its own: after some failures the library has closed it, after others not. */
	loop->listen_fd = fcntl(loop->server->listen_fd, F_DUPFD_CLOEXEC, 0);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->listen_fd < 0 || loop->wake_fd < 0)
		return RC_NOMEM;
	loop->daemon = daemon_start(loop, connections_max);
	if (!loop->daemon)
		return RC_NOMEM;
	loop->epoll_fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	TRY(thread_start(&loop->thread, "http-loop", loop_main, loop));
	loop->running = true;
	return RC_OK;
}

enum rc http_loops_start(struct http_server *server)
{
	unsigned count = server->config.loop_threads;
	unsigned each = server->config.connections_max / count;
	unsigned rest = server->config.connections_max % count;
	server->loops = arena_array(&server->arena, struct http_loop, count);
	TRY(arena_status(&server->arena));
	for (unsigned i = 0; i < count; i++) {
		struct http_loop *loop = &server->loops[i];
		*loop = (struct http_loop){.server = server, .listen_fd = -1, .wake_fd = -1};
		server->loops_count++;
		TRY(loop_start(loop, each + (i < rest ? 1 : 0)));
	}
	return RC_OK;
}

void http_loops_wake(struct http_server *server)
{
	for (unsigned i = 0; i < server->loops_count; i++)
		http_loop_wake(&server->loops[i]);
}

static void loop_stop(struct http_loop *loop)
{
	if (loop->running)
		thread_join(loop->thread);
	if (loop->daemon) {
		int listen_fd = loop->quiesced ? loop->listen_fd : MHD_quiesce_daemon(loop->daemon);
		MHD_stop_daemon(loop->daemon);
		close(listen_fd);
	}
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
}

void http_loops_stop(struct http_server *server)
{
	for (unsigned i = 0; i < server->loops_count; i++)
		__atomic_store_n(&server->loops[i].leave, true, __ATOMIC_RELEASE);
	http_loops_wake(server);
	for (unsigned i = 0; i < server->loops_count; i++)
		loop_stop(&server->loops[i]);
}
