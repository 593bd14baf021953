/*
 * Who is typing, in memory only: per room the users and when each one's notice expires. A thread ends the
 * notices of those who went silent, so that the others' clients hear of it.
 */
#include "base/heap.h"
#include "base/lock.h"
#include "base/log.h"
#include "core/sync/sync_int.h"
#include "matrix/ids.h"

#include <string.h>

enum {
	TYPING_USERS_MAX = 100,    /* per room; more are not told */
	TYPING_ROOMS_MAX = 100000,
	TYPING_QUIET_MAX = 4096,   /* so many more rooms, and quiet ones are forgotten */
	TYPING_QUIET_MS = 600000,  /* rooms are remembered for so long after the last notice in them ended */
	TYPING_IDLE_MS = 60000,    /* the expiry thread's rest when nobody types */
};

struct typist {
	int64_t user;
	int64_t expires_mono_ms;
	str id; /* owned */
};

struct typing_room {
	int64_t room;
	int64_t serial; /* of the last change */
	size_t count;
	size_t capacity;
	struct typist *typists;
};

struct typing {
	const struct clock *clock;
	struct notifier *notifier;
	struct lock mu;
	struct cond changed;
	struct map64 rooms GUARDED_BY(mu);
	int64_t serial GUARDED_BY(mu);
	int64_t floor GUARDED_BY(mu);   /* what changed up to here in rooms that are not remembered is not known */
	int64_t next_ms GUARDED_BY(mu); /* when the expiry thread looks again */
	size_t sweep_at GUARDED_BY(mu); /* so many rooms, and quiet ones are forgotten */
	bool stopping GUARDED_BY(mu);
	thread expiry;
};

/*
 * Serials are wall-clock milliseconds, later ones where several changes share one: so those of several processes, and of
 * an earlier run, can be compared. A change that one process hears of late may be missed by a client that comes from
 * another just then: typing is told again soon.
 */
static int64_t next_serial_locked(struct typing *typing)
{
	int64_t now_ms = clock_wall_ms(typing->clock);
	typing->serial = now_ms > typing->serial ? now_ms : typing->serial + 1;
	return typing->serial;
}

static void room_remove_at_locked(struct typing *typing, struct typing_room *room, size_t at)
{
	heap_free(UNCONST(char *, room->typists[at].id.p));
	room->typists[at] = room->typists[--room->count];
	room->serial = next_serial_locked(typing);
}

static size_t room_find_user(const struct typing_room *room, int64_t user)
{
	size_t at = 0;
	while (at < room->count && room->typists[at].user != user)
		at++;
	return at;
}

/* Ends what is due and returns one room that changed (0: none); `*ret_next_ms`: the earliest expiry left. */
static int64_t expire_one_locked(struct typing *typing, int64_t now_ms, int64_t *ret_next_ms)
{
	size_t cursor = 0;
	uint64_t key;
	void *value;
	*ret_next_ms = now_ms + TYPING_IDLE_MS;
	while (map64_next(&typing->rooms, &cursor, &key, &value)) {
		struct typing_room *room = value;
		for (size_t i = 0; i < room->count; i++) {
			if (room->typists[i].expires_mono_ms <= now_ms) {
				room_remove_at_locked(typing, room, i);
				return room->room;
			}
			if (room->typists[i].expires_mono_ms < *ret_next_ms)
				*ret_next_ms = room->typists[i].expires_mono_ms;
		}
	}
	return 0;
}

static void *run_expiry(void *arg)
{
	struct typing *typing = arg;
	lock_take(&typing->mu);
	while (!typing->stopping) {
		int64_t now_ms = clock_mono_ms(typing->clock);
		int64_t next_ms;
		int64_t room = expire_one_locked(typing, now_ms, &next_ms);
		if (room) {
			lock_drop(&typing->mu);
			notify_room(typing->notifier, room);
			lock_take(&typing->mu);
			continue;
		}
		typing->next_ms = next_ms;
		cond_wait_ms(&typing->changed, &typing->mu, next_ms - now_ms);
	}
	lock_drop(&typing->mu);
	return NULL;
}

