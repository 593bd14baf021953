/* What handlers that read rooms share: the question, and its places and filters among the query parameters. */
#ifndef EXEUNT_API_CLIENT_ROOM_QUERY_H
#define EXEUNT_API_CLIENT_ROOM_QUERY_H

#include "api/request.h"
#include "core/room/queries.h"

/* Begins the answer in `out`; the room is that of the first path parameter, if there is one. */
struct room_query room_query_of(struct api_request *rq, struct buf *out);

/* A pagination or sync token; -1 when it is absent. RC_INVALID_PARAM names the parameter. */
MUST_CHECK enum rc position_param(struct api_request *rq, str name, int64_t *ret_pos);
/* Appends `"key":"token"`. */
void position_put(struct api_request *rq, struct buf *out, str key, int64_t pos);

/* A RoomEventFilter: `*ret_filter` is `filter`, or NULL when it is absent. */
MUST_CHECK enum rc filter_param(struct api_request *rq, struct event_filter *filter,
                                const struct event_filter **ret_filter);

/* `dir`: f or b. `fallback`, if it may be absent; NULL: RC_MISSING_PARAM. */
MUST_CHECK enum rc direction_param(struct api_request *rq, const char *fallback, bool *ret_backwards);

#endif
