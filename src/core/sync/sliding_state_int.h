/*
 * What a connection of sliding sync was told, and its form as bytes.
 *
 * Of each stream (a room's events, its account data, its receipts, global account data, device lists) it is known up to where it was
 * told: never, up to the token's position, or up to an earlier one since something happened while it was not wanted.
 */
#ifndef EXEUNT_CORE_SYNC_SLIDING_STATE_INT_H
#define EXEUNT_CORE_SYNC_SLIDING_STATE_INT_H

#include "base/buf.h"

#define TOLD_NEVER INT64_C(-1)
#define TOLD_LIVE INT64_C(-2) /* up to the token's position; else a position */

enum { WISHES_MAX = 64 }; /* different required_states in a connection's life */

enum told_kind {
	TOLD_NOTHING,  /* no longer, or not as a room: its extensions may have been told */
	TOLD_STRIPPED, /* as an invite, a knock or a refused one */
	TOLD_ROOM,
	TOLD_ENDED, /* kicked or banned, and told so */
};

struct told_room {
	int64_t room;
	enum told_kind kind;
	bool is_dm;
	int64_t upto; /* of its events */
	int64_t account_data_upto, receipts_upto;
	uint64_t wishes;        /* bits: whose state was told, and is still what the client knows */
	int64_t timeline_limit; /* so many of the newest events it has */
};

struct told_state {
	int64_t account_data_upto, device_lists_upto; /* global */
	str wishes
	    [WISHES_MAX]; /* texts of required_states; bit i of told_room.wishes means wishes[i] */
	size_t wish_count;
	struct told_room *rooms; /* ascending by room, each once */
	size_t room_count;
};

/* A connection that was told nothing. */
void told_state_init(struct told_state *state);
/* Texts point into `bytes`. RC_CORRUPT: not what told_state_put() made. */
MUST_CHECK enum rc told_state_read(struct arena *arena, str bytes, struct told_state *ret_state);
/* The same state gives the same bytes. Rooms of which nothing was told are left out. */
void told_state_put(struct buf *out, const struct told_state *state);

/* The room, or NULL. */
struct told_room *told_state_room(const struct told_state *state, int64_t room);

#endif
