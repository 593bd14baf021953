/* What came in with a request, and how it came: over a connection of the server, or by other ways (http_inject.c). */
#include "base/buf.h"
#include "net/http_int.h"

#include <string.h>

/* The head stands in the connection's own memory until the request is completed; it is not copied. */
static str connection_header(struct http_request *request, const char *name)
{
	const char *value = NULL;
	size_t n = 0;
	if (MHD_lookup_connection_value_n(request->conn->mhd, MHD_HEADER_KIND, name, strlen(name),
	                                  &value, &n) != MHD_YES)
		return STR_EMPTY;
	return str_trim(str_bytes(value, n)); /* the library keeps the blanks behind it */
}

struct joined {
	struct buf text;
	const char *name;
};

static enum MHD_Result join_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_n,
                                   const char *value, size_t n)
{
	struct joined *joined = self;
	(void)kind;
	if (!str_eq_ascii_nocase(str_bytes(name, name_n), str_of(joined->name)))
		return MHD_YES;
	if (buf_str(&joined->text).n > 0)
		buf_putc(&joined->text, ',');
	buf_put(&joined->text, str_trim(str_bytes(value, n)));
	return MHD_YES;
}

static str connection_header_joined(struct http_request *request, const char *name)
{
	struct joined joined = {.name = name};
	str text = STR_EMPTY;
	buf_init(&joined.text, &request->arena, request->server->config.head_max_bytes);
	(void)MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, join_header, &joined);
	return buf_finish(&joined.text, &text) == RC_OK ? text : STR_EMPTY;
}

static str connection_peer_address(struct http_request *request)
{
	struct http_conn *conn = request->conn;
	if (conn->peer[0] == '\0') {
		const struct sockaddr *address = MHD_get_connection_info(
			conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
		http_address_text(address, conn->peer, sizeof conn->peer);
	}
	return str_of(conn->peer);
}

/* The loop thread calls http_on_call() again, which finds out from `state` what to do. */
static void connection_resume(struct http_request *request)
{
	struct http_loop *loop = request->conn->loop;
	MHD_resume_connection(request->conn->mhd);
	http_loop_wake(loop); /* the request may be gone by now */
}

const struct http_transport http_over_connection = {
	.header = connection_header,
	.header_joined = connection_header_joined,
	.peer_address = connection_peer_address,
	.answer = http_answer_make,
	.resume = connection_resume,
};

struct arena *http_arena(struct http_request *request)
{
	return &request->arena;
}

enum http_method http_method(const struct http_request *request)
{
	return request->method;
}

str http_method_text(const struct http_request *request)
{
	return request->method_text;
}

str http_path(const struct http_request *request)
{
	return request->path;
}

str http_query(const struct http_request *request)
{
	return request->query;
}

str http_header(struct http_request *request, const char *name)
{
	return request->transport->header(request, name);
}

str http_header_joined(struct http_request *request, const char *name)
{
	return request->transport->header_joined(request, name);
}

str http_body(const struct http_request *request)
{
	return str_bytes(request->body, request->body_bytes);
}

str http_peer_address(struct http_request *request)
{
	return request->transport->peer_address(request);
}

bool http_is_injected(const struct http_request *request)
{
	return !request->conn;
}

bool http_stopping(const struct http_request *request)
{
	return http_is_stopping(request->server);
}

uint64_t http_request_id(const struct http_request *request)
{
	return request->id;
}

void http_set_context(struct http_request *request, void *context)
{
	request->context = context;
}

void *http_context(const struct http_request *request)
{
	return request->context;
}
