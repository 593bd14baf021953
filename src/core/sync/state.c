/*
 * The state of a room in /sync: the difference between what the client knows and where its timeline starts (or, for
 * state_after, ends).
 *
 * A state event that the filter keeps out of the timeline is told here, or the client would never hear of it.
 */
#include "core/sync/sync_int.h"

struct state_writer {
	struct sync_run *run;
	const struct sync_room *room;
	const struct sync_timeline *timeline;
	struct arena event;    /* of one event, so that a large room needs no more memory than a small one */
	bool lazy;             /* members only of those who speak in the timeline, and of heroes */
	bool spares;           /* of those only whom this reader was not told of before */
	bool without_members;  /* in this walk */
	bool only_left_out;    /* in this walk: what the timeline does not show */
	int64_t member_type;   /* nid of m.room.member */
	int64_t end;           /* with states left out of the timeline: their snapshot; else 0 */
	int64_t known;         /* with a walk over what changed: where it began; else 0 */
	size_t count;
};

static enum rc put_state_event(
    struct state_writer *writer, const struct state_entry *entry, const struct event_row *event)
{
	struct sync_run *run = writer->run;
	const struct filter *filter = run->request->filter;
	const struct room_view *view = &writer->room->view;
	const struct told_member member = {
	    run->request->session->device, view->room.room, entry->at.key, entry->event};
	if (filter && (!filter_section_allows_room(&filter->room.state, view->room.room_id) ||
			  !filter_allows_event(&filter->room.state, event->canonical)))
		return RC_OK;
	writer->count++;
	if (writer->lazy && entry->at.type == writer->member_type)
		told_note(run->syncs->told, &member, run->since.pos, run->to);
	return sync_put_event(run, &writer->event, view, event);
}

static bool is_shown(const struct sync_timeline *timeline, int64_t event)
{
	for (size_t i = 0; i < timeline->count; i++)
		if (timeline->events[i].event == event)
			return true;
	return false;
}

