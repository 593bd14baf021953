#include "net/http_int.h"

#include <string.h>

struct framing {
	unsigned lengths, encodings, expectations;
	str length, encoding, expectation;
};

static enum MHD_Result framing_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                      size_t key_n, const char *value, size_t value_n)
{
	(void)kind;
	struct framing *framing = cls;
	str name = {key, key_n};
	if (key_n == 14 && str_eq_ascii_nocase(name, STR("content-length"))) {
		framing->lengths++;
		framing->length = str_bytes(value, value_n);
	} else if (key_n == 17 && str_eq_ascii_nocase(name, STR("transfer-encoding"))) {
		framing->encodings++;
		framing->encoding = str_bytes(value, value_n);
	} else if (key_n == 6 && str_eq_ascii_nocase(name, STR("expect"))) {
		framing->expectations++;
		framing->expectation = str_bytes(value, value_n);
	}
	return MHD_YES;
}

/*
 * libmicrohttpd takes the first Content-Length of several, ignores it beside Transfer-Encoding and takes an
 * unknown encoding for a body that ends with the connection. A proxy before us may read each of these
 * in another way and see other requests than we do (RFC 9112, sections 6.1 and 6.3), so they are refused.
 */
bool http_body_framing(struct http_request *request)
{
	struct framing framing = {0};
	MHD_get_connection_values_n(request->conn->mhd, MHD_HEADER_KIND, framing_header, &framing);
	request->content_length = 0;
	request->expects_continue = framing.expectations > 0 &&
	                            str_eq_ascii_nocase(framing.expectation, STR("100-continue"));
	if (framing.encodings > 0) {
		request->content_length = UINT64_MAX;
		return framing.encodings == 1 && framing.lengths == 0 &&
		       str_eq_ascii_nocase(framing.encoding, STR("chunked"));
	}
	if (framing.lengths == 0)
		return true;
	int64_t length;
	if (framing.lengths > 1 || !str_to_i64(framing.length, 0, INT64_MAX, &length))
		return false;
	request->content_length = (uint64_t)length;
	return true;
}

bool http_body_expected(const struct http_request *request)
{
	return request->content_length > 0;
}

/*
 * With a length the body gets its place in one piece; the kernel gives the pages only as they are written, so
 * a large length with nothing behind it costs nothing. Chunks grow by doubling.
 */
static enum rc body_reserve(struct http_request *request, size_t needed_bytes)
{
	if (needed_bytes <= request->body_capacity)
		return RC_OK;
	size_t capacity;
	if (request->content_length != UINT64_MAX) {
		capacity = (size_t)request->content_length;
	} else {
		capacity = request->body_capacity ? request->body_capacity : 1024;
		while (capacity < needed_bytes)
			capacity *= 2;
		if (capacity > request->body_max_bytes)
			capacity = request->body_max_bytes;
	}
	char *body = arena_grow(&request->arena, request->body, request->body_bytes, capacity);
	if (!body)
		return arena_status(&request->arena);
	request->body = body;
	request->body_capacity = capacity;
	return RC_OK;
}

enum rc http_body_add(struct http_request *request, const char *data, size_t n)
{
	if (n > request->body_max_bytes - request->body_bytes)
		return RC_TOO_LARGE;
	TRY(body_reserve(request, request->body_bytes + n));
	memcpy(request->body + request->body_bytes, data, n);
	request->body_bytes += n;
	return RC_OK;
}
