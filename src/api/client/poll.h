/* What the two kinds of sync share: an answer that may have to be waited for. Private to src/api/client. */
#ifndef EXEUNT_API_CLIENT_POLL_H
#define EXEUNT_API_CLIENT_POLL_H

#include "api/request.h"

/* Kept over the parks of one request, in its arena, as the first member of what the handler keeps. */
struct poll {
	struct watch *watch;
	int64_t deadline_mono_ms;
};

/* Makes `rq->state` of `poll`, which is zeroed. Longer waits than the server's maximum are cut. */
void poll_begin(struct api_request *rq, struct poll *poll, int64_t timeout_ms);

/* set_presence, as a query parameter or in the body, where it is empty when not given. RC_INVALID_PARAM. */
MUST_CHECK enum rc poll_presence_check(struct api_request *rq, str presence);

/* Appends the answer. With `may_wait`, one that is empty is thrown away. */
typedef enum rc poll_answer_fn(struct api_request *rq, struct arena *scratch, bool may_wait,
    struct buf *out, struct sync_mark *ret_mark);

/* Answers, or parks until something happens or time is up; then the handler runs again and calls this again. */
MUST_CHECK enum rc poll_answer(struct api_request *rq, bool may_wait, poll_answer_fn *answer);

#endif
