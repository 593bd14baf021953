/*
 * Rooms, events, memberships, aliases, receipts, transaction ids.
 */
#ifndef EXEUNT_STORE_ROOMS_H
#define EXEUNT_STORE_ROOMS_H

#include "store/snapshot.h"

enum membership {
	MEMBERSHIP_NONE, MEMBERSHIP_JOIN, MEMBERSHIP_INVITE, MEMBERSHIP_KNOCK, MEMBERSHIP_LEAVE, MEMBERSHIP_BAN,
};
str membership_text(enum membership membership);             /* "join"; empty for NONE */
bool membership_parse(str text, enum membership *ret_membership);

struct room_row {
	int64_t room;
	str room_id, version;
	int64_t head_event;      /* nid of the newest forward extremity (0: none); room_extremities() tells the others */
	str head_event_id;
	int64_t depth;           /* the greatest of the forward extremities */
	int64_t snapshot;        /* the current state: the resolution of the states after the forward extremities */
	int64_t last_pos;        /* stream position of its newest event */
	bool public_listed;      /* visibility in the room directory */
};
MUST_CHECK enum rc room_find(struct txn_ro *txn, struct arena *arena, str room_id, struct room_row *ret_room);
MUST_CHECK enum rc room_get(struct txn_ro *txn, struct arena *arena, int64_t room, struct room_row *ret_room);
/* The first room whose number is not below `room`. RC_NOT_FOUND: there is none. */
MUST_CHECK enum rc room_from(struct txn_ro *txn, struct arena *arena, int64_t room, struct room_row *ret_room);
MUST_CHECK enum rc room_add(struct txn_rw *txn, str room_id, str version, bool public_listed, int64_t *ret_room);
/* Whether the room stands in the room directory. */
MUST_CHECK enum rc room_set_listed(struct txn_rw *txn, int64_t room, bool public_listed);

/* Forward extremities but for the head event, newest first. None while the room is not forked. */
MUST_CHECK enum rc room_extremities(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t **ret_events,
                                    size_t *ret_count);

/* What the checks on receipt of a PDU came to (Server-Server API). Only accepted events reach clients. */
enum event_verdict {
	EVENT_ACCEPTED,
	EVENT_SOFT_FAILED,         /* allowed where it stands, refused by the current state */
	EVENT_REJECTED,            /* refused by its auth events, or by the state before it */
};

struct event_row {
	int64_t event;             /* nid; that of every auth event is lower */
	int64_t room;
	int64_t pos;               /* stream position; 0: not in the stream (outlier, soft-failed, rejected) */
	int64_t before;            /* snapshot: room state before the event; -1 of an outlier, as the next two */
	int64_t snapshot;          /* room state after the event */
	int64_t current;           /* the room's current state since the event was stored, as clients saw it */
	int64_t replaced;          /* state events: nid of the event it replaced in the state, or 0 */
	enum event_verdict verdict;
	bool is_outlier;           /* known only as somebody's auth event or state: not placed in the DAG */
	int64_t sender;            /* user nid */
	int64_t ts_ms;             /* origin_server_ts */
	int64_t redacted_by;       /* nid, or 0 */
	str event_id;
	str type;
	bool is_state;
	str state_key;
	str txn_id;                /* with txn_device: who sent it under which transaction id; empty: none */
	str delay_id;              /* of a delayed event of ours (delayed_events.h); empty: none */
	int64_t txn_device;
	str canonical;             /* bytes (redacted ones, once redacted) */
};

/* A snapshot as changes of another. */
struct state_change {
	str type, state_key;
	int64_t event;             /* nid; 0: nothing stands there; EVENT_ITSELF: the event that is being inserted */
};
#define EVENT_ITSELF INT64_C(-1)
struct snapshot_edit {
	int64_t base;
	const struct state_change *changes;
	size_t count;
};