enum rc typing_new(const struct clock *clock, struct notifier *notifier, struct typing **ret_typing)
{
	struct typing *typing = heap_zero(1, sizeof *typing);
	if (!typing)
		return RC_NOMEM;
	int64_t serial = clock_wall_ms(clock); /* ahead of every serial of an earlier run */
	*typing = (struct typing){
		.clock = clock,
		.notifier = notifier,
		.serial = serial,
		.floor = serial,
		.sweep_at = (size_t)TYPING_QUIET_MAX * 2,
	};
	lock_init(&typing->mu);
	cond_init(&typing->changed);
	map64_init(&typing->rooms);
	enum rc rc = thread_start(&typing->expiry, "typing", run_expiry, typing);
	if (rc != RC_OK) {
		cond_destroy(&typing->changed);
		lock_destroy(&typing->mu);
		heap_free(typing);
		return rc;
	}
	*ret_typing = typing;
	return RC_OK;
}

static void room_free(struct typing_room *room)
{
	for (size_t i = 0; i < room->count; i++)
		heap_free(UNCONST(char *, room->typists[i].id.p));
	heap_free(room->typists);
	heap_free(room);
}

void typing_free(struct typing *typing)
{
	if (!typing)
		return;
	lock_take(&typing->mu);
	typing->stopping = true;
	lock_drop(&typing->mu);
	cond_signal(&typing->changed);
	thread_join(typing->expiry);
	size_t cursor = 0;
	uint64_t key;
	void *value;
	while (map64_next(&typing->rooms, &cursor, &key, &value))
		room_free(value);
	map64_release(&typing->rooms);
	cond_destroy(&typing->changed);
	lock_destroy(&typing->mu);
	heap_free(typing);
}

/* Forgets the rooms in which nobody has typed for long, by the serial of their last change. */
static void sweep_locked(struct typing *typing)
{
	size_t cursor = 0;
	uint64_t key;
	void *value;
	int64_t floor = typing->serial - TYPING_QUIET_MS;
	while (map64_next(&typing->rooms, &cursor, &key, &value)) {
		struct typing_room *room = value;
		if (room->count || room->serial > floor)
			continue;
		map64_remove(&typing->rooms, key);
		room_free(room);
	}
	if (floor > typing->floor)
		typing->floor = floor;
	typing->sweep_at = map64_count(&typing->rooms) + TYPING_QUIET_MAX;
}

static enum rc room_make_locked(struct typing *typing, int64_t room, struct typing_room **ret_room)
{
	struct typing_room *found = map64_get(&typing->rooms, (uint64_t)room);
	if (!found) {
		if (map64_count(&typing->rooms) >= typing->sweep_at)
			sweep_locked(typing);
		if (map64_count(&typing->rooms) >= TYPING_ROOMS_MAX)
			return RC_BUSY;
		found = heap_zero(1, sizeof *found);
		if (!found)
			return RC_NOMEM;
		found->room = room;
		enum rc rc = map64_put(&typing->rooms, (uint64_t)room, found, NULL);
		if (rc != RC_OK) {
			heap_free(found);
			return rc;
		}
	}
	*ret_room = found;
	return RC_OK;
}

static enum rc typist_add_locked(struct typing *typing, struct typing_room *room, int64_t user, str user_id,
                                 int64_t expires_mono_ms)
{
	if (room->count == TYPING_USERS_MAX)
		return RC_OK;
	if (room->count == room->capacity) {
		size_t capacity = room->capacity ? room->capacity * 2 : 2;
		struct typist *grown = heap_grow(room->typists, capacity * sizeof *grown);
		if (!grown)
			return RC_NOMEM;
		room->typists = grown;
		room->capacity = capacity;
	}
	char *id = heap_alloc(user_id.n + 1);
	if (!id)
		return RC_NOMEM;
	memcpy(id, user_id.p, user_id.n);
	room->typists[room->count++] = (struct typist){user, expires_mono_ms, {id, user_id.n}};
	room->serial = next_serial_locked(typing);
	return RC_OK;
}

