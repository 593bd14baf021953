/* The parts of one room in /sync: joined, left, invited or knocking. */
#include "core/sync/sync_int.h"

#include <stdlib.h>

enum { HEROES_MAX = 5 };

static enum rc put_summary(struct sync_run *run, const struct sync_room *room, const struct sync_heroes *heroes)
{
	int64_t joined, invited;
	TRY(member_counts(run->txn, room->view.room.room, &joined, &invited));
	json_put_key(run->out, STR("summary"));
	buf_put(run->out, STR("{\"m.heroes\":["));
	for (size_t i = 0; i < heroes->count; i++) {
		json_put_comma(run->out);
		json_put_text(run->out, heroes->heroes[i].user_id);
	}
	buf_put(run->out, STR("],\"m.invited_member_count\":"));
	buf_put_i64(run->out, invited);
	buf_put(run->out, STR(",\"m.joined_member_count\":"));
	buf_put_i64(run->out, joined);
	buf_putc(run->out, '}');
	return RC_OK;
}

static size_t put_account_data(struct sync_run *run, const struct sync_room *room)
{
	size_t count = 0, rows = room->newly ? run->account_data_ever_count : run->account_data_count;
	const struct account_data_row *row = room->newly ? run->account_data_ever : run->account_data;
	json_put_key(run->out, STR("account_data"));
	buf_put(run->out, STR("{\"events\":["));
	for (; rows > 0; rows--, row++) {
		if (row->room != room->view.room.room || row->pos > run->to ||
		    !sync_wants(run, SYNC_ROOM_ACCOUNT_DATA, room->view.room.room_id, row->type))
			continue;
		sync_put_typed_content(run->out, row->type, row->content);
		count++;
	}
	buf_put(run->out, STR("]}"));
	return count;
}

static int by_place(const void *a, const void *b)
{
	const struct receipt_row *x = a, *y = b;
	int order = str_cmp(x->event_id, y->event_id);
	order = order ? order : str_cmp(x->type, y->type);
	return order ? order : str_cmp(x->user_id, y->user_id);
}

static void put_receipt(struct buf *out, const struct receipt_row *row)
{
	json_put_key(out, row->user_id);
	buf_printf(out, "{\"ts\":%lld", (long long)row->ts_ms);
	if (row->thread_id.n) {
		json_put_key(out, STR("thread_id"));
		json_put_text(out, row->thread_id);
	}
	buf_putc(out, '}');
}

/* {event id: {type: {user: {ts, thread_id}}}}: rows sorted by_place(), so that groups are runs. */
static void put_receipt_content(struct buf *out, const struct receipt_row *rows, size_t count)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < count; i++) {
		bool new_event = i == 0 || !str_eq(rows[i].event_id, rows[i - 1].event_id);
		bool new_type = new_event || !str_eq(rows[i].type, rows[i - 1].type);
		if (i && new_type)
			buf_putc(out, '}');
		if (i && new_event)
			buf_putc(out, '}');
		if (new_event) {
			json_put_key(out, rows[i].event_id);
			buf_putc(out, '{');
		}
		if (new_type) {
			json_put_key(out, rows[i].type);
			buf_putc(out, '{');
		}
		put_receipt(out, &rows[i]);
	}
	buf_put(out, count ? STR("}}}") : STR("}"));
}

/* Of one user on one event, the receipt without a thread first. */
static int by_thread(const void *a, const void *b)
{
	const struct receipt_row *x = a, *y = b;
	int order = by_place(a, b);
	return order ? order : str_cmp(x->thread_id, y->thread_id);
}

static int by_rank(const void *a, const void *b)
{
	const struct receipt_row *x = a, *y = b;
	return x->pos != y->pos ? (x->pos > y->pos) - (x->pos < y->pos) : by_place(a, b);
}

/*
 * One event, unless a user has several receipts on one event, in different threads: the form has room for one, so
 * the second ones go into a second event, and so on. `pos` is of no more use then and holds that rank.
 */
static void rank(struct receipt_row *rows, size_t count)
{
	qsort(rows, count, sizeof *rows, by_thread);
	for (size_t i = 0; i < count; i++)
		rows[i].pos = i && by_place(&rows[i], &rows[i - 1]) == 0 ? rows[i - 1].pos + 1 : 0;
	qsort(rows, count, sizeof *rows, by_rank);
}

static size_t rank_end(const struct receipt_row *rows, size_t count, size_t start)
{
	size_t end = start;
	while (end < count && rows[end].pos == rows[start].pos)
		end++;
	return end;
}

static void put_receipt_event(struct buf *out, const struct receipt_row *rows, size_t count)
{
	buf_put(out, STR("{\"content\":"));
	put_receipt_content(out, rows, count);
	buf_put(out, STR(",\"type\":\"m.receipt\"}"));
}

static size_t put_receipts(struct buf *out, struct receipt_row *rows, size_t count)
{
	size_t events = 0;
	rank(rows, count);
	for (size_t start = 0, end; start < count; start = end, events++) {
		end = rank_end(rows, count, start);
		json_put_comma(out);
		put_receipt_event(out, rows + start, end - start);
	}
	return events;
}

void sync_put_receipt_event(struct buf *out, struct receipt_row *rows, size_t count)
{
	rank(rows, count);
	put_receipt_event(out, rows, rank_end(rows, count, 0));
}

