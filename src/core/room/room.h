/*
 * Rooms: sending events, membership, creation, reading. The heart of the server.
 *
 * A room has one sequencer: a queue of operations served by one thread at a time, never a mutex held over
 * SQL. It builds the next event on a head kept in memory and hands the write to the store's group commit, then goes
 * on with the next at once; the answer waits until the commit is on disk. A failed commit drops the head and fails
 * everything built on it, in order. Heads of idle rooms are evicted; memory follows active rooms.
 *
 * Every membership change of a local user goes through one gate (membership_gate in membership.h).
 * Thread rule: any lane thread, unless said. Functions that wait say so.
 */
#ifndef EXEUNT_CORE_ROOM_ROOM_H
#define EXEUNT_CORE_ROOM_ROOM_H

#include "matrix/event.h"
#include "matrix/marker.h"
#include "store/deactivation.h"
#include "store/rooms.h"

struct rooms;

/* One committed event. Texts live until the callback returns. */
struct event_news {
	int64_t room, event, pos;
	str room_id, type, state_key, sender;
	bool is_state;
	enum membership membership;  /* of member events: of `member` */
	int64_t member;              /* user nid whose membership it is; 0 */
	/* Events of others: all whose memberships changed, which a resolved state may do to many; NULL otherwise. */
	const struct member_changes *members;
};

struct rooms_config {
	struct store *store;
	const struct clock *clock;
	const struct rng *rng;
	const struct signing_identity *identity; /* outlives the rooms */
	str default_version;
	enum marker_keys marker;
	size_t heads_max;                        /* heads kept in memory */
	/* News: called after a commit with what changed; short, on a thread of the store. */
	void (*on_event)(void *self, const struct event_news *news);
	void *news_self;
};

MUST_CHECK enum rc rooms_new(const struct rooms_config *config, struct rooms **ret_rooms);
void rooms_free(struct rooms *rooms);

/*
 * Forgets the idle heads of the rooms of a slot (store/processes.h), which another process is about to have. False: some
 * are not idle yet.
 */
bool rooms_settle_slot(struct rooms *rooms, size_t slot);

/* Who does something: a session of a local user. */
struct actor {
	int64_t user;        /* nid */
	int64_t generation;  /* checked when the write commits */
	int64_t device;      /* for transaction ids; 0: none */
	str user_id;
	bool is_suspended; /* redacts nothing but their own events */
};

/*
 * What is to happen in the transaction of an event, or in one of its own where there is nothing to send. Reasons to run it
 * again are those of write_fn. A failure fails the event.
 */
struct write_along {
	enum rc (*run)(struct txn_rw *txn, void *self, str event_id, struct fail *fail); /* NULL: nothing */
	void *self;
};

/*
 * Sends one event; `done` is called exactly once, after the commit or with the failure (any thread; be short).
 * Embedded in the caller's object (usually in the request's arena), which must live until then.
 */
struct room_send {
	/* set by the caller; texts live until done */
	struct actor actor;
	str room_id;
	str type;
	bool is_state;
	str state_key;
	str content;               /* JSON object */
	str txn_id;                /* empty: none */
	str delay_id;              /* of a delayed event; empty: it is none */
	struct write_along along;
	str redacts;               /* event id; for m.room.redaction */
	int64_t origin_server_ts;  /* 0: now */
	void (*done)(struct room_send *send, enum rc rc);
	void *self;
	struct fail *fail;
	/* set by the room before done */
	str event_id;              /* in `arena` */
	struct arena *arena;       /* the caller's; used only by the thread that serves the room until done */
	/* private to core/room */
	void *op;
};
void room_send(struct rooms *rooms, struct room_send *send);
/* The same, waiting. */
MUST_CHECK enum rc room_send_wait(struct rooms *rooms, struct room_send *send);

/* Membership verbs; they wait for the commit. `reason` may be empty. */
struct membership_change {
	struct actor actor;
	str room_id;
	str target_user_id;   /* equal to the actor for join, leave and knock */
	str reason;
	str content;          /* further members of the content as a JSON object (join body …); empty: none. Markers are refused. */
};
MUST_CHECK enum rc room_join(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_knock(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_leave(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_invite(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_kick(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_ban(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);
MUST_CHECK enum rc room_unban(struct rooms *rooms, struct arena *arena, const struct membership_change *change, struct fail *fail);

/* POST /createRoom: `request` is the body. All events in one transaction. Waits. */
MUST_CHECK enum rc room_create(struct rooms *rooms, struct arena *arena, const struct actor *actor, json request,
                               str *ret_room_id, str *ret_alias, struct fail *fail);

/*
 * POST /rooms/{roomId}/upgrade, in one transaction. Waits. The same user asking again for the same version gets the
 * replacement that is there. RC_UNSUPPORTED_ROOM_VERSION; RC_FORBIDDEN: not joined, no power for the tombstone, or an
 * additional creator whose account has ended.
 */
struct upgrade_wish {
	struct actor actor;
	str room_id, new_version;
	json additional_creators;  /* as the client sent it, or NULL; not looked at where the version has none */
};
MUST_CHECK enum rc room_upgrade(struct rooms *rooms, struct arena *arena, const struct upgrade_wish *wish,
                                str *ret_room_id, struct fail *fail);

/* Profile change into every joined room (in the background, through the gate; never a join of somebody who is not joined any more). */
MUST_CHECK enum rc rooms_propagate_profile(struct rooms *rooms, const struct actor *actor);

/*
 * Leaves by deactivation: for each departure the marked leave is built on the room's head; a leave, its state and
 * its departure row commit together, and all leaves in one transaction unless others wait for the writer: then in
 * several. Skipped rooms (busy elsewhere, refused) get their own outcome. Waits. Called by core/deactivation only.
 * `ret_outcomes[i]` is RC_OK or why departures[i] was not done this time.
 */
MUST_CHECK enum rc rooms_depart(struct rooms *rooms, struct arena *arena, const struct departure *departures,
                                size_t count, enum rc *ret_outcomes);

#endif
