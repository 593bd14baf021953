/* Reading rooms: state, single events and their context, members, joined rooms, messages. */
#include "api/client/room_query.h"
#include "api/endpoints.h"

/* GET /rooms/{roomId}/state */
enum rc client_state(struct api_request *rq)
{
	struct buf out;
	struct room_query query = room_query_of(rq, &out);
	TRY(room_state_answer(&query));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/state/{eventType}/{stateKey} */
enum rc client_state_event(struct api_request *rq)
{
	struct buf out;
	str format;
	struct room_query query = room_query_of(rq, &out);
	TRY(api_query(rq, STR("format"), &format));
	bool whole = str_eq(format, STR("event"));
	if (format.p && !whole && !str_eq(format, STR("content")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "format must be content or event");
	TRY(room_state_event_answer(&query, rq->path_params[1], rq->path_params[2], whole));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/event/{eventId} */
enum rc client_event(struct api_request *rq)
{
	struct buf out;
	struct room_query query = room_query_of(rq, &out);
	TRY(room_event_answer(&query, rq->path_params[1]));
	return api_answer_buf(rq, &out);
}

static enum rc membership_param(struct api_request *rq, str name, enum membership *ret_membership)
{
	str text;
	TRY(api_query(rq, name, &text));
	if (text.p && !membership_parse(text, ret_membership))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "%.*s must be join, invite, knock, leave or ban",
		                STR_ARG(name));
	return RC_OK;
}

/* GET /rooms/{roomId}/members */
enum rc client_members(struct api_request *rq)
{
	struct buf out;
	struct members_wish wish = {.at_pos = -1};
	struct room_query query = room_query_of(rq, &out);
	TRY(membership_param(rq, STR("membership"), &wish.membership));
	TRY(membership_param(rq, STR("not_membership"), &wish.not_membership));
	TRY(position_param(rq, STR("at"), &wish.at_pos));
	TRY(room_members_answer(&query, &wish));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/joined_members */
enum rc client_joined_members(struct api_request *rq)
{
	struct buf out;
	struct room_query query = room_query_of(rq, &out);
	TRY(room_joined_members_answer(&query));
	return api_answer_buf(rq, &out);
}

/* GET /joined_rooms */
enum rc client_joined_rooms(struct api_request *rq)
{
	struct buf out;
	struct room_query query = room_query_of(rq, &out);
	TRY(joined_rooms_answer(&query));
	return api_answer_buf(rq, &out);
}

static enum rc messages_wish_read(struct api_request *rq, struct event_filter *filter, struct messages_wish *wish)
{
	int64_t limit = MESSAGES_LIMIT_DEFAULT;
	TRY(direction_param(rq, NULL, &wish->backwards));
	TRY(position_param(rq, STR("from"), &wish->from_pos));
	TRY(position_param(rq, STR("to"), &wish->to_pos));
	TRY(filter_param(rq, filter, &wish->filter));
	TRY(api_query_integer(rq, STR("limit"), 0, INT64_MAX, MESSAGES_LIMIT_DEFAULT, &limit));
	if (wish->filter && filter->has_limit && filter->limit < limit)
		limit = filter->limit;
	wish->limit = limit < 1 ? 1 : limit > MESSAGES_LIMIT_MAX ? MESSAGES_LIMIT_MAX : (size_t)limit;
	return RC_OK;
}

/* GET /rooms/{roomId}/context/{eventId} */
enum rc client_context(struct api_request *rq)
{
	struct buf out;
	struct event_filter filter = {0};
	struct context_wish wish = {.event_id = rq->path_params[1]};
	int64_t start, end, limit;
	struct room_query query = room_query_of(rq, &out);
	TRY(filter_param(rq, &filter, &wish.filter));
	TRY(api_query_integer(rq, STR("limit"), 0, INT64_MAX, MESSAGES_LIMIT_DEFAULT, &limit));
	if (wish.filter && filter.has_limit && filter.limit < limit)
		limit = filter.limit;
	wish.limit = limit > MESSAGES_LIMIT_MAX ? MESSAGES_LIMIT_MAX : (size_t)limit;
	buf_putc(&out, '{');
	TRY(room_context_answer(&query, &wish, &start, &end));
	position_put(rq, &out, STR("start"), start);
	position_put(rq, &out, STR("end"), end);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/messages */
enum rc client_messages(struct api_request *rq)
{
	struct buf out;
	struct event_filter filter = {0};
	struct messages_wish wish = {0};
	int64_t start, end;
	struct room_query query = room_query_of(rq, &out);
	TRY(messages_wish_read(rq, &filter, &wish));
	buf_putc(&out, '{');
	TRY(room_messages_answer(&query, &wish, &start, &end));
	position_put(rq, &out, STR("start"), start);
	if (end >= 0)
		position_put(rq, &out, STR("end"), end);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/timestamp_to_event */
enum rc client_event_by_time(struct api_request *rq)
{
	struct buf out;
	str given;
	int64_t ts_ms;
	bool backwards;
	struct room_query query = room_query_of(rq, &out);
	TRY(api_query(rq, STR("ts"), &given));
	if (!given.p)
		return fail_set(&rq->fail, RC_MISSING_PARAM, "ts is missing");
	TRY(api_query_integer(rq, STR("ts"), INT64_MIN, INT64_MAX, 0, &ts_ms));
	TRY(direction_param(rq, NULL, &backwards));
	TRY(room_event_by_time_answer(&query, ts_ms, backwards));
	return api_answer_buf(rq, &out);
}
