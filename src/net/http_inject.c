/*
 * An injected request has a slot of the server as one of a connection has, but no MHD_Connection: what it came with
 * stands in its arena, and its end is told to whoever brought it.
 *
 * Slots are never given back to the heap before the server is: whoever goes through all of them when the server stops
 * needs no lock while it looks at one. A wake that meets a slot which is free, or used again, is of no harm.
 */
#include "net/http_inject_int.h"

#include "base/buf.h"
#include "base/heap.h"
#include "net/http_int.h"

/* An arena that used no more than this keeps its memory for the next request of the slot. */
enum { ARENA_KEEP_BYTES = 3 * 1024 };

struct http_injected {
	struct http_request request;
	struct http_injection *injection; /* NULL: the slot is free */
	struct http_header headers[HTTP_INJECTED_HEADERS_MAX];
	size_t header_count;
	str peer_address;
	struct http_injected *next; /* of all, never changed */
	struct http_injected *next_free;
};

static struct http_injected *injected_of(struct http_request *request)
{
	return CONTAINER_OF(request, struct http_injected, request);
}

/* ---- the transport ---- */

static str injected_header(struct http_request *request, const char *name)
{
	const struct http_injected *injected = injected_of(request);
	for (size_t i = 0; i < injected->header_count; i++)
		if (str_eq_ascii_nocase(str_of(injected->headers[i].name), str_of(name)))
			return injected->headers[i].value;
	return STR_EMPTY;
}

static str injected_peer_address(struct http_request *request)
{
	return injected_of(request)->peer_address;
}

static void injected_answer(struct http_request *request, const struct http_response *response)
{
	struct http_injection *injection = injected_of(request)->injection;
	injection->status = response->status;
	injection->answer = response->body;
	for (size_t i = 0; i < response->header_count; i++)
		if (str_eq_ascii_nocase(str_of(response->headers[i].name), STR("Retry-After")))
			injection->retry_after = response->headers[i].value;
}

static void injected_resume(struct http_request *request)
{
	struct http_injection *injection = injected_of(request)->injection;
	COUNT_ADD(request->server->counters.bytes_out, injection->answer.n);
	injection->over(injection);
}

static const struct http_transport http_over_link = {
    .header = injected_header,
    .header_joined = injected_header,
    .peer_address = injected_peer_address,
    .answer = injected_answer,
    .resume = injected_resume,
};

/* ---- slots ---- */

static struct http_injected *slot_take_free(struct http_server *server, bool *ret_is_full)
{
	lock_take(&server->injected_mu);
	struct http_injected *injected = server->injected_free;
	if (injected)
		server->injected_free = injected->next_free;
	*ret_is_full = !injected && server->injected_count >= server->config.connections_max;
	lock_drop(&server->injected_mu);
	return injected;
}

static enum rc slot_take(struct http_server *server, struct http_injected **ret_injected)
{
	bool is_full;
	struct http_injected *injected = slot_take_free(server, &is_full);
	if (!injected && is_full)
		return RC_BUSY;
	if (injected) {
		*ret_injected = injected;
		return RC_OK;
	}
	injected = heap_new(struct http_injected);
	if (!injected)
		return RC_NOMEM;
	injected->request.server = server;
	injected->request.transport = &http_over_link;
	arena_init(&injected->request.arena, server->config.request_budget_bytes);
	lock_take(&server->injected_mu);
	injected->next = server->injected;
	server->injected = injected;
	server->injected_count++;
	lock_drop(&server->injected_mu);
	*ret_injected = injected;
	return RC_OK;
}

static void slot_give(struct http_injected *injected)
{
	struct http_server *server = injected->request.server;
	injected->injection = NULL;
	lock_take(&server->injected_mu);
	injected->next_free = server->injected_free;
	server->injected_free = injected;
	lock_drop(&server->injected_mu);
}

static struct http_injected *slots_newest(struct http_server *server)
{
	lock_take(&server->injected_mu);
	struct http_injected *injected = server->injected;
	lock_drop(&server->injected_mu);
	return injected;
}

