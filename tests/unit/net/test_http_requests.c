/* What a handler is shown, and how answers go out. */
#include "net/rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void the_request_line_arrives_raw(void **state)
{
	(void)state;
	static const struct {
		const char *method, *target, *headers, *expected;
	} rows[] = {
		{"GET", "/line", NULL, "GET|/line|||127.0.0.1"},
		{"GET", "/line/%2F%20%zz+%C3%A9?a=%26&b=+&c", NULL,
			"GET|/line/%2F%20%zz+%C3%A9|a=%26&b=+&c||127.0.0.1"},
		{"GET", "/line?", NULL, "GET|/line|||127.0.0.1"},
		{"GET", "/line??x?y", NULL, "GET|/line|?x?y||127.0.0.1"},
		{"DELETE", "/line", "x-tEST:  a b \r\n", "DELETE|/line||a b|127.0.0.1"},
		{"PATCH", "/line", "X-Test: one\r\nX-Test: two\r\n", "PATCH|/line||one|127.0.0.1"},
		{"PATCH", "/joined", "X-Test: one, two \r\nX-Other: no\r\nx-test:three\r\nX-TEST:\r\n", "one, two,three,"},
		{"PATCH", "/joined", "X-Test:\r\nX-Test: a\r\nX-Tes: no\r\n", "a"},
		{"PATCH", "/joined", NULL, ""},
		{"PURGE", "/line", NULL, "PURGE|/line|||127.0.0.1"},
		{"get", "/line", NULL, "get|/line|||127.0.0.1"},
		{"OPTIONS", "/line", NULL, "OPTIONS|/line|||127.0.0.1"},
	};
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		peer_request(fd, rows[i].method, rows[i].target, rows[i].headers, STR_EMPTY);
		peer_expect(fd, 200, rows[i].expected);
	}
	close(fd);
	rig_await(&rig, &rig.ends, COUNT_OF(rows));
	rig_free(&rig);
}

static enum http_method seen_method;

static enum http_head_verdict method_on_head(void *self, struct http_request *request,
                                             size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	(void)self;
	(void)ret_body_max_bytes;
	(void)ret_lane;
	seen_method = http_method(request);
	http_answer(request, &(struct http_response){.status = 204});
	return HTTP_HEAD_ANSWERED;
}

static void methods_are_told_apart(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum http_method method;
	} rows[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"PUT", HTTP_PUT},
	            {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}, {"PATCH", HTTP_PATCH},
	            {"TRACE", HTTP_OTHER}, {"QUERY", HTTP_OTHER}, {"Get", HTTP_OTHER}};
	struct rig rig;
	rig_init(&rig);
	rig.config.handler.on_head = method_on_head;
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		peer_request(fd, rows[i].text, "/", NULL, STR_EMPTY);
		peer_expect(fd, 204, "");
		assert_int_equal(seen_method, rows[i].method);
	}
	close(fd);
	rig_free(&rig);
}

