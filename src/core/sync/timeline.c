/* The timeline of a room in /sync: its newest visible events since the token. */
#include "core/room/bundles.h"
#include "core/sync/sync_int.h"

enum {
	TIMELINE_DEFAULT = 10,
	TIMELINE_MAX = 1000,
	SCAN_MAX = 2000,  /* events looked at when a filter lets few pass */
	SCAN_BATCH = 100, /* events read at once */
};

struct timeline_wish sync_timeline_wish(const struct sync_run *run)
{
	const struct event_filter *filter =
	    run->request->filter ? &run->request->filter->room.timeline : NULL;
	int64_t limit = filter && filter->has_limit ? filter->limit : TIMELINE_DEFAULT;
	return (struct timeline_wish){filter, limit < TIMELINE_MAX ? (size_t)limit : TIMELINE_MAX};
}

struct scan {
	struct sync_timeline *timeline;
	const struct event_filter *filter;
	size_t limit;
	bool throughout; /* the user was joined all the time: everything is visible, forks excepted */
	bool gap;        /* an event that the user may not see: nothing older is shown */
};

static bool scan_is_over(const struct scan *scan)
{
	return scan->gap || scan->timeline->count == scan->limit || scan->timeline->looked_at == SCAN_MAX;
}

static enum rc keep_if_wanted(struct sync_run *run, const struct sync_room *room, struct scan *scan,
                              const struct event_row *event)
{
	const struct event_filter *filter = scan->filter;
	struct sync_timeline *timeline = scan->timeline;
	bool visible = true;
	if (!scan->throughout || event->snapshot != event->current)
		TRY(room_event_visible(run->txn, run->arena, &room->view, event, &visible));
	if (!visible) {
		scan->gap = true;
		return RC_OK;
	}
	timeline->oldest = *event;
	timeline->looked_at++;
	timeline->states = timeline->states || event->is_state;
	if (str_eq(event->type, STR("m.room.member")))
		timeline->members_changed = true;
	if (!event->is_state && nids_have(&run->ignored, event->sender))
		return RC_OK;
	if (!filter || filter_allows_event(filter, event->canonical))
		timeline->events[timeline->count++] = *event;
	else if (event->is_state)
		timeline->states_left_out = true;
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

/* Newest first, until enough are kept. `*ret_more`: there are older ones. */
static enum rc scan_back(struct sync_run *run, const struct sync_room *room, struct scan *scan, bool *ret_more)
{
	const struct sync_timeline *timeline = scan->timeline;
	int64_t upto = room->upto;
	bool more = true;
	while (more && !scan_is_over(scan)) {
		struct event_row *events;
		size_t count, want = scan->filter ? SCAN_BATCH : scan->limit - timeline->count;
		if (want > SCAN_BATCH)
			want = SCAN_BATCH;
		TRY(events_between(run->txn, run->arena, room->view.room.room, room->from, upto, true, want, &events,
		                   &count, &more));
		size_t taken = 0;
		while (taken < count && !scan_is_over(scan))
			TRY(keep_if_wanted(run, room, scan, &events[taken++]));
		more = more || taken < count;
		if (taken)
			upto = events[taken - 1].pos - 1;
	}
	*ret_more = more;
	return RC_OK;
}

/* A timeline of no events: limited if there was anything to show. */
static enum rc look_for_any(struct sync_run *run, const struct sync_room *room, struct sync_timeline *timeline)
{
	struct event_row *events;
	size_t count;
	bool more;
	TRY(events_between(run->txn, run->arena, room->view.room.room, room->from, room->upto, true, 1, &events, &count,
	                   &more));
	timeline->limited = count > 0;
	return RC_OK;
}

enum rc sync_timeline_read(struct sync_run *run, const struct sync_room *room,
    const struct timeline_wish *wish, struct sync_timeline *ret_timeline)
{
	struct sync_timeline timeline = {.before_pos = room->upto};
	const struct member_row *member = &room->view.member;
	const struct event_filter *filter = wish->filter;
	struct scan scan = {.timeline = &timeline, .filter = filter};
	bool more = false;
	timeline.skipped = filter && !filter_section_allows_room(filter, room->view.room.room_id);
	scan.limit = wish->limit < TIMELINE_MAX ? wish->limit : TIMELINE_MAX;
	scan.throughout =
	    !room->newly && member->membership == MEMBERSHIP_JOIN && member->pos <= room->from;
	timeline.events = arena_array(run->arena, struct event_row, scan.limit + 1);
	TRY(arena_status(run->arena));
	if (timeline.skipped)
		scan.limit = 0;
	else if (scan.limit)
		TRY(scan_back(run, room, &scan, &more));
	else
		TRY(look_for_any(run, room, &timeline));
	timeline.limited = timeline.limited || more || scan.gap;
	if (timeline.looked_at)
		timeline.before_pos = timeline.oldest.pos - 1;
	if (timeline.limited)
		timeline.members_changed = true; /* perhaps, in what was left out */
	reverse(timeline.events, timeline.count);
	*ret_timeline = timeline;
	return RC_OK;
}

/* Aggregations only where children may be missing (Client-Server API, "Aggregations of child events"). */
enum rc sync_put_timeline_events(
    struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline)
{
	struct bundles bundles;
	if (timeline->limited) {
		TRY(bundles_read(run->txn, run->arena, &room->view, timeline->events,
		    timeline->count, &bundles));
		run->bundles = &bundles;
	}
	enum rc rc = RC_OK;
	for (size_t i = 0; i < timeline->count && rc == RC_OK; i++)
		rc = sync_put_event(run, run->arena, &room->view, &timeline->events[i]);
	run->bundles = NULL;
	return rc;
}

enum rc sync_put_timeline(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline)
{
	struct buf *out = run->out;
	json_put_key(out, STR("timeline"));
	buf_put(out, STR("{\"events\":["));
	TRY(sync_put_timeline_events(run, room, timeline));
	buf_put(out, STR("],\"limited\":"));
	buf_put(out, timeline->limited ? STR("true") : STR("false"));
	json_put_key(out, STR("prev_batch"));
	json_put_text(out, sync_position_token(run->syncs, run->arena, timeline->before_pos));
	buf_putc(out, '}');
	return buf_status(out);
}
