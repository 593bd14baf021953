/*
 * Timers: one thread, a pairing heap of nodes that stand inside the timed objects, so arming cannot fail.
 *
 * `fire` runs on the timer thread with the timers' lock held: it must be short, must not block and must not
 * arm or cancel timers; it returns when it wants to be called again. Because of the lock, after
 * timers_cancel() has returned `fire` neither runs nor will run. Any thread may arm and cancel.
 */
#ifndef EXEUNT_NET_TIMER_H
#define EXEUNT_NET_TIMER_H

#include "base/clock.h"
#include "base/lock.h"

#define TIMER_NEVER INT64_MAX

struct timer {
	/* Set by the owner before the first arming. Returns the next moment, or TIMER_NEVER. */
	int64_t (*fire)(struct timer *timer, int64_t now_mono_ms);
	/* The rest belongs to the heap and starts as zero. */
	int64_t due_ms;
	struct timer *child;   /* first of those that are due later */
	struct timer *sibling; /* next child of the same parent */
	struct timer **link;   /* what points to this node; NULL: not armed */
};

struct timers {
	struct lock mu;
	struct cond changed;
	struct timer *root GUARDED_BY(mu);
	int64_t sleeps_until_ms GUARDED_BY(mu); /* 0 while the thread is awake */
	bool stopping GUARDED_BY(mu);
	const struct clock *clock;
	thread thread;
};

MUST_CHECK enum rc timers_start(struct timers *timers, const struct clock *clock);
void timers_stop(struct timers *timers); /* joins the thread; what is still armed never fires */

/* Arms or moves. A moment that has passed fires at once, on the timer thread. */
void timers_arm(struct timers *timers, struct timer *timer, int64_t due_mono_ms);
void timers_cancel(struct timers *timers, struct timer *timer); /* nothing when not armed */

#endif
