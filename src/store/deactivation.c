#include "store/deactivation_int.h"

#include "base/fault.h"
#include "store/dehydrated.h"
#include "store/delayed_events.h"
#include "store/directory_int.h"
#include "store/key_backup.h"
#include "store/keys.h"
#include "store/rows_int.h"
#include "store/short_tokens.h"
#include "store/store_int.h"
#include "store/to_device.h"

static const str state_texts[] = {
    [DEPARTURE_PENDING] = STR_INIT("pending"),
    [DEPARTURE_LEFT] = STR_INIT("left"),
    [DEPARTURE_ALREADY_LEFT] = STR_INIT("already_left"),
    [DEPARTURE_BANNED] = STR_INIT("banned"),
    [DEPARTURE_NOT_RESIDENT] = STR_INIT("not_resident"),
    [DEPARTURE_REFUSED] = STR_INIT("refused"),
};

str departure_state_text(enum departure_state state)
{
	return (size_t)state < COUNT_OF(state_texts) ? state_texts[state] : STR_EMPTY;
}

/* ---- acceptance ---- */

static enum rc belongings_delete(struct txn_rw *txn, int64_t user)
{
	int64_t keys;
	TRY(token_delete_all(txn, user));
	TRY(short_tokens_delete(txn, SHORT_TOKEN_LOGIN, user));
	TRY(short_tokens_delete(txn, SHORT_TOKEN_OPENID, user));
	TRY(RUN_COUNTED(txn, &keys, public_keys_delete, I(user)));
	if (keys)
		TRY(device_list_change(txn, user));
	TRY(key_signatures_delete(txn, user));
	TRY(dehydrated_forget(txn, user));
	TRY(device_delete_all(txn, user, 0));
	TRY(to_device_scope_delete(txn, -user));
	FAULT("deactivation.accept.credentials");
	TRY(key_backup_delete_all(txn, user));
	TRY(RUN(txn, uia_drop_of_user, I(user)));
	TRY(delayed_events_delete_all(txn, user));
	TRY(RUN(txn, account_data_delete, I(user)));
	TRY(RUN(txn, receipts_delete, I(user)));
	TRY(RUN(txn, unread_delete, I(user)));
	TRY(RUN(txn, ignored_users_delete, I(user)));
	TRY(directory_remove(txn, user));
	return RUN(txn, filters_delete, I(user));
}

static enum rc profile_erase(struct txn_rw *txn, int64_t user)
{
	TRY(RUN(txn, account_erase, I(user)));
	return RUN(txn, profile_fields_delete, I(user));
}

static enum rc job_add(struct txn_rw *txn, int64_t user, int64_t generation, bool erase, str actor,
    int64_t now_ms, int64_t *ret_job)
{
	int64_t job;
	TRY(NUMBER(&txn->ro, &job, deactivation_add, I(user), I(generation), I(now_ms), I(erase),
	    T(actor)));
	FAULT("deactivation.accept.job");
	TRY(RUN(txn, departures_add, I(job), I(user), I(MEMBERSHIP_JOIN), I(MEMBERSHIP_KNOCK)));
	FAULT("deactivation.accept.rooms");
	TRY(RUN(txn, deactivation_finish, I(now_ms),
	    I(job))); /* at once, if there is no room to leave */
	*ret_job = job;
	return RC_OK;
}

/* The account was deactivated before. */
static enum rc accept_again(struct txn_rw *txn, int64_t user, bool erase, int64_t *ret_job)
{
	TRY(NUMBER(&txn->ro, ret_job, deactivation_of_user, I(user)));
	if (!erase)
		return RC_OK;
	TRY(profile_erase(txn, user));
	return RUN(txn, deactivation_set_erase, I(*ret_job));
}

