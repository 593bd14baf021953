#include "base/queue.h"

void queue_init(struct queue *queue)
{
	*queue = (struct queue){0};
	lock_init(&queue->mu);
	cond_init(&queue->filled);
	queue->end = &queue->first;
}

void queue_destroy(struct queue *queue)
{
	cond_destroy(&queue->filled);
	lock_destroy(&queue->mu);
}

/*
 * One is woken at a time. What is put while it is on its way may be taken by it or by those that are awake, and each wake
 * costs a system call and a change of threads. True: the caller signals when it has dropped the lock.
 */
static bool must_wake_locked(struct queue *queue) REQUIRES(queue->mu)
{
	if (!queue->first || queue->waiting == 0 || queue->waking)
		return false;
	queue->waking = true;
	return true;
}

bool queue_put(struct queue *queue, struct queue_link *link)
{
	link->next = NULL;
	lock_take(&queue->mu);
	bool open = !queue->closed;
	if (open) {
		*queue->end = link;
		queue->end = &link->next;
		queue->count++;
	}
	bool wake = must_wake_locked(queue);
	lock_drop(&queue->mu);
	if (wake)
		cond_signal(&queue->filled);
	return open;
}

static struct queue_link *pop_locked(struct queue *queue) REQUIRES(queue->mu)
{
	struct queue_link *link = queue->first;
	if (!link)
		return NULL;
	queue->first = link->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->count--;
	return link;
}

static void wait_filled_locked(struct queue *queue) REQUIRES(queue->mu)
{
	while (!queue->first && !queue->closed) {
		queue->waiting++;
		cond_wait(&queue->filled, &queue->mu);
		queue->waiting--;
		queue->waking = false;
	}
}

struct queue_link *queue_take(struct queue *queue)
{
	lock_take(&queue->mu);
	wait_filled_locked(queue);
	struct queue_link *link = pop_locked(queue);
	bool wake = must_wake_locked(queue);
	lock_drop(&queue->mu);
	if (wake)
		cond_signal(&queue->filled);
	return link;
}

struct queue_link *queue_take_all(struct queue *queue)
{
	lock_take(&queue->mu);
	wait_filled_locked(queue);
	struct queue_link *chain = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	queue->count = 0;
	lock_drop(&queue->mu);
	return chain;
}

struct queue_link *queue_try_take(struct queue *queue)
{
	lock_take(&queue->mu);
	struct queue_link *link = pop_locked(queue);
	lock_drop(&queue->mu);
	return link;
}

void queue_close(struct queue *queue)
{
	lock_take(&queue->mu);
	queue->closed = true;
	lock_drop(&queue->mu);
	cond_broadcast(&queue->filled);
}

size_t queue_count(struct queue *queue)
{
	lock_take(&queue->mu);
	size_t count = queue->count;
	lock_drop(&queue->mu);
	return count;
}
