#include "net/http_client_int.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/heap.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	SPARE_HANDLES_MAX = 128,
	EVENTS_MAX = 64, /* sockets served between two looks at the queue */
	PER_HOST_DEFAULT = 64,
	CONNECTIONS_DEFAULT = 1024,
	IDLE_DEFAULT_MS = 60 * 1000,
};

struct http_client {
	CURLM *multi;
	int epoll_fd, wake_fd; /* -1: not there */
	int64_t due_mono_ms;   /* of libcurl's timer; -1: not running */
	long idle_s;
	struct lock mu;
	struct queue_link *first GUARDED_BY(mu);
	struct queue_link **end GUARDED_BY(mu);
	bool stopping GUARDED_BY(mu);
	bool has_cancelled; /* atomic */
	struct call_state *active, *spare; /* the thread's */
	unsigned spare_count;
	thread thread;
	bool started;
};

/* libcurl's own state is one for the process, and it wants to be told once. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

static void curl_start(void)
{
	curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- sockets and the timer of libcurl ---- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *known)
{
	struct http_client *client = self;
	struct epoll_event event = {.data.fd = fd};
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(client->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	curl_multi_assign(client->multi, fd, client);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *self)
{
	struct http_client *client = self;
	(void)multi;
	client->due_mono_ms = timeout_ms < 0 ? -1 : clock_mono_ms(&clock_system) + timeout_ms;
	return 0;
}

static void wake(struct http_client *client)
{
	uint64_t one = 1;
	/* It fails only when 2^64 - 1 wakes were not seen yet, and then there is no need. */
	ssize_t n = write(client->wake_fd, &one, sizeof one);
	(void)n;
}

static void wakes_forget(struct http_client *client)
{
	uint64_t wakes;
	ssize_t n = read(client->wake_fd, &wakes, sizeof wakes);
	(void)n;
}

static void timer_serve(struct http_client *client)
{
	int running;
	if (client->due_mono_ms < 0 || clock_mono_ms(&clock_system) < client->due_mono_ms)
		return;
	client->due_mono_ms = -1;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int wait_of(const struct http_client *client)
{
	if (client->due_mono_ms < 0)
		return -1;
	int64_t left_ms = client->due_mono_ms - clock_mono_ms(&clock_system);
	return left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

static void sockets_serve(struct http_client *client)
{
	struct epoll_event events[EVENTS_MAX];
	int running, n = epoll_wait(client->epoll_fd, events, EVENTS_MAX, wait_of(client));
	ASSERT(n >= 0 || errno == EINTR);
	for (int i = 0; i < n; i++) {
		int mask = 0;
		if (events[i].data.fd == client->wake_fd) {
			wakes_forget(client);
			continue;
		}
		if (events[i].events & EPOLLIN)
			mask |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_ERR;
		curl_multi_socket_action(client->multi, events[i].data.fd, mask, &running);
	}
	timer_serve(client);
}

/* ---- calls ---- */

static struct call_state *state_take(struct http_client *client)
{
	struct call_state *state = client->spare;
	if (!state)
		return call_state_new(client->idle_s);
	client->spare = state->next;
	client->spare_count--;
	return state;
}

static void state_give_back(struct http_client *client, struct call_state *state)
{
	if (client->spare_count >= SPARE_HANDLES_MAX) {
		call_state_free(state);
		return;
	}
	state->next = client->spare;
	client->spare = state;
	client->spare_count++;
}

static void active_add(struct http_client *client, struct call_state *state)
{
	state->previous = NULL;
	state->next = client->active;
	if (state->next)
		state->next->previous = state;
	client->active = state;
}

static void active_remove(struct http_client *client, struct call_state *state)
{
	*(state->previous ? &state->previous->next : &client->active) = state->next;
	if (state->next)
		state->next->previous = state->previous;
}

static bool is_cancelled(const struct http_call *call)
{
	return __atomic_load_n(&call->is_cancelled, __ATOMIC_ACQUIRE);
}

static void call_refuse(struct http_call *call, enum rc rc)
{
	call_clear_results(call);
	call->done(call, rc);
}

static enum rc state_begin(struct http_client *client, struct call_state *state, struct http_call *call)
{
	TRY(call_state_begin(state, call));
	return curl_multi_add_handle(client->multi, state->easy) == CURLM_OK ? RC_OK : RC_NOMEM;
}

static void call_begin(struct http_client *client, struct http_call *call)
{
	/* The mark may have come while the call was queued: then cancelled_end() has looked already. */
	if (is_cancelled(call)) {
		call_refuse(call, RC_CANCELLED);
		return;
	}
	struct call_state *state = state_take(client);
	enum rc rc = state ? state_begin(client, state, call) : RC_NOMEM;
	if (rc == RC_OK) {
		active_add(client, state);
		return;
	}
	if (state)
		state_give_back(client, state);
	call_refuse(call, rc);
}

static void call_end(struct http_client *client, struct call_state *state, enum rc rc)
{
	struct http_call *call = state->call;
	curl_multi_remove_handle(client->multi, state->easy);
	active_remove(client, state);
	rc = call_state_end(state, rc);
	state_give_back(client, state);
	call->done(call, rc);
}

static void finished_end(struct http_client *client)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct call_state *state = NULL;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &state);
		call_end(client, state, call_state_outcome(state, code));
	}
}

