/* The end: what is in flight is answered, what waits is told, what stays is closed. */
#include "net/rig.h"

#include <sys/socket.h>
#include <unistd.h>

#define PARKED offsetof(struct http_counters, parked)

struct stopper {
	struct rig *rig;
	int64_t grace_ms;
	thread thread;
};

static void *stopper_main(void *arg)
{
	struct stopper *stopper = arg;
	http_server_stop(stopper->rig->server, stopper->grace_ms);
	return NULL;
}

static void stopper_start(struct stopper *stopper, struct rig *rig, int64_t grace_ms)
{
	*stopper = (struct stopper){.rig = rig, .grace_ms = grace_ms};
	assert_rc(thread_start(&stopper->thread, "stopper", stopper_main, stopper), RC_OK);
	while (!http_is_stopping(rig->server))
		usleep(100);
}

static void answer_held(struct rig *rig)
{
	lock_take(&rig->mu);
	struct http_request *request = TAKE(rig->held);
	lock_drop(&rig->mu);
	http_answer(request, &(struct http_response){.status = 200, .body = STR("held")});
}

static void what_is_in_flight_is_answered(void **state)
{
	(void)state;
	struct rig rig;
	struct stopper stopper;
	struct reply reply;
	rig_init(&rig);
	rig_start(&rig);
	int idle = peer_open(&rig), parked = peer_open(&rig), running = peer_open(&rig),
	    held = peer_open(&rig), queued = peer_open(&rig), body = peer_open(&rig);
	peer_request(parked, "GET", "/park", NULL, STR_EMPTY);
	rig_await_counter(&rig, PARKED, 1);
	peer_request(running, "GET", "/block", NULL, STR_EMPTY);
	rig_await(&rig, &rig.blocked, 1);
	peer_request(queued, "GET", "/block", NULL, STR_EMPTY);
	peer_request(held, "GET", "/hold", NULL, STR_EMPTY);
	rig_await(&rig, &rig.holds, 1);
	peer_request(body, "POST", "/echo", "Content-Length: 4\r\n", STR_EMPTY);
	rig_await_counter(&rig, offsetof(struct http_counters, requests), 5);
	stopper_start(&stopper, &rig, 10 * 1000);
	assert_true(peer_reply(parked, false, &reply));
	assert_int_equal(reply.status, 200);
	assert_str(str_bytes(reply.body, reply.body_n), STR("woken"));
	assert_true(reply_has(&reply, "Connection: close\r\n"));
	assert_true(peer_is_closed(parked));
	/* A new request on an old connection is refused. */
	peer_request(idle, "GET", "/echo", NULL, STR_EMPTY);
	assert_true(peer_reply(idle, false, &reply));
	assert_int_equal(reply.status, 503);
	assert_true(reply_has(&reply, "Retry-After: "));
	peer_send(body, STR("tail"));
	peer_expect(body, 200, "tail");
	answer_held(&rig);
	peer_expect(held, 200, "held");
	rig_let_go(&rig);
	peer_expect(running, 200, "let go");
	peer_expect(queued, 200, "let go");
	thread_join(stopper.thread);
	assert_int_equal(rig_count(&rig, &rig.ends), 5);
	rig_free(&rig);
	for (int fd = idle; fd <= body; fd++)
		close(fd);
}

static void nobody_connects_to_a_stopping_server(void **state)
{
	(void)state;
	struct rig rig;
	struct stopper stopper;
	rig_init(&rig);
	rig_start(&rig);
	uint16_t port = http_server_port(rig.server);
	int held = peer_open(&rig);
	peer_request(held, "GET", "/hold", NULL, STR_EMPTY);
	rig_await(&rig, &rig.holds, 1);
	stopper_start(&stopper, &rig, 10 * 1000);
	/* The port is free for a successor while the last answers are still being sent. */
	struct rig next;
	rig_init(&next);
	next.config.listen_port = port;
	struct fail fail = {0};
	enum rc rc = RC_EXISTS;
	for (int i = 0; i < 1000 && rc == RC_EXISTS; i++) {
		rc = http_server_start(&next.config, &next.server, &fail);
		usleep(1000);
	}
	assert_rc(rc, RC_OK);
	answer_held(&rig);
	peer_expect(held, 200, "held");
	thread_join(stopper.thread);
	rig_free(&rig);
	rig_free(&next);
	close(held);
}

