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

static enum rc candidates_find(struct candidates *list)
{
	struct sync_run *run = list->run;
	if (run->initial || run->request->full_state) {
		struct arena CLEANUP(arena_release) rows;
		arena_init(&rows, run->arena->budget_bytes);
		TRY(members_of_user(run->txn, &rows, run->request->session->user, MEMBERSHIP_NONE,
		                    candidate_add_member, list));
	}
	if (!run->initial)
		TRY(candidates_changed(list));
	sort_unique(list);
	return RC_OK;
}

/* The state at `pos`: what the newest event up to there left behind. 0 before the first. */
static enum rc snapshot_at(struct sync_run *run, int64_t room, int64_t pos, int64_t *ret_snapshot)
{
	struct event_row *events;
	size_t count;
	bool more;
	TRY(events_between(run->txn, run->arena, room, 0, pos, true, 1, &events, &count, &more));
	*ret_snapshot = count ? events[0].snapshot : 0;
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

/* What the user knew at `since`: the state then, and whether they were in the room. */
static enum rc look_back(struct sync_run *run, struct sync_room *room, enum membership *ret_before)
{
	*ret_before = MEMBERSHIP_NONE;
	room->newly = run->initial;
	if (run->initial)
		return RC_OK;
	TRY(snapshot_at(run, room->view.room.room, run->since.pos, &room->since_snapshot));
	if (room->view.member.pos > run->since.pos)
		TRY(membership_in(run, room->since_snapshot, ret_before));
	else
		*ret_before = room->view.member.membership;
	room->newly = *ret_before != MEMBERSHIP_JOIN;
	return RC_OK;
}

/* Who was only invited, or knocked, never saw the room: its state is not theirs to read. */
static enum rc joined_before_leaving(struct sync_run *run, const struct member_row *member, bool *ret_joined)
{
	struct event_row leave, before;
	json root;
	*ret_joined = false;
	TRY(event_get(run->txn, run->arena, member->event, &leave));
	if (!leave.replaced)
		return RC_OK;
	TRY(event_get(run->txn, run->arena, leave.replaced, &before));
	TRY(json_parse(run->arena, before.canonical, &root, NULL));
	*ret_joined = str_eq(json_get_text(json_get(root, STR("content")), STR("membership")), STR("join"));
	return RC_OK;
}

static bool leaves_are_wanted(const struct sync_run *run)
{
	return run->request->filter && run->request->filter->room.include_leave;
}

static enum section section_of(const struct sync_run *run, const struct sync_room *room, enum membership before)
{
	const struct member_row *member = &room->view.member;
	bool fresh = run->initial || run->request->full_state || member->pos > run->since.pos;
	switch (member->membership) {
	case MEMBERSHIP_JOIN:
		return SECTION_JOIN;
	case MEMBERSHIP_INVITE:
		return fresh ? SECTION_INVITE : SECTION_NONE;
	case MEMBERSHIP_KNOCK:
		return fresh ? SECTION_KNOCK : SECTION_NONE;
	case MEMBERSHIP_LEAVE:
	case MEMBERSHIP_BAN:
		if (member->forgotten)
			return SECTION_NONE;
		if (run->initial)
			return leaves_are_wanted(run) ? SECTION_LEAVE : SECTION_NONE;
		return member->pos > run->since.pos && before != MEMBERSHIP_NONE ? SECTION_LEAVE : SECTION_NONE;
	case MEMBERSHIP_NONE:
		break;
	}
	return SECTION_NONE;
}

/* Fills the view of one candidate; `*ret_section` NONE when it is not told of. */
static enum rc room_open(struct sync_run *run, int64_t room_nid, struct sync_room *ret_room, enum section *ret_section)
{
	const struct session *session = run->request->session;
	enum membership before;
	*ret_room = (struct sync_room){.upto = run->to};
	*ret_section = SECTION_NONE;
	struct room_view *view = &ret_room->view;
	enum rc rc = member_get(run->txn, run->arena, room_nid, session->user, &view->member);
	if (rc == RC_NOT_FOUND)
		return RC_OK; /* typing in a room the user is not in */
	TRY(rc);
	TRY(room_get(run->txn, run->arena, room_nid, &view->room));
	view->viewer = session->user;
	view->until_pos = INT64_MAX;
	view->state_snapshot = view->room.snapshot;
	TRY(look_back(run, ret_room, &before));
	*ret_section = section_of(run, ret_room, before);
	if (*ret_section == SECTION_LEAVE || *ret_section == SECTION_INVITE || *ret_section == SECTION_KNOCK) {
		ret_room->upto = view->until_pos = view->member.pos;
		TRY(snapshot_at(run, room_nid, view->member.pos, &view->state_snapshot));
	}
	if (*ret_section == SECTION_LEAVE)
		TRY(joined_before_leaving(run, &view->member, &ret_room->had_joined));
	if (!filter_allows_room(run->request->filter, view->room.room_id))
		*ret_section = SECTION_NONE;
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

enum rc sync_put_rooms(struct sync_run *run, bool *ret_any)
{
	struct candidates list = {.run = run};
	TRY(candidates_find(&list));
	struct sync_room *rooms = arena_array(run->arena, struct sync_room, list.count);
	enum section *sections = arena_array(run->arena, enum section, list.count);
	TRY(arena_status(run->arena));
	for (size_t i = 0; i < list.count; i++)
		TRY(room_open(run, list.rooms[i], &rooms[i], &sections[i]));
	*ret_any = false;
	json_put_key(run->out, STR("rooms"));
	buf_putc(run->out, '{');
	for (enum section section = SECTION_JOIN; section <= SECTION_LEAVE; section++) {
		json_put_key(run->out, str_of(section_names[section]));
		buf_putc(run->out, '{');
		for (size_t i = 0; i < list.count; i++) {
			bool written;
			if (sections[i] != section)
				continue;
			TRY(put_room(run, &rooms[i], section, &written));
			*ret_any = *ret_any || written;
		}
		buf_putc(run->out, '}');
	}
	buf_putc(run->out, '}');
	return buf_status(run->out);
}
