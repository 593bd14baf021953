/* Reading memberships: one current row for a user in a room. */
#include "store/rooms.h"
#include "store/rows_int.h"
#include "store/store_int.h"

static const str membership_texts[] = {
    [MEMBERSHIP_NONE] = STR_INIT(""),
    [MEMBERSHIP_JOIN] = STR_INIT("join"),
    [MEMBERSHIP_INVITE] = STR_INIT("invite"),
    [MEMBERSHIP_KNOCK] = STR_INIT("knock"),
    [MEMBERSHIP_LEAVE] = STR_INIT("leave"),
    [MEMBERSHIP_BAN] = STR_INIT("ban"),
};

str membership_text(enum membership membership)
{
	return (size_t)membership < COUNT_OF(membership_texts) ? membership_texts[membership]
							       : STR_EMPTY;
}

bool membership_parse(str text, enum membership *ret_membership)
{
	for (size_t i = MEMBERSHIP_JOIN; i < COUNT_OF(membership_texts); i++) {
		if (str_eq(text, membership_texts[i])) {
			*ret_membership = (enum membership)i;
			return true;
		}
	}
	return false;
}

static struct member_row member_row(const struct query *q, struct arena *arena)
{
	return (struct member_row){
	    .room = col_i64(q, 0),
	    .user = col_i64(q, 1),
	    .membership = (enum membership)col_i64(q, 2),
	    .event = col_i64(q, 3),
	    .pos = col_i64(q, 4),
	    .marked = col_i64(q, 5) != 0,
	    .forgotten = col_i64(q, 6) != 0,
	    .user_id = col_dup(q, 7, arena),
	    .room_id = col_dup(q, 8, arena),
	    .displayname = col_dup(q, 9, arena),
	    .avatar_url = col_dup(q, 10, arena),
	};
}

enum rc member_get(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t user,
    struct member_row *ret_member)
{
	struct query CLEANUP(query_close) q = QUERY(txn, member_get, I(room), I(user));
	TRY(query_step(&q));
	struct member_row member = member_row(&q, arena);
	TRY(arena_status(arena));
	*ret_member = member;
	return RC_OK;
}

