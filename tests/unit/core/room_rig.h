/* Rooms over a real store: users with accounts, rooms made by createRoom, short verbs for tests. */
#ifndef EXEUNT_TEST_ROOM_RIG_H
#define EXEUNT_TEST_ROOM_RIG_H

#include "base/test.h"
#include "core/room/queries.h"
#include "store/store_fixture.h"

struct room_rig {
	struct fixture *store;
	struct rooms *rooms;
	struct signing_identity identity;
	struct arena arena;
	struct fail fail;
	int64_t news;            /* atomic: events announced */
	enum marker_keys marker;
	size_t heads_max;
	struct clock clock;      /* of the rooms; the system's unless a test puts another there before a reopening */
};

int room_rig_setup(void **state);
int room_rig_teardown(void **state);
void room_rig_reopen(struct room_rig *rig); /* the rooms anew over the same store: no head is in memory */
/* Store and rooms anew, as after a restart; `fault` (may be NULL) is armed while no thread runs. */
void room_rig_restart(struct room_rig *rig, const char *fault);

struct actor rig_user(struct room_rig *rig, const char *localpart); /* an account on "localhost" */
json room_json(struct room_rig *rig, str text);
enum rc rig_create(struct room_rig *rig, const struct actor *actor, const char *request, str *ret_room_id);
str rig_room(struct room_rig *rig, const struct actor *actor, const char *request); /* must succeed */

enum rc rig_send(struct room_rig *rig, const struct actor *actor, str room_id, const char *type, const char *txn_id,
                 const char *content, str *ret_event_id);
enum rc rig_state(struct room_rig *rig, const struct actor *actor, str room_id, const char *type, str state_key,
                  const char *content, str *ret_event_id);
typedef enum rc rig_verb(struct rooms *, struct arena *, const struct membership_change *, struct fail *);
enum rc rig_member(struct room_rig *rig, rig_verb *verb, const struct actor *actor, str room_id, str target);
#define rig_join(rig, actor, room) rig_member((rig), room_join, (actor), (room), (actor)->user_id)
#define rig_leave(rig, actor, room) rig_member((rig), room_leave, (actor), (room), (actor)->user_id)

/* What stands in the store, read in a transaction of its own. */
struct room_row rig_row(struct room_rig *rig, str room_id);
enum membership rig_membership(struct room_rig *rig, str room_id, const struct actor *actor);
size_t rig_event_count(struct room_rig *rig, str room_id);
/* The content of a state event, parsed; NULL when there is none. */
json rig_content(struct room_rig *rig, str room_id, const char *type, str state_key);
struct event_row *rig_events(struct room_rig *rig, str room_id, size_t *ret_count); /* oldest first */

#endif
