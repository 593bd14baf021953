/* Receipts and read markers as users set them. */
#include "core/push/push.h"
#include "core/sync/sync_int.h"
#include "matrix/ids.h"

enum {
	MARKER_MAX_BYTES = 4096,
	MARKER_SCRATCH_BYTES = 65536,
};

#define FULLY_READ STR("m.fully_read")

/* A mark that may be set. */
struct mark_write {
	const struct read_mark *mark;
	int64_t upto; /* position of its event */
	str content;  /* of m.fully_read: as account data; else empty */
};

struct marks_write {
	const struct session *session;
	int64_t room, now_ms;
	struct mark_write marks[READ_MARKS_MAX];
	size_t count;
};

static enum rc content_make(struct arena *arena, str event_id, str *ret_content)
{
	struct buf content;
	buf_init(&content, arena, MARKER_MAX_BYTES);
	buf_putc(&content, '{');
	json_put_key(&content, STR("event_id"));
	json_put_text(&content, event_id);
	buf_putc(&content, '}');
	return buf_finish(&content, ret_content);
}

static enum rc thread_check(struct txn_ro *txn, struct arena *scratch, const struct read_mark *mark,
    const struct event_row *event, struct fail *fail)
{
	bool is_in = true;
	if (!mark->thread_id.n)
		return RC_OK;
	if (str_eq(mark->type, FULLY_READ))
		return fail_set(fail, RC_INVALID_PARAM, "thread_id: m.fully_read has no threads");
	if (!str_eq(mark->thread_id, STR("main")) && !event_id_parse(mark->thread_id, NULL))
		return fail_set(
		    fail, RC_INVALID_PARAM, "thread_id: neither \"main\" nor an event id");
	TRY(push_is_in_thread(txn, scratch, event, mark->thread_id, &is_in));
	if (!is_in)
		return fail_set(
		    fail, RC_INVALID_PARAM, "thread_id: the event is not in this thread");
	return RC_OK;
}

static enum rc mark_check(struct txn_ro *txn, struct arena *scratch, int64_t room,
    const struct read_mark *mark, struct mark_write *ret_write, struct fail *fail)
{
	struct event_row event;
	enum rc rc = event_find(txn, scratch, mark->event_id, &event);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && (event.room != room || event.pos == 0)))
		return fail_set(
		    fail, RC_NOT_FOUND, "%s: there is no such event in this room", mark->field);
	TRY(rc);
	TRY(thread_check(txn, scratch, mark, &event, fail));
	*ret_write = (struct mark_write){.mark = mark, .upto = event.pos};
	return str_eq(mark->type, FULLY_READ)
		   ? content_make(scratch, mark->event_id, &ret_write->content)
		   : RC_OK;
}

/* Whether the read marker stands at this position already, or further on. */
static enum rc marker_is_there(struct txn_ro *txn, struct arena *scratch,
    const struct marks_write *write, int64_t upto, bool *ret_is_there)
{
	str content;
	json root;
	struct event_row event = {0};
	*ret_is_there = false;
	enum rc rc =
	    account_data_get(txn, scratch, write->session->user, write->room, FULLY_READ, &content);
	if (rc == RC_OK)
		rc = json_parse(scratch, content, &root, NULL);
	if (rc == RC_OK)
		rc = event_find(txn, scratch, json_get_text(root, STR("event_id")), &event);
	*ret_is_there = rc == RC_OK && event.pos >= upto;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc write_marker(
    struct txn_rw *txn, const struct marks_write *write, const struct mark_write *mark)
{
	struct arena scratch CLEANUP(arena_release);
	bool is_there;
	arena_init(&scratch, MARKER_SCRATCH_BYTES);
	TRY(marker_is_there(txn_reading(txn), &scratch, write, mark->upto, &is_there));
	return is_there ? RC_OK
			: account_data_put(
			      txn, write->session->user, write->room, FULLY_READ, mark->content);
}

static enum rc write_marks(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct marks_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	for (size_t i = 0; i < write->count; i++) {
		const struct mark_write *mark = &write->marks[i];
		struct receipt_insert receipt = {
		    .room = write->room,
		    .user = session->user,
		    .type = mark->mark->type,
		    .thread_id = mark->mark->thread_id,
		    .event_id = mark->mark->event_id,
		    .upto = mark->upto,
		    .ts_ms = write->now_ms,
		};
		TRY(mark->content.n ? write_marker(txn, write, mark) : receipt_put(txn, &receipt));
	}
	return RC_OK;
}

static enum rc marks_check(struct syncs *syncs, struct arena *scratch, str room_id,
    const struct read_mark *marks, struct marks_write *write, struct fail *fail)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	TRY(sync_joined_room(txn, scratch, write->session->user, room_id, &write->room, fail));
	for (size_t i = 0; i < write->count; i++)
		TRY(mark_check(txn, scratch, write->room, &marks[i], &write->marks[i], fail));
	return RC_OK;
}

enum rc sync_set_read_marks(struct syncs *syncs, struct arena *scratch,
    const struct session *session, str room_id, const struct read_mark *marks, size_t count,
    struct fail *fail)
{
	struct marks_write write = {
	    .session = session,
	    .now_ms = clock_wall_ms(syncs->config.clock),
	    .count = count,
	};
	bool is_public = false;
	TRY(marks_check(syncs, scratch, room_id, marks, &write, fail));
	if (count == 0)
		return RC_OK;
	TRY(store_write(syncs->config.store, write_marks, &write, fail));
	for (size_t i = 0; i < count; i++)
		is_public = is_public || str_eq(marks[i].type, STR("m.read"));
	if (is_public)
		notify_room(syncs->config.notifier, write.room);
	else
		notify_user(syncs->config.notifier, session->user);
	return RC_OK;
}
