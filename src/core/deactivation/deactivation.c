#include "core/deactivation/deactivation.h"

#include "base/heap.h"
#include "base/assert.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/log.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
	BATCH_ARENA_BYTES = 64 * 1024 * 1024,
	BATCH_MAX = 1000,
	RETRY_DOUBLINGS_MAX = 20,
	RETRIES_AT_ONCE = 3, /* after a conflict */
	RUNNER_NICE = 10, /* threads that answer clients come first, yet a busy machine does not stop it */
	TROUBLE_PAUSE_MAX_MS = 30000, /* of the store: when a disk has room again, nobody waits for an hour */
};

struct deactivations {
	struct deactivations_config config;
	struct lock mu;
	struct cond changed;
	bool woken GUARDED_BY(mu);
	bool stopping GUARDED_BY(mu);
	bool running;             /* the thread was started; start and stop only */
	thread runner;
	struct arena batch_arena; /* the runner's */
};

enum rc deactivations_new(const struct deactivations_config *config, struct deactivations **ret_deactivations)
{
	ASSERT(config->batch_rooms >= 1 && config->batch_rooms <= BATCH_MAX);
	struct deactivations *made = heap_zero(1, sizeof *made);
	if (!made)
		return RC_NOMEM;
	made->config = *config;
	lock_init(&made->mu);
	cond_init(&made->changed);
	arena_init(&made->batch_arena, BATCH_ARENA_BYTES);
	*ret_deactivations = made;
	return RC_OK;
}

void deactivations_free(struct deactivations *deactivations)
{
	if (!deactivations)
		return;
	arena_release(&deactivations->batch_arena);
	cond_destroy(&deactivations->changed);
	lock_destroy(&deactivations->mu);
	heap_free(deactivations);
}

void deactivations_wake(struct deactivations *deactivations)
{
	lock_take(&deactivations->mu);
	deactivations->woken = true;
	lock_drop(&deactivations->mu);
	cond_signal(&deactivations->changed);
}

/* Waits until woken, stopped, or `wait_ms` has passed (negative: no limit). False: stop. */
static bool wait_for_work(struct deactivations *deactivations, int64_t wait_ms)
{
	lock_take(&deactivations->mu);
	while (!deactivations->woken && !deactivations->stopping) {
		if (wait_ms < 0)
			cond_wait(&deactivations->changed, &deactivations->mu);
		else if (!cond_wait_ms(&deactivations->changed, &deactivations->mu, wait_ms))
			break;
	}
	deactivations->woken = false;
	bool go_on = !deactivations->stopping;
	lock_drop(&deactivations->mu);
	return go_on;
}

struct acceptance {
	int64_t user;
	bool erase;
	str actor;
	int64_t now_ms;
};

static enum rc accept_in_txn(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct acceptance *acceptance = arg;
	int64_t job;
	bool is_new;
	enum rc rc = deactivation_accept(txn, acceptance->user, acceptance->erase, acceptance->actor,
	                                 acceptance->now_ms, &job, &is_new);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, rc, "There is no such account");
	return rc;
}

enum rc deactivate(struct deactivations *deactivations, int64_t user, bool erase, str actor, struct fail *fail)
{
	const struct deactivations_config *config = &deactivations->config;
	struct acceptance acceptance = {user, erase, actor, clock_wall_ms(config->clock)};
	FAULT("deactivation.accept.begin");
	TRY(store_write(config->store, accept_in_txn, &acceptance, fail));
	FAULT("deactivation.accept.committed");
	if (config->on_accepted)
		config->on_accepted(config->self, user);
	deactivations_wake(deactivations);
	return RC_OK;
}

/* Exponential with jitter of a quarter, so that retries of many rooms spread. */
static int64_t retry_delay_ms(const struct deactivations_config *config, int64_t attempts)
{
	int64_t delay = config->retry_first_ms;
	for (int64_t i = 0; i < attempts && i < RETRY_DOUBLINGS_MAX && delay < config->retry_max_ms; i++)
		delay *= 2;
	if (delay > config->retry_max_ms)
		delay = config->retry_max_ms;
	return delay + (int64_t)rng_below(config->rng, (uint64_t)delay / 4 + 1);
}

/* What the leave was built on failed, and the next one is built on the room as it stands: no reason to wait at first. */
static int64_t outcome_delay_ms(const struct deactivations_config *config, enum rc outcome, int64_t attempts)
{
	return outcome == RC_CONFLICT && attempts < RETRIES_AT_ONCE ? 0 : retry_delay_ms(config, attempts);
}

struct retries {
	const struct deactivations_config *config;
	const struct departure *departures;
	const enum rc *outcomes;
	size_t count;
};

static enum rc write_retries(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct retries *retries = arg;
	int64_t now_ms = clock_wall_ms(retries->config->clock);
	for (size_t i = 0; i < retries->count; i++) {
		const struct departure *departure = &retries->departures[i];
		if (retries->outcomes[i] == RC_OK)
			continue;
		int64_t next_ms = now_ms + outcome_delay_ms(retries->config, retries->outcomes[i], departure->attempts);
		enum rc rc = departure_retry(txn, departure->job, departure->room,
		                             str_of(rc_sentence(retries->outcomes[i])), next_ms);
		if (rc != RC_OK && rc != RC_CONFLICT) /* a conflict: it ended meanwhile */
			return rc;
	}
	return RC_OK;
}

