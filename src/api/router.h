/*
 * Router: from a raw path to the row of its endpoint and the decoded parameters.
 *
 * A tree over path segments, built once at start, then constant: any thread. A path is split at '/' first and its
 * parameters are percent-decoded afterwards, so an escaped slash stays inside its parameter. Literal segments
 * are compared as they stand and win over parameters.
 *
 * Two liberties beyond the table: `r0` counts as `v3`, and a last segment {stateKey} may be empty or left out
 * with its slash.
 */
#ifndef EXEUNT_API_ROUTER_H
#define EXEUNT_API_ROUTER_H

#include "api/endpoints.h"

enum {
	PATH_SEGMENTS_MAX = 16, /* more is no path of ours */
	ALLOW_MAX_BYTES = 64,
};

struct router;

MUST_CHECK enum rc router_new(
    const struct endpoint *rows, size_t count, struct router **ret_router);
void router_free(struct router *router);

struct route {
	const struct endpoint *endpoint;
	str params[PATH_PARAMS_MAX]; /* decoded, in the arena or in the path */
	size_t param_count;
	char allow
	    [ALLOW_MAX_BYTES]; /* with RC_METHOD_NOT_ALLOWED: the methods that there are, for the header Allow */
};

/* RC_UNRECOGNIZED, RC_METHOD_NOT_ALLOWED, RC_INVALID_PARAM (a broken escape). HEAD finds what GET finds. */
MUST_CHECK enum rc router_find(const struct router *router, struct arena *arena,
    enum http_method method, str path, struct route *ret_route);

#endif
