/* Rooms, aliases and receipts. */
#include "store/rooms.h"

#include "store/processes.h"
#include "store/room_cards_int.h"
#include "store/rows_int.h"
#include "store/store_int.h"

static enum rc room_row(struct query *q, struct arena *arena, struct room_row *ret_room)
{
	TRY(query_step(q));
	struct room_row room = {
	    .room = col_i64(q, 0),
	    .room_id = col_dup(q, 1, arena),
	    .version = col_dup(q, 2, arena),
	    .head_event = col_i64(q, 3),
	    .head_event_id = col_dup(q, 4, arena),
	    .depth = col_i64(q, 5),
	    .snapshot = col_i64(q, 6),
	    .last_pos = col_i64(q, 7),
	    .public_listed = col_i64(q, 8) != 0,
	};
	TRY(arena_status(arena));
	*ret_room = room;
	return RC_OK;
}

enum rc room_find(struct txn_ro *txn, struct arena *arena, str room_id, struct room_row *ret_room)
{
	struct query CLEANUP(query_close) q = QUERY(txn, room_find, T(room_id));
	return room_row(&q, arena, ret_room);
}

enum rc room_get(struct txn_ro *txn, struct arena *arena, int64_t room, struct room_row *ret_room)
{
	struct query CLEANUP(query_close) q = QUERY(txn, room_get, I(room));
	return room_row(&q, arena, ret_room);
}

enum rc room_from(struct txn_ro *txn, struct arena *arena, int64_t room, struct room_row *ret_room)
{
	struct query CLEANUP(query_close) q = QUERY(txn, room_from, I(room));
	return room_row(&q, arena, ret_room);
}

enum rc room_add(
    struct txn_rw *txn, str room_id, str version, bool public_listed, int64_t *ret_room)
{
	int64_t room;
	TRY(NUMBER(&txn->ro, &room, room_add, T(room_id), I((int64_t)room_slot(room_id)),
	    T(version), I(public_listed)));
	TRY(room_card_add(txn, room));
	*ret_room = room;
	return RC_OK;
}

enum rc room_set_listed(struct txn_rw *txn, int64_t room, bool public_listed)
{
	return RUN(txn, room_set_listed, I(public_listed), I(room));
}

enum rc room_extremities(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t **ret_events, size_t *ret_count)
{
	struct rows rows = ROWS(arena, int64_t);
	struct query CLEANUP(query_close) q = QUERY(txn, extremities_of_room, I(room));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t *event = rows_add(&rows);
		if (!event)
			break;
		*event = col_i64(&q, 0);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_events = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc alias_put(struct txn_rw *txn, str alias, int64_t room, int64_t creator)
{
	int64_t changes;
	enum rc rc = RUN_COUNTED(txn, &changes, alias_put, T(alias), I(room), I(creator));
	return rc == RC_EXISTS ? RC_ROOM_IN_USE : rc;
}

enum rc alias_find(struct txn_ro *txn, str alias, int64_t *ret_room, int64_t *ret_creator)
{
	struct query CLEANUP(query_close) q = QUERY(txn, alias_find, T(alias));
	TRY(query_step(&q));
	*ret_room = col_i64(&q, 0);
	*ret_creator = col_i64(&q, 1);
	return RC_OK;
}

enum rc alias_delete(struct txn_rw *txn, str alias)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, alias_delete, T(alias)));
	return changes == 1 ? RC_OK : RC_NOT_FOUND;
}

enum rc aliases_of_room(
    struct txn_ro *txn, struct arena *arena, int64_t room, str **ret_aliases, size_t *ret_count)
{
	struct rows rows = ROWS(arena, str);
	struct query CLEANUP(query_close) q = QUERY(txn, aliases_of_room, I(room));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		str *alias = rows_add(&rows);
		if (!alias)
			break;
		*alias = col_dup(&q, 0, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_aliases = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc receipt_put(struct txn_rw *txn, const struct receipt_insert *receipt)
{
	const struct receipt_insert *r = receipt;
	txn_tell(txn, NEWS_ROOM, r->room);
	txn_tell(txn, NEWS_USER, r->user); /* a private one is shown to nobody else */
	return RUN(txn, receipt_put, I(r->room), I(r->user), T(r->type), T(r->thread_id),
	    T(r->event_id), I(r->upto), I(r->ts_ms), I(txn_next_pos(txn)));
}

enum rc receipts_since(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t viewer,
    int64_t since, int64_t to, struct receipt_row **ret_rows, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct receipt_row);
	struct query CLEANUP(query_close) q =
	    QUERY(txn, receipts_since, I(room), I(since), I(to), I(viewer));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct receipt_row *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct receipt_row){
		    .room = col_i64(&q, 0),
		    .pos = col_i64(&q, 1),
		    .ts_ms = col_i64(&q, 2),
		    .user_id = col_dup(&q, 3, arena),
		    .type = col_dup(&q, 4, arena),
		    .event_id = col_dup(&q, 5, arena),
		    .thread_id = col_dup(&q, 6, arena),
		};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rows = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc receipts_of_user(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room,
    int64_t since, struct read_upto **ret_rows, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct read_upto);
	struct query CLEANUP(query_close) q =
	    QUERY(txn, receipts_of_user, I(user), I(room), I(since));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct read_upto *row = rows_add(&rows);
		if (!row)
			break;
		*row = (struct read_upto){col_dup(&q, 0, arena), col_i64(&q, 1)};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rows = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}
