/* What users do with delayed events. */
#include "core/delayed/delayed_int.h"
#include "core/room/membership.h"
#include "matrix/event.h"
#include "matrix/ids.h"
#include "store/accounts.h"

#include <inttypes.h>

enum { DELAY_ID_LETTERS = 24, SEND_TRIES_MAX = 2 };

void delayed_limits_put(const struct delayed *delayed, struct buf *out)
{
	buf_printf(out, "{\"max_delay_ms\":%" PRId64 ",\"max_scheduled\":%" PRId64 "}",
	    delayed->config.max_delay_ms, delayed->config.max_scheduled);
}

/* ---- scheduling ---- */

static enum rc wish_check(const struct delayed *delayed, struct arena *arena,
    const struct delay_wish *wish, struct fail *fail)
{
	const struct delayed_config *config = &delayed->config;
	json content;
	if (config->max_scheduled == 0)
		return fail_set(fail, RC_FORBIDDEN, "This server sends no delayed events");
	if (wish->delay_ms < 1)
		return fail_set(
		    fail, RC_INVALID_PARAM, "The delay must be at least one millisecond");
	if (wish->delay_ms > config->max_delay_ms)
		return fail_set(fail, RC_FORBIDDEN, "The delay may be at most %" PRId64 " ms",
		    config->max_delay_ms);
	if (wish->type.n > EVENT_TYPE_MAX_BYTES || wish->state_key.n > STATE_KEY_MAX_BYTES)
		return fail_set(fail, RC_TOO_LARGE,
		    "An event's type and state_key have at most %d bytes each",
		    EVENT_TYPE_MAX_BYTES);
	if (wish->content.n > EVENT_MAX_BYTES)
		return fail_set(
		    fail, RC_TOO_LARGE, "An event may have at most %d bytes", EVENT_MAX_BYTES);
	TRY(json_parse(arena, wish->content, &content, fail));
	if (!json_is_object(content))
		return fail_set(fail, RC_BAD_JSON, "The content of an event must be a JSON object");
	return marker_refuse(wish->type, content, fail);
}

struct scheduling {
	struct delayed *delayed;
	struct arena *arena;
	const struct delay_wish *wish;
	str new_delay_id;
	str delay_id; /* in the end */
};

/* How long it takes until the user may schedule another. */
static enum rc limit_check(
    struct txn_ro *txn, const struct scheduling *scheduling, int64_t now_ms, struct fail *fail)
{
	int64_t max = scheduling->delayed->config.max_scheduled, count, next_due_ms;
	TRY(delayed_events_count(txn, scheduling->wish->actor.user, &count, &next_due_ms));
	if (count < max)
		return RC_OK;
	enum rc rc = fail_set(fail, RC_LIMIT_EXCEEDED,
	    "You have %" PRId64 " delayed events, and may not have more", count);
	if (fail)
		fail->retry_after_ms = next_due_ms > now_ms ? next_due_ms - now_ms : 1;
	return rc;
}

static enum rc schedule_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct scheduling *scheduling = arg;
	const struct delay_wish *wish = scheduling->wish;
	struct txn_ro *reading = txn_reading(txn);
	int64_t now_ms = clock_wall_ms(scheduling->delayed->config.clock);
	struct room_row room;
	TRY(account_check_generation(reading, wish->actor.user, wish->actor.generation));
	enum rc rc = room_find(reading, scheduling->arena, wish->room_id, &room);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? fail_set(fail, RC_FORBIDDEN, "You are not in this room")
					  : rc;
	bool has_txn = wish->txn_id.n > 0 && wish->actor.device != 0;
	if (has_txn) {
		rc = delayed_event_by_txn(reading, scheduling->arena, wish->actor.device, room.room,
		    wish->type, wish->txn_id, &scheduling->delay_id);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	TRY(limit_check(reading, scheduling, now_ms, fail));
	scheduling->delay_id = scheduling->new_delay_id;
	struct delayed_event event = {
	    .user = wish->actor.user,
	    .room = room.room,
	    .generation = wish->actor.generation,
	    .delay_id = scheduling->delay_id,
	    .type = wish->type,
	    .is_state = wish->is_state,
	    .state_key = wish->state_key,
	    .content = wish->content,
	    .delay_ms = wish->delay_ms,
	    .scheduled_ms = now_ms,
	    .txn_device = has_txn ? wish->actor.device : 0,
	    .txn_id = has_txn ? wish->txn_id : STR_EMPTY,
	};
	return delayed_event_add(txn, &event);
}

enum rc delayed_schedule(struct delayed *delayed, struct arena *arena,
    const struct delay_wish *wish, str *ret_delay_id, struct fail *fail)
{
	struct scheduling scheduling = {.delayed = delayed, .arena = arena, .wish = wish};
	TRY(wish_check(delayed, arena, wish, fail));
	scheduling.new_delay_id =
	    rng_text(delayed->config.rng, arena, RNG_ALPHANUMERIC, DELAY_ID_LETTERS);
	TRY(arena_status(arena));
	TRY(store_write(delayed->config.store, schedule_write, &scheduling, fail));
	delayed_wake(delayed);
	*ret_delay_id = scheduling.delay_id;
	return RC_OK;
}

/* ---- looking ---- */

static enum rc own_find(struct txn_ro *txn, struct arena *arena, const struct actor *actor,
    str delay_id, struct delayed_event *ret_event, struct fail *fail)
{
	struct delayed_event event;
	enum rc rc = delayed_event_find(txn, arena, delay_id, &event);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && event.user != actor->user))
		return fail_set(fail, RC_NOT_FOUND, "You have no such delayed event");
	TRY(rc);
	*ret_event = event;
	return RC_OK;
}

