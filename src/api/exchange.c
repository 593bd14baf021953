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
	return x;
}

static void header_add(struct exchange *x, const char *name, str value)
{
	ASSERT(x->header_count < EXCHANGE_HEADERS_MAX);
	x->headers[x->header_count++] = (struct http_header){name, value};
}

/* The last touch: another thread may forget the request as soon as it is answered. */
static void exchange_answer(struct exchange *x, int status, str body)
{
	for (size_t i = 0; i < COUNT_OF(cors); i++)
		header_add(x, cors[i].name, cors[i].value);
	exchange_account(x, status);
	http_answer(x->rq.http, &(struct http_response){
				    .status = status,
				    .body = body,
				    .content_type = body.n ? "application/json" : NULL,
				    .headers = x->headers,
				    .header_count = x->header_count,
				});
}

void exchange_answer_preflight(struct exchange *x)
{
	exchange_answer(x, 204, STR_EMPTY);
}

void exchange_answer_passed(struct exchange *x, int status, str body, str retry_after)
{
	if (retry_after.n)
		header_add(x, "Retry-After", retry_after);
	exchange_answer(x, status, body);
}

const struct http_header *api_own_headers(size_t *ret_count)
{
	*ret_count = COUNT_OF(cors);
	return cors;
}

void exchange_refuse(struct http_request *http)
{
	static const struct http_response response = {
	    .status = 503,
	    .body =
		STR_INIT("{\"errcode\":\"M_UNKNOWN\",\"error\":\"The server has no memory left\"}"),
	    .content_type = "application/json",
	    .headers = cors,
	    .header_count = COUNT_OF(cors),
	};
	http_answer(http, &response);
}

enum rc api_hold(struct api_request *rq)
{
	http_hold(rq->http);
	return RC_OK;
}

enum rc api_park(struct api_request *rq, int64_t deadline_mono_ms)
{
	http_park(rq->http, deadline_mono_ms);
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
	if (rc == RC_WRONG_ROOM_KEYS_VERSION)
		buf_printf(
		    &body, ",\"current_version\":\"%lld\"", (long long)fail->current_version);
	if ((rc == RC_UNKNOWN_TOKEN || rc == RC_USER_LOCKED) && fail->soft_logout)
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
