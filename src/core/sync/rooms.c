/* "rooms" of a /sync answer: which rooms are told of, and in which part each stands. */
#include "core/sync/sync_int.h"

#include <stdlib.h>

enum section { SECTION_NONE, SECTION_JOIN, SECTION_INVITE, SECTION_KNOCK, SECTION_LEAVE };

static const char *const section_names[] = {"", "join", "invite", "knock", "leave"};

struct candidates {
	struct sync_run *run;
	int64_t *rooms;
	size_t count, capacity;
};

static enum rc candidate_add(struct candidates *list, int64_t room)
{
	struct arena *arena = list->run->arena;
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 32;
		list->rooms = arena_grow(arena, list->rooms, list->capacity * sizeof *list->rooms,
		                         capacity * sizeof *list->rooms);
		TRY(arena_status(arena));
		list->capacity = capacity;
	}
	list->rooms[list->count++] = room;
	return RC_OK;
}

static enum rc candidate_add_member(void *self, const struct member_row *member)
{
	return candidate_add(self, member->room);
}

static enum rc candidates_add_all(struct candidates *list, const int64_t *rooms, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(candidate_add(list, rooms[i]));
	return RC_OK;
}

/* Rooms in which anything changed for the user: events, receipts, typing, account data of the room. */
static enum rc candidates_changed(struct candidates *list)
{
	struct sync_run *run = list->run;
	int64_t user = run->request->session->user;
	int64_t *rooms;
	size_t count;
	TRY(rooms_changed_for(run->txn, run->arena, user, run->since.pos, run->to, &rooms, &count));
	TRY(candidates_add_all(list, rooms, count));
	TRY(receipt_rooms_changed_for(run->txn, run->arena, user, run->since.pos, run->to, &rooms, &count));
	TRY(candidates_add_all(list, rooms, count));
	TRY(typing_rooms_since(run->syncs->typing, run->arena, run->since.typing_serial, &rooms, &count));
	TRY(candidates_add_all(list, rooms, count));
	for (size_t i = 0; i < run->account_data_count; i++)
		if (run->account_data[i].room && run->account_data[i].pos <= run->to)
			TRY(candidate_add(list, run->account_data[i].room));
	return RC_OK;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void sort_unique(struct candidates *list)
{
	if (!list->count)
		return;
	qsort(list->rooms, list->count, sizeof *list->rooms, by_number);
	size_t kept = 1;
	for (size_t i = 1; i < list->count; i++)
		if (list->rooms[i] != list->rooms[kept - 1])
			list->rooms[kept++] = list->rooms[i];
	list->count = kept;
}

static bool leaves_are_wanted(const struct sync_run *run)
{
	return run->request->filter && run->request->filter->room.include_leave;
}

/* Rooms as they are, changed or not. */
static enum rc candidates_standing(struct candidates *list)
{
	static const enum membership present[] = {MEMBERSHIP_JOIN, MEMBERSHIP_INVITE, MEMBERSHIP_KNOCK};
	struct sync_run *run = list->run;
	int64_t user = run->request->session->user;
	struct arena CLEANUP(arena_release) rows;
	arena_init(&rows, run->arena->budget_bytes);
	if (leaves_are_wanted(run))
		return members_of_user(run->txn, &rows, user, MEMBERSHIP_NONE, candidate_add_member, list);
	for (size_t i = 0; i < COUNT_OF(present); i++)
		TRY(members_of_user(run->txn, &rows, user, present[i], candidate_add_member, list));
	return RC_OK;
}

static enum rc candidates_find(struct candidates *list)
{
	if (list->run->initial || list->run->request->full_state || sync_rules_changed(list->run))
		TRY(candidates_standing(list));
	if (!list->run->initial)
		TRY(candidates_changed(list));
	sort_unique(list);
	return RC_OK;
}

enum rc sync_snapshot_at(struct sync_run *run, const struct room_row *room, int64_t pos, int64_t *ret_snapshot)
{
	struct event_row *events;
	size_t count;
	bool more;
	if (pos >= room->last_pos) {
		*ret_snapshot = room->snapshot;
		return RC_OK;
	}
	TRY(events_between(run->txn, run->arena, room->room, 0, pos, true, 1, &events, &count, &more));
	*ret_snapshot = count ? events[0].current : 0;
	return RC_OK;
}

static enum rc membership_in(struct sync_run *run, int64_t snapshot, enum membership *ret_membership)
{
	struct event_row event;
	json root;
	*ret_membership = MEMBERSHIP_NONE;
	enum rc rc = state_event(run->txn, run->arena, snapshot, STR("m.room.member"), run->request->session->user_id,
	                         &event);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(json_parse(run->arena, event.canonical, &root, NULL));
	membership_parse(json_get_text(json_get(root, STR("content")), STR("membership")), ret_membership);
	return RC_OK;
}

/* What the user was to the room at `since`. */
static enum rc membership_before(struct sync_run *run, const struct room_view *view, enum membership *ret_before)
{
	int64_t snapshot;
	*ret_before = MEMBERSHIP_NONE;
	if (run->initial)
		return RC_OK;
	if (view->member.pos <= run->since.pos) {
		*ret_before = view->member.membership;
		return RC_OK;
	}
	TRY(sync_snapshot_at(run, &view->room, run->since.pos, &snapshot));
	return membership_in(run, snapshot, ret_before);
}

static enum section section_of(const struct sync_run *run, const struct member_row *member)
{
	bool fresh = member->pos > run->since.pos, all = run->initial || run->request->full_state;
	switch (member->membership) {
	case MEMBERSHIP_JOIN:
		return SECTION_JOIN;
	case MEMBERSHIP_INVITE:
		return fresh || all ? SECTION_INVITE : SECTION_NONE;
	case MEMBERSHIP_KNOCK:
		return fresh || all ? SECTION_KNOCK : SECTION_NONE;
	case MEMBERSHIP_LEAVE:
	case MEMBERSHIP_BAN:
		if (all && leaves_are_wanted(run) && !member->forgotten)
			return SECTION_LEAVE;
		return fresh && !run->initial ? SECTION_LEAVE : SECTION_NONE;
	case MEMBERSHIP_NONE:
		break;
	}
	return SECTION_NONE;
}

/*
 * Not joined: the room stands as it was when the user's newest member event was sent. Who was only invited, or knocked,
 * never saw the room: its state is not theirs to read, nor is that of a room that they forgot.
 */
static enum rc close_view(struct sync_run *run, struct sync_room *room)
{
	const struct room_view *view = &room->view;
	const struct member_row *member = &view->member;
	struct event_row own, before;
	enum membership was = MEMBERSHIP_NONE;
	json root;
	TRY(event_get(run->txn, run->arena, member->event, &own));
	room->upto = room->view.until_pos = room->view.state_until_pos = own.pos;
	room->view.state_snapshot = own.current;
	if (own.replaced && !member->forgotten) {
		TRY(event_get(run->txn, run->arena, own.replaced, &before));
		TRY(json_parse(run->arena, before.canonical, &root, NULL));
		membership_parse(json_get_text(json_get(root, STR("content")), STR("membership")), &was);
	}
	room->own_event_only = was != MEMBERSHIP_JOIN;
	room->view.joined_until = room->own_event_only ? 0 : own.pos;
	return RC_OK;
}

/* The room of a member row. */
static enum rc view_open(struct sync_run *run, struct sync_room *room)
{
	struct room_view *view = &room->view;
	room->upto = run->to;
	view->viewer = run->request->session->user;
	view->joined_until = view->state_until_pos = view->until_pos = INT64_MAX;
	TRY(room_get(run->txn, run->arena, view->member.room, &view->room));
	view->state_snapshot = view->room.snapshot;
	return view->member.membership == MEMBERSHIP_JOIN ? RC_OK : close_view(run, room);
}

enum rc sync_room_open(struct sync_run *run, int64_t room, struct sync_room *ret_room)
{
	struct sync_room opened = {.from = 0};
	TRY(member_get(
	    run->txn, run->arena, room, run->request->session->user, &opened.view.member));
	TRY(view_open(run, &opened));
	*ret_room = opened;
	return RC_OK;
}

/* Fills the view of one candidate; `*ret_section` NONE when it is not told of. */
static enum rc room_open(struct sync_run *run, int64_t room_nid, struct sync_room *ret_room, enum section *ret_section)
{
	struct room_view *view = &ret_room->view;
	enum membership before;
	bool hidden = false;
	*ret_room = (struct sync_room){.from = run->since.pos};
	*ret_section = SECTION_NONE;
	enum rc rc =
	    member_get(run->txn, run->arena, room_nid, run->request->session->user, &view->member);
	if (rc == RC_NOT_FOUND)
		return RC_OK; /* typing in a room the user is not in */
	TRY(rc);
	enum section section = section_of(run, &view->member);
	if (section == SECTION_NONE || !filter_allows_room(run->request->filter, view->member.room_id))
		return RC_OK;
	TRY(view_open(run, ret_room));
	TRY(membership_before(run, view, &before));
	ret_room->newly = before != MEMBERSHIP_JOIN;
	if (section == SECTION_JOIN && ret_room->newly)
		ret_room->from = 0;
	if (section == SECTION_INVITE)
		TRY(invite_is_hidden(run->txn, run->arena, &view->member, &hidden));
	*ret_section = hidden ? SECTION_NONE : section;
	return RC_OK;
}

static enum rc put_room(struct sync_run *run, const struct sync_room *room, enum section section, bool *ret_written)
{
	size_t start = run->out->n;
	*ret_written = true;
	json_put_key(run->out, room->view.room.room_id);
	switch (section) {
	case SECTION_JOIN:
		TRY(sync_put_joined(run, room, ret_written));
		break;
	case SECTION_LEAVE:
		TRY(sync_put_left(run, room));
		break;
	case SECTION_INVITE:
		TRY(sync_put_stripped(run, room, STR("invite_state")));
		break;
	case SECTION_KNOCK:
		TRY(sync_put_stripped(run, room, STR("knock_state")));
		break;
	case SECTION_NONE:
		break;
	}
	if (!*ret_written)
		run->out->n = start; /* nothing to tell after all */
	return RC_OK;
}

static enum rc put_section(struct sync_run *run, const struct sync_room *rooms, const enum section *sections,
                           size_t count, enum section section, bool *ret_any)
{
	struct arena *arena = run->arena;
	struct arena CLEANUP(arena_release) room_arena;
	arena_init(&room_arena, arena->budget_bytes);
	json_put_key(run->out, str_of(section_names[section]));
	buf_putc(run->out, '{');
	run->arena = &room_arena;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		bool written = false;
		if (sections[i] != section)
			continue;
		arena_clear(&room_arena);
		rc = put_room(run, &rooms[i], section, &written);
		*ret_any = *ret_any || written;
	}
	run->arena = arena;
	buf_putc(run->out, '}');
	return rc;
}