enum rc deactivation_accept(struct txn_rw *txn, int64_t user, bool erase, str actor, int64_t now_ms,
    int64_t *ret_job, bool *ret_new)
{
	int64_t generation, job;
	enum rc rc = NUMBER(&txn->ro, &generation, account_generation, I(user));
	if (rc == RC_NOT_FOUND) { /* no active account: deactivated before, or never there */
		TRY(accept_again(txn, user, erase, ret_job));
		*ret_new = false;
		return RC_OK;
	}
	TRY(rc);
	TRY(NUMBER(&txn->ro, &generation, account_deactivate, I(now_ms > 0 ? now_ms : 1), I(user)));
	FAULT("deactivation.accept.flagged");
	TRY(belongings_delete(txn, user));
	if (erase)
		TRY(profile_erase(txn, user));
	FAULT("deactivation.accept.belongings");
	TRY(job_add(txn, user, generation, erase, actor, now_ms > 0 ? now_ms : 1, &job));
	txn_tell(txn, NEWS_SESSIONS, user);
	txn_tell(txn, NEWS_DEPARTURES, 0);
	*ret_job = job;
	*ret_new = true;
	return RC_OK;
}

/* ---- the rooms to leave ---- */

/* Whose rooms are due; 0: everybody's. */
static int64_t process_of(const struct txn_ro *txn)
{
	return __atomic_load_n(&txn->store->process, __ATOMIC_ACQUIRE);
}

static struct departure departure_row(const struct query *q, struct arena *arena)
{
	return (struct departure){
	    .job = col_i64(q, 0),
	    .user = col_i64(q, 1),
	    .generation = col_i64(q, 2),
	    .room = col_i64(q, 3),
	    .user_id = col_dup(q, 4, arena),
	    .room_id = col_dup(q, 5, arena),
	    .state = (enum departure_state)col_i64(q, 6),
	    .attempts = col_i64(q, 7),
	    .next_try_ms = col_i64(q, 8),
	    .reason = col_dup(q, 9, arena),
	};
}

/* How many rows of a job are due, and how many it gets. */
struct share {
	int64_t job;
	size_t due, quota;
	struct departure *rows;
};

