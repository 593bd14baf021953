#include "net/timer.h"

#include <string.h>

/* A clock that tests move does not wake a sleeping thread: with one, look at it this often. */
enum { FAKE_CLOCK_SLICE_MS = 5, SLEEP_MAX_MS = 3600 * 1000 };

static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	struct timer *first = b->due_ms < a->due_ms ? b : a;
	struct timer *later = first == a ? b : a;
	later->sibling = first->child;
	if (later->sibling)
		later->sibling->link = &later->sibling;
	later->link = &first->child;
	first->child = later;
	first->sibling = NULL;
	return first;
}

/* The pairing pass: melds neighbours on the way down the list, then the pairs on the way back. */
static struct timer *meld_children(struct timer *list)
{
	struct timer *pairs = NULL;
	while (list) {
		struct timer *a = list;
		struct timer *b = a->sibling;
		list = b ? b->sibling : NULL;
		a->sibling = NULL;
		if (b)
			b->sibling = NULL;
		struct timer *pair = meld(a, b);
		pair->sibling = pairs;
		pairs = pair;
	}
	struct timer *root = NULL;
	while (pairs) {
		struct timer *rest = pairs->sibling;
		pairs->sibling = NULL;
		root = meld(root, pairs);
		pairs = rest;
	}
	return root;
}

static void set_root_locked(struct timers *timers, struct timer *root) REQUIRES(timers->mu)
{
	timers->root = root;
	if (root)
		root->link = &timers->root;
}

static void insert_locked(struct timers *timers, struct timer *timer, int64_t due_ms)
	REQUIRES(timers->mu)
{
	timer->due_ms = due_ms;
	timer->child = timer->sibling = NULL;
	set_root_locked(timers, meld(timers->root, timer));
}

static void remove_locked(struct timers *timers, struct timer *timer) REQUIRES(timers->mu)
{
	if (!timer->link)
		return;
	struct timer *children = meld_children(timer->child);
	timer->child = NULL;
	if (timer == timers->root) {
		set_root_locked(timers, children);
	} else {
		*timer->link = timer->sibling;
		if (timer->sibling)
			timer->sibling->link = timer->link;
		set_root_locked(timers, meld(timers->root, children));
	}
	timer->sibling = NULL;
	timer->link = NULL;
}

static void fire_due_locked(struct timers *timers, int64_t now_ms) REQUIRES(timers->mu)
{
	struct timer *timer;
	while ((timer = timers->root) != NULL && timer->due_ms <= now_ms) {
		remove_locked(timers, timer);
		int64_t again_ms = timer->fire(timer, now_ms);
		if (again_ms != TIMER_NEVER)
			insert_locked(timers, timer, again_ms);
	}
}

static void sleep_locked(struct timers *timers, int64_t now_ms) REQUIRES(timers->mu)
{
	int64_t most_ms = SLEEP_MAX_MS;
	if (timers->clock->mono_ms != clock_system.mono_ms)
		most_ms = FAKE_CLOCK_SLICE_MS;
	int64_t wait_ms = most_ms;
	if (timers->root && timers->root->due_ms - now_ms < most_ms)
		wait_ms = timers->root->due_ms - now_ms;
	timers->sleeps_until_ms = now_ms + wait_ms;
	cond_wait_ms(&timers->changed, &timers->mu, wait_ms);
	timers->sleeps_until_ms = 0;
}

static void *timers_main(void *arg)
{
	struct timers *timers = arg;
	lock_take(&timers->mu);
	while (!timers->stopping) {
		int64_t now_ms = clock_mono_ms(timers->clock);
		fire_due_locked(timers, now_ms);
		if (!timers->stopping)
			sleep_locked(timers, now_ms);
	}
	lock_drop(&timers->mu);
	return NULL;
}

enum rc timers_start(struct timers *timers, const struct clock *clock)
{
	memset(timers, 0, sizeof *timers);
	timers->clock = clock;
	lock_init(&timers->mu);
	cond_init(&timers->changed);
	enum rc rc = thread_start(&timers->thread, "timers", timers_main, timers);
	if (rc != RC_OK) {
		cond_destroy(&timers->changed);
		lock_destroy(&timers->mu);
	}
	return rc;
}

void timers_stop(struct timers *timers)
{
	lock_take(&timers->mu);
	timers->stopping = true;
	lock_drop(&timers->mu);
	cond_signal(&timers->changed);
	thread_join(timers->thread);
	cond_destroy(&timers->changed);
	lock_destroy(&timers->mu);
}

void timers_arm(struct timers *timers, struct timer *timer, int64_t due_mono_ms)
{
	lock_take(&timers->mu);
	remove_locked(timers, timer);
	insert_locked(timers, timer, due_mono_ms);
	bool wake = due_mono_ms < timers->sleeps_until_ms;
	lock_drop(&timers->mu);
	if (wake)
		cond_signal(&timers->changed);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
	lock_take(&timers->mu);
	remove_locked(timers, timer);
	lock_drop(&timers->mu);
}
