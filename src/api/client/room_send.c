/* Sending: messages, state, redactions. The answer comes from the commit, not from this thread. */
#include "api/endpoints.h"

#include "api/client/delayed_events.h"

enum { TXN_ID_MAX_BYTES = 255 };

struct sending {
	struct room_send send;
	struct api_request *rq;
};

static void sent(struct room_send *send, enum rc rc)
{
	struct sending *sending = CONTAINER_OF(send, struct sending, send);
	struct api_request *rq = sending->rq;
	struct buf body;
	buf_init(&body, rq->arena, EVENT_MAX_BYTES);
	buf_put(&body, STR("{\"event_id\":"));
	json_put_text(&body, send->event_id);
	buf_putc(&body, '}');
	if (rc == RC_OK)
		rc = buf_status(&body);
	if (rc == RC_OK)
		(void)api_answer(rq, 200, buf_str(&body));
	else
		api_answer_failure(rq, rc);
}

static enum rc sending_new(struct api_request *rq, str type, struct sending **ret_sending)
{
	struct sending *sending = arena_new(rq->arena, struct sending);
	TRY(arena_status(rq->arena));
	sending->rq = rq;
	sending->send = (struct room_send){
		.actor = rq->actor,
		.room_id = rq->path_params[0],
		.type = type,
		.content = http_body(rq->http),
		.done = sent,
		.fail = &rq->fail,
		.arena = rq->arena,
	};
	*ret_sending = sending;
	return RC_OK;
}

/* An earlier form of MSC4140, which clients still use: what would be sent now is to be sent later. */
static enum rc delay_read(struct api_request *rq, int64_t *ret_delay_ms)
{
	return api_query_integer(
	    rq, STR("org.matrix.msc4140.delay"), 1, INT64_MAX, 0, ret_delay_ms);
}

static enum rc sending_delay(struct api_request *rq, const struct sending *sending, int64_t delay_ms)
{
	const struct room_send *send = &sending->send;
	struct delay_wish wish = {
	    .actor = send->actor,
	    .room_id = send->room_id,
	    .type = send->type,
	    .is_state = send->is_state,
	    .state_key = send->state_key,
	    .content = send->content,
	    .txn_id = send->txn_id,
	    .delay_ms = delay_ms,
	};
	return delayed_event_answer(rq, &wish);
}

static enum rc sending_start(struct api_request *rq, struct sending *sending)
{
	struct rooms *rooms = rq->ctx->rooms;
	TRY(api_hold(rq));
	room_send(rooms, &sending->send);
	return RC_OK;
}

static enum rc txn_id_read(struct api_request *rq, size_t param, struct sending *sending)
{
	sending->send.txn_id = rq->path_params[param];
	if (sending->send.txn_id.n > TXN_ID_MAX_BYTES)
		return fail_set(&rq->fail, RC_INVALID_PARAM, "txnId has at most %d bytes", TXN_ID_MAX_BYTES);
	return RC_OK;
}

/* PUT /rooms/{roomId}/send/{eventType}/{txnId} */
enum rc client_send_message(struct api_request *rq)
{
	struct sending *sending;
	int64_t delay_ms;
	TRY(delay_read(rq, &delay_ms));
	TRY(sending_new(rq, rq->path_params[1], &sending));
	TRY(txn_id_read(rq, 2, sending));
	return delay_ms ? sending_delay(rq, sending, delay_ms) : sending_start(rq, sending);
}

/* PUT /rooms/{roomId}/state/{eventType}/{stateKey} */
enum rc client_set_state(struct api_request *rq)
{
	struct sending *sending;
	int64_t delay_ms;
	TRY(delay_read(rq, &delay_ms));
	TRY(sending_new(rq, rq->path_params[1], &sending));
	sending->send.is_state = true;
	sending->send.state_key = rq->path_params[2];
	return delay_ms ? sending_delay(rq, sending, delay_ms) : sending_start(rq, sending);
}

/* PUT /rooms/{roomId}/redact/{eventId}/{txnId} */
enum rc client_redact(struct api_request *rq)
{
	struct sending *sending;
	TRY(sending_new(rq, STR("m.room.redaction"), &sending));
	TRY(txn_id_read(rq, 2, sending));
	sending->send.redacts = rq->path_params[1];
	if (!sending->send.content.n)
		sending->send.content = STR("{}");
	return sending_start(rq, sending);
}