static void text_put(struct buf *out, str key, str value)
{
	json_put_key(out, key);
	json_put_text(out, value);
}

static void number_put(struct buf *out, str key, int64_t value)
{
	json_put_key(out, key);
	buf_put_i64(out, value);
}

static void event_put(struct buf *out, const struct delayed_event *event)
{
	buf_putc(out, '{');
	text_put(out, STR("delay_id"), event->delay_id);
	text_put(out, STR("room_id"), event->room_id);
	text_put(out, STR("type"), event->type);
	if (event->is_state)
		text_put(out, STR("state_key"), event->state_key);
	number_put(out, STR("delay_ms"), event->delay_ms);
	number_put(out, STR("scheduled_at"), event->scheduled_ms);
	json_put_key(out, STR("content"));
	buf_put(out, event->content);
	if (event->event_id.n)
		text_put(out, STR("event_id"), event->event_id);
	if (event->errcode.n) {
		json_put_key(out, STR("error"));
		buf_putc(out, '{');
		text_put(out, STR("errcode"), event->errcode);
		text_put(out, STR("error"), event->error);
		buf_putc(out, '}');
	}
	if (event->ended_ms)
		number_put(out, STR("finalised_ts"), event->ended_ms);
	buf_putc(out, '}');
}

static enum rc all_answer(
    struct txn_ro *txn, struct arena *arena, const struct actor *actor, struct buf *out)
{
	struct delayed_event *events;
	size_t count;
	TRY(delayed_events_of(txn, arena, actor->user, &events, &count));
	buf_put(out, STR("{\"delayed_events\":["));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(out);
		event_put(out, &events[i]);
	}
	buf_put(out, STR("]}"));
	return buf_status(out);
}

enum rc delayed_answer(struct delayed *delayed, struct arena *arena, const struct actor *actor,
    str delay_id, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct delayed_event event;
	TRY(txn_ro_begin(delayed->config.store, &txn));
	if (!delay_id.n)
		return all_answer(txn, arena, actor, out);
	TRY(own_find(txn, arena, actor, delay_id, &event, fail));
	event_put(out, &event);
	return buf_status(out);
}

enum rc delayed_room(struct delayed *delayed, struct arena *arena, str delay_id, str *ret_room_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct delayed_event event;
	TRY(txn_ro_begin(delayed->config.store, &txn));
	TRY(delayed_event_find(txn, arena, delay_id, &event));
	*ret_room_id = event.room_id;
	return RC_OK;
}

/* ---- the actions ---- */

struct action {
	struct delayed *delayed;
	struct arena *arena;
	const struct actor *actor;
	str delay_id;
};

static enum rc over(const struct delayed_event *event, struct fail *fail)
{
	return fail_set(fail, RC_OVER, "The delayed event was %s already",
	    event->event_id.n  ? "sent"
	    : event->errcode.n ? "refused"
			       : "cancelled");
}

/* That of the actor, whose account must be there. */
static enum rc action_begin(struct txn_rw *txn, const struct action *action,
    struct delayed_event *ret_event, struct fail *fail)
{
	const struct actor *actor = action->actor;
	TRY(account_check_generation(txn_reading(txn), actor->user, actor->generation));
	return own_find(txn_reading(txn), action->arena, actor, action->delay_id, ret_event, fail);
}

static enum rc cancel_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct action *action = arg;
	struct delayed_event event = {0};
	TRY(action_begin(txn, action, &event, fail));
	if (event.ended_ms)
		return event.event_id.n ? over(&event, fail) : RC_OK;
	struct delayed_end end = {
	    .nid = event.nid,
	    .user = event.user,
	    .due_ms = -1,
	    .now_ms = clock_wall_ms(action->delayed->config.clock),
	};
	return delayed_event_end(txn, &end);
}

enum rc delayed_cancel(struct delayed *delayed, struct arena *arena, const struct actor *actor,
    str delay_id, struct fail *fail)
{
	struct action action = {delayed, arena, actor, delay_id};
	return store_write(delayed->config.store, cancel_write, &action, fail);
}

static enum rc restart_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct action *action = arg;
	struct delayed_event event;
	TRY(action_begin(txn, action, &event, fail));
	if (event.ended_ms)
		return over(&event, fail);
	return delayed_event_restart(txn, event.nid, clock_wall_ms(action->delayed->config.clock));
}

enum rc delayed_restart(struct delayed *delayed, struct arena *arena, const struct actor *actor,
    str delay_id, struct fail *fail)
{
	struct action action = {delayed, arena, actor, delay_id};
	return store_write(delayed->config.store, restart_write, &action, fail);
}

static enum rc send_now(
    struct delayed *delayed, const struct delayed_event *event, struct fail *fail)
{
	struct delayed_sending sending CLEANUP(sending_release);
	sending_init(&sending, delayed, event);
	sending.whenever = true;
	sending.send.fail = fail;
	return room_send_wait(delayed->config.rooms, &sending.send);
}

/* Somebody else may end it at the same time: then it is looked at once more. */
enum rc delayed_send(struct delayed *delayed, struct arena *arena, const struct actor *actor,
    str delay_id, struct fail *fail)
{
	enum rc rc = RC_OVER;
	for (int tries = 0; rc == RC_OVER && tries < SEND_TRIES_MAX; tries++) {
		struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
		struct delayed_event event;
		TRY(txn_ro_begin(delayed->config.store, &txn));
		TRY(own_find(txn, arena, actor, delay_id, &event, fail));
		txn_ro_end(&txn);
		if (event.ended_ms)
			return event.event_id.n ? RC_OK : over(&event, fail);
		rc = send_now(delayed, &event, fail);
	}
	return rc;
}