void http_injected_each(struct http_server *server, void (*visit)(struct http_request *request))
{
	for (struct http_injected *injected = slots_newest(server); injected;
	     injected = injected->next)
		visit(&injected->request);
}

void http_injected_free(struct http_server *server)
{
	for (struct http_injected *injected = server->injected, *next; injected; injected = next) {
		next = injected->next;
		arena_release(&injected->request.arena);
		heap_free(injected);
	}
}

/* ---- a request ---- */

static void own_answer(struct http_request *request, enum own_answer which)
{
	const struct own *own = &request->server->own[which];
	http_answer(request, &(struct http_response){.status = own->status, .body = own->body});
}

static void fields_copy(struct http_injected *injected, const struct http_injection *in)
{
	struct http_request *request = &injected->request;
	request->method_text = arena_dup(&request->arena, in->method);
	request->method = http_method_parse(request->method_text);
	request->path = arena_dup(&request->arena, in->path);
	request->query = arena_dup(&request->arena, in->query);
	request->body = UNCONST(char *, arena_dup(&request->arena, in->body).p);
	request->body_bytes = in->body.n;
	injected->peer_address = arena_dup(&request->arena, in->peer_address);
	injected->header_count = 0;
	for (size_t i = 0; i < in->header_count; i++)
		if (in->headers[i].value.n > 0)
			injected->headers[injected->header_count++] = (struct http_header){
			    in->headers[i].name, arena_dup(&request->arena, in->headers[i].value)};
}

/* What a loop thread does with a head. False: it was answered. */
static bool head_take(struct http_request *request)
{
	const struct http_handler *handler = &request->server->config.handler;
	size_t body_max_bytes = 0;
	if (arena_status(&request->arena) != RC_OK) {
		own_answer(request, OWN_NO_MEMORY);
		return false;
	}
	request->lane = LANE_DB;
	request->begun = true;
	if (handler->on_head(handler->self, request, &body_max_bytes, &request->lane) ==
	    HTTP_HEAD_ANSWERED)
		return false;
	bool fits = request->body_bytes <= body_max_bytes;
	if (fits && !http_lane_is_full(request))
		return true;
	own_answer(request, fits ? OWN_LANE_FULL : OWN_BODY_TOO_LARGE);
	return false;
}

/* Counted first: a server that stops waits for those that it has not refused. */
static enum rc enter(struct http_server *server)
{
	__atomic_fetch_add(&server->active, 1, __ATOMIC_ACQ_REL);
	if (!http_is_stopping(server))
		return RC_OK;
	http_active_end(server);
	return RC_STOPPING;
}

enum rc http_inject(struct http_server *server, struct http_injection *injection)
{
	struct http_injected *injected = NULL;
	TRY(enter(server));
	enum rc rc = slot_take(server, &injected);
	if (rc != RC_OK) {
		http_active_end(server);
		return rc;
	}
	struct http_request *request = &injected->request;
	injected->injection = injection;
	injection->request = request;
	injection->status = 0;
	injection->answer = injection->retry_after = STR_EMPTY;
	__atomic_store_n(&request->state, REQ_LOOP, __ATOMIC_RELEASE);
	COUNT_ADD(server->counters.requests, 1);
	COUNT_ADD(
	    server->counters.bytes_in, injection->path.n + injection->query.n + injection->body.n);
	request->id = __atomic_add_fetch(&server->next_id, 1, __ATOMIC_RELAXED);
	fields_copy(injected, injection);
	if (head_take(request))
		http_lane_dispatch(request);
	else
		injected_resume(request);
	return RC_OK;
}

void http_injected_end(struct http_injection *injection)
{
	struct http_request *request = TAKE(injection->request);
	struct http_server *server = request->server;
	if (request->park_armed)
		timers_cancel(&server->timers, &request->park_timer);
	http_request_finish(request);
	slot_give(injected_of(request));
	http_active_end(server);
}
