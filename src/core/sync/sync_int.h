/* Private to core/sync: the parts of /sync. */
#ifndef EXEUNT_CORE_SYNC_SYNC_INT_H
#define EXEUNT_CORE_SYNC_SYNC_INT_H

#include "core/sync/sync.h"

struct typing;

struct syncs {
	struct syncs_config config;
	struct typing *typing;
	str tag; /* of the store */
};

/* A parsed `since`. */
struct sync_position {
	int64_t pos;            /* 0: the beginning */
	int64_t typing_serial;
};

MUST_CHECK enum rc sync_since_parse(struct syncs *syncs, str token, struct sync_position *ret_since, struct fail *fail);
void sync_since_put(struct buf *out, const struct syncs *syncs, struct sync_position position);

/* One /sync under way. */
struct sync_run {
	struct syncs *syncs;
	struct txn_ro *txn;
	struct arena *arena;
	const struct sync_request *request;
	struct sync_position since;
	int64_t to;              /* newest position of this answer */
	int64_t typing_serial;   /* newest of this answer */
	int64_t now_ms;          /* wall */
	bool initial;
	struct account_data_row *account_data; /* since `since`, all rooms */
	size_t account_data_count;
	struct buf *out;
};

/* Whether the client's filter wants this kind of ephemeral event, or account data, of the room ("": not of a room). */
enum sync_section { SYNC_EPHEMERAL, SYNC_ROOM_ACCOUNT_DATA, SYNC_ACCOUNT_DATA };
bool sync_wants(const struct sync_run *run, enum sync_section section, str room_id, str type);

/* The rooms of the answer: what stands in "rooms". `*ret_any`: at least one room was written. */
MUST_CHECK enum rc sync_put_rooms(struct sync_run *run, bool *ret_any);

/* Which part of "rooms" a room stands in, and what is known of it. */
struct sync_room {
	struct room_view view;
	bool had_joined;         /* in the leave part: they were joined until they left */
	bool newly;              /* the user was not joined at `since`: everything is new to them */
	int64_t upto;            /* newest position of the room that is shown */
	int64_t since_snapshot;  /* state at `since`; 0 when newly */
};
MUST_CHECK enum rc sync_put_joined(struct sync_run *run, const struct sync_room *room, bool *ret_written);
MUST_CHECK enum rc sync_put_left(struct sync_run *run, const struct sync_room *room);
MUST_CHECK enum rc sync_put_stripped(struct sync_run *run, const struct sync_room *room, str member);

/* "timeline" and "state" (or "state_after"). */
struct sync_timeline {
	struct event_row *events; /* oldest first */
	size_t count;
	bool limited;
	int64_t before_pos;       /* prev_batch: the position before the first of them */
	int64_t start_snapshot;   /* room state before the first of them */
	int64_t end_snapshot;     /* room state after the last of them */
	bool members_changed;     /* some membership changed since `since`: the summary goes out again */
};
MUST_CHECK enum rc sync_timeline_read(struct sync_run *run, const struct sync_room *room, struct sync_timeline *ret_timeline);
MUST_CHECK enum rc sync_put_timeline(struct sync_run *run, const struct sync_room *room,
                                     const struct sync_timeline *timeline);
MUST_CHECK enum rc sync_put_state(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline,
                                  size_t *ret_count);

/* Typing notifications, in memory. */
MUST_CHECK enum rc typing_new(const struct clock *clock, struct notifier *notifier, struct typing **ret_typing);
void typing_free(struct typing *typing);
int64_t typing_serial(struct typing *typing);
MUST_CHECK enum rc typing_set(struct typing *typing, int64_t room, int64_t user, str user_id, int64_t timeout_ms);
void typing_drop_user(struct typing *typing, int64_t user);
/* Appends the m.typing event of a room if it changed after `since_serial`; true when it did. */
bool typing_put_event(struct typing *typing, int64_t room, int64_t since_serial, struct buf *out);
/* Rooms whose typing changed after `since_serial`. */
MUST_CHECK enum rc typing_rooms_since(struct typing *typing, struct arena *arena, int64_t since_serial,
                                      int64_t **ret_rooms, size_t *ret_count);

#endif
