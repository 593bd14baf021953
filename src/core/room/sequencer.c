/*
 * The sequencer: a queue of operations for each room, served by one thread at a time. Whoever finds a room idle
 * serves it; others append and go. No lock is held while an operation runs.
 *
 * A hold takes the room for one thread until it is released; what queued meanwhile is served then. Received events hold
 * one room. Only the departing thread holds several, and only one such thread runs in a process, so that this cannot
 * deadlock: nobody else waits for a second room while having one.
 */
#include "core/room/room_int.h"

#include "store/processes.h"

static struct shard *shard_of(struct rooms *rooms, str room_id)
{
	/* FNV-1a is enough: a peer that fills one shard only makes its own rooms wait for one another. */
	uint64_t hash = rooms->shard_seed ^ UINT64_C(14695981039346656037);
	for (size_t i = 0; i < room_id.n; i++)
		hash = (hash ^ (unsigned char)room_id.p[i]) * UINT64_C(1099511628211);
	return &rooms->shards[(hash >> 32) % ROOM_SHARDS];
}

void link_unref_locked(struct shard *shard, struct chain_link *link)
{
	if (!link || --link->refs > 0)
		return;
	link->next_free = shard->free_links;
	shard->free_links = link;
}

static void lru_unlink_locked(struct shard *shard, struct room_head *head) REQUIRES(shard->mu)
{
	*(head->newer ? &head->newer->older : &shard->newest) = head->older;
	*(head->older ? &head->older->newer : &shard->oldest) = head->newer;
	head->newer = head->older = NULL;
}

static void lru_front_locked(struct shard *shard, struct room_head *head) REQUIRES(shard->mu)
{
	head->older = shard->newest;
	head->newer = NULL;
	*(shard->newest ? &shard->newest->newer : &shard->oldest) = head;
	shard->newest = head;
}

static void drop_locked(struct shard *shard, struct room_head *head) REQUIRES(shard->mu)
{
	link_unref_locked(shard, TAKE(head->tip));
	lru_unlink_locked(shard, head);
	map_remove(&shard->heads, head->room_id);
}

static bool idle_locked(const struct room_head *head)
{
	return !head->busy && !head->first && head->writes == 0;
}

/* Takes one idle head beyond the limit out of the shard, or NULL; the caller frees it without the lock. */
static struct room_head *evict_locked(struct rooms *rooms, struct shard *shard) REQUIRES(shard->mu)
{
	if (map_count(&shard->heads) <= rooms->shard_heads_max)
		return NULL;
	for (struct room_head *head = shard->oldest; head; head = head->newer) {
		if (!idle_locked(head))
			continue;
		drop_locked(shard, head);
		return head;
	}
	return NULL;
}

static struct room_head *find_or_add_locked(struct rooms *rooms, struct shard *shard, str room_id)
	REQUIRES(shard->mu)
{
	struct room_head *head = map_get(&shard->heads, room_id);
	if (head) {
		lru_unlink_locked(shard, head);
		lru_front_locked(shard, head);
		return head;
	}
	head = head_new(rooms, room_id);
	if (!head)
		return NULL;
	head->shard = shard;
	if (map_put(&shard->heads, head->room_id, head, NULL) != RC_OK) {
		head_free(head);
		return NULL;
	}
	lru_front_locked(shard, head);
	return head;
}

/*
 * Appends; true when the caller is to serve. A hold that finds the room idle has it at once, without queueing;
 * else `granted` is signalled later. `*ret_head` is NULL without memory.
 */
static bool enqueue(struct rooms *rooms, str room_id, struct room_op *op, struct cond *granted,
                    struct room_head **ret_head)
{
	struct shard *shard = shard_of(rooms, room_id);
	lock_take(&shard->mu);
	struct room_head *evicted = evict_locked(rooms, shard);
	struct room_head *head = find_or_add_locked(rooms, shard, room_id);
	bool was_idle = head && !head->busy;
	if (head && !(was_idle && op->is_hold)) {
		op->next = NULL;
		*head->end = op;
		head->end = &op->next;
		if (op->is_hold)
			head->held = granted;
	}
	if (head)
		head->busy = true;
	lock_drop(&shard->mu);
	head_free(evicted);
	*ret_head = head;
	return was_idle;
}

/* The first head of the slot in the shard; NULL: there is none. */
static struct room_head *of_slot_locked(struct shard *shard, size_t slot) REQUIRES(shard->mu)
{
	for (struct room_head *head = shard->oldest; head; head = head->newer)
		if (room_slot(head->room_id) == slot)
			return head;
	return NULL;
}

static bool shard_settle(struct shard *shard, size_t slot)
{
	for (;;) {
		lock_take(&shard->mu);
		struct room_head *head = of_slot_locked(shard, slot);
		bool is_idle = head && idle_locked(head);
		if (is_idle)
			drop_locked(shard, head);
		lock_drop(&shard->mu);
		if (!is_idle)
			return !head;
		head_free(head);
	}
}

