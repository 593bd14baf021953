/* What a peer may not do: too much, too slowly, or in two ways at once. */
#include "net/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void is_refusal(const struct reply *reply, int status, const char *errcode)
{
	assert_int_equal(reply->status, status);
	assert_true(reply_has(reply, "Content-Type: application/json\r\n"));
	assert_true(reply_has(reply, "Access-Control-Allow-Origin: *\r\n"));
	assert_true(reply_has(reply, "Date: "));
	char expected[64];
	snprintf(expected, sizeof expected, "{\"errcode\":\"%s\",\"error\":\"", errcode);
	assert_memory_equal(reply->body, expected, strlen(expected));
	assert_int_equal(reply->body[reply->body_n - 1], '}');
}

static void expect_refusal(int fd, int status, const char *errcode)
{
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	is_refusal(&reply, status, errcode);
}

static void refused(struct rig *rig, str bytes, int status, const char *errcode)
{
	int fd = peer_open(rig);
	peer_send(fd, bytes);
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	is_refusal(&reply, status, errcode);
	assert_true(reply_has(&reply, "Connection: close\r\n"));
	assert_true(shutdown(fd, SHUT_WR) == 0);
	assert_true(peer_is_closed(fd));
	close(fd);
}

static void body_limits(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	char text[RIG_SMALL_BYTES + 1];
	memset(text, 'x', sizeof text);
	int fd = peer_open(&rig);
	peer_request(fd, "POST", "/small", NULL, str_bytes(text, RIG_SMALL_BYTES));
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	assert_int_equal(reply.body_n, RIG_SMALL_BYTES);
	close(fd);
	/* At once: nothing of the body has been sent. */
	refused(&rig, STR("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"), 413, "M_TOO_LARGE");
	refused(&rig, STR("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000000000000\r\n\r\n"),
	        413, "M_TOO_LARGE");
	/* Chunks: as soon as they are more than that, before their end. */
	refused(&rig, STR("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	                  "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
	                  "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"),
	        413, "M_TOO_LARGE");
	rig_free(&rig);
}

/* The answer reaches a client that goes on sending, rather than dying of a reset. */
static void a_client_that_sends_on_gets_its_answer(void **state)
{
	(void)state;
	enum { MORE = 600 * 1000 };
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	char *more = calloc(1, MORE);
	assert_non_null(more);
	int fd = peer_open(&rig);
	peer_request(fd, "POST", "/small", NULL, str_bytes(more, MORE));
	expect_refusal(fd, 413, "M_TOO_LARGE");
	assert_true(peer_is_closed(fd));
	close(fd);
	/* The same where on_head answered and the body is too long to read it for nothing. */
	fd = peer_open(&rig);
	peer_request(fd, "POST", "/early", NULL, str_bytes(more, MORE));
	peer_expect(fd, 401, "early");
	assert_true(peer_is_closed(fd));
	close(fd);
	/* And a shorter one keeps the connection. */
	fd = peer_open(&rig);
	peer_request(fd, "POST", "/early", NULL, str_bytes(more, 100 * 1000));
	peer_expect(fd, 401, "early");
	peer_request(fd, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(fd, 200, "");
	close(fd);
	free(more);
	rig_free(&rig);
}

/* After a refusal the server does not read without end. */
static void lingering_has_an_end(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_send(fd, STR("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n"));
	expect_refusal(fd, 413, "M_TOO_LARGE");
	static char block[64 * 1024];
	int blocks = 0;
	while (blocks < 1000 && peer_try_send(fd, str_bytes(block, sizeof block)))
		blocks++;
	assert_true(blocks < 1000);
	close(fd);
	/* A client that is silent after it is cut off by the clock. */
	fd = peer_open(&rig);
	peer_send(fd, STR("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n"));
	expect_refusal(fd, 413, "M_TOO_LARGE");
	for (int i = 0; i < 10; i++)
		clock_fake_advance(&rig.fake, 1000);
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 0);
	close(fd);
	rig_free(&rig);
}

static void contradictory_framing(void **state)
{
	(void)state;
	static const char *const heads[] = {
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: identity\r\n\r\nabc",
		"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	};
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		char text[512];
		int n = snprintf(text, sizeof text, "POST /echo HTTP/1.1\r\nHost: x\r\n%s"
		                 "GET /line?smuggled HTTP/1.1\r\nHost: x\r\n\r\n", heads[i]);
		refused(&rig, str_bytes(text, (size_t)n), 400, "M_UNKNOWN");
	}
	assert_int_equal(rig_count(&rig, &rig.runs), 0);
	rig_free(&rig);
}

