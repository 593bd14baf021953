/* Reading rooms: state, single events and their context, members, joined rooms, messages. */
#include "api/endpoints.h"
#include "core/room/queries.h"

enum { READ_ANSWER_MAX_BYTES = 128 << 20 };

static struct room_query query_of(struct api_request *rq, struct buf *out)
{
	buf_init(out, rq->arena, READ_ANSWER_MAX_BYTES);
	return (struct room_query){
		.rooms = rq->ctx->rooms,
		.arena = rq->arena,
		.actor = &rq->actor,
		.room_id = rq->path_param_count ? rq->path_params[0] : STR_EMPTY,
		.out = out,
		.fail = &rq->fail,
	};
}

/* GET /rooms/{roomId}/state */
enum rc client_state(struct api_request *rq)
{
	struct buf out;
	struct room_query query = query_of(rq, &out);
	TRY(room_state_answer(&query));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/state/{eventType}/{stateKey} */
enum rc client_state_event(struct api_request *rq)
{
	struct buf out;
	str format;
	struct room_query query = query_of(rq, &out);
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
	struct room_query query = query_of(rq, &out);
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
	str at;
	struct members_wish wish = {.at_pos = -1};
	struct room_query query = query_of(rq, &out);
	TRY(membership_param(rq, STR("membership"), &wish.membership));
	TRY(membership_param(rq, STR("not_membership"), &wish.not_membership));
	TRY(api_query(rq, STR("at"), &at));
	if (at.n)
		TRY(sync_position_parse(rq->ctx->syncs, at, &wish.at_pos, &rq->fail));
	TRY(room_members_answer(&query, &wish));
	return api_answer_buf(rq, &out);
}

/* GET /rooms/{roomId}/joined_members */
enum rc client_joined_members(struct api_request *rq)
{
	struct buf out;
	struct room_query query = query_of(rq, &out);
	TRY(room_joined_members_answer(&query));
	return api_answer_buf(rq, &out);
}

/* GET /joined_rooms */
enum rc client_joined_rooms(struct api_request *rq)
{
	struct buf out;
	struct room_query query = query_of(rq, &out);
	TRY(joined_rooms_answer(&query));
	return api_answer_buf(rq, &out);
}

static enum rc position_param(struct api_request *rq, str name, int64_t *ret_pos)
{
	str token;
	TRY(api_query(rq, name, &token));
	*ret_pos = -1;
	return token.n ? sync_position_parse(rq->ctx->syncs, token, ret_pos, &rq->fail) : RC_OK;
}

static enum rc filter_param(struct api_request *rq, struct event_filter *filter,
                            const struct event_filter **ret_filter)
{
	str text;
	TRY(api_query(rq, STR("filter"), &text));
	*ret_filter = NULL;
	if (!text.n)
		return RC_OK;
	TRY(filter_parse_room_event(rq->arena, text, filter, &rq->fail));
	*ret_filter = filter;
	return RC_OK;
}

static enum rc messages_wish_read(struct api_request *rq, struct event_filter *filter, struct messages_wish *wish)
{
	str dir;
	int64_t limit = MESSAGES_LIMIT_DEFAULT;
	TRY(api_query(rq, STR("dir"), &dir));
	if (!dir.p)
		return fail_set(&rq->fail, RC_MISSING_PARAM, "dir is missing");
	wish->backwards = str_eq(dir, STR("b"));
	if (!wish->backwards && !str_eq(dir, STR("f")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "dir must be b or f");
	TRY(position_param(rq, STR("from"), &wish->from_pos));
	TRY(position_param(rq, STR("to"), &wish->to_pos));
	TRY(filter_param(rq, filter, &wish->filter));
	TRY(api_query_integer(rq, STR("limit"), 0, INT64_MAX, MESSAGES_LIMIT_DEFAULT, &limit));
	if (wish->filter && filter->has_limit && filter->limit < limit)
		limit = filter->limit;
	wish->limit = limit < 1 ? 1 : limit > MESSAGES_LIMIT_MAX ? MESSAGES_LIMIT_MAX : (size_t)limit;
	return RC_OK;
}

static void position_put(struct api_request *rq, struct buf *out, str key, int64_t pos)
{
	json_put_key(out, key);
	json_put_text(out, sync_position_token(rq->ctx->syncs, rq->arena, pos));
}

/* GET /rooms/{roomId}/context/{eventId} */
enum rc client_context(struct api_request *rq)
{
	struct buf out;
	struct event_filter filter = {0};
	struct context_wish wish = {.event_id = rq->path_params[1]};
	int64_t start, end, limit;
	struct room_query query = query_of(rq, &out);
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
	struct room_query query = query_of(rq, &out);
	TRY(messages_wish_read(rq, &filter, &wish));
	buf_putc(&out, '{');
	TRY(room_messages_answer(&query, &wish, &start, &end));
	position_put(rq, &out, STR("start"), start);
	if (end >= 0)
		position_put(rq, &out, STR("end"), end);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}