/* What the walk over the timeline's own span will tell in a newer version. */
static enum rc is_outdated(struct state_writer *writer, const struct state_entry *entry, bool *ret_outdated)
{
	int64_t newest = 0;
	*ret_outdated = false;
	if (!writer->end || writer->only_left_out)
		return RC_OK;
	enum rc rc = snapshot_get(writer->run->txn, writer->end, entry->at, &newest);
	*ret_outdated = rc == RC_OK && newest != entry->event && !is_shown(writer->timeline, newest);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_entry(void *self, const struct state_entry *entry)
{
	struct state_writer *writer = self;
	struct event_row event;
	bool outdated;
	if (writer->without_members && entry->at.type == writer->member_type)
		return RC_OK;
	if (writer->only_left_out && is_shown(writer->timeline, entry->event))
		return RC_OK;
	TRY(is_outdated(writer, entry, &outdated));
	if (outdated)
		return RC_OK;
	arena_clear(&writer->event);
	TRY(event_get(writer->run->txn, &writer->event, entry->event, &event));
	return put_state_event(writer, entry, &event);
}

static enum rc put_changed_entry(void *self, const struct state_entry *before, const struct state_entry *after)
{
	(void)before;
	return after && after->event ? put_entry(self, after) : RC_OK;
}

/* The walk over what changed told this member already, or an earlier answer did. */
static enum rc is_told(struct state_writer *writer, const struct state_entry *entry, bool *ret_told)
{
	struct sync_run *run = writer->run;
	const struct told_member member = {run->request->session->device,
	    writer->room->view.room.room, entry->at.key, entry->event};
	int64_t known = entry->event;
	enum rc rc = RC_OK;
	if (writer->known) {
		rc = snapshot_get(run->txn, writer->known, entry->at, &known);
		if (rc == RC_NOT_FOUND)
			known = 0;
	}
	*ret_told = known != entry->event ||
		    (writer->spares && told_before(run->syncs->told, &member, run->since.pos));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_member_of(struct state_writer *writer, int64_t snapshot, str user_id)
{
	struct txn_ro *txn = writer->run->txn;
	struct state_entry entry = {.at = {.type = writer->member_type}};
	struct event_row event;
	bool told;
	enum rc rc = key_nid_find(txn, user_id, &entry.at.key);
	if (rc == RC_OK)
		rc = snapshot_get(txn, snapshot, entry.at, &entry.event);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(is_told(writer, &entry, &told));
	if (told)
		return RC_OK;
	arena_clear(&writer->event);
	TRY(event_get(txn, &writer->event, entry.event, &event));
	return put_state_event(writer, &entry, &event);
}

/* Users whose member events are told by lazy loading, each once. */
struct lazy_users {
	str *ids;
	size_t count;
};

static void lazy_add(struct lazy_users *users, str user_id)
{
	for (size_t i = 0; i < users->count; i++)
		if (str_eq(users->ids[i], user_id))
			return;
	users->ids[users->count++] = user_id;
}

static bool spoke_before(const struct sync_timeline *timeline, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (timeline->events[i].sender == timeline->events[at].sender)
			return true;
	return false;
}

/*
 * Client-Server API, "Lazy-loading room members": who sent what is shown, the heroes with the summary, and
 * oneself where the room is told as a whole.
 */
static enum rc put_lazy_members(struct state_writer *writer, const struct sync_heroes *heroes, int64_t snapshot)
{
	struct sync_run *run = writer->run;
	const struct sync_timeline *timeline = writer->timeline;
	struct lazy_users users = {arena_array(run->arena, str, timeline->count + heroes->count + 1), 0};
	TRY(arena_status(run->arena));
	for (size_t i = 0; i < timeline->count; i++) {
		str sender;
		if (spoke_before(timeline, i))
			continue;
		TRY(user_id_of(run->txn, run->arena, timeline->events[i].sender, &sender));
		lazy_add(&users, sender);
	}
	for (size_t i = 0; i < heroes->count; i++)
		lazy_add(&users, heroes->heroes[i].user_id);
	if (writer->room->newly || run->request->full_state)
		lazy_add(&users, run->request->session->user_id);
	for (size_t i = 0; i < users.count; i++)
		TRY(put_member_of(writer, snapshot, users.ids[i]));
	return RC_OK;
}

static bool lazy_wanted(const struct sync_run *run)
{
	return run->request->filter && run->request->filter->room.state.lazy_load_members;
}

/* The state before the oldest event of the timeline. */
static enum rc timeline_start(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline,
                              int64_t *ret_snapshot)
{
	const struct event_row *oldest = &timeline->oldest;
	if (!timeline->looked_at) {
		*ret_snapshot = room->view.state_snapshot;
		return RC_OK;
	}
	if (!oldest->is_state) { /* changed nothing */
		*ret_snapshot = oldest->current;
		return RC_OK;
	}
	return sync_snapshot_at(run, &room->view.room, oldest->pos - 1, ret_snapshot);
}

/* All the state at `target`. */
static enum rc put_whole(struct state_writer *writer, int64_t target)
{
	writer->without_members = writer->lazy;
	return snapshot_each(writer->run->txn, target, 0, put_entry, writer);
}

/* What changed; with lazy loading members too, since changes in a gap must not be lost. */
static enum rc put_changes(struct state_writer *writer, int64_t known, int64_t target)
{
	writer->without_members = false;
	writer->known = known;
	return known == target ? RC_OK : snapshot_diff(writer->run->txn, known, target, put_changed_entry, writer);
}

static enum rc put_events(struct state_writer *writer, const struct sync_heroes *heroes)
{
	struct sync_run *run = writer->run;
	const struct sync_room *room = writer->room;
	const struct sync_timeline *timeline = writer->timeline;
	bool whole = room->newly || run->request->full_state, after = run->request->use_state_after;
	int64_t start, known, end = room->view.state_snapshot;
	TRY(timeline_start(run, room, timeline, &start));
	int64_t target = after ? end : start;
	writer->spares =
	    !whole && writer->lazy && !run->request->filter->room.state.include_redundant_members;
	writer->end = !after && timeline->states_left_out ? end : 0;
	if (whole) {
		TRY(put_whole(writer, target));
	} else if (timeline->limited || timeline->skipped || (after && timeline->states)) {
		TRY(sync_snapshot_at(run, &room->view.room, run->since.pos, &known));
		TRY(put_changes(writer, known, target));
	}
	if (writer->lazy)
		TRY(put_lazy_members(writer, heroes, target));
	writer->only_left_out = true;
	return writer->end ? put_changes(writer, start, end) : RC_OK;
}

static void put_state_key(struct sync_run *run)
{
	const struct sync_request *request = run->request;
	json_put_key(run->out, !request->use_state_after ? STR("state")
			       : request->unstable_state_after
				   ? STR("org.matrix.msc4222.state_after")
				   : STR("state_after"));
}

void sync_put_empty_state(struct sync_run *run)
{
	put_state_key(run);
	buf_put(run->out, STR("{\"events\":[]}"));
}

enum rc sync_put_state(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline,
                       const struct sync_heroes *heroes, size_t *ret_count)
{
	struct state_writer writer = {.run = run, .room = room, .timeline = timeline, .lazy = lazy_wanted(run)};
	enum rc rc = type_nid_find(run->txn, STR("m.room.member"), &writer.member_type);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	put_state_key(run);
	buf_put(run->out, STR("{\"events\":["));
	arena_init(&writer.event, run->arena->budget_bytes);
	rc = put_events(&writer, heroes);
	arena_release(&writer.event);
	TRY(rc);
	buf_put(run->out, STR("]}"));
	*ret_count = writer.count;
	return buf_status(run->out);
}
