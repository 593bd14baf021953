/* Delayed events: MSC4140. */
#include "api/endpoints.h"

#include "api/client/delayed_events.h"

enum {
	DELAYED_ANSWER_MAX_BYTES = 64 << 20,
	TXN_ID_MAX_BYTES = 255,
};

enum rc delayed_event_answer(struct api_request *rq, const struct delay_wish *wish)
{
	struct buf out;
	str delay_id;
	TRY(delayed_schedule(rq->ctx->delayed, rq->arena, wish, &delay_id, &rq->fail));
	buf_init(&out, rq->arena, EVENT_MAX_BYTES);
	buf_put(&out, STR("{\"delay_id\":"));
	json_put_text(&out, delay_id);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

struct delayed_body {
	int64_t delay_ms;
	str state_key;
	json content;
};

/* PUT …/rooms/{roomId}/delayed_event/{eventType}/{txnId} */
enum rc client_schedule_delayed_event(struct api_request *rq)
{
	struct delayed_body body = {0};
	struct buf content;
	const struct field fields[] = {
	    {"delay_ms", FIELD_INTEGER, true, 0, 0, offsetof(struct delayed_body, delay_ms)},
	    {"state_key", FIELD_TEXT, false, 0, 0, offsetof(struct delayed_body, state_key)},
	    {"content", FIELD_OBJECT, true, 0, 0, offsetof(struct delayed_body, content)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	struct delay_wish wish = {
	    .actor = rq->actor,
	    .room_id = rq->path_params[0],
	    .type = rq->path_params[1],
	    .is_state = body.state_key.p != NULL,
	    .state_key = body.state_key,
	    .txn_id = rq->path_params[2],
	    .delay_ms = body.delay_ms,
	};
	if (wish.txn_id.n > TXN_ID_MAX_BYTES)
		return fail_set(
		    &rq->fail, RC_INVALID_PARAM, "txnId has at most %d bytes", TXN_ID_MAX_BYTES);
	buf_init(&content, rq->arena, BODY_EVENT_MAX_BYTES);
	json_put(&content, body.content);
	TRY(buf_finish(&content, &wish.content));
	return delayed_event_answer(rq, &wish);
}

/* GET …/delayed_events, …/delayed_events/{delayId} */
enum rc client_delayed_events(struct api_request *rq)
{
	struct buf out;
	str delay_id = rq->path_param_count ? rq->path_params[0] : STR_EMPTY;
	buf_init(&out, rq->arena, DELAYED_ANSWER_MAX_BYTES);
	TRY(delayed_answer(rq->ctx->delayed, rq->arena, &rq->actor, delay_id, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

typedef enum rc delayed_action(
    struct delayed *, struct arena *, const struct actor *, str delay_id, struct fail *);

static enum rc act(struct api_request *rq, delayed_action *action)
{
	TRY(action(rq->ctx->delayed, rq->arena, &rq->actor, rq->path_params[0], &rq->fail));
	return api_answer_empty_object(rq);
}

/* POST …/delayed_events/{delayId}/send */
enum rc client_send_delayed_event(struct api_request *rq)
{
	return act(rq, delayed_send);
}

/* POST …/delayed_events/{delayId}/cancel */
enum rc client_cancel_delayed_event(struct api_request *rq)
{
	return act(rq, delayed_cancel);
}

/* POST …/delayed_events/{delayId}/restart */
enum rc client_restart_delayed_event(struct api_request *rq)
{
	return act(rq, delayed_restart);
}

/* POST …/delayed_events/{delayId} */
enum rc client_update_delayed_event(struct api_request *rq)
{
	static const struct {
		const char *name;
		delayed_action *action;
	} actions[] = {
	    {"send", delayed_send},
	    {"cancel", delayed_cancel},
	    {"restart", delayed_restart},
	};
	str name;
	const struct field fields[] = {{"action", FIELD_TEXT, true, 0, 0, 0}};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &name));
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (str_eq(name, str_of(actions[i].name)))
			return act(rq, actions[i].action);
	return fail_set(&rq->fail, RC_INVALID_PARAM, "action must be send, cancel or restart");
}