static enum rc put_ephemeral(struct sync_run *run, const struct sync_room *room, size_t *ret_count)
{
	const struct room_view *view = &room->view;
	json_put_key(run->out, STR("ephemeral"));
	buf_put(run->out, STR("{\"events\":["));
	*ret_count = 0;
	if (sync_wants(run, SYNC_EPHEMERAL, view->room.room_id, STR("m.typing")))
		*ret_count += typing_put_event(run->syncs->typing, view->room.room,
		                               room->newly ? 0 : run->since.typing_serial, run->out);
	if (sync_wants(run, SYNC_EPHEMERAL, view->room.room_id, STR("m.receipt"))) {
		struct receipt_row *rows;
		size_t count;
		TRY(receipts_since(run->txn, run->arena, view->room.room, view->viewer,
		                   room->newly ? 0 : run->since.pos, run->to, &rows, &count));
		if (count)
			*ret_count += put_receipts(run->out, rows, count);
	}
	buf_put(run->out, STR("]}"));
	return RC_OK;
}

enum rc sync_put_joined(struct sync_run *run, const struct sync_room *room, bool *ret_written)
{
	struct sync_timeline timeline;
	const struct timeline_wish wish = sync_timeline_wish(run);
	struct sync_heroes heroes = {0};
	struct push_unread unread;
	size_t state_count, ephemeral_count;
	TRY(sync_timeline_read(run, room, &wish, &timeline));
	bool whole = room->newly || run->request->full_state;
	bool summary = whole || timeline.members_changed;
	if (summary)
		TRY(room_heroes(run->txn, run->arena, room->view.room.room, room->view.viewer,
		    HEROES_MAX, &heroes.heroes, &heroes.count));
	buf_putc(run->out, '{');
	TRY(sync_put_timeline(run, room, &timeline));
	TRY(sync_put_state(run, room, &timeline, &heroes, &state_count));
	TRY(put_ephemeral(run, room, &ephemeral_count));
	size_t data_count = put_account_data(run, room);
	if (summary)
		TRY(put_summary(run, room, &heroes));
	TRY(sync_put_unread(run, room, &unread));
	buf_putc(run->out, '}');
	*ret_written = summary || timeline.count || timeline.limited || state_count || ephemeral_count || data_count;
	if (!*ret_written)
		TRY(sync_unread_moved(run, room, &unread, ret_written));
	return buf_status(run->out);
}

/* How it ended: the user's own member event and nothing else of the room. */
static enum rc read_own_event(struct sync_run *run, const struct sync_room *room, struct sync_timeline *ret_timeline)
{
	const struct filter *filter = run->request->filter;
	struct sync_timeline timeline = {.before_pos = room->upto, .events = arena_new(run->arena, struct event_row)};
	TRY(arena_status(run->arena));
	TRY(event_get(run->txn, run->arena, room->view.member.event, timeline.events));
	timeline.count = !filter || (filter_section_allows_room(&filter->room.timeline, room->view.room.room_id) &&
	                             filter_allows_event(&filter->room.timeline, timeline.events->canonical));
	*ret_timeline = timeline;
	return RC_OK;
}

enum rc sync_put_left(struct sync_run *run, const struct sync_room *room)
{
	static const struct sync_heroes no_heroes;
	const struct timeline_wish wish = sync_timeline_wish(run);
	struct sync_timeline timeline;
	size_t state_count;
	TRY(room->own_event_only ? read_own_event(run, room, &timeline)
				 : sync_timeline_read(run, room, &wish, &timeline));
	buf_putc(run->out, '{');
	TRY(sync_put_timeline(run, room, &timeline));
	if (room->own_event_only)
		sync_put_empty_state(run);
	else
		TRY(sync_put_state(run, room, &timeline, &no_heroes, &state_count));
	put_account_data(run, room);
	buf_putc(run->out, '}');
	return buf_status(run->out);
}

/* What an invited or knocking user may see (Client-Server API, "Stripped state"), besides two member events. */
static const str stripped_types[] = {
	STR_INIT("m.room.create"), STR_INIT("m.room.name"), STR_INIT("m.room.avatar"), STR_INIT("m.room.topic"),
	STR_INIT("m.room.join_rules"), STR_INIT("m.room.canonical_alias"), STR_INIT("m.room.encryption"),
};

static enum rc put_stripped_event(struct sync_run *run, const struct sync_room *room, str type, str state_key)
{
	struct event_row event;
	enum rc rc = state_event(run->txn, run->arena, room->view.state_snapshot, type, state_key, &event);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	json_put_comma(run->out);
	return room_event_put(run->txn, run->arena, run->out, &room->view, &event, EVENT_FORM_STRIPPED,
	                      run->request->session->device, run->now_ms);
}

/* With who invited: clients show their names. */
static enum rc put_stripped_members(struct sync_run *run, const struct sync_room *room)
{
	struct event_row own;
	str sender;
	TRY(event_get(run->txn, run->arena, room->view.member.event, &own));
	if (own.sender != room->view.viewer) {
		TRY(user_id_of(run->txn, run->arena, own.sender, &sender));
		TRY(put_stripped_event(run, room, STR("m.room.member"), sender));
	}
	return put_stripped_event(run, room, STR("m.room.member"), run->request->session->user_id);
}

enum rc sync_put_stripped_events(struct sync_run *run, const struct sync_room *room, bool only_own)
{
	for (size_t i = 0; i < COUNT_OF(stripped_types) && !only_own; i++)
		TRY(put_stripped_event(run, room, stripped_types[i], STR_EMPTY));
	return only_own ? put_stripped_event(
			      run, room, STR("m.room.member"), run->request->session->user_id)
			: put_stripped_members(run, room);
}

enum rc sync_put_stripped(struct sync_run *run, const struct sync_room *room, str member)
{
	buf_putc(run->out, '{');
	json_put_key(run->out, member);
	buf_put(run->out, STR("{\"events\":["));
	TRY(sync_put_stripped_events(run, room, false));
	buf_put(run->out, STR("]}}"));
	return buf_status(run->out);
}
