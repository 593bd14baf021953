/*
 * The verb that looks for damage: what the store can tell, and accounts that ended without leaving.
 */
#include "daemon/verbs.h"

#include "base/map.h"

enum {
	FINDINGS_MAX = 200,
	CHECK_PAGE_BYTES = 1 << 20,
};

struct checking {
	struct verb_call *call;
	struct txn_ro *txn;
	struct arena rows;      /* of the walk over seats and departures, inside the walk over accounts */
	struct map64 excused;   /* rooms that the account under the eye may still be in */
	const struct account *account;
	size_t findings;
	enum rc rc;
};

static void put_finding(void *self, str finding)
{
	struct checking *checking = self;
	if (checking->findings++ >= FINDINGS_MAX)
		return;
	json_put_comma(checking->call->out);
	json_put_text(checking->call->out, finding);
}

/*
 * A room that is still to be left, or that this server cannot leave: told by `deactivation show`,
 * no damage.
 */
static enum rc excuse(void *self, const struct departure *departure)
{
	struct checking *checking = self;
	bool may_sit = departure->state == DEPARTURE_PENDING || departure->state == DEPARTURE_REFUSED ||
		       departure->state == DEPARTURE_NOT_RESIDENT;
	return may_sit ? map64_put(&checking->excused, (uint64_t)departure->room, checking, NULL) : RC_OK;
}

static enum rc check_seat(void *self, const struct member_row *member)
{
	struct checking *checking = self;
	bool sits = member->membership == MEMBERSHIP_JOIN || member->membership == MEMBERSHIP_INVITE ||
		    member->membership == MEMBERSHIP_KNOCK;
	if (!sits || map64_get(&checking->excused, (uint64_t)member->room))
		return RC_OK;
	str finding = arena_printf(checking->call->arena,
	    "the deactivated account %.*s is still in %.*s (%.*s)", STR_ARG(checking->account->user_id),
	    STR_ARG(member->room_id), STR_ARG(membership_text(member->membership)));
	TRY(arena_status(checking->call->arena));
	put_finding(checking, finding);
	return RC_OK;
}

static enum rc check_seats(struct checking *checking)
{
	struct deactivation job;
	int64_t user = checking->account->user;
	map64_release(&checking->excused);
	map64_init(&checking->excused);
	arena_clear(&checking->rows);
	enum rc rc = deactivation_by_user(checking->txn, &checking->rows, user, &job);
	if (rc == RC_OK)
		rc = departures_of(checking->txn, &checking->rows, job.job, excuse, checking);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	return members_of_user(
	    checking->txn, &checking->rows, user, MEMBERSHIP_NONE, check_seat, checking);
}

static bool check_account(void *self, const struct account *account)
{
	struct checking *checking = self;
	checking->account = account;
	if (account->deactivated_ms && checking->findings < FINDINGS_MAX)
		checking->rc = check_seats(checking);
	return checking->rc == RC_OK;
}

static enum rc check_accounts(struct checking *checking)
{
	struct arena CLEANUP(arena_release) scratch;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	arena_init(&scratch, VERB_SCRATCH_BYTES);
	TRY(txn_ro_begin(checking->call->house->store, &txn));
	checking->txn = txn;
	TRY(account_each(txn, &scratch, check_account, checking));
	return checking->rc;
}

enum rc verb_check(struct verb_call *call)
{
	struct checking checking = {.call = call, .rc = RC_OK};
	arena_init(&checking.rows, CHECK_PAGE_BYTES);
	map64_init(&checking.excused);
	json_put_key(call->out, STR("findings"));
	buf_putc(call->out, '[');
	enum rc rc = store_check(call->house->store, put_finding, &checking);
	if (rc == RC_OK)
		rc = check_accounts(&checking);
	buf_putc(call->out, ']');
	put_integer_member(call->out, "count", (int64_t)checking.findings);
	map64_release(&checking.excused);
	arena_release(&checking.rows);
	return rc;
}
