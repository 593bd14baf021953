/* What is unread in the rooms of a /sync answer: Client-Server API, "Receiving notifications". */
#include "core/sync/sync_int.h"

static void put_counts(struct buf *out, const struct push_counts *counts)
{
	buf_put(out, STR("{\"highlight_count\":"));
	buf_put_i64(out, counts->highlights);
	buf_put(out, STR(",\"notification_count\":"));
	buf_put_i64(out, counts->notifications);
	buf_putc(out, '}');
}

static bool threads_are_wanted(const struct sync_run *run)
{
	return run->request->filter &&
	       run->request->filter->room.timeline.unread_thread_notifications;
}

enum rc sync_put_unread(
    struct sync_run *run, const struct sync_room *room, struct push_unread *ret_unread)
{
	struct push_unread unread;
	bool by_thread = threads_are_wanted(run);
	TRY(push_room_unread(run->push, run->arena, &room->view, &unread));
	json_put_key(run->out, STR("unread_notifications"));
	put_counts(run->out, by_thread ? &unread.main : &unread.all);
	if (by_thread && unread.thread_count) {
		json_put_key(run->out, STR("unread_thread_notifications"));
		buf_putc(run->out, '{');
		for (size_t i = 0; i < unread.thread_count; i++) {
			json_put_key(run->out, unread.threads[i].root);
			put_counts(run->out, &unread.threads[i].counts);
		}
		buf_putc(run->out, '}');
	}
	*ret_unread = unread;
	return RC_OK;
}

enum rc sync_unread_moved(struct sync_run *run, const struct sync_room *room,
    const struct push_unread *unread, bool *ret_moved)
{
	struct read_upto *receipts;
	size_t count;
	*ret_moved = unread->moved_pos > run->since.pos;
	if (*ret_moved)
		return RC_OK;
	TRY(receipts_of_user(run->txn, run->arena, room->view.viewer, room->view.room.room,
	    run->since.pos, &receipts, &count));
	*ret_moved = count > 0;
	return RC_OK;
}

bool sync_rules_changed(const struct sync_run *run)
{
	for (size_t i = 0; i < run->account_data_count; i++) {
		const struct account_data_row *row = &run->account_data[i];
		if (row->room == 0 && (str_eq(row->type, STR("m.push_rules")) ||
					  str_eq(row->type, STR("m.ignored_user_list"))))
			return true;
	}
	return false;
}
