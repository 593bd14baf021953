/* Client-Server API, "User Directory". */
#include "api/endpoints.h"

#include "core/account/user_directory.h"

enum { DIRECTORY_ANSWER_MAX_BYTES = 2 << 20 };

struct search_body {
	str search_term;
	int64_t limit;
};

enum rc client_search_users(struct api_request *rq)
{
	struct search_body in = {.limit = DIRECTORY_LIMIT_DEFAULT};
	static const struct field fields[] = {
	    {"search_term", FIELD_TEXT, true, 0, 0, offsetof(struct search_body, search_term)},
	    {"limit", FIELD_INTEGER, false, 0, INT64_MAX, offsetof(struct search_body, limit)},
	};
	struct buf body;
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	buf_init(&body, rq->arena, DIRECTORY_ANSWER_MAX_BYTES);
	TRY(user_directory_search(rq->ctx->accounts, rq->arena, &rq->session, in.search_term,
	    (size_t)in.limit, &body, &rq->fail));
	return api_answer_buf(rq, &body);
}
