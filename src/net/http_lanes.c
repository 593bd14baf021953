/*
 * Lanes, and the life of a request on them: run, park, hold, wake. See http_int.h for the states.
 *
 * http_park(), http_hold() and http_answer() inside `run` only leave a mark; what follows is done when `run` has
 * returned. So a request cannot end, and its slot be used again, under a handler that is still in it.
 */
#include "base/assert.h"
#include "net/http_int.h"

/* Beyond these a lane answers 503 at once: waiting longer than a client waits helps nobody. */
static const unsigned lane_queue_max[LANE_COUNT] = {
	[LANE_DB] = 4096,
	[LANE_REMOTE] = 4096,
	[LANE_SLOW] = 256, /* some 50 ms each */
};

static const char *const lane_thread_names[LANE_COUNT] = {
	[LANE_DB] = "lane-db",
	[LANE_REMOTE] = "lane-remote",
	[LANE_SLOW] = "lane-slow",
};

/* NOLINTNEXTLINE(readability-non-const-parameter): the exchange writes what it saw */
static bool state_swap(struct http_request *request, unsigned *seen, unsigned next)
{
	return __atomic_compare_exchange_n(&request->state, seen, next, false, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_ACQUIRE);
}

static unsigned state_of(const struct http_request *request)
{
	return __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);
}

static void set_gone(struct http_request *request)
{
	__atomic_store_n(&request->state, REQ_GONE, __ATOMIC_RELEASE);
	request->transport->resume(request);
}

static void enqueue(struct http_request *request)
{
	struct lane *lane = &request->server->lanes[request->lane];
	__atomic_fetch_add(&lane->depth, 1, __ATOMIC_RELAXED);
	if (!queue_put(&lane->queue, &request->link)) {
		__atomic_fetch_sub(&lane->depth, 1, __ATOMIC_RELAXED);
		set_gone(request);
	}
}

bool http_lane_is_full(const struct http_request *request)
{
	const struct lane *lane = &request->server->lanes[request->lane];
	return __atomic_load_n(&lane->depth, __ATOMIC_RELAXED) >= lane_queue_max[request->lane];
}

void http_lane_dispatch(struct http_request *request)
{
	__atomic_store_n(&request->state, REQ_RUN, __ATOMIC_RELEASE);
	enqueue(request);
}

/* PARKED is left by whoever swaps it away; true for that one. */
static bool leave_parked(struct http_request *request, unsigned next)
{
	unsigned seen = REQ_PARKED;
	if (!state_swap(request, &seen, next))
		return false;
	COUNT_SUB(request->server->counters.parked, 1);
	return true;
}

void http_wake(struct http_request *request)
{
	unsigned seen = state_of(request);
	for (;;) {
		if ((seen & REQ_PARKED) != 0) {
			if (leave_parked(request, REQ_RUN)) {
				enqueue(request);
				return;
			}
			seen = state_of(request);
		} else if ((seen & (REQ_RUN | REQ_WOKEN)) != REQ_RUN ||
		           state_swap(request, &seen, seen | REQ_WOKEN)) {
			return; /* woken already or past parking; or woken by us */
		}
	}
}

void http_peer_gone(struct http_request *request)
{
	if (leave_parked(request, REQ_GONE))
		request->transport->resume(request);
}

/* A held request is another thread's, which still reads it; its memory stays until that thread answers. */
void http_give_up(struct http_request *request)
{
	if (leave_parked(request, REQ_GONE)) {
		request->transport->resume(request);
		return;
	}
	unsigned seen = REQ_HELD;
	struct http_server *server = request->server;
	__atomic_fetch_add(&server->refs, 1, __ATOMIC_RELAXED);
	if (state_swap(request, &seen, REQ_HELD | REQ_ABANDONED))
		request->transport->resume(request);
	else
		__atomic_fetch_sub(&server->refs, 1, __ATOMIC_RELAXED);
}

bool http_is_on_lane(const struct http_request *request)
{
	return (state_of(request) & REQ_RUN) != 0;
}

void http_hold(struct http_request *request)
{
	unsigned before = __atomic_fetch_or(&request->state, REQ_HOLD, __ATOMIC_ACQ_REL);
	ASSERT((before & REQ_RUN) != 0 && (before & REQ_PARK) == 0);
}

/* Whoever held it calls this in place of http_answer(): nobody else leaves HELD, but for a server that stops. */
void http_run_again(struct http_request *request)
{
	unsigned seen = state_of(request);
	for (;;) {
		if ((seen & REQ_RUN) != 0) {
			if (state_swap(request, &seen, seen | REQ_AGAIN))
				return; /* the run that held it has not returned: after_run() goes on */
		} else if (seen == REQ_HELD) {
			if (state_swap(request, &seen, REQ_RUN)) {
				enqueue(request);
				return;
			}
		} else {
			break;
		}
	}
	ASSERT((seen & REQ_ABANDONED) != 0);
	unsigned before = __atomic_fetch_or(&request->state, REQ_ANSWERED, __ATOMIC_ACQ_REL);
	if ((before & REQ_DETACHED) != 0)
		http_request_finish(request);
}

