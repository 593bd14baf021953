/* Calls over a link that calls itself. */
#include "net/link_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct http_request *held_take(struct rig *rig)
{
	lock_take(&rig->mu);
	struct http_request *request = TAKE(rig->held);
	lock_drop(&rig->mu);
	return request;
}

static void what_came_is_what_went(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/came/#a:x%23", STR_EMPTY);
	trial.call.request = (struct link_request){
		.method = STR("PUT"), .path = STR("/came/#a:x%23"), .query = STR("via=a&b=%20#"), .authorization = STR("Bearer t"),
		.content_type = STR("application/json"), .client_address = STR("2001:db8::7")};
	trial_run(&trial, 200,
	    STR("PUT|/came/#a:x%23|via=a&b=%20#|Bearer t|application/json|Bearer t|2001:db8::7|injected"));
	trial_init(&trial, &rig, "/came", STR_EMPTY);
	trial_run(&trial, 200, STR("POST|/came||||||injected"));
	trial_init(&trial, &rig, "/echo", STR("\0body\n"));
	trial_run(&trial, 200, STR("\0body\n"));
	trial_init(&trial, &rig, "/early", STR_EMPTY);
	trial_run(&trial, 401, STR("early"));
	trial_init(&trial, &rig, "/small", STR("x"));
	trial_run(&trial, 200, STR("x"));
	trial_init(&trial, &rig, "/eager", STR_EMPTY);
	trial_run(&trial, 200, STR("woken"));
	assert_int_equal(rig_count(&rig.rig, &rig.rig.ends), 6);
	link_rig_stop(&rig);
}

static void retry_after_comes_along(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/hold", STR_EMPTY);
	trial_submit(&trial);
	rig_await(&rig.rig, &rig.rig.holds, 1);
	static const struct http_header headers[] = {{"Retry-After", STR_INIT("17")}};
	http_answer(held_take(&rig.rig), &(struct http_response){
		.status = 429, .body = STR("later"), .headers = headers, .header_count = 1});
	trial_await(&trial, RC_OK);
	assert_int_equal(trial.call.answer.status, 429);
	assert_str(trial.call.answer.retry_after, STR("17"));
	assert_str(trial.call.answer.body, STR("later"));
	trial_release(&trial);
	link_rig_stop(&rig);
}

static void long_bodies(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trials[4];
	size_t n = LINK_BODY_MAX_BYTES;
	char *body = malloc(n + 1);
	for (size_t i = 0; i <= n; i++)
		body[i] = (char)(i * 7 >> 3);
	link_rig_start(&rig);
	for (int i = 0; i < 4; i++) { /* more than a socket takes at once, in both directions */
		trial_init(&trials[i], &rig, "/big", str_bytes(body, n - (size_t)i));
		trial_submit(&trials[i]);
	}
	for (int i = 0; i < 4; i++) {
		trial_await(&trials[i], RC_OK);
		assert_str(trials[i].call.answer.body, str_bytes(body, n - (size_t)i));
		trial_release(&trials[i]);
	}
	trial_init(&trials[0], &rig, "/big", str_bytes(body, n + 1));
	trial_fail(&trials[0], RC_TOO_LARGE);
	trial_init(&trials[0], &rig, "/echo", STR("still there"));
	trial_run(&trials[0], 200, STR("still there"));
	free(body);
	link_rig_stop(&rig);
}

/* What the handler of the other side answers may be too long for a link: that is an answer, too. */
static void an_answer_that_is_too_long(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/hold", STR_EMPTY);
	trial_submit(&trial);
	rig_await(&rig.rig, &rig.rig.holds, 1);
	static char body[LINK_BODY_MAX_BYTES + 1];
	http_answer(held_take(&rig.rig), &(struct http_response){.status = 200, .body = {body, sizeof body}});
	trial_await(&trial, RC_OK);
	assert_int_equal(trial.call.answer.status, 500);
	trial_release(&trial);
	link_rig_stop(&rig);
}

static void a_small_arena(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/echo", STR("more than that"));
	trial.arena.budget_bytes = 10;
	trial_fail(&trial, RC_BUDGET);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_run(&trial, 200, STR("x"));
	link_rig_stop(&rig);
}

enum { CALLERS = 4, CALLS = 500 };

struct caller {
	struct link_rig *rig;
	int number;
	bool failed;
};

static void call_init(struct trial *trial, struct caller *caller, int number, char text[32])
{
	static const char *const paths[] = {"/echo/", "/retry/", "/eager/", "/echo/"};
	int n = snprintf(text, 32, "%d %d", caller->number, number);
	trial_init(trial, caller->rig, paths[number % 4], str_bytes(text, (size_t)n));
}

