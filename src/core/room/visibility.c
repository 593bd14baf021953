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

enum rc join_end_find(struct txn_ro *txn, struct arena *scratch, int64_t member_event, struct join_end *ret_end)
{
	struct event_row now, before;
	TRY(event_get(txn, scratch, member_event, &now));
	for (unsigned steps = 0; steps < MEMBER_WALK_MAX && now.replaced != 0; steps++) {
		TRY(event_get(txn, scratch, now.replaced, &before));
		if (membership_in(scratch, before.canonical) == MEMBERSHIP_JOIN) {
			*ret_end = (struct join_end){now.pos, now.snapshot};
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

enum rc viewer_membership_at(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                             const struct event_row *event, enum membership *ret_membership)
{
	/* Nothing changed since the newest member event; without any there never was a membership. */
	if (view->member.event == 0 || event->pos >= view->member.pos) {
		*ret_membership = view->member.membership;
		return RC_OK;
	}
	str user_id;
	struct event_row row;
	TRY(viewer_id(txn, scratch, view, &user_id));
	enum rc rc = state_event(txn, scratch, event->snapshot, STR("m.room.member"), user_id, &row);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_membership = rc == RC_OK ? membership_in(scratch, row.canonical) : MEMBERSHIP_NONE;
	return arena_status(scratch);
}

/* Rule 3: joined at any point after the event was sent. */
static enum rc joined_after(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                            const struct event_row *event, bool *ret_joined)
{
	struct join_end end;
	*ret_joined = view->member.membership == MEMBERSHIP_JOIN;
	if (*ret_joined || view->member.event == 0)
		return RC_OK;
	enum rc rc = join_end_find(txn, scratch, view->member.event, &end);
	if (rc == RC_OK)
		*ret_joined = event->pos <= end.pos;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc allowed(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                       const struct event_row *event, enum history_visibility visibility,
                       enum membership membership, bool *ret_allowed)
{
	*ret_allowed = visibility == VISIBILITY_WORLD_READABLE || membership == MEMBERSHIP_JOIN ||
	               (visibility == VISIBILITY_INVITED && membership == MEMBERSHIP_INVITE);
	/* An invited user reads nothing before the join: the spec's rules are for events, the module's text for users. */
	if (*ret_allowed && membership == MEMBERSHIP_INVITE && visibility == VISIBILITY_INVITED)
		return joined_after(txn, scratch, view, event, ret_allowed);
	if (!*ret_allowed && visibility == VISIBILITY_SHARED)
		return joined_after(txn, scratch, view, event, ret_allowed);
	return RC_OK;
}

/* The event that this one replaced in the state, if it did. */
static enum rc before_of(struct txn_ro *txn, struct arena *scratch, const struct event_row *event,
                         struct event_row *ret_before, bool *ret_has)
{
	*ret_has = event->replaced != 0;
	return *ret_has ? event_get(txn, scratch, event->replaced, ret_before) : RC_OK;
}

static enum rc own_member_event(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                                const struct event_row *event, bool *ret_own)
{
	str user_id;
	*ret_own = false;
	if (!event->is_state || !str_eq(event->type, STR("m.room.member")))
		return RC_OK;
	TRY(viewer_id(txn, scratch, view, &user_id));
	*ret_own = str_eq(event->state_key, user_id);
	return RC_OK;
}

enum rc room_event_visible(struct txn_ro *txn, struct arena *scratch, const struct room_view *view,
                           const struct event_row *event, bool *ret_visible)
{
	bool visible, has_before, own;
	struct event_row before = {0};
	enum membership membership;
	enum history_visibility visibility;
	TRY(viewer_membership_at(txn, scratch, view, event, &membership));
	if (membership == MEMBERSHIP_JOIN) {
		*ret_visible = true;
		return RC_OK;
	}
	TRY(visibility_at(txn, scratch, event->snapshot, &visibility));
	TRY(allowed(txn, scratch, view, event, visibility, membership, &visible));
	TRY(own_member_event(txn, scratch, view, event, &own));
	bool changes_visibility = event->is_state && str_eq(event->type, STR("m.room.history_visibility"));
	if (!visible && (own || changes_visibility)) {
		TRY(before_of(txn, scratch, event, &before, &has_before));
		if (own)
			membership = has_before ? membership_in(scratch, before.canonical) : MEMBERSHIP_NONE;
		else
			visibility = has_before ? visibility_in(scratch, before.canonical) : VISIBILITY_SHARED;
		TRY(allowed(txn, scratch, view, event, visibility, membership, &visible));
	}
	*ret_visible = visible;
	return arena_status(scratch);
}
