#include "core/room/directory_int.h"

#include "core/room/reading.h"

static bool alias_is_ours(const struct rooms *rooms, str alias)
{
	struct id_parts parts;
	return room_alias_parse(alias, &parts) && str_eq(parts.domain, rooms->config.identity->server_name);
}

enum rc alias_room(struct rooms *rooms, struct txn_ro *txn, struct arena *arena, str alias,
                          struct room_row *ret_room, int64_t *ret_creator, struct fail *fail)
{
	int64_t room;
	if (!room_alias_parse(alias, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "A room alias looks like #name:server");
	if (!alias_is_ours(rooms, alias))
		return fail_set(fail, RC_NOT_FOUND,
		                "The alias is on another server, and this server does not federate yet");
	enum rc rc = alias_find(txn, alias, &room, ret_creator);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, rc, "There is no such room alias");
	return rc == RC_OK ? room_get(txn, arena, room, ret_room) : rc;
}

enum rc room_resolve(struct rooms *rooms, struct arena *arena, str room_id_or_alias, str *ret_room_id,
                     struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row room;
	int64_t creator;
	if (room_id_parse(room_id_or_alias, NULL)) {
		*ret_room_id = room_id_or_alias;
		return RC_OK;
	}
	if (!room_alias_parse(room_id_or_alias, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "This is neither a room ID nor a room alias");
	TRY(txn_ro_begin(rooms->config.store, &txn));
	TRY(alias_room(rooms, txn, arena, room_id_or_alias, &room, &creator, fail));
	*ret_room_id = room.room_id;
	return RC_OK;
}

static enum rc joined_room(struct txn_ro *txn, struct arena *arena, const struct actor *actor, str room_id,
                           struct room_row *ret_room, struct fail *fail)
{
	struct member_row member = {0};
	enum rc rc = room_find(txn, arena, room_id, ret_room);
	if (rc == RC_OK)
		rc = member_get(txn, arena, ret_room->room, actor->user, &member);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	if (rc == RC_NOT_FOUND || member.membership != MEMBERSHIP_JOIN)
		return fail_set(fail, RC_FORBIDDEN, "You are not joined to this room");
	return RC_OK;
}

struct alias_change {
	struct arena *arena;
	const struct actor *actor;
	str alias, room_id;
};

static enum rc alias_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct alias_change *change = arg;
	struct room_row room;
	TRY(account_check_generation(txn_reading(txn), change->actor->user, change->actor->generation));
	TRY(joined_room(txn_reading(txn), change->arena, change->actor, change->room_id, &room, fail));
	enum rc rc = alias_put(txn, change->alias, room.room, change->actor->user);
	if (rc == RC_ROOM_IN_USE)
		return fail_set(fail, RC_EXISTS, "The room alias %.*s exists already", STR_ARG(change->alias));
	return rc;
}

enum rc room_alias_set(struct rooms *rooms, struct arena *arena, const struct actor *actor, str alias, str room_id,
                       struct fail *fail)
{
	if (!room_alias_parse(alias, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "A room alias looks like #name:server");
	if (!alias_is_ours(rooms, alias))
		return fail_set(fail, RC_FORBIDDEN, "Only aliases of this server can be set here");
	if (!room_id_parse(room_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "room_id must be a room ID");
	struct alias_change change = {arena, actor, alias, room_id};
	return store_write(rooms->config.store, alias_write, &change, fail);
}

static enum rc state_read(struct txn_ro *txn, struct arena *arena, const struct room_row *room, str type,
                          struct event *event, const struct event **ret_event)
{
	struct event_row row;
	const struct room_version *version = room_version_find(room->version);
	enum rc rc = state_event(txn, arena, room->snapshot, type, STR_EMPTY, &row);
	*ret_event = NULL;
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	if (!version)
		return RC_CORRUPT;
	TRY(event_parse_stored(arena, version, row.canonical, row.event_id, event));
	*ret_event = event;
	return RC_OK;
}

/* Power enough to send m.room.canonical_alias, and joined. */
enum rc may_name(struct txn_ro *txn, struct arena *arena, const struct actor *actor,
                        const struct room_row *room, bool *ret_may)
{
	struct event create_event, levels_event;
	const struct event *create, *levels;
	struct member_row member = {0};
	*ret_may = false;
	enum rc rc = member_get(txn, arena, room->room, actor->user, &member);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && member.membership != MEMBERSHIP_JOIN))
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	TRY(state_read(txn, arena, room, STR("m.room.create"), &create_event, &create));
	TRY(state_read(txn, arena, room, STR("m.room.power_levels"), &levels_event, &levels));
	struct power_levels power = power_levels_of(create, levels);
	*ret_may = power_of_user(&power, actor->user_id) >=
	           power_to_send(&power, STR("m.room.canonical_alias"), true);
	return RC_OK;
}