static bool any_is_joined(const enum section *sections, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sections[i] == SECTION_JOIN)
			return true;
	return false;
}

static bool any_is_new(const struct sync_room *rooms, const enum section *sections, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (sections[i] == SECTION_JOIN && rooms[i].newly)
			return true;
	return false;
}

/* Account data of rooms that are new to the user may be older than the token. */
static enum rc read_account_data_ever(struct sync_run *run)
{
	if (!run->initial)
		return account_data_since(run->txn, run->arena, run->request->session->user, 0, &run->account_data_ever,
		                          &run->account_data_ever_count);
	run->account_data_ever = run->account_data;
	run->account_data_ever_count = run->account_data_count;
	return RC_OK;
}

enum rc sync_put_rooms(struct sync_run *run, bool *ret_any)
{
	struct candidates list = {.run = run};
	TRY(candidates_find(&list));
	struct sync_room *rooms = arena_array(run->arena, struct sync_room, list.count);
	enum section *sections = arena_array(run->arena, enum section, list.count);
	TRY(arena_status(run->arena));
	if (list.count > 0)
		TRY(ignored_users(
		    run->txn, run->arena, run->request->session->user, &run->ignored));
	for (size_t i = 0; i < list.count; i++)
		TRY(room_open(run, list.rooms[i], &rooms[i], &sections[i]));
	if (any_is_new(rooms, sections, list.count))
		TRY(read_account_data_ever(run));
	struct push_run *push CLEANUP(push_run_end) = NULL;
	if (any_is_joined(sections, list.count))
		TRY(push_run_begin(
		    run->syncs->config.push, run->txn, run->arena, run->request->session, &push));
	run->push = push;
	*ret_any = false;
	json_put_key(run->out, STR("rooms"));
	buf_putc(run->out, '{');
	for (enum section section = SECTION_JOIN; section <= SECTION_LEAVE; section++)
		TRY(put_section(run, rooms, sections, list.count, section, ret_any));
	buf_putc(run->out, '}');
	return buf_status(run->out);
}
