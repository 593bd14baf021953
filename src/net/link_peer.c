/* Connections to other processes, and the calls that go over them. */
#include "net/link_int.h"

#include "base/heap.h"

#include <errno.h>
#include <unistd.h>

/* ---- the calls of a peer ---- */

static void call_add(struct peer *peer, struct link_call *call)
{
	call->next = NULL;
	call->previous = peer->last;
	*(peer->last ? &peer->last->next : &peer->first) = call;
	peer->last = call;
	if (!peer->unwritten)
		peer->unwritten = call;
}

static void call_remove(struct peer *peer, struct link_call *call)
{
	if (peer->unwritten == call)
		peer->unwritten = call->next;
	*(call->previous ? &call->previous->next : &peer->first) = call->next;
	*(call->next ? &call->next->previous : &peer->last) = call->previous;
	(void)map64_remove(&peer->calls, call->id);
}

/* It is the caller's again, and may be no more on return. */
static void call_end(struct peer *peer, struct link_call *call, enum rc rc)
{
	call_remove(peer, call);
	call->done(call, rc);
}

static enum rc answer_keep(struct link_call *call, const struct link_answer *answer)
{
	if (answer->status == 0)
		return RC_UNAVAILABLE;
	call->answer = (struct link_answer){
	    .status = answer->status,
	    .retry_after = arena_dup(call->arena, answer->retry_after),
	    .body = arena_dup(call->arena, answer->body),
	};
	return arena_status(call->arena);
}

/* One without a call is too late: nobody waits any more. */
static enum rc answer_take(struct channel *channel, const struct link_frame *frame)
{
	struct peer *peer = CONTAINER_OF(channel, struct peer, channel);
	if (frame->kind != LINK_ANSWER)
		return RC_UNAVAILABLE;
	struct link_call *call = map64_get(&peer->calls, frame->id);
	if (call)
		call_end(peer, call, answer_keep(call, &frame->u.answer));
	return RC_OK;
}

/* ---- life of a peer ---- */

static void peer_end(struct peer *peer, enum rc rc)
{
	struct link *link = peer->channel.link;
	struct peer **at = &link->peers;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	peer->next = link->ended_peers;
	link->ended_peers = peer;
	channel_close(&peer->channel);
	while (peer->first)
		call_end(peer, peer->first, rc);
	map64_release(&peer->calls);
}

void peers_free_ended(struct link *link)
{
	struct peer **at = &link->ended_peers;
	while (*at) {
		struct peer *peer = *at;
		if (peer->lookup && !lookup_is_over(peer->lookup)) {
			at = &peer->next;
			continue;
		}
		*at = peer->next;
		lookup_free(peer->lookup);
		heap_free(peer);
	}
}

static enum rc call_write(struct peer *peer, struct link_call *call)
{
	const struct link_frame frame = {
	    .kind = LINK_REQUEST, .id = call->id, .u.request = call->request};
	TRY(map64_put(&peer->calls, call->id, call, NULL));
	return channel_put(&peer->channel, &frame);
}

/* False: the peer has ended. */
static bool peer_write(struct peer *peer)
{
	enum rc rc = RC_OK;
	while (rc == RC_OK && peer->unwritten && !channel_is_full(&peer->channel)) {
		struct link_call *call = peer->unwritten;
		rc = call_write(peer, call);
		if (rc == RC_TOO_LARGE) {
			call_end(peer, call, rc);
			rc = RC_OK;
		} else {
			peer->unwritten = call->next;
		}
	}
	if (rc == RC_OK)
		rc = channel_send(&peer->channel);
	if (rc != RC_OK)
		peer_end(peer, RC_UNAVAILABLE);
	return rc == RC_OK;
}

/* ---- connecting ---- */

static size_t answers_max_bytes(struct channel *channel)
{
	(void)channel;
	return LINK_FRAME_MAX_BYTES;
}

static void on_peer_event(struct channel *channel, uint32_t events);

static enum rc connect_to(struct peer *peer, size_t target)
{
	struct link *link = peer->channel.link;
	const struct sockaddr_storage *address = &peer->targets.of[target];
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return RC_UNAVAILABLE;
	if (connect(fd, (const struct sockaddr *)address, peer->targets.bytes[target]) == 0 ||
	    errno == EINPROGRESS) {
		peer->channel.on_event = on_peer_event;
		peer->connect_due_ms = link_now_ms(link) + LINK_CONNECT_MS;
		if (channel_open(&peer->channel, link, fd, EPOLLOUT) == RC_OK)
			return RC_OK;
	}
	close(fd);
	return RC_UNAVAILABLE;
}

/* To the next of its addresses. False: the peer has ended. */
static bool peer_connect(struct peer *peer)
{
	if (peer->channel.fd >= 0)
		close(peer->channel.fd);
	peer->channel.fd = -1;
	while (peer->next_target < peer->targets.count)
		if (connect_to(peer, peer->next_target++) == RC_OK)
			return true;
	peer_end(peer, RC_UNAVAILABLE);
	return false;
}

