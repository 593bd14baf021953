/*
 * The input is all that one connection sends, to a real server in this process. Whatever it is: what comes back
 * is empty or begins as an answer, each request that began ends, and the connection is closed in the end.
 */
#include "fuzz.h"
#include "net/http_server.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX_BYTES = 300, HEAD_MAX_BYTES = 2048, INPUT_MAX_BYTES = 64 * 1024 };

static struct http_server *server;
static uint64_t begun, ended; /* atomic */

/* The first letter of the path chooses: limits, an early answer, a park that is woken at once. */
static enum http_head_verdict on_head(void *self, struct http_request *request,
                                      size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	(void)self;
	__atomic_fetch_add(&begun, 1, __ATOMIC_SEQ_CST);
	str path = http_path(request);
	if (str_starts(path, STR("/e"))) {
		http_answer(request, &(struct http_response){.status = 401, .body = STR("{}")});
		return HTTP_HEAD_ANSWERED;
	}
	*ret_body_max_bytes = BODY_MAX_BYTES;
	*ret_lane = str_starts(path, STR("/s")) ? LANE_SLOW : LANE_DB;
	return HTTP_HEAD_ACCEPT;
}

static void run(void *self, struct http_request *request)
{
	HOLDS(http_body(request).n <= BODY_MAX_BYTES);
	HOLDS(http_path(request).n + http_query(request).n <= HEAD_MAX_BYTES);
	HOLDS(str_find(http_path(request), '?') == http_path(request).n);
	if (str_starts(http_path(request), STR("/p")) && !http_context(request)) {
		http_set_context(request, &server);
		http_wake(request);
		http_park(request, INT64_MAX / 16);
		return;
	}
	(void)self;
	http_answer(request, &(struct http_response){.status = 200, .body = http_body(request)});
}

static void on_end(void *self, struct http_request *request)
{
	(void)self;
	(void)request;
	__atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
}

static void server_start(void)
{
	struct http_config config = {
		.listen_host = STR("127.0.0.1"),
		.loop_threads = 1,
		.lane_threads = {1, 1, 1},
		.connections_max = 64,
		.head_max_bytes = HEAD_MAX_BYTES,
		.request_budget_bytes = 16 * 1024,
		.body_timeout_ms = 20,
		.idle_timeout_ms = 20,
		.clock = &clock_system,
		.handler = {on_head, run, on_end, NULL},
	};
	HOLDS(http_server_start(&config, &server, NULL) == RC_OK);
}

static int connect_peer(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(http_server_port(server)),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	HOLDS(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	/* Ports run out otherwise: no TIME_WAIT after the whole answer was read. */
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!server)
		server_start();
	if (size > INPUT_MAX_BYTES)
		return 0;
	int fd = connect_peer();
	/* In two parts, so that something is cut in the middle. */
	size_t first = size / 2;
	if (send(fd, data, first, MSG_NOSIGNAL) == (ssize_t)first && size > 0)
		(void)send(fd, data + first, size - first, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	char answer[4096];
	size_t got = 0;
	ssize_t n;
	while ((n = recv(fd, answer + got, sizeof answer - got, 0)) > 0)
		got = got + (size_t)n < sizeof answer ? got + (size_t)n : sizeof answer / 2;
	HOLDS(got < 9 || memcmp(answer, "HTTP/1.", 7) == 0);
	close(fd);
	struct http_counters counters;
	do {
		http_counters(server, &counters);
	} while (counters.connections > 0);
	HOLDS(__atomic_load_n(&begun, __ATOMIC_SEQ_CST) == __atomic_load_n(&ended, __ATOMIC_SEQ_CST));
	HOLDS(counters.parked == 0);
	return 0;
}
