/* The body of sliding sync. Private to src/api/client. */
#ifndef EXEUNT_API_CLIENT_SYNC_SLIDING_H
#define EXEUNT_API_CLIENT_SYNC_SLIDING_H

#include "api/request.h"
#include "core/sync/sliding.h"

/* What stands in the body for the handler; the stable path has all of it there, the unstable one in the query. */
struct sliding_body {
	str pos, set_presence;
	int64_t timeout_ms;
	struct sliding_request request;
};

/*
 * Both forms are read on both paths: `range` and `ranges`, required_state as an object and as pairs, is_invited and is_invite. Errors name the
 * member. RC_BAD_JSON, RC_MISSING_PARAM, RC_INVALID_PARAM.
 */
MUST_CHECK enum rc sliding_body_read(struct api_request *rq, struct sliding_body *ret_body);

#endif
