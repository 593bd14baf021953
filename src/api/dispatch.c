#include "api/forward.h"
#include "api/gate.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/log.h"
#include "core/cluster/cluster.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LOG_PATH_MAX_BYTES = 200, SESSION_SCRATCH_BYTES = 16 * 1024 };

struct row_counters {
	atomic_uint_fast64_t answers[6];
	atomic_uint_fast64_t total_ms;
};

struct api {
	const struct api_context *ctx;
	struct router *router;
	struct rate_limiter *limiter;
	struct trusted_proxies trusted_proxies;
	struct row_counters *counters; /* endpoint_count + 1 rows */
};

enum rc api_new(
    const struct api_context *ctx, const struct api_config *config, struct api **ret_api)
{
	struct api *api = heap_new(struct api);
	if (!api)
		return RC_NOMEM;
	api->ctx = ctx;
	api->trusted_proxies = config->trusted_proxies;
	api->counters = heap_zero(endpoint_count + 1, sizeof(*api->counters));
	enum rc rc = api->counters ? router_new(endpoints, endpoint_count, &api->router) : RC_NOMEM;
	if (rc == RC_OK)
		rc = rate_limiter_new(&config->rate_limits, ctx->rng, &api->limiter);
	if (rc != RC_OK) {
		api_free(api);
		return rc;
	}
	*ret_api = api;
	return RC_OK;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	rate_limiter_free(api->limiter);
	router_free(api->router);
	heap_free(api->counters);
	heap_free(api);
}

void api_counters(const struct api *api, size_t row, struct endpoint_counters *ret_counters)
{
	ASSERT(row <= endpoint_count);
	const struct row_counters *counters = &api->counters[row];
	for (size_t i = 0; i < COUNT_OF(ret_counters->answers); i++)
		ret_counters->answers[i] =
		    atomic_load_explicit(&counters->answers[i], memory_order_relaxed);
	ret_counters->total_ms = atomic_load_explicit(&counters->total_ms, memory_order_relaxed);
}

void exchange_account(struct exchange *x, int status)
{
	struct api *api = x->api;
	struct api_request *rq = &x->rq;
	int64_t took_ms = clock_mono_ms(api->ctx->clock) - x->started_mono_ms;
	struct row_counters *counters = &api->counters[x->counter_row];
	atomic_fetch_add_explicit(&counters->answers[status / 100 % 6], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->total_ms, (uint64_t)took_ms, memory_order_relaxed);
	/* A stopping server is no error of ours; everything else from 500 on is. */
	enum log_level level = status >= 500 && x->rc != RC_STOPPING ? LOG_ERROR : LOG_DEBUG;
	LOG(level, "http", "request", LOG_INT("id", http_request_id(rq->http)),
	    LOG_STR("method", http_method_text(rq->http)),
	    LOG_STR("path", str_first(http_path(rq->http), LOG_PATH_MAX_BYTES)),
	    LOG_INT("status", status), LOG_INT("ms", took_ms), LOG_STR("user", rq->session.user_id),
	    LOG_STR("outcome", str_of(rc_name(x->rc))),
	    LOG_STR("reason", str_of(rq->fail.message)));
}

/* The header is looked at only where it may be believed. */
bool exchange_client(struct exchange *x)
{
	struct api_request *rq = &x->rq;
	const struct trusted_proxies *proxies = &x->api->trusted_proxies;
	if (!client_address_parse(http_peer_address(rq->http), &x->client))
		return false;
	if (is_trusted_proxy(proxies, x->client))
		x->client = client_address_of(proxies, x->client, http_header_joined(rq->http, "X-Forwarded-For"));
	return true;
}

/* Whom a limit by address counts. */
static str limited_address(struct exchange *x)
{
	return exchange_client(x) ? client_address_key(&x->client) : STR_EMPTY;
}

