/*
 * Inside of the HTTP client. http_client.c: the thread, its sockets and its calls; http_call.c: one call, from the
 * checks and libcurl's options to what the answer holds. All of it on the client's thread.
 */
#ifndef EXEUNT_NET_HTTP_CLIENT_INT_H
#define EXEUNT_NET_HTTP_CLIENT_INT_H

#include "base/buf.h"
#include "net/http_client.h"

#include <curl/curl.h>

/* What a call needs while it is under way; kept with its handle for a later one. */
struct call_state {
	CURL *easy;
	struct http_call *call;
	struct buf head, body;  /* of the answer, in the call's arena */
	size_t head_seen_bytes; /* heads of 1xx and trailers included */
	bool head_complete;
	bool maybe_sent;
	enum rc rc;             /* why we cut the answer off */
	struct call_state *next, *previous; /* of those under way, or (next) of the spare ones */
};

/* With the options that all calls share; NULL: no memory. */
struct call_state *call_state_new(long idle_s);
void call_state_free(struct call_state *state);

/* Checks the call and fills the handle; what fails has touched neither network nor result. */
MUST_CHECK enum rc call_state_begin(struct call_state *state, struct http_call *call);
/* The handle has left the multi handle: fills the results and forgets the call. Returns what to tell `done`. */
MUST_CHECK enum rc call_state_end(struct call_state *state, enum rc rc);
/* libcurl's verdict on the call in ours. */
enum rc call_state_outcome(const struct call_state *state, CURLcode code);

void call_clear_results(struct http_call *call);

#endif
