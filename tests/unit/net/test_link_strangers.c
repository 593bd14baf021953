/* Peers that the test plays byte by byte: who connects to a link, and to whom it connects. */
#include "net/link_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 4096 };

static int stranger_open(struct link_rig *rig)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(link_port(rig->link)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void frame_add(struct buf *out, const struct link_frame *frame)
{
	assert_rc(link_frame_put(out, frame), RC_OK);
}

static struct link_frame hello(void)
{
	return (struct link_frame){.kind = LINK_HELLO, .u.hello = {LINK_VERSION, LINK_RIG_SECRET}};
}

static struct link_frame request(uint64_t id, const char *path, str body)
{
	return (struct link_frame){.kind = LINK_REQUEST, .id = id,
		.u.request = {.method = STR("POST"), .path = str_of(path), .body = body}};
}

static void assert_hung_up(int fd)
{
	assert_true(peer_is_closed(fd));
	close(fd);
}

/* The next frame that comes. */
static void frame_expect(int fd, uint64_t id, int status, str body)
{
	char bytes[ANSWER_MAX_BYTES];
	size_t n = 0, needed = 0;
	struct link_frame frame;
	for (;;) {
		str cursor = {bytes, n};
		enum link_verdict verdict = link_frame_take(&cursor, sizeof bytes, &frame, &needed);
		assert_int_not_equal(verdict, LINK_BROKEN);
		if (verdict == LINK_WHOLE)
			break;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, LINK_RIG_PATIENCE_MS), 1);
		ssize_t got = recv(fd, bytes + n, needed - n, 0);
		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_int_equal(frame.kind, LINK_ANSWER);
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.u.answer.status, status);
	assert_str(frame.u.answer.body, body);
}

/* Cut behind each byte: the first part, a pause in which it is read, the rest. */
static void frames_come_in_pieces(void **state)
{
	(void)state;
	struct link_rig rig;
	struct arena arena CLEANUP(arena_release);
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, MEBIBYTE);
	link_rig_start(&rig);
	const struct link_frame first = hello(), second = request(7, "/echo", STR("body"));
	frame_add(&out, &first);
	frame_add(&out, &second);
	frame_add(&out, &second);
	str bytes = buf_str(&out);
	for (size_t n = 0; n <= bytes.n; n++) {
		int fd = stranger_open(&rig);
		peer_send(fd, str_first(bytes, n));
		if (n % 16 == 0) /* else the kernel may put the two together: both happen */
			usleep(1000);
		peer_send(fd, str_from(bytes, n));
		frame_expect(fd, 7, 200, STR("body"));
		frame_expect(fd, 7, 200, STR("body"));
		close(fd);
	}
	int fd = stranger_open(&rig);
	for (size_t i = 0; i < bytes.n; i++)
		peer_send(fd, str_first(str_from(bytes, i), 1));
	frame_expect(fd, 7, 200, STR("body"));
	frame_expect(fd, 7, 200, STR("body"));
	close(fd);
	link_rig_stop(&rig);
}

static void who_is_not_known_is_hung_up_on(void **state)
{
	(void)state;
	struct link_rig rig;
	struct arena arena CLEANUP(arena_release);
	arena_init(&arena, MEBIBYTE);
	link_rig_start(&rig);
	struct link_frame version = hello(), secret = hello(), shorter = hello();
	version.u.hello.version = LINK_VERSION + 1;
	secret.u.hello.secret = STR("0123456789012345678901234567890123456780");
	shorter.u.hello.secret = str_first(LINK_RIG_SECRET, LINK_RIG_SECRET.n - 1);
	const struct link_frame early = request(1, "/echo", STR_EMPTY),
				answer = {.kind = LINK_ANSWER, .id = 1, .u.answer = {.status = 200}};
	const struct link_frame *const firsts[] = {&version, &secret, &shorter, &early, &answer};
	for (size_t i = 0; i < COUNT_OF(firsts); i++) {
		struct buf out;
		buf_init(&out, &arena, MEBIBYTE);
		frame_add(&out, firsts[i]);
		frame_add(&out, &early);
		int fd = stranger_open(&rig);
		(void)peer_try_send(fd, buf_str(&out));
		assert_hung_up(fd);
	}
	/* A length that no HELLO has is enough, and so is a browser that went astray. */
	static const str others[] = {STR_INIT("\0\0\0\200"), STR_INIT("GET / HTTP/1.1\r\n\r\n"), STR_INIT("\377\377\377\377")};
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		int fd = stranger_open(&rig);
		(void)peer_try_send(fd, others[i]);
		assert_hung_up(fd);
	}
	assert_int_equal(rig_count(&rig.rig, &rig.rig.runs), 0);
	link_rig_stop(&rig);
}