/* Whoever it is: an address may come to any process, and so may a user, whose rooms are shared out among all of them. */
static enum rc limit_check(struct exchange *x, str who)
{
	struct api_request *rq = &x->rq;
	const struct api_context *ctx = x->api->ctx;
	size_t processes = ctx->cluster ? cluster_count(ctx->cluster) : 1;
	int64_t retry_after_ms = 0;
	if (rate_take(x->api->limiter, rq->endpoint->rate, who, processes,
		clock_mono_ms(ctx->clock), &retry_after_ms))
		return RC_OK;
	enum rc rc = fail_set(&rq->fail, RC_LIMIT_EXCEEDED,
	    "Too many requests: try again in %lld ms", (long long)retry_after_ms);
	rq->fail.retry_after_ms = retry_after_ms;
	return rc;
}

/* On a loop thread: what can be said from the head alone, without waiting for anything. */
static enum rc head_check(struct exchange *x)
{
	struct api_request *rq = &x->rq;
	struct route route;
	enum rc rc = router_find(
	    x->api->router, rq->arena, http_method(rq->http), http_path(rq->http), &route);
	if (rc == RC_METHOD_NOT_ALLOWED)
		memcpy(x->allow, route.allow, sizeof(x->allow));
	if (rc == RC_INVALID_PARAM)
		return fail_set(&rq->fail, rc, "The path holds an escape that is not UTF-8 text");
	TRY(rc);
	rq->endpoint = route.endpoint;
	x->counter_row = (size_t)(route.endpoint - endpoints);
	memcpy(rq->path_params, route.params, sizeof(route.params));
	rq->path_param_count = route.param_count;
	/* A flood without tokens must not get as far as a lane. */
	if (rq->endpoint->auth == AUTH_NONE)
		TRY(limit_check(x, limited_address(x)));
	return arena_status(rq->arena);
}

static enum http_head_verdict dispatch_head(
    void *self, struct http_request *http, size_t *ret_body_max_bytes, enum http_lane *ret_lane)
{
	struct api *api = self;
	struct exchange *x = exchange_new(api, http);
	if (!x) {
		exchange_refuse(http);
		return HTTP_HEAD_ANSWERED;
	}
	x->rq.ctx = api->ctx;
	x->started_mono_ms = clock_mono_ms(api->ctx->clock);
	x->counter_row = endpoint_count;
	http_set_context(http, x);
	if (http_method(http) == HTTP_OPTIONS) {
		exchange_answer_preflight(x);
		return HTTP_HEAD_ANSWERED;
	}
	enum rc rc = head_check(x);
	if (rc != RC_OK) {
		api_answer_failure(&x->rq, rc);
			return HTTP_HEAD_ANSWERED;
	}
	*ret_body_max_bytes = body_max_bytes(x->rq.endpoint->body);
	*ret_lane = x->rq.endpoint->lane;
	return HTTP_HEAD_ACCEPT;
}

/* The token of `Authorization: Bearer` (scheme in any case, RFC 9110), or else of ?access_token=, deprecated. */
static enum rc token_of(struct api_request *rq, str *ret_token)
{
	str header = http_header(rq->http, "Authorization"),
	    scheme = str_first(header, STR("Bearer ").n);
	if (str_eq_ascii_nocase(scheme, STR("Bearer "))) {
		*ret_token = str_trim(str_from(header, scheme.n));
		return RC_OK;
	}
	return api_query(rq, STR("access_token"), ret_token);
}

static enum rc authenticate(struct exchange *x)
{
	struct api_request *rq = &x->rq;
	str token = STR_EMPTY;
	if (rq->endpoint->auth == AUTH_NONE)
		return RC_OK;
	TRY(token_of(rq, &token));
	if (token.n == 0)
		return rq->endpoint->auth == AUTH_OPTIONAL ? RC_OK : RC_MISSING_TOKEN;
	TRY(accounts_session(x->api->ctx->accounts, rq->arena, token, &rq->session, &rq->fail));
	rq->has_session = true;
	TRY(account_gate(rq, &rq->session, &rq->fail));
	rq->actor = (struct actor){
	    .user = rq->session.user,
	    .generation = rq->session.generation,
	    .device = rq->session.device,
	    .user_id = rq->session.user_id,
	    .is_suspended = rq->session.suspended,
	};
	return RC_OK;
}

