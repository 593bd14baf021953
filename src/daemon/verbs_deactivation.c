/* Verbs on the ends of accounts. */
#include "core/account/admin.h"
#include "daemon/verbs.h"

#define ACTOR_CLI STR("cli") /* who asked, in the record of the deactivation */

enum { ROOMS_SHOWN_MAX = 10000 };

static void put_members(struct buf *out, const struct deactivation *job)
{
	put_integer_member(out, "job", job->job);
	put_text_member(out, "user_id", job->user_id);
	put_text_member(out, "actor", job->actor);
	put_bool_member(out, "erase", job->erase);
	put_integer_member(out, "accepted_ts", job->accepted_ms);
	if (job->finished_ms)
		put_integer_member(out, "finished_ts", job->finished_ms);
	put_integer_member(out, "total", job->total);
	put_integer_member(out, "left", job->left);
	put_integer_member(out, "pending", job->pending);
	put_integer_member(out, "retrying", job->retrying);
	put_integer_member(out, "terminal", job->terminal);
}

/* The deactivation of the account that the request names, its texts in the request's arena. */
static enum rc find_job(struct verb_call *call, struct txn_ro *txn, const struct account *account,
    struct deactivation *ret_job)
{
	enum rc rc = deactivation_by_user(txn, call->arena, account->user, ret_job);
	if (rc == RC_NOT_FOUND)
		return fail_set(call->fail, rc, "%.*s has not been deactivated",
		    STR_ARG(str_first(account->user_id, 200)));
	return rc;
}

enum rc verb_user_deactivate(struct verb_call *call)
{
	struct house *house = call->house;
	struct account account;
	struct deactivation job;
	str name;
	TRY(verb_text(call, "name", &name));
	TRY(accounts_find(house->accounts, call->arena, name, &account, call->fail));
	TRY(deactivate(house->deactivations, account.user, verb_flag(call, "erase"), ACTOR_CLI,
	    call->fail));
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(house->store, &txn));
	TRY(find_job(call, txn, &account, &job));
	put_members(call->out, &job);
	return RC_OK;
}

/* A page of a list, from behind the job `after` on. */
struct page {
	struct buf *out;
	int64_t after;
	size_t count;
	bool more;
};

static enum rc put_job(void *self, const struct deactivation *job)
{
	struct page *page = self;
	if (job->job <= page->after || page->more)
		return RC_OK;
	if (page->count++ == VERB_PAGE_MAX) {
		page->more = true;
		return RC_OK;
	}
	json_put_comma(page->out);
	buf_putc(page->out, '{');
	put_members(page->out, job);
	buf_putc(page->out, '}');
	return RC_OK;
}

enum rc verb_deactivation_list(struct verb_call *call)
{
	struct arena CLEANUP(arena_release) scratch;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct page page = {.out = call->out};
	arena_init(&scratch, VERB_SCRATCH_BYTES);
	(void)json_integer(json_get(call->request, STR("after")), &page.after); /* absent: 0 */
	TRY(txn_ro_begin(call->house->store, &txn));
	json_put_key(call->out, STR("deactivations"));
	buf_putc(call->out, '[');
	TRY(deactivation_each(txn, &scratch, put_job, &page));
	buf_putc(call->out, ']');
	put_bool_member(call->out, "more", page.more);
	return RC_OK;
}

/* The rooms that are not simply left: these are what somebody asks for. */
struct rooms_page {
	struct buf *out;
	size_t count;
	int64_t omitted;
};

static enum rc put_departure(void *self, const struct departure *departure)
{
	struct rooms_page *page = self;
	if (departure->state == DEPARTURE_LEFT)
		return RC_OK;
	if (page->count++ >= ROOMS_SHOWN_MAX) {
		page->omitted++;
		return RC_OK;
	}
	json_put_comma(page->out);
	buf_putc(page->out, '{');
	put_text_member(page->out, "room_id", departure->room_id);
	put_text_member(page->out, "state", departure_state_text(departure->state));
	put_integer_member(page->out, "attempts", departure->attempts);
	if (departure->state == DEPARTURE_PENDING && departure->next_try_ms)
		put_integer_member(page->out, "next_try_ts", departure->next_try_ms);
	if (departure->reason.n)
		put_text_member(page->out, "reason", departure->reason);
	buf_putc(page->out, '}');
	return RC_OK;
}

static enum rc put_rooms(struct verb_call *call, struct txn_ro *txn, int64_t job)
{
	struct arena CLEANUP(arena_release) scratch;
	struct rooms_page page = {.out = call->out};
	arena_init(&scratch, VERB_SCRATCH_BYTES);
	json_put_key(call->out, STR("rooms"));
	buf_putc(call->out, '[');
	TRY(departures_of(txn, &scratch, job, put_departure, &page));
	buf_putc(call->out, ']');
	put_integer_member(call->out, "rooms_omitted", page.omitted);
	return RC_OK;
}

enum rc verb_deactivation_show(struct verb_call *call)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct account account;
	struct deactivation job;
	str name;
	TRY(verb_text(call, "name", &name));
	TRY(accounts_find(call->house->accounts, call->arena, name, &account, call->fail));
	TRY(txn_ro_begin(call->house->store, &txn));
	TRY(find_job(call, txn, &account, &job));
	put_members(call->out, &job);
	return verb_flag(call, "rooms") ? put_rooms(call, txn, job.job) : RC_OK;
}
