/*
 * What goes over a link (net/link.h): frames of a length and that many bytes. Pure: text in, text out; any thread.
 *
 *   frame    length: 4 bytes, then kind: 1 byte, then what the kind says
 *   HELLO    version: 1 byte, field secret
 *   REQUEST  id: 8 bytes, fields method, path, query, authorization, content type, client address, body
 *   ANSWER   id: 8 bytes, status: 2 bytes, fields Retry-After, body
 *   field    length: 4 bytes, and that many bytes
 *
 * Numbers are unsigned, the most significant byte first. There is one way to write a frame: nothing may stand behind its
 * last field. What frames mean is the link's matter: a field may hold any bytes.
 */
#ifndef EXEUNT_NET_LINK_FRAMES_H
#define EXEUNT_NET_LINK_FRAMES_H

#include "base/buf.h"

enum {
	LINK_VERSION = 1,
	/* Fields, in bytes. Each of a request's head is as long as a whole head that the HTTP server takes, at most. */
	LINK_SECRET_MAX_BYTES = 64,
	LINK_METHOD_MAX_BYTES = 16,
	LINK_HEAD_MAX_BYTES = 16 * 1024,
	LINK_ADDRESS_MAX_BYTES = 64,
	LINK_BODY_MAX_BYTES = 1024 * 1024,
	LINK_RETRY_AFTER_MAX_BYTES = 32,
	/* Frames, with their lengths. */
	LINK_LENGTH_BYTES = 4,
	LINK_HELLO_MAX_BYTES = LINK_LENGTH_BYTES + 1 + 1 + 4 + LINK_SECRET_MAX_BYTES,
	LINK_FRAME_MAX_BYTES = LINK_LENGTH_BYTES + 1 + 8 + 7 * 4 + LINK_METHOD_MAX_BYTES + 4 * LINK_HEAD_MAX_BYTES +
	                       LINK_ADDRESS_MAX_BYTES + LINK_BODY_MAX_BYTES,
};

enum link_kind { LINK_HELLO = 1, LINK_REQUEST = 2, LINK_ANSWER = 3 };

struct link_hello {
	unsigned version;
	str secret;
};

/* As it came over HTTP: path and query raw. Empty fields: there was no such header. */
struct link_request {
	str method, path, query;
	str authorization, content_type;
	str client_address; /* numeric: who asked, whatever proxies stand between */
	str body;
};

struct link_answer {
	int status;         /* of HTTP; 0: it was not run, or not to its end, since the process stops */
	str retry_after;    /* that header; empty: none */
	str body;           /* JSON */
};

struct link_frame {
	enum link_kind kind;
	uint64_t id;        /* of a request, and of its answer */
	union {
		struct link_hello hello;
		struct link_request request;
		struct link_answer answer;
	} u;
};

/* RC_TOO_LARGE: a field is longer than it may be; nothing was written then. Else what the buffer says. */
MUST_CHECK enum rc link_frame_put(struct buf *out, const struct link_frame *frame);

enum link_verdict {
	LINK_WHOLE,  /* `*ret_frame` is set, and the cursor stands behind the frame */
	LINK_PART,   /* more bytes are needed: `*ret_needed_bytes` from the cursor on, as far as is known */
	LINK_BROKEN, /* no frame, or one of more than `max_bytes` */
};

/* Texts of the frame point into what the cursor points to. Nothing but what the verdict names is written. */
MUST_CHECK enum link_verdict link_frame_take(str *cursor, size_t max_bytes, struct link_frame *ret_frame,
                                             size_t *ret_needed_bytes);

#endif
