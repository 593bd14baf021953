/* The rules of history visibility: Client-Server API, "Room History Visibility", server behaviour. */
#include "core/room/visibility_int.h"

#include "codec/canonical.h"
#include "store/accounts.h"

enum {
	MEMBER_WALK_MAX = 1000, /* changes of one membership that are followed back */
	CONTENT_BYTES = 1 << 20,
};

/* A text member of an event's content. Empty when there is none. */
static str content_text(struct arena *scratch, str canonical, str name)
{
	str key, value;
	json content;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			return json_parse(scratch, value, &content, NULL) == RC_OK ? json_get_text(content, name)
			                                                           : STR_EMPTY;
	return STR_EMPTY;
}

static enum membership membership_in(struct arena *scratch, str canonical)
{
	enum membership membership = MEMBERSHIP_NONE;
	(void)membership_parse(content_text(scratch, canonical, STR("membership")), &membership);
	return membership;
}

static enum history_visibility visibility_in(struct arena *scratch, str canonical)
{
	str text = content_text(scratch, canonical, STR("history_visibility"));
	if (str_eq(text, STR("world_readable")))
		return VISIBILITY_WORLD_READABLE;
	if (str_eq(text, STR("invited")))
		return VISIBILITY_INVITED;
	if (str_eq(text, STR("joined")))
		return VISIBILITY_JOINED;
	return VISIBILITY_SHARED;
}

