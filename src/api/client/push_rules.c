/* Client-Server API, "Push Notifications": the rules that every account starts with; changing them is not there yet. */
#include "api/endpoints.h"

#include "matrix/push_rules.h"

enum rc client_push_rules(struct api_request *rq)
{
	str rules;
	TRY(push_rules_default(rq->arena, rq->session.user_id, &rules));
	return api_answer(rq, 200, rules);
}

/* The same without its outermost member, which is its only one. */
enum rc client_push_rules_global(struct api_request *rq)
{
	str rules;
	json root;
	struct buf body;
	TRY(push_rules_default(rq->arena, rq->session.user_id, &rules));
	TRY(json_parse(rq->arena, rules, &root, &rq->fail));
	buf_init(&body, rq->arena, rules.n);
	json_put(&body, json_get(root, STR("global")));
	return api_answer_buf(rq, &body);
}
