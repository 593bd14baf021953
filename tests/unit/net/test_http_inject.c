/* Requests without a connection: they are run as all others are, and each is over once. */
#include "net/rig.h"

#include "net/http_inject_int.h"

#include <stdio.h>
#include <unistd.h>

struct trial {
	struct http_injection injection;
	struct rig *rig;
	unsigned overs; /* guarded by the rig's mu */
};

static void on_over(struct http_injection *injection)
{
	struct trial *trial = CONTAINER_OF(injection, struct trial, injection);
	lock_take(&trial->rig->mu);
	trial->overs++;
	cond_broadcast(&trial->rig->changed);
	lock_drop(&trial->rig->mu);
}

static void trial_init(struct trial *trial, struct rig *rig, const char *path, str body)
{
	*trial = (struct trial){.rig = rig};
	trial->injection = (struct http_injection){
		.method = STR("POST"),
		.path = str_of(path),
		.query = STR("a=b"),
		.body = body,
		.peer_address = STR("192.0.2.7"),
		.headers = {{"Authorization", STR_INIT("Bearer t")}, {"Content-Type", {0}}},
		.header_count = 2,
		.over = on_over,
	};
}

static void trial_expect(struct trial *trial, int status, str answer)
{
	rig_await(trial->rig, &trial->overs, 1);
	assert_int_equal(trial->injection.status, status);
	if (answer.p)
		assert_str(trial->injection.answer, answer);
	http_injected_end(&trial->injection);
	assert_int_equal(trial->overs, 1);
}

static void trial_run(struct trial *trial, int status, str answer)
{
	assert_rc(http_inject(trial->rig->server, &trial->injection), RC_OK);
	trial_expect(trial, status, answer);
}

static void it_is_run_as_any_other(void **state)
{
	(void)state;
	struct rig rig;
	struct trial trial;
	static char large[RIG_BODY_BYTES + 1];
	rig_init(&rig);
	rig_start(&rig);
	for (int round = 0; round < 3; round++) {
		trial_init(&trial, &rig, "/came/#a:x", STR_EMPTY);
		trial_run(&trial, 200, STR("POST|/came/#a:x|a=b|Bearer t||Bearer t|192.0.2.7|injected"));
		trial_init(&trial, &rig, "/echo", STR("a body"));
		trial_run(&trial, 200, STR("a body"));
		trial_init(&trial, &rig, "/early", STR_EMPTY);
		trial_run(&trial, 401, STR("early"));
		trial_init(&trial, &rig, "/small", str_bytes(large, RIG_SMALL_BYTES));
		trial_run(&trial, 200, str_bytes(large, RIG_SMALL_BYTES));
		trial_init(&trial, &rig, "/small", str_bytes(large, RIG_SMALL_BYTES + 1));
		trial_run(&trial, 413, (str){0});
		trial_init(&trial, &rig, "/echo", str_bytes(large, RIG_BODY_BYTES));
		trial_run(&trial, 200, str_bytes(large, RIG_BODY_BYTES));
		trial_init(&trial, &rig, "/retry", STR_EMPTY);
		trial_run(&trial, 200, STR("again"));
		trial_init(&trial, &rig, "/eager", STR_EMPTY);
		trial_run(&trial, 200, STR("woken"));
	}
	assert_int_equal(rig_count(&rig, &rig.ends), 24);
	rig_free(&rig);
}

static struct http_request *held_take(struct rig *rig)
{
	lock_take(&rig->mu);
	struct http_request *request = TAKE(rig->held);
	lock_drop(&rig->mu);
	return request;
}

static void it_may_be_held_and_parked(void **state)
{
	(void)state;
	struct rig rig;
	struct trial trial;
	rig_init(&rig);
	rig_start(&rig);
	for (unsigned i = 1; i <= 20; i++) {
		trial_init(&trial, &rig, "/hold", STR_EMPTY);
		assert_rc(http_inject(rig.server, &trial.injection), RC_OK);
		rig_await(&rig, &rig.holds, i);
		static const struct http_header headers[] = {{"X-Y", STR_INIT("z")}, {"retry-after", STR_INIT("17")}};
		http_answer(held_take(&rig), &(struct http_response){
			.status = 503, .body = STR("held"), .headers = headers, .header_count = 2});
		rig_await(&rig, &trial.overs, 1);
		assert_str(trial.injection.retry_after, STR("17"));
		trial_expect(&trial, 503, STR("held"));
	}
	trial_init(&trial, &rig, "/park", STR_EMPTY);
	assert_rc(http_inject(rig.server, &trial.injection), RC_OK);
	rig_await(&rig, &rig.parks, 1);
	lock_take(&rig.mu);
	http_wake(rig.parked);
	lock_drop(&rig.mu);
	trial_expect(&trial, 200, STR("woken"));
	trial_init(&trial, &rig, "/park", STR_EMPTY);
	assert_rc(http_inject(rig.server, &trial.injection), RC_OK);
	rig_await_counter(&rig, offsetof(struct http_counters, parked), 1);
	clock_fake_advance(&rig.fake, RIG_PARK_MS);
	trial_expect(&trial, 200, STR("deadline"));
	rig_free(&rig);
}

