/* Connections of other processes, and the requests that they have us run. */
#include "net/link_int.h"

#include "base/heap.h"
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

enum { ACCEPTS_AT_ONCE = 16 };

static bool is_closed(const struct guest *guest)
{
	return guest->channel.fd < 0;
}

/* ---- errands ---- */

static void errand_end(struct errand *errand)
{
	struct guest *guest = errand->guest;
	struct link *link = guest->channel.link;
	if (errand->injection.request)
		http_injected_end(&errand->injection);
	guest->errands--;
	link->errands--;
	errand->next = link->spare_errands;
	link->spare_errands = errand;
}

static void on_over(struct http_injection *injection)
{
	struct errand *errand = CONTAINER_OF(injection, struct errand, injection);
	struct link *link = errand->guest->channel.link; /* which outlives all errands */
	(void)queue_put(&link->over, &errand->link);
	link_wake(link);
}

static struct errand *errand_take(struct guest *guest, uint64_t id)
{
	struct link *link = guest->channel.link;
	struct errand *errand = link->spare_errands;
	if (errand)
		link->spare_errands = errand->next;
	else
		errand = heap_new(struct errand);
	if (!errand)
		return NULL;
	errand->guest = guest;
	errand->id = id;
	guest->errands++;
	link->errands++;
	return errand;
}

/* What cannot be run is answered, too: that it was not. */
static enum rc errand_begin(struct guest *guest, uint64_t id, const struct link_request *request)
{
	struct errand *errand = errand_take(guest, id);
	if (!errand)
		return RC_NOMEM;
	errand->injection = (struct http_injection){
	    .method = request->method,
	    .path = request->path,
	    .query = request->query,
	    .body = request->body,
	    .peer_address = request->client_address,
	    .headers = {{"Authorization", request->authorization},
		{"Content-Type", request->content_type}},
	    .header_count = 2,
	    .over = on_over,
	};
	if (http_inject(guest->channel.link->server, &errand->injection) != RC_OK)
		on_over(&errand->injection);
	return RC_OK;
}

/* ---- life of a guest ---- */

static void guest_end(struct guest *guest)
{
	struct link *link = guest->channel.link;
	struct guest **at = &link->guests;
	while (*at != guest)
		at = &(*at)->next;
	*at = guest->next;
	guest->next = link->ended_guests;
	link->ended_guests = guest;
	link->guests_count--;
	channel_close(&guest->channel);
	for (struct errand *errand = guest->first, *next; errand; errand = next) {
		next = errand->next;
		errand_end(errand);
	}
	guest->first = NULL;
}

void guests_free_ended(struct link *link)
{
	struct guest **at = &link->ended_guests;
	while (*at) {
		struct guest *guest = *at;
		if (guest->errands > 0) {
			at = &guest->next;
			continue;
		}
		*at = guest->next;
		heap_free(guest);
	}
}

void guests_end(struct link *link)
{
	while (link->guests)
		guest_end(link->guests);
}

/* ---- out ---- */

static enum rc answer_write(struct guest *guest, const struct errand *errand)
{
	static const struct link_answer too_large = {
	    .status = 500,
	    .body = STR_INIT("{\"errcode\":\"M_UNKNOWN\",\"error\":\"The answer is too large to be "
			     "passed on\"}"),
	};
	const struct http_injection *injection = &errand->injection;
	struct link_frame frame = {.kind = LINK_ANSWER, .id = errand->id};
	frame.u.answer =
	    (struct link_answer){injection->status, injection->retry_after, injection->answer};
	enum rc rc = channel_put(&guest->channel, &frame);
	if (rc != RC_TOO_LARGE)
		return rc;
	frame.u.answer = too_large;
	return channel_put(&guest->channel, &frame);
}

static void guest_write(struct guest *guest)
{
	enum rc rc = RC_OK;
	while (rc == RC_OK && guest->first && !channel_is_full(&guest->channel)) {
		struct errand *errand = guest->first;
		guest->first = errand->next;
		rc = answer_write(guest, errand);
		errand_end(errand);
	}
	if (rc == RC_OK)
		rc = channel_send(&guest->channel);
	if (rc != RC_OK)
		guest_end(guest);
	else if (guest->errands < LINK_ERRANDS_MAX)
		channel_watch(&guest->channel, guest->channel.watched | EPOLLIN);
}

static void errand_add(struct guest *guest, struct errand *errand)
{
	if (!guest->first)
		guest->end = &guest->first;
	errand->next = NULL;
	*guest->end = errand;
	guest->end = &errand->next;
}

