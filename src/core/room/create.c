/*
 * POST /createRoom: all events are built on a head of their own, judged one after the other by the auth rules, and
 * written in one job with the room and its alias. Nobody can know the room before that.
 */
#include "core/room/create_int.h"

enum { ROOM_ID_LETTERS = 18 };

struct creation {
	struct rooms *rooms;
	struct arena *arena;
	struct fail *fail;
	const struct actor *actor;
	struct create_wish wish;
	struct room_head *head;
	struct build build;
	struct room_write *writes;
	size_t count, capacity;
};

static enum rc write_add(struct creation *creation, struct room_write **ret_write)
{
	if (creation->count == creation->capacity) {
		size_t capacity = creation->capacity ? creation->capacity * 2 : 16;
		creation->writes = arena_grow(creation->arena, creation->writes,
		                              creation->capacity * sizeof(struct room_write),
		                              capacity * sizeof(struct room_write));
		TRY(arena_status(creation->arena));
		creation->capacity = capacity;
	}
	*ret_write = &creation->writes[creation->count++];
	**ret_write = (struct room_write){.head = creation->head};
	return RC_OK;
}

/*
 * A room ID of v12 is the hash of the create event: two alike rooms of one creator would be one room, were they made
 * in the same millisecond. So each room of this process has its own.
 */
static int64_t creation_time(struct rooms *rooms)
{
	int64_t now_ms = clock_wall_ms(rooms->config.clock);
	int64_t newest = __atomic_load_n(&rooms->newest_create_ms, __ATOMIC_RELAXED), chosen;
	do
		chosen = now_ms > newest ? now_ms : newest + 1;
	while (!__atomic_compare_exchange_n(&rooms->newest_create_ms, &newest, chosen, true, __ATOMIC_RELAXED,
	                                    __ATOMIC_RELAXED));
	return chosen;
}

/* A state event that the auth rules refuse makes the whole request one for an invalid room. */
static enum rc event_add(struct creation *creation, str type, str state_key, str content)
{
	struct event event;
	struct event_request request = {
		.actor = *creation->actor, .type = type, .is_state = true, .state_key = state_key, .content = content};
	request.actor.device = 0;
	if (creation->count == 0)
		request.origin_server_ts = creation_time(creation->rooms);
	enum rc rc = build_event(&creation->build, &request, &event);
	if (rc == RC_FORBIDDEN) {
		if (creation->fail)
			creation->fail->rc = RC_INVALID_ROOM_STATE;
		return RC_INVALID_ROOM_STATE;
	}
	if (rc != RC_OK)
		return rc;
	if (creation->head->room_id.n == 0)
		creation->head->room_id = event.room_id;
	struct room_write *write;
	TRY(write_add(creation, &write));
	write_fill(write, &creation->build, &event, &request);
	return head_advance(creation->head, &event, write->seq);
}

static enum rc text_event_add(struct creation *creation, str type, str key, str value)
{
	struct buf buf;
	str content;
	buf_init(&buf, creation->arena, EVENT_MAX_BYTES);
	buf_putc(&buf, '{');
	json_put_key(&buf, key);
	json_put_text(&buf, value);
	if (str_eq(key, STR("topic"))) {
		buf_put(&buf, STR(",\"m.topic\":{\"m.text\":[{\"body\":"));
		json_put_text(&buf, value);
		buf_put(&buf, STR("}]}"));
	}
	buf_putc(&buf, '}');
	TRY(buf_finish(&buf, &content));
	return event_add(creation, type, STR_EMPTY, content);
}

