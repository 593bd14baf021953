/* /sync over the rooms of room_rig.h: one call gives the parsed answer. */
#ifndef EXEUNT_TEST_SYNC_RIG_H
#define EXEUNT_TEST_SYNC_RIG_H

#include "core/sync/sync_int.h"
#include "room_rig.h"

struct sync_rig {
	struct room_rig *room;
	struct notifier *notifier;
	struct push *push;
	struct syncs *syncs;
};

/* A client: its session, its filter and how far it has read. */
struct client {
	struct session session;
	const char *filter;      /* JSON; NULL: none */
	bool full_state, use_state_after;
	str since;
	bool empty;              /* the last answer was */
	struct sync_mark mark;
};

int sync_rig_setup(void **state);
int sync_rig_teardown(void **state);

struct client client_of(const struct actor *actor);
/* Syncs and goes on: the parsed answer, in which every key stands once. */
json client_sync(struct sync_rig *rig, struct client *client);
enum rc client_try(struct sync_rig *rig, struct client *client, struct fail *fail, json *ret_answer);

json dig(json from, const char *path);                       /* "a/b/c", NULL when there is none */
json room_in(json answer, const char *section, str room_id); /* of "rooms" */
size_t events_at(json room, const char *path);               /* how many stand in path/events */
json event_of(json room, const char *path, const char *type, str state_key); /* the last such one */

#endif