/* Whose rows of memberships an insert changed: in `arena`, each user once. Filled anew when the write runs again. */
struct member_changes {
	struct arena *arena;
	int64_t *users;            /* nids */
	size_t count;
	bool departures;           /* a deactivated account is in the room again: it has a departure pending */
};

enum event_place {
	EVENT_AT_HEAD,             /* accepted; the state before it is the room's current state; it becomes the head */
	EVENT_ON_FORK,             /* on other events, or refused: `before` and `current` are given */
	EVENT_OUTLIER,
};

/* What an event's content says of its relation to another: see relations.h. */
struct relation_insert {
	str parent;                /* event id */
	str rel_type;
	bool fits;                 /* m.replace: all but the parent is as a valid replacement needs it */
};

/* A new event of a room, as it is to be stored. */
struct event_insert {
	int64_t room;
	str room_id;
	enum event_place place;
	enum event_verdict verdict;
	int64_t expected_head;     /* nid; RC_CONFLICT when the room's head is another. Not looked at for outliers */
	int64_t sender;            /* user nid */
	int64_t generation;        /* of the sender's account: checked; -1: no check (the server's own work) */
	int64_t ts_ms, depth;
	str event_id, type, state_key, canonical;
	bool is_state;
	const str *auth_events;    /* of state events: ids, all known (RC_NOT_FOUND), EVENT_AUTH_MAX at most (RC_TOO_LARGE) */
	size_t auth_count;
	/*
	 * Forward extremities among its prev_events. EVENT_AT_HEAD: those besides the head, which is always one. EVENT_ON_FORK:
	 * the head too, if it is among them; else it stays an extremity beside the new head.
	 */
	const int64_t *replaced_heads;
	size_t replaced_head_count;
	struct snapshot_edit before;   /* EVENT_ON_FORK: the state before it */
	struct snapshot_edit current;  /* EVENT_ON_FORK, accepted: the room's state from now on */
	enum membership membership;   /* of m.room.member events */
	str member_user_id;           /* their state key, when a user id */
	str member_displayname, member_avatar_url; /* of their content; empty: none */
	bool marked;                  /* a valid MSC3759 marker */
	int64_t txn_device;           /* 0: none */
	str txn_id;
	struct relation_insert relation; /* `parent` empty: none */
	bool is_foreign;              /* others may have referred to it before it came */
	str delay_id;                 /* without txn_device; empty: none */
	str redacts;                  /* event id in the same room to redact; empty: none */
	str redacted_canonical;       /* what replaces its bytes */
	struct member_changes *members; /* may be NULL */
};

/*
 * Inserts event, state change, memberships, relation, redaction, head, forward extremities and auth chain in one go.
 * The rows of memberships follow the room's current state: on a fork, all that `current` changes. A deactivated account
 * that is joined, invited or knocking from then on has its departure from the room pending again, in its newest job.
 * RC_CONFLICT (head moved), RC_EXISTS (transaction id used: look it up with event_by_txn; or the event is there),
 * RC_UNKNOWN_TOKEN (generation), RC_TOO_LARGE (an edit of more than SNAPSHOT_CHANGES_MAX changes).
 */
MUST_CHECK enum rc event_insert(struct txn_rw *txn, const struct event_insert *insert, int64_t *ret_event,
                                int64_t *ret_pos);
/* An outlier finds its place: it is inserted as above, with the nid that it has. RC_NOT_FOUND: no such outlier. */
MUST_CHECK enum rc event_place_outlier(struct txn_rw *txn, const struct event_insert *insert, int64_t *ret_event,
                                       int64_t *ret_pos);

MUST_CHECK enum rc event_get(struct txn_ro *txn, struct arena *arena, int64_t event, struct event_row *ret_event);
MUST_CHECK enum rc event_find(struct txn_ro *txn, struct arena *arena, str event_id, struct event_row *ret_event);
/* Only its number. RC_NOT_FOUND. */
MUST_CHECK enum rc event_nid_find(struct txn_ro *txn, str event_id, int64_t *ret_event);
/* RC_NOT_FOUND: this transaction id was not used by the device in the room with this type. */
MUST_CHECK enum rc event_by_txn(struct txn_ro *txn, struct arena *arena, int64_t device, int64_t room, str type,
                                str txn_id, str *ret_event_id);
