/*
 * The table of endpoints: one row each in client/endpoints.def, compiled into `endpoints`. tests/facts/test_drift.py
 * holds the rows against the specification. Constant data, any thread.
 *
 * EP(operationId, METHOD, "/path/{param}", AUTH_*, RATE_*, LANE_*, BODY_*, handler) is a row of the specification;
 * EPX(...) one that it lacks, with a comment above that names the source.
 */
#ifndef EXEUNT_API_ENDPOINTS_H
#define EXEUNT_API_ENDPOINTS_H

#include "api/rate_limit.h"
#include "api/request.h"

enum auth_kind {
	AUTH_NONE,     /* a token is not even looked at */
	AUTH_OPTIONAL, /* without a token has_session is false; a token that is given must be known */
	AUTH_REQUIRED,
};

enum body_kind {
	BODY_NONE,     /* what comes is thrown away, within BODY_SMALL_MAX_BYTES */
	BODY_SMALL,    /* a JSON object is required, up to BODY_SMALL_MAX_BYTES */
	BODY_OPTIONAL, /* the same; an empty body counts as {} */
	BODY_EVENT,    /* a JSON object that becomes the content of an event */
	BODY_LARGE,    /* a JSON object up to BODY_LARGE_MAX_BYTES: createRoom, account data */
	BODY_BULK,     /* a JSON object up to BODY_BULK_MAX_BYTES: keys into a backup */
};

enum {
	BODY_SMALL_MAX_BYTES = 128 * 1024,
	/* Every byte of a 64 KiB event may come as a six-byte escape. */
	BODY_EVENT_MAX_BYTES = 6 * 64 * 1024,
	BODY_LARGE_MAX_BYTES = 1024 * 1024 - 1,
	BODY_BULK_MAX_BYTES = 16 * 1024 * 1024,
};

struct endpoint {
	const char *operation; /* operationId */
	enum http_method method;
	const char *path; /* as in the specification */
	enum auth_kind auth;
	enum rate_class rate;
	enum http_lane lane;
	enum body_kind body;
	api_handler *handler;
};

extern const struct endpoint endpoints[];
extern const size_t endpoint_count;

size_t body_max_bytes(enum body_kind kind);

/* Every row's handler. */
#define EP(operation, method, path, auth, rate, lane, body, handler) api_handler handler;
#define EPX(operation, method, path, auth, rate, lane, body, handler) api_handler handler;
#include "api/client/endpoints.def"
#undef EP
#undef EPX

#endif
