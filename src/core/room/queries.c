#include "core/room/queries.h"

#include "codec/canonical.h"
#include "core/room/bundles.h"
#include "core/room/room_int.h"

enum { BY_TIME_PAGE = 100 };

static enum rc query_open(const struct room_query *query, struct txn_ro **ret_txn, struct room_view *ret_view)
{
	TRY(txn_ro_begin(query->rooms->config.store, ret_txn));
	return room_view_open(*ret_txn, query->arena, query->actor->user, query->room_id, ret_view, query->fail);
}

static enum rc event_put(const struct room_query *query, struct txn_ro *txn, struct arena *scratch,
                         const struct room_view *view, const struct event_row *event)
{
	int64_t now_ms = clock_wall_ms(query->rooms->config.clock);
	return room_event_put(txn, scratch, query->out, view, event, EVENT_FORM_CLIENT, query->actor->device, now_ms);
}

struct state_walk {
	const struct room_query *query;
	struct txn_ro *txn;
	struct arena scratch;
	const struct room_view *view;
	const struct members_wish *members; /* NULL: all events */
};

static bool member_wanted(struct state_walk *walk, const struct event_row *event)
{
	str canonical = event->canonical, key, value;
	enum membership membership = MEMBERSHIP_NONE;
	json content;
	if (!walk->members)
		return true;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")) && json_parse(&walk->scratch, value, &content, NULL) == RC_OK)
			(void)membership_parse(json_get_text(content, STR("membership")), &membership);
	return (walk->members->membership == MEMBERSHIP_NONE || membership == walk->members->membership) &&
	       (walk->members->not_membership == MEMBERSHIP_NONE || membership != walk->members->not_membership);
}

static enum rc state_seen(void *self, const struct state_entry *entry)
{
	struct state_walk *walk = self;
	struct event_row event;
	arena_clear(&walk->scratch);
	TRY(event_get(walk->txn, &walk->scratch, entry->event, &event));
	if (!member_wanted(walk, &event))
		return RC_OK;
	json_put_comma(walk->query->out);
	return event_put(walk->query, walk->txn, &walk->scratch, walk->view, &event);
}

static enum rc state_put(const struct room_query *query, struct txn_ro *txn, const struct room_view *view,
                         int64_t snapshot, int64_t type, const struct members_wish *members)
{
	struct state_walk walk = {.query = query, .txn = txn, .view = view, .members = members};
	arena_init(&walk.scratch, SCRATCH_BYTES);
	buf_putc(query->out, '[');
	enum rc rc = snapshot_each(txn, snapshot, type, state_seen, &walk);
	buf_putc(query->out, ']');
	arena_release(&walk.scratch);
	return rc;
}

enum rc room_state_answer(const struct room_query *query)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	TRY(query_open(query, &txn, &view));
	TRY(state_put(query, txn, &view, view.state_snapshot, 0, NULL));
	return buf_status(query->out);
}

enum rc room_state_event_answer(const struct room_query *query, str type, str state_key, bool whole)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	struct event_row event;
	TRY(query_open(query, &txn, &view));
	enum rc rc = state_event(txn, query->arena, view.state_snapshot, type, state_key, &event);
	if (rc == RC_NOT_FOUND)
		return fail_set(query->fail, rc, "The room has no such state");
	if (rc != RC_OK)
		return rc;
	if (whole)
		return event_put(query, txn, query->arena, &view, &event);
	str canonical = event.canonical, key, value;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			buf_put(query->out, value);
	return buf_status(query->out);
}

enum rc room_event_answer(const struct room_query *query, str event_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	struct event_row event;
	bool visible = false;
	TRY(txn_ro_begin(query->rooms->config.store, &txn));
	enum rc rc = room_view_of(txn, query->arena, query->actor->user, query->room_id, &view);
	if (rc == RC_OK)
		rc = event_find(txn, query->arena, event_id, &event);
	if (rc == RC_OK && event.room == view.room.room)
		rc = room_event_visible(txn, query->arena, &view, &event, &visible);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !visible))
		return fail_set(query->fail, RC_NOT_FOUND, "There is no such event, or you may not see it");
	if (rc != RC_OK)
		return rc;
	struct bundles bundles;
	struct event_reader reader = {
	    .view = &view,
	    .form = EVENT_FORM_CLIENT,
	    .device = query->actor->device,
	    .now_ms = clock_wall_ms(query->rooms->config.clock),
	    .bundles = &bundles,
	};
	TRY(bundles_read(txn, query->arena, &view, &event, 1, &bundles));
	return room_event_put_to(txn, query->arena, query->out, &reader, &event);
}