static void bodies_by_length_and_by_chunks(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_request(fd, "POST", "/echo", NULL, STR("{\"a\":1}"));
	peer_expect(fd, 200, "{\"a\":1}");
	peer_send(fd, STR("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	                  "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"));
	peer_expect(fd, 200, "abcd");
	peer_request(fd, "POST", "/echo", "Content-Length: 0\r\n", STR_EMPTY);
	peer_expect(fd, 200, "");
	char large[10000];
	memset(large, 'x', sizeof large);
	peer_request(fd, "POST", "/echo", NULL, str_bytes(large, sizeof large));
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	assert_str(str_bytes(reply.body, reply.body_n), str_bytes(large, sizeof large));
	close(fd);
	rig_free(&rig);
}

static void a_body_in_single_bytes(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	str all = STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	for (size_t i = 0; i < all.n; i++)
		peer_send(fd, str_first(str_from(all, i), 1));
	peer_expect(fd, 200, "hello");
	close(fd);
	rig_free(&rig);
}

static void head_has_length_and_no_body(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	struct reply reply;
	peer_request(fd, "HEAD", "/line", NULL, STR_EMPTY);
	assert_true(peer_reply(fd, true, &reply));
	assert_int_equal(reply.status, 200);
	assert_true(reply_has(&reply, "Content-Length: 22\r\n"));
	peer_request(fd, "GET", "/echo", NULL, STR_EMPTY);
	peer_expect(fd, 200, "");
	close(fd);
	rig_free(&rig);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_send(fd, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
	                  "GET /eager HTTP/1.1\r\nHost: x\r\n\r\n"
	                  "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"
	                  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	                  "2\r\n22\r\n0\r\n\r\n"
	                  "GET /line?3 HTTP/1.1\r\nHost: x\r\n\r\n"));
	peer_expect(fd, 200, "1");
	peer_expect(fd, 200, "woken");
	peer_expect(fd, 401, "early");
	peer_expect(fd, 200, "22");
	peer_expect(fd, 200, "GET|/line|3||127.0.0.1");
	close(fd);
	rig_free(&rig);
}

static void a_client_may_ask_before_it_sends(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	struct reply reply;
	const char *expect = "Expect: 100-continue\r\nContent-Length: 4\r\n";
	peer_request(fd, "POST", "/echo", expect, STR_EMPTY);
	assert_true(peer_reply(fd, true, &reply));
	assert_int_equal(reply.status, 100);
	peer_send(fd, STR("body"));
	peer_expect(fd, 200, "body");
	/* Refused instead of continued. */
	peer_request(fd, "POST", "/early", expect, STR_EMPTY);
	peer_expect(fd, 401, "early");
	assert_true(peer_is_closed(fd));
	close(fd);
	fd = peer_open(&rig);
	peer_request(fd, "POST", "/small", "Expect: 100-continue\r\nContent-Length: 101\r\n", STR_EMPTY);
	peer_expect(fd, 413, NULL);
	assert_true(peer_is_closed(fd));
	close(fd);
	rig_free(&rig);
}

static void old_and_closing_clients(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_send(fd, STR("GET /echo HTTP/1.0\r\n\r\n"));
	struct reply reply;
	assert_true(peer_reply(fd, false, &reply));
	assert_int_equal(reply.status, 200);
	assert_true(peer_is_closed(fd));
	close(fd);
	fd = peer_open(&rig);
	peer_request(fd, "GET", "/echo", "Connection: close\r\n", STR_EMPTY);
	peer_expect(fd, 200, "");
	assert_true(peer_is_closed(fd));
	close(fd);
	rig_free(&rig);
}

static enum http_head_verdict headers_on_head(void *self, struct http_request *request,
                                              size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	(void)self;
	(void)ret_body_max_bytes;
	(void)ret_lane;
	static char lengthy[1000];
	memset(lengthy, 'l', sizeof lengthy);
	struct http_header *headers = arena_array(http_arena(request), struct http_header, 4);
	headers[0] = (struct http_header){"X-Slice", str_first(STR("value and more"), 5)};
	headers[1] = (struct http_header){"X-Long", str_bytes(lengthy, sizeof lengthy)};
	headers[2] = (struct http_header){"X-Split", STR("a\r\nX-Forged: b")};
	headers[3] = (struct http_header){"X-Last", STR("end")};
	http_answer(request, &(struct http_response){
		.status = 302, .headers = headers, .header_count = 4, .content_type = "text/x"});
	return HTTP_HEAD_ANSWERED;
}

static void headers_of_answers(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig.config.handler.on_head = headers_on_head;
	rig_start(&rig);
	int fd = peer_open(&rig);
	struct reply reply;
	peer_request(fd, "GET", "/", NULL, STR_EMPTY);
	assert_true(peer_reply(fd, false, &reply));
	assert_int_equal(reply.status, 302);
	assert_true(reply_has(&reply, "X-Slice: value\r\n"));
	assert_true(reply_has(&reply, "llll\r\n") && reply_has(&reply, "X-Last: end\r\n"));
	assert_true(reply_has(&reply, "Content-Type: text/x\r\n"));
	assert_true(reply_has(&reply, "Date: "));
	assert_false(reply_has(&reply, "X-Forged"));
	assert_null(strstr(reply.head, "X-Split"));
	close(fd);
	rig_free(&rig);
}

static void two_loops_share_the_work(void **state)
{
	(void)state;
	enum { PEERS = 40, ROUNDS = 20 };
	struct rig rig;
	int fds[PEERS];
	char text[32];
	rig_init(&rig);
	rig.config.loop_threads = 2;
	rig_start(&rig);
	for (int i = 0; i < PEERS; i++)
		fds[i] = peer_open(&rig);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PEERS; i++) {
			int n = snprintf(text, sizeof text, "%d/%d", round, i);
			peer_request(fds[i], "POST", "/echo", NULL, str_bytes(text, (size_t)n));
		}
		for (int i = 0; i < PEERS; i++) {
			snprintf(text, sizeof text, "%d/%d", round, i);
			peer_expect(fds[i], 200, text);
		}
	}
	for (int i = 0; i < PEERS; i++)
		close(fds[i]);
	rig_await_counter(&rig, offsetof(struct http_counters, connections), 0);
	struct http_counters counters;
	http_counters(rig.server, &counters);
	assert_int_equal(counters.requests, PEERS * ROUNDS);
	assert_true(counters.bytes_in > counters.bytes_out && counters.bytes_out > 0);
	rig_free(&rig);
}

