#include "graph/room.h"

#include "base/assert.h"

#include <string.h>

#define CREATE_HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

const char room_default_power[] =
	"{\"ban\":50,\"events\":{\"m.room.name\":50,\"org.example.high\":75,\"m.room.power_levels\":50},"
	"\"invite\":0,\"kick\":50,\"notifications\":{\"room\":50},\"redact\":50,\"state_default\":50,"
	"\"users\":{\"@admin:a\":100,\"@mod:a\":50},\"users_default\":0}";

static json parsed(struct arena *arena, const char *text)
{
	json v = NULL;
	ASSERT(json_parse(arena, str_of(text), &v, NULL) == RC_OK);
	return v;
}

struct event test_event(struct arena *arena, const struct room_version *version, str room_id, const char *type,
                        const char *sender, const char *state_key, const char *content)
{
	static const str prev = STR_INIT("$pppppppppppppppppppppppppppppppppppppppppppp");
	return (struct event){
		.version = version,
		.event_id = STR("$eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
		.room_id = room_id,
		.type = str_of(type),
		.sender = str_of(sender),
		.is_state = state_key != NULL,
		.state_key = str_of(state_key),
		.content = parsed(arena, content),
		.prev_events = &prev,
		.prev_count = 1,
	};
}

str test_room_id(const struct test_room *room)
{
	return room->version->room_id_from_create ? STR("!" CREATE_HASH) : STR("!room:a");
}

static void add(struct test_room *room, const char *type, const char *sender, const char *state_key,
                const char *content)
{
	ASSERT(room->count < ROOM_EVENTS_MAX);
	room->events[room->count++] =
		test_event(room->arena, room->version, test_room_id(room), type, sender, state_key, content);
}

static void add_unless_empty(struct test_room *room, const char *type, const char *sender, const char *given,
                             const char *otherwise)
{
	const char *content = given ? given : otherwise;
	if (content[0])
		add(room, type, sender, "", content);
}

static void add_member(struct test_room *room, const char *user, const char *content)
{
	add(room, "m.room.member", user, user, content);
}

void test_room_fill(struct test_room *room, struct arena *arena, const struct room_version *version,
                    const struct auth_case *c)
{
	static const char join[] = "{\"membership\":\"join\"}";
	*room = (struct test_room){.arena = arena, .version = version};
	add_unless_empty(room, "m.room.create", "@creator:a", c->create, "{\"creator\":\"@creator:a\"}");
	if (room->count) {
		room->events[0].event_id = STR("$" CREATE_HASH);
		room->events[0].prev_count = 0;
	}
	add_unless_empty(room, "m.room.power_levels", "@creator:a", c->power, room_default_power);
	if (!c->join_rule || c->join_rule[0])
		add(room, "m.room.join_rules", "@creator:a", "",
		    arena_printf(arena, "{\"join_rule\":\"%s\"}%c", c->join_rule ? c->join_rule : "invite", 0).p);
	add_member(room, "@creator:a", join);
	add_member(room, "@admin:a", join);
	add_member(room, "@mod:a", join);
	add_member(room, "@user:a", join);
	add_member(room, "@remote:b", join);
	add_member(room, "@invited:a", "{\"membership\":\"invite\"}");
	add_member(room, "@banned:a", "{\"membership\":\"ban\"}");
	add_member(room, "@left:a", "{\"membership\":\"leave\"}");
	add_member(room, "@knocker:a", "{\"membership\":\"knock\"}");
	if (c->invite_keys)
		add(room, "m.room.third_party_invite", "@mod:a", "tok", c->invite_keys);
}

static const struct event *get(void *self, str type, str state_key)
{
	const struct test_room *room = self;
	for (size_t i = 0; i < room->count; i++)
		if (str_eq(room->events[i].type, type) && str_eq(room->events[i].state_key, state_key))
			return &room->events[i];
	return NULL;
}

struct auth_state test_room_state(struct test_room *room)
{
	return (struct auth_state){get, room};
}

struct event test_room_event(const struct test_room *room, const struct auth_case *c)
{
	str room_id = c->room_id ? str_of(c->room_id) : test_room_id(room);
	struct event event = test_event(room->arena, room->version, room_id, c->type, c->sender, c->state_key,
	                                c->content);
	if (c->redacts) {
		event.redacts = str_of(c->redacts);
		event.event_id = STR("$redaction:a");
	}
	if (c->prev) {
		str *prev = arena_new(room->arena, str);
		*prev = str_of(c->prev);
		event.prev_events = prev;
		event.prev_count = c->prev[0] ? 1 : 0;
	}
	if (strcmp(c->type, "m.room.create") == 0 && !c->room_id)
		event.event_id = STR("$" CREATE_HASH);
	return event;
}

int test_version_number(const struct room_version *version)
{
	int number = 0;
	for (size_t i = 0; i < version->name.n; i++)
		number = number * 10 + (version->name.p[i] - '0');
	return number;
}

int test_version_text(const struct room_version *version)
{
	static const int texts[] = {0, 1, 1, 3, 3, 3, 6, 7, 8, 8, 10, 11, 12};
	return texts[test_version_number(version)];
}

struct auth_verdict test_room_judge(struct arena *arena, const struct room_version *version,
                                    const struct auth_case *c)
{
	struct test_room room;
	test_room_fill(&room, arena, version, c);
	struct event event = test_room_event(&room, c);
	struct auth_state state = test_room_state(&room);
	return auth_check(&event, &state);
}
