/* What belongs to an event: its children; and the threads of a room. */
#include "core/room/relations.h"

#include "api/client/room_query.h"
#include "api/endpoints.h"

static enum rc limit_param(
    struct api_request *rq, int64_t otherwise, int64_t max, size_t *ret_limit)
{
	int64_t limit;
	TRY(api_query_integer(rq, STR("limit"), 1, INT64_MAX, otherwise, &limit));
	*ret_limit = (size_t)(limit < max ? limit : max);
	return RC_OK;
}

static enum rc children_wish_read(
    struct api_request *rq, struct children_wish *wish, bool *ret_recurse_given)
{
	bool backwards;
	str recurse;
	*wish = (struct children_wish){
	    .event_id = rq->path_params[1],
	    .rel_type = rq->path_param_count > 2 ? rq->path_params[2] : STR_EMPTY,
	    .type = rq->path_param_count > 3 ? rq->path_params[3] : STR_EMPTY,
	};
	TRY(direction_param(rq, "b", &backwards));
	wish->forwards = !backwards;
	TRY(position_param(rq, STR("from"), &wish->from_pos));
	TRY(position_param(rq, STR("to"), &wish->to_pos));
	TRY(limit_param(rq, RELATIONS_LIMIT_DEFAULT, RELATIONS_LIMIT_MAX, &wish->limit));
	TRY(api_query(rq, STR("recurse"), &recurse));
	*ret_recurse_given = recurse.p != NULL;
	return api_query_bool(rq, STR("recurse"), false, &wish->recurse);
}

/* GET /rooms/{roomId}/relations/{eventId}, and with /{relType} and /{eventType} */
enum rc client_relations(struct api_request *rq)
{
	struct buf out;
	struct children_wish wish;
	int64_t next_pos;
	bool recurse_given;
	struct room_query query = room_query_of(rq, &out);
	TRY(children_wish_read(rq, &wish, &recurse_given));
	buf_putc(&out, '{');
	TRY(room_children_answer(&query, &wish, &next_pos));
	if (next_pos >= 0)
		position_put(rq, &out, STR("next_batch"), next_pos);
	if (wish.from_pos >= 0)
		position_put(rq, &out, STR("prev_batch"), wish.from_pos);
	if (recurse_given)
		buf_printf(&out, ",\"recursion_depth\":%d", wish.recurse ? RELATIONS_DEPTH : 1);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/threads */
enum rc client_threads(struct api_request *rq)
{
	struct buf out;
	struct threads_wish wish = {0};
	str include;
	int64_t next_pos;
	struct room_query query = room_query_of(rq, &out);
	TRY(api_query(rq, STR("include"), &include));
	wish.participated = str_eq(include, STR("participated"));
	if (include.p && !wish.participated && !str_eq(include, STR("all")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "include must be all or participated");
	TRY(position_param(rq, STR("from"), &wish.from_pos));
	TRY(limit_param(rq, THREADS_LIMIT_DEFAULT, THREADS_LIMIT_MAX, &wish.limit));
	buf_putc(&out, '{');
	TRY(room_threads_answer(&query, &wish, &next_pos));
	if (next_pos >= 0)
		position_put(rq, &out, STR("next_batch"), next_pos);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}
