/* Verbs on accounts. */
#include "core/account/admin.h"
#include "daemon/verbs.h"

enum rc verb_user_add(struct verb_call *call)
{
	struct registration_request request = {
	    .admin = verb_flag(call, "admin"),
	    .inhibit_login = true,
	};
	struct login_result result;
	TRY(verb_text(call, "name", &request.localpart));
	TRY(verb_text(call, "password", &request.password));
	TRY(accounts_register(call->house->accounts, call->arena, &request, &result, call->fail));
	put_text_member(call->out, "user_id", result.user_id);
	put_bool_member(call->out, "admin", request.admin);
	return RC_OK;
}

/* A page of a list: `more` is set when one element too many came. */
struct page {
	struct buf *out;
	size_t count;
	bool more;
};

static bool put_account(void *self, const struct account *account)
{
	struct page *page = self;
	if (page->count++ == VERB_PAGE_MAX) {
		page->more = true;
		return false;
	}
	json_put_comma(page->out);
	buf_putc(page->out, '{');
	put_text_member(page->out, "user_id", account->user_id);
	put_bool_member(page->out, "admin", account->admin);
	put_integer_member(page->out, "created_ts", account->created_ms);
	put_bool_member(page->out, "deactivated", account->deactivated_ms != 0);
	if (account->deactivated_ms) {
		put_integer_member(page->out, "deactivated_ts", account->deactivated_ms);
		put_bool_member(page->out, "erased", account->erased);
	}
	buf_putc(page->out, '}');
	return true;
}

enum rc verb_user_list(struct verb_call *call)
{
	struct arena CLEANUP(arena_release) scratch;
	struct page page = {.out = call->out};
	str after = json_get_text(call->request, STR("after"));
	arena_init(&scratch, VERB_SCRATCH_BYTES);
	json_put_key(call->out, STR("users"));
	buf_putc(call->out, '[');
	TRY(accounts_each(call->house->accounts, &scratch, after, put_account, &page));
	buf_putc(call->out, ']');
	put_bool_member(call->out, "more", page.more);
	return RC_OK;
}

enum rc verb_user_reset_password(struct verb_call *call)
{
	struct account account;
	str name, password;
	TRY(verb_text(call, "name", &name));
	TRY(verb_text(call, "password", &password));
	TRY(accounts_reset_password(
	    call->house->accounts, call->arena, name, password, &account, call->fail));
	notify_user(call->house->notifier, account.user); /* parked polls find their token gone */
	put_text_member(call->out, "user_id", account.user_id);
	return RC_OK;
}

enum rc verb_user_set_admin(struct verb_call *call)
{
	struct account account;
	str name;
	TRY(verb_text(call, "name", &name));
	TRY(accounts_set_admin(call->house->accounts, call->arena, name, verb_flag(call, "admin"),
	    &account, call->fail));
	put_text_member(call->out, "user_id", account.user_id);
	put_bool_member(call->out, "admin", account.admin);
	return RC_OK;
}
