/*
 * An alias goes: from the directory, and in the same transaction from the room's m.room.canonical_alias, where the one
 * who removes it may change that. If they may not, the alias goes all the same (Client-Server API, deleteRoomAlias).
 */
#include "core/room/directory_int.h"

struct removal {
	const struct actor *actor;
	str alias, room_id;
};

static enum rc removal_check(struct rooms *rooms, struct arena *arena, struct removal *removal,
    bool admin, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row room = {0};
	int64_t creator = 0;
	bool may = admin;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	TRY(alias_room(rooms, txn, arena, removal->alias, &room, &creator, fail));
	removal->room_id = room.room_id;
	if (!may && creator != removal->actor->user)
		TRY(may_name(txn, arena, removal->actor, &room, &may));
	if (!may && creator != removal->actor->user)
		return fail_set(fail, RC_FORBIDDEN,
		    "You neither made this alias nor have the power to name its room");
	return RC_OK;
}

static enum rc removal_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct removal *removal = arg;
	const struct actor *actor = removal->actor;
	TRY(account_check_generation(txn_reading(txn), actor->user, actor->generation));
	enum rc rc = alias_delete(txn, removal->alias);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "There is no such room alias") : rc;
}

static enum rc removal_along(struct txn_rw *txn, void *self, str event_id, struct fail *fail)
{
	(void)event_id;
	return removal_write(txn, self, fail);
}

static bool is_text(json value, str text)
{
	return json_is_text(value) && str_eq(json_text_or(value, STR_EMPTY), text);
}

/* A member of the content as it is to be, or nothing. */
static void member_put(struct buf *buf, str key, json value, str alias, bool *ret_changed)
{
	struct json_iter iter = json_iter(value);
	json other;
	if (str_eq(key, STR("alias")) && is_text(value, alias)) {
		*ret_changed = true;
		return;
	}
	json_put_key(buf, key);
	if (!str_eq(key, STR("alt_aliases")) || !json_is_array(value)) {
		json_put(buf, value);
		return;
	}
	buf_putc(buf, '[');
	while (json_next(&iter, NULL, &other)) {
		if (is_text(other, alias)) {
			*ret_changed = true;
			continue;
		}
		json_put_comma(buf);
		json_put(buf, other);
	}
	buf_putc(buf, ']');
}

/* Settled where the canonical alias says nothing of this one. */
static enum rc canonical_prepare(
    struct event_op *op, struct build *build, struct event_request *request)
{
	const struct removal *removal = op->along.self;
	const struct event *now = build_state(build, STR("m.room.canonical_alias"), STR_EMPTY);
	TRY(build->rc);
	struct buf buf;
	struct json_iter iter = json_iter(now ? now->content : NULL);
	bool changed = false;
	str key;
	json value;
	buf_init(&buf, build->arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	while (json_next(&iter, &key, &value))
		member_put(&buf, key, value, removal->alias, &changed);
	buf_putc(&buf, '}');
	op->settled = !changed;
	return buf_finish(&buf, &request->content);
}

enum rc room_alias_remove(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    bool admin, str alias, struct fail *fail)
{
	struct removal removal = {.actor = actor, .alias = alias};
	TRY(removal_check(rooms, arena, &removal, admin, fail));
	struct event_op op = {
	    .rooms = rooms,
	    .room_id = removal.room_id,
	    .arena = arena,
	    .fail = fail,
	    .prepare = canonical_prepare,
	    .along = {removal_along, &removal},
	    .want =
		{
		    .actor = *actor,
		    .type = STR("m.room.canonical_alias"),
		    .is_state = true,
		},
	};
	enum rc rc = event_op_wait(&op);
	if (rc != RC_FORBIDDEN)
		return rc;
	return store_write(rooms->config.store, removal_write, &removal, fail);
}
