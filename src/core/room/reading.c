/* What of a room a user may see, and events in the form that the user gets. */
#include "core/room/reading.h"

#include "codec/canonical.h"
#include "core/room/bundles.h"
#include "core/room/membership.h"
#include "core/room/visibility_int.h"
#include "store/accounts.h"

enum { EVENT_FORM_MAX_BYTES = 4 * EVENT_MAX_BYTES };

static enum rc refuse(struct fail *fail)
{
	return fail_set(fail, RC_FORBIDDEN, "You are not in this room, and it is not open to be read by all");
}

static enum rc member_of(struct txn_ro *txn, struct arena *arena, struct room_view *view)
{
	enum rc rc = member_get(txn, arena, view->room.room, view->viewer, &view->member);
	if (rc == RC_NOT_FOUND) {
		view->member = (struct member_row){.room = view->room.room, .user = view->viewer};
		return RC_OK;
	}
	return rc;
}

/* The end of the last join of somebody who is not joined; at position 0 when there is none. */
static enum rc past_of(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                       struct join_end *ret_end)
{
	*ret_end = (struct join_end){0};
	if (view->member.event == 0 || view->member.forgotten)
		return RC_OK;
	enum rc rc = join_end_find(txn, scratch, view->member.event, ret_end);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc visibility_event_at(struct txn_ro *txn, struct arena *arena, int64_t snapshot, int64_t *ret_event)
{
	struct event_row row;
	enum rc rc = state_event(txn, arena, snapshot, STR("m.room.history_visibility"), STR_EMPTY, &row);
	*ret_event = rc == RC_OK ? row.event : 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/*
 * Someone who is not joined reads what all may read, and the past until they left. If the visibility was changed
 * since, there may have been a time after it that was open to the world.
 */
static enum rc view_from_outside(struct txn_ro *txn, struct arena *arena, struct room_view *view)
{
	enum history_visibility visibility;
	struct join_end end;
	int64_t then, now;
	TRY(past_of(txn, arena, view, &end));
	view->joined_until = view->state_until_pos = end.pos;
	view->state_snapshot = end.snapshot;
	TRY(visibility_at(txn, arena, view->room.snapshot, &visibility));
	if (visibility == VISIBILITY_WORLD_READABLE) {
		view->state_snapshot = view->room.snapshot;
		view->state_until_pos = view->until_pos = INT64_MAX;
		return RC_OK;
	}
	TRY(visibility_event_at(txn, arena, end.snapshot, &then));
	TRY(visibility_event_at(txn, arena, view->room.snapshot, &now));
	view->until_pos = end.pos && then == now ? end.pos : INT64_MAX;
	return RC_OK;
}

enum rc room_view_of(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id, struct room_view *ret_view)
{
	struct room_view view = {.viewer = user};
	TRY(room_find(txn, arena, room_id, &view.room));
	TRY(member_of(txn, arena, &view));
	if (view.member.membership == MEMBERSHIP_JOIN) {
		view.state_snapshot = view.room.snapshot;
		view.joined_until = view.state_until_pos = view.until_pos = INT64_MAX;
	} else {
		TRY(view_from_outside(txn, arena, &view));
	}
	TRY(ignored_users(txn, arena, user, &view.ignored));
	TRY(arena_status(arena));
	*ret_view = view;
	return RC_OK;
}

enum rc room_view_open(struct txn_ro *txn, struct arena *arena, int64_t user, str room_id, struct room_view *ret_view,
                       struct fail *fail)
{
	struct room_view view;
	enum rc rc = room_view_of(txn, arena, user, room_id, &view);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && view.state_until_pos == 0))
		return refuse(fail);
	if (rc == RC_OK)
		*ret_view = view;
	return rc;
}

enum rc invite_is_hidden(
    struct txn_ro *txn, struct arena *scratch, const struct member_row *invite, bool *ret_hidden)
{
	struct event_row event;
	TRY(invites_blocked(txn, scratch, invite->user, ret_hidden));
	if (*ret_hidden)
		return RC_OK;
	TRY(event_get(txn, scratch, invite->event, &event));
	return user_ignores(txn, invite->user, event.sender, ret_hidden);
}

