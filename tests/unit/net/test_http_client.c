/* The client against our own server, and against peers that misbehave byte by byte. */
#include "net/rig.h"

#include "net/http_client.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10 * 1000, SHORT_MS = 150, MANY = 64, URL_BYTES = 256 };

struct bench {
	struct rig rig;
	struct http_client *client;
	struct lock mu;
	struct cond changed;
	unsigned dones; /* guarded by mu */
};

struct trial {
	struct http_call call;
	struct bench *bench;
	struct arena arena;
	char url[URL_BYTES];
	enum rc rc;     /* guarded by the bench's mu */
	unsigned dones; /* guarded by the bench's mu */
};

static void on_done(struct http_call *call, enum rc rc)
{
	struct trial *trial = CONTAINER_OF(call, struct trial, call);
	struct bench *bench = trial->bench;
	lock_take(&bench->mu);
	trial->rc = rc;
	trial->dones++;
	bench->dones++;
	cond_broadcast(&bench->changed);
	lock_drop(&bench->mu);
}

static void bench_start(struct bench *bench, unsigned per_host_max)
{
	memset(bench, 0, sizeof *bench);
	lock_init(&bench->mu);
	cond_init(&bench->changed);
	rig_init(&bench->rig);
	rig_start(&bench->rig);
	struct http_client_config config = {.per_host_max = per_host_max};
	assert_rc(http_client_new(&config, &bench->client), RC_OK);
}

static void bench_stop(struct bench *bench)
{
	http_client_free(TAKE(bench->client));
	rig_free(&bench->rig);
	cond_destroy(&bench->changed);
	lock_destroy(&bench->mu);
}

static void trial_init(struct trial *trial, struct bench *bench, unsigned port, const char *target)
{
	memset(trial, 0, sizeof *trial);
	arena_init(&trial->arena, MEBIBYTE);
	trial->bench = bench;
	int n = snprintf(trial->url, sizeof trial->url, "http://127.0.0.1:%u%s", port, target);
	trial->call = (struct http_call){
	    .method = "GET",
	    .url = {trial->url, (size_t)n},
	    .connect_ms = PATIENCE_MS,
	    .total_ms = PATIENCE_MS,
	    .answer_max_bytes = 64 * 1024,
	    .arena = &trial->arena,
	    .done = on_done,
	};
}

static void trial_await(struct trial *trial)
{
	struct bench *bench = trial->bench;
	bool in_time = true;
	lock_take(&bench->mu);
	while (!trial->dones && in_time)
		in_time = cond_wait_ms(&bench->changed, &bench->mu, 2 * PATIENCE_MS);
	lock_drop(&bench->mu);
	assert_true(in_time);
	assert_int_equal(trial->dones, 1);
}

static void trial_submit(struct trial *trial)
{
	http_client_submit(trial->bench->client, &trial->call);
}

static void trial_run(struct trial *trial, enum rc expected)
{
	trial_submit(trial);
	trial_await(trial);
	assert_rc(trial->rc, expected);
}

static unsigned port_of(struct bench *bench)
{
	return http_server_port(bench->rig.server);
}

/* ---- a peer that the test plays ---- */

