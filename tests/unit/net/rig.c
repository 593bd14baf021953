#include "net/rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10 * 1000 };

static bool path_is(struct http_request *request, const char *word)
{
	str path = http_path(request);
	return str_starts(path, str_of(word)) && (path.n == strlen(word) || path.p[strlen(word)] == '/');
}

static void answer(struct http_request *request, int status, str body)
{
	http_answer(request, &(struct http_response){
		.status = status, .body = body, .content_type = "text/plain"});
}

static void note(struct rig *rig, unsigned *counter)
{
	lock_take(&rig->mu);
	(*counter)++;
	cond_broadcast(&rig->changed);
	lock_drop(&rig->mu);
}

static enum http_head_verdict on_head(void *self, struct http_request *request,
                                      size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	(void)self;
	if (path_is(request, "/early")) {
		answer(request, 401, STR("early"));
		return HTTP_HEAD_ANSWERED;
	}
	*ret_body_max_bytes = RIG_BODY_BYTES;
	if (path_is(request, "/small"))
		*ret_body_max_bytes = RIG_SMALL_BYTES;
	if (path_is(request, "/big"))
		*ret_body_max_bytes = 8 * 1024 * 1024;
	*ret_lane = path_is(request, "/block") ? LANE_SLOW : LANE_DB;
	return HTTP_HEAD_ACCEPT;
}

static void run_park(struct rig *rig, struct http_request *request)
{
	int64_t now_ms = clock_mono_ms(&rig->clock);
	int64_t *deadline_ms = http_context(request);
	if (deadline_ms) {
		answer(request, 200, now_ms >= *deadline_ms ? STR("deadline") : STR("woken"));
		return;
	}
	deadline_ms = arena_new(http_arena(request), int64_t);
	*deadline_ms = now_ms + RIG_PARK_MS;
	http_set_context(request, deadline_ms);
	if (path_is(request, "/eager"))
		http_wake(request);
	http_park(request, *deadline_ms);
	lock_take(&rig->mu);
	rig->parked = request;
	lock_drop(&rig->mu);
	note(rig, &rig->parks);
}

static void run_block(struct rig *rig, struct http_request *request)
{
	note(rig, &rig->blocked);
	lock_take(&rig->mu);
	while (!rig->let_go)
		cond_wait(&rig->changed, &rig->mu);
	lock_drop(&rig->mu);
	answer(request, 200, STR("let go"));
}

static void run_line(struct http_request *request)
{
	str peer = http_peer_address(request);
	str value = http_header(request, "X-Test");
	str text = http_method_text(request);
	answer(request, 200, arena_printf(http_arena(request), "%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(text),
	                                  STR_ARG(http_path(request)), STR_ARG(http_query(request)),
	                                  STR_ARG(value), STR_ARG(peer)));
}

static void run_came(struct http_request *request)
{
	struct arena *arena = http_arena(request);
	str method = http_method_text(request), path = http_path(request), query = http_query(request);
	str token = http_header(request, "Authorization"), type = http_header(request, "content-type");
	answer(request, 200, arena_printf(arena, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%s", STR_ARG(method),
	                                  STR_ARG(path), STR_ARG(query), STR_ARG(token), STR_ARG(type),
	                                  STR_ARG(http_header_joined(request, "AUTHORIZATION")),
	                                  STR_ARG(http_peer_address(request)),
	                                  http_is_injected(request) ? "injected" : "not"));
}

static void run_hold(struct rig *rig, struct http_request *request)
{
	http_hold(request);
	lock_take(&rig->mu);
	rig->held = request;
	lock_drop(&rig->mu);
	note(rig, &rig->holds);
}

static void run_again(struct rig *rig, struct http_request *request)
{
	if (http_context(request)) {
		answer(request, 200, STR("again"));
		return;
	}
	http_set_context(request, rig);
	if (path_is(request, "/again")) {
		run_hold(rig, request);
		return;
	}
	http_hold(request);
	http_run_again(request);
}

static void run(void *self, struct http_request *request)
{
	struct rig *rig = self;
	note(rig, &rig->runs);
	if (path_is(request, "/park") || path_is(request, "/eager")) {
		run_park(rig, request);
	} else if (path_is(request, "/hold")) {
		run_hold(rig, request);
	} else if (path_is(request, "/again") || path_is(request, "/retry")) {
		run_again(rig, request);
	} else if (path_is(request, "/came")) {
		run_came(request);
	} else if (path_is(request, "/block")) {
		run_block(rig, request);
	} else if (path_is(request, "/line")) {
		run_line(request);
	} else if (path_is(request, "/joined")) {
		answer(request, 200, http_header_joined(request, "X-Test"));
	} else {
		answer(request, 200, http_body(request));
	}
}

static void on_end(void *self, struct http_request *request)
{
	struct rig *rig = self;
	lock_take(&rig->mu);
	if (rig->parked == request)
		rig->parked = NULL;
	lock_drop(&rig->mu);
	note(rig, &rig->ends);
}

