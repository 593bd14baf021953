/*
 * Requests that did not come over a connection of the server: a link brings them in (link_serve.c). They are run as
 * any other: routed, limited, on the lanes, also parked and held. Private to src/net and its tests.
 */
#ifndef EXEUNT_NET_HTTP_INJECT_INT_H
#define EXEUNT_NET_HTTP_INJECT_INT_H

#include "net/http_server.h"

enum { HTTP_INJECTED_HEADERS_MAX = 4 };

/* Stands in the caller's object, from http_inject() to http_injected_end(). */
struct http_injection {
	/* Set by the caller; what they point to is copied by http_inject(). */
	str method, path, query, body;
	str peer_address;       /* numeric: whom http_peer_address() names */
	struct http_header headers[HTTP_INJECTED_HEADERS_MAX]; /* names are static; without those that are empty */
	size_t header_count;
	/*
	 * Once, when the request is over, on any thread, maybe before http_inject() has returned: be short. Not if that
	 * has failed.
	 */
	void (*over)(struct http_injection *injection);
	/* Set before `over`; texts live until http_injected_end(). */
	int status;             /* 0: the server stops, and nothing, or not all, was done */
	str answer, retry_after; /* retry_after: that header, empty: none */
	struct http_request *request; /* the server's */
};

/*
 * RC_STOPPING; RC_BUSY: as many injected requests as connections_max are under way; RC_NOMEM. Everything else that is
 * wrong is answered.
 */
MUST_CHECK enum rc http_inject(struct http_server *server, struct http_injection *injection);
/* After `over`, on one thread at a time: on_end, and the memory goes back. Before http_server_free(). */
void http_injected_end(struct http_injection *injection);

#endif
