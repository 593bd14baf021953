#include "api/forward.h"

#include "base/lock.h"
#include "base/log.h"
#include "core/cluster/cluster.h"
#include "core/room/directory.h"
#include "net/http_client.h"

#include <string.h>

enum {
	CONNECT_MS = 1000,
	TOTAL_MS = 30000,
	GIVE_UP_MS = 30000,         /* after the request came */
	ANSWER_MAX_BYTES = 1 << 20,
	PAUSE_MS = 100,             /* until the same process is tried again */
	LOOK_MS = 500,              /* whether it is still there */
};

/* The operations that build events on the head of the room in the first parameter of the path. */
static const char *const room_writes[] = {
    "sendMessage", "setRoomStateWithKey", "redactEvent", "joinRoom", "joinRoomById", "knockRoom", "leaveRoom",
    "inviteUser", "kick", "ban", "unban", "upgradeRoom",
};

struct forward {
	struct exchange *x;
	struct http_call call;
	int64_t process; /* that the call goes to */
	bool pausing; /* until the next try */
	struct lock mu;
	struct cond over;
	enum rc rc GUARDED_BY(mu);
	bool is_over GUARDED_BY(mu);  /* no call is under way */
	bool is_ended GUARDED_BY(mu); /* the request is about to go: it must not be woken any more */
};

static bool is_room_write(const struct endpoint *endpoint)
{
	for (size_t i = 0; i < COUNT_OF(room_writes); i++)
		if (strcmp(endpoint->operation, room_writes[i]) == 0)
			return true;
	return false;
}

/* From another process, which may have been wrong about us: it is run here in any case. */
static bool is_forwarded(struct exchange *x)
{
	str secret = http_header(x->rq.http, "X-Exeunt-Process");
	return secret.n > 0 && cluster_is_secret(x->rq.ctx->cluster, secret);
}

/* An alias that is not known is the handler's to refuse: false. */
static enum rc room_of(struct exchange *x, str *ret_room_id, bool *ret_found)
{
	struct api_request *rq = &x->rq;
	str param = rq->path_params[0];
	*ret_room_id = param;
	*ret_found = true;
	if (!str_starts(param, STR("#")))
		return RC_OK;
	enum rc rc = room_resolve(rq->ctx->rooms, rq->arena, param, ret_room_id, NULL);
	*ret_found = rc == RC_OK;
	return rc == RC_UNAVAILABLE || rc == RC_NOMEM ? rc : RC_OK;
}

static void on_done(struct http_call *call, enum rc rc)
{
	struct forward *forward = CONTAINER_OF(call, struct forward, call);
	lock_take(&forward->mu); /* to the end: the request may be gone as soon as it is dropped */
	forward->rc = rc;
	forward->is_over = true;
	if (!forward->is_ended)
		http_wake(forward->x->rq.http);
	cond_signal(&forward->over);
	lock_drop(&forward->mu);
}

static bool is_over(struct forward *forward, enum rc *ret_rc)
{
	lock_take(&forward->mu);
	bool over = forward->is_over;
	*ret_rc = forward->rc;
	lock_drop(&forward->mu);
	return over;
}

static struct forward *forward_new(struct exchange *x)
{
	struct forward *forward = arena_new(x->rq.arena, struct forward);
	if (!forward)
		return NULL;
	forward->x = x;
	lock_init(&forward->mu);
	cond_init(&forward->over);
	forward->is_over = true;
	return forward;
}

void forward_end(struct exchange *x)
{
	struct forward *forward = x->forward;
	if (!forward)
		return;
	lock_take(&forward->mu);
	forward->is_ended = true;
	while (!forward->is_over) {
		http_client_cancel(x->rq.ctx->http_client, &forward->call);
		cond_wait(&forward->over, &forward->mu);
	}
	lock_drop(&forward->mu);
	cond_destroy(&forward->over);
	lock_destroy(&forward->mu);
	x->forward = NULL;
}