static size_t failures_count(const enum rc *outcomes, size_t count)
{
	size_t failures = 0;
	for (size_t i = 0; i < count; i++)
		failures += outcomes[i] != RC_OK;
	return failures;
}

/* Nothing can be written now, whichever room it is for. */
static bool is_trouble_of_all(enum rc rc)
{
	return rc == RC_IO || rc == RC_DISK_FULL || rc == RC_NOMEM || rc == RC_BUSY || rc == RC_STOPPING;
}

static bool is_stopping(struct deactivations *deactivations)
{
	lock_take(&deactivations->mu);
	bool stopping = deactivations->stopping;
	lock_drop(&deactivations->mu);
	return stopping;
}

/* A room that cannot be written fails the transaction of its batch: one by one, only that room waits. */
static enum rc leave_one_by_one(struct deactivations *deactivations, const struct departure *departures, size_t count,
                                enum rc *outcomes)
{
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i] == RC_OK)
			continue; /* a part of the batch was over before */
		if (is_stopping(deactivations))
			return RC_STOPPING;
		enum rc rc = rooms_depart(deactivations->config.rooms, &deactivations->batch_arena, &departures[i], 1,
		                          &outcomes[i]);
		if (is_trouble_of_all(rc))
			return rc;
		if (rc != RC_OK)
			outcomes[i] = rc;
	}
	return RC_OK;
}

static enum rc leave_batch(struct deactivations *deactivations, const struct departure *departures, size_t count)
{
	const struct deactivations_config *config = &deactivations->config;
	enum rc *outcomes = arena_array(&deactivations->batch_arena, enum rc, count);
	TRY(arena_status(&deactivations->batch_arena));
	enum rc rc = rooms_depart(config->rooms, &deactivations->batch_arena, departures, count, outcomes);
	if (is_trouble_of_all(rc))
		return rc;
	if (rc != RC_OK)
		TRY(leave_one_by_one(deactivations, departures, count, outcomes));
	size_t failures = failures_count(outcomes, count);
	LOG(LOG_DEBUG, "deactivation", "left a batch of rooms", LOG_INT("rooms", count - failures),
	    LOG_INT("to_retry", failures));
	if (failures == 0)
		return RC_OK;
	struct retries retries = {config, departures, outcomes, count};
	return store_write(config->store, write_retries, &retries, NULL);
}

static enum rc due_now(struct deactivations *deactivations, struct departure **ret_departures, size_t *ret_count,
                       int64_t *ret_next_due_ms)
{
	const struct deactivations_config *config = &deactivations->config;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(config->store, &txn));
	return departures_due(txn, &deactivations->batch_arena, clock_wall_ms(config->clock), config->batch_rooms,
	                      ret_departures, ret_count, ret_next_due_ms);
}

/* One batch. `*ret_wait_ms`: how long to rest after it; 0 at once, negative until woken. */
static enum rc run_once(struct deactivations *deactivations, int64_t *ret_wait_ms)
{
	struct departure *departures;
	size_t count;
	int64_t next_due_ms;
	arena_clear(&deactivations->batch_arena);
	TRY(due_now(deactivations, &departures, &count, &next_due_ms));
	if (count) {
		TRY(leave_batch(deactivations, departures, count));
		*ret_wait_ms = 0;
		return RC_OK;
	}
	int64_t until_due = next_due_ms - clock_wall_ms(deactivations->config.clock);
	if (until_due > deactivations->config.retry_max_ms)
		until_due = deactivations->config.retry_max_ms; /* the wall clock may jump */
	*ret_wait_ms = next_due_ms == 0 ? -1 : until_due > 0 ? until_due : 0;
	return RC_OK;
}

static void *run(void *arg)
{
	struct deactivations *deactivations = arg;
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), RUNNER_NICE); /* of this thread alone */
	int64_t wait_ms = 0, troubles = 0;
	while (wait_for_work(deactivations, wait_ms)) {
		enum rc rc = run_once(deactivations, &wait_ms);
		if (rc == RC_OK) {
			troubles = 0;
			continue;
		}
		wait_ms = retry_delay_ms(&deactivations->config, troubles++);
		if (wait_ms > TROUBLE_PAUSE_MAX_MS)
			wait_ms = TROUBLE_PAUSE_MAX_MS;
		if (rc != RC_STOPPING)
			LOG(LOG_ERROR, "deactivation", "could not leave rooms now, trying again",
			    LOG_STR("reason", str_of(rc_sentence(rc))), LOG_INT("in_ms", wait_ms));
	}
	return NULL;
}

enum rc deactivations_start(struct deactivations *deactivations)
{
	TRY(thread_start(&deactivations->runner, "deactivation", run, deactivations));
	deactivations->running = true;
	return RC_OK;
}

void deactivations_stop(struct deactivations *deactivations)
{
	if (!deactivations || !deactivations->running)
		return;
	lock_take(&deactivations->mu);
	deactivations->stopping = true;
	lock_drop(&deactivations->mu);
	cond_signal(&deactivations->changed);
	thread_join(deactivations->runner);
	deactivations->running = false;
}
