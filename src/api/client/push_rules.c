/* Client-Server API, "Push Rules: API". */
#include "api/endpoints.h"

#include "core/push/push.h"

enum { ANSWER_MAX_BYTES = 2 * PUSH_CHANGES_MAX_BYTES };

enum rc client_push_rules(struct api_request *rq)
{
	struct push_rules rules;
	struct buf body;
	TRY(push_rules_of(rq->ctx->push, rq->arena, &rq->session, &rules));
	buf_init(&body, rq->arena, ANSWER_MAX_BYTES);
	buf_put(&body, STR("{\"global\":"));
	push_rules_put_global(&body, &rules);
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_push_rules_global(struct api_request *rq)
{
	struct push_rules rules;
	struct buf body;
	TRY(push_rules_of(rq->ctx->push, rq->arena, &rq->session, &rules));
	buf_init(&body, rq->arena, ANSWER_MAX_BYTES);
	push_rules_put_global(&body, &rules);
	return api_answer_buf(rq, &body);
}

static enum rc kind_read(struct api_request *rq, enum push_kind *ret_kind)
{
	if (push_kind_parse(rq->path_params[0], ret_kind))
		return RC_OK;
	return fail_set(&rq->fail, RC_INVALID_PARAM,
	    "kind must be override, underride, sender, room or content");
}

static enum rc rule_read(struct api_request *rq, struct push_rule *ret_rule)
{
	enum push_kind kind;
	TRY(kind_read(rq, &kind));
	return push_rule_of(
	    rq->ctx->push, rq->arena, &rq->session, kind, rq->path_params[1], ret_rule, &rq->fail);
}

static enum rc edit_begin(
    struct api_request *rq, enum push_edit_verb verb, struct push_edit *ret_edit)
{
	*ret_edit = (struct push_edit){.session = &rq->session, .verb = verb};
	ret_edit->wish.rule_id = rq->path_params[1];
	return kind_read(rq, &ret_edit->wish.kind);
}

static enum rc edit_end(struct api_request *rq, const struct push_edit *edit)
{
	TRY(push_rules_edit(rq->ctx->push, edit, &rq->fail));
	notify_user(rq->ctx->notifier, rq->session.user);
	return api_answer_empty_object(rq);
}

enum rc client_push_rule(struct api_request *rq)
{
	struct push_rule rule;
	struct buf body;
	TRY(rule_read(rq, &rule));
	buf_init(&body, rq->arena, ANSWER_MAX_BYTES);
	push_rule_put(&body, &rule);
	return api_answer_buf(rq, &body);
}

enum rc client_set_push_rule(struct api_request *rq)
{
	struct push_edit edit;
	TRY(edit_begin(rq, PUSH_SET, &edit));
	edit.wish.actions = json_get(rq->body, STR("actions"));
	edit.wish.conditions = json_get(rq->body, STR("conditions"));
	edit.wish.pattern = json_get(rq->body, STR("pattern"));
	TRY(api_query(rq, STR("before"), &edit.wish.before));
	TRY(api_query(rq, STR("after"), &edit.wish.after));
	return edit_end(rq, &edit);
}

enum rc client_delete_push_rule(struct api_request *rq)
{
	struct push_edit edit;
	TRY(edit_begin(rq, PUSH_REMOVE, &edit));
	return edit_end(rq, &edit);
}

enum rc client_push_rule_actions(struct api_request *rq)
{
	struct push_rule rule;
	struct buf body;
	TRY(rule_read(rq, &rule));
	buf_init(&body, rq->arena, ANSWER_MAX_BYTES);
	buf_put(&body, STR("{\"actions\":"));
	buf_put(&body, rule.actions);
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_set_push_rule_actions(struct api_request *rq)
{
	struct push_edit edit;
	const struct field fields[] = {
	    {"actions", FIELD_ARRAY, true, 0, 0, offsetof(__typeof__(edit.wish), actions)},
	};
	TRY(edit_begin(rq, PUSH_SET_ACTIONS, &edit));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &edit.wish));
	return edit_end(rq, &edit);
}

enum rc client_push_rule_enabled(struct api_request *rq)
{
	struct push_rule rule;
	TRY(rule_read(rq, &rule));
	return api_answer(
	    rq, 200, rule.enabled ? STR("{\"enabled\":true}") : STR("{\"enabled\":false}"));
}

enum rc client_set_push_rule_enabled(struct api_request *rq)
{
	struct push_edit edit;
	const struct field fields[] = {
	    {"enabled", FIELD_BOOL, true, 0, 0, offsetof(__typeof__(edit), enabled)},
	};
	TRY(edit_begin(rq, PUSH_SET_ENABLED, &edit));
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &edit));
	return edit_end(rq, &edit);
}