enum rc room_aliases_answer(struct rooms *rooms, struct arena *arena, const struct actor *actor, str room_id,
                            struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	str *aliases;
	size_t count;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	TRY(room_view_open(txn, arena, actor->user, room_id, &view, fail));
	if (view.state_until_pos != INT64_MAX)
		return fail_set(fail, RC_FORBIDDEN, "You are not joined to this room");
	TRY(aliases_of_room(txn, arena, view.room.room, &aliases, &count));
	buf_put(out, STR("{\"aliases\":["));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(out);
		json_put_text(out, aliases[i]);
	}
	buf_put(out, STR("]}"));
	return buf_status(out);
}

enum rc room_is_listed(struct rooms *rooms, struct arena *arena, str room_id, bool *ret_listed, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row room;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	enum rc rc = room_find(txn, arena, room_id, &room);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, rc, "There is no such room");
	if (rc == RC_OK)
		*ret_listed = room.public_listed;
	return rc;
}

struct listing {
	struct arena *arena;
	const struct actor *actor;
	bool admin, listed;
	str room_id;
};

static enum rc listing_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct listing *wish = arg;
	struct room_row room;
	bool may = wish->admin;
	TRY(account_check_generation(txn_reading(txn), wish->actor->user, wish->actor->generation));
	enum rc rc = room_find(txn_reading(txn), wish->arena, wish->room_id, &room);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? fail_set(fail, rc, "There is no such room") : rc;
	if (!may)
		TRY(may_name(txn_reading(txn), wish->arena, wish->actor, &room, &may));
	if (!may)
		return fail_set(fail, RC_FORBIDDEN, "Listing a room needs the power to send m.room.canonical_alias in it");
	return room_set_listed(txn, room.room, wish->listed);
}

enum rc room_list(struct rooms *rooms, struct arena *arena, const struct actor *actor, bool admin, str room_id,
                  bool listed, struct fail *fail)
{
	struct listing wish = {arena, actor, admin, listed, room_id};
	return store_write(rooms->config.store, listing_write, &wish, fail);
}

struct forgetting {
	struct arena *arena;
	const struct actor *actor;
	str room_id;
};

static enum rc forgetting_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct forgetting *wish = arg;
	struct room_row room;
	struct member_row member = {0};
	TRY(account_check_generation(txn_reading(txn), wish->actor->user, wish->actor->generation));
	enum rc rc = room_find(txn_reading(txn), wish->arena, wish->room_id, &room);
	if (rc == RC_OK)
		rc = member_get(txn_reading(txn), wish->arena, room.room, wish->actor->user, &member);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, RC_UNKNOWN_400, "You were never in this room");
	if (rc != RC_OK)
		return rc;
	if (member.membership != MEMBERSHIP_LEAVE && member.membership != MEMBERSHIP_BAN)
		return fail_set(fail, RC_UNKNOWN_400, "Leave the room before you forget it");
	return room_forget(txn, room.room, wish->actor->user);
}

enum rc room_leave_behind(struct rooms *rooms, struct arena *arena, const struct actor *actor, str room_id,
                          struct fail *fail)
{
	struct forgetting wish = {arena, actor, room_id};
	return store_write(rooms->config.store, forgetting_write, &wish, fail);
}
