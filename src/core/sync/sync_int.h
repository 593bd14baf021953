/* Private to core/sync: the parts of /sync. */
#ifndef EXEUNT_CORE_SYNC_SYNC_INT_H
#define EXEUNT_CORE_SYNC_SYNC_INT_H

#include "core/push/push.h"
#include "core/sync/sync.h"
#include "core/sync/told_int.h"

struct typing;

struct syncs {
	struct syncs_config config;
	struct typing *typing;
	struct told *told;
	str tag; /* of the store */
};

/* A parsed `since`. */
struct sync_position {
	int64_t pos;            /* 0: the beginning */
	int64_t typing_serial;
	int64_t
	    to_device; /* messages to the device up to here have come; behind pos when there were too many */
};

MUST_CHECK enum rc sync_since_parse(struct syncs *syncs, str token, struct sync_position *ret_since, struct fail *fail);
/* A token of sliding sync; false: it is none. */
bool sync_pos_parse(const struct syncs *syncs, str token, int64_t *ret_pos);
void sync_since_put(struct buf *out, const struct syncs *syncs, struct sync_position position);

/* One /sync under way. */
struct sync_run {
	struct syncs *syncs;
	struct txn_ro *txn;
	struct arena *arena;     /* while rooms are written: of the one room */
	const struct sync_request *request;
	struct sync_position since;
	int64_t to;              /* newest position of this answer */
	int64_t typing_serial;   /* newest of this answer */
	int64_t to_device;       /* newest of this answer: sync_put_encryption() sets it */
	int64_t now_ms;          /* wall */
	bool initial;
	struct account_data_row *account_data; /* since `since`, all rooms */
	size_t account_data_count;
	struct account_data_row *account_data_ever; /* when a room is new to the user: all there is */
	size_t account_data_ever_count;
	struct nids ignored; /* by the user, when there is a room to tell of */
	struct push_run *push; /* while rooms are written */
	struct buf *out;
	const struct bundles *bundles; /* of the events that are being written; NULL: they have none */
};

void sync_put_typed_content(struct buf *out, str type, str content); /* {"content", "type"} */
/* A room event in the form that the filter asks for (event_format, event_fields), after a comma. */
MUST_CHECK enum rc sync_put_event(struct sync_run *run, struct arena *scratch,
    const struct room_view *view, const struct event_row *event);

/* Whether the client's filter wants this kind of ephemeral event, or account data, of the room ("": not of a room). */
enum sync_section { SYNC_EPHEMERAL, SYNC_ROOM_ACCOUNT_DATA, SYNC_ACCOUNT_DATA };
bool sync_wants(const struct sync_run *run, enum sync_section section, str room_id, str type);

/* Messages to the device, lists of devices, counts of keys. `*ret_any`: there are messages or changed lists. */
MUST_CHECK enum rc sync_put_encryption(struct sync_run *run, bool *ret_any);

/* The rooms of the answer: what stands in "rooms". `*ret_any`: at least one room was written. */
MUST_CHECK enum rc sync_put_rooms(struct sync_run *run, bool *ret_any);

/* Which part of "rooms" a room stands in, and what is known of it. */
struct sync_room {
	struct room_view view;   /* its state_snapshot: the state after the newest event that is shown */
	bool newly;              /* the user was not joined at `since`: everything is new to them */
	bool own_event_only;     /* left without having been joined, or forgotten: nothing but how it ended is theirs */
	int64_t from, upto;      /* positions of the room that are shown: from < pos <= upto */
};
MUST_CHECK enum rc sync_put_joined(struct sync_run *run, const struct sync_room *room, bool *ret_written);
MUST_CHECK enum rc sync_put_left(struct sync_run *run, const struct sync_room *room);
MUST_CHECK enum rc sync_put_stripped(struct sync_run *run, const struct sync_room *room, str member);
/* The events of it alone. `only_own`: nothing but the user's own membership, as of a room that they refused. */
MUST_CHECK enum rc sync_put_stripped_events(
    struct sync_run *run, const struct sync_room *room, bool only_own);
/* A room of the user as it is to them, from the beginning; `newly` is the caller's to know. */
MUST_CHECK enum rc sync_room_open(struct sync_run *run, int64_t room, struct sync_room *ret_room);