static void ipv6_and_mapped_addresses(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig.config.listen_host = STR("::");
	struct fail fail = {0};
	enum rc rc = http_server_start(&rig.config, &rig.server, &fail);
	if (rc == RC_INVALID_PARAM) /* a machine without IPv6 */
		skip();
	assert_rc(rc, RC_OK);
	int fd = peer_open(&rig); /* over IPv4 */
	peer_request(fd, "GET", "/line", NULL, STR_EMPTY);
	peer_expect(fd, 200, "GET|/line|||127.0.0.1");
	close(fd);
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
	                               .sin6_port = htons(http_server_port(rig.server)),
	                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
		peer_request(fd, "GET", "/line", NULL, STR_EMPTY);
		peer_expect(fd, 200, "GET|/line|||::1");
	}
	close(fd);
	rig_free(&rig);
}

static void listening_errors_are_exact(void **state)
{
	(void)state;
	struct rig rig, other;
	struct fail fail = {0};
	rig_init(&rig);
	rig_start(&rig);
	rig_init(&other);
	other.config.listen_port = http_server_port(rig.server);
	assert_rc(http_server_start(&other.config, &other.server, &fail), RC_EXISTS);
	assert_non_null(strstr(fail.message, "in use"));
	other.config.listen_host = STR("localhost");
	assert_rc(http_server_start(&other.config, &other.server, &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail.message, "localhost"));
	other.config.listen_host = STR("192.0.2.1"); /* nobody's: RFC 5737 */
	assert_rc(http_server_start(&other.config, &other.server, &fail), RC_INVALID_PARAM);
	other.config.listen_host = STR("127.0.0.1");
	other.config.loop_threads = 0;
	assert_rc(http_server_start(&other.config, &other.server, &fail), RC_INVALID_PARAM);
	if (geteuid() != 0) {
		other.config.loop_threads = 1;
		other.config.listen_port = 1;
		assert_rc(http_server_start(&other.config, &other.server, &fail), RC_FORBIDDEN);
	}
	rig_free(&other);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_line_arrives_raw),
		cmocka_unit_test(methods_are_told_apart),
		cmocka_unit_test(bodies_by_length_and_by_chunks),
		cmocka_unit_test(a_body_in_single_bytes),
		cmocka_unit_test(head_has_length_and_no_body),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_client_may_ask_before_it_sends),
		cmocka_unit_test(old_and_closing_clients),
		cmocka_unit_test(headers_of_answers),
		cmocka_unit_test(two_loops_share_the_work),
		cmocka_unit_test(ipv6_and_mapped_addresses),
		cmocka_unit_test(listening_errors_are_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