/* Numbers of rows, borrowed. */
struct nids {
	const int64_t *p;
	size_t n;
};
/* All of these that there are, in the order of their nids, each once. */
MUST_CHECK enum rc events_of(struct txn_ro *txn, struct arena *arena, struct nids events, struct event_row **ret_events,
                             size_t *ret_count);
/* The state event at (type, state_key) of a snapshot. RC_NOT_FOUND. */
MUST_CHECK enum rc state_event(struct txn_ro *txn, struct arena *arena, int64_t snapshot, str type, str state_key,
                               struct event_row *ret_event);

/*
 * Events of a room with from < pos <= to (ascending) or newest first (`newest_first`), at most `limit`.
 * `*ret_more`: there were others.
 */
MUST_CHECK enum rc events_between(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t from, int64_t to,
                                  bool newest_first, size_t limit, struct event_row **ret_events, size_t *ret_count,
                                  bool *ret_more);
/*
 * Events of a room by their origin_server_ts: from `ts_ms` on, the earliest first (`backwards`: up to it, the latest
 * first); of those of the same time in the order of their nids. `after`: the nid of the last one that was seen, which has
 * this time; 0: none was. `*ret_more` as above.
 */
MUST_CHECK enum rc events_by_time(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t ts_ms, int64_t after,
                                  bool backwards, size_t limit, struct event_row **ret_events, size_t *ret_count,
                                  bool *ret_more);
/* After which position the newest `max` of these come; `from` when there are no more. */
MUST_CHECK enum rc events_floor(
    struct txn_ro *txn, int64_t room, int64_t from, int64_t to, size_t max, int64_t *ret_floor);
/* Events of a room that are not in the stream, with after < nid, ascending. */
MUST_CHECK enum rc events_aside(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t after, size_t limit,
                                struct event_row **ret_events, size_t *ret_count, bool *ret_more);

/* Which rooms have events with since < pos <= to. Cost: the events of that span, or the rooms of the user, whichever is chosen. */
MUST_CHECK enum rc rooms_changed_for(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since, int64_t to,
                                     int64_t **ret_rooms, size_t *ret_count);

struct member_row {
	int64_t room, user;
	enum membership membership;
	/* nid of the member event; when a state resolution left none standing (LEAVE): of the event that it came with */
	int64_t event;
	int64_t pos;          /* stream position since which it is so: that of `event`, unless a resolution brought it back */
	bool marked;          /* left by deactivation: derived from the event when it arrived */
	bool forgotten;
	str user_id, room_id;
	str displayname, avatar_url; /* of the member event; empty: none */
};
/* RC_NOT_FOUND: never had one. */
MUST_CHECK enum rc member_get(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t user,
                              struct member_row *ret_member);
typedef enum rc member_fn(void *self, const struct member_row *member);
/* `membership` MEMBERSHIP_NONE: all. Texts live until the callback returns. */
MUST_CHECK enum rc members_of_room(struct txn_ro *txn, struct arena *scratch, int64_t room, enum membership membership,
                                   member_fn *fn, void *self);
MUST_CHECK enum rc members_of_user(struct txn_ro *txn, struct arena *scratch, int64_t user, enum membership membership,
                                   member_fn *fn, void *self);
MUST_CHECK enum rc member_counts(struct txn_ro *txn, int64_t room, int64_t *ret_joined, int64_t *ret_invited);
struct hero {
	str user_id;
	int64_t pos;                 /* stream position of the membership */
	str displayname, avatar_url; /* of the member event; empty: none */
};
/* First `max` other members by stream position: joined and invited, or left and banned when there are none. */
MUST_CHECK enum rc room_heroes(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t except_user, size_t max, struct hero **ret_heroes, size_t *ret_count);
/* Only their numbers. */
MUST_CHECK enum rc rooms_of_user(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum membership membership, int64_t **ret_rooms, size_t *ret_count);