/* Known, and then talking nonsense. */
static void who_is_known_must_keep_to_the_protocol(void **state)
{
	(void)state;
	struct link_rig rig;
	struct arena arena CLEANUP(arena_release);
	arena_init(&arena, MEBIBYTE);
	link_rig_start(&rig);
	const struct link_frame first = hello(), answer = {.kind = LINK_ANSWER, .id = 1, .u.answer = {.status = 200}};
	const struct link_frame *const seconds[] = {&first, &answer, NULL};
	for (size_t i = 0; i < COUNT_OF(seconds); i++) {
		struct buf out;
		buf_init(&out, &arena, MEBIBYTE);
		frame_add(&out, &first);
		if (seconds[i])
			frame_add(&out, seconds[i]);
		else
			buf_put(&out, STR("\377\0\0\0")); /* longer than any frame */
		int fd = stranger_open(&rig);
		peer_send(fd, buf_str(&out));
		assert_hung_up(fd);
	}
	link_rig_stop(&rig);
}

static void who_says_nothing_is_hung_up_on(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_run(&trial, 200, STR("x"));
	int silent = stranger_open(&rig), slow = stranger_open(&rig);
	peer_send(slow, STR("\0\0"));
	trial_init(&trial, &rig, "/echo", STR("y"));
	trial_run(&trial, 200, STR("y"));
	rig_advance_until_readable(&rig.rig, silent, 1000, 2 * LINK_HELLO_MS);
	assert_hung_up(silent);
	assert_hung_up(slow);
	trial_init(&trial, &rig, "/echo", STR("z")); /* its own connection is known, and stays */
	trial_run(&trial, 200, STR("z"));
	link_rig_stop(&rig);
}

/* The longest silent of them goes for each that is new. */
static void strangers_do_not_shut_out(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	static int fds[LINK_GUESTS_MAX + 10];
	link_rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = stranger_open(&rig);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_run(&trial, 200, STR("x"));
	for (size_t i = 0; i < 11; i++)
		assert_true(peer_is_closed(fds[i]));
	struct pollfd last = {.fd = fds[COUNT_OF(fds) - 1], .events = POLLIN};
	assert_int_equal(poll(&last, 1, 0), 0);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	link_rig_stop(&rig);
}

/* In the middle of a frame, and with requests under way. */
static void a_guest_that_vanishes(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	struct arena arena CLEANUP(arena_release);
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, MEBIBYTE);
	link_rig_start(&rig);
	const struct link_frame first = hello(), second = request(1, "/hold", STR("body"));
	frame_add(&out, &first);
	size_t after_hello = out.n;
	frame_add(&out, &second);
	str bytes = buf_str(&out);
	for (size_t n = after_hello; n < bytes.n; n++) {
		int fd = stranger_open(&rig);
		peer_send(fd, str_first(bytes, n));
		close(fd);
	}
	int fd = stranger_open(&rig);
	peer_send(fd, bytes);
	rig_await(&rig.rig, &rig.rig.holds, 1);
	close(fd);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_run(&trial, 200, STR("x"));
	http_answer(TAKE(rig.rig.held), &(struct http_response){.status = 200, .body = STR("nobody reads it")});
	rig_await(&rig.rig, &rig.rig.ends, 2);
	assert_int_equal(rig_count(&rig.rig, &rig.rig.runs), 2);
	link_rig_stop(&rig);
}

/* ---- a process that the test plays ---- */

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
	assert_int_equal(poll(&p, 1, LINK_RIG_PATIENCE_MS), 1);
	int fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

/* Reads the hello and `count` requests; the id of the last. */
static uint64_t requests_read(int fd, int count)
{
	static char bytes[64 * 1024];
	size_t n = 0, taken = 0, needed;
	struct link_frame frame = {0};
	for (int i = 0; i <= count;) {
		str cursor = {bytes + taken, n - taken};
		if (link_frame_take(&cursor, sizeof bytes, &frame, &needed) == LINK_WHOLE) {
			assert_int_equal(frame.kind, i == 0 ? LINK_HELLO : LINK_REQUEST);
			taken = n - cursor.n;
			i++;
			continue;
		}
		ssize_t got = recv(fd, bytes + n, sizeof bytes - n, 0);
		assert_true(got > 0);
		n += (size_t)got;
	}
	return frame.id;
}

/* One call, answered with these bytes; then the connection ends. */
static void call_against(struct link_rig *rig, str bytes, enum rc expected)
{
	unsigned port;
	struct trial trial;
	int listener = listener_open(&port);
	trial_init(&trial, rig, "/echo", STR("x"));
	trial_call_port(&trial, port);
	trial_submit(&trial);
	int fd = listener_accept(listener);
	(void)requests_read(fd, 1);
	peer_send(fd, bytes);
	close(fd);
	close(listener);
	trial_await(&trial, expected);
	trial_release(&trial);
}