static enum rc members_walk(struct query *q, struct arena *scratch, member_fn *fn, void *self)
{
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		arena_clear(scratch);
		struct member_row member = member_row(q, scratch);
		TRY(arena_status(scratch));
		TRY(fn(self, &member));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc members_of_room(struct txn_ro *txn, struct arena *scratch, int64_t room,
    enum membership membership, member_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q =
	    membership == MEMBERSHIP_NONE
		? QUERY(txn, members_of_room, I(room))
		: QUERY(txn, members_of_room_being, I(room), I(membership));
	return members_walk(&q, scratch, fn, self);
}

enum rc members_of_user(struct txn_ro *txn, struct arena *scratch, int64_t user,
    enum membership membership, member_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q =
	    membership == MEMBERSHIP_NONE
		? QUERY(txn, members_of_user, I(user))
		: QUERY(txn, members_of_user_being, I(user), I(membership));
	return members_walk(&q, scratch, fn, self);
}

enum rc member_counts(struct txn_ro *txn, int64_t room, int64_t *ret_joined, int64_t *ret_invited)
{
	struct query CLEANUP(query_close) q = QUERY(txn, room_member_counts, I(room));
	TRY(query_step(&q));
	*ret_joined = col_i64(&q, 0);
	*ret_invited = col_i64(&q, 1);
	return RC_OK;
}

/* Inserts the members of one membership into `heroes`, which stays in order of pos and no longer than `max`. */
static enum rc heroes_add(struct txn_ro *txn, struct arena *arena, int64_t room,
    int64_t except_user, enum membership membership, struct hero *heroes, size_t max, size_t *count)
{
	struct query CLEANUP(query_close) q =
	    QUERY(txn, heroes, I(room), I(membership), I(except_user), I((int64_t)max));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct hero hero = {.user_id = col_dup(&q, 0, arena), .pos = col_i64(&q, 1)};
		size_t at = *count;
		while (at > 0 && heroes[at - 1].pos > hero.pos)
			at--;
		if (at >= max)
			break;
		hero.displayname = col_dup(&q, 2, arena);
		hero.avatar_url = col_dup(&q, 3, arena);
		if (*count < max)
			++*count;
		for (size_t i = *count - 1; i > at; i--)
			heroes[i] = heroes[i - 1];
		heroes[at] = hero;
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc room_heroes(struct txn_ro *txn, struct arena *arena, int64_t room, int64_t except_user,
    size_t max, struct hero **ret_heroes, size_t *ret_count)
{
	struct hero *heroes = arena_array(arena, struct hero, max);
	TRY(arena_status(arena));
	size_t count = 0;
	TRY(heroes_add(txn, arena, room, except_user, MEMBERSHIP_JOIN, heroes, max, &count));
	TRY(heroes_add(txn, arena, room, except_user, MEMBERSHIP_INVITE, heroes, max, &count));
	if (count == 0) {
		TRY(heroes_add(
		    txn, arena, room, except_user, MEMBERSHIP_LEAVE, heroes, max, &count));
		TRY(heroes_add(txn, arena, room, except_user, MEMBERSHIP_BAN, heroes, max, &count));
	}
	TRY(arena_status(arena));
	*ret_heroes = heroes;
	*ret_count = count;
	return RC_OK;
}

enum rc rooms_of_user(struct txn_ro *txn, struct arena *arena, int64_t user,
    enum membership membership, int64_t **ret_rooms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, int64_t);
	struct query CLEANUP(query_close) q =
	    QUERY(txn, rooms_of_user_being, I(user), I(membership));
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

static enum rc user_rooms_collect(struct query *q, struct rows *rows)
{
	enum rc rc;
	while ((rc = query_step(q)) == RC_OK) {
		struct user_room *room = rows_add(rows);
		if (!room)
			break;
		*room = (struct user_room){
		    .room = col_i64(q, 0),
		    .membership = (enum membership)col_i64(q, 1),
		    .event = col_i64(q, 2),
		    .pos = col_i64(q, 3),
		    .last_pos = col_i64(q, 4),
		    .bump_pos = col_i64(q, 5),
		    .snapshot = col_i64(q, 6),
		};
	}
	TRY(arena_status(rows->arena));
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc user_rooms(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct user_room **ret_rooms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct user_room);
	struct query CLEANUP(query_close) present =
	    QUERY(txn, user_rooms, I(user), I(MEMBERSHIP_KNOCK));
	TRY(user_rooms_collect(&present, &rows));
	struct query CLEANUP(query_close) removed = QUERY(txn, user_rooms_removed, I(user));
	TRY(user_rooms_collect(&removed, &rows));
	*ret_rooms = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc user_room_kinds(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct room_kind **ret_kinds, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct room_kind);
	struct query CLEANUP(query_close) q =
	    QUERY(txn, user_room_kinds, I(user), I(MEMBERSHIP_JOIN));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct room_kind *kind = rows_add(&rows);
		if (!kind)
			break;
		*kind =
		    (struct room_kind){col_i64(&q, 0), col_dup(&q, 1, arena), col_i64(&q, 2) != 0};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_kinds = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc room_forget(struct txn_rw *txn, int64_t room, int64_t user)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, membership_forget, I(room), I(user), I(MEMBERSHIP_LEAVE)));
	return changes == 1 ? RC_OK : RC_NOT_FOUND;
}

enum rc users_share_room(struct txn_ro *txn, int64_t a, int64_t b, bool *ret_share)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, users_share_room, I(a), I(MEMBERSHIP_JOIN), I(b));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_share = rc == RC_OK;
	return RC_OK;
}

enum rc mutual_rooms(struct txn_ro *txn, struct arena *arena, int64_t a, int64_t b, int64_t after,
    size_t limit, struct mutual_room **ret_rooms, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct mutual_room);
	struct query CLEANUP(query_close) q =
	    QUERY(txn, mutual_rooms, I(a), I(MEMBERSHIP_JOIN), I(b), I(after), I((int64_t)limit));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct mutual_room *room = rows_add(&rows);
		if (!room)
			break;
		*room = (struct mutual_room){col_i64(&q, 0), col_dup(&q, 1, arena)};
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_rooms = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc mutual_rooms_count(struct txn_ro *txn, int64_t a, int64_t b, int64_t *ret_count)
{
	return NUMBER(txn, ret_count, mutual_rooms_count, I(a), I(MEMBERSHIP_JOIN), I(b));
}