/* What the library refuses before we see it: some status of its own, or a close; never a run. */
static void what_is_no_request(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"HELLO\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "fffffffffffffffff\r\n"),
		"GET / HTTP/1.1\r\nno colon\r\n\r\n", "\r\n\r\n",
	};
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int fd = peer_open(&rig);
		peer_send(fd, str_of(rows[i]));
		shutdown(fd, SHUT_WR);
		rig_advance_until_readable(&rig, fd, 1000, 6 * 1000);
		struct reply reply;
		if (peer_reply(fd, false, &reply))
			assert_true(reply.status >= 400 && reply.status < 506);
		assert_true(peer_is_closed(fd));
		close(fd);
	}
	assert_int_equal(rig_count(&rig, &rig.runs), 0);
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 0);
	rig_free(&rig);
}

static void large_heads(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	static char text[300 * 1000];
	static const struct {
		size_t n;
		int status; /* 0: the library's own, which is no JSON */
	} rows[] = {{RIG_HEAD_BYTES - 100, 200}, {RIG_HEAD_BYTES + 100, 431}, {200 * 1000, 0}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int n = snprintf(text, sizeof text, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Long: ");
		memset(text + n, 'y', rows[i].n - (size_t)n - 4);
		memcpy(text + rows[i].n - 4, "\r\n\r\n", 4);
		int fd = peer_open(&rig);
		bool sent = peer_try_send(fd, str_bytes(text, rows[i].n));
		struct reply reply;
		bool replied = sent && peer_reply(fd, false, &reply);
		assert_true(replied || rows[i].status == 0);
		if (rows[i].status == 431)
			is_refusal(&reply, 431, "M_TOO_LARGE");
		else if (rows[i].status != 0)
			assert_int_equal(reply.status, rows[i].status);
		close(fd);
	}
	assert_int_equal(rig_count(&rig, &rig.runs), 1);
	rig_free(&rig);
}

static void a_slow_body_is_cut_off_though_bytes_come(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_request(fd, "POST", "/echo", "Content-Length: 1000\r\n", STR_EMPTY);
	rig_await_counter(&rig, offsetof(struct http_counters, requests), 1);
	int64_t start_ms = clock_mono_ms(&rig.clock);
	for (int64_t ms = 0; ms < RIG_BODY_TIMEOUT_MS - 1000; ms += 1000) {
		peer_send(fd, STR("x"));
		clock_fake_advance(&rig.fake, 1000);
	}
	rig_advance_until_readable(&rig, fd, 500, RIG_BODY_TIMEOUT_MS);
	assert_true(clock_mono_ms(&rig.clock) - start_ms >= RIG_BODY_TIMEOUT_MS);
	expect_refusal(fd, 408, "M_UNKNOWN");
	peer_try_send(fd, STR("x"));
	clock_fake_advance(&rig.fake, 10 * 1000);
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 0);
	assert_int_equal(rig_count(&rig, &rig.runs), 0);
	rig_await(&rig, &rig.ends, 1);
	close(fd);
	rig_free(&rig);
}

static void a_body_in_time_is_served_late_in_the_connection(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (int i = 0; i < 5; i++) { /* the body's deadline starts anew with each head */
		peer_request(fd, "POST", "/echo", "Content-Length: 4\r\n", STR_EMPTY);
		rig_await_counter(&rig, offsetof(struct http_counters, requests), (uint64_t)i + 1);
		clock_fake_advance(&rig.fake, RIG_BODY_TIMEOUT_MS - 1);
		peer_send(fd, STR("body"));
		peer_expect(fd, 200, "body");
	}
	close(fd);
	rig_free(&rig);
}

/* A head that drips is idle time too: bytes do not extend it. */
static void idle_and_dripping_heads_are_closed(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int idle = peer_open(&rig), dripping = peer_open(&rig), used = peer_open(&rig);
	peer_request(used, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(used, 200, "");
	peer_send(dripping, STR("GET /echo HTTP/1.1\r\nX-A: "));
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 3);
	for (int64_t ms = 0; ms < RIG_IDLE_TIMEOUT_MS - 2000; ms += 1000) {
		peer_send(dripping, STR("x"));
		clock_fake_advance(&rig.fake, 1000);
	}
	peer_request(used, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(used, 200, "");
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 3);
	clock_fake_advance(&rig.fake, 2000);
	assert_true(peer_is_closed(idle));
	assert_true(peer_is_closed(dripping));
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 1);
	peer_request(used, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(used, 200, "");
	close(idle);
	close(dripping);
	close(used);
	rig_free(&rig);
}

