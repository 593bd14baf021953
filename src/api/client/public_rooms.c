/* The published room directory: Client-Server API, same heading. */
#include "api/endpoints.h"

#include "core/room/public_rooms.h"
#include "matrix/ids.h"

enum { PUBLIC_ROOMS_ANSWER_MAX_BYTES = 64 << 20 };

/* Other servers' directories cannot be asked for. */
static enum rc server_check(struct api_request *rq)
{
	str server;
	TRY(api_query(rq, STR("server"), &server));
	if (!server.p || str_eq(server, rq->ctx->server_name))
		return RC_OK;
	if (!server_name_valid(server))
		return fail_set(&rq->fail, RC_INVALID_PARAM, "server is no server name");
	return fail_set(&rq->fail, RC_NOT_FOUND,
	    "%.*s is another server, and this server does not federate yet", STR_ARG(server));
}

/* 0 leaves it to the server, as a limit that is not given. */
static size_t page_limit(int64_t limit)
{
	if (limit == 0)
		return PUBLIC_ROOMS_LIMIT_DEFAULT;
	return limit > PUBLIC_ROOMS_LIMIT_MAX ? PUBLIC_ROOMS_LIMIT_MAX : (size_t)limit;
}

static enum rc rooms_answer(struct api_request *rq, const struct public_rooms_wish *wish)
{
	struct buf out;
	buf_init(&out, rq->arena, PUBLIC_ROOMS_ANSWER_MAX_BYTES);
	TRY(public_rooms_answer(rq->ctx->store, rq->arena, wish, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* GET /publicRooms */
enum rc client_public_rooms(struct api_request *rq)
{
	struct public_rooms_wish wish = {0};
	int64_t limit;
	TRY(server_check(rq));
	TRY(api_query_integer(rq, STR("limit"), 0, INT64_MAX, 0, &limit));
	TRY(api_query(rq, STR("since"), &wish.since));
	wish.limit = page_limit(limit);
	return rooms_answer(rq, &wish);
}

struct rooms_body {
	int64_t limit;
	str since, network;
	json filter;
	bool all_networks;
};

static enum rc filter_read(struct api_request *rq, json filter, struct public_rooms_wish *wish)
{
	const struct field fields[] = {
	    {"generic_search_term", FIELD_TEXT, false, 0, 0,
		offsetof(struct public_rooms_wish, term)},
	    {"room_types", FIELD_ARRAY, false, 0, 0,
		offsetof(struct public_rooms_wish, room_types)},
	};
	return api_read_object(rq, filter, fields, COUNT_OF(fields), wish);
}

/* POST /publicRooms */
enum rc client_query_public_rooms(struct api_request *rq)
{
	struct rooms_body body = {0};
	struct public_rooms_wish wish = {0};
	const struct field fields[] = {
	    {"limit", FIELD_INTEGER, false, 0, JSON_INTEGER_MAX,
		offsetof(struct rooms_body, limit)},
	    {"since", FIELD_TEXT, false, 0, 0, offsetof(struct rooms_body, since)},
	    {"filter", FIELD_OBJECT, false, 0, 0, offsetof(struct rooms_body, filter)},
	    {"include_all_networks", FIELD_BOOL, false, 0, 0,
		offsetof(struct rooms_body, all_networks)},
	    {"third_party_instance_id", FIELD_TEXT, false, 0, 0,
		offsetof(struct rooms_body, network)},
	};
	TRY(server_check(rq));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &body));
	if (body.network.n && body.all_networks)
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "third_party_instance_id is one network, include_all_networks asks for all");
	TRY(filter_read(rq, body.filter, &wish));
	wish.since = body.since;
	wish.limit = page_limit(body.limit);
	wish.no_network = body.network.n > 0; /* no bridge tells this server of its networks */
	return rooms_answer(rq, &wish);
}
