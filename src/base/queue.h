/*
 * A first-in first-out queue between threads, of links that stand inside the queued objects.
 *
 * Any thread may put; any number may take. After queue_close() puts are refused and takes deliver what is
 * left, then nothing.
 */
#ifndef EXEUNT_BASE_QUEUE_H
#define EXEUNT_BASE_QUEUE_H

#include "base/lock.h"

#include <stddef.h>

struct queue_link {
	struct queue_link *next;
};

struct queue {
	struct lock mu;
	struct cond filled;
	struct queue_link *first GUARDED_BY(mu);
	struct queue_link **end GUARDED_BY(mu);
	size_t count GUARDED_BY(mu);
	size_t waiting GUARDED_BY(mu); /* takers asleep, or woken and not yet back */
	bool waking GUARDED_BY(mu);    /* one of them was woken, and will wake the next if there is more than it takes */
	bool closed GUARDED_BY(mu);
};

void queue_init(struct queue *queue);
void queue_destroy(struct queue *queue);                        /* must be empty or abandoned */
bool queue_put(struct queue *queue, struct queue_link *link);   /* false: closed */
struct queue_link *queue_take(struct queue *queue);             /* waits; NULL: closed and empty */
/* All that is queued, in order, as a chain by `next`; waits for the first. NULL: closed and empty. */
struct queue_link *queue_take_all(struct queue *queue);
struct queue_link *queue_try_take(struct queue *queue);         /* NULL: nothing now */
void queue_close(struct queue *queue);
size_t queue_count(struct queue *queue);

#endif