static str content_of(str canonical)
{
	str key, value;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			return value;
	return STR_EMPTY;
}

/*
 * What stood in the place of a state event before: its id, and its content if the viewer may see it. Their own
 * memberships they were told when they came, invites and knocks in stripped form.
 */
static enum rc replaced_read(struct txn_ro *txn, struct arena *arena, const struct room_view *view,
                             const struct event_row *event, struct event_unsigned *data)
{
	struct event_row before;
	bool visible = true;
	if (!event->is_state || event->replaced == 0)
		return RC_OK;
	TRY(event_get(txn, arena, event->replaced, &before));
	data->replaces_state = before.event_id;
	if (!event_is_viewers_own(event, view->member.user_id))
		TRY(room_event_visible(txn, arena, view, &before, &visible));
	if (!visible)
		return RC_OK;
	data->prev_content = content_of(before.canonical);
	return user_id_of(txn, arena, before.sender, &data->prev_sender);
}

/* Peers choose origin_server_ts, from the least to the greatest integer. */
static int64_t age_of(const struct event_row *event, int64_t now_ms)
{
	int64_t ts_ms = event->ts_ms > 0 ? event->ts_ms : 0;
	return now_ms > ts_ms ? now_ms - ts_ms : 0;
}

/* What every event has of it. */
static enum rc unsigned_read(struct txn_ro *txn, struct arena *arena,
    const struct event_reader *reader, const struct event_row *event, struct event_unsigned *data)
{
	enum membership membership;
	data->age_ms = age_of(event, reader->now_ms);
	if (reader->device != 0 && reader->device == event->txn_device)
		data->transaction_id = event->txn_id;
	if (reader->view->viewer == event->sender)
		data->delay_id = event->delay_id;
	TRY(viewer_membership_at(txn, arena, reader->view, event, &membership));
	data->membership =
	    membership == MEMBERSHIP_NONE ? STR("leave") : membership_text(membership);
	return RC_OK;
}

/* Its own unsigned part is short: what it redacts is known. */
static enum rc redaction_read(struct txn_ro *txn, struct arena *arena,
    const struct event_reader *reader, const struct event_row *event, struct event_unsigned *data)
{
	if (event->redacted_by == 0)
		return RC_OK;
	struct event_row redaction;
	struct event_unsigned redaction_data = {0};
	struct buf buf;
	TRY(event_get(txn, arena, event->redacted_by, &redaction));
	TRY(unsigned_read(txn, arena, reader, &redaction, &redaction_data));
	buf_init(&buf, arena, EVENT_FORM_MAX_BYTES);
	event_put_client(&buf, redaction.canonical, redaction.event_id, reader->view->room.room_id,
	    reader->form, &redaction_data);
	return buf_finish(&buf, &data->redacted_because);
}

enum rc room_event_put_to(struct txn_ro *txn, struct arena *arena, struct buf *out,
    const struct event_reader *reader, const struct event_row *event)
{
	struct event_unsigned data = {0};
	str room_id = reader->view->room.room_id;
	if (reader->form == EVENT_FORM_STRIPPED) {
		event_put_client(
		    out, event->canonical, event->event_id, room_id, reader->form, NULL);
		return buf_status(out);
	}
	TRY(unsigned_read(txn, arena, reader, event, &data));
	TRY(replaced_read(txn, arena, reader->view, event, &data));
	TRY(redaction_read(txn, arena, reader, event, &data));
	TRY(bundle_json(txn, arena, reader, event->event, &data.relations));
	event_put_client(out, event->canonical, event->event_id, room_id, reader->form, &data);
	return buf_status(out);
}

enum rc room_event_put(struct txn_ro *txn, struct arena *arena, struct buf *out, const struct room_view *view,
                       const struct event_row *event, enum event_form form, int64_t device, int64_t now_ms)
{
	struct event_reader reader = {
	    .view = view, .form = form, .device = device, .now_ms = now_ms};
	return room_event_put_to(txn, arena, out, &reader, event);
}