void guests_take_errands(struct link *link)
{
	struct guest *next;
	struct queue_link *chain =
	    queue_count(&link->over) > 0 ? queue_take_all(&link->over) : NULL;
	while (chain) {
		struct errand *errand = CONTAINER_OF(chain, struct errand, link);
		chain = chain->next;
		if (is_closed(errand->guest))
			errand_end(errand);
		else
			errand_add(errand->guest, errand);
	}
	for (struct guest *guest = link->guests; guest; guest = next) {
		next = guest->next;
		if (guest->first)
			guest_write(guest);
	}
}

/* ---- in ---- */

static size_t frame_max_bytes(struct channel *channel)
{
	const struct guest *guest = CONTAINER_OF(channel, struct guest, channel);
	return guest->is_known ? LINK_FRAME_MAX_BYTES : LINK_HELLO_MAX_BYTES;
}

static enum rc hello_check(struct guest *guest, const struct link_frame *frame)
{
	const struct link_config *config = &guest->channel.link->config;
	const struct link_hello *hello = &frame->u.hello;
	if (frame->kind != LINK_HELLO || !config->is_secret(config->self, hello->secret))
		return RC_FORBIDDEN;
	if (hello->version != LINK_VERSION) {
		LOG(LOG_WARNING, "link", "another process speaks another version",
		    LOG_INT("version", hello->version), LOG_INT("ours", LINK_VERSION));
		return RC_FORBIDDEN;
	}
	guest->is_known = true;
	return RC_OK;
}

static enum rc request_take(struct channel *channel, const struct link_frame *frame)
{
	struct guest *guest = CONTAINER_OF(channel, struct guest, channel);
	if (!guest->is_known)
		return hello_check(guest, frame);
	if (frame->kind != LINK_REQUEST)
		return RC_FORBIDDEN;
	return errand_begin(guest, frame->id, &frame->u.request);
}

static void on_guest_event(struct channel *channel, uint32_t events)
{
	struct guest *guest = CONTAINER_OF(channel, struct guest, channel);
	if ((events & ~(uint32_t)EPOLLOUT) != 0 &&
	    channel_serve(channel, frame_max_bytes, request_take) != RC_OK) {
		guest_end(guest);
		return;
	}
	if (guest->errands >= LINK_ERRANDS_MAX)
		channel_watch(channel, channel->watched & ~(uint32_t)EPOLLIN);
	if ((events & EPOLLOUT) != 0)
		guest_write(guest);
}

/* ---- new guests ---- */

/* Room for one more: at the cost of the stranger that has been here longest. False: all are known. */
static bool room_make(struct link *link)
{
	struct guest *oldest = NULL;
	if (link->guests_count < LINK_GUESTS_MAX)
		return true;
	for (struct guest *guest = link->guests; guest; guest = guest->next)
		if (!guest->is_known)
			oldest = guest; /* new ones stand first */
	if (oldest)
		guest_end(oldest);
	return oldest != NULL;
}

static enum rc guest_add(struct link *link, int fd)
{
	if (!room_make(link))
		return RC_BUSY;
	struct guest *guest = heap_new(struct guest);
	if (!guest)
		return RC_NOMEM;
	channel_init(&guest->channel, link);
	guest->channel.on_event = on_guest_event;
	enum rc rc = channel_open(&guest->channel, link, fd, EPOLLIN);
	if (rc != RC_OK) {
		heap_free(guest);
		return rc;
	}
	guest->hello_due_ms = link_now_ms(link) + LINK_HELLO_MS;
	guest->next = link->guests;
	link->guests = guest;
	link->guests_count++;
	return RC_OK;
}

/* Without descriptors, nobody listens until the next tick: the socket would tell of those that wait without end. */
void guests_accept(struct channel *listener, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				channel_watch(listener, 0);
			return;
		}
		if (guest_add(listener->link, fd) != RC_OK)
			close(fd);
	}
}

void guests_tick(struct link *link)
{
	struct guest *next;
	int64_t now_ms = link_now_ms(link);
	channel_watch(&link->listener, EPOLLIN);
	for (struct guest *guest = link->guests; guest; guest = next) {
		next = guest->next;
		if (!guest->is_known && guest->hello_due_ms <= now_ms)
			guest_end(guest);
	}
}

bool guests_need_tick(const struct link *link)
{
	if (link->listener.watched == 0)
		return true;
	for (const struct guest *guest = link->guests; guest; guest = guest->next)
		if (!guest->is_known)
			return true;
	return false;
}
