/* Parking, waking, holding. */
#include "net/rig.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARKED offsetof(struct http_counters, parked)
#define CONNECTIONS offsetof(struct http_counters, connections)

static void wake_parked(struct rig *rig, unsigned parks)
{
	rig_await(rig, &rig->parks, parks);
	lock_take(&rig->mu); /* so that the request cannot end in between */
	assert_non_null(rig->parked);
	for (int i = 0; i < 5; i++)
		http_wake(rig->parked); /* repeated wakes are one */
	lock_drop(&rig->mu);
}

static void answer_held(struct rig *rig, str body)
{
	lock_take(&rig->mu);
	struct http_request *request = TAKE(rig->held);
	lock_drop(&rig->mu);
	http_answer(request, &(struct http_response){
		.status = 200, .body = body, .content_type = "text/plain"});
}

static void a_wake_runs_it_again_once(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (unsigned i = 1; i <= 20; i++) {
		peer_request(fd, "POST", "/park", NULL, STR("body"));
		if (i % 2 == 0)
			rig_await_counter(&rig, PARKED, 1); /* truly parked, or while it still runs */
		wake_parked(&rig, i);
		peer_expect(fd, 200, "woken");
		rig_await(&rig, &rig.ends, i);
		assert_int_equal(rig_count(&rig, &rig.runs), 2 * i);
	}
	rig_await_counter(&rig, PARKED, 0);
	close(fd);
	rig_free(&rig);
}

static void a_wake_before_the_park_counts(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (unsigned i = 1; i <= 100; i++) {
		peer_request(fd, "GET", "/eager", NULL, STR_EMPTY);
		peer_expect(fd, 200, "woken");
	}
	rig_await(&rig, &rig.ends, 100);
	assert_int_equal(rig_count(&rig, &rig.runs), 200);
	close(fd);
	rig_free(&rig);
}

static void the_deadline_runs_it_again(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (unsigned i = 0; i < 3; i++) {
		int64_t start_ms = clock_mono_ms(&rig.clock);
		peer_request(fd, "GET", "/park", NULL, STR_EMPTY);
		rig_await_counter(&rig, PARKED, 1);
		clock_fake_advance(&rig.fake, RIG_PARK_MS - 1000);
		rig_advance_until_readable(&rig, fd, 500, 10 * 1000);
		peer_expect(fd, 200, "deadline");
		assert_true(clock_mono_ms(&rig.clock) - start_ms >= RIG_PARK_MS);
	}
	close(fd);
	rig_free(&rig);
}

/* Its connection is in no epoll set while it waits, so this is the timer's work. */
static void a_parked_client_that_leaves_is_noticed(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int leaves = peer_open(&rig), stays = peer_open(&rig);
	peer_request(leaves, "GET", "/park", NULL, STR_EMPTY);
	peer_request(stays, "GET", "/park", NULL, STR_EMPTY);
	rig_await_counter(&rig, PARKED, 2);
	close(leaves);
	clock_fake_advance(&rig.fake, 6 * 1000);
	rig_await(&rig, &rig.ends, 1);
	rig_await_counter(&rig, CONNECTIONS, 1);
	rig_await_counter(&rig, PARKED, 1);
	assert_int_equal(rig_count(&rig, &rig.runs), 2);
	clock_fake_advance(&rig.fake, RIG_PARK_MS);
	peer_expect(stays, 200, "deadline");
	close(stays);
	rig_free(&rig);
}

static void another_thread_answers_what_is_held(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (unsigned i = 1; i <= 20; i++) {
		peer_request(fd, "POST", "/hold", NULL, STR("body"));
		rig_await(&rig, &rig.holds, i);
		answer_held(&rig, STR("held"));
		peer_expect(fd, 200, "held");
	}
	/* The client of a held request leaves: the answer is lost, nothing else. */
	peer_request(fd, "POST", "/hold", NULL, STR("body"));
	rig_await(&rig, &rig.holds, 21);
	close(fd);
	answer_held(&rig, STR("held"));
	rig_await(&rig, &rig.ends, 21);
	rig_await_counter(&rig, CONNECTIONS, 0);
	rig_free(&rig);
}

static struct http_request *held_take(struct rig *rig)
{
	lock_take(&rig->mu);
	struct http_request *request = TAKE(rig->held);
	lock_drop(&rig->mu);
	return request;
}

static void what_is_held_may_run_again(void **state)
{
	(void)state;
	struct rig rig;
	rig_init(&rig);
	rig_start(&rig);
	int fd = peer_open(&rig);
	for (unsigned i = 1; i <= 50; i++) {
		peer_request(fd, "POST", "/again", NULL, STR("body"));
		rig_await(&rig, &rig.holds, i);
		http_run_again(held_take(&rig)); /* its first run has returned, or not */
		peer_expect(fd, 200, "again");
		peer_request(fd, "POST", "/retry", NULL, STR("body"));
		peer_expect(fd, 200, "again");
	}
	rig_await(&rig, &rig.ends, 100);
	assert_int_equal(rig_count(&rig, &rig.runs), 200);
	/* Its client leaves meanwhile: nobody notices. */
	peer_request(fd, "POST", "/again", NULL, STR("body"));
	rig_await(&rig, &rig.holds, 51);
	close(fd);
	http_run_again(held_take(&rig));
	rig_await(&rig, &rig.ends, 101);
	rig_await_counter(&rig, CONNECTIONS, 0);
	rig_free(&rig);
}

