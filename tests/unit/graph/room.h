/* A room in memory for the tests of the auth rules: a few members of each kind, and what a case changes. */
#ifndef EXEUNT_TESTS_UNIT_GRAPH_ROOM_H
#define EXEUNT_TESTS_UNIT_GRAPH_ROOM_H

#include "graph/auth.h"

/* What an event and the room around it look like. NULL: as in the room by default. */
struct auth_case {
	const char *type, *sender, *content;
	const char *state_key;  /* NULL: no state event */
	const char *prev;       /* one prev_event; "" for none; default: some event */
	const char *room_id;    /* default: the room's */
	const char *join_rule;  /* default: "invite"; "" takes the event away */
	const char *power;      /* content of m.room.power_levels; "" takes the event away */
	const char *create;     /* content of the create event; "" takes the event away */
	const char *invite_keys; /* content of the m.room.third_party_invite at "tok" */
	const char *redacts;    /* of m.room.redaction, in the versions where it stands beside content */
	int since;              /* room versions before this one judge it otherwise */
};

enum { ROOM_EVENTS_MAX = 24 };

struct test_room {
	struct arena *arena;
	const struct room_version *version;
	struct event events[ROOM_EVENTS_MAX];
	size_t count;
};

extern const char room_default_power[];

/* Members: @creator, @admin (100), @mod (50), @user, @remote:b joined; @invited, @banned, @left, @knocker. */
void test_room_fill(struct test_room *room, struct arena *arena, const struct room_version *version,
                    const struct auth_case *c);
struct auth_state test_room_state(struct test_room *room);
str test_room_id(const struct test_room *room);

struct event test_event(struct arena *arena, const struct room_version *version, str room_id, const char *type,
                        const char *sender, const char *state_key, const char *content);

/* 12 of room version 12. */
int test_version_number(const struct room_version *version);
/* Whose text numbers the auth rules of this version. */
int test_version_text(const struct room_version *version);

/* The event of the case. */
struct event test_room_event(const struct test_room *room, const struct auth_case *c);

struct auth_verdict test_room_judge(struct arena *arena, const struct room_version *version,
                                    const struct auth_case *c);

#endif
