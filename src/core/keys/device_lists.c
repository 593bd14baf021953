/*
 * Lists of devices between two positions. Only the ends count: who shared a room with the user at `since`, and who does
 * now. What lies between has either changed a list after `since`, which is told anyway, or left no trace.
 */
#include "core/keys/keys_int.h"

#include "store/rooms.h"

#include <stdlib.h>

struct user_list {
	struct user_row *users;
	size_t count, capacity;
};

struct lists {
	struct txn_ro *txn;
	struct arena *arena;
	int64_t user, since, to;
	struct user_list changed, left;
};

/* One room of the user's in which somebody's membership changed. */
struct moved_room {
	struct lists *lists;
	struct room_row room;
	int64_t snapshot;           /* its state at `since`; 0: it had none */
	bool was_joined, is_joined; /* the user: at `since`, now */
};

static enum rc list_add(struct lists *lists, struct user_list *list, struct user_row user)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 32;
		list->users = arena_grow(lists->arena, list->users,
		    list->capacity * sizeof *list->users, capacity * sizeof *list->users);
		TRY(arena_status(lists->arena));
		list->capacity = capacity;
	}
	list->users[list->count++] = user;
	return RC_OK;
}

static enum rc list_add_all(
    struct lists *lists, struct user_list *list, const struct user_row *users, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(list_add(lists, list, users[i]));
	return RC_OK;
}

static enum rc list_add_others(
    struct lists *lists, struct user_list *list, const struct user_row *users, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (users[i].user != lists->user)
			TRY(list_add(lists, list, users[i]));
	return RC_OK;
}

/* The room's current state at `since`, as clients saw it. */
static enum rc snapshot_at_since(struct moved_room *moved)
{
	struct lists *lists = moved->lists;
	struct event_row *events;
	size_t count;
	bool more;
	TRY(events_between(lists->txn, lists->arena, moved->room.room, 0, lists->since, true, 1,
	    &events, &count, &more));
	moved->snapshot = count ? events[0].current : 0;
	return RC_OK;
}

static enum rc was_joined(const struct moved_room *moved, str user_id, bool *ret_joined)
{
	struct lists *lists = moved->lists;
	struct event_row event;
	json root;
	*ret_joined = false;
	enum rc rc = state_event(
	    lists->txn, lists->arena, moved->snapshot, STR("m.room.member"), user_id, &event);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(json_parse(lists->arena, event.canonical, &root, NULL));
	*ret_joined =
	    str_eq(json_get_text(json_get(root, STR("content")), STR("membership")), STR("join"));
	return RC_OK;
}

static enum rc user_lost(struct lists *lists, struct user_row user)
{
	bool shares;
	TRY(users_share_room(lists->txn, lists->user, user.user, &shares));
	return shares ? RC_OK : list_add(lists, &lists->left, user);
}

/* The user was in the room at `since`, or is now. */
static enum rc other_moved(const struct moved_room *moved, const struct member_move *move)
{
	struct lists *lists = moved->lists;
	bool was, is = move->joined && moved->is_joined;
	TRY(was_joined(moved, move->who.user_id, &was));
	was = was && moved->was_joined;
	if (is && !was)
		return list_add(lists, &lists->changed, move->who);
	return was && !is ? user_lost(lists, move->who) : RC_OK;
}

/* The others, who did not move. */
static enum rc user_moved(const struct moved_room *moved)
{
	struct lists *lists = moved->lists;
	struct user_row *users;
	size_t count;
	if (moved->was_joined == moved->is_joined)
		return RC_OK;
	if (moved->is_joined) {
		TRY(members_joined(lists->txn, lists->arena, moved->room.room, &users, &count));
		return list_add_others(lists, &lists->changed, users, count);
	}
	TRY(members_lost(
	    lists->txn, lists->arena, moved->room.room, lists->since, lists->user, &users, &count));
	return list_add_all(lists, &lists->left, users, count);
}

static enum rc moved_room_open(struct lists *lists, int64_t room, struct moved_room *ret_moved)
{
	struct moved_room moved = {.lists = lists};
	struct member_row own;
	TRY(room_get(lists->txn, lists->arena, room, &moved.room));
	TRY(member_get(lists->txn, lists->arena, room, lists->user, &own));
	TRY(snapshot_at_since(&moved));
	moved.is_joined = moved.was_joined = own.membership == MEMBERSHIP_JOIN;
	if (own.pos > lists->since)
		TRY(was_joined(&moved, own.user_id, &moved.was_joined));
	*ret_moved = moved;
	return RC_OK;
}

static enum rc room_look(struct lists *lists, int64_t room)
{
	struct moved_room moved;
	struct member_move *moves;
	size_t count;
	TRY(members_moved(lists->txn, lists->arena, room, lists->since, &moves, &count));
	if (count == 0)
		return RC_OK;
	TRY(moved_room_open(lists, room, &moved));
	if (!moved.was_joined && !moved.is_joined)
		return RC_OK;
	TRY(user_moved(&moved));
	for (size_t i = 0; i < count; i++)
		if (moves[i].who.user != lists->user)
			TRY(other_moved(&moved, &moves[i]));
	return RC_OK;
}

static int by_number(const void *a, const void *b)
{
	const struct user_row *x = a, *y = b;
	return (x->user > y->user) - (x->user < y->user);
}

/* Each once. */
static void list_put(struct buf *out, str name, struct user_list *list)
{
	if (list->count)
		qsort(list->users, list->count, sizeof *list->users, by_number);
	json_put_key(out, name);
	buf_putc(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i && list->users[i].user == list->users[i - 1].user)
			continue;
		json_put_comma(out);
		json_put_text(out, list->users[i].user_id);
	}
	buf_putc(out, ']');
}

enum rc keys_put_device_lists(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
    int64_t to, struct buf *out, bool *ret_any)
{
	struct lists lists = {.txn = txn, .arena = arena, .user = user, .since = since, .to = to};
	struct user_row *users;
	int64_t *rooms;
	size_t count;
	if (since < to) {
		TRY(device_lists_since(txn, arena, user, since, &users, &count));
		TRY(list_add_all(&lists, &lists.changed, users, count));
		TRY(rooms_changed_for(txn, arena, user, since, to, &rooms, &count));
		for (size_t i = 0; i < count; i++)
			TRY(room_look(&lists, rooms[i]));
	}
	buf_putc(out, '{');
	list_put(out, STR("changed"), &lists.changed);
	list_put(out, STR("left"), &lists.left);
	buf_putc(out, '}');
	*ret_any = lists.changed.count || lists.left.count;
	return buf_status(out);
}
