#include "api/client/room_query.h"

enum { READ_ANSWER_MAX_BYTES = 128 << 20 };

struct room_query room_query_of(struct api_request *rq, struct buf *out)
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

enum rc position_param(struct api_request *rq, str name, int64_t *ret_pos)
{
	str token;
	TRY(api_query(rq, name, &token));
	*ret_pos = -1;
	if (token.n == 0)
		return RC_OK;
	enum rc rc = sync_position_parse(rq->ctx->syncs, token, ret_pos, NULL);
	if (rc == RC_INVALID_PARAM)
		return fail_set(&rq->fail, rc,
		    "%.*s: this is not a pagination token of this server", STR_ARG(name));
	return rc;
}

void position_put(struct api_request *rq, struct buf *out, str key, int64_t pos)
{
	json_put_key(out, key);
	json_put_text(out, sync_position_token(rq->ctx->syncs, rq->arena, pos));
}

enum rc filter_param(
    struct api_request *rq, struct event_filter *filter, const struct event_filter **ret_filter)
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

enum rc direction_param(struct api_request *rq, const char *fallback, bool *ret_backwards)
{
	str dir;
	TRY(api_query(rq, STR("dir"), &dir));
	if (!dir.p && !fallback)
		return fail_set(&rq->fail, RC_MISSING_PARAM, "dir is missing");
	if (!dir.p)
		dir = str_of(fallback);
	*ret_backwards = str_eq(dir, STR("b"));
	if (!*ret_backwards && !str_eq(dir, STR("f")))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "dir must be b or f");
	return RC_OK;
}
