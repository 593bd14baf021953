/* The state of a room in /sync: the difference between what the client knows and where its timeline starts. */
#include "core/sync/sync_int.h"

struct state_writer {
	struct sync_run *run;
	const struct sync_room *room;
	bool lazy;             /* members only of those who speak in the timeline */
	int64_t member_type;   /* nid of m.room.member */
	size_t count;
};

static enum rc put_state_event(struct state_writer *writer, const struct event_row *event)
{
	struct sync_run *run = writer->run;
	const struct filter *filter = run->request->filter;
	if (filter && (!filter_section_allows_room(&filter->room.state, writer->room->view.room.room_id) ||
	               !filter_allows_event(&filter->room.state, event->canonical)))
		return RC_OK;
	json_put_comma(run->out);
	writer->count++;
	return room_event_put(run->txn, run->arena, run->out, &writer->room->view, event, EVENT_FORM_SYNC,
	                      run->request->session->device, run->now_ms);
}

static enum rc put_entry(void *self, const struct state_entry *entry)
{
	struct state_writer *writer = self;
	struct event_row event;
	if (writer->lazy && entry->at.type == writer->member_type)
		return RC_OK;
	TRY(event_get(writer->run->txn, writer->run->arena, entry->event, &event));
	return put_state_event(writer, &event);
}

static enum rc put_changed_entry(void *self, const struct state_entry *before, const struct state_entry *after)
{
	(void)before;
	return after && after->event ? put_entry(self, after) : RC_OK;
}

static enum rc put_member_of(struct state_writer *writer, int64_t snapshot, str user_id)
{
	struct event_row event;
	enum rc rc = state_event(writer->run->txn, writer->run->arena, snapshot, STR("m.room.member"), user_id, &event);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	return put_state_event(writer, &event);
}

static bool spoke_before(const struct sync_timeline *timeline, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (timeline->events[i].sender == timeline->events[at].sender)
			return true;
	return false;
}

/* Lazy loading (Client-Server API, "Lazy-loading room members"): who sent what is shown, and oneself when newly joined. */
static enum rc put_lazy_members(struct state_writer *writer, const struct sync_timeline *timeline, int64_t snapshot)
{
	const struct session *session = writer->run->request->session;
	bool own_shown = false;
	for (size_t i = 0; i < timeline->count; i++) {
		str sender;
		if (spoke_before(timeline, i))
			continue;
		TRY(user_id_of(writer->run->txn, writer->run->arena, timeline->events[i].sender, &sender));
		own_shown = own_shown || timeline->events[i].sender == session->user;
		TRY(put_member_of(writer, snapshot, sender));
	}
	if (writer->room->newly && !own_shown)
		TRY(put_member_of(writer, snapshot, session->user_id));
	return RC_OK;
}

static bool lazy_wanted(const struct sync_run *run)
{
	return run->request->filter && run->request->filter->room.state.lazy_load_members;
}

enum rc sync_put_state(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline,
                       size_t *ret_count)
{
	struct state_writer writer = {.run = run, .room = room, .lazy = lazy_wanted(run)};
	bool after = run->request->use_state_after;
	int64_t known = room->newly || run->request->full_state ? 0 : room->since_snapshot;
	int64_t target = after ? timeline->end_snapshot : timeline->start_snapshot;
	enum rc rc = type_nid_find(run->txn, STR("m.room.member"), &writer.member_type);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	json_put_key(run->out, after ? STR("state_after") : STR("state"));
	buf_put(run->out, STR("{\"events\":["));
	if (known == 0)
		TRY(snapshot_each(run->txn, target, 0, put_entry, &writer));
	else if (known != target)
		TRY(snapshot_diff(run->txn, known, target, put_changed_entry, &writer));
	if (writer.lazy)
		TRY(put_lazy_members(&writer, timeline, target));
	buf_put(run->out, STR("]}"));
	*ret_count = writer.count;
	return buf_status(run->out);
}
