#include "net/link_int.h"

#include "base/assert.h"
#include "base/heap.h"
#include "net/http_int.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 };

int64_t link_now_ms(const struct link *link)
{
	return clock_mono_ms(link->config.clock);
}

/* `pending` before `asleep` here, the other way round in the thread: one of them sees the other. */
void link_wake(struct link *link)
{
	if (__atomic_exchange_n(&link->pending, true, __ATOMIC_SEQ_CST) ||
	    !__atomic_load_n(&link->asleep, __ATOMIC_SEQ_CST))
		return;
	const uint64_t one = 1;
	ssize_t written = write(link->wake_fd, &one, sizeof one);
	(void)written; /* only fails when there were 2^64 - 1 wakes */
}

static bool is_stopping(const struct link *link)
{
	return __atomic_load_n(&link->stopping, __ATOMIC_ACQUIRE);
}

/* ---- the thread ---- */

static void wait_and_serve(struct link *link)
{
	struct epoll_event events[EVENTS_MAX];
	bool needs_tick = is_stopping(link) || peers_need_tick(link) || guests_need_tick(link);
	__atomic_store_n(&link->asleep, true, __ATOMIC_SEQ_CST);
	bool pending = __atomic_load_n(&link->pending, __ATOMIC_SEQ_CST);
	int n = epoll_wait(link->epoll_fd, events, EVENTS_MAX,
	    pending      ? 0
	    : needs_tick ? LINK_TICK_MS
			 : -1);
	__atomic_store_n(&link->asleep, false, __ATOMIC_SEQ_CST);
	ASSERT(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++) {
		struct channel *channel = events[i].data.ptr; /* NULL: woken */
		if (channel && channel->fd >= 0)
			channel->on_event(channel, events[i].events);
	}
}

static void tick(struct link *link)
{
	int64_t now_ms = clock_mono_ms(&clock_system);
	if (now_ms < link->next_tick_ms)
		return;
	link->next_tick_ms = now_ms + LINK_TICK_MS;
	peers_tick(link);
	guests_tick(link);
}

/* What is left then is memory of ours that others still have. */
static bool is_through(struct link *link)
{
	if (!is_stopping(link))
		return false;
	channel_close(&link->listener);
	peers_end(link);
	guests_end(link);
	return link->errands == 0 && !link->ended_peers && !link->ended_guests;
}

static void *link_main(void *arg)
{
	struct link *link = arg;
	while (!is_through(link)) {
		__atomic_store_n(&link->pending, false, __ATOMIC_SEQ_CST);
		peers_take_calls(link);
		guests_take_errands(link);
		tick(link);
		wait_and_serve(link);
		peers_free_ended(link);
		guests_free_ended(link);
	}
	return NULL;
}

/* ---- life ---- */

static enum rc sockets_make(struct link *link, struct fail *fail)
{
	const struct link_config *config = &link->config;
	int fd = -1;
	TRY(http_listen(config->listen_host, config->listen_port, &fd, &link->port, fail));
	link->listener.on_event = guests_accept;
	link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	enum rc rc =
	    link->epoll_fd < 0 ? RC_NOMEM : channel_open(&link->listener, link, fd, EPOLLIN);
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	/* An edge for each wake, so that nobody has to read it. */
	struct epoll_event woken = {.events = EPOLLIN | EPOLLET};
	link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->wake_fd < 0 ||
	    epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, link->wake_fd, &woken) != 0)
		return RC_NOMEM;
	return RC_OK;
}

enum rc link_open(const struct link_config *config, struct link **ret_link, struct fail *fail)
{
	struct link *link = heap_new(struct link);
	if (!link)
		return RC_NOMEM;
	link->config = *config;
	link->epoll_fd = link->wake_fd = -1;
	queue_init(&link->calls);
	queue_init(&link->over);
	channel_init(&link->listener, link);
	enum rc rc = sockets_make(link, fail);
	if (rc == RC_OK)
		*ret_link = link;
	else
		link_free(link);
	return rc;
}

uint16_t link_port(const struct link *link)
{
	return link->port;
}

enum rc link_start(struct link *link, struct http_server *server)
{
	link->server = server;
	TRY(thread_start(&link->thread, "link", link_main, link));
	link->started = true;
	return RC_OK;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	queue_close(&link->calls);
	__atomic_store_n(&link->stopping, true, __ATOMIC_RELEASE);
	link_wake(link);
	if (link->started)
		thread_join(link->thread);
	peers_take_calls(link); /* submitted and never taken: they are refused */
	channel_close(&link->listener);
	for (struct errand *errand = link->spare_errands, *next; errand; errand = next) {
		next = errand->next;
		heap_free(errand);
	}
	if (link->wake_fd >= 0)
		close(link->wake_fd);
	if (link->epoll_fd >= 0)
		close(link->epoll_fd);
	queue_destroy(&link->calls);
	queue_destroy(&link->over);
	heap_free(link);
}

void link_submit(struct link *link, struct link_call *call)
{
	if (queue_put(&link->calls, &call->link))
		link_wake(link);
	else
		call->done(call, RC_CANCELLED);
}