enum { STORM_PEERS = 50, STORM_ROUNDS = 40 };

struct storm {
	struct lock mu;
	struct http_request *waiting[STORM_PEERS * 2];
	size_t count;
	bool over;
};

static void storm_run(void *self, struct http_request *request)
{
	struct storm *storm = self;
	if (http_context(request)) {
		http_answer(request, &(struct http_response){.status = 200, .body = STR("woken")});
		return;
	}
	lock_take(&storm->mu);
	storm->waiting[storm->count++] = request;
	lock_drop(&storm->mu);
	http_set_context(request, storm);
	http_park(request, clock_mono_ms(&clock_system) + 60 * 1000);
}

static void storm_end(void *self, struct http_request *request)
{
	struct storm *storm = self;
	lock_take(&storm->mu);
	for (size_t i = 0; i < storm->count; i++)
		if (storm->waiting[i] == request)
			storm->waiting[i--] = storm->waiting[--storm->count];
	lock_drop(&storm->mu);
}

static void *storm_waker(void *arg)
{
	struct storm *storm = arg;
	bool over = false;
	while (!over) {
		lock_take(&storm->mu);
		for (size_t i = 0; i < storm->count; i++)
			http_wake(storm->waiting[i]);
		over = storm->over;
		lock_drop(&storm->mu);
	}
	return NULL;
}

/* Two threads wake everything all the time, while runs park and answer on four. */
static void wakes_from_all_sides(void **state)
{
	(void)state;
	struct rig rig;
	static struct storm storm;
	memset(&storm, 0, sizeof storm);
	lock_init(&storm.mu);
	rig_init(&rig);
	rig.config.clock = &clock_system;
	rig.config.loop_threads = 2;
	rig.config.lane_threads[LANE_DB] = 4;
	rig.config.handler.run = storm_run;
	rig.config.handler.on_end = storm_end;
	rig.config.handler.self = &storm;
	rig_start(&rig);
	thread wakers[2];
	int fds[STORM_PEERS];
	for (int i = 0; i < 2; i++)
		assert_rc(thread_start(&wakers[i], "waker", storm_waker, &storm), RC_OK);
	for (int i = 0; i < STORM_PEERS; i++)
		fds[i] = peer_open(&rig);
	for (int round = 0; round < STORM_ROUNDS; round++) {
		for (int i = 0; i < STORM_PEERS; i++)
			peer_request(fds[i], "GET", "/", NULL, STR_EMPTY);
		for (int i = 0; i < STORM_PEERS; i++)
			peer_expect(fds[i], 200, "woken");
	}
	lock_take(&storm.mu);
	storm.over = true;
	lock_drop(&storm.mu);
	for (int i = 0; i < 2; i++)
		thread_join(wakers[i]);
	for (int i = 0; i < STORM_PEERS; i++)
		close(fds[i]);
	rig_await_counter(&rig, PARKED, 0);
	rig_free(&rig);
	lock_destroy(&storm.mu);
}

static void a_thousand_connections(void **state)
{
	(void)state;
	enum { IDLE = 700, WAITING = 300 };
	struct rig rig;
	static int fds[IDLE + WAITING];
	rig_init(&rig);
	rig_start(&rig);
	for (int i = 0; i < IDLE + WAITING; i++) {
		fds[i] = peer_open(&rig);
		if (i >= IDLE)
			peer_request(fds[i], "GET", "/park", NULL, STR_EMPTY);
	}
	rig_await_counter(&rig, CONNECTIONS, IDLE + WAITING);
	rig_await_counter(&rig, PARKED, WAITING);
	for (int i = 0; i < 100; i++) { /* two lane threads serve the others meanwhile */
		peer_request(fds[i * 7], "POST", "/echo", NULL, STR("still served"));
		peer_expect(fds[i * 7], 200, "still served");
	}
	clock_fake_advance(&rig.fake, RIG_PARK_MS);
	for (int i = IDLE; i < IDLE + WAITING; i++)
		peer_expect(fds[i], 200, "deadline");
	for (int i = 0; i < IDLE + WAITING; i++)
		close(fds[i]);
	rig_await_counter(&rig, CONNECTIONS, 0);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wake_runs_it_again_once),
		cmocka_unit_test(a_wake_before_the_park_counts),
		cmocka_unit_test(the_deadline_runs_it_again),
		cmocka_unit_test(a_parked_client_that_leaves_is_noticed),
		cmocka_unit_test(another_thread_answers_what_is_held),
		cmocka_unit_test(what_is_held_may_run_again),
		cmocka_unit_test(wakes_from_all_sides),
		cmocka_unit_test(a_thousand_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
