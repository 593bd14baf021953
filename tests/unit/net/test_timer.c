#include "base/test.h"

#include "base/rng.h"
#include "net/timer.h"

struct item {
	struct timer timer;
	struct board *board;
	unsigned fired;
	int64_t fired_at_ms, again_ms;
};

struct board {
	struct timers timers;
	struct clock_fake fake;
	struct clock clock;
	struct lock mu;
	struct cond changed;
	unsigned fired;
	int64_t last_due_ms;
	bool in_order;
};

static int64_t fire(struct timer *timer, int64_t now_ms)
{
	struct item *item = CONTAINER_OF(timer, struct item, timer);
	struct board *board = item->board;
	lock_take(&board->mu);
	if (timer->due_ms < board->last_due_ms)
		board->in_order = false;
	board->last_due_ms = timer->due_ms;
	item->fired++;
	item->fired_at_ms = now_ms;
	board->fired++;
	cond_broadcast(&board->changed);
	lock_drop(&board->mu);
	int64_t again_ms = item->again_ms ? now_ms + item->again_ms : TIMER_NEVER;
	item->again_ms = 0;
	return again_ms;
}

static void board_start(struct board *board)
{
	memset(board, 0, sizeof *board);
	board->clock = clock_fake_make(&board->fake);
	board->in_order = true;
	lock_init(&board->mu);
	cond_init(&board->changed);
	assert_rc(timers_start(&board->timers, &board->clock), RC_OK);
}

static void board_stop(struct board *board)
{
	timers_stop(&board->timers);
	cond_destroy(&board->changed);
	lock_destroy(&board->mu);
}

static void board_await(struct board *board, unsigned fired)
{
	bool in_time = true;
	lock_take(&board->mu);
	while (board->fired < fired && in_time)
		in_time = cond_wait_ms(&board->changed, &board->mu, 10 * 1000);
	assert_int_equal(board->fired, fired);
	lock_drop(&board->mu);
}

static void item_arm(struct board *board, struct item *item, int64_t due_ms)
{
	item->board = board;
	item->timer.fire = fire;
	timers_arm(&board->timers, &item->timer, due_ms);
}

static void fires_in_order_and_not_before_time(void **state)
{
	(void)state;
	struct board board;
	struct item items[3] = {0};
	board_start(&board);
	item_arm(&board, &items[0], 300);
	item_arm(&board, &items[1], 100);
	item_arm(&board, &items[2], 200);
	clock_fake_advance(&board.fake, 100);
	board_await(&board, 1);
	assert_int_equal(items[1].fired, 1);
	clock_fake_advance(&board.fake, 1000);
	board_await(&board, 3);
	assert_true(board.in_order);
	assert_int_equal(items[1].fired_at_ms, 100);
	board_stop(&board);
}

static void moves_cancels_and_repeats(void **state)
{
	(void)state;
	struct board board;
	struct item moved = {0}, cancelled = {0}, again = {.again_ms = 50}, last = {0};
	board_start(&board);
	item_arm(&board, &moved, 10);
	item_arm(&board, &moved, 500);
	item_arm(&board, &cancelled, 20);
	item_arm(&board, &again, 100);
	item_arm(&board, &last, 400);
	timers_cancel(&board.timers, &cancelled.timer);
	timers_cancel(&board.timers, &cancelled.timer);
	clock_fake_advance(&board.fake, 100);
	board_await(&board, 1);
	clock_fake_advance(&board.fake, 50);
	board_await(&board, 2);
	assert_int_equal(again.fired, 2);
	clock_fake_advance(&board.fake, 250);
	board_await(&board, 3);
	assert_int_equal(moved.fired, 0);
	clock_fake_advance(&board.fake, 100);
	board_await(&board, 4);
	assert_int_equal(cancelled.fired, 0);
	board_stop(&board);
}

enum { MANY = 3000 };

/* A third is cancelled from the middle of the heap, a third moved; the rest fires in order of time. */
static void many_in_random_order(void **state)
{
	(void)state;
	static struct item items[MANY];
	struct board board;
	uint64_t seed = 7;
	struct rng rng = rng_seeded(&seed);
	memset(items, 0, sizeof items);
	board_start(&board);
	for (size_t i = 0; i < MANY; i++)
		item_arm(&board, &items[i], 1 + (int64_t)rng_below(&rng, 1000));
	for (size_t i = 0; i < MANY; i += 3)
		timers_cancel(&board.timers, &items[i].timer);
	for (size_t i = 1; i < MANY; i += 3)
		item_arm(&board, &items[i], 1 + (int64_t)rng_below(&rng, 2000));
	clock_fake_advance(&board.fake, 2000);
	board_await(&board, MANY - MANY / 3);
	assert_true(board.in_order);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(items[i].fired, i % 3 == 0 ? 0 : 1);
	board_stop(&board);
}

static void real_clock_wakes_the_thread(void **state)
{
	(void)state;
	struct board board;
	struct item late = {0}, soon = {0};
	board_start(&board);
	timers_stop(&board.timers);
	assert_rc(timers_start(&board.timers, &clock_system), RC_OK);
	int64_t now_ms = clock_mono_ms(&clock_system);
	item_arm(&board, &late, now_ms + 3600 * 1000);
	item_arm(&board, &soon, now_ms + 20); /* must wake a thread that sleeps for the late one */
	board_await(&board, 1);
	assert_true(soon.fired_at_ms >= now_ms + 20);
	assert_int_equal(late.fired, 0);
	board_stop(&board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_in_order_and_not_before_time),
		cmocka_unit_test(moves_cancels_and_repeats),
		cmocka_unit_test(many_in_random_order),
		cmocka_unit_test(real_clock_wakes_the_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