static int listener_open(unsigned *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static int listener_accept(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	int fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

/* Reads a head to its end (and a body that came with it); NUL-terminated. */
static void peer_read(int fd, char *text, size_t size, const char *until)
{
	size_t n = 0;
	text[0] = '\0';
	while (!strstr(text, until)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		ssize_t got = recv(fd, text + n, size - 1 - n, 0);
		assert_true(got > 0);
		n += (size_t)got;
		text[n] = '\0';
	}
}

/* One call that is answered with these bytes; then the connection ends. */
static void trial_against(struct trial *trial, int listener, str bytes, enum rc expected)
{
	char head[2048];
	trial_submit(trial);
	int fd = listener_accept(listener);
	peer_read(fd, head, sizeof head, "\r\n\r\n");
	(void)peer_try_send(fd, bytes);
	shutdown(fd, SHUT_WR);
	trial_await(trial);
	close(fd);
	assert_rc(trial->rc, expected);
}

/* ---- good calls ---- */

static void methods_and_bodies_arrive(void **state)
{
	(void)state;
	static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"};
	struct bench bench;
	bench_start(&bench, 0);
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		char expected[128];
		struct trial line, echo;
		trial_init(&line, &bench, port_of(&bench), "/line?a=%20b");
		line.call.method = methods[i];
		line.call.headers[line.call.header_count++] = (struct call_header){"X-Test", STR("some value")};
		trial_run(&line, RC_OK);
		assert_int_equal(line.call.status, 200);
		snprintf(expected, sizeof expected, "%s|/line|a=%%20b|some value|127.0.0.1", methods[i]);
		assert_str(line.call.answer, str_of(expected));
		assert_str(http_call_header(&line.call, STR("content-TYPE")), STR("text/plain"));
		assert_str(http_call_header(&line.call, STR("X-None")), STR_EMPTY);
		trial_init(&echo, &bench, port_of(&bench), "/echo");
		echo.call.method = methods[i];
		echo.call.body = i ? STR("{\"body\":\"of a call\"}") : STR_EMPTY;
		trial_run(&echo, RC_OK);
		assert_str(echo.call.answer, echo.call.body);
		assert_false(echo.call.maybe_sent);
		arena_release(&line.arena);
		arena_release(&echo.arena);
	}
	bench_stop(&bench);
}

/* A HEAD tells the length of a body that does not come. */
static void head_has_no_body(void **state)
{
	(void)state;
	struct bench bench;
	struct trial trial;
	unsigned port;
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	trial_init(&trial, &bench, port, "/x");
	trial.call.method = "HEAD";
	trial.call.answer_max_bytes = 10;
	trial_against(&trial, listener, STR("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), RC_OK);
	assert_int_equal(trial.call.answer.n, 0);
	assert_str(http_call_header(&trial.call, STR("Content-Length")), STR("1000"));
	arena_release(&trial.arena);
	close(listener);
	bench_stop(&bench);
}

/* What stands on the wire: nothing that nobody asked for, and the path as it was given. */
static void request_is_what_was_asked(void **state)
{
	(void)state;
	struct bench bench;
	struct trial trial;
	unsigned port;
	char head[2048], expected[2048];
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	trial_init(&trial, &bench, port, "/a/../b/%2e%2e/./c?d=/../");
	trial.call.method = "PUT";
	trial.call.body = STR("body");
	trial.call.headers[0] = (struct call_header){"X-One", STR("1")};
	trial.call.headers[1] = (struct call_header){"X-Empty", STR_EMPTY};
	trial.call.header_count = 2;
	trial_submit(&trial);
	int fd = listener_accept(listener);
	peer_read(fd, head, sizeof head, "\r\n\r\nbody");
	snprintf(expected, sizeof expected,
	    "PUT /a/../b/%%2e%%2e/./c?d=/../ HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-One: 1\r\nContent-Length: 4\r\n\r\nbody",
	    port);
	assert_string_equal(head, expected);
	peer_send(fd, STR("HTTP/1.1 100 Continue\r\nRetry-After: 1\r\n\r\nHTTP/1.1 429 No\r\nretry-after:  17 \r\n"
	                  "Transfer-Encoding: chunked\r\nX-Bad: a\001b\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n"));
	trial_await(&trial);
	assert_rc(trial.rc, RC_OK);
	assert_int_equal(trial.call.status, 429);
	assert_str(trial.call.answer, STR("abc"));
	assert_str(trial.call.retry_after, STR("17"));
	assert_str(http_call_header(&trial.call, STR("X-Bad")), STR_EMPTY);
	assert_str(http_call_header(&trial.call, STR("X-Trailer")), STR_EMPTY);
	close(fd);
	close(listener);
	arena_release(&trial.arena);
	bench_stop(&bench);
}

/* From a mebibyte on, libcurl would ask first, and wait for a second when nobody answers that. */
static void large_body_is_not_announced(void **state)
{
	(void)state;
	struct bench bench;
	struct trial trial;
	unsigned port;
	static char head[4096], body[2 * MEBIBYTE];
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	memset(body, 'x', sizeof body);
	trial_init(&trial, &bench, port, "/x");
	trial.call.method = "PUT";
	trial.call.body = str_bytes(body, sizeof body);
	trial_submit(&trial);
	int fd = listener_accept(listener);
	peer_read(fd, head, sizeof head, "\r\n\r\n");
	assert_null(strstr(head, "Expect"));
	close(fd);
	trial_await(&trial);
	assert_rc(trial.rc, RC_UNAVAILABLE);
	assert_true(trial.call.maybe_sent);
	arena_release(&trial.arena);
	close(listener);
	bench_stop(&bench);
}

static void connection_is_kept(void **state)
{
	(void)state;
	struct bench bench;
	struct http_counters counters;
	unsigned port;
	char head[2048];
	bench_start(&bench, 0);
	/* Peers see one connection: the second request comes on the first one's. */
	int listener = listener_open(&port), fd = -1;
	for (int i = 0; i < 5; i++) {
		struct trial trial;
		trial_init(&trial, &bench, port, "/x");
		trial_submit(&trial);
		if (fd < 0)
			fd = listener_accept(listener);
		peer_read(fd, head, sizeof head, "\r\n\r\n");
		peer_send(fd, STR("HTTP/1.1 204 No Content\r\n\r\n"));
		trial_await(&trial);
		assert_rc(trial.rc, RC_OK);
		assert_int_equal(trial.call.status, 204);
		arena_release(&trial.arena);
	}
	close(fd);
	close(listener);
	for (int i = 0; i < 50; i++) {
		struct trial trial;
		trial_init(&trial, &bench, port_of(&bench), "/line");
		trial_run(&trial, RC_OK);
		arena_release(&trial.arena);
	}
	http_counters(bench.rig.server, &counters);
	assert_int_equal(counters.requests, 50);
	assert_int_equal(counters.connections, 1);
	bench_stop(&bench);
}

static void many_at_once(struct bench *bench, unsigned connections_max)
{
	struct trial *trials = calloc(MANY, sizeof *trials);
	struct http_counters counters;
	assert_non_null(trials);
	for (unsigned i = 0; i < MANY; i++) {
		char target[32];
		snprintf(target, sizeof target, "/line/%u", i);
		trial_init(&trials[i], bench, port_of(bench), target);
		trial_submit(&trials[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		char expected[64];
		trial_await(&trials[i]);
		assert_rc(trials[i].rc, RC_OK);
		snprintf(expected, sizeof expected, "GET|/line/%u|||127.0.0.1", i);
		assert_str(trials[i].call.answer, str_of(expected));
		arena_release(&trials[i].arena);
	}
	free(trials);
	http_counters(bench->rig.server, &counters);
	assert_true(counters.connections <= connections_max);
}

static void calls_run_side_by_side(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, 0);
	for (int round = 0; round < 5; round++)
		many_at_once(&bench, MANY);
	bench_stop(&bench);
}

static void more_calls_than_connections_wait(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench, 3);
	many_at_once(&bench, 3);
	bench_stop(&bench);
}

/* ---- limits ---- */

static void answers_are_limited(void **state)
{
	(void)state;
	static const struct {
		str bytes;
		size_t max_bytes;
		enum rc rc;
	} rows[] = {
	    {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"), 5, RC_OK},
	    {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456"), 5, RC_TOO_LARGE},
	    {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n1"), 5, RC_TOO_LARGE},
	    {STR_INIT("HTTP/1.1 200 OK\r\n\r\n12345"), 5, RC_OK},
	    {STR_INIT("HTTP/1.1 200 OK\r\n\r\n123456"), 5, RC_TOO_LARGE},
	    {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"), 0, RC_TOO_LARGE},
	    {STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 0, RC_OK},
	    {STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), 5,
	        RC_TOO_LARGE},
	};
	struct bench bench;
	unsigned port;
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trial trial;
		trial_init(&trial, &bench, port, "/x");
		trial.call.answer_max_bytes = rows[i].max_bytes;
		trial_against(&trial, listener, rows[i].bytes, rows[i].rc);
		assert_int_equal(trial.call.maybe_sent, rows[i].rc != RC_OK);
		assert_int_equal(trial.call.status, rows[i].rc == RC_OK ? 200 : 0);
		arena_release(&trial.arena);
	}
	close(listener);
	bench_stop(&bench);
}

/* Header lines, or interim answers, as long as the client listens. */
static void heads_without_end_are_refused(void **state)
{
	(void)state;
	static const struct {
		str first, again;
	} rows[] = {
	    {STR_INIT("HTTP/1.1 200 OK\r\n"), STR_INIT("X-Header: some text or other\r\n")},
	    {STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"), STR_INIT("X-Trailer: text\r\n")},
	    {STR_INIT(""), STR_INIT("HTTP/1.1 102 Processing\r\nX: y\r\n\r\n")},
	};
	struct bench bench;
	unsigned port;
	char head[2048];
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trial trial;
		trial_init(&trial, &bench, port, "/x");
		trial_submit(&trial);
		int fd = listener_accept(listener);
		peer_read(fd, head, sizeof head, "\r\n\r\n");
		peer_send(fd, rows[i].first);
		for (size_t n = 0; n < 4 * MEBIBYTE && peer_try_send(fd, rows[i].again); n += rows[i].again.n)
			;
		shutdown(fd, SHUT_WR);
		trial_await(&trial);
		assert_rc(trial.rc, RC_TOO_LARGE);
		close(fd);
		arena_release(&trial.arena);
	}
	close(listener);
	bench_stop(&bench);
}

/* Every budget from none to enough: the arena's failure is the call's, never a cut-off answer. */
static void arena_may_be_spent(void **state)
{
	(void)state;
	struct bench bench;
	bool seen_ok = false, seen_budget = false;
	bench_start(&bench, 0);
	for (size_t budget = 0; budget < 8000; budget += 200) {
		static char text[3000];
		struct trial trial;
		memset(text, 'x', sizeof text);
		trial_init(&trial, &bench, port_of(&bench), "/echo");
		arena_release(&trial.arena);
		arena_init(&trial.arena, budget);
		trial.call.method = "POST";
		trial.call.body = str_bytes(text, sizeof text);
		trial_submit(&trial);
		trial_await(&trial);
		seen_ok = seen_ok || trial.rc == RC_OK;
		seen_budget = seen_budget || trial.rc == RC_BUDGET;
		assert_true(trial.rc == (seen_ok ? RC_OK : RC_BUDGET));
		if (trial.rc == RC_OK)
			assert_str(trial.call.answer, trial.call.body);
		arena_release(&trial.arena);
	}
	assert_true(seen_ok && seen_budget);
	bench_stop(&bench);
}

/* ---- what is no call ---- */

static void refuse(struct trial *trial)
{
	trial_run(trial, RC_INVALID_PARAM);
	assert_false(trial->call.maybe_sent);
	arena_release(&trial->arena);
}

static void bad_urls_and_methods_are_refused(void **state)
{
	(void)state;
	static const str urls[] = {STR_INIT(""), STR_INIT("127.0.0.1/"), STR_INIT("ftp://127.0.0.1/"),
	    STR_INIT("file:///etc/passwd"), STR_INIT("http://127.0.0.1/\r\nX: y"), STR_INIT("http://127.0.0.1/\0x"),
	    STR_INIT("http://127.0.0.1/\nx"), STR_INIT("http://127.0.0.1/a b"), STR_INIT("http://127.0.0.1/#x"),
	    STR_INIT("http://user@127.0.0.1/"), STR_INIT("http://u:p@127.0.0.1/"), STR_INIT("http://127.0.0.1:99999/"),
	    STR_INIT("http://127.0.0.1/\177")};
	static const char *const methods[] = {NULL, "", "GE T", "GET\r\nX: y", "GET /x HTTP/1.1\r\n", "G\xc3\xa9T"};
	struct bench bench;
	struct trial trial;
	bench_start(&bench, 0);
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		trial_init(&trial, &bench, 1, "/");
		trial.call.url = urls[i];
		refuse(&trial);
	}
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		trial_init(&trial, &bench, port_of(&bench), "/line");
		trial.call.method = methods[i];
		refuse(&trial);
	}
	trial_init(&trial, &bench, port_of(&bench), "/line");
	trial.call.method = "HEAD";
	trial.call.body = STR("body");
	refuse(&trial);
	assert_int_equal(rig_count(&bench.rig, &bench.rig.runs), 0);
	bench_stop(&bench);
}

static void bad_headers_are_refused(void **state)
{
	(void)state;
	static const struct call_header headers[] = {{"X-Test", STR_INIT("a\r\nX-Other: b")},
	    {"X-Test", STR_INIT("a\rb")}, {"X-Test", STR_INIT("a\nb")}, {"X-Test", STR_INIT("a\0b")},
	    {"X-Test", STR_INIT("a\177")}, {"X-Te\r\nst", STR_INIT("a")}, {"X-Test:", STR_INIT("a")}, {"", STR_INIT("a")},
	    {NULL, STR_INIT("a")}, {"X Test", STR_INIT("a")}, {"content-length", STR_INIT("7")},
	    {"Transfer-Encoding", STR_INIT("chunked")}, {"Connection", STR_INIT("close")},
	    {"Expect", STR_INIT("100-continue")}};
	static char large[CALL_HEADER_MAX_BYTES + 1];
	struct bench bench;
	struct trial trial;
	bench_start(&bench, 0);
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		trial_init(&trial, &bench, port_of(&bench), "/line");
		trial.call.headers[0] = (struct call_header){"X-Good", STR("good")};
		trial.call.headers[1] = headers[i];
		trial.call.header_count = 2;
		refuse(&trial);
	}
	memset(large, 'x', sizeof large);
	trial_init(&trial, &bench, port_of(&bench), "/line");
	trial.call.headers[0] = (struct call_header){"X-Test", {large, sizeof large}};
	trial.call.header_count = 1;
	refuse(&trial);
	trial_init(&trial, &bench, port_of(&bench), "/line");
	trial.call.header_count = CALL_HEADERS_MAX + 1;
	refuse(&trial);
	assert_int_equal(rig_count(&bench.rig, &bench.rig.runs), 0);
	bench_stop(&bench);
}

/* ---- peers that fail ---- */

static void refused_connection_sent_nothing(void **state)
{
	(void)state;
	struct bench bench;
	struct trial trial;
	unsigned port;
	bench_start(&bench, 0);
	close(listener_open(&port));
	trial_init(&trial, &bench, port, "/x");
	trial.call.method = "PUT";
	trial.call.body = STR("body");
	trial.call.maybe_sent = true; /* of an earlier use */
	trial_run(&trial, RC_UNAVAILABLE);
	assert_false(trial.call.maybe_sent);
	arena_release(&trial.arena);
	bench_stop(&bench);
}

static void lost_connection_may_have_sent(void **state)
{
	(void)state;
	static const str answers[] = {STR_INIT(""), STR_INIT("HTTP/1."), STR_INIT("HTTP/1.1 200 OK\r\nContent-"),
	    STR_INIT("HTTP/1.1 200 OK\r\n"), STR_INIT("HTTP/1.1 102 Processing\r\n\r\n"),
	    STR_INIT("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
	    STR_INIT("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n"),
	    STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234"), STR_INIT("no HTTP at all\r\n\r\n"),
	    STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
	    STR_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
	    STR_INIT("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n1234")};
	struct bench bench;
	unsigned port;
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct trial trial;
		trial_init(&trial, &bench, port, "/x");
		trial_against(&trial, listener, answers[i], RC_UNAVAILABLE);
		assert_true(trial.call.maybe_sent);
		assert_int_equal(trial.call.status, 0);
		assert_int_equal(trial.call.answer.n, 0);
		arena_release(&trial.arena);
	}
	close(listener);
	bench_stop(&bench);
}

/* A kept connection ends under the second call and nobody listens any more: that call had been sent once. */
static void lost_kept_connection_may_have_sent(void **state)
{
	(void)state;
	struct bench bench;
	struct trial first, second;
	unsigned port;
	char head[2048];
	bench_start(&bench, 0);
	int listener = listener_open(&port);
	trial_init(&first, &bench, port, "/1");
	trial_submit(&first);
	int fd = listener_accept(listener);
	peer_read(fd, head, sizeof head, "\r\n\r\n");
	peer_send(fd, STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));
	trial_await(&first);
	assert_rc(first.rc, RC_OK);
	trial_init(&second, &bench, port, "/2");
	trial_submit(&second);
	peer_read(fd, head, sizeof head, "\r\n\r\n");
	close(listener);
	close(fd);
	trial_await(&second);
	assert_rc(second.rc, RC_UNAVAILABLE);
	assert_true(second.call.maybe_sent);
	/* The handle of a call that was sent says nothing of the next one's. */
	arena_release(&first.arena);
	trial_init(&first, &bench, port, "/3");
	trial_run(&first, RC_UNAVAILABLE);
	assert_false(first.call.maybe_sent);
	arena_release(&first.arena);
	arena_release(&second.arena);
	bench_stop(&bench);
}

static void silent_peers_time_out(void **state)
{
	(void)state;
	struct bench bench;
	struct trial trials[2];
	unsigned port;
	bench_start(&bench, 1);
	int listener = listener_open(&port);
	for (int i = 0; i < 2; i++) {
		trial_init(&trials[i], &bench, port, "/x");
		trials[i].call.total_ms = SHORT_MS * (2 - i);
	}
	trial_submit(&trials[0]);
	int fd = listener_accept(listener);
	/* The second one waits for the one connection that a host may have: it was never sent. */
	trial_submit(&trials[1]);
	trial_await(&trials[1]);
	assert_rc(trials[1].rc, RC_TIMEOUT);
	assert_false(trials[1].call.maybe_sent);
	trial_await(&trials[0]);
	assert_rc(trials[0].rc, RC_TIMEOUT);
	assert_true(trials[0].call.maybe_sent);
	for (int i = 0; i < 2; i++)
		arena_release(&trials[i].arena);
	close(fd);
	close(listener);
	bench_stop(&bench);
}

/* ---- the end ---- */

static void cancelled_call_ends_alone(void **state)
{
	(void)state;
	struct bench bench;
	struct trial held, other;
	bench_start(&bench, 0);
	trial_init(&held, &bench, port_of(&bench), "/park");
	trial_submit(&held);
	rig_await(&bench.rig, &bench.rig.parks, 1);
	http_client_cancel(bench.client, &held.call);
	trial_await(&held);
	assert_rc(held.rc, RC_CANCELLED);
	assert_true(held.call.maybe_sent);
	http_client_cancel(bench.client, &held.call);
	trial_init(&other, &bench, port_of(&bench), "/line");
	trial_run(&other, RC_OK);
	/* The same object once more: the old mark does not count. */
	arena_release(&held.arena);
	arena_init(&held.arena, MEBIBYTE);
	held.dones = 0;
	held.call.url = other.call.url;
	trial_run(&held, RC_OK);
	arena_release(&held.arena);
	arena_release(&other.arena);
	bench_stop(&bench);
}

/* Submits and cancels the call in `self` while the thread is between its looks at the queue and at the marks. */
static void done_then_cancel_next(struct http_call *call, enum rc rc)
{
	struct trial *next = call->self;
	on_done(call, rc);
	trial_submit(next);
	http_client_cancel(next->bench->client, &next->call);
}

static void cancellation_in_the_queue_counts(void **state)
{
	(void)state;
	struct bench bench;
	struct trial refused, parked;
	bench_start(&bench, 0);
	trial_init(&parked, &bench, port_of(&bench), "/park");
	trial_init(&refused, &bench, port_of(&bench), "/a b");
	refused.call.done = done_then_cancel_next;
	refused.call.self = &parked;
	trial_run(&refused, RC_INVALID_PARAM);
	trial_await(&parked);
	assert_rc(parked.rc, RC_CANCELLED);
	assert_false(parked.call.maybe_sent);
	arena_release(&refused.arena);
	arena_release(&parked.arena);
	bench_stop(&bench);
}

static void free_cancels_what_is_under_way(void **state)
{
	(void)state;
	struct bench bench;
	static struct trial trials[MANY];
	bench_start(&bench, 8);
	for (unsigned i = 0; i < MANY; i++) {
		trial_init(&trials[i], &bench, port_of(&bench), "/park");
		trial_submit(&trials[i]);
	}
	rig_await(&bench.rig, &bench.rig.parks, 8);
	http_client_free(TAKE(bench.client));
	assert_int_equal(bench.dones, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(trials[i].dones, 1);
		assert_rc(trials[i].rc, RC_CANCELLED);
		arena_release(&trials[i].arena);
	}
	bench_stop(&bench);
}

static void new_survives_no_memory(void **state)
{
	(void)state;
	struct http_client *client = NULL;
	struct http_client_config config = {0};
	arena_fail_after(0);
	assert_rc(http_client_new(&config, &client), RC_NOMEM);
	arena_fail_after(-1);
	assert_null(client);
	assert_rc(http_client_new(&config, &client), RC_OK);
	http_client_free(client);
	http_client_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(methods_and_bodies_arrive),
	    cmocka_unit_test(head_has_no_body),
	    cmocka_unit_test(request_is_what_was_asked),
	    cmocka_unit_test(large_body_is_not_announced),
	    cmocka_unit_test(connection_is_kept),
	    cmocka_unit_test(calls_run_side_by_side),
	    cmocka_unit_test(more_calls_than_connections_wait),
	    cmocka_unit_test(answers_are_limited),
	    cmocka_unit_test(heads_without_end_are_refused),
	    cmocka_unit_test(arena_may_be_spent),
	    cmocka_unit_test(bad_urls_and_methods_are_refused),
	    cmocka_unit_test(bad_headers_are_refused),
	    cmocka_unit_test(refused_connection_sent_nothing),
	    cmocka_unit_test(lost_connection_may_have_sent),
	    cmocka_unit_test(lost_kept_connection_may_have_sent),
	    cmocka_unit_test(silent_peers_time_out),
	    cmocka_unit_test(cancelled_call_ends_alone),
	    cmocka_unit_test(cancellation_in_the_queue_counts),
	    cmocka_unit_test(free_cancels_what_is_under_way),
	    cmocka_unit_test(new_survives_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
