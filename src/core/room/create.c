/* POST /createRoom: the order of the events, and the alias that is made with the room. */
#include "core/room/create_int.h"
#include "core/room/founding_int.h"

struct creation {
	struct founding founding;
	struct create_wish wish;
};

/* A state event that the auth rules refuse makes the whole request one for an invalid room. */
static enum rc invalid_if_refused(const struct creation *creation, enum rc rc)
{
	if (rc != RC_FORBIDDEN)
		return rc;
	if (creation->founding.fail)
		creation->founding.fail->rc = RC_INVALID_ROOM_STATE;
	return RC_INVALID_ROOM_STATE;
}

static enum rc event_add(struct creation *creation, str type, str state_key, str content)
{
	return invalid_if_refused(creation, founding_add(&creation->founding, type, state_key, content));
}

static enum rc text_event_add(struct creation *creation, str type, str key, str value)
{
	return invalid_if_refused(creation, founding_add_text(&creation->founding, type, key, value));
}

static enum rc member_add(struct creation *creation, enum membership membership, str user_id, str extra)
{
	TRY(founding_gate(&creation->founding, membership, user_id));
	return invalid_if_refused(creation, founding_add_member(&creation->founding, membership, user_id, STR_EMPTY,
	                                                        extra));
}

static bool initially_set(const struct create_wish *wish, str type)
{
	struct json_iter iter = json_iter(wish->initial_state);
	json entry;
	while (json_next(&iter, NULL, &entry))
		if (str_eq(json_get_text(entry, STR("type")), type) && !json_get_text(entry, STR("state_key")).n)
			return true;
	return false;
}

static enum rc preset_add(struct creation *creation)
{
	const struct preset_event *events = preset_events[creation->wish.preset];
	for (size_t i = 0; i < PRESET_EVENTS; i++) {
		str type = str_of(events[i].type);
		if (!initially_set(&creation->wish, type))
			TRY(text_event_add(creation, type, str_of(events[i].key), str_of(events[i].value)));
	}
	return RC_OK;
}

/* Of a room that is not there yet only the alias that is made with it can point to it. */
static enum rc aliases_check(struct creation *creation, json content)
{
	json own = json_get(content, STR("alias")), value;
	bool wrong = own && !json_is_null(own) && !str_eq(json_text_or(own, STR_EMPTY), creation->wish.alias);
	struct json_iter iter = json_iter(json_get(content, STR("alt_aliases")));
	while (!wrong && json_next(&iter, NULL, &value))
		wrong = !str_eq(json_text_or(value, STR_EMPTY), creation->wish.alias);
	if (wrong)
		return fail_set(creation->founding.fail, RC_BAD_ALIAS,
		                "initial_state: an alias in m.room.canonical_alias does not point to this room");
	return RC_OK;
}

static enum rc initial_state_add(struct creation *creation)
{
	struct json_iter iter = json_iter(creation->wish.initial_state);
	json entry;
	while (json_next(&iter, NULL, &entry)) {
		struct buf buf;
		str text, type = json_get_text(entry, STR("type"));
		json content = json_get(entry, STR("content"));
		if (str_eq(type, STR("m.room.canonical_alias")))
			TRY(aliases_check(creation, content));
		buf_init(&buf, creation->founding.arena, (size_t)6 * EVENT_MAX_BYTES);
		json_put(&buf, content);
		TRY(buf_finish(&buf, &text));
		TRY(event_add(creation, type, json_get_text(entry, STR("state_key")), text));
	}
	return RC_OK;
}

static enum rc invites_add(struct creation *creation)
{
	const struct create_wish *wish = &creation->wish;
	str extra = wish->is_direct ? STR("{\"is_direct\":true}") : STR_EMPTY;
	for (size_t i = 0; i < wish->invite_count; i++)
		TRY(member_add(creation, MEMBERSHIP_INVITE, wish->invites[i], extra));
	return RC_OK;
}

/* In the order of the specification. */
static enum rc events_build(struct creation *creation)
{
	const struct create_wish *wish = &creation->wish;
	str creator = creation->founding.actor->user_id, content;
	TRY(create_content(creation->founding.arena, wish, creator, &content));
	TRY(event_add(creation, STR("m.room.create"), STR_EMPTY, content));
	TRY(member_add(creation, MEMBERSHIP_JOIN, creator, STR_EMPTY));
	TRY(create_power_levels(creation->founding.arena, wish, creator, &content));
	TRY(event_add(creation, STR("m.room.power_levels"), STR_EMPTY, content));
	if (wish->alias.n)
		TRY(text_event_add(creation, STR("m.room.canonical_alias"), STR("alias"), wish->alias));
	TRY(preset_add(creation));
	TRY(initial_state_add(creation));
	if (wish->has_name)
		TRY(text_event_add(creation, STR("m.room.name"), STR("name"), wish->name));
	if (wish->has_topic)
		TRY(text_event_add(creation, STR("m.room.topic"), STR("topic"), wish->topic));
	return invites_add(creation);
}

static enum rc alias_is_free(struct creation *creation)
{
	struct founding *founding = &creation->founding;
	struct txn_ro *txn;
	int64_t room, creator;
	if (!creation->wish.alias.n)
		return RC_OK;
	TRY(build_txn(&founding->build, &txn));
	enum rc rc = alias_find(txn, creation->wish.alias, &room, &creator);
	if (rc == RC_OK)
		return fail_set(founding->fail, RC_ROOM_IN_USE, "The alias %.*s is taken",
		                STR_ARG(creation->wish.alias));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc creation_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct creation *creation = arg;
	const struct create_wish *wish = &creation->wish;
	int64_t room;
	TRY(founding_write(&creation->founding, txn, wish->is_public, &room, fail));
	return wish->alias.n ? alias_put(txn, wish->alias, room, creation->founding.actor->user) : RC_OK;
}

static enum rc create(struct creation *creation)
{
	struct founding *founding = &creation->founding;
	founding->version = creation->wish.version;
	TRY(founding_begin(founding));
	TRY(alias_is_free(creation));
	TRY(events_build(creation));
	build_end(&founding->build);
	TRY(store_write(founding->rooms->config.store, creation_write, creation, founding->fail));
	founding_tell(founding);
	return RC_OK;
}

static void creation_release(struct creation *creation)
{
	founding_release(&creation->founding);
}

enum rc room_create(struct rooms *rooms, struct arena *arena, const struct actor *actor, json request,
                    str *ret_room_id, str *ret_alias, struct fail *fail)
{
	struct creation creation CLEANUP(creation_release) = {
		.founding = {.rooms = rooms, .arena = arena, .fail = fail, .actor = actor}};
	TRY(create_wish_read(rooms, arena, request, &creation.wish, fail));
	TRY(create(&creation));
	*ret_room_id = arena_dup(arena, creation.founding.head->room_id);
	*ret_alias = creation.wish.alias;
	return arena_status(arena);
}
