/* The rules of an account: account data of the type m.push_rules, of which only the changes are stored. */
#include "base/fault.h"
#include "core/push/push_int.h"

enum { EDIT_SCRATCH_BYTES = 8 << 20 };

#define RULES_TYPE STR("m.push_rules")

/* Empty: they are the server's. */
static enum rc changes_of(struct txn_ro *txn, struct arena *arena, int64_t user, str *ret_changes)
{
	*ret_changes = STR_EMPTY;
	enum rc rc = account_data_get(txn, arena, user, 0, RULES_TYPE, ret_changes);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc push_rules_of(struct push *push, struct arena *arena, const struct session *session,
    struct push_rules *ret_rules)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	str changes;
	TRY(txn_ro_begin(push->config.store, &txn));
	TRY(changes_of(txn, arena, session->user, &changes));
	return push_rules_load(arena, session->user_id, changes, ret_rules);
}

enum rc push_rule_of(struct push *push, struct arena *arena, const struct session *session,
    enum push_kind kind, str rule_id, struct push_rule *ret_rule, struct fail *fail)
{
	struct push_rules rules;
	TRY(push_rules_of(push, arena, session, &rules));
	const struct push_rule *rule = push_rule_find(&rules, kind, rule_id);
	if (!rule)
		return fail_set(fail, RC_NOT_FOUND, "There is no such push rule");
	*ret_rule = *rule;
	return RC_OK;
}

static enum rc edit_do(struct push_rules *rules, const struct push_edit *edit, struct fail *fail)
{
	const struct push_rule_wish *wish = &edit->wish;
	switch (edit->verb) {
	case PUSH_SET:
		return push_rules_set(rules, wish, fail);
	case PUSH_REMOVE:
		return push_rules_remove(rules, wish->kind, wish->rule_id, fail);
	case PUSH_SET_ACTIONS:
		return push_rules_set_actions(
		    rules, wish->kind, wish->rule_id, wish->actions, fail);
	case PUSH_SET_ENABLED:
		return push_rules_set_enabled(
		    rules, wish->kind, wish->rule_id, edit->enabled, fail);
	}
	return RC_UNKNOWN;
}

static enum rc write_edit(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct push_edit *edit = arg;
	const struct session *session = edit->session;
	struct arena scratch CLEANUP(arena_release);
	struct push_rules rules;
	struct buf text;
	str before, after;
	arena_init(&scratch, EDIT_SCRATCH_BYTES);
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(changes_of(txn_reading(txn), &scratch, session->user, &before));
	TRY(push_rules_load(&scratch, session->user_id, before, &rules));
	TRY(edit_do(&rules, edit, fail));
	buf_init(&text, &scratch, PUSH_CHANGES_MAX_BYTES);
	push_rules_put_changes(&text, &rules);
	enum rc rc = buf_finish(&text, &after);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "All push rules together may have at most %d bytes",
		    PUSH_CHANGES_MAX_BYTES);
	TRY(rc);
	if (str_eq(before, after))
		return RC_OK;
	TRY(account_data_put(txn, session->user, 0, RULES_TYPE, after));
	FAULT("push.rules.written");
	return RC_OK;
}

enum rc push_rules_edit(struct push *push, const struct push_edit *edit, struct fail *fail)
{
	return store_write(push->config.store, write_edit, UNCONST(struct push_edit *, edit), fail);
}