static void clients_that_leave_in_the_middle(void **state)
{
	(void)state;
	static const char *const sent[] = {
		"", "G", "GET /echo HT", "POST /echo HTTP/1.1\r\nHost: x",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
		"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
		"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "GET /eager HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(sent) * 2; i++) {
		int fd = peer_open(&rig);
		peer_send(fd, str_of(sent[i / 2]));
		struct linger reset = {.l_onoff = (int)(i % 2), .l_linger = 0};
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
	}
	/* Some are only seen to have left by the timer; none waits for its time-out. */
	int64_t start_ms = clock_mono_ms(&rig.clock);
	rig_advance_until_counter(&rig, offsetof(struct http_counters, connections), 0, 10);
	assert_true(clock_mono_ms(&rig.clock) - start_ms < RIG_BODY_TIMEOUT_MS);
	int fd = peer_open(&rig);
	peer_request(fd, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(fd, 200, "");
	close(fd);
	rig_free(&rig);
}

static void a_full_lane_answers_at_once(void **state)
{
	(void)state;
	enum { SLOW_QUEUE_MAX = 256 };
	struct rig rig;
	static int fds[SLOW_QUEUE_MAX + 1];
	rig_init(&rig);
	rig_start(&rig);
	for (int i = 0; i <= SLOW_QUEUE_MAX; i++) {
		fds[i] = peer_open(&rig);
		peer_request(fds[i], "GET", "/block", NULL, STR_EMPTY);
		if (i == 0)
			rig_await(&rig, &rig.blocked, 1);
	}
	rig_await_counter(&rig, offsetof(struct http_counters, requests), SLOW_QUEUE_MAX + 1);
	int fd = peer_open(&rig);
	peer_request(fd, "GET", "/block", NULL, STR_EMPTY);
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	is_refusal(&reply, 503, "M_UNKNOWN");
	assert_true(reply_has(&reply, "Retry-After: "));
	peer_request(fd, "GET", "/echo", NULL, STR_EMPTY); /* another lane, the same connection */
	peer_expect(fd, 200, "");
	rig_let_go(&rig);
	for (int i = 0; i <= SLOW_QUEUE_MAX; i++) {
		peer_expect(fds[i], 200, "let go");
		close(fds[i]);
	}
	close(fd);
	rig_free(&rig);
}

static void a_request_has_a_budget(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig.config.request_budget_bytes = 50 * 1000;
	rig_start(&rig);
	refused(&rig, STR("POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx"), 413,
	        "M_TOO_LARGE");
	int fd = peer_open(&rig);
	peer_request(fd, "POST", "/big", NULL, STR("fits"));
	peer_expect(fd, 200, "fits");
	close(fd);
	rig_free(&rig);
}

static void connections_have_a_limit(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig.config.connections_max = 4;
	rig_start(&rig);
	int fds[6];
	for (int i = 0; i < 6; i++)
		fds[i] = peer_open(&rig); /* the last two wait in the backlog */
	for (int i = 0; i < 4; i++) {
		peer_request(fds[i], "GET", "/echo", NULL, STR_EMPTY);
		peer_expect(fds[i], 200, "");
	}
	peer_request(fds[4], "GET", "/echo", NULL, STR_EMPTY);
	struct http_counters counters;
	http_counters(rig.server, &counters);
	assert_int_equal(counters.connections, 4);
	close(fds[0]);
	peer_expect(fds[4], 200, "");
	for (int i = 1; i < 6; i++)
		close(fds[i]);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_limits),
		cmocka_unit_test(a_client_that_sends_on_gets_its_answer),
		cmocka_unit_test(lingering_has_an_end),
		cmocka_unit_test(contradictory_framing),
		cmocka_unit_test(what_is_no_request),
		cmocka_unit_test(large_heads),
		cmocka_unit_test(a_slow_body_is_cut_off_though_bytes_come),
		cmocka_unit_test(a_body_in_time_is_served_late_in_the_connection),
		cmocka_unit_test(idle_and_dripping_heads_are_closed),
		cmocka_unit_test(clients_that_leave_in_the_middle),
		cmocka_unit_test(a_full_lane_answers_at_once),
		cmocka_unit_test(a_request_has_a_budget),
		cmocka_unit_test(connections_have_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
