#include "core/keys/keys_int.h"

#include "base/heap.h"
#include "matrix/ids.h"

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

enum rc keys_session_check(struct txn_ro *txn, struct arena *scratch, const struct session *session)
{
	struct device device;
	TRY(account_check_generation(txn, session->user, session->generation));
	if (session->device == 0)
		return RC_OK;
	enum rc rc = device_find(txn, scratch, session->user, session->device_id, &device);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && device.nid != session->device))
		return RC_UNKNOWN_TOKEN;
	return rc;
}

bool keys_are_here(const struct keys *keys, str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) && str_eq(parts.domain, keys->config.server_name);
}

enum rc unreached_add(struct unreached *unreached, struct arena *arena, str user_id)
{
	struct id_parts parts;
	if (!user_id_parse(user_id, &parts))
		return RC_INVALID_PARAM;
	for (size_t i = 0; i < unreached->count; i++)
		if (str_eq(unreached->servers[i], parts.domain))
			return RC_OK;
	if (unreached->count == unreached->capacity) {
		size_t capacity = unreached->capacity ? unreached->capacity * 2 : 8;
		unreached->servers = arena_grow(arena, unreached->servers,
		    unreached->capacity * sizeof(str), capacity * sizeof(str));
		TRY(arena_status(arena));
		unreached->capacity = capacity;
	}
	unreached->servers[unreached->count++] = parts.domain;
	return RC_OK;
}

void keys_put_failure(struct buf *out, enum rc rc, const char *sentence)
{
	buf_putc(out, '{');
	json_put_key(out, STR("errcode"));
	json_put_text(out, str_of(rc_errcode(rc)));
	json_put_key(out, STR("error"));
	json_put_text(out, str_of(sentence));
	buf_putc(out, '}');
}

void unreached_put(const struct unreached *unreached, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < unreached->count; i++) {
		json_put_key(out, unreached->servers[i]);
		keys_put_failure(out, RC_UNAVAILABLE, "This server does not reach others yet");
	}
	buf_putc(out, '}');
}

size_t keys_count_pairs(json maps)
{
	struct json_iter iter = json_iter(maps);
	size_t count = 0;
	json map;
	while (json_next(&iter, NULL, &map))
		count += json_is_object(map) ? json_count(map) : 0;
	return count;
}
