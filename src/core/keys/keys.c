#include "core/keys/keys_int.h"

#include "base/heap.h"

enum { WAKE_ROOMS_MAX = 1000 };

enum rc keys_new(const struct keys_config *config, struct keys **ret_keys)
{
	struct keys *keys = heap_zero(1, sizeof *keys);
	if (!keys)
		return RC_NOMEM;
	keys->config = *config;
	*ret_keys = keys;
	return RC_OK;
}

void keys_free(struct keys *keys)
{
	heap_free(keys);
}

static enum rc rooms_read(
    struct keys *keys, struct arena *arena, int64_t user, int64_t **ret_rooms, size_t *ret_count)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(keys->config.store, &txn));
	return rooms_joined_by(txn, arena, user, WAKE_ROOMS_MAX + 1, ret_rooms, ret_count);
}

/* Whoever is in too many rooms wakes everybody: also when the rooms cannot be read. */
void keys_wake_sharers(struct keys *keys, int64_t user)
{
	struct arena CLEANUP(arena_release) scratch;
	int64_t *rooms;
	size_t count;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	enum rc rc = rooms_read(keys, &scratch, user, &rooms, &count);
	if (rc != RC_OK || count > WAKE_ROOMS_MAX) {
		notify_all(keys->config.notifier);
		return;
	}
	notify_user(keys->config.notifier, user);
	for (size_t i = 0; i < count; i++)
		notify_room(keys->config.notifier, rooms[i]);
}