/* The events of global account data; `*ret_count`: how many of them a long-poll would have waited for. */
MUST_CHECK enum rc sync_put_global_account_data(struct sync_run *run, size_t *ret_count);
/* One m.receipt event with all of the rows that it has room for: of several on one event by one user the first. Sorts them. */
void sync_put_receipt_event(struct buf *out, struct receipt_row *rows, size_t count);
/* A token that claims more than there was is of an earlier run: everything that is known is news to it. */
void sync_typing_since_check(struct sync_run *run);
/* A parked poll looks again long after its token was checked: logged out and deactivated meanwhile, it ends. */
MUST_CHECK enum rc sync_session_check(
    struct txn_ro *txn, struct arena *scratch, const struct session *session);

/* The state of a room at `pos`: what its newest event up to there left behind. 0 before the first. */
MUST_CHECK enum rc sync_snapshot_at(struct sync_run *run, const struct room_row *room, int64_t pos,
                                    int64_t *ret_snapshot);

/*
 * The timeline is a run of events without holes: it ends at the limit, or at the first event (backwards) that the
 * user may not see. What the filter left out of it stands in the state.
 */
struct sync_timeline {
	struct event_row *events; /* oldest first */
	size_t count;
	bool limited;
	bool skipped;             /* the filter wants none of this room: not looked at */
	int64_t before_pos;       /* prev_batch: the position before the first of them */
	struct event_row oldest;  /* looked at, shown or not */
	size_t looked_at;
	bool states;              /* some of those looked at are state events */
	bool states_left_out;     /* some of these are not shown */
	bool members_changed;     /* some membership may have changed: the summary goes out again */
};
/* Events with room->from < pos. At most TIMELINE_MAX of timeline.c, whatever the limit. */
struct timeline_wish {
	const struct event_filter *filter; /* NULL: none */
	size_t limit;
};
MUST_CHECK enum rc sync_timeline_read(struct sync_run *run, const struct sync_room *room,
    const struct timeline_wish *wish, struct sync_timeline *ret_timeline);
/* What the filter of a /sync wants. */
struct timeline_wish sync_timeline_wish(const struct sync_run *run);
/* The events alone, with commas. */
MUST_CHECK enum rc sync_put_timeline_events(
    struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline);
MUST_CHECK enum rc sync_put_timeline(struct sync_run *run, const struct sync_room *room,
                                     const struct sync_timeline *timeline);

/* Counts of what is unread: unread_notifications, and unread_thread_notifications when the filter asks. */
MUST_CHECK enum rc sync_put_unread(
    struct sync_run *run, const struct sync_room *room, struct push_unread *ret_unread);
/* Whether the room must be told of for its counts alone: the user has read on, or the user's rules count otherwise now. */
MUST_CHECK enum rc sync_unread_moved(struct sync_run *run, const struct sync_room *room,
    const struct push_unread *unread, bool *ret_moved);
/* Whether all rooms have to be looked at for that: the user's push rules or ignored users changed since the token. */
bool sync_rules_changed(const struct sync_run *run);

/* "state" (or "state_after"). With lazy loading the heroes' member events go with it. */
struct sync_heroes {
	struct hero *heroes;
	size_t count;
};
MUST_CHECK enum rc sync_put_state(struct sync_run *run, const struct sync_room *room, const struct sync_timeline *timeline,
                                  const struct sync_heroes *heroes, size_t *ret_count);
void sync_put_empty_state(struct sync_run *run);

/* RC_FORBIDDEN unless the user is joined to the room. */
MUST_CHECK enum rc sync_joined_room(struct txn_ro *txn, struct arena *scratch, int64_t user,
    str room_id, int64_t *ret_room, struct fail *fail);

/* Typing notifications, in memory. */
MUST_CHECK enum rc typing_new(const struct clock *clock, struct notifier *notifier, struct typing **ret_typing);
void typing_free(struct typing *typing);
int64_t typing_serial(struct typing *typing);
MUST_CHECK enum rc typing_set(struct typing *typing, int64_t room, int64_t user, str user_id, int64_t timeout_ms);
void typing_drop_user(struct typing *typing, int64_t user);
/* Appends the m.typing event of a room, with no comma, if it changed after `since_serial`; true when it did. */
bool typing_put_event(struct typing *typing, int64_t room, int64_t since_serial, struct buf *out);
/* Rooms whose typing changed after `since_serial`. */
MUST_CHECK enum rc typing_rooms_since(struct typing *typing, struct arena *arena, int64_t since_serial,
                                      int64_t **ret_rooms, size_t *ret_count);

#endif
