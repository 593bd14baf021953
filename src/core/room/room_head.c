/* Heads in memory: making, loading, and the parsed state that they keep. */
#include "core/room/room_int.h"

#include <string.h>

static str path_of(char bytes[STATE_PATH_MAX], str type, str state_key)
{
	if (type.n > EVENT_TYPE_MAX_BYTES || state_key.n > STATE_KEY_MAX_BYTES)
		return STR_EMPTY;
	if (type.n)
		memcpy(bytes, type.p, type.n);
	bytes[type.n] = '\0';
	if (state_key.n)
		memcpy(bytes + type.n + 1, state_key.p, state_key.n);
	return (str){bytes, type.n + 1 + state_key.n};
}

static void slot_free(struct state_slot *slot)
{
	struct arena arena = slot->arena;
	arena_release(&arena);
}

static void state_forget(struct room_head *head)
{
	size_t cursor = 0;
	str path;
	void *slot;
	while (map_next(&head->state, &cursor, &path, &slot)) {
		map_remove(&head->state, path);
		slot_free(slot);
	}
}

struct room_head *head_new(struct rooms *rooms, str room_id)
{
	struct arena arena;
	arena_init(&arena, HEAD_ARENA_BYTES);
	struct room_head *head = arena_new(&arena, struct room_head);
	str id = arena_dup(&arena, room_id);
	if (arena_status(&arena) != RC_OK) {
		arena_release(&arena);
		return NULL;
	}
	head->arena = arena;
	head->room_id = id;
	head->rooms = rooms;
	head->end = &head->first;
	map_init(&head->state, rooms->config.rng);
	return head;
}

void head_free(struct room_head *head)
{
	if (!head)
		return;
	state_forget(head);
	map_release(&head->state);
	struct arena arena = head->arena;
	arena_release(&arena);
}

void head_reset(struct room_head *head)
{
	state_forget(head);
	memset(head->recent, 0, sizeof head->recent);
	head->loaded = false;
	head->careful = CAREFUL_OPS;
}

static void last_event_set(struct room_head *head, str event_id)
{
	size_t n = event_id.n < sizeof head->last_event_bytes ? event_id.n : sizeof head->last_event_bytes;
	memcpy(head->last_event_bytes, event_id.p, n);
	head->last_event_id = (str){head->last_event_bytes, n};
}

static enum rc row_read(struct room_head *head, struct arena *scratch, struct room_row *ret_row)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(head->rooms->config.store, &txn));
	return room_find(txn, scratch, head->room_id, ret_row);
}

enum rc head_load(struct room_head *head)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	struct room_row row = {0};
	TRY(row_read(head, &scratch, &row));
	const struct room_version *version = room_version_find(row.version);
	if (!version || row.head_event_id.n == 0 || row.head_event_id.n > ID_MAX_BYTES)
		return RC_CORRUPT;
	head->version = version;
	head->room = row.room;
	head->depth = row.depth;
	last_event_set(head, row.head_event_id);
	lock_take(&head->shard->mu);
	head->head_event = row.head_event;
	lock_drop(&head->shard->mu);
	head->loaded = true;
	return RC_OK;
}

bool head_slot(struct room_head *head, str type, str state_key, struct state_slot **ret_slot)
{
	char bytes[STATE_PATH_MAX];
	str path = path_of(bytes, type, state_key);
	struct state_slot *slot = path.n ? map_get(&head->state, path) : NULL;
	if (!slot)
		return false;
	slot->used = ++head->uses;
	*ret_slot = slot;
	return true;
}

static enum rc slot_make(const struct event *event, str path, struct state_slot **ret_slot)
{
	struct arena arena;
	arena_init(&arena, STATE_ARENA_BYTES);
	struct state_slot *slot = arena_new(&arena, struct state_slot);
	str path_kept = arena_dup(&arena, path);
	enum rc rc = arena_status(&arena);
	if (rc == RC_OK && event) {
		str canonical = arena_dup(&arena, event->canonical);
		str event_id = arena_dup(&arena, event->event_id);
		rc = arena_status(&arena);
		if (rc == RC_OK)
			rc = event_parse_stored(&arena, event->version, canonical, event_id, &slot->event);
	}
	if (rc != RC_OK) {
		arena_release(&arena);
		return rc;
	}
	slot->path = path_kept;
	slot->present = event != NULL;
	slot->arena = arena;
	*ret_slot = slot;
	return RC_OK;
}

enum rc head_remember(struct room_head *head, str type, str state_key, const struct event *event, uint64_t seq)
{
	char bytes[STATE_PATH_MAX];
	str path = path_of(bytes, type, state_key);
	if (!path.n)
		return RC_TOO_LARGE;
	struct state_slot *slot;
	TRY(slot_make(event, path, &slot));
	slot->seq = seq;
	slot->used = ++head->uses;
	/* The map borrows its key from the value: the old one goes before the new one comes. */
	struct state_slot *old = map_remove(&head->state, path);
	if (old)
		slot_free(old);
	enum rc rc = map_put(&head->state, slot->path, slot, NULL);
	if (rc != RC_OK)
		slot_free(slot);
	return rc;
}

uint64_t head_committed_seq(struct room_head *head)
{
	lock_take(&head->shard->mu);
	uint64_t seq = head->committed_seq;
	lock_drop(&head->shard->mu);
	return seq;
}

void head_spoil(struct room_head *head)
{
	lock_take(&head->shard->mu);
	head->bad = true;
	lock_drop(&head->shard->mu);
}

/* Half of the slots go at once, those not asked for lately, so that trimming is rare. */
void head_trim(struct room_head *head)
{
	if (map_count(&head->state) <= HEAD_STATE_MAX)
		return;
	uint64_t committed = head_committed_seq(head);
	uint64_t since = head->uses > HEAD_STATE_MAX / 2 ? head->uses - HEAD_STATE_MAX / 2 : 0;
	size_t cursor = 0;
	str path;
	void *value;
	while (map_next(&head->state, &cursor, &path, &value)) {
		struct state_slot *slot = value;
		if (slot->seq > committed || slot->used > since)
			continue;
		map_remove(&head->state, path);
		slot_free(slot);
	}
}

enum rc head_advance(struct room_head *head, const struct event *event, uint64_t seq)
{
	if (event->is_state)
		TRY(head_remember(head, event->type, event->state_key, event, seq));
	last_event_set(head, event->event_id);
	head->depth = event->depth;
	return RC_OK;
}