static enum rc member_add(struct creation *creation, enum membership membership, str user_id, str extra)
{
	str content;
	TRY(membership_content(&creation->build, membership, user_id, true, STR_EMPTY, extra, &content));
	struct membership_step step = {membership, creation->actor->user, creation->actor->generation, user_id};
	struct txn_ro *txn;
	TRY(build_txn(&creation->build, &txn));
	TRY(membership_gate(txn, creation->arena, &step, creation->fail));
	return event_add(creation, STR("m.room.member"), user_id, content);
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
		return fail_set(creation->fail, RC_BAD_ALIAS,
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
		buf_init(&buf, creation->arena, (size_t)6 * EVENT_MAX_BYTES);
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
	str creator = creation->actor->user_id, content;
	TRY(create_content(creation->arena, wish, creator, &content));
	TRY(event_add(creation, STR("m.room.create"), STR_EMPTY, content));
	TRY(member_add(creation, MEMBERSHIP_JOIN, creator, STR_EMPTY));
	TRY(create_power_levels(creation->arena, wish, creator, &content));
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
	struct txn_ro *txn;
	int64_t room, creator;
	if (!creation->wish.alias.n)
		return RC_OK;
	TRY(build_txn(&creation->build, &txn));
	enum rc rc = alias_find(txn, creation->wish.alias, &room, &creator);
	if (rc == RC_OK)
		return fail_set(creation->fail, RC_ROOM_IN_USE, "The alias %.*s is taken",
		                STR_ARG(creation->wish.alias));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc creation_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct creation *creation = arg;
	const struct create_wish *wish = &creation->wish;
	int64_t room, newest = 0;
	enum rc rc = room_add(txn, creation->head->room_id, wish->version->name, wish->is_public, &room);
	if (rc != RC_OK)
		return rc == RC_EXISTS ? RC_CONFLICT : rc; /* the clock went back over a restart: trying again helps */
	for (size_t i = 0; i < creation->count; i++) {
		struct room_write *write = &creation->writes[i];
		write->insert.room = write->news.room = room;
		write->insert.expected_head = newest;
		TRY(write_run(txn, write, fail));
		newest = write->news.event;
	}
	return wish->alias.n ? alias_put(txn, wish->alias, room, creation->actor->user) : RC_OK;
}

static enum rc head_prepare(struct creation *creation)
{
	struct rooms *rooms = creation->rooms;
	str room_id = STR_EMPTY; /* v12: the create event's */
	if (!creation->wish.version->room_id_from_create) {
		str letters = rng_text(rooms->config.rng, creation->arena, RNG_ALPHANUMERIC, ROOM_ID_LETTERS);
		room_id = arena_printf(creation->arena, "!%.*s:%.*s", STR_ARG(letters),
		                       STR_ARG(rooms->config.identity->server_name));
	}
	TRY(arena_status(creation->arena));
	creation->head = head_new(rooms, room_id);
	if (!creation->head)
		return RC_NOMEM;
	creation->head->is_new = true;
	creation->head->version = creation->wish.version;
	build_begin(&creation->build, creation->head, creation->arena, creation->fail);
	return RC_OK;
}

static void creation_release(struct creation *creation)
{
	build_end(&creation->build);
	head_free(creation->head);
}

static enum rc create(struct creation *creation)
{
	TRY(head_prepare(creation));
	TRY(alias_is_free(creation));
	TRY(events_build(creation));
	build_end(&creation->build);
	TRY(store_write(creation->rooms->config.store, creation_write, creation, creation->fail));
	const struct rooms_config *config = &creation->rooms->config;
	for (size_t i = 0; config->on_event && i < creation->count; i++)
		config->on_event(config->news_self, &creation->writes[i].news);
	return RC_OK;
}

enum rc room_create(struct rooms *rooms, struct arena *arena, const struct actor *actor, json request,
                    str *ret_room_id, str *ret_alias, struct fail *fail)
{
	struct creation creation CLEANUP(creation_release) = {
		.rooms = rooms, .arena = arena, .fail = fail, .actor = actor};
	TRY(create_wish_read(rooms, arena, request, &creation.wish, fail));
	TRY(create(&creation));
	*ret_room_id = arena_dup(arena, creation.head->room_id);
	*ret_alias = creation.wish.alias;
	return arena_status(arena);
}
