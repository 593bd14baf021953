#include "core/room/mutual.h"

#include "core/room/room_int.h"

static enum rc put_rooms(struct txn_ro *txn, struct arena *arena, const struct actor *actor,
    int64_t other, int64_t after, struct buf *out)
{
	struct mutual_room *shared;
	size_t count;
	int64_t total;
	TRY(mutual_rooms(
	    txn, arena, actor->user, other, after, MUTUAL_ROOMS_PAGE + 1, &shared, &count));
	TRY(mutual_rooms_count(txn, actor->user, other, &total));
	bool more = count > MUTUAL_ROOMS_PAGE;
	if (more)
		count = MUTUAL_ROOMS_PAGE;
	buf_put(out, STR("{\"joined\":["));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(out);
		json_put_text(out, shared[i].room_id);
	}
	buf_put(out, STR("],\"count\":"));
	buf_put_i64(out, total);
	if (more) {
		buf_put(out, STR(",\"next_batch\":\""));
		buf_put_i64(out, shared[count - 1].room);
		buf_putc(out, '"');
	}
	buf_putc(out, '}');
	return buf_status(out);
}

enum rc mutual_rooms_answer(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str user_id, str from, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	int64_t other = 0, after = 0;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "user_id is no user ID");
	if (str_eq(user_id, actor->user_id))
		return fail_set(
		    fail, RC_INVALID_PARAM, "user_id is your own: /joined_rooms has your rooms");
	if (from.p && !str_to_i64(from, 1, INT64_MAX, &after))
		return fail_set(fail, RC_INVALID_PARAM, "from is no next_batch of this server");
	TRY(txn_ro_begin(rooms->config.store, &txn));
	enum rc rc = user_nid_find(txn, user_id, &other);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	return put_rooms(
	    txn, arena, actor, other, after, out); /* nobody shares a room with user 0 */
}