/* For the owner's list of devices. */
static void device_seen(struct exchange *x)
{
	struct accounts *accounts = x->api->ctx->accounts;
	char text[CLIENT_ADDRESS_CHARS];
	str ip = STR_EMPTY;
	/* What another process has passed on was seen by that one. */
	if (!x->rq.has_session || http_is_injected(x->rq.http) || !accounts_seen_is_due(accounts, &x->rq.session))
		return;
	if (exchange_client(x))
		ip = client_address_text(&x->client, text);
	accounts_seen(accounts, &x->rq.session, ip);
}

/* A request that was parked may have outlived its token: an ended account hears of it at once. */
static enum rc authenticate_again(struct exchange *x)
{
	struct api_request *rq = &x->rq;
	struct arena CLEANUP(arena_release) scratch;
	struct session session;
	str token;
	if (!rq->has_session)
		return RC_OK;
	arena_init(&scratch, SESSION_SCRATCH_BYTES);
	TRY(token_of(rq, &token));
	TRY(accounts_session(x->api->ctx->accounts, &scratch, token, &session, &rq->fail));
	return account_gate(rq, &session, &rq->fail);
}

/* By user, or by address where there is none. AUTH_NONE was counted at the head. */
static enum rc limit_run(struct exchange *x)
{
	char user[24];
	if (x->rq.endpoint->auth == AUTH_NONE)
		return RC_OK;
	if (!x->rq.has_session)
		return limit_check(x, limited_address(x));
	int n = snprintf(user, sizeof(user), "#%lld", (long long)x->rq.session.user);
	return limit_check(x, str_bytes(user, (size_t)n));
}

static enum rc body_read(struct api_request *rq)
{
	enum body_kind kind = rq->endpoint->body;
	str text = http_body(rq->http);
	if (kind == BODY_NONE)
		return RC_OK;
	if (text.n == 0 && kind == BODY_OPTIONAL)
		text = STR("{}");
	TRY(json_parse(rq->arena, text, &rq->body, &rq->fail));
	if (!json_is_object(rq->body))
		return fail_set(&rq->fail, RC_BAD_JSON, "The body must be a JSON object");
	return RC_OK;
}

static enum rc request_run(struct exchange *x)
{
	struct api_request *rq = &x->rq;
	bool forwarded = false;
	if (x->forward) {
		TRY(forward_continue(x, &forwarded));
		if (forwarded)
			return RC_OK;
		x->forward = NULL; /* the room has become ours */
		rq->runs = 0;
	}
	if (rq->runs++ == 0) {
		TRY(authenticate(x));
		device_seen(x);
		TRY(forward_try(x, &forwarded));
		if (forwarded)
			return RC_OK;
		TRY(limit_run(x));
		TRY(body_read(rq));
	} else {
		TRY(authenticate_again(x));
	}
	return rq->endpoint->handler(rq);
}

static void dispatch_run(void *self, struct http_request *http)
{
	(void)self;
	struct exchange *x = http_context(http);
	enum rc rc = request_run(x);
	if (rc != RC_OK)
		api_answer_failure(&x->rq, rc);
}

static void dispatch_end(void *self, struct http_request *http)
{
	(void)self;
	struct exchange *x = http_context(http);
	if (x && x->rq.on_end)
		x->rq.on_end(&x->rq);
}

struct http_handler api_http_handler(struct api *api)
{
	return (struct http_handler){
	    .on_head = dispatch_head,
	    .run = dispatch_run,
	    .on_end = dispatch_end,
	    .self = api,
	};
}