bool rooms_settle_slot(struct rooms *rooms, size_t slot)
{
	bool settled = true;
	for (size_t i = 0; i < ROOM_SHARDS; i++)
		settled = shard_settle(&rooms->shards[i], slot) && settled;
	return settled;
}

void sequencer_submit(struct rooms *rooms, str room_id, struct room_op *op)
{
	struct room_head *head;
	op->is_hold = false;
	bool serves = enqueue(rooms, room_id, op, NULL, &head);
	if (!head)
		op->run(op, NULL, RC_NOMEM);
	else if (serves)
		sequencer_serve(head);
}

enum next { NEXT_OP, NEXT_HELD, NEXT_IDLE, NEXT_GONE };

/* What the serving thread is to do now. */
static enum next next_locked(struct shard *shard, struct room_head *head, struct room_op **ret_op) REQUIRES(shard->mu)
{
	struct room_op *op = head->first;
	if (!op) {
		head->busy = false;
		if (head->loaded || head->writes > 0)
			return NEXT_IDLE;
		drop_locked(shard, head); /* a room that is not there must not stay in memory */
		return NEXT_GONE;
	}
	head->first = op->next;
	if (!head->first)
		head->end = &head->first;
	*ret_op = op;
	if (!op->is_hold)
		return NEXT_OP;
	op->is_hold = false; /* tells the waiter that the room is its own */
	cond_signal(head->held);
	return NEXT_HELD;
}

/* Brings a head whose write failed, or that was never read, to where the store is. */
static enum rc head_ready(struct room_head *head)
{
	struct shard *shard = head->shard;
	lock_take(&shard->mu);
	bool bad = head->bad;
	if (bad) {
		head->bad = false;
		head->epoch++;
		link_unref_locked(shard, TAKE(head->tip));
	}
	lock_drop(&shard->mu);
	if (bad)
		head_reset(head);
	return head->loaded ? RC_OK : head_load(head);
}

static void serve_task(struct room_task *task)
{
	sequencer_serve(CONTAINER_OF(task, struct room_head, task));
}

/* Serves until the queue is empty or the room is held, or this thread has done enough for others. */
void sequencer_serve(struct room_head *head)
{
	struct shard *shard = head->shard;
	for (unsigned served = 0; served < SERVE_MAX; served++) {
		struct room_op *op = NULL;
		lock_take(&shard->mu);
		enum next next = next_locked(shard, head, &op);
		lock_drop(&shard->mu);
		if (next == NEXT_GONE)
			head_free(head);
		if (next != NEXT_OP)
			return;
		op->run(op, head, head_ready(head));
		head_trim(head);
	}
	head->task.run = serve_task;
	if (!rooms_task(head->rooms, &head->task))
		sequencer_serve(head); /* stopping: nobody else will */
}

/* Takes the hold out of the queue again: the time is over. */
static void hold_cancel_locked(struct room_head *head, struct room_op *op)
{
	struct room_op **at = &head->first;
	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	if (!*at)
		head->end = at;
}

/* True when the room is the caller's. The room was busy: its server meets the hold in the queue. */
static bool hold_wait(struct room_head *head, struct room_op *op, struct cond *granted, int64_t timeout_ms)
{
	struct clock clock = *head->rooms->config.clock;
	int64_t deadline = clock_mono_ms(&clock) + timeout_ms;
	lock_take(&head->shard->mu);
	for (int64_t left = timeout_ms; op->is_hold && left > 0; left = deadline - clock_mono_ms(&clock))
		if (!cond_wait_ms(granted, &head->shard->mu, left))
			break;
	bool held = !op->is_hold;
	if (!held)
		hold_cancel_locked(head, op);
	lock_drop(&head->shard->mu);
	return held;
}

enum rc sequencer_hold(struct rooms *rooms, str room_id, int64_t timeout_ms, struct room_head **ret_head)
{
	struct cond granted;
	struct room_op op = {.is_hold = true};
	struct room_head *head;
	cond_init(&granted);
	bool held = enqueue(rooms, room_id, &op, &granted, &head);
	if (head && !held)
		held = hold_wait(head, &op, &granted, timeout_ms);
	cond_destroy(&granted);
	if (!head)
		return RC_NOMEM;
	if (!held)
		return RC_BUSY;
	enum rc rc = head_ready(head);
	if (rc == RC_OK)
		*ret_head = head;
	else
		sequencer_release(head);
	return rc;
}

void sequencer_release(struct room_head *head)
{
	head_trim(head);
	sequencer_serve(head);
}

static enum rc write_nothing(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)txn, (void)arg, (void)fail;
	return RC_OK;
}

static unsigned writes_in_flight(struct room_head *head)
{
	lock_take(&head->shard->mu);
	unsigned writes = head->writes;
	lock_drop(&head->shard->mu);
	return writes;
}

/* Jobs end in the order of submission: when an empty one has ended, those before it have. */
enum rc sequencer_settle(struct room_head *head)
{
	while (writes_in_flight(head) > 0)
		TRY(store_write(head->rooms->config.store, write_nothing, NULL, NULL));
	return head_ready(head);
}
