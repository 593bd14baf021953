/*
 * Answers: those of handlers, and those that the server gives by itself.
 *
 * The body is not copied: libmicrohttpd sends it from the request's arena, which is released when it tells
 * that the request is completed. http_answer() builds the response on the caller's thread; queueing it is
 * left to the loop thread, the only one that may touch a connection which is not suspended.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "net/http_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A value that is no header value (a line break in it) is refused by libmicrohttpd, and left out. */
static void add_header(struct MHD_Response *response, const char *name, str value)
{
	char small[512];
	if (value.n < sizeof small) {
		if (value.n > 0)
			memcpy(small, value.p, value.n);
		small[value.n] = '\0';
		(void)MHD_add_response_header(response, name, small);
		return;
	}
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, value.n + 1);
	const char *text = arena_cstr(&scratch, value);
	if (text)
		(void)MHD_add_response_header(response, name, text);
}

/* 503 says when to come again: what handlers do not say, such as for a database that is away, is said here. */
static void add_retry_after(struct MHD_Response *response)
{
	char seconds[16];
	if (MHD_get_response_header(response, "Retry-After"))
		return;
	snprintf(seconds, sizeof seconds, "%d", HTTP_RETRY_AFTER_S);
	(void)MHD_add_response_header(response, "Retry-After", seconds);
}

static struct MHD_Response *response_make(const struct http_response *r)
{
	/* The library's buffer is not const, but "persistent" ones are only read. */
	struct MHD_Response *response = MHD_create_response_from_buffer(
		r->body.n, UNCONST(void *, r->body.n ? r->body.p : ""), MHD_RESPMEM_PERSISTENT);
	if (!response)
		return NULL;
	if (r->content_type)
		(void)MHD_add_response_header(response, "Content-Type", r->content_type);
	for (size_t i = 0; i < r->header_count; i++)
		add_header(response, r->headers[i].name, r->headers[i].value);
	if (r->status == 503)
		add_retry_after(response);
	return response;
}

void http_answer_make(struct http_request *request, const struct http_response *response)
{
	request->response = response_make(response);
	request->status = response->status;
	request->answer_body = response->body;
}

void http_answer(struct http_request *request, const struct http_response *response)
{
	request->transport->answer(request, response);
	unsigned before = __atomic_fetch_or(&request->state, REQ_ANSWERED, __ATOMIC_ACQ_REL);
	ASSERT((before & REQ_ANSWERED) == 0);
	if ((before & REQ_DETACHED) != 0)
		http_request_finish(request); /* the connection is gone; only we are left */
	else if ((before & (REQ_LOOP | REQ_RUN | REQ_ABANDONED)) == 0)
		request->transport->resume(request);
	/* In on_head and in `run` the thread that called them goes on with it when they return. */
}

enum MHD_Result http_answer_queue(struct http_request *request)
{
	struct MHD_Response *response = TAKE(request->response);
	if (!response) /* no memory to build it with */
		return http_own_queue(request, OWN_NO_MEMORY);
	struct http_server *server = request->server;
	if (http_is_stopping(server))
		(void)MHD_add_response_header(response, "Connection", "close");
	COUNT_ADD(server->counters.bytes_out, request->answer_body.n);
	enum MHD_Result result =
		MHD_queue_response(request->conn->mhd, (unsigned)request->status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result http_own_queue(struct http_request *request, enum own_answer which)
{
	struct http_server *server = request->server;
	const struct own *own = &server->own[which];
	COUNT_ADD(server->counters.bytes_out, own->body.n);
	return MHD_queue_response(request->conn->mhd, (unsigned)own->status, own->response);
}

static const struct own_row {
	enum rc rc;
	int status;             /* 0: the rc's */
	const char *sentence;   /* NULL: the rc's */
	bool closes;
} own_rows[OWN_COUNT] = {
	[OWN_BODY_TOO_LARGE] = {RC_TOO_LARGE, 0, "The body of the request is too large", true},
	[OWN_HEAD_TOO_LARGE] = {RC_TOO_LARGE, 431, "The head of the request is too large", true},
	[OWN_BAD_FRAMING] = {RC_UNKNOWN_400, 0,
		"Content-Length and Transfer-Encoding do not tell the length of the body", true},
	[OWN_SLOW_BODY] = {RC_TIMEOUT, 0, "The body of the request took too long to arrive", true},
	[OWN_LANE_FULL] = {RC_BUSY, 0, NULL, false},
	[OWN_STOPPING] = {RC_STOPPING, 0, NULL, true},
	[OWN_NO_MEMORY] = {RC_NOMEM, 0, NULL, true},
};

static enum rc own_make(struct http_server *server, struct own *own, const struct own_row *row)
{
	own->status = row->status ? row->status : rc_status(row->rc);
	own->body = arena_printf(&server->arena, "{\"errcode\":\"%s\",\"error\":\"%s\"}",
	                         rc_errcode(row->rc),
	                         row->sentence ? row->sentence : rc_sentence(row->rc));
	TRY(arena_status(&server->arena));
	own->response = response_make(&(struct http_response){
		.status = own->status,
		.body = own->body,
		.content_type = "application/json",
		.headers = server->config.own_headers,
		.header_count = server->config.own_header_count,
	});
	if (!own->response)
		return RC_NOMEM;
	if (row->closes)
		(void)MHD_add_response_header(own->response, "Connection", "close");
	return RC_OK;
}

/* Made once: under overload an own answer costs no memory. */
enum rc http_own_make(struct http_server *server)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		TRY(own_make(server, &server->own[i], &own_rows[i]));
	return RC_OK;
}

void http_own_free(struct http_server *server)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (server->own[i].response)
			MHD_destroy_response(server->own[i].response);
}

static enum MHD_Result put_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
	(void)kind;
	if (strcasecmp(name, "Connection") != 0)
		buf_printf(cls, "%s: %s\r\n", name, value);
	return MHD_YES;
}

static const char *reason_phrase(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	default:
		return "Refused";
	}
}

str http_answer_raw(struct arena *arena, const struct clock *clock, struct MHD_Response *response,
                    int status, str body)
{
	struct buf out;
	buf_init(&out, arena, arena->budget_bytes);
	buf_printf(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\n", status, reason_phrase(status));
	time_t seconds = (time_t)(clock_wall_ms(clock) / 1000);
	struct tm tm;
	char date[40];
	if (gmtime_r(&seconds, &tm) && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		buf_printf(&out, "Date: %s\r\n", date);
	MHD_get_response_headers(response, put_header, &out);
	buf_printf(&out, "Content-Length: %zu\r\n\r\n", body.n);
	buf_put(&out, body);
	str text = STR_EMPTY;
	return buf_finish(&out, &text) == RC_OK ? text : STR_EMPTY;
}
