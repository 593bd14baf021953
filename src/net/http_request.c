/*
 * A request on its loop thread: libmicrohttpd's callbacks. It calls http_on_uri() with the request line,
 * http_on_call() once with the head, then with each piece of the body, then without data when
 * all is there (and again after each resume), and http_on_completed() at the end, however it comes.
 */
#include "base/assert.h"
#include "net/http_int.h"

#include <string.h>

/* An arena that used no more than this keeps its memory for the next request of the connection. */
enum { ARENA_KEEP_BYTES = 3 * 1024 };

static const struct {
	str text;
	enum http_method method;
} methods[] = {
	{STR_INIT("GET"), HTTP_GET},       {STR_INIT("PUT"), HTTP_PUT},
	{STR_INIT("POST"), HTTP_POST},     {STR_INIT("OPTIONS"), HTTP_OPTIONS},
	{STR_INIT("DELETE"), HTTP_DELETE}, {STR_INIT("HEAD"), HTTP_HEAD},
	{STR_INIT("PATCH"), HTTP_PATCH},
};

enum http_method http_method_parse(str text)
{
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (str_eq(text, methods[i].text))
			return methods[i].method;
	return HTTP_OTHER;
}

/* The only place where the URI is seen before libmicrohttpd takes it apart and decodes it. */
void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	(void)cls;
	struct http_conn *conn = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	if (!conn)
		return NULL;
	struct http_request *request = &conn->request;
	__atomic_store_n(&request->state, REQ_LOOP, __ATOMIC_RELEASE);
	str whole = arena_dup(&request->arena, str_of(uri));
	size_t mark = str_find(whole, '?');
	request->path = str_first(whole, mark);
	request->query = str_from(whole, mark + 1);
	return request;
}

/*
 * Answers instead of going on. Without a body on its way that is the library's matter; with one, the answer goes
 * out on the bare socket (see http_conn.c).
 */
static enum MHD_Result refuse(struct http_request *request, enum own_answer which)
{
	if (!http_body_expected(request) || request->expects_continue)
		return http_own_queue(request, which);
	struct own *own = &request->server->own[which];
	http_conn_refuse(request->conn, own->response, own->status, own->body);
	return MHD_YES;
}

static enum MHD_Result refuse_rc(struct http_request *request, enum rc rc)
{
	if (request->expects_continue && request->body_bytes > 0)
		request->expects_continue = false; /* 100 was sent, and the body is on its way */
	return refuse(request, rc == RC_NOMEM ? OWN_NO_MEMORY : OWN_BODY_TOO_LARGE);
}

/* on_head has answered. A small body is read and thrown away, so that the connection can be kept. */
static enum MHD_Result answered_early(struct http_request *request)
{
	if (!http_body_expected(request))
		return MHD_YES;
	if (request->expects_continue)
		return http_answer_queue(request);
	if (request->content_length != UINT64_MAX &&
	    request->content_length > HTTP_DISCARD_MAX_BYTES && request->response)
		http_conn_refuse(request->conn, request->response, request->status,
		                 request->answer_body);
	return MHD_YES;
}

static enum MHD_Result ask_handler(struct http_request *request)
{
	const struct http_handler *handler = &request->server->config.handler;
	size_t body_max_bytes = 0;
	request->lane = LANE_DB;
	request->begun = true;
	if (handler->on_head(handler->self, request, &body_max_bytes, &request->lane) ==
	    HTTP_HEAD_ANSWERED) {
		ASSERT((request->state & REQ_ANSWERED) != 0);
		return answered_early(request);
	}
	request->body_max_bytes = body_max_bytes;
	if (request->content_length != UINT64_MAX && request->content_length > body_max_bytes)
		return refuse_rc(request, RC_TOO_LARGE);
	return MHD_YES;
}

