/* The timeline of a room in /sync: its newest visible events since the token, and the state around them. */
#include "core/sync/sync_int.h"

enum {
	TIMELINE_DEFAULT = 10,
	TIMELINE_MAX = 1000,
	SCAN_MAX = 2000, /* events looked at when a filter lets few pass */
};

static size_t timeline_limit(const struct sync_run *run)
{
	const struct filter *filter = run->request->filter;
	int64_t limit = filter && filter->room.timeline.has_limit ? filter->room.timeline.limit : TIMELINE_DEFAULT;
	return limit < TIMELINE_MAX ? (size_t)limit : TIMELINE_MAX;
}

static enum rc snapshot_before(struct sync_run *run, const struct event_row *event, int64_t *ret_snapshot)
{
	struct event_row *events;
	size_t count;
	bool more;
	if (!event->is_state) { /* changed nothing */
		*ret_snapshot = event->snapshot;
		return RC_OK;
	}
	TRY(events_between(run->txn, run->arena, event->room, 0, event->pos - 1, true, 1, &events, &count, &more));
	*ret_snapshot = count ? events[0].snapshot : 0;
	return RC_OK;
}

struct scan {
	struct sync_timeline *timeline;
	size_t limit, looked_at;
	bool throughout;         /* the user was joined all the time: everything is visible */
	struct event_row oldest; /* looked at */
};

static enum rc keep_if_wanted(struct sync_run *run, const struct sync_room *room, struct scan *scan,
                              const struct event_row *event)
{
	const struct filter *filter = run->request->filter;
	bool visible = true;
	struct sync_timeline *timeline = scan->timeline;
	if (scan->looked_at == 0)
		timeline->end_snapshot = event->snapshot;
	scan->oldest = *event;
	scan->looked_at++;
	if (str_eq(event->type, STR("m.room.member")))
		timeline->members_changed = true;
	if (filter && (!filter_section_allows_room(&filter->room.timeline, room->view.room.room_id) ||
	               !filter_allows_event(&filter->room.timeline, event->canonical)))
		return RC_OK;
	if (!scan->throughout)
		TRY(room_event_visible(run->txn, run->arena, &room->view, event, &visible));
	if (visible)
		timeline->events[timeline->count++] = *event;
	return RC_OK;
}

static void reverse(struct event_row *events, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct event_row kept = events[i];
		events[i] = events[count - 1 - i];
		events[count - 1 - i] = kept;
	}
}

/* Newest first from `upto` down to `from`, until enough are kept. */
static enum rc scan_back(struct sync_run *run, const struct sync_room *room, int64_t from, struct scan *scan)
{
	struct sync_timeline *timeline = scan->timeline;
	int64_t upto = room->upto;
	bool more = true;
	while (more && timeline->count < scan->limit && scan->looked_at < SCAN_MAX) {
		struct event_row *events;
		size_t count;
		TRY(events_between(run->txn, run->arena, room->view.room.room, from, upto, true,
		                   scan->limit - timeline->count, &events, &count, &more));
		for (size_t i = 0; i < count; i++)
			TRY(keep_if_wanted(run, room, scan, &events[i]));
		if (!count)
			break;
		upto = events[count - 1].pos - 1;
	}
	timeline->limited = more;
	return RC_OK;
}

enum rc sync_timeline_read(struct sync_run *run, const struct sync_room *room, struct sync_timeline *ret_timeline)
{
	struct sync_timeline timeline = {.before_pos = room->upto};
	struct scan scan = {.timeline = &timeline, .limit = timeline_limit(run)};
	int64_t from = room->newly ? 0 : run->since.pos;
	scan.throughout = !room->newly && room->view.member.membership == MEMBERSHIP_JOIN &&
	                  room->view.member.pos <= run->since.pos;
	timeline.events = arena_array(run->arena, struct event_row, scan.limit ? scan.limit : 1);
	TRY(arena_status(run->arena));
	TRY(scan_back(run, room, from, &scan));
	if (scan.looked_at) {
		timeline.before_pos = scan.oldest.pos - 1;
		TRY(snapshot_before(run, &scan.oldest, &timeline.start_snapshot));
	} else {
		struct event_row *events;
		size_t count;
		bool more;
		TRY(events_between(run->txn, run->arena, room->view.room.room, 0, room->upto, true, 1, &events, &count,
		                   &more));
		timeline.start_snapshot = timeline.end_snapshot = count ? events[0].snapshot : 0;
	}
	if (timeline.limited)
		timeline.members_changed = true; /* perhaps, in what was left out */
	reverse(timeline.events, timeline.count);
	*ret_timeline = timeline;
	return RC_OK;
}

enum rc sync_put_timeline(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline)
{
	struct buf *out = run->out;
	json_put_key(out, STR("timeline"));
	buf_put(out, STR("{\"events\":["));
	for (size_t i = 0; i < timeline->count; i++) {
		json_put_comma(out);
		TRY(room_event_put(run->txn, run->arena, out, &room->view, &timeline->events[i], EVENT_FORM_SYNC,
		                   run->request->session->device, run->now_ms));
	}
	buf_put(out, STR("],\"limited\":"));
	buf_put(out, timeline->limited ? STR("true") : STR("false"));
	json_put_key(out, STR("prev_batch"));
	json_put_text(out, sync_position_token(run->syncs, run->arena, timeline->before_pos));
	buf_putc(out, '}');
	return buf_status(out);
}