static bool call_is_right(const struct trial *trial, int number, const char *text)
{
	str answer = trial->call.answer.body;
	return str_eq(answer, number % 4 == 1 ? STR("again") : number % 4 == 2 ? STR("woken") : str_of(text));
}

static void *caller_main(void *arg)
{
	struct caller *caller = arg;
	struct trial *trials = calloc(CALLS, sizeof *trials);
	char(*texts)[32] = calloc(CALLS, 32);
	for (int i = 0; i < CALLS; i++) {
		call_init(&trials[i], caller, i, texts[i]);
		trial_submit(&trials[i]);
	}
	for (int i = 0; i < CALLS; i++) {
		rig_await(&caller->rig->rig, &trials[i].dones, 1);
		caller->failed = caller->failed || trials[i].rc != RC_OK || !call_is_right(&trials[i], i, texts[i]);
		trial_release(&trials[i]);
	}
	free(trials);
	free(texts);
	return NULL;
}

static void many_calls_at_once(void **state)
{
	(void)state;
	struct link_rig rig;
	thread threads[CALLERS];
	struct caller callers[CALLERS];
	link_rig_start(&rig);
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.rig = &rig, .number = i};
		assert_rc(thread_start(&threads[i], "caller", caller_main, &callers[i]), RC_OK);
	}
	for (int i = 0; i < CALLERS; i++) {
		thread_join(threads[i]);
		assert_false(callers[i].failed);
	}
	assert_int_equal(rig_count(&rig.rig, &rig.rig.ends), CALLERS * CALLS);
	link_rig_stop(&rig);
}

static void nobody_is_there(void **state)
{
	(void)state;
	static const char *const addresses[] = {"127.0.0.1:1", "[::1]:1", "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:65536", ":1", "[]:1", "127.0.0.1:x", "no..host:1"};
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(addresses); i++) {
		trial_init(&trial, &rig, "/echo", STR("x"));
		trial.call.address = str_of(addresses[i]);
		trial.call.process = (int64_t)i;
		trial_fail(&trial, RC_UNAVAILABLE);
	}
	assert_int_equal(rig_count(&rig.rig, &rig.rig.runs), 0);
	link_rig_stop(&rig);
}

static void a_name_is_looked_up(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trials[3];
	link_rig_start(&rig);
	for (int i = 0; i < 3; i++) {
		trial_init(&trials[i], &rig, "/echo", STR("x"));
		int n = snprintf(trials[i].address, sizeof trials[i].address, "localhost:%u", (unsigned)link_port(rig.link));
		trials[i].call.address = str_bytes(trials[i].address, (size_t)n);
		trial_submit(&trials[i]);
	}
	for (int i = 0; i < 3; i++) {
		trial_await(&trials[i], RC_OK);
		trial_release(&trials[i]);
	}
	link_rig_stop(&rig);
}

static void a_wrong_secret_runs_nothing(void **state)
{
	(void)state;
	static char long_secret[LINK_SECRET_MAX_BYTES + 1];
	const str secrets[] = {STR_EMPTY, STR("x"), str_first(LINK_RIG_SECRET, LINK_RIG_SECRET.n - 1),
		STR("0123456789012345678901234567890123456788"), {long_secret, sizeof long_secret}};
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	for (size_t i = 0; i < COUNT_OF(secrets); i++) {
		trial_init(&trial, &rig, "/echo", STR("x"));
		trial.call.secret = secrets[i];
		trial_fail(&trial, RC_UNAVAILABLE);
	}
	assert_int_equal(rig_count(&rig.rig, &rig.rig.runs), 0);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_run(&trial, 200, STR("x"));
	link_rig_stop(&rig);
}

/* A process that stands still does not answer: its calls end when it is ended, not before. */
static void the_other_process_is_ended(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trials[3];
	struct http_request *held[3];
	const struct http_response response = {.status = 200, .body = STR("x")};
	link_rig_start(&rig);
	for (int i = 0; i < 3; i++) {
		trial_init(&trials[i], &rig, "/hold", STR_EMPTY);
		trial_submit(&trials[i]);
		rig_await(&rig.rig, &rig.rig.holds, (unsigned)i + 1);
		held[i] = held_take(&rig.rig);
	}
	http_answer(held[2], &response);
	trial_await(&trials[2], RC_OK);
	assert_int_equal(trials[0].dones + trials[1].dones, 0);
	__atomic_store_n(&rig.is_ended, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++) {
		trial_await(&trials[i], i == 2 ? RC_OK : RC_UNAVAILABLE);
		trial_release(&trials[i]);
	}
	/* What it did all the same is nobody's. */
	http_answer(held[0], &response);
	http_answer(held[1], &response);
	rig_await(&rig.rig, &rig.rig.ends, 3);
	link_rig_stop(&rig);
}

