/* The rooms as a whole: shards of heads, and the rooms' own thread for retries and background work. */
#include "core/room/room_int.h"

enum { ROOMS_BYTES = 1 << 20, LINKS_BYTES = 16 << 20 };

static void *worker_main(void *arg)
{
	struct rooms *rooms = arg;
	struct queue_link *link;
	while ((link = queue_take(&rooms->tasks)) != NULL) {
		struct room_task *task = CONTAINER_OF(link, struct room_task, link);
		task->run(task);
	}
	return NULL;
}

/* Under the lock to its end: the task may be over, and rooms_free() on its way, before this has returned. */
bool rooms_task(struct rooms *rooms, struct room_task *task)
{
	lock_take(&rooms->mu);
	bool taken = queue_put(&rooms->tasks, &task->link);
	lock_drop(&rooms->mu);
	return taken;
}

static void shards_init(struct rooms *rooms)
{
	size_t heads = rooms->config.heads_max / ROOM_SHARDS;
	rooms->shard_heads_max = heads ? heads : 1;
	rooms->shard_seed = rng_u64(rooms->config.rng);
	for (size_t i = 0; i < ROOM_SHARDS; i++) {
		struct shard *shard = &rooms->shards[i];
		lock_init(&shard->mu);
		map_init(&shard->heads, rooms->config.rng);
		arena_init(&shard->links, LINKS_BYTES);
	}
}

enum rc rooms_new(const struct rooms_config *config, struct rooms **ret_rooms)
{
	struct arena arena;
	arena_init(&arena, ROOMS_BYTES);
	struct rooms *rooms = arena_new(&arena, struct rooms);
	if (!rooms)
		return RC_NOMEM;
	rooms->arena = arena;
	rooms->config = *config;
	shards_init(rooms);
	queue_init(&rooms->tasks);
	lock_init(&rooms->mu);
	cond_init(&rooms->walks_over);
	enum rc rc = thread_start(&rooms->worker, "rooms", worker_main, rooms);
	rooms->worker_started = rc == RC_OK;
	if (rc != RC_OK) {
		rooms_free(rooms);
		return rc;
	}
	*ret_rooms = rooms;
	return RC_OK;
}

static void shard_release(struct shard *shard)
{
	size_t cursor = 0;
	str room_id;
	void *head;
	while (map_next(&shard->heads, &cursor, &room_id, &head)) {
		map_remove(&shard->heads, room_id);
		head_free(head);
	}
	map_release(&shard->heads);
	arena_release(&shard->links);
	lock_destroy(&shard->mu);
}

/* Walks that are under way end after their step; that needs the store and the worker. */
static void walks_wait(struct rooms *rooms)
{
	__atomic_store_n(&rooms->stopping, true, __ATOMIC_RELAXED);
	lock_take(&rooms->mu);
	while (rooms->walks > 0)
		cond_wait(&rooms->walks_over, &rooms->mu);
	lock_drop(&rooms->mu);
}

void rooms_free(struct rooms *rooms)
{
	if (!rooms)
		return;
	walks_wait(rooms);
	queue_close(&rooms->tasks);
	if (rooms->worker_started)
		thread_join(rooms->worker);
	lock_take(&rooms->mu); /* nobody is in rooms_task() any more */
	lock_drop(&rooms->mu);
	queue_destroy(&rooms->tasks);
	cond_destroy(&rooms->walks_over);
	lock_destroy(&rooms->mu);
	for (size_t i = 0; i < ROOM_SHARDS; i++)
		shard_release(&rooms->shards[i]);
	struct arena arena = rooms->arena;
	arena_release(&arena);
}
