/* Starting, stopping and counting. */
#include "net/http_int.h"

#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum rc config_check(const struct http_config *config, struct fail *fail)
{
	if (config->loop_threads < 1 || config->loop_threads > HTTP_LOOPS_MAX)
		return fail_set(fail, RC_INVALID_PARAM, "loop threads: 1 to %d", HTTP_LOOPS_MAX);
	if (config->connections_max < config->loop_threads)
		return fail_set(fail, RC_INVALID_PARAM, "fewer connections than loop threads");
	for (size_t i = 0; i < LANE_COUNT; i++)
		if (config->lane_threads[i] < 1 || config->lane_threads[i] > HTTP_LANE_THREADS_MAX)
			return fail_set(fail, RC_INVALID_PARAM, "threads of a lane: 1 to %d",
			                HTTP_LANE_THREADS_MAX);
	if (config->body_timeout_ms <= 0 || config->idle_timeout_ms <= 0)
		return fail_set(fail, RC_INVALID_PARAM, "time-outs must be positive");
	return RC_OK;
}

static enum rc server_make(const struct http_config *config, struct http_server **ret_server)
{
	struct arena arena;
	arena_init(&arena, SIZE_MAX / 2);
	struct http_server *server = arena_new(&arena, struct http_server);
	if (!server) {
		arena_release(&arena);
		return RC_NOMEM;
	}
	server->config = *config;
	server->arena = arena;
	server->refs = 1;
	server->listen_fd = -1;
	http_lanes_init(server);
	lock_init(&server->injected_mu);
	lock_init(&server->conns_mu);
	lock_init(&server->stop_mu);
	cond_init(&server->idle);
	*ret_server = server;
	return RC_OK;
}

void http_server_unref(struct http_server *server)
{
	if (__atomic_sub_fetch(&server->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	http_own_free(server);
	http_injected_free(server);
	http_lanes_release(server);
	cond_destroy(&server->idle);
	lock_destroy(&server->stop_mu);
	lock_destroy(&server->conns_mu);
	lock_destroy(&server->injected_mu);
	struct arena arena = server->arena;
	arena_release(&arena); /* `server` stands in it */
}

/* Each step in its order; what was started is stopped again when a later one fails. */
static enum rc start_parts(struct http_server *server, struct fail *fail)
{
	TRY(http_conns_make(server));
	TRY(http_own_make(server));
	TRY(http_listen(server->config.listen_host, server->config.listen_port, &server->listen_fd, &server->port, fail));
	enum rc rc = timers_start(&server->timers, server->config.clock);
	if (rc != RC_OK)
		return rc;
	rc = http_lanes_start(server);
	if (rc == RC_OK)
		rc = http_loops_start(server);
	if (rc != RC_OK) {
		__atomic_store_n(&server->stopping, true, __ATOMIC_RELEASE);
		http_loops_stop(server);
		http_lanes_stop(server);
		timers_stop(&server->timers);
	}
	return rc;
}

enum rc http_server_start(const struct http_config *config, struct http_server **ret_server,
                          struct fail *fail)
{
	struct http_server *server = NULL;
	TRY(config_check(config, fail));
	TRY(server_make(config, &server));
	enum rc rc = start_parts(server, fail);
	if (rc != RC_OK) {
		if (server->listen_fd >= 0)
			close(server->listen_fd);
		http_server_unref(server);
		return rc;
	}
	*ret_server = server;
	return RC_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

bool http_is_stopping(const struct http_server *server)
{
	return __atomic_load_n(&server->stopping, __ATOMIC_ACQUIRE);
}

static void wait_idle(struct http_server *server, int64_t grace_ms)
{
	int64_t until_ms = clock_mono_ms(&clock_system) + grace_ms;
	lock_take(&server->stop_mu);
	while (__atomic_load_n(&server->active, __ATOMIC_ACQUIRE) > 0) {
		int64_t left_ms = until_ms - clock_mono_ms(&clock_system);
		if (left_ms <= 0 || !cond_wait_ms(&server->idle, &server->stop_mu, left_ms))
			break;
	}
	lock_drop(&server->stop_mu);
}

/* Who wakes a request just now finds its lane closed: that ends it, and is waited for. */
static void connections_give_up(struct http_server *server)
{
	http_conns_each(server, http_give_up);
	while (http_conns_any(server, http_is_on_lane))
		(void)sched_yield();
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
	if (server->stopped)
		return;
	server->stopped = true;
	__atomic_store_n(&server->stopping, true, __ATOMIC_RELEASE);
	shutdown(server->listen_fd, SHUT_RDWR); /* the loops' descriptors are the same socket */
	http_loops_wake(server);
	http_conns_each(server, http_wake);
	http_injected_each(server, http_wake);
	wait_idle(server, grace_ms);
	__atomic_store_n(&server->closing, true, __ATOMIC_RELEASE);
	http_lanes_stop(server);
	connections_give_up(server);
	http_injected_each(server, http_peer_gone); /* one that is held is still answered: no connection waits for it */
	http_loops_stop(server); /* nothing is suspended: lanes are gone, the rest was given up */
	timers_stop(&server->timers);
	close(server->listen_fd);
	server->listen_fd = -1;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	http_server_stop(server, 0);
	http_server_unref(server);
}

void http_counters(struct http_server *server, struct http_counters *ret_counters)
{
	const struct http_counters *c = &server->counters;
	*ret_counters = (struct http_counters){
		.requests = __atomic_load_n(&c->requests, __ATOMIC_RELAXED),
		.connections = __atomic_load_n(&c->connections, __ATOMIC_RELAXED),
		.parked = __atomic_load_n(&c->parked, __ATOMIC_RELAXED),
		.bytes_in = __atomic_load_n(&c->bytes_in, __ATOMIC_RELAXED),
		.bytes_out = __atomic_load_n(&c->bytes_out, __ATOMIC_RELAXED),
	};
}