/* Starts, prolongs or stops; `*ret_changed` when others must hear of it. */
static enum rc set_locked(struct typing *typing, int64_t room_nid, int64_t user, str user_id, int64_t timeout_ms,
                          bool *ret_changed)
{
	struct typing_room *room = map64_get(&typing->rooms, (uint64_t)room_nid);
	if (!room && timeout_ms == 0)
		return RC_OK; /* did not type */
	TRY(room_make_locked(typing, room_nid, &room));
	int64_t before = typing->serial;
	size_t at = room_find_user(room, user);
	int64_t expires = clock_mono_ms(typing->clock) + timeout_ms;
	enum rc rc = RC_OK;
	if (timeout_ms == 0 && at < room->count)
		room_remove_at_locked(typing, room, at);
	else if (timeout_ms > 0 && at < room->count)
		room->typists[at].expires_mono_ms = expires;
	else if (timeout_ms > 0)
		rc = typist_add_locked(typing, room, user, user_id, expires);
	*ret_changed = typing->serial != before;
	return rc;
}

enum rc typing_set(struct typing *typing, int64_t room, int64_t user, str user_id, int64_t timeout_ms)
{
	bool changed = false;
	lock_take(&typing->mu);
	enum rc rc = set_locked(typing, room, user, user_id, timeout_ms, &changed);
	int64_t now_ms = clock_mono_ms(typing->clock);
	bool early = now_ms + timeout_ms < typing->next_ms || now_ms >= typing->next_ms;
	lock_drop(&typing->mu);
	if (early)
		cond_signal(&typing->changed);
	if (changed)
		notify_room(typing->notifier, room);
	return rc;
}

/* The first room in which the user types, ended there; 0: none. */
static int64_t drop_one_locked(struct typing *typing, int64_t user)
{
	size_t cursor = 0;
	uint64_t key;
	void *value;
	while (map64_next(&typing->rooms, &cursor, &key, &value)) {
		struct typing_room *room = value;
		size_t at = room_find_user(room, user);
		if (at < room->count) {
			room_remove_at_locked(typing, room, at);
			return room->room;
		}
	}
	return 0;
}

void typing_drop_user(struct typing *typing, int64_t user)
{
	int64_t room;
	do {
		lock_take(&typing->mu);
		room = drop_one_locked(typing, user);
		lock_drop(&typing->mu);
		if (room)
			notify_room(typing->notifier, room);
	} while (room);
}

int64_t typing_serial(struct typing *typing)
{
	lock_take(&typing->mu);
	int64_t serial = typing->serial;
	lock_drop(&typing->mu);
	return serial;
}

/* `room` NULL: nobody. */
static void put_event_locked(const struct typing_room *room, struct buf *out)
{
	buf_put(out, STR("{\"content\":{\"user_ids\":["));
	for (size_t i = 0; room && i < room->count; i++) {
		json_put_comma(out);
		json_put_text(out, room->typists[i].id);
	}
	buf_put(out, STR("]},\"type\":\"m.typing\"}"));
}

bool typing_put_event(struct typing *typing, int64_t room_nid, int64_t since_serial, struct buf *out)
{
	lock_take(&typing->mu);
	const struct typing_room *room = map64_get(&typing->rooms, (uint64_t)room_nid);
	/* Of a room that is not remembered a client may still believe that somebody types there. */
	bool changed = room ? room->serial > since_serial && (room->count || since_serial > 0)
	                    : since_serial > 0 && since_serial < typing->floor;
	if (changed)
		put_event_locked(room, out);
	lock_drop(&typing->mu);
	return changed;
}

enum rc typing_rooms_since(struct typing *typing, struct arena *arena, int64_t since_serial, int64_t **ret_rooms,
                           size_t *ret_count)
{
	size_t cursor = 0, count = 0;
	uint64_t key;
	void *value;
	lock_take(&typing->mu);
	int64_t *rooms = typing->serial > since_serial ? arena_array(arena, int64_t, map64_count(&typing->rooms)) : NULL;
	while (rooms && map64_next(&typing->rooms, &cursor, &key, &value)) {
		const struct typing_room *room = value;
		if (room->serial > since_serial)
			rooms[count++] = room->room;
	}
	lock_drop(&typing->mu);
	TRY(arena_status(arena));
	*ret_rooms = rooms;
	*ret_count = count;
	return RC_OK;
}