static enum rc closest_visible(const struct room_query *query, struct txn_ro *txn, const struct room_view *view,
    int64_t ts_ms, bool backwards, struct event_row *ret_event)
{
	int64_t after = 0;
	size_t scanned = 0, count;
	bool more = true, visible;
	while (more && scanned < MESSAGES_SCAN_MAX) {
		struct event_row *events;
		size_t want = scanned ? BY_TIME_PAGE : 1; /* mostly the first one is it */
		TRY(events_by_time(txn, query->arena, view->room.room, ts_ms, after, backwards, want, &events,
		    &count, &more));
		for (size_t i = 0; i < count; i++) {
			TRY(room_event_visible(txn, query->arena, view, &events[i], &visible));
			if (visible) {
				*ret_event = events[i];
				return RC_OK;
			}
			ts_ms = events[i].ts_ms;
			after = events[i].event;
		}
		scanned += count;
	}
	return fail_set(query->fail, RC_NOT_FOUND, "There is no such event that you may see");
}

enum rc room_event_by_time_answer(const struct room_query *query, int64_t ts_ms, bool backwards)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	struct event_row event = {0};
	TRY(query_open(query, &txn, &view));
	TRY(closest_visible(query, txn, &view, ts_ms, backwards, &event));
	buf_put(query->out, STR("{\"event_id\":"));
	json_put_text(query->out, event.event_id);
	buf_put(query->out, STR(",\"origin_server_ts\":"));
	buf_put_i64(query->out, event.ts_ms);
	buf_putc(query->out, '}');
	return buf_status(query->out);
}

/* The state as it was at a position: after the newest event up to there, if that one may be seen. */
static enum rc snapshot_at_pos(const struct room_query *query, struct txn_ro *txn, const struct room_view *view,
                               int64_t pos, int64_t *ret_snapshot)
{
	struct event_row *events;
	size_t count;
	bool more;
	bool visible = true;
	struct room_view all = *view;
	all.ignored = (struct nids){0}; /* about the time of the event, not about the event */
	if (pos < 0 || pos >= view->state_until_pos || pos >= view->room.last_pos) {
		*ret_snapshot = view->state_snapshot;
		return RC_OK;
	}
	TRY(events_between(txn, query->arena, view->room.room, 0, pos, true, 1, &events, &count, &more));
	*ret_snapshot = count ? events[0].current : 0;
	if (count)
		TRY(room_event_visible(txn, query->arena, &all, &events[0], &visible));
	if (!visible)
		return fail_set(query->fail, RC_FORBIDDEN, "You may not see the room as it was then");
	return RC_OK;
}

enum rc room_members_answer(const struct room_query *query, const struct members_wish *wish)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	int64_t snapshot, type;
	TRY(query_open(query, &txn, &view));
	TRY(snapshot_at_pos(query, txn, &view, wish->at_pos, &snapshot));
	TRY(type_nid_find(txn, STR("m.room.member"), &type));
	buf_put(query->out, STR("{\"chunk\":"));
	TRY(state_put(query, txn, &view, snapshot, type, wish));
	buf_putc(query->out, '}');
	return buf_status(query->out);
}

static enum rc joined_member_seen(void *self, const struct member_row *member)
{
	struct buf *out = self;
	json_put_key(out, member->user_id);
	buf_putc(out, '{');
	if (member->displayname.n) {
		json_put_key(out, STR("display_name"));
		json_put_text(out, member->displayname);
	}
	if (member->avatar_url.n) {
		json_put_key(out, STR("avatar_url"));
		json_put_text(out, member->avatar_url);
	}
	buf_putc(out, '}');
	return buf_status(out);
}

enum rc room_joined_members_answer(const struct room_query *query)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	TRY(query_open(query, &txn, &view));
	if (view.member.membership != MEMBERSHIP_JOIN)
		return fail_set(query->fail, RC_FORBIDDEN, "You are not joined to this room");
	buf_put(query->out, STR("{\"joined\":{"));
	TRY(members_of_room(txn, &scratch, view.room.room, MEMBERSHIP_JOIN, joined_member_seen, query->out));
	buf_put(query->out, STR("}}"));
	return buf_status(query->out);
}

static enum rc joined_room_seen(void *self, const struct member_row *member)
{
	struct buf *out = self;
	json_put_comma(out);
	json_put_text(out, member->room_id);
	return buf_status(out);
}

enum rc joined_rooms_answer(const struct room_query *query)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(query->rooms->config.store, &txn));
	buf_put(query->out, STR("{\"joined_rooms\":["));
	TRY(members_of_user(txn, &scratch, query->actor->user, MEMBERSHIP_JOIN, joined_room_seen, query->out));
	buf_put(query->out, STR("]}"));
	return buf_status(query->out);
}