enum rc visibility_at(struct txn_ro *txn, struct arena *scratch, int64_t snapshot,
                      enum history_visibility *ret_visibility)
{
	struct event_row row;
	enum rc rc = state_event(txn, scratch, snapshot, STR("m.room.history_visibility"), STR_EMPTY, &row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_visibility = rc == RC_OK ? visibility_in(scratch, row.canonical) : VISIBILITY_SHARED;
	return arena_status(scratch);
}

enum rc visibility_is_open_since(struct txn_ro *txn, struct arena *scratch,
    const struct room_view *view, const struct event_row *event, bool *ret_open)
{
	str type = STR("m.room.history_visibility");
	struct event_row then, now;
	*ret_open = false;
	enum rc rc = state_event(txn, scratch, event->snapshot, type, STR_EMPTY, &then);
	enum rc rc_now = state_event(txn, scratch, view->room.snapshot, type, STR_EMPTY, &now);
	if ((rc != RC_OK && rc != RC_NOT_FOUND) || (rc_now != RC_OK && rc_now != RC_NOT_FOUND))
		return rc != RC_OK && rc != RC_NOT_FOUND ? rc : rc_now;
	if (rc != rc_now || (rc == RC_OK && then.event != now.event))
		return RC_OK;
	enum history_visibility visibility =
	    rc == RC_OK ? visibility_in(scratch, now.canonical) : VISIBILITY_SHARED;
	*ret_open = visibility == VISIBILITY_SHARED || visibility == VISIBILITY_WORLD_READABLE;
	return arena_status(scratch);
}

enum rc join_end_find(struct txn_ro *txn, struct arena *scratch, int64_t member_event, struct join_end *ret_end)
{
	struct event_row now, before;
	TRY(event_get(txn, scratch, member_event, &now));
	for (unsigned steps = 0; steps < MEMBER_WALK_MAX && now.replaced != 0; steps++) {
		TRY(event_get(txn, scratch, now.replaced, &before));
		if (membership_in(scratch, before.canonical) == MEMBERSHIP_JOIN) {
			*ret_end = (struct join_end){now.pos, now.current};
			return arena_status(scratch);
		}
		now = before;
	}
	TRY(arena_status(scratch));
	return RC_NOT_FOUND;
}

static enum rc viewer_id(struct txn_ro *txn, struct arena *scratch, const struct room_view *view, str *ret_user_id)
{
	*ret_user_id = view->member.user_id;
	return view->member.user_id.n ? RC_OK : user_id_of(txn, scratch, view->viewer, ret_user_id);
}

/*
 * Nothing changed since the newest member event; without any there never was a membership. On a fork the state at an
 * event is another than the one that the room had when it arrived.
 */
static bool membership_is_known(const struct room_view *view, const struct event_row *event)
{
	return (view->member.event == 0 || event->pos >= view->member.pos) && event->snapshot == event->current;
}

enum rc viewer_membership_at(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                             const struct event_row *event, enum membership *ret_membership)
{
	str user_id;
	struct event_row row;
	if (membership_is_known(view, event)) {
		*ret_membership = view->member.membership;
		return RC_OK;
	}
	TRY(viewer_id(txn, scratch, view, &user_id));
	enum rc rc = state_event(txn, scratch, event->snapshot, STR("m.room.member"), user_id, &row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_membership = rc == RC_OK ? membership_in(scratch, row.canonical) : MEMBERSHIP_NONE;
	return arena_status(scratch);
}

/*
 * The numbered rules, with the visibility and the viewer's membership at the event. Rule 4 is about events; that who
 * is invited reads nothing before the join is the module's text for users.
 */
static bool rules_allow(const struct room_view *view, const struct event_row *event,
                        enum history_visibility visibility, enum membership membership)
{
	bool joined = membership == MEMBERSHIP_JOIN;          /* 2 */
	bool joined_after = event->pos <= view->joined_until; /* or while */
	switch (visibility) {
	case VISIBILITY_WORLD_READABLE: /* 1 */
		return true;
	case VISIBILITY_SHARED: /* 3 */
		return joined || joined_after;
	case VISIBILITY_INVITED: /* 4 */
		return joined || (membership == MEMBERSHIP_INVITE && joined_after);
	case VISIBILITY_JOINED:
		break;
	}
	return joined;
}

bool event_is_viewers_own(const struct event_row *event, str viewer_user_id)
{
	return event->is_state && str_eq(event->type, STR("m.room.member")) &&
	       str_eq(event->state_key, viewer_user_id);
}

/* Events that change what they are judged by are visible too if the state before them allows. */
static enum rc allowed_by_before(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                 const struct event_row *event, enum history_visibility visibility,
                                 enum membership membership, bool *ret_allowed)
{
	struct event_row before;
	str user_id;
	TRY(viewer_id(txn, scratch, view, &user_id));
	bool own = !view->member.forgotten && event_is_viewers_own(event, user_id);
	if (!own && !(event->is_state && str_eq(event->type, STR("m.room.history_visibility"))))
		return RC_OK;
	if (event->replaced != 0)
		TRY(event_get(txn, scratch, event->replaced, &before));
	if (own)
		membership = event->replaced ? membership_in(scratch, before.canonical) : MEMBERSHIP_NONE;
	else
		visibility = event->replaced ? visibility_in(scratch, before.canonical) : VISIBILITY_SHARED;
	*ret_allowed = rules_allow(view, event, visibility, membership);
	return arena_status(scratch);
}

enum rc room_event_visible(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                           const struct event_row *event, bool *ret_visible)
{
	enum history_visibility visibility;
	enum membership membership;
	*ret_visible = false;
	if (event->verdict != EVENT_ACCEPTED || event->is_outlier || event->pos == 0)
		return RC_OK; /* clients never hear of those */
	if (!event->is_state && nids_have(&view->ignored, event->sender))
		return RC_OK;
	*ret_visible = membership_is_known(view, event) && view->member.membership == MEMBERSHIP_JOIN;
	if (*ret_visible)
		return RC_OK;
	TRY(visibility_at(txn, scratch, event->snapshot, &visibility));
	*ret_visible = rules_allow(view, event, visibility, MEMBERSHIP_NONE); /* whatever the membership was */
	if (*ret_visible)
		return RC_OK;
	membership = MEMBERSHIP_NONE;
	if (!view->member.forgotten) /* who forgot a room is a stranger to it */
		TRY(viewer_membership_at(txn, scratch, view, event, &membership));
	*ret_visible = rules_allow(view, event, visibility, membership);
	return *ret_visible ? RC_OK
	                    : allowed_by_before(txn, scratch, view, event, visibility, membership, ret_visible);
}