/* A room of a user as lists sort and show it, in numbers. */
struct user_room {
	int64_t room;
	enum membership membership;
	int64_t event, pos; /* as in struct member_row */
	int64_t last_pos;   /* stream position of the room's newest event */
	int64_t
	    bump_pos; /* of its newest one that somebody wrote (messages, calls, …) or that created it; 0: none */
	int64_t snapshot; /* the room's current state */
};
/*
 * Where the user is joined, invited or knocking, and where somebody else ended their being joined (and they did not forget the
 * room). In no order.
 */
MUST_CHECK enum rc user_rooms(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct user_room **ret_rooms, size_t *ret_count);

struct room_kind {
	int64_t room;
	str type; /* of its create event; empty: none */
	bool is_encrypted;
};
/* Of the rooms where the user is joined. In no order. */
MUST_CHECK enum rc user_room_kinds(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct room_kind **ret_kinds, size_t *ret_count);
MUST_CHECK enum rc room_forget(struct txn_rw *txn, int64_t room, int64_t user);
/* Rooms to which both are joined, in order of their numbers, from behind `after` on, at most `limit`. */
struct mutual_room {
	int64_t room;
	str room_id;
};
MUST_CHECK enum rc mutual_rooms(struct txn_ro *txn, struct arena *arena, int64_t a, int64_t b,
    int64_t after, size_t limit, struct mutual_room **ret_rooms, size_t *ret_count);
MUST_CHECK enum rc mutual_rooms_count(struct txn_ro *txn, int64_t a, int64_t b, int64_t *ret_count);
/* True when the two users share a room in which both are joined. */
MUST_CHECK enum rc users_share_room(struct txn_ro *txn, int64_t a, int64_t b, bool *ret_share);

MUST_CHECK enum rc alias_put(struct txn_rw *txn, str alias, int64_t room, int64_t creator); /* RC_ROOM_IN_USE */
MUST_CHECK enum rc alias_find(struct txn_ro *txn, str alias, int64_t *ret_room, int64_t *ret_creator);
MUST_CHECK enum rc alias_delete(struct txn_rw *txn, str alias);
MUST_CHECK enum rc aliases_of_room(struct txn_ro *txn, struct arena *arena, int64_t room, str **ret_aliases,
                                   size_t *ret_count);

struct receipt_row {
	int64_t room, pos, ts_ms;
	str user_id, type, event_id, thread_id; /* thread_id empty: unthreaded */
};
struct receipt_insert {
	int64_t room, user;
	str type, thread_id, event_id;
	int64_t upto; /* position of that event; 0: not known */
	int64_t ts_ms;
};
/*
 * Replaces that user's receipt of (type, thread), unless that one is of the same event or of a later one: receipts of several
 * devices overtake each other. A change takes a stream position.
 */
MUST_CHECK enum rc receipt_put(struct txn_rw *txn, const struct receipt_insert *receipt);
/* Receipts of a room with since < pos <= to; private ones (m.read.private) only of `viewer`. */
MUST_CHECK enum rc receipts_since(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t viewer, int64_t since,
                                  int64_t to, struct receipt_row **ret_rows, size_t *ret_count);
/* How far a user has read, by a receipt that was put after `since`. */
struct read_upto {
	str thread_id; /* "main" or that of a thread; empty: all of the room */
	int64_t upto;  /* position of the event; 0: not known */
};
MUST_CHECK enum rc receipts_of_user(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t room, int64_t since, struct read_upto **ret_rows, size_t *ret_count);
/* Rooms that the user is joined to and that have receipts with since < pos <= to. */
MUST_CHECK enum rc receipt_rooms_changed_for(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
                                             int64_t to, int64_t **ret_rooms, size_t *ret_count);

#endif