void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof *rig);
	rig->fake.mono_ms = 1000;
	rig->fake.wall_ms = 784111777000;
	rig->clock = clock_fake_make(&rig->fake);
	lock_init(&rig->mu);
	cond_init(&rig->changed);
	static const struct http_header own[] = {{"Access-Control-Allow-Origin", STR_INIT("*")}};
	rig->config = (struct http_config){
		.listen_host = STR("127.0.0.1"),
		.loop_threads = 1,
		.lane_threads = {2, 1, 1},
		.connections_max = 2000,
		.head_max_bytes = RIG_HEAD_BYTES,
		.request_budget_bytes = RIG_BUDGET_BYTES,
		.body_timeout_ms = RIG_BODY_TIMEOUT_MS,
		.idle_timeout_ms = RIG_IDLE_TIMEOUT_MS,
		.clock = &rig->clock,
		.handler = {on_head, run, on_end, rig},
		.own_headers = own,
		.own_header_count = COUNT_OF(own),
	};
}

void rig_start(struct rig *rig)
{
	struct fail fail = {0};
	assert_rc(http_server_start(&rig->config, &rig->server, &fail), RC_OK);
}

void rig_free(struct rig *rig)
{
	http_server_free(rig->server);
	cond_destroy(&rig->changed);
	lock_destroy(&rig->mu);
}

void rig_await(struct rig *rig, const unsigned *counter, unsigned n)
{
	bool in_time = true;
	lock_take(&rig->mu);
	while (*counter < n && in_time)
		in_time = cond_wait_ms(&rig->changed, &rig->mu, PATIENCE_MS);
	lock_drop(&rig->mu);
	assert_true(in_time);
}

unsigned rig_count(struct rig *rig, const unsigned *counter)
{
	lock_take(&rig->mu);
	unsigned n = *counter;
	lock_drop(&rig->mu);
	return n;
}

void rig_let_go(struct rig *rig)
{
	lock_take(&rig->mu);
	rig->let_go = true;
	cond_broadcast(&rig->changed);
	lock_drop(&rig->mu);
}

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, timeout_ms) > 0;
}

void rig_advance_until_readable(struct rig *rig, int fd, int64_t step_ms, int64_t most_ms)
{
	/* The pause lets the timer thread look at its clock; the result depends on the clock alone. */
	for (int64_t gone_ms = 0; gone_ms < most_ms; gone_ms += step_ms) {
		if (readable(fd, 15))
			return;
		clock_fake_advance(&rig->fake, step_ms);
	}
	assert_true(readable(fd, PATIENCE_MS));
}

void rig_await_counter(struct rig *rig, size_t offset_in_counters, uint64_t expected)
{
	rig_advance_until_counter(rig, offset_in_counters, expected, 0);
}

void rig_advance_until_counter(struct rig *rig, size_t offset_in_counters, uint64_t expected,
                               int64_t step_ms)
{
	uint64_t value = 0;
	for (int tries = 0; tries < PATIENCE_MS; tries++) {
		struct http_counters counters;
		http_counters(rig->server, &counters);
		memcpy(&value, (const char *)&counters + offset_in_counters, sizeof value);
		if (value == expected)
			return;
		clock_fake_advance(&rig->fake, step_ms);
		poll(NULL, 0, 1);
	}
	assert_int_equal(value, expected);
}

int peer_open(struct rig *rig)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons(http_server_port(rig->server)),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

bool peer_try_send(int fd, str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes = str_from(bytes, (size_t)n);
	}
	return true;
}

void peer_send(int fd, str bytes)
{
	assert_true(peer_try_send(fd, bytes));
}

void peer_request(int fd, const char *method, const char *target, const char *headers, str body)
{
	char head[2048];
	int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, target,
	                 headers ? headers : "");
	if (body.n > 0)
		n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n", body.n);
	n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
	peer_send(fd, str_bytes(head, (size_t)n));
	peer_send(fd, body);
}

/* One byte at a time, so that nothing of a following reply is taken. False at the end. */
static bool read_head(int fd, struct reply *reply)
{
	size_t n = 0;
	while (n + 1 < sizeof reply->head) {
		if (!readable(fd, PATIENCE_MS))
			fail_msg("no reply in time");
		if (recv(fd, reply->head + n, 1, 0) != 1)
			return false;
		reply->head[++n] = '\0';
		if (n >= 4 && memcmp(reply->head + n - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	fail_msg("endless head");
	return false;
}

bool peer_reply(int fd, bool head_only, struct reply *ret_reply)
{
	*ret_reply = (struct reply){0};
	if (!read_head(fd, ret_reply))
		return false;
	assert_memory_equal(ret_reply->head, "HTTP/1.1 ", 9);
	ret_reply->status = (int)strtol(ret_reply->head + 9, NULL, 10);
	const char *length = strstr(ret_reply->head, "Content-Length: ");
	size_t want = length && !head_only ? strtoul(length + 16, NULL, 10) : 0;
	assert_true(want < sizeof ret_reply->body);
	while (ret_reply->body_n < want) {
		ssize_t n = recv(fd, ret_reply->body + ret_reply->body_n, want - ret_reply->body_n, 0);
		if (n <= 0)
			return false;
		ret_reply->body_n += (size_t)n;
	}
	return true;
}

void peer_expect(int fd, int status, const char *body)
{
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	assert_int_equal(reply.status, status);
	if (body)
		assert_str(str_bytes(reply.body, reply.body_n), str_of(body));
}

bool peer_is_closed(int fd)
{
	char rest[4096];
	ssize_t n = 1;
	while (n > 0) {
		if (!readable(fd, PATIENCE_MS))
			return false;
		n = recv(fd, rest, sizeof rest, 0);
	}
	return n == 0 || errno == ECONNRESET;
}

bool reply_has(const struct reply *reply, const char *head_line)
{
	return strstr(reply->head, head_line) != NULL;
}
