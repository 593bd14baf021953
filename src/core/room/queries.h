/*
 * Questions about rooms, answered as JSON for clients. Each opens its own reading transaction, decides by
 * room_view_open() and room_event_visible() what the asker may know, and appends to `out`. Any lane thread.
 *
 * RC_FORBIDDEN: the user may not read the room; RC_NOT_FOUND: it has no such event.
 */
#ifndef EXEUNT_CORE_ROOM_QUERIES_H
#define EXEUNT_CORE_ROOM_QUERIES_H

#include "core/room/reading.h"
#include "core/room/room.h"

enum {
	MESSAGES_LIMIT_DEFAULT = 10,
	MESSAGES_LIMIT_MAX = 1000,
	MESSAGES_SCAN_MAX = 5000, /* events looked at for one answer, those that a filter hides included */
};

struct room_query {
	struct rooms *rooms;
	struct arena *arena;
	const struct actor *actor;
	str room_id;
	struct buf *out;
	struct fail *fail;
};

/* GET …/state: an array. */
MUST_CHECK enum rc room_state_answer(const struct room_query *query);
/* GET …/state/{type}/{key}: the content, or the whole event. */
MUST_CHECK enum rc room_state_event_answer(const struct room_query *query, str type, str state_key, bool whole);
/* GET …/event/{eventId}. */
MUST_CHECK enum rc room_event_answer(const struct room_query *query, str event_id);

struct members_wish {
	enum membership membership, not_membership; /* NONE: any */
	int64_t at_pos;                             /* -1: now */
};
/* GET …/members: {"chunk":[…]}. */
MUST_CHECK enum rc room_members_answer(const struct room_query *query, const struct members_wish *wish);
/* GET …/joined_members: {"joined":{…}}. Only for those who are joined. */
MUST_CHECK enum rc room_joined_members_answer(const struct room_query *query);
/* GET /joined_rooms: {"joined_rooms":[…]}; room_id is not read. */
MUST_CHECK enum rc joined_rooms_answer(const struct room_query *query);

struct messages_wish {
	bool backwards;
	int64_t from_pos;                  /* -1: the end (backwards) or the beginning */
	int64_t to_pos;                    /* -1: no limit */
	size_t limit;                      /* 1 … MESSAGES_LIMIT_MAX */
	const struct event_filter *filter; /* NULL: none */
};
/*
 * GET …/messages: appends `"chunk":[…]` and perhaps `,"state":[…]`. `*ret_start_pos` is where it began; `*ret_end_pos`
 * where to go on, -1 when there is nothing more.
 */
MUST_CHECK enum rc room_messages_answer(const struct room_query *query, const struct messages_wish *wish,
                                        int64_t *ret_start_pos, int64_t *ret_end_pos);

struct context_wish {
	str event_id;
	size_t limit;                      /* 0 … MESSAGES_LIMIT_MAX: of the events before and after together */
	const struct event_filter *filter; /* NULL: none. For all but the event itself */
};
/*
 * GET …/context/{eventId}: appends `"event":…,"events_before":[…],"events_after":[…],"state":[…]`. The positions are
 * where /messages goes on, backwards and forwards.
 */
MUST_CHECK enum rc room_context_answer(const struct room_query *query, const struct context_wish *wish,
                                       int64_t *ret_start_pos, int64_t *ret_end_pos);

/*
 * GET …/timestamp_to_event: the event of the room that is closest to a time, at it or before (`backwards`) or behind it:
 * among those that the user may see. RC_NOT_FOUND: there is none, or not among the first MESSAGES_SCAN_MAX.
 */
MUST_CHECK enum rc room_event_by_time_answer(const struct room_query *query, int64_t ts_ms, bool backwards);

#endif
