/* Typing notifications and receipts as users set them. */
#include "core/sync/sync_int.h"
#include "base/log.h"
#include "matrix/ids.h"
#include "store/news.h"

enum { MARKER_MAX_BYTES = 4096 };

static enum rc joined_room(struct txn_ro *txn, struct arena *scratch, int64_t user, str room_id, int64_t *ret_room,
                           struct fail *fail)
{
	struct room_row room;
	struct member_row member;
	enum rc rc = room_find(txn, scratch, room_id, &room);
	if (rc == RC_OK)
		rc = member_get(txn, scratch, room.room, user, &member);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && member.membership != MEMBERSHIP_JOIN))
		return fail_set(fail, RC_FORBIDDEN, "You are not joined to this room");
	TRY(rc);
	*ret_room = room.room;
	return RC_OK;
}

enum rc sync_filter_load(struct syncs *syncs, struct arena *arena, int64_t user, int64_t filter_id, str *ret_json)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	return filter_get(txn, arena, user, filter_id, ret_json);
}

static enum rc typing_room(struct syncs *syncs, struct arena *scratch, const struct session *session, str room_id,
                           int64_t *ret_room, struct fail *fail)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	return joined_room(txn, scratch, session->user, room_id, ret_room, fail);
}

static enum rc still_active(struct syncs *syncs, const struct session *session)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	return account_check_generation(txn, session->user, session->generation);
}

struct typing_told {
	int64_t room;
	str text;
};

static enum rc write_typing_told(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct typing_told *told = arg;
	return txn_tell_text(txn, NEWS_TYPING, told->room, told->text);
}

/* Each process keeps who types by itself: USER TIMEOUT USER_ID. */
static enum rc typing_tell(struct syncs *syncs, struct arena *scratch, int64_t room, const struct session *session,
                           int64_t timeout_ms)
{
	if (store_process(syncs->config.store) == 0)
		return RC_OK;
	struct typing_told told = {room, arena_printf(scratch, "%lld %lld %.*s", (long long)session->user,
	                                              (long long)timeout_ms, STR_ARG(session->user_id))};
	TRY(arena_status(scratch));
	return store_write(syncs->config.store, write_typing_told, &told, NULL);
}

void sync_hear_typing(struct syncs *syncs, int64_t room, str text)
{
	str rest = text, user_text, timeout_text;
	int64_t user, timeout_ms;
	enum rc rc = RC_OK;
	if (str_split(&rest, ' ', &user_text) && str_split(&rest, ' ', &timeout_text) && rest.p &&
	    str_to_i64(user_text, 1, INT64_MAX, &user) &&
	    str_to_i64(timeout_text, 0, syncs->config.typing_timeout_max_ms, &timeout_ms))
		rc = typing_set(syncs->typing, room, user, rest, timeout_ms);
	if (rc != RC_OK)
		LOG(LOG_WARNING, "sync", "typing of another process is not shown", LOG_STR("reason", str_of(rc_name(rc))));
}

enum rc sync_set_typing(struct syncs *syncs, struct arena *scratch, const struct session *session, str room_id,
                        int64_t timeout_ms, struct fail *fail)
{
	int64_t room = 0;
	TRY(typing_room(syncs, scratch, session, room_id, &room, fail));
	if (timeout_ms > syncs->config.typing_timeout_max_ms)
		timeout_ms = syncs->config.typing_timeout_max_ms;
	TRY(typing_set(syncs->typing, room, session->user, session->user_id, timeout_ms));
	/* A deactivation between the two drops the user's notices before this one stands: asked after it, none stays. */
	enum rc rc = still_active(syncs, session);
	if (rc == RC_UNKNOWN_TOKEN)
		typing_drop_user(syncs->typing, session->user);
	TRY(rc);
	return typing_tell(syncs, scratch, room, session, timeout_ms);
}

void sync_drop_typing(struct syncs *syncs, int64_t user)
{
	typing_drop_user(syncs->typing, user);
}

static enum rc receipt_check(struct syncs *syncs, struct arena *scratch, const struct session *session, str room_id,
                             str type, str event_id, str thread_id, int64_t *ret_room, struct fail *fail)
{
	struct event_row event;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	if (thread_id.n && str_eq(type, STR("m.fully_read")))
		return fail_set(fail, RC_INVALID_PARAM, "thread_id: m.fully_read has no threads");
	if (thread_id.n && !str_eq(thread_id, STR("main")) && !event_id_parse(thread_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "thread_id: neither \"main\" nor an event id");
	TRY(txn_ro_begin(syncs->config.store, &txn));
	TRY(joined_room(txn, scratch, session->user, room_id, ret_room, fail));
	enum rc rc = event_find(txn, scratch, event_id, &event);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && event.room != *ret_room))
		return fail_set(fail, RC_NOT_FOUND, "eventId: there is no such event in this room");
	return rc;
}

struct receipt_write {
	const struct session *session;
	int64_t room, now_ms;
	str type, event_id, thread_id;
	str marker; /* of m.fully_read: its content as account data; else empty */
};

static enum rc write_receipt(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct receipt_write *write = arg;
	TRY(account_check_generation(txn_reading(txn), write->session->user, write->session->generation));
	if (write->marker.n)
		return account_data_put(txn, write->session->user, write->room, write->type, write->marker);
	return receipt_put(txn, write->room, write->session->user, write->type, write->thread_id, write->event_id,
	                   write->now_ms);
}

static enum rc marker_content(struct arena *arena, str event_id, str *ret_content)
{
	struct buf content;
	buf_init(&content, arena, MARKER_MAX_BYTES);
	buf_putc(&content, '{');
	json_put_key(&content, STR("event_id"));
	json_put_text(&content, event_id);
	buf_putc(&content, '}');
	return buf_finish(&content, ret_content);
}

enum rc sync_set_receipt(struct syncs *syncs, struct arena *scratch, const struct session *session, str room_id,
                         str type, str event_id, str thread_id, struct fail *fail)
{
	struct receipt_write write = {
		.session = session,
		.now_ms = clock_wall_ms(syncs->config.clock),
		.type = type,
		.event_id = event_id,
		.thread_id = thread_id,
	};
	TRY(receipt_check(syncs, scratch, session, room_id, type, event_id, thread_id, &write.room, fail));
	if (str_eq(type, STR("m.fully_read")))
		TRY(marker_content(scratch, event_id, &write.marker));
	TRY(store_write(syncs->config.store, write_receipt, &write, fail));
	if (!str_eq(type, STR("m.read")))
		notify_user(syncs->config.notifier, session->user);
	else
		notify_room(syncs->config.notifier, write.room);
	return RC_OK;
}
