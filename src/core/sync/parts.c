/* The parts of one room in /sync: joined, left, invited or knocking. */
#include "core/sync/sync_int.h"

#include <stdlib.h>

enum { HEROES_MAX = 5 };

static enum rc put_summary(struct sync_run *run, const struct sync_room *room)
{
	int64_t joined, invited;
	str *heroes;
	size_t count;
	int64_t nid = room->view.room.room;
	TRY(member_counts(run->txn, nid, &joined, &invited));
	TRY(room_heroes(run->txn, run->arena, nid, room->view.viewer, HEROES_MAX, &heroes, &count));
	json_put_key(run->out, STR("summary"));
	buf_put(run->out, STR("{\"m.heroes\":["));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(run->out);
		json_put_text(run->out, heroes[i]);
	}
	buf_printf(run->out, "],\"m.invited_member_count\":%lld,\"m.joined_member_count\":%lld}", (long long)invited,
	           (long long)joined);
	return RC_OK;
}

static size_t put_account_data(struct sync_run *run, const struct sync_room *room)
{
	size_t count = 0;
	json_put_key(run->out, STR("account_data"));
	buf_put(run->out, STR("{\"events\":["));
	for (size_t i = 0; i < run->account_data_count; i++) {
		const struct account_data_row *row = &run->account_data[i];
		if (row->room != room->view.room.room || row->pos > run->to ||
		    !sync_wants(run, SYNC_ROOM_ACCOUNT_DATA, room->view.room.room_id, row->type))
			continue;
		json_put_comma(run->out);
		buf_put(run->out, STR("{\"content\":"));
		buf_put(run->out, row->content);
		json_put_key(run->out, STR("type"));
		json_put_text(run->out, row->type);
		buf_putc(run->out, '}');
		count++;
	}
	buf_put(run->out, STR("]}"));
	return count;
}

static int by_event_and_type(const void *a, const void *b)
{
	const struct receipt_row *x = a, *y = b;
	int order = str_cmp(x->event_id, y->event_id);
	return order ? order : str_cmp(x->type, y->type);
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

/* {event id: {type: {user: {ts, thread_id}}}}: rows sorted by event and type, so that groups are runs. */
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

static enum rc put_ephemeral(struct sync_run *run, const struct sync_room *room, size_t *ret_count)
{
	struct receipt_row *rows;
	size_t count;
	int64_t nid = room->view.room.room, known = room->newly ? 0 : run->since.pos;
	TRY(receipts_since(run->txn, run->arena, nid, room->view.viewer, known, run->to, &rows, &count));
	json_put_key(run->out, STR("ephemeral"));
	buf_put(run->out, STR("{\"events\":["));
	*ret_count = 0;
	if (sync_wants(run, SYNC_EPHEMERAL, room->view.room.room_id, STR("m.typing")))
		*ret_count += typing_put_event(run->syncs->typing, nid, room->newly ? 0 : run->since.typing_serial,
		                               run->out);
	if (count && sync_wants(run, SYNC_EPHEMERAL, room->view.room.room_id, STR("m.receipt"))) {
		qsort(rows, count, sizeof *rows, by_event_and_type);
		json_put_comma(run->out);
		buf_put(run->out, STR("{\"content\":"));
		put_receipt_content(run->out, rows, count);
		buf_put(run->out, STR(",\"type\":\"m.receipt\"}"));
		*ret_count += 1;
	}
	buf_put(run->out, STR("]}"));
	return RC_OK;
}

enum rc sync_put_joined(struct sync_run *run, const struct sync_room *room, bool *ret_written)
{
	struct sync_timeline timeline;
	size_t state_count, ephemeral_count;
	TRY(sync_timeline_read(run, room, &timeline));
	buf_putc(run->out, '{');
	TRY(sync_put_timeline(run, room, &timeline));
	TRY(sync_put_state(run, room, &timeline, &state_count));
	TRY(put_ephemeral(run, room, &ephemeral_count));
	size_t data_count = put_account_data(run, room);
	if (room->newly || timeline.members_changed || run->request->full_state)
		TRY(put_summary(run, room));
	buf_putc(run->out, '}');
	*ret_written = room->newly || run->request->full_state || timeline.count || timeline.limited || state_count ||
	               ephemeral_count || data_count;
	return buf_status(run->out);
}

enum rc sync_put_left(struct sync_run *run, const struct sync_room *room)
{
	struct sync_timeline timeline;
	size_t state_count;
	TRY(sync_timeline_read(run, room, &timeline));
	buf_putc(run->out, '{');
	TRY(sync_put_timeline(run, room, &timeline));
	if (!room->had_joined)
		timeline.start_snapshot = timeline.end_snapshot = room->newly ? 0 : room->since_snapshot;
	TRY(sync_put_state(run, room, &timeline, &state_count));
	put_account_data(run, room);
	buf_putc(run->out, '}');
	return buf_status(run->out);
}

/* What an invited or knocking user may see (Client-Server API, "Stripped state"), and their own member event. */
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

enum rc sync_put_stripped(struct sync_run *run, const struct sync_room *room, str member)
{
	buf_putc(run->out, '{');
	json_put_key(run->out, member);
	buf_put(run->out, STR("{\"events\":["));
	for (size_t i = 0; i < COUNT_OF(stripped_types); i++)
		TRY(put_stripped_event(run, room, stripped_types[i], STR_EMPTY));
	TRY(put_stripped_event(run, room, STR("m.room.member"), run->request->session->user_id));
	buf_put(run->out, STR("]}}"));
	return buf_status(run->out);
}
