/* Typing notifications as users set them. */
#include "base/log.h"
#include "core/sync/sync_int.h"
#include "store/news.h"

enum rc sync_joined_room(struct txn_ro *txn, struct arena *scratch, int64_t user, str room_id,
    int64_t *ret_room, struct fail *fail)
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
	return sync_joined_room(txn, scratch, session->user, room_id, ret_room, fail);
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
