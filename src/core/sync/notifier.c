#include "core/sync/notifier.h"

#include "base/heap.h"


/*
 * A key is a room or a user; each key has a ring of the hooks that listen on it. One lock guards the
 * whole: its sections are short, and wake() is a store to a request's state and a queue put.
 */
struct hook {
	struct hook *next, *previous; /* a ring; the key's own hook is its head */
	struct watch *watch;
};

struct key {
	struct hook head;
	uint64_t id;
	struct map64 *map;
};

struct watch {
	struct notifier *notifier;
	void (*wake)(void *self);
	void *self;
	size_t count;
	struct {
		struct hook hook;
		struct key *key;
	} on[];
};

struct notifier {
	struct lock mu;
	struct map64 rooms GUARDED_BY(mu), users GUARDED_BY(mu);
};

enum rc notifier_new(struct notifier **ret_notifier)
{
	struct notifier *notifier = heap_zero(1, sizeof *notifier);
	if (!notifier)
		return RC_NOMEM;
	lock_init(&notifier->mu);
	map64_init(&notifier->rooms);
	map64_init(&notifier->users);
	*ret_notifier = notifier;
	return RC_OK;
}

void notifier_free(struct notifier *notifier)
{
	if (!notifier)
		return;
	map64_release(&notifier->rooms); /* keys go with their last watch */
	map64_release(&notifier->users);
	lock_destroy(&notifier->mu);
	heap_free(notifier);
}

static enum rc key_make_locked(struct map64 *map, uint64_t id, struct key **ret_key)
{
	struct key *key = map64_get(map, id);
	if (!key) {
		key = heap_zero(1, sizeof *key);
		if (!key)
			return RC_NOMEM;
		*key = (struct key){.id = id, .map = map};
		key->head.next = key->head.previous = &key->head;
		enum rc rc = map64_put(map, id, key, NULL);
		if (rc != RC_OK) {
			heap_free(key);
			return rc;
		}
	}
	*ret_key = key;
	return RC_OK;
}

static void key_drop_if_unused_locked(struct key *key)
{
	if (key->head.next != &key->head)
		return;
	map64_remove(key->map, key->id);
	heap_free(key);
}

static enum rc listen_locked(struct watch *watch, struct map64 *map, uint64_t id)
{
	struct key *key;
	TRY(key_make_locked(map, id, &key));
	struct hook *hook = &watch->on[watch->count].hook;
	*hook = (struct hook){.next = &key->head, .previous = key->head.previous, .watch = watch};
	hook->previous->next = hook;
	key->head.previous = hook;
	watch->on[watch->count++].key = key;
	return RC_OK;
}

static void unlisten_all_locked(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct hook *hook = &watch->on[i].hook;
		hook->previous->next = hook->next;
		hook->next->previous = hook->previous;
		key_drop_if_unused_locked(watch->on[i].key);
	}
	watch->count = 0;
}

static enum rc listen_all_locked(struct watch *watch, int64_t user, const int64_t *rooms, size_t count)
{
	struct notifier *notifier = watch->notifier;
	TRY(listen_locked(watch, &notifier->users, (uint64_t)user));
	for (size_t i = 0; i < count; i++)
		TRY(listen_locked(watch, &notifier->rooms, (uint64_t)rooms[i]));
	return RC_OK;
}

enum rc watch_new(struct notifier *notifier, int64_t user, const int64_t *rooms, size_t count,
                  void (*wake)(void *self), void *self, struct watch **ret_watch)
{
	struct watch *watch = heap_alloc(sizeof *watch + (count + 1) * sizeof watch->on[0]);
	if (!watch)
		return RC_NOMEM;
	*watch = (struct watch){.notifier = notifier, .wake = wake, .self = self};
	lock_take(&notifier->mu);
	enum rc rc = listen_all_locked(watch, user, rooms, count);
	if (rc != RC_OK)
		unlisten_all_locked(watch);
	lock_drop(&notifier->mu);
	if (rc != RC_OK) {
		heap_free(watch);
		return rc;
	}
	*ret_watch = watch;
	return RC_OK;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	lock_take(&watch->notifier->mu);
	unlisten_all_locked(watch);
	lock_drop(&watch->notifier->mu);
	heap_free(watch);
}

static void notify(struct notifier *notifier, const struct map64 *map, int64_t id)
{
	lock_take(&notifier->mu);
	struct key *key = map64_get(map, (uint64_t)id);
	for (struct hook *hook = key ? key->head.next : NULL; hook && hook != &key->head; hook = hook->next)
		hook->watch->wake(hook->watch->self);
	lock_drop(&notifier->mu);
}

static void wake_all_locked(const struct map64 *map)
{
	size_t cursor = 0;
	uint64_t id;
	void *value;
	while (map64_next(map, &cursor, &id, &value)) {
		const struct key *key = value;
		for (struct hook *hook = key->head.next; hook != &key->head; hook = hook->next)
			hook->watch->wake(hook->watch->self);
	}
}

void notify_all(struct notifier *notifier)
{
	lock_take(&notifier->mu);
	wake_all_locked(&notifier->users); /* every watch listens on a user */
	lock_drop(&notifier->mu);
}

void notify_room(struct notifier *notifier, int64_t room)
{
	notify(notifier, &notifier->rooms, room);
}

void notify_user(struct notifier *notifier, int64_t user)
{
	notify(notifier, &notifier->users, user);
}
