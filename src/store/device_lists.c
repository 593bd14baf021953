/* Whose list of devices changed when, and who came to share a room with whom, or no longer does. */
#include "store/keys.h"

#include "base/fault.h"
#include "store/news.h"
#include "store/rooms.h"
#include "store/rows_int.h"
#include "store/store_int.h"

/* Who is in no more rooms than this is asked about their own rooms, else the others about theirs. */
enum { ROOMS_FEW = 64, ROOMS_TOLD_MAX = 256 };

/* Those of other processes who share a room with the user wake by the room, or by everything when there are too many. */
static enum rc sharers_tell(struct txn_rw *txn, int64_t user)
{
	txn_tell(txn, NEWS_USER, user);
	if (!txn->ro.store->engine->is_shared)
		return RC_OK;
	struct query CLEANUP(query_close) q =
	    QUERY(&txn->ro, rooms_joined, I(user), I(ROOMS_TOLD_MAX + 1));
	size_t count = 0;
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		if (++count > ROOMS_TOLD_MAX)
			txn_tell(txn, NEWS_EVERYTHING, 0);
		else
			txn_tell(txn, NEWS_ROOM, col_i64(&q, 0));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc device_list_change(struct txn_rw *txn, int64_t user)
{
	TRY(sharers_tell(txn, user));
	FAULT("keys.list.change");
	return RUN(txn, device_list_put, I(user), I(txn_next_pos(txn)));
}

enum rc rooms_joined_by(struct txn_ro *txn, struct arena *arena, int64_t user, size_t max,
    int64_t **ret_rooms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, int64_t);
	struct query CLEANUP(query_close) q = QUERY(txn, rooms_joined, I(user), I((int64_t)max));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t *room = rows_add(&rows);
		if (!room)
			break;
		*room = col_i64(&q, 0);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rooms = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

/* Adds the rows of a query of (user_nid, user_id). */
static enum rc users_collect(struct query *q, struct rows *rows)
{
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct user_row *row = rows_add(rows);
		if (!row)
			break;
		*row = (struct user_row){col_i64(q, 0), col_dup(q, 1, rows->arena)};
	}
	TRY(arena_status(rows->arena));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc lists_collect(struct txn_ro *txn, int64_t user, int64_t since, struct rows *rows)
{
	int64_t room;
	enum rc rc = NUMBER(txn, &room, rooms_joined_beyond, I(user), I(ROOMS_FEW));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	struct query CLEANUP(query_close) q =
	    rc == RC_NOT_FOUND ? QUERY(txn, device_lists_by_mine, I(since), I(user))
			       : QUERY(txn, device_lists_by_theirs, I(since), I(user));
	return users_collect(&q, rows);
}

enum rc device_lists_since(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
    struct user_row **ret_users, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct user_row);
	int64_t any;
	enum rc rc = NUMBER(
	    txn, &any, device_lists_any, I(since)); /* mostly nothing: nothing else is asked then */
	if (rc == RC_OK)
		TRY(lists_collect(txn, user, since, &rows));
	else if (rc != RC_NOT_FOUND)
		return rc;
	struct query CLEANUP(query_close) q = QUERY(txn, key_signatures_since, I(user), I(since));
	TRY(users_collect(&q, &rows));
	*ret_users = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc members_joined(struct txn_ro *txn, struct arena *arena, int64_t room,
    struct user_row **ret_users, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct user_row);
	struct query CLEANUP(query_close) q = QUERY(txn, members_joined, I(room));
	TRY(users_collect(&q, &rows));
	*ret_users = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc members_lost(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t since,
    int64_t user, struct user_row **ret_users, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct user_row);
	struct query CLEANUP(query_close) q = QUERY(txn, members_lost, I(room), I(since), I(user));
	TRY(users_collect(&q, &rows));
	*ret_users = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc members_moved(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t since,
    struct member_move **ret_moves, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct member_move);
	struct query CLEANUP(query_close) q = QUERY(txn, members_moved, I(room), I(since));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct member_move *move = rows_add(&rows);
		if (!move)
			break;
		move->who = (struct user_row){col_i64(&q, 0), col_dup(&q, 1, arena)};
		move->joined = col_i64(&q, 2) == MEMBERSHIP_JOIN;
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_moves = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}
