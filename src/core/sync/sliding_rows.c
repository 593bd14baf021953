/* The user's rooms, newest activity first, and which of them the rules of a request want. */
#include "core/sync/sliding_int.h"

#include "store/ignored.h"

#include <stdlib.h>

struct sliding_row *sliding_row(const struct sliding_run *run, int64_t room)
{
	size_t low = 0, high = run->row_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (run->rows[middle].is.room == room)
			return &run->rows[middle];
		if (run->rows[middle].is.room < room)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* ---- reading ---- */

static int by_room(const void *a, const void *b)
{
	const struct sliding_row *x = a, *y = b;
	return (x->is.room > y->is.room) - (x->is.room < y->is.room);
}

/* Who forgot a room does not get it by asking, but hears that it is gone. */
static enum rc row_add(struct sliding_run *run, int64_t room, bool even_forgotten)
{
	struct member_row member;
	struct sliding_row *row = &run->rows[run->row_count];
	enum rc rc =
	    member_get(run->sync.txn, run->sync.arena, room, run->request->session->user, &member);
	if (rc != RC_OK || (member.forgotten && !even_forgotten))
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	*row = (struct sliding_row){.timeline_limit = -1};
	row->is =
	    (struct user_room){.room = room, .membership = member.membership, .pos = member.pos};
	run->row_count++;
	return RC_OK;
}

/* Invites of people whom the user ignores, or that they do not take at all. */
static enum rc hide_invites(struct sliding_run *run)
{
	size_t kept = 0;
	for (size_t i = 0; i < run->row_count; i++) {
		struct member_row member;
		bool hidden = false;
		if (run->rows[i].is.membership == MEMBERSHIP_INVITE) {
			TRY(member_get(run->sync.txn, run->sync.arena, run->rows[i].is.room, run->request->session->user, &member));
			TRY(invite_is_hidden(run->sync.txn, run->sync.arena, &member, &hidden));
		}
		if (!hidden)
			run->rows[kept++] = run->rows[i];
	}
	run->row_count = kept;
	return RC_OK;
}

/* Rooms that the user left: those that the connection still shows, and those that are asked for by name. */
static enum rc rows_add_left(struct sliding_run *run)
{
	const struct sliding_request *request = run->request;
	size_t listed = run->row_count, more = run->state.room_count + request->subscription_count;
	struct sliding_row *rows = arena_array(run->sync.arena, struct sliding_row, listed + more);
	TRY(arena_status(run->sync.arena));
	for (size_t i = 0; i < listed; i++)
		rows[i] = run->rows[i];
	struct sliding_run known = *run;
	run->rows = rows;
	for (size_t i = 0; i < run->state.room_count; i++) {
		const struct told_room *told = &run->state.rooms[i];
		if (told->kind != TOLD_NOTHING && !sliding_row(&known, told->room))
			TRY(row_add(run, told->room, told->kind != TOLD_ENDED));
	}
	if (run->row_count)
		qsort(run->rows, run->row_count, sizeof *run->rows, by_room);
	known = *run;
	for (size_t i = 0; i < request->subscription_count; i++) {
		struct room_row room;
		enum rc rc = room_find(
		    run->sync.txn, run->sync.arena, request->subscriptions[i].room_id, &room);
		if (rc == RC_OK && !sliding_row(&known, room.room))
			rc = row_add(run, room.room, false);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	if (run->row_count)
		qsort(run->rows, run->row_count, sizeof *run->rows, by_room);
	return RC_OK;
}

/* Each row gets its place in the state that the answer leaves; what the connection knows of other rooms is dropped. */
static enum rc rows_meet_state(struct sliding_run *run)
{
	struct told_room *rooms = arena_array(run->sync.arena, struct told_room, run->row_count);
	TRY(arena_status(run->sync.arena));
	for (size_t i = 0; i < run->row_count; i++) {
		const struct told_room *told = told_state_room(&run->state, run->rows[i].is.room);
		rooms[i] = told ? *told
				: (struct told_room){.room = run->rows[i].is.room,
				      .upto = TOLD_NEVER,
				      .account_data_upto = TOLD_NEVER,
				      .receipts_upto = TOLD_NEVER};
		run->rows[i].told = &rooms[i];
	}
	run->state.rooms = rooms;
	run->state.room_count = run->row_count;
	return RC_OK;
}

/* Who is not joined sees nothing of a room but what became of their own membership. */
static enum rc mark_changed(struct sliding_run *run)
{
	int64_t *rooms;
	size_t count;
	if (run->place.connection == 0 || run->row_count == 0)
		return RC_OK;
	TRY(rooms_changed_for(run->sync.txn, run->sync.arena, run->request->session->user,
	    run->sync.since.pos, run->sync.to, &rooms, &count));
	for (size_t i = 0; i < count; i++) {
		struct sliding_row *row = sliding_row(run, rooms[i]);
		if (row)
			row->changed = row->is.membership == MEMBERSHIP_JOIN ||
				       row->is.pos > run->sync.since.pos;
	}
	return RC_OK;
}

enum rc sliding_rows_read(struct sliding_run *run)
{
	struct user_room *rooms;
	size_t count;
	TRY(user_rooms(
	    run->sync.txn, run->sync.arena, run->request->session->user, &rooms, &count));
	run->rows = arena_array(run->sync.arena, struct sliding_row, count);
	TRY(arena_status(run->sync.arena));
	for (size_t i = 0; i < count; i++)
		run->rows[i] =
		    (struct sliding_row){.is = rooms[i], .listed = true, .timeline_limit = -1};
	run->row_count = count;
	TRY(hide_invites(run));
	if (run->row_count)
		qsort(run->rows, run->row_count, sizeof *run->rows, by_room);
	TRY(rows_add_left(run));
	TRY(rows_meet_state(run));
	TRY(ignored_users(run->sync.txn, run->kept, run->request->session->user, &run->sync.ignored));
	return mark_changed(run);
}

/* ---- rules ---- */

static void rule_apply(struct sliding_row *row, const struct sliding_config *config, uint64_t wish)
{
	row->wishes |= wish;
	row->with_heroes = row->with_heroes || !config->without_heroes;
	if (config->timeline_limit > row->timeline_limit)
		row->timeline_limit = config->timeline_limit;
}

/* MSC4186, "Activity ordering": where one is joined, by the room's newest event; elsewhere by one's own membership. */
static int64_t activity(const struct user_room *room)
{
	return room->membership == MEMBERSHIP_JOIN ? room->last_pos : room->pos;
}

static int by_activity(const void *a, const void *b)
{
	const struct sliding_row *x = *(struct sliding_row *const *)a,
				 *y = *(struct sliding_row *const *)b;
	int64_t p = activity(&x->is), q = activity(&y->is);
	return p != q ? (p < q) - (p > q) : by_room(x, y);
}

static bool is_in_window(const struct sliding_list *list, size_t index)
{
	for (size_t i = 0; i < list->range_count; i++)
		if ((int64_t)index >= list->ranges[i].first &&
		    (int64_t)index <= list->ranges[i].last)
			return true;
	return list->everything;
}

/* A room that was left stays where it stood until that is told. */
static bool stands_in_lists(const struct sliding_row *row)
{
	return row->listed || row->told->kind == TOLD_ROOM || row->told->kind == TOLD_STRIPPED;
}

struct order {
	struct sliding_row **rows; /* newest activity first */
	size_t count;
	bool *pass; /* for each row, in the order of rooms */
};

static enum rc order_make(struct sliding_run *run, struct order *ret_order)
{
	struct order order = {arena_array(run->sync.arena, struct sliding_row *, run->row_count), 0,
	    arena_array(run->sync.arena, bool, run->row_count)};
	TRY(arena_status(run->sync.arena));
	for (size_t i = 0; i < run->row_count; i++)
		if (stands_in_lists(&run->rows[i]))
			order.rows[order.count++] = &run->rows[i];
	if (order.count)
		qsort(order.rows, order.count, sizeof *order.rows, by_activity);
	*ret_order = order;
	return RC_OK;
}

static enum rc list_match(struct sliding_run *run, const struct order *order, size_t number)
{
	const struct sliding_list *list = &run->request->lists[number];
	size_t index = 0;
	TRY(sliding_filter(run, &list->filters, order->pass));
	for (size_t i = 0; i < order->count; i++) {
		struct sliding_row *row = order->rows[i];
		if (!order->pass[row - run->rows])
			continue;
		if (is_in_window(list, index++)) {
			rule_apply(row, &list->config, run->list_wishes[number]);
			row->lists[number / 64] |= UINT64_C(1) << number % 64;
		}
	}
	json_put_key(run->sync.out, list->name);
	buf_put(run->sync.out, STR("{\"count\":"));
	buf_put_i64(run->sync.out, (int64_t)index);
	buf_putc(run->sync.out, '}');
	return buf_status(run->sync.out);
}

static enum rc subscription_match(struct sliding_run *run, size_t number)
{
	const struct sliding_subscription *subscription = &run->request->subscriptions[number];
	struct room_row room;
	enum rc rc = room_find(run->sync.txn, run->sync.arena, subscription->room_id, &room);
	struct sliding_row *row = rc == RC_OK ? sliding_row(run, room.room) : NULL;
	if (row) {
		rule_apply(row, &subscription->config, run->subscription_wishes[number]);
		row->subscribed = true;
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc sliding_match(struct sliding_run *run)
{
	struct order order;
	TRY(order_make(run, &order));
	json_put_key(run->sync.out, STR("lists"));
	buf_putc(run->sync.out, '{');
	for (size_t i = 0; i < run->request->list_count; i++)
		TRY(list_match(run, &order, i));
	buf_putc(run->sync.out, '}');
	for (size_t i = 0; i < run->request->subscription_count; i++)
		TRY(subscription_match(run, i));
	return RC_OK;
}