static void cancelled_end(struct http_client *client)
{
	struct call_state *next;
	if (!__atomic_exchange_n(&client->has_cancelled, false, __ATOMIC_ACQ_REL))
		return;
	for (struct call_state *state = client->active; state; state = next) {
		next = state->next;
		if (is_cancelled(state->call))
			call_end(client, state, RC_CANCELLED);
	}
}

static void chain_run(struct http_client *client, struct queue_link *chain, bool refuse)
{
	while (chain) {
		struct http_call *call = CONTAINER_OF(chain, struct http_call, link);
		chain = chain->next;
		if (refuse)
			call_refuse(call, RC_CANCELLED);
		else
			call_begin(client, call);
	}
}

/* ---- the thread ---- */

static bool calls_take(struct http_client *client, struct queue_link **ret_chain)
{
	lock_take(&client->mu);
	*ret_chain = client->first;
	client->first = NULL;
	client->end = &client->first;
	bool go_on = !client->stopping;
	lock_drop(&client->mu);
	return go_on;
}

static void *client_run(void *arg)
{
	struct http_client *client = arg;
	struct queue_link *chain;
	while (calls_take(client, &chain)) {
		chain_run(client, chain, false);
		cancelled_end(client);
		sockets_serve(client);
		finished_end(client);
	}
	chain_run(client, chain, true);
	while (client->active)
		call_end(client, client->active, RC_CANCELLED);
	return NULL;
}

static enum rc sockets_make(struct http_client *client)
{
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = client->wake_fd};
	if (client->epoll_fd < 0 || client->wake_fd < 0 ||
	    epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, client->wake_fd, &event) != 0)
		return RC_NOMEM;
	return RC_OK;
}

static enum rc multi_make(struct http_client *client, const struct http_client_config *config)
{
	long per_host = config->per_host_max ? (long)config->per_host_max : PER_HOST_DEFAULT;
	long all = config->connections_max ? (long)config->connections_max : CONNECTIONS_DEFAULT;
	int64_t idle_ms = config->idle_ms > 0 ? config->idle_ms : IDLE_DEFAULT_MS;
	client->idle_s = (long)((idle_ms + 999) / 1000);
	client->multi = curl_started == CURLE_OK ? curl_multi_init() : NULL;
	if (!client->multi)
		return RC_NOMEM;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
	curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, all);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, all);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return RC_OK;
}

enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client)
{
	pthread_once(&curl_once, curl_start);
	struct http_client *client = heap_new(struct http_client);
	if (!client)
		return RC_NOMEM;
	lock_init(&client->mu);
	client->end = &client->first;
	client->due_mono_ms = -1;
	enum rc rc = sockets_make(client);
	if (rc == RC_OK)
		rc = multi_make(client, config);
	if (rc == RC_OK)
		rc = thread_start(&client->thread, "http-client", client_run, client);
	client->started = rc == RC_OK;
	if (rc == RC_OK)
		*ret_client = client;
	else
		http_client_free(client);
	return rc;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->started) {
		lock_take(&client->mu);
		client->stopping = true;
		lock_drop(&client->mu);
		wake(client);
		thread_join(client->thread);
	}
	for (struct call_state *state = client->spare, *next; state; state = next) {
		next = state->next;
		call_state_free(state);
	}
	/* Closes the kept connections, and calls on_socket() for them. */
	if (client->multi)
		curl_multi_cleanup(client->multi);
	if (client->wake_fd >= 0)
		close(client->wake_fd);
	if (client->epoll_fd >= 0)
		close(client->epoll_fd);
	lock_destroy(&client->mu);
	heap_free(client);
}

void http_client_cancel(struct http_client *client, struct http_call *call)
{
	__atomic_store_n(&call->is_cancelled, true, __ATOMIC_RELEASE);
	__atomic_store_n(&client->has_cancelled, true, __ATOMIC_RELEASE);
	wake(client);
}

void http_client_submit(struct http_client *client, struct http_call *call)
{
	ASSERT(call->total_ms > 0 && call->connect_ms > 0);
	__atomic_store_n(&call->is_cancelled, false, __ATOMIC_RELAXED);
	lock_take(&client->mu);
	bool stopping = client->stopping, was_empty = client->first == NULL;
	call->link.next = NULL;
	if (!stopping) {
		*client->end = &call->link;
		client->end = &call->link.next;
	}
	lock_drop(&client->mu);
	if (stopping)
		call_refuse(call, RC_CANCELLED);
	else if (was_empty)
		wake(client);
}
