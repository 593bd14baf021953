#include "api/forward.h"

#include "base/log.h"
#include "core/cluster/cluster.h"
#include "core/room/directory.h"
#include "net/link.h"

#include <string.h>

enum {
	GIVE_UP_MS = 30000, /* after the request came */
	PAUSE_MS = 100,     /* until the same process is tried again */
};

/* Those whose first parameter names a delayed event, which goes into its room: sent now, perhaps. */
static const char *const delayed_writes[] = {"sendDelayedEvent", "updateDelayedEvent"};

/* The operations that build events on the head of the room that the first parameter of the path names. */
static const char *const room_writes[] = {
    "sendMessage", "setRoomStateWithKey", "redactEvent", "joinRoom", "joinRoomById", "knockRoom", "leaveRoom",
    "inviteUser", "kick", "ban", "unban", "upgradeRoom", "deleteRoomAlias", "scheduleDelayedEvent",
};

/* While a call is under way the request is held, and all of this is the link's. */
struct forward {
	struct exchange *x;
	struct link_call call;
	struct cluster_owner owner; /* texts of the call */
	char client_address[CLIENT_ADDRESS_CHARS];
	enum rc rc;                 /* of the last call, which brought no answer */
	bool pausing;               /* until the next try */
};

static bool is_one_of(const struct endpoint *endpoint, const char *const *operations, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(endpoint->operation, operations[i]) == 0)
			return true;
	return false;
}

static bool is_room_write(const struct endpoint *endpoint)
{
	return is_one_of(endpoint, room_writes, COUNT_OF(room_writes));
}

static bool is_delayed_write(const struct endpoint *endpoint)
{
	return is_one_of(endpoint, delayed_writes, COUNT_OF(delayed_writes));
}

/* What is not known is the handler's to refuse: false. */
static enum rc room_of(struct exchange *x, str *ret_room_id, bool *ret_found)
{
	struct api_request *rq = &x->rq;
	str param = rq->path_params[0];
	*ret_room_id = param;
	*ret_found = true;
	enum rc rc;
	if (is_delayed_write(rq->endpoint))
		rc = delayed_room(rq->ctx->delayed, rq->arena, param, ret_room_id);
	else if (str_starts(param, STR("#")))
		rc = room_resolve(rq->ctx->rooms, rq->arena, param, ret_room_id, NULL);
	else
		return RC_OK;
	*ret_found = rc == RC_OK;
	return rc == RC_UNAVAILABLE || rc == RC_NOMEM ? rc : RC_OK;
}

static void on_done(struct link_call *call, enum rc rc)
{
	struct forward *forward = CONTAINER_OF(call, struct forward, call);
	struct exchange *x = forward->x;
	if (rc == RC_OK) {
		exchange_answer_passed(x, call->answer.status, call->answer.body, call->answer.retry_after);
		return;
	}
	forward->rc = rc;
	http_run_again(x->rq.http);
}

static void call_make(struct exchange *x, struct forward *forward)
{
	struct http_request *http = x->rq.http;
	bool is_known = exchange_client(x);
	forward->call = (struct link_call){
	    .process = forward->owner.process,
	    .address = str_of(forward->owner.link),
	    .secret = str_of(forward->owner.secret),
	    .request = {
		.method = http_method_text(http),
		.path = http_path(http),
		.query = http_query(http),
		.authorization = http_header(http, "Authorization"),
		.content_type = http_header(http, "Content-Type"),
		.client_address = is_known ? client_address_text(&x->client, forward->client_address) : STR_EMPTY,
		.body = http_body(http),
	    },
	    .arena = x->rq.arena,
	    .done = on_done,
	};
}

static enum rc forward_start(struct exchange *x, bool *ret_forwarded)
{
	struct api_request *rq = &x->rq;
	struct cluster_owner owner;
	str room_id;
	bool found;
	*ret_forwarded = false;
	TRY(room_of(x, &room_id, &found));
	if (!found)
		return RC_OK;
	enum rc rc = cluster_owner_of(rq->ctx->cluster, room_id, &owner);
	if (rc == RC_BUSY) {
		rq->fail.retry_after_ms = 1000;
		return fail_set(&rq->fail, rc, "No process of this server has taken over the room yet, try again");
	}
	TRY(rc);
	if (owner.is_self)
		return RC_OK;
	if (!x->forward)
		x->forward = arena_new(rq->arena, struct forward);
	TRY(arena_status(rq->arena));
	*x->forward = (struct forward){.x = x, .owner = owner};
	call_make(x, x->forward);
	*ret_forwarded = true;
	TRY(api_hold(rq));
	link_submit(rq->ctx->link, &x->forward->call);
	return RC_OK;
}

enum rc forward_try(struct exchange *x, bool *ret_forwarded)
{
	*ret_forwarded = false;
	const struct endpoint *endpoint = x->rq.endpoint;
	bool writes = x->rq.ctx->cluster && (is_room_write(endpoint) || is_delayed_write(endpoint));
	/* From another process, which may have been wrong about us: it is run here in any case. */
	if (!writes || http_is_injected(x->rq.http))
		return RC_OK;
	return forward_start(x, ret_forwarded);
}

enum rc forward_continue(struct exchange *x, bool *ret_forwarded)
{
	struct api_request *rq = &x->rq;
	struct forward *forward = x->forward;
	int64_t now_ms = clock_mono_ms(rq->ctx->clock);
	*ret_forwarded = true;
	bool may_repeat = forward->rc == RC_UNAVAILABLE || forward->rc == RC_CANCELLED;
	if (!may_repeat || http_stopping(rq->http) || now_ms - x->started_mono_ms > GIVE_UP_MS) {
		rq->fail.retry_after_ms = 1000;
		return fail_set(&rq->fail, RC_UNAVAILABLE,
		    "The process of this server that has the room does not answer, try again");
	}
	if (!forward->pausing) {
		forward->pausing = true;
		LOG(LOG_DEBUG, "cluster", "a process does not answer", LOG_STR("link", forward->call.address));
		return api_park(rq, now_ms + PAUSE_MS);
	}
	return forward_start(x, ret_forwarded);
}
