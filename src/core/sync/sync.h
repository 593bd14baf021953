/*
 * GET /sync: what changed for a user since a token. An incremental sync costs what changed, not what exists.
 *
 * The token (`since`, next_batch) is "s<pos>_<typing serial>_<store id>": a stream position, the serial of typing
 * notifications of this process run, and a tag of this server's store, so that another server's token is refused. While
 * more messages to the device wait than one answer takes, the position up to which they came stands before the tag.
 */
#ifndef EXEUNT_CORE_SYNC_SYNC_H
#define EXEUNT_CORE_SYNC_SYNC_H

#include "core/room/reading.h"
#include "core/sync/notifier.h"
#include "store/accounts.h"

struct syncs;

struct syncs_config {
	struct store *store;
	const struct clock *clock;
	struct notifier *notifier;
	struct push *push;
	int64_t typing_timeout_max_ms;
};

MUST_CHECK enum rc syncs_new(const struct syncs_config *config, struct syncs **ret_syncs);
void syncs_free(struct syncs *syncs);

struct sync_request {
	const struct session *session;
	str since;                       /* empty: initial */
	const struct filter *filter;     /* NULL: none */
	bool full_state;
	bool use_state_after;      /* `state_after` instead of `state` */
	bool unstable_state_after; /* under the name of MSC4222 */
};

/* Up to where an answer goes. */
struct sync_mark {
	int64_t pos, typing_serial;
	bool empty;              /* nothing happened since `since`: a long-poll would wait */
};

/*
 * Appends the whole answer. RC_INVALID_PARAM: the token is not one of this server. RC_UNKNOWN_TOKEN: the session
 * has ended since the request was authenticated (logged out, deactivated).
 */
MUST_CHECK enum rc sync_answer(struct syncs *syncs, struct arena *arena, const struct sync_request *request,
                               struct buf *out, struct sync_mark *ret_mark, struct fail *fail);

/*
 * After an empty answer: watches everything that could make a sync of this user non-empty. Wakes at once when
 * something happened since `mark`, so that nothing is lost in between. RC_UNKNOWN_TOKEN as above.
 */
MUST_CHECK enum rc sync_watch(struct syncs *syncs, struct arena *scratch, const struct session *session,
                              const struct sync_mark *mark, void (*wake)(void *self), void *self,
                              struct watch **ret_watch);

/*
 * GET /keys/changes: appends what an incremental sync from `from` would tell of device lists. `to` must be a token of this
 * server and limits nothing: of each list only the newest change is known. RC_INVALID_PARAM.
 */
MUST_CHECK enum rc sync_device_lists(struct syncs *syncs, struct arena *arena, const struct session *session, str from,
                                     str to, struct buf *out, struct fail *fail);

/* Pagination tokens of /messages and prev_batch: "t<pos>_<store id>". */
str sync_position_token(struct syncs *syncs, struct arena *arena, int64_t pos);
MUST_CHECK enum rc sync_position_parse(struct syncs *syncs, str token, int64_t *ret_pos, struct fail *fail);

/* A filter that the user stored before. RC_NOT_FOUND. */
MUST_CHECK enum rc sync_filter_load(struct syncs *syncs, struct arena *arena, int64_t user, int64_t filter_id, str *ret_json);

/* Typing is kept in memory only. `timeout_ms` 0: stopped. RC_FORBIDDEN unless joined. Wakes the room. */
MUST_CHECK enum rc sync_set_typing(struct syncs *syncs, struct arena *scratch, const struct session *session, str room_id,
                                   int64_t timeout_ms, struct fail *fail);
void sync_drop_typing(struct syncs *syncs, int64_t user);
/* What another process was told: NEWS_TYPING. */
void sync_hear_typing(struct syncs *syncs, int64_t room, str text);

/* "I have read up to this event." */
struct read_mark {
	str type; /* m.read, m.read.private; m.fully_read: the read marker, which is account data of the room */
	str event_id;
	str thread_id;     /* of receipts: empty, "main" or an event id */
	const char *field; /* what the request calls the event, for sentences */
};
enum { READ_MARKS_MAX = 3 };
/*
 * Sets some marks of a user in a room, in one transaction; one of the same event, or of a later one, is left as it is.
 * RC_FORBIDDEN unless joined, RC_NOT_FOUND for an event that is not of this room, RC_INVALID_PARAM for a thread that the
 * event is not in. Waits, and wakes who sees it.
 */
MUST_CHECK enum rc sync_set_read_marks(struct syncs *syncs, struct arena *scratch,
    const struct session *session, str room_id, const struct read_mark *marks, size_t count,
    struct fail *fail);

#endif