static void a_process_that_vanishes_or_talks_nonsense(void **state)
{
	(void)state;
	struct link_rig rig;
	struct arena arena CLEANUP(arena_release);
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, MEBIBYTE);
	link_rig_start(&rig);
	const struct link_frame good = {.kind = LINK_ANSWER, .id = 1, .u.answer = {200, {0}, STR_INIT("{}")}},
				not_mine = {.kind = LINK_ANSWER, .id = 99, .u.answer = {200, {0}, {0}}}, back = hello();
	frame_add(&out, &good);
	str bytes = buf_str(&out);
	for (size_t n = 0; n < bytes.n; n++) /* in the middle of its answer; ids go on with each call */
		call_against(&rig, str_first(bytes, n), RC_UNAVAILABLE);
	call_against(&rig, STR("HTTP/1.1 400 Bad Request\r\n\r\n"), RC_UNAVAILABLE);
	struct buf strange;
	buf_init(&strange, &arena, MEBIBYTE);
	frame_add(&strange, &not_mine);
	call_against(&rig, buf_str(&strange), RC_UNAVAILABLE);
	buf_init(&strange, &arena, MEBIBYTE);
	frame_add(&strange, &back);
	call_against(&rig, buf_str(&strange), RC_UNAVAILABLE);
	link_rig_stop(&rig);
}

/* In any order, and what nobody asked for among them. */
static void answers_come_in_any_order(void **state)
{
	(void)state;
	enum { CALLS = 5 };
	unsigned port;
	struct link_rig rig;
	struct trial trials[CALLS];
	struct arena arena CLEANUP(arena_release);
	struct buf out;
	arena_init(&arena, MEBIBYTE);
	buf_init(&out, &arena, MEBIBYTE);
	link_rig_start(&rig);
	int listener = listener_open(&port);
	for (int i = 0; i < CALLS; i++) {
		trial_init(&trials[i], &rig, "/echo", STR("x"));
		trial_call_port(&trials[i], port);
		trial_submit(&trials[i]);
	}
	int fd = listener_accept(listener);
	uint64_t last = requests_read(fd, CALLS);
	for (int i = 0; i < CALLS; i++) {
		struct link_frame frame = {.kind = LINK_ANSWER, .id = last - (uint64_t)i};
		frame.u.answer = (struct link_answer){.status = 200 + i, .body = STR("b")};
		frame_add(&out, &frame);
		frame.id += 1000;
		frame_add(&out, &frame);
	}
	peer_send(fd, buf_str(&out));
	for (int i = 0; i < CALLS; i++) {
		trial_await(&trials[i], RC_OK);
		assert_int_equal(trials[i].call.answer.status, 200 + CALLS - 1 - i);
		trial_release(&trials[i]);
	}
	close(fd);
	close(listener);
	link_rig_stop(&rig);
}

/* Its socket takes no more after a while: calls wait, and end in time. */
static void a_process_that_reads_nothing(void **state)
{
	(void)state;
	enum { CALLS = 40 };
	unsigned port;
	struct link_rig rig;
	static struct trial trials[CALLS];
	static char body[LINK_BODY_MAX_BYTES];
	link_rig_start(&rig);
	int listener = listener_open(&port);
	for (int i = 0; i < CALLS; i++) {
		trial_init(&trials[i], &rig, "/big", str_bytes(body, sizeof body));
		trial_call_port(&trials[i], port);
		trial_submit(&trials[i]);
	}
	int fd = listener_accept(listener);
	struct trial other;
	trial_init(&other, &rig, "/echo", STR("others are served"));
	other.call.process = 2;
	trial_run(&other, 200, STR("others are served"));
	clock_fake_advance(&rig.rig.fake, LINK_CALL_MS);
	for (int i = 0; i < CALLS; i++) {
		trial_await(&trials[i], RC_TIMEOUT);
		trial_release(&trials[i]);
	}
	close(fd);
	close(listener);
	link_rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_in_pieces),
		cmocka_unit_test(who_is_not_known_is_hung_up_on),
		cmocka_unit_test(who_is_known_must_keep_to_the_protocol),
		cmocka_unit_test(who_says_nothing_is_hung_up_on),
		cmocka_unit_test(strangers_do_not_shut_out),
		cmocka_unit_test(a_guest_that_vanishes),
		cmocka_unit_test(a_process_that_vanishes_or_talks_nonsense),
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(a_process_that_reads_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