static void calls_end_in_time(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial slow, next;
	link_rig_start(&rig);
	trial_init(&slow, &rig, "/hold", STR_EMPTY);
	trial_submit(&slow);
	rig_await(&rig.rig, &rig.rig.holds, 1);
	clock_fake_advance(&rig.rig.fake, LINK_CALL_MS - 1000);
	trial_init(&next, &rig, "/echo", STR("x"));
	trial_run(&next, 200, STR("x"));
	assert_int_equal(slow.dones, 0);
	clock_fake_advance(&rig.rig.fake, 1000);
	trial_await(&slow, RC_TIMEOUT);
	trial_release(&slow);
	/* Its answer comes too late, and disturbs nobody. */
	http_answer(held_take(&rig.rig), &(struct http_response){.status = 200, .body = STR("late")});
	trial_init(&next, &rig, "/echo", STR("y"));
	trial_run(&next, 200, STR("y"));
	link_rig_stop(&rig);
}

static void *free_main(void *arg)
{
	struct link_rig *rig = arg;
	link_free(TAKE(rig->link));
	return NULL;
}

/* Calls are cancelled at once; the memory of what is still held here is waited for. */
static void freed_with_calls_under_way(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	thread freeing;
	link_rig_start(&rig);
	trial_init(&trial, &rig, "/hold", STR_EMPTY);
	trial_submit(&trial);
	rig_await(&rig.rig, &rig.rig.holds, 1);
	http_server_stop(rig.rig.server, 0);
	assert_rc(thread_start(&freeing, "freeing", free_main, &rig), RC_OK);
	trial_await(&trial, RC_CANCELLED);
	assert_int_equal(rig_count(&rig.rig, &rig.rig.ends), 0);
	http_answer(held_take(&rig.rig), &(struct http_response){.status = 200});
	thread_join(freeing);
	assert_int_equal(rig_count(&rig.rig, &rig.rig.ends), 1);
	trial_release(&trial);
	rig_free(&rig.rig);
}

static void a_stopping_server_says_so(void **state)
{
	(void)state;
	struct link_rig rig;
	struct trial trial;
	link_rig_start(&rig);
	http_server_stop(rig.rig.server, 0);
	trial_init(&trial, &rig, "/echo", STR("x"));
	trial_fail(&trial, RC_UNAVAILABLE);
	link_rig_stop(&rig);
}

static void never_started(void **state)
{
	(void)state;
	struct link_rig rig;
	struct link *link = NULL;
	struct fail fail = {0};
	struct trial trial;
	link_rig_start(&rig);
	struct link_config config = {.listen_host = STR("127.0.0.1"), .clock = &clock_system};
	assert_rc(link_open(&config, &link, &fail), RC_OK);
	trial_init(&trial, &rig, "/echo", STR_EMPTY);
	link_submit(link, &trial.call);
	assert_int_equal(trial.dones, 0);
	config.listen_port = link_port(link);
	struct link *other = NULL;
	assert_rc(link_open(&config, &other, &fail), RC_EXISTS);
	link_free(link);
	trial_await(&trial, RC_CANCELLED);
	trial_release(&trial);
	for (int64_t countdown = 0; !other; countdown++) {
		config.listen_port = 0;
		arena_fail_after(countdown);
		enum rc rc = link_open(&config, &other, &fail);
		arena_fail_after(-1);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	link_free(other);
	link_free(NULL);
	link_rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came_is_what_went),
		cmocka_unit_test(retry_after_comes_along),
		cmocka_unit_test(long_bodies),
		cmocka_unit_test(an_answer_that_is_too_long),
		cmocka_unit_test(a_small_arena),
		cmocka_unit_test(many_calls_at_once),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(a_name_is_looked_up),
		cmocka_unit_test(a_wrong_secret_runs_nothing),
		cmocka_unit_test(the_other_process_is_ended),
		cmocka_unit_test(calls_end_in_time),
		cmocka_unit_test(freed_with_calls_under_way),
		cmocka_unit_test(a_stopping_server_says_so),
		cmocka_unit_test(never_started),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
