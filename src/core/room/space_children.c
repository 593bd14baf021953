#include "core/room/space_children.h"

#include "matrix/ids.h"

#include <stdlib.h>
#include <string.h>

enum { ORDER_MAX_CHARACTERS = 50, READ_SCRATCH_BYTES = 4 << 20 };

struct reading {
	struct txn_ro *txn;
	struct arena *arena;
	struct arena scratch;
	bool suggested_only;
	struct space_child *children;
	size_t count, capacity;
};

/* Printable ASCII. */
static bool is_order(str order)
{
	bool valid = order.n > 0 && order.n <= ORDER_MAX_CHARACTERS;
	for (size_t i = 0; i < order.n && valid; i++)
		valid = order.p[i] >= 0x20 && order.p[i] <= 0x7e;
	return valid;
}

/* Without servers to join through a room is no child. */
static bool has_via(json content)
{
	json via = json_get(content, STR("via")), server;
	struct json_iter iter = json_iter(via);
	bool valid = json_is_array(via) && json_count(via) > 0;
	while (valid && json_next(&iter, NULL, &server))
		valid = json_is_text(server);
	return valid;
}

static enum rc child_add(struct reading *reading, const struct event_row *event, str order)
{
	if (reading->count == reading->capacity) {
		size_t capacity = reading->capacity ? reading->capacity * 2 : 16;
		struct space_child *grown = arena_grow(reading->arena, reading->children,
		    reading->count * sizeof *grown, capacity * sizeof *grown);
		TRY(arena_status(reading->arena));
		reading->children = grown;
		reading->capacity = capacity;
	}
	reading->children[reading->count++] = (struct space_child){
	    .room_id = arena_dup(reading->arena, event->state_key),
	    .order = arena_dup(reading->arena, is_order(order) ? order : STR_EMPTY),
	    .ts_ms = event->ts_ms,
	    .canonical = arena_dup(reading->arena, event->canonical),
	    .event_id = arena_dup(reading->arena, event->event_id),
	};
	return arena_status(reading->arena);
}

static enum rc child_seen(void *self, const struct state_entry *entry)
{
	struct reading *reading = self;
	struct event_row event;
	json root;
	arena_clear(&reading->scratch);
	TRY(event_get(reading->txn, &reading->scratch, entry->event, &event));
	if (!room_id_parse(event.state_key, NULL))
		return RC_OK;
	TRY(json_parse(&reading->scratch, event.canonical, &root, NULL));
	json content = json_get(root, STR("content"));
	bool is_wanted =
	    !reading->suggested_only || json_is_true(json_get(content, STR("suggested")));
	if (!has_via(content) || !is_wanted)
		return RC_OK;
	return child_add(reading, &event, json_get_text(content, STR("order")));
}

/* Those with an order come first; then by time; then by room ID. */
static int child_compare(const void *a, const void *b)
{
	const struct space_child *one = a, *other = b;
	if ((one->order.n > 0) != (other->order.n > 0))
		return one->order.n > 0 ? -1 : 1;
	int by_order = str_cmp(one->order, other->order);
	if (by_order != 0)
		return by_order;
	if (one->ts_ms != other->ts_ms)
		return one->ts_ms < other->ts_ms ? -1 : 1;
	return str_cmp(one->room_id, other->room_id);
}

enum rc space_children(struct txn_ro *txn, struct arena *arena, int64_t snapshot,
    bool suggested_only, size_t max, struct space_child **ret_children, size_t *ret_count)
{
	struct reading reading = {.txn = txn, .arena = arena, .suggested_only = suggested_only};
	int64_t type;
	enum rc rc = type_nid_find(txn, STR("m.space.child"), &type);
	if (rc == RC_OK) {
		arena_init(&reading.scratch, READ_SCRATCH_BYTES);
		rc = snapshot_each(txn, snapshot, type, child_seen, &reading);
		arena_release(&reading.scratch);
	}
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (reading.count > 0)
		qsort(reading.children, reading.count, sizeof *reading.children, child_compare);
	*ret_children = reading.children;
	*ret_count = reading.count < max ? reading.count : max;
	return RC_OK;
}
