#include "core/room/reporting.h"

#include "core/room/reading.h"
#include "core/room/room_int.h"
#include "store/reports.h"

enum { RETRY_AFTER_MS = 60 * 60 * 1000 };

struct reporting {
	const struct actor *actor;
	struct report report;
};

static enum rc write_report(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct reporting *reporting = arg;
	const struct actor *actor = reporting->actor;
	int64_t report;
	TRY(account_check_generation(txn_reading(txn), actor->user, actor->generation));
	enum rc rc = report_add(txn, &reporting->report, REPORTS_OF_USER_MAX, &report);
	if (rc != RC_LIMIT_EXCEEDED)
		return rc;
	if (fail)
		fail->retry_after_ms = RETRY_AFTER_MS;
	return fail_set(fail, rc,
	    "%d of your reports wait to be looked at: no more can be made now",
	    REPORTS_OF_USER_MAX);
}

static enum rc report_make(struct rooms *rooms, const struct actor *actor, struct report *report,
    str reason, struct fail *fail)
{
	struct reporting reporting = {.actor = actor, .report = *report};
	if (reason.n > REPORT_REASON_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE, "reason may have at most %d bytes",
		    REPORT_REASON_MAX_BYTES);
	reporting.report.reporter = actor->user;
	reporting.report.reason = reason;
	reporting.report.ts_ms = clock_wall_ms(rooms->config.clock);
	return store_write(rooms->config.store, write_report, &reporting, fail);
}

static enum rc room_exists(struct rooms *rooms, struct arena *arena, str room_id, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_row room;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	enum rc rc = room_find(txn, arena, room_id, &room);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "There is no such room") : rc;
}

enum rc report_room(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str room_id, str reason, struct fail *fail)
{
	struct report report = {.kind = REPORT_ROOM, .room_id = room_id};
	if (!room_id_parse(room_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid room ID");
	TRY(room_exists(rooms, arena, room_id, fail));
	return report_make(rooms, actor, &report, reason, fail);
}

/* An ignored sender is reported as well as any other. */
static enum rc event_sender(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str room_id, str event_id, str *ret_sender, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	struct event_row event;
	bool visible = false;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	enum rc rc = room_view_of(txn, arena, actor->user, room_id, &view);
	if (rc == RC_OK)
		rc = event_find(txn, arena, event_id, &event);
	if (rc == RC_OK && view.member.membership == MEMBERSHIP_JOIN &&
	    event.room == view.room.room) {
		view.ignored = (struct nids){0};
		rc = room_event_visible(txn, arena, &view, &event, &visible);
	}
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !visible))
		return fail_set(fail, RC_NOT_FOUND,
		    "There is no such event in this room, or you are not joined to it");
	TRY(rc);
	return user_id_of(txn, arena, event.sender, ret_sender);
}

enum rc report_event(struct rooms *rooms, struct arena *arena, const struct actor *actor,
    str room_id, str event_id, str reason, struct fail *fail)
{
	struct report report = {.kind = REPORT_EVENT, .room_id = room_id, .event_id = event_id};
	if (!room_id_parse(room_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid room ID");
	TRY(event_sender(rooms, arena, actor, room_id, event_id, &report.user_id, fail));
	return report_make(rooms, actor, &report, reason, fail);
}

static enum rc user_exists(struct rooms *rooms, str user_id, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	int64_t user;
	TRY(txn_ro_begin(rooms->config.store, &txn));
	enum rc rc = user_nid_find(txn, user_id, &user);
	return rc == RC_NOT_FOUND ? fail_set(fail, rc, "This server knows no such user") : rc;
}

enum rc report_user(
    struct rooms *rooms, const struct actor *actor, str user_id, str reason, struct fail *fail)
{
	struct report report = {.kind = REPORT_USER, .user_id = user_id};
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid user ID");
	TRY(user_exists(rooms, user_id, fail));
	return report_make(rooms, actor, &report, reason, fail);
}
