#include "net/link_int.h"

#include "base/heap.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum {
	/* A buffer that grows by doubling leaves its smaller selves behind in the arena. */
	ARENA_BYTES = 4 * CHANNEL_OUT_MAX_BYTES,
	KEEPALIVE_S = 60, /* of silence; then a host that vanished is found out */
};

static void socket_configure(int fd)
{
	const int on = 1, idle_s = KEEPALIVE_S;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
}

enum rc channel_open(struct channel *channel, struct link *link, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = channel};
	if (epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return RC_NOMEM;
	socket_configure(fd);
	channel->link = link;
	channel->fd = fd;
	channel->watched = events;
	return RC_OK;
}

void channel_init(struct channel *channel, struct link *link)
{
	channel->link = link;
	channel->fd = -1;
	arena_init(&channel->arena, ARENA_BYTES);
	buf_init(&channel->out, &channel->arena, CHANNEL_OUT_MAX_BYTES);
}

void channel_close(struct channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd); /* which takes it out of the epoll set */
	channel->fd = -1;
	arena_release(&channel->arena);
	heap_free(TAKE(channel->in));
	channel->in_n = channel->in_capacity = 0;
}

void channel_watch(struct channel *channel, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = channel};
	if (channel->watched == events || channel->fd < 0)
		return;
	(void)epoll_ctl(channel->link->epoll_fd, EPOLL_CTL_MOD, channel->fd, &event);
	channel->watched = events;
}

/* ---- in ---- */

static enum rc in_reserve(struct channel *channel)
{
	size_t capacity =
	    channel->needed_bytes > CHANNEL_IN_BYTES ? channel->needed_bytes : CHANNEL_IN_BYTES;
	if (capacity <= channel->in_capacity)
		return RC_OK;
	char *in = heap_grow(channel->in, capacity);
	if (!in)
		return RC_NOMEM;
	channel->in = in;
	channel->in_capacity = capacity;
	return RC_OK;
}

static enum rc receive(struct channel *channel)
{
	TRY(in_reserve(channel));
	ssize_t n =
	    recv(channel->fd, channel->in + channel->in_n, channel->in_capacity - channel->in_n, 0);
	if (n > 0)
		channel->in_n += (size_t)n;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return RC_OK;
	return RC_UNAVAILABLE;
}

/* One long frame must not stay in a channel that is idle. */
static void consume(struct channel *channel, size_t bytes)
{
	channel->in_n -= bytes;
	if (channel->in_n > 0 && bytes > 0)
		memmove(channel->in, channel->in + bytes, channel->in_n);
	if (channel->in_n > 0 || channel->in_capacity <= CHANNEL_IN_BYTES)
		return;
	heap_free(TAKE(channel->in));
	channel->in_capacity = 0;
}

enum rc channel_serve(struct channel *channel, size_t (*max_bytes)(struct channel *channel),
    enum rc (*take)(struct channel *channel, const struct link_frame *frame))
{
	struct link_frame frame;
	enum link_verdict verdict;
	TRY(receive(channel));
	str rest = str_bytes(channel->in, channel->in_n);
	channel->needed_bytes = 0;
	while ((verdict = link_frame_take(
		    &rest, max_bytes(channel), &frame, &channel->needed_bytes)) == LINK_WHOLE)
		TRY(take(channel, &frame));
	if (verdict == LINK_BROKEN)
		return RC_UNAVAILABLE;
	consume(channel, channel->in_n - rest.n);
	return RC_OK;
}

/* ---- out ---- */

bool channel_is_full(const struct channel *channel)
{
	return channel->out.n >= CHANNEL_OUT_FULL_BYTES;
}

enum rc channel_put(struct channel *channel, const struct link_frame *frame)
{
	return link_frame_put(&channel->out, frame);
}

/* All was sent. */
static void out_clear(struct channel *channel)
{
	arena_clear(&channel->arena);
	buf_init(&channel->out, &channel->arena, CHANNEL_OUT_MAX_BYTES);
	channel->sent = 0;
	channel_watch(channel, channel->watched & ~(uint32_t)EPOLLOUT);
}

enum rc channel_send(struct channel *channel)
{
	size_t left = channel->out.n - channel->sent;
	if (left == 0)
		return RC_OK;
	ssize_t n = send(channel->fd, channel->out.p + channel->sent, left, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return RC_UNAVAILABLE;
	if (n > 0)
		channel->sent += (size_t)n;
	if (n == (ssize_t)left)
		out_clear(channel);
	else
		channel_watch(channel, channel->watched | EPOLLOUT);
	return RC_OK;
}