/* Beyond the grace all is closed; a held request is ended by whoever answers it, even later than the free. */
static void beyond_the_grace(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int held = peer_open(&rig), slow = peer_open(&rig), idle = peer_open(&rig);
	peer_request(held, "POST", "/hold", NULL, STR("body"));
	rig_await(&rig, &rig.holds, 1);
	peer_request(slow, "POST", "/echo", "Content-Length: 4\r\n", STR_EMPTY);
	rig_await_counter(&rig, offsetof(struct http_counters, requests), 2);
	http_server_stop(rig.server, 50);
	assert_true(peer_is_closed(held));
	assert_true(peer_is_closed(slow));
	assert_true(peer_is_closed(idle));
	assert_int_equal(rig_count(&rig, &rig.ends), 1);
	http_server_free(TAKE(rig.server));
	assert_int_equal(rig_count(&rig, &rig.ends), 1);
	answer_held(&rig);
	assert_int_equal(rig_count(&rig, &rig.ends), 2);
	rig_free(&rig);
	close(held);
	close(slow);
	close(idle);
}

/* Nothing runs any more: it ends without an answer, before the server is freed or after. */
static void too_late_to_run_again(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		struct rig rig;
		rig_init(&rig);
		rig_start(&rig);
		int fd = peer_open(&rig);
		peer_request(fd, "POST", "/again", NULL, STR("body"));
		rig_await(&rig, &rig.holds, 1);
		http_server_stop(rig.server, 0);
		assert_true(peer_is_closed(fd));
		struct http_request *request = TAKE(rig.held);
		if (round == 0)
			http_run_again(request);
		http_server_free(TAKE(rig.server));
		if (round == 1)
			http_run_again(request);
		assert_int_equal(rig_count(&rig, &rig.ends), 1);
		assert_int_equal(rig_count(&rig, &rig.runs), 1);
		rig_free(&rig);
		close(fd);
	}
}

static void stubborn_run(void *self, struct http_request *request)
{
	unsigned *runs = self;
	__atomic_fetch_add(runs, 1, __ATOMIC_RELAXED);
	http_park(request, 1000 * 1000 * 1000);
}

/* A handler that parks again is told once, not for ever, and closed with the rest. */
static void who_parks_again_is_closed(void **state)
{
	(void)state;
	struct rig rig;
	unsigned runs = 0;
	rig_init(&rig);
	rig.config.handler = (struct http_handler){
		.on_head = rig.config.handler.on_head, .run = stubborn_run, .self = &runs};
	rig_start(&rig);
	int fd = peer_open(&rig);
	peer_request(fd, "GET", "/", NULL, STR_EMPTY);
	rig_await_counter(&rig, PARKED, 1);
	http_server_stop(rig.server, 100);
	assert_true(peer_is_closed(fd));
	assert_in_range(runs, 2, 3);
	rig_free(&rig);
	close(fd);
}

static void stopping_under_load(void **state)
{
	(void)state;
	enum { PEERS = 60 };
	for (int round = 0; round < 10; round++) {
		struct rig rig;
		struct stopper stopper;
		int fds[PEERS];
		rig_init(&rig);
		rig.config.loop_threads = 1 + (unsigned)round % 2;
		rig_start(&rig);
		for (int i = 0; i < PEERS; i++) {
			fds[i] = peer_open(&rig);
			peer_request(fds[i], "GET", i % 3 ? "/echo" : "/park", NULL, STR_EMPTY);
		}
		stopper_start(&stopper, &rig, round % 3 ? 5000 : 0);
		thread_join(stopper.thread);
		for (int i = 0; i < PEERS; i++) {
			assert_true(peer_is_closed(fds[i]));
			close(fds[i]);
		}
		struct http_counters counters;
		http_counters(rig.server, &counters);
		assert_int_equal(counters.parked, 0);
		assert_int_equal(counters.connections, 0);
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_flight_is_answered),
		cmocka_unit_test(nobody_connects_to_a_stopping_server),
		cmocka_unit_test(beyond_the_grace),
		cmocka_unit_test(too_late_to_run_again),
		cmocka_unit_test(who_parks_again_is_closed),
		cmocka_unit_test(stopping_under_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