struct stopper {
	struct rig *rig;
	thread thread;
};

static void *stopper_main(void *arg)
{
	struct stopper *stopper = arg;
	http_server_stop(stopper->rig->server, 0);
	return NULL;
}

/* What is parked is told, what is held is waited for, what is new is refused. */
static void the_server_stops(void **state)
{
	(void)state;
	struct rig rig;
	struct trial parked, held, blocked, queued, late;
	rig_init(&rig);
	rig.config.lane_threads[LANE_SLOW] = 1;
	rig_start(&rig);
	struct stopper stopper = {.rig = &rig};
	trial_init(&parked, &rig, "/park", STR_EMPTY);
	assert_rc(http_inject(rig.server, &parked.injection), RC_OK);
	rig_await_counter(&rig, offsetof(struct http_counters, parked), 1);
	trial_init(&held, &rig, "/hold", STR_EMPTY);
	assert_rc(http_inject(rig.server, &held.injection), RC_OK);
	rig_await(&rig, &rig.holds, 1);
	trial_init(&blocked, &rig, "/block", STR_EMPTY);
	assert_rc(http_inject(rig.server, &blocked.injection), RC_OK);
	rig_await(&rig, &rig.blocked, 1);
	trial_init(&queued, &rig, "/block", STR_EMPTY);
	assert_rc(http_inject(rig.server, &queued.injection), RC_OK);
	assert_rc(thread_start(&stopper.thread, "stopper", stopper_main, &stopper), RC_OK);
	while (!http_is_stopping(rig.server))
		usleep(100);
	trial_init(&late, &rig, "/echo", STR_EMPTY);
	assert_rc(http_inject(rig.server, &late.injection), RC_STOPPING);
	rig_let_go(&rig);
	thread_join(stopper.thread);
	trial_expect(&blocked, 200, STR("let go"));
	rig_await(&rig, &queued.overs, 1);
	assert_true(queued.injection.status == 0 || queued.injection.status == 200);
	http_injected_end(&queued.injection);
	rig_await(&rig, &parked.overs, 1);
	assert_true(parked.injection.status == 0 || parked.injection.status == 200);
	http_injected_end(&parked.injection);
	assert_int_equal(held.overs, 0);
	http_answer(held_take(&rig), &(struct http_response){.status = 200, .body = STR("held")});
	trial_expect(&held, 200, STR("held"));
	assert_int_equal(rig_count(&rig, &rig.ends), 4);
	rig_free(&rig);
}

static void there_is_a_most(void **state)
{
	(void)state;
	enum { MOST = 3 };
	struct rig rig;
	struct trial trials[MOST + 1];
	rig_init(&rig);
	rig.config.connections_max = MOST;
	rig_start(&rig);
	for (unsigned i = 0; i <= MOST; i++) {
		trial_init(&trials[i], &rig, "/block", STR_EMPTY);
		assert_rc(http_inject(rig.server, &trials[i].injection), i < MOST ? RC_OK : RC_BUSY);
	}
	rig_let_go(&rig);
	for (unsigned i = 0; i < MOST; i++)
		trial_expect(&trials[i], 200, STR("let go"));
	trial_run(&trials[MOST], 200, STR("let go"));
	rig_free(&rig);
}

/* With each allocation failing in turn: refused, or answered that there is no memory. */
static void no_memory(void **state)
{
	(void)state;
	int status = 0;
	for (int64_t countdown = 0; status != 200; countdown++) {
		struct rig rig;
		struct trial trial;
		rig_init(&rig);
		rig_start(&rig);
		trial_init(&trial, &rig, "/echo", STR("body"));
		arena_fail_after(countdown);
		enum rc rc = http_inject(rig.server, &trial.injection);
		arena_fail_after(-1);
		if (rc == RC_OK) {
			rig_await(&rig, &trial.overs, 1);
			status = trial.injection.status;
			assert_true(status == 200 || status == 503);
			http_injected_end(&trial.injection);
		} else {
			assert_rc(rc, RC_NOMEM);
			assert_int_equal(trial.overs, 0);
		}
		/* And the next one is not the worse for it. */
		trial_init(&trial, &rig, "/echo", STR("body"));
		trial_run(&trial, 200, STR("body"));
		rig_free(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_run_as_any_other),
		cmocka_unit_test(it_may_be_held_and_parked),
		cmocka_unit_test(the_server_stops),
		cmocka_unit_test(there_is_a_most),
		cmocka_unit_test(no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