void http_park(struct http_request *request, int64_t deadline_mono_ms)
{
	request->park_deadline_ms = deadline_mono_ms;
	unsigned before = __atomic_fetch_or(&request->state, REQ_PARK, __ATOMIC_ACQ_REL);
	ASSERT((before & REQ_RUN) != 0 && (before & (REQ_HOLD | REQ_ANSWERED)) == 0);
}

static int64_t park_timer_fired(struct timer *timer, int64_t now_ms)
{
	(void)now_ms;
	http_wake(CONTAINER_OF(timer, struct http_request, park_timer));
	return TIMER_NEVER;
}

/* Once for each request: a handler that parks again although it was told keeps its deadline. */
static bool must_hear_of_stop(struct http_request *request)
{
	if (request->stop_told || !http_is_stopping(request->server))
		return false;
	request->stop_told = true;
	return true;
}

/* The timer is armed before anybody can see the request as parked, since after that it may be gone. */
static bool try_park(struct http_request *request, unsigned *seen)
{
	struct http_server *server = request->server;
	if (!request->park_armed) {
		request->park_armed = true;
		request->park_timer.fire = park_timer_fired;
		timers_arm(&server->timers, &request->park_timer, request->park_deadline_ms);
	}
	COUNT_ADD(server->counters.parked, 1);
	if (state_swap(request, seen, REQ_PARKED))
		return true;
	COUNT_SUB(server->counters.parked, 1);
	return false;
}

/* Does what the run left marked. Not touched again once it is somebody else's. */
static void after_run(struct http_request *request)
{
	unsigned seen = state_of(request);
	for (;;) {
		if ((seen & REQ_ANSWERED) != 0) {
			__atomic_store_n(&request->state, REQ_ANSWERED, __ATOMIC_RELEASE);
			request->transport->resume(request);
			return;
		}
		if ((seen & REQ_PARK) == 0) {
			ASSERT((seen & REQ_HOLD) != 0); /* `run` ended without an outcome */
			if ((seen & REQ_AGAIN) != 0) {
				if (state_swap(request, &seen, REQ_RUN)) {
					enqueue(request);
					return;
				}
			} else if (state_swap(request, &seen, REQ_HELD)) {
				return;
			}
		} else if ((seen & REQ_WOKEN) != 0 || must_hear_of_stop(request)) {
			if (state_swap(request, &seen, REQ_RUN)) {
				enqueue(request);
				return;
			}
		} else if (try_park(request, &seen)) {
			return;
		}
	}
}

static void run_one(struct http_server *server, struct http_request *request)
{
	if (request->park_armed) {
		timers_cancel(&server->timers, &request->park_timer);
		request->park_armed = false;
	}
	if (__atomic_load_n(&server->closing, __ATOMIC_ACQUIRE)) {
		set_gone(request);
		return;
	}
	/* What woke it until now is what this run is for. */
	(void)__atomic_exchange_n(&request->state, REQ_RUN, __ATOMIC_ACQ_REL);
	server->config.handler.run(server->config.handler.self, request);
	after_run(request);
}

static void *lane_main(void *arg)
{
	struct lane *lane = arg;
	struct queue_link *link;
	while ((link = queue_take(&lane->queue)) != NULL) {
		__atomic_fetch_sub(&lane->depth, 1, __ATOMIC_RELAXED);
		run_one(lane->server, CONTAINER_OF(link, struct http_request, link));
	}
	return NULL;
}

void http_lanes_init(struct http_server *server)
{
	for (size_t i = 0; i < LANE_COUNT; i++) {
		server->lanes[i].server = server;
		queue_init(&server->lanes[i].queue);
	}
}

enum rc http_lanes_start(struct http_server *server)
{
	for (size_t i = 0; i < LANE_COUNT; i++) {
		struct lane *lane = &server->lanes[i];
		unsigned wanted = server->config.lane_threads[i];
		lane->threads = arena_array(&server->arena, thread, wanted);
		TRY(arena_status(&server->arena));
		for (; lane->threads_count < wanted; lane->threads_count++)
			TRY(thread_start(&lane->threads[lane->threads_count], lane_thread_names[i],
			                 lane_main, lane));
	}
	return RC_OK;
}

void http_lanes_stop(struct http_server *server)
{
	for (size_t i = 0; i < LANE_COUNT; i++)
		queue_close(&server->lanes[i].queue);
	for (size_t i = 0; i < LANE_COUNT; i++) {
		struct lane *lane = &server->lanes[i];
		while (lane->threads_count > 0)
			thread_join(lane->threads[--lane->threads_count]);
	}
}

/* Apart from the stop: a wake, or a link, may still put (and be refused). */
void http_lanes_release(struct http_server *server)
{
	for (size_t i = 0; i < LANE_COUNT; i++)
		queue_destroy(&server->lanes[i].queue);
}