static void on_connected(struct peer *peer)
{
	int error = 0;
	socklen_t n = sizeof error;
	if (getsockopt(peer->channel.fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
		(void)peer_connect(peer);
		return;
	}
	peer->is_up = true;
	channel_watch(&peer->channel, EPOLLIN);
	(void)peer_write(peer);
}

static void on_peer_event(struct channel *channel, uint32_t events)
{
	struct peer *peer = CONTAINER_OF(channel, struct peer, channel);
	if (!peer->is_up) {
		on_connected(peer);
		return;
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0 &&
	    channel_serve(channel, answers_max_bytes, answer_take) != RC_OK)
		peer_end(peer, RC_UNAVAILABLE);
	else if ((events & EPOLLOUT) != 0)
		(void)peer_write(peer);
}

/* ---- new peers ---- */

static struct peer *peer_find(struct link *link, int64_t process)
{
	for (struct peer *peer = link->peers; peer; peer = peer->next)
		if (peer->process == process)
			return peer;
	return NULL;
}

static enum rc hello_put(struct peer *peer, str secret)
{
	const struct link_frame frame = {.kind = LINK_HELLO, .u.hello = {LINK_VERSION, secret}};
	return channel_put(&peer->channel, &frame);
}

static void peer_begin(struct peer *peer, const struct link_call *call)
{
	enum rc rc = hello_put(peer, call->secret);
	if (rc == RC_OK)
		rc = targets_numeric(call->address, &peer->targets);
	if (rc == RC_NOT_FOUND)
		rc = lookup_start(peer->channel.link, call->address, &peer->lookup);
	if (rc != RC_OK)
		peer_end(peer, RC_UNAVAILABLE);
	else if (!peer->lookup)
		(void)peer_connect(peer);
}

/* NULL: no memory. */
static struct peer *peer_new(struct link *link, int64_t process)
{
	struct peer *peer = heap_new(struct peer);
	if (!peer)
		return NULL;
	channel_init(&peer->channel, link);
	map64_init(&peer->calls);
	peer->process = process;
	peer->next = link->peers;
	link->peers = peer;
	return peer;
}

static void call_take(struct link *link, struct link_call *call)
{
	if (__atomic_load_n(&link->stopping, __ATOMIC_ACQUIRE)) {
		call->done(call, RC_CANCELLED);
		return;
	}
	struct peer *peer = peer_find(link, call->process);
	bool is_new = !peer;
	if (is_new)
		peer = peer_new(link, call->process);
	if (!peer) {
		call->done(call, RC_NOMEM);
		return;
	}
	call->id = ++link->last_id;
	call->due_ms = link_now_ms(link) + LINK_CALL_MS;
	call_add(peer, call);
	if (is_new)
		peer_begin(peer, call);
}

static void lookup_look(struct peer *peer)
{
	if (!peer->lookup || !lookup_is_over(peer->lookup))
		return;
	peer->targets = peer->lookup->targets;
	lookup_free(TAKE(peer->lookup));
	(void)peer_connect(peer);
}

void peers_take_calls(struct link *link)
{
	struct peer *next;
	struct queue_link *chain =
	    queue_count(&link->calls) > 0 ? queue_take_all(&link->calls) : NULL;
	while (chain) {
		struct link_call *call = CONTAINER_OF(chain, struct link_call, link);
		chain = chain->next;
		call_take(link, call);
	}
	for (struct peer *peer = link->peers; peer; peer = next) {
		next = peer->next;
		if (peer->is_up && peer->unwritten)
			(void)peer_write(peer);
		else
			lookup_look(peer);
	}
}

/* ---- time ---- */

static void peer_tick(struct peer *peer)
{
	const struct link_config *config = &peer->channel.link->config;
	int64_t now_ms = link_now_ms(peer->channel.link);
	if (!config->is_alive(config->self, peer->process)) {
		peer_end(peer, RC_UNAVAILABLE);
		return;
	}
	while (peer->first && peer->first->due_ms <= now_ms)
		call_end(peer, peer->first, RC_TIMEOUT);
	if (!peer->is_up && peer->channel.fd >= 0 && peer->connect_due_ms <= now_ms)
		(void)peer_connect(peer);
}

void peers_tick(struct link *link)
{
	struct peer *next;
	for (struct peer *peer = link->peers; peer; peer = next) {
		next = peer->next;
		peer_tick(peer);
	}
}

bool peers_need_tick(const struct link *link)
{
	for (const struct peer *peer = link->peers; peer; peer = peer->next)
		if (peer->first || !peer->is_up)
			return true;
	return false;
}

void peers_end(struct link *link)
{
	while (link->peers)
		peer_end(link->peers, RC_CANCELLED);
}