static enum rc shares_of_open_jobs(
    struct txn_ro *txn, struct rows *shares, int64_t now_ms, size_t max)
{
	struct query CLEANUP(query_close) q = QUERY(txn, deactivations_open);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		int64_t job = col_i64(&q, 0), due;
		TRY(NUMBER(
		    txn, &due, departures_due_count, I(job), I(now_ms), I(process_of(txn)), I((int64_t)max + 1)));
		struct share *share = due > 0 ? rows_add(shares) : NULL;
		if (share)
			*share = (struct share){.job = job, .due = (size_t)due};
		TRY(arena_status(shares->arena));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* One for each job, round by round, until `max` are given out or all have what they want. True: some wants more. */
static bool quotas_give(struct share *shares, size_t count, size_t max)
{
	size_t left = max;
	bool wanting = true;
	while (wanting && left > 0) {
		wanting = false;
		for (size_t i = 0; i < count && left > 0; i++) {
			if (shares[i].quota == shares[i].due)
				continue;
			shares[i].quota++;
			left--;
			wanting = true;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (shares[i].quota < shares[i].due)
			return true;
	return false;
}

static enum rc share_read(
    struct txn_ro *txn, struct arena *arena, int64_t now_ms, struct share *share)
{
	struct query CLEANUP(query_close) q =
	    QUERY(txn, departures_due, I(share->job), I(now_ms), I(process_of(txn)), I((int64_t)share->quota));
	share->rows = arena_array(arena, struct departure, share->quota);
	TRY(arena_status(arena));
	for (size_t i = 0; i < share->quota; i++) {
		TRY(query_step(&q));
		share->rows[i] = departure_row(&q, arena);
	}
	return arena_status(arena);
}

/* The rows of all shares, round by round. */
static enum rc shares_interleave(struct arena *arena, const struct share *shares, size_t count,
    size_t max, struct departure **ret_departures, size_t *ret_count)
{
	struct departure *departures = arena_array(arena, struct departure, max);
	TRY(arena_status(arena));
	size_t n = 0, before;
	for (size_t turn = 0;; turn++) {
		before = n;
		for (size_t i = 0; i < count; i++)
			if (turn < shares[i].quota)
				departures[n++] = shares[i].rows[turn];
		if (n == before)
			break;
	}
	*ret_departures = departures;
	*ret_count = n;
	return RC_OK;
}

enum rc departures_due(struct txn_ro *txn, struct arena *arena, int64_t now_ms, size_t max,
    struct departure **ret_departures, size_t *ret_count, int64_t *ret_next_due_ms)
{
	struct rows rows = ROWS(arena, struct share);
	TRY(shares_of_open_jobs(txn, &rows, now_ms, max));
	struct share *shares = rows.first;
	int64_t next_due_ms = 0;
	if (quotas_give(shares, rows.count, max)) {
		next_due_ms = now_ms;
	} else {
		enum rc rc = NUMBER(txn, &next_due_ms, departures_next, I(now_ms));
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	for (size_t i = 0; i < rows.count; i++)
		TRY(share_read(txn, arena, now_ms, &shares[i]));
	TRY(shares_interleave(arena, shares, rows.count, max, ret_departures, ret_count));
	*ret_next_due_ms = next_due_ms;
	return RC_OK;
}

enum rc departure_end(struct txn_rw *txn, int64_t job, int64_t room, enum departure_state state,
    str reason, str event_id, int64_t now_ms)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, departure_end, I(state), T(reason), T(event_id), I(now_ms),
	    I(job), I(room)));
	if (changes == 0)
		return RC_CONFLICT;
	FAULT("deactivation.departure.ended");
	return RUN(txn, deactivation_finish, I(now_ms), I(job));
}

enum rc departure_retry(
    struct txn_rw *txn, int64_t job, int64_t room, str reason, int64_t next_try_ms)
{
	int64_t changes;
	TRY(RUN_COUNTED(
	    txn, &changes, departure_retry, T(reason), I(next_try_ms), I(job), I(room)));
	return changes == 0 ? RC_CONFLICT : RC_OK;
}

enum rc departure_renew(struct txn_rw *txn, int64_t user, int64_t room, bool *ret_pending)
{
	int64_t job, generation, changes;
	*ret_pending = false;
	enum rc rc = NUMBER(&txn->ro, &job, deactivation_of_user, I(user));
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = NUMBER(&txn->ro, &generation, account_generation, I(user));
	if (rc != RC_NOT_FOUND)
		return rc; /* active again */
	TRY(RUN_COUNTED(txn, &changes, departure_renew, I(job), I(room)));
	FAULT("deactivation.departure.renewed");
	*ret_pending = true;
	return changes == 0 ? RC_OK : RUN(txn, deactivation_reopen, I(job));
}

/* ---- reading ---- */

static struct deactivation deactivation_row(const struct query *q, struct arena *arena)
{
	return (struct deactivation){
	    .job = col_i64(q, 0),
	    .user = col_i64(q, 1),
	    .generation = col_i64(q, 2),
	    .accepted_ms = col_i64(q, 3),
	    .finished_ms = col_i64(q, 4),
	    .erase = col_i64(q, 5) != 0,
	    .user_id = col_dup(q, 6, arena),
	    .actor = col_dup(q, 7, arena),
	    .total = col_i64(q, 8),
	    .left = col_i64(q, 9),
	    .pending = col_i64(q, 10),
	    .retrying = col_i64(q, 11),
	    .terminal = col_i64(q, 12),
	};
}

enum rc deactivation_by_user(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct deactivation *ret_deactivation)
{
	int64_t job;
	TRY(NUMBER(txn, &job, deactivation_of_user, I(user)));
	struct query CLEANUP(query_close) q = QUERY(txn, deactivation_get, I(job));
	TRY(query_step(&q));
	struct deactivation deactivation = deactivation_row(&q, arena);
	TRY(arena_status(arena));
	*ret_deactivation = deactivation;
	return RC_OK;
}

enum rc deactivation_each(
    struct txn_ro *txn, struct arena *scratch, deactivation_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q = QUERY(txn, deactivation_each);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		arena_clear(scratch);
		struct deactivation deactivation = deactivation_row(&q, scratch);
		TRY(arena_status(scratch));
		TRY(fn(self, &deactivation));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc departures_of(
    struct txn_ro *txn, struct arena *scratch, int64_t job, departure_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q = QUERY(txn, departures_of, I(job));
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		arena_clear(scratch);
		struct departure departure = departure_row(&q, scratch);
		TRY(arena_status(scratch));
		TRY(fn(self, &departure));
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}
