/*
 * The HTTP server alone, for measuring: each request is answered with a small JSON object on a lane.
 *
 *   net_bench [--port N] [--loops N] [--lane N]
 *   wrk -t1 -c64 -d5s -s tests/bench/post.lua http://127.0.0.1:PORT/
 *
 * GET /park parks for a minute, so that a script can hold long-polls open
 * beside the measured requests. Ends on SIGINT or SIGTERM and prints the counters.
 */
#include "net/http_server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum http_head_verdict on_head(void *self, struct http_request *request,
                                      size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	(void)self;
	(void)request;
	*ret_body_max_bytes = 65536;
	*ret_lane = LANE_DB;
	return HTTP_HEAD_ACCEPT;
}

static void run(void *self, struct http_request *request)
{
	(void)self;
	if (str_eq(http_path(request), STR("/park")) && !http_context(request)) {
		http_set_context(request, request);
		http_park(request, clock_mono_ms(&clock_system) + 60 * 1000);
		return;
	}
	http_answer(request, &(struct http_response){
		.status = 200,
		.body = STR("{\"event_id\":\"$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"),
		.content_type = "application/json",
	});
}

static unsigned option(int argc, char **argv, const char *name, unsigned otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return (unsigned)strtoul(argv[i + 1], NULL, 10);
	return otherwise;
}

int main(int argc, char **argv)
{
	unsigned lane = option(argc, argv, "--lane", 1);
	struct http_config config = {
		.listen_host = STR("127.0.0.1"),
		.listen_port = (uint16_t)option(argc, argv, "--port", 0),
		.loop_threads = option(argc, argv, "--loops", 1),
		.lane_threads = {lane, 1, 1},
		.connections_max = 20000,
		.head_max_bytes = 16 * 1024,
		.request_budget_bytes = 1024 * 1024,
		.body_timeout_ms = 30 * 1000,
		.idle_timeout_ms = 60 * 1000,
		.clock = &clock_system,
		.handler = {.on_head = on_head, .run = run},
	};
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	struct http_server *server;
	struct fail fail = {0};
	if (http_server_start(&config, &server, &fail) != RC_OK) {
		fprintf(stderr, "net_bench: %s\n", fail_message(&fail));
		return 1;
	}
	printf("%u\n", (unsigned)http_server_port(server));
	fflush(stdout);
	int which;
	sigwait(&signals, &which);
	struct http_counters counters;
	http_counters(server, &counters);
	http_server_stop(server, 1000);
	http_server_free(server);
	printf("%" PRIu64 " requests, %" PRIu64 " parked\n", counters.requests, counters.parked);
	return 0;
}
