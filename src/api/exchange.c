#include "api/exchange_int.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

/* Client-Server API, "Web Browser Clients". A day spares browsers most preflights. */
static const struct http_header cors[] = {
    {"Access-Control-Allow-Origin", STR_INIT("*")},
    {"Access-Control-Allow-Methods", STR_INIT("GET, POST, PUT, DELETE, OPTIONS")},
    {"Access-Control-Allow-Headers", STR_INIT("X-Requested-With, Content-Type, Authorization")},
    {"Access-Control-Expose-Headers", STR_INIT("Retry-After")},
    {"Access-Control-Max-Age", STR_INIT("86400")},
};

enum { ERROR_BODY_MAX_BYTES = 4096 };

struct exchange *exchange_of(struct api_request *rq)
{
	struct exchange *x = CONTAINER_OF(rq, struct exchange, rq);
	ASSERT(x->magic == EXCHANGE_MAGIC);
	return x;
}

struct exchange *exchange_new(struct api *api, struct http_request *http)
{
	struct exchange *x = arena_new(http_arena(http), struct exchange);
	if (!x)
		return NULL;
	x->magic = EXCHANGE_MAGIC;
	x->api = api;
	x->rq.http = http;
	x->rq.arena = http_arena(http);
	atomic_init(&x->phase, 0);
	return x;
}

/* The last touch: net may forget the request before http_answer() has returned. */
static void exchange_send(struct exchange *x)
{
	exchange_account(x);
	http_answer(x->rq.http, &x->response);
}

static void header_add(struct exchange *x, const char *name, str value)
{
	ASSERT(x->response.header_count < EXCHANGE_HEADERS_MAX);
	x->headers[x->response.header_count++] = (struct http_header){name, value};
}

/* Completes the response; the lane sends it unless it has let go already. */
static void exchange_answer(struct exchange *x, int status, str body)
{
	ASSERT((atomic_load(&x->phase) & EXCHANGE_ANSWERED) == 0);
	for (size_t i = 0; i < COUNT_OF(cors); i++)
		header_add(x, cors[i].name, cors[i].value);
	x->response.status = status;
	x->response.body = body;
	x->response.content_type = body.n ? "application/json" : NULL;
	x->response.headers = x->headers;
	if (atomic_fetch_or(&x->phase, EXCHANGE_ANSWERED) & EXCHANGE_RUN_OVER)
		exchange_send(x);
}

void exchange_answer_preflight(struct exchange *x)
{
	exchange_answer(x, 204, STR_EMPTY);
	exchange_settle(x);
}

void exchange_refuse(struct http_request *http)
{
	static const struct http_response response = {
		.status = 503,
		.body = STR_INIT("{\"errcode\":\"M_UNKNOWN\",\"error\":\"The server has no memory left\"}"),
		.content_type = "application/json",
		.headers = cors,
		.header_count = COUNT_OF(cors),
	};
	http_answer(http, &response);
}

void exchange_settle(struct exchange *x)
{
	bool answered = atomic_load(&x->phase) & EXCHANGE_ANSWERED;
	if (x->parked && !answered) {
		x->parked = false;
		http_park(x->rq.http, x->park_deadline_mono_ms);
		return;
	}
	ASSERT(answered || x->held); /* else a handler returned RC_OK and nobody will ever answer */
	if (!answered)
		http_hold(x->rq.http);
	if (atomic_fetch_or(&x->phase, EXCHANGE_RUN_OVER) & EXCHANGE_ANSWERED)
		exchange_send(x);
}

enum rc api_hold(struct api_request *rq)
{
	exchange_of(rq)->held = true;
	return RC_OK;
}

enum rc api_park(struct api_request *rq, int64_t deadline_mono_ms)
{
	struct exchange *x = exchange_of(rq);
	x->parked = true;
	x->park_deadline_mono_ms = deadline_mono_ms;
	return RC_OK;
}

enum rc api_answer(struct api_request *rq, int status, str body)
{
	exchange_answer(exchange_of(rq), status, body);
	return RC_OK;
}

enum rc api_answer_empty_object(struct api_request *rq)
{
	return api_answer(rq, 200, STR("{}"));
}

enum rc api_answer_buf(struct api_request *rq, const struct buf *body)
{
	str text;
	TRY(buf_finish(body, &text));
	return api_answer(rq, 200, text);
}

/* {"errcode", "error", …}: Client-Server API, "Standard error response". Empty when the arena has no room. */
static str error_body(struct arena *arena, enum rc rc, const struct fail *fail)
{
	struct buf body;
	str text = STR_EMPTY;
	buf_init(&body, arena, ERROR_BODY_MAX_BYTES);
	buf_putc(&body, '{');
	json_put_key(&body, STR("errcode"));
	json_put_text(&body, str_of(rc_errcode(rc)));
	json_put_key(&body, STR("error"));
	json_put_text(&body, str_of(fail_message(fail)));
	if (fail->retry_after_ms > 0) {
		json_put_key(&body, STR("retry_after_ms"));
		buf_put_i64(&body, fail->retry_after_ms);
	}
	if (rc == RC_UNKNOWN_TOKEN && fail->soft_logout)
		buf_put(&body, STR(",\"soft_logout\":true"));
	buf_putc(&body, '}');
	return buf_finish(&body, &text) == RC_OK ? text : STR_EMPTY;
}

/* The same from constants, which need no escaping, in memory that is always there. */
static str error_body_spare(struct exchange *x, enum rc rc)
{
	int n = snprintf(x->spare, sizeof(x->spare), "{\"errcode\":\"%s\",\"error\":\"%s\"}",
	    rc_errcode(rc), rc_sentence(rc));
	ASSERT(n > 0 && (size_t)n < sizeof(x->spare));
	return str_bytes(x->spare, (size_t)n);
}

void api_answer_failure(struct api_request *rq, enum rc rc)
{
	struct exchange *x = exchange_of(rq);
	ASSERT(rc > RC_OK && rc < RC_COUNT);
	if (rq->fail.rc != rc) /* a sentence about something else that went wrong on the way */
		rq->fail = (struct fail){.rc = rc};
	str body = error_body(rq->arena, rc, &rq->fail);
	if (body.n == 0)
		body = error_body_spare(x, rc);
	if (rq->fail.retry_after_ms > 0) {
		int n = snprintf(x->retry_after, sizeof(x->retry_after), "%lld",
		    (long long)((rq->fail.retry_after_ms + 999) / 1000));
		header_add(x, "Retry-After", str_bytes(x->retry_after, (size_t)n));
	}
	if (x->allow[0])
		header_add(x, "Allow", str_of(x->allow));
	x->rc = rc;
	exchange_answer(x, rc_status(rc), body);
}
