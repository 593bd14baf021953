#include "core/room/cards.h"

#include "matrix/ids.h"
#include "matrix/room_version.h"

static void put_unless_empty(struct buf *out, str key, str value)
{
	if (value.n == 0)
		return;
	json_put_key(out, key);
	json_put_text(out, value);
}

static void put_bool(struct buf *out, str key, bool value)
{
	json_put_key(out, key);
	buf_put(out, value ? STR("true") : STR("false"));
}

void card_put(struct buf *out, const struct room_card *card)
{
	json_put_key(out, STR("room_id"));
	json_put_text(out, card->room_id);
	json_put_key(out, STR("num_joined_members"));
	buf_put_i64(out, card->joined);
	put_bool(out, STR("world_readable"), card->world_readable);
	put_bool(out, STR("guest_can_join"), card->guest_can_join);
	json_put_key(out, STR("join_rule"));
	json_put_text(out, card->join_rule.n ? card->join_rule : STR("invite"));
	put_unless_empty(out, STR("name"), card->name);
	put_unless_empty(out, STR("topic"), card->topic);
	put_unless_empty(out, STR("canonical_alias"), card->canonical_alias);
	put_unless_empty(out, STR("avatar_url"), card->avatar_url);
	put_unless_empty(out, STR("room_type"), card->room_type);
}

void card_view_put(struct buf *out, const struct card_view *view)
{
	card_put(out, &view->card);
	put_unless_empty(out, STR("encryption"), view->card.encryption);
	put_unless_empty(out, STR("room_version"), view->card.version);
	if (view->allowed_count == 0)
		return;
	json_put_key(out, STR("allowed_room_ids"));
	buf_putc(out, '[');
	for (size_t i = 0; i < view->allowed_count; i++) {
		json_put_comma(out);
		json_put_text(out, view->allowed[i]);
	}
	buf_putc(out, ']');
}

/* ---- who may see it ---- */

/* What a join rule lets people do who are not in the room, in rooms of its version. */
struct entrance {
	bool join, restricted, knock;
};

static struct entrance entrance_of(const struct room_card *card)
{
	const struct room_version *version = room_version_find(card->version);
	str rule = card->join_rule;
	bool both =
	    version && version->knock_restricted_join && str_eq(rule, STR("knock_restricted"));
	return (struct entrance){
	    .join = str_eq(rule, STR("public")),
	    .restricted =
		both || (version && version->restricted_join && str_eq(rule, STR("restricted"))),
	    .knock = both || (version && version->knock && str_eq(rule, STR("knock"))),
	};
}

static enum rc membership_in(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t viewer,
    enum membership *ret_membership)
{
	struct member_row member = {0};
	enum rc rc = member_get(txn, arena, room, viewer, &member);
	*ret_membership = rc == RC_OK ? member.membership : MEMBERSHIP_NONE;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The rooms of the join rules, in `view`. How many there can be is bounded by the size of an event. */
static enum rc allowed_read(struct txn_ro *txn, struct arena *arena, struct card_view *view)
{
	struct event_row event;
	json root, rule;
	enum rc rc = state_event(
	    txn, arena, view->card.snapshot, STR("m.room.join_rules"), STR_EMPTY, &event);
	if (rc == RC_OK)
		rc = json_parse(arena, event.canonical, &root, NULL);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	json allow = json_get(json_get(root, STR("content")), STR("allow"));
	struct json_iter iter = json_iter(allow);
	view->allowed = arena_array(arena, str, json_count(allow));
	TRY(arena_status(arena));
	while (json_is_array(allow) && json_next(&iter, NULL, &rule)) {
		str room_id = json_get_text(rule, STR("room_id"));
		if (str_eq(json_get_text(rule, STR("type")), STR("m.room_membership")) &&
		    room_id_parse(room_id, NULL))
			view->allowed[view->allowed_count++] = room_id;
	}
	return RC_OK;
}

/* The viewer is joined to one of the rooms. */
static enum rc is_admitted(struct txn_ro *txn, struct arena *arena, const struct card_view *view,
    int64_t viewer, bool *ret_admitted)
{
	*ret_admitted = false;
	for (size_t i = 0; i < view->allowed_count && !*ret_admitted; i++) {
		struct room_row room;
		enum membership membership = MEMBERSHIP_NONE;
		enum rc rc = room_find(txn, arena, view->allowed[i], &room);
		if (rc == RC_OK)
			rc = membership_in(txn, arena, room.room, viewer, &membership);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		*ret_admitted = membership == MEMBERSHIP_JOIN;
	}
	return RC_OK;
}

enum rc card_view_open(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t viewer,
    struct card_view *ret_view)
{
	struct card_view view = {0};
	bool is_admitted_by_rule = false;
	TRY(room_card_get(txn, arena, room, &view.card));
	struct entrance entrance = entrance_of(&view.card);
	if (viewer != 0)
		TRY(membership_in(txn, arena, room, viewer, &view.membership));
	if (entrance.restricted)
		TRY(allowed_read(txn, arena, &view));
	bool is_in = view.membership == MEMBERSHIP_JOIN || view.membership == MEMBERSHIP_INVITE;
	bool is_banned = view.membership == MEMBERSHIP_BAN;
	if (entrance.restricted && viewer != 0 && !is_in && !is_banned)
		TRY(is_admitted(txn, arena, &view, viewer, &is_admitted_by_rule));
	view.is_visible = view.card.world_readable || is_in ||
			  (!is_banned && (entrance.join || entrance.knock || is_admitted_by_rule));
	*ret_view = view;
	return RC_OK;
}