static enum MHD_Result on_head_complete(struct http_request *request, const char *method)
{
	struct http_conn *conn = request->conn;
	struct http_server *server = conn->server;
	request->counted = true;
	__atomic_fetch_add(&server->active, 1, __ATOMIC_ACQ_REL);
	COUNT_ADD(server->counters.requests, 1);
	request->id = __atomic_add_fetch(&server->next_id, 1, __ATOMIC_RELAXED);
	request->method_text = str_of(method);
	request->method = http_method_parse(request->method_text);
	request->head_bytes = MHD_get_connection_info(
		conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
	COUNT_ADD(server->counters.bytes_in, request->head_bytes);
	bool framed = http_body_framing(request);
	bool with_body = http_body_expected(request);
	if (!http_conn_enter(conn, with_body ? CONN_BODY : CONN_BUSY,
	                     with_body ? server->config.body_timeout_ms : 0))
		return MHD_NO;
	if (http_is_stopping(server))
		return refuse(request, OWN_STOPPING);
	if (request->head_bytes > server->config.head_max_bytes)
		return refuse(request, OWN_HEAD_TOO_LARGE);
	if (!framed)
		return refuse(request, OWN_BAD_FRAMING);
	if (arena_status(&request->arena) != RC_OK)
		return refuse(request, OWN_NO_MEMORY);
	return ask_handler(request);
}

static enum MHD_Result on_body(struct http_request *request, const char *data, size_t n)
{
	struct http_conn *conn = request->conn;
	COUNT_ADD(conn->server->counters.bytes_in, n);
	enum conn_phase phase = http_conn_phase(conn);
	if (phase == CONN_LINGER) {
		conn->lingered_bytes += n;
		return conn->lingered_bytes > HTTP_LINGER_MAX_BYTES ? MHD_NO : MHD_YES;
	}
	if (phase != CONN_BODY)
		return MHD_NO;
	if ((request->state & REQ_ANSWERED) != 0) {
		request->discarded_bytes += n;
		if (request->discarded_bytes > HTTP_DISCARD_MAX_BYTES && request->response)
			http_conn_refuse(conn, request->response, request->status,
			                 request->answer_body);
		return MHD_YES;
	}
	enum rc rc = http_body_add(request, data, n);
	return rc == RC_OK ? MHD_YES : refuse_rc(request, rc);
}

static enum MHD_Result on_complete(struct http_request *request)
{
	unsigned state = __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);
	if ((state & (REQ_GONE | REQ_ABANDONED)) != 0)
		return MHD_NO;
	if ((state & REQ_LOOP) != 0 && http_body_expected(request) &&
	    !http_conn_enter(request->conn, CONN_BUSY, 0))
		return MHD_NO; /* refused on the bare socket; all was read, so it can be closed */
	if ((state & REQ_ANSWERED) != 0)
		return http_answer_queue(request);
	if ((state & REQ_LOOP) == 0)
		return MHD_YES; /* not ours to act on: it is on its lane */
	if (http_lane_is_full(request))
		return http_own_queue(request, OWN_LANE_FULL);
	MHD_suspend_connection(request->conn->mhd);
	http_lane_dispatch(request);
	return MHD_YES;
}

enum MHD_Result http_on_call(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *data_bytes, void **context)
{
	(void)cls;
	(void)mhd;
	(void)url;
	(void)version;
	struct http_request *request = *context;
	if (!request) /* more connections than slots: cannot be, but closing is always right */
		return MHD_NO;
	if (!request->counted)
		return on_head_complete(request, method);
	if (*data_bytes == 0)
		return on_complete(request);
	size_t n = *data_bytes;
	*data_bytes = 0;
	return on_body(request, data, n);
}

void http_active_end(struct http_server *server)
{
	if (__atomic_sub_fetch(&server->active, 1, __ATOMIC_ACQ_REL) > 0 || !http_is_stopping(server))
		return;
	lock_take(&server->stop_mu);
	cond_broadcast(&server->idle);
	lock_drop(&server->stop_mu);
}

void http_request_finish(struct http_request *request)
{
	struct http_server *server = request->server;
	if (request->begun && server->config.handler.on_end)
		server->config.handler.on_end(server->config.handler.self, request);
	if (request->response)
		MHD_destroy_response(request->response);
	unsigned state = __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);
	struct arena arena = request->arena;
	if (arena.used_bytes > ARENA_KEEP_BYTES || (state & REQ_ABANDONED) != 0)
		arena_release(&arena);
	else
		arena_clear(&arena);
	/* What stands before `link` stays readable for a thread that goes through all of them. */
	memset((char *)request + offsetof(struct http_request, link), 0,
	       sizeof *request - offsetof(struct http_request, link));
	request->arena = arena;
	__atomic_store_n(&request->state, 0, __ATOMIC_RELEASE);
	if ((state & REQ_ABANDONED) != 0)
		http_server_unref(server);
}

/* The answer is in the kernel's hands, or the connection is lost. */
void http_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode code)
{
	(void)mhd;
	(void)code;
	struct http_server *server = cls;
	struct http_request *request = *context;
	*context = NULL;
	if (!request)
		return;
	struct http_conn *conn = request->conn;
	if (request->park_armed)
		timers_cancel(&server->timers, &request->park_timer);
	bool counted = request->counted;
	unsigned before = __atomic_fetch_or(&request->state, REQ_DETACHED, __ATOMIC_ACQ_REL);
	if ((before & (REQ_ABANDONED | REQ_ANSWERED)) != REQ_ABANDONED)
		http_request_finish(request);
	(void)http_conn_enter(conn, CONN_HEAD, server->config.idle_timeout_ms);
	if (counted)
		http_active_end(server);
}