static void header_pass(struct http_call *call, const char *name, str value)
{
	if (value.n)
		call->headers[call->header_count++] = (struct call_header){name, value};
}

static enum rc call_make(struct exchange *x, struct forward *forward, const struct cluster_owner *owner)
{
	struct api_request *rq = &x->rq;
	str path = http_path(rq->http), query = http_query(rq->http);
	struct http_call *call = &forward->call;
	*call = (struct http_call){
	    .method = arena_printf(rq->arena, "%.*s", STR_ARG(http_method_text(rq->http))).p,
	    .url = arena_printf(rq->arena, "http://%s%.*s%s%.*s", owner->address, STR_ARG(path), query.n ? "?" : "",
	        STR_ARG(query)),
	    .body = http_body(rq->http),
	    .connect_ms = CONNECT_MS,
	    .total_ms = TOTAL_MS,
	    .answer_max_bytes = ANSWER_MAX_BYTES,
	    .arena = rq->arena,
	    .done = on_done,
	};
	header_pass(call, "Authorization", http_header(rq->http, "Authorization"));
	header_pass(call, "Content-Type", http_header(rq->http, "Content-Type"));
	header_pass(call, "X-Exeunt-Process", arena_dup(rq->arena, str_of(owner->secret)));
	return arena_status(rq->arena);
}

/*
 * Parked until the call has ended; only that ends the wait, since the call uses the request's arena. A process that does
 * not answer because it stands still is ended by the others: then its calls are, too.
 */
static enum rc wait_for_end(struct exchange *x)
{
	const struct api_context *ctx = x->rq.ctx;
	if (!cluster_is_alive(ctx->cluster, x->forward->process))
		http_client_cancel(ctx->http_client, &x->forward->call);
	return api_park(&x->rq, clock_mono_ms(ctx->clock) + LOOK_MS);
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
		x->forward = forward_new(x);
	TRY(arena_status(rq->arena));
	x->forward->pausing = false;
	x->forward->process = owner.process;
	TRY(call_make(x, x->forward, &owner));
	lock_take(&x->forward->mu);
	x->forward->is_over = false;
	lock_drop(&x->forward->mu);
	*ret_forwarded = true;
	http_client_submit(rq->ctx->http_client, &x->forward->call);
	return wait_for_end(x);
}

enum rc forward_try(struct exchange *x, bool *ret_forwarded)
{
	*ret_forwarded = false;
	if (!x->rq.ctx->cluster || !is_room_write(x->rq.endpoint) || is_forwarded(x))
		return RC_OK;
	return forward_start(x, ret_forwarded);
}

static enum rc answer_pass(struct exchange *x)
{
	const struct http_call *call = &x->forward->call;
	return exchange_answer_passed(x, call->status, call->answer, call->retry_after);
}

enum rc forward_continue(struct exchange *x, bool *ret_forwarded)
{
	struct api_request *rq = &x->rq;
	struct forward *forward = x->forward;
	enum rc rc;
	*ret_forwarded = true;
	if (!is_over(forward, &rc))
		return wait_for_end(x);
	if (rc == RC_OK)
		return answer_pass(x);
	int64_t now_ms = clock_mono_ms(rq->ctx->clock);
	bool may_repeat = rc == RC_UNAVAILABLE || rc == RC_CANCELLED;
	if (!may_repeat || http_stopping(rq->http) || now_ms - x->started_mono_ms > GIVE_UP_MS) {
		rq->fail.retry_after_ms = 1000;
		return fail_set(&rq->fail, RC_UNAVAILABLE,
		    "The process of this server that has the room does not answer, try again");
	}
	if (!forward->pausing) {
		forward->pausing = true;
		LOG(LOG_DEBUG, "cluster", "a process does not answer", LOG_STR("url", forward->call.url));
		return api_park(rq, now_ms + PAUSE_MS);
	}
	return forward_start(x, ret_forwarded);
}
