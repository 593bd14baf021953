/* Heads in memory: making, loading, and the parsed state that they keep. */
#include "core/room/room_int.h"

#include <string.h>

static str path_of(char bytes[STATE_PATH_MAX], str type, str state_key)
{
	if (type.n > EVENT_TYPE_MAX_BYTES || state_key.n > STATE_KEY_MAX_BYTES)
		return STR_EMPTY;
	bytes[0] = (char)type.n; /* any byte may stand in a type: its length tells where the key begins */
	if (type.n)
		memcpy(bytes + 1, type.p, type.n);
	if (state_key.n)
		memcpy(bytes + 1 + type.n, state_key.p, state_key.n);
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
	arena_init(&head->fork, FORK_ARENA_BYTES);
	map_init(&head->state, rooms->config.rng);
	return head;
}

void head_free(struct room_head *head)
{
	if (!head)
		return;
	state_forget(head);
	map_release(&head->state);
	arena_release(&head->fork);
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

static str text_keep(char *bytes, size_t max, str text)
{
	size_t n = text.n < max ? text.n : max;
	if (n)
		memcpy(bytes, text.p, n);
	return (str){bytes, n};
}

static void newest_set(struct room_head *head, str event_id, str hash)
{
	head->newest.event_id = text_keep(head->newest_id, sizeof head->newest_id, event_id);
	head->newest.hash = text_keep(head->newest_hash, sizeof head->newest_hash, hash);
}

/* What v1 and v2 cite beside an event's id; empty in later versions. */
static enum rc reference_of(struct arena *arena, const struct room_version *version, str canonical, str *ret_hash)
{
	json root;
	*ret_hash = STR_EMPTY;
	if (version->event_id_format != EVENT_ID_RANDOM)
		return RC_OK;
	TRY(json_parse(arena, canonical, &root, NULL));
	return event_reference_text(arena, version, root, ret_hash);
}

static enum rc extremity_read(struct room_head *head, struct txn_ro *txn, int64_t event, struct extremity *ret_extremity)
{
	struct arena scratch CLEANUP(arena_release);
	struct event_row row = {0};
	str hash;
	arena_init(&scratch, SCRATCH_BYTES);
	TRY(event_get(txn, &scratch, event, &row));
	TRY(reference_of(&scratch, head->version, row.canonical, &hash));
	*ret_extremity = (struct extremity){event, arena_dup(&head->fork, row.event_id), arena_dup(&head->fork, hash)};
	return arena_status(&head->fork);
}

static enum rc others_load(struct room_head *head, struct txn_ro *txn)
{
	int64_t *events = NULL;
	size_t count = 0;
	arena_clear(&head->fork);
	head->others = NULL;
	head->other_count = 0;
	TRY(room_extremities(txn, &head->fork, head->room, &events, &count));
	if (count == 0)
		return RC_OK;
	struct extremity *others = arena_array(&head->fork, struct extremity, count);
	TRY(arena_status(&head->fork));
	for (size_t i = 0; i < count; i++)
		TRY(extremity_read(head, txn, events[i], &others[i]));
	head->others = others;
	head->other_count = count;
	return RC_OK;
}

static enum rc newest_load(struct room_head *head, struct txn_ro *txn, struct arena *scratch, const struct room_row *row)
{
	struct event_row event = {0};
	str hash = STR_EMPTY;
	if (head->version->event_id_format == EVENT_ID_RANDOM) {
		TRY(event_get(txn, scratch, row->head_event, &event));
		TRY(reference_of(scratch, head->version, event.canonical, &hash));
	}
	newest_set(head, row->head_event_id, hash);
	return RC_OK;
}

enum rc head_load(struct room_head *head)
{
	struct arena scratch CLEANUP(arena_release);
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row row = {0};
	arena_init(&scratch, SCRATCH_BYTES);
	TRY(txn_ro_begin(head->rooms->config.store, &txn));
	TRY(room_find(txn, &scratch, head->room_id, &row));
	const struct room_version *version = room_version_find(row.version);
	if (!version || row.head_event_id.n == 0 || row.head_event_id.n > ID_MAX_BYTES)
		return RC_CORRUPT;
	head->version = version;
	head->room = row.room;
	head->depth = row.depth;
	TRY(newest_load(head, txn, &scratch, &row));
	TRY(others_load(head, txn));
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

size_t head_cited(const struct room_head *head)
{
	return head->other_count < EVENT_PREV_MAX - 1 ? head->other_count : EVENT_PREV_MAX - 1;
}

void head_committed(struct room_head *head, int64_t event)
{
	lock_take(&head->shard->mu);
	head->head_event = event;
	lock_drop(&head->shard->mu);
}

void head_forget(struct room_head *head)
{
	state_forget(head);
	head->loaded = false;
}

static enum rc newest_advance(struct room_head *head, const struct event *event)
{
	struct arena scratch CLEANUP(arena_release);
	str hash;
	arena_init(&scratch, SCRATCH_BYTES);
	TRY(reference_of(&scratch, head->version, event->canonical, &hash));
	newest_set(head, event->event_id, hash);
	return RC_OK;
}

enum rc head_advance(struct room_head *head, const struct event *event, uint64_t seq)
{
	if (event->is_state)
		TRY(head_remember(head, event->type, event->state_key, event, seq));
	size_t cited = head_cited(head);
	if (cited > 0)
		head->others += cited;
	head->other_count -= cited;
	head->depth = event->depth;
	return newest_advance(head, event);
}
