/*
 * The writer thread: group commit as store.h promises it.
 *
 * A group is one transaction of the database; a job in it is a savepoint. When the database itself gives the
 * whole transaction up (disk full, I/O error), every job of the group fails with that outcome and the
 * numbers given out in it are taken back.
 */
#include "store/store_int.h"

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"

#include <string.h>

enum { ATTEMPTS_MAX = 3 };

struct group {
	struct job_list jobs;
	struct numbers before;
	int64_t started_ms;
	size_t failed;
	bool has_interactive, has_background;
	bool has_begun;
	bool is_careful;     /* with savepoints */
	enum rc rc;          /* of the whole transaction */
};

/* ---- what is waiting ---- */

static void jobs_sort(struct writer *w, struct queue_link *chain)
{
	while (chain) {
		struct queue_link *link = chain;
		chain = chain->next;
		struct write_job *job = CONTAINER_OF(link, struct write_job, link);
		job_list_add(job->background ? &w->background : &w->interactive, link);
	}
}

/* False: closed, and nothing is left. */
static bool jobs_wait(struct writer *w)
{
	if (w->interactive.first || w->background.first)
		return true;
	struct queue_link *chain = queue_take_all(&w->jobs);
	jobs_sort(w, chain);
	return chain != NULL;
}

static void jobs_fetch(struct writer *w)
{
	if (queue_count(&w->jobs) >
	    0) /* this thread is the only one that takes: the call cannot wait */
		jobs_sort(w, queue_take_all(&w->jobs));
}

static bool group_full(const struct store *store, const struct group *group)
{
	const struct store_config *config = &store->config;
	return group->jobs.count > 0 &&
	       (group->jobs.count >= config->group_max_jobs ||
		   clock_mono_ms(config->clock) - group->started_ms >= config->group_max_ms);
}

/* Interactive jobs first. A group that holds some takes one background job: these progress, and delay little. */
static struct write_job *job_next(struct store *store, struct group *group)
{
	struct writer *w = &store->writer;
	if (group->rc != RC_OK || group_full(store, group))
		return NULL;
	if (!w->interactive.first)
		jobs_fetch(w);
	struct write_job *job = job_list_take(&w->interactive);
	if (job) {
		group->has_interactive = true;
	} else if (!(group->has_interactive && group->has_background)) {
		job = job_list_take(&w->background);
		group->has_background = job != NULL;
	}
	return job;
}

/* ---- one group ---- */

/* A block of nodes that was taken in what is rolled back is not ours, and what was cached of it is wrong. */
void numbers_restore(struct store *store, const struct numbers *before)
{
	store->writer.txn.numbers = *before;
	if (store->node_block_end <= before->node_end)
		return;
	store->last_node = store->node_block_end = 0;
	node_cache_clear(&store->nodes);
}

/* With a savepoint: a job that fails is rolled back alone. */
static enum rc job_run_careful(struct store *store, struct write_job *job)
{
	struct writer *w = &store->writer;
	TRY(conn_run(&w->conn, STMT_savepoint));
	struct numbers before = w->txn.numbers;
	struct news_mark told = news_mark(&w->news);
	enum rc rc = job->write(&w->txn, job);
	if (!conn_in_transaction(&w->conn))
		return rc == RC_OK ? RC_IO : rc; /* the database gave the transaction up */
	job->rc = rc;
	if (rc != RC_OK) {
		numbers_restore(store, &before);
		news_rewind(&w->news, told);
		TRY(conn_run(&w->conn, STMT_rollback_to));
	}
	return conn_run(&w->conn, STMT_release);
}

/* Without: one that fails before it has written anything needs none. After that, the group is run again with them. */
static enum rc job_run_bold(struct store *store, struct write_job *job)
{
	struct writer *w = &store->writer;
	struct numbers before = w->txn.numbers;
	struct news_mark told = news_mark(&w->news);
	uint64_t writes = w->conn.writes;
	job->rc = job->write(&w->txn, job);
	if (job->rc == RC_OK)
		return RC_OK;
	numbers_restore(store, &before);
	news_rewind(&w->news, told);
	return w->conn.writes == writes && conn_in_transaction(&w->conn) ? RC_OK : job->rc;
}

/* With the lock on the numbers: nobody ends a process now. */
static enum rc fence_check(struct store *store, int64_t fence)
{
	struct writer *w = &store->writer;
	int64_t process = __atomic_load_n(&store->process, __ATOMIC_ACQUIRE), one;
	if (fence == w->fence || process == 0)
		return RC_OK;
	enum rc rc = NUMBER(&w->txn.ro, &one, process_find, I(process));
	if (rc == RC_OK)
		w->fence = fence;
	return rc == RC_NOT_FOUND ? RC_FENCED : rc;
}

static enum rc numbers_take(struct store *store)
{
	struct writer *w = &store->writer;
	struct query CLEANUP(query_close) q = query_open(&w->conn, STMT_numbers_take, NULL, 0);
	TRY(query_step(&q));
	w->on_disk = w->txn.numbers =
	    (struct numbers){.pos = col_i64(&q, 0), .event = col_i64(&q, 1), .node_end = col_i64(&q, 2)};
	return fence_check(store, col_i64(&q, 3));
}

/* One that is refused lets go of the lock on the numbers, for which others wait. */
static enum rc numbers_take_or_leave(struct store *store)
{
	struct writer *w = &store->writer;
	enum rc rc = numbers_take(store);
	if (rc != RC_OK && conn_in_transaction(&w->conn) && conn_run(&w->conn, STMT_rollback) != RC_OK)
		LOG(LOG_ERROR, "store", "rollback failed", LOG_STR("reason", str_of(conn_message(&w->conn))));
	return rc;
}

static enum rc transaction_begin_once(struct store *store, struct group *group)
{
	struct writer *w = &store->writer;
	w->group++; /* each attempt has a number of its own */
	TRY(conn_run(&w->conn, STMT_begin_immediate));
	if (store->engine->is_shared)
		TRY(numbers_take_or_leave(store));
	group->before = w->txn.numbers;
	group->has_begun = true;
	news_clear(&w->news);
	return RC_OK;
}

/* With a new connection if the old one is lost; a database that is away is waited for. */
static enum rc transaction_begin(struct store *store, struct group *group)
{
	struct writer *w = &store->writer;
	int64_t deadline_ms = clock_mono_ms(&clock_system) + WRITER_CONNECT_MS;
	enum rc rc;
	do {
		rc = conn_renew(&w->conn, store, CONN_WRITER, deadline_ms);
		if (rc == RC_OK)
			rc = transaction_begin_once(store, group);
	} while (rc == RC_UNAVAILABLE && clock_mono_ms(&clock_system) < deadline_ms);
	return rc;
}

static void group_begin(struct store *store, struct group *group)
{
	*group = (struct group){
	    .started_ms = clock_mono_ms(store->config.clock),
	    .is_careful = !store->engine->is_deferred,
	};
	job_list_init(&group->jobs);
	group->rc = transaction_begin(store, group);
	FAULT("store.group.begun");
}

static enum rc job_run(struct store *store, struct group *group, struct write_job *job)
{
	enum rc rc = group->is_careful ? job_run_careful(store, job) : job_run_bold(store, job);
	group->failed += job->rc != RC_OK;
	return rc;
}

static void group_fill(struct store *store, struct group *group)
{
	struct write_job *job;
	while ((job = job_next(store, group)) != NULL) {
		job_list_add(&group->jobs, &job->link);
		group->rc = job_run(store, group, job);
	}
}

/* A group that could not even begin fails those that were waiting for it, and only those. */
static void group_refuse(struct store *store, struct group *group)
{
	struct writer *w = &store->writer;
	struct write_job *job;
	while (group->jobs.count < store->config.group_max_jobs &&
	       ((job = job_list_take(&w->interactive)) || (job = job_list_take(&w->background))))
		job_list_add(&group->jobs, &job->link);
}

static enum rc numbers_write(struct store *store)
{
	struct writer *w = &store->writer;
	const struct numbers *now = &w->txn.numbers, *old = &w->on_disk;
	if (now->pos == old->pos && now->event == old->event && now->node_end == old->node_end)
		return RC_OK;
	return RUN(&w->txn, numbers_set, I(now->pos), I(now->event), I(now->node_end));
}

/* What is asked for when the answer to the commit is lost. */
static enum rc writer_note(struct store *store)
{
	struct writer *w = &store->writer;
	return RUN(&w->txn, writer_commit, I(w->id), I(w->group), I(store_process(store)),
	    I(clock_wall_ms(store->config.clock)));
}

static enum rc transaction_commit(struct store *store, const struct group *group)
{
	struct writer *w = &store->writer;
	if (group->rc != RC_OK)
		return group->rc;
	if (group->failed == group->jobs.count)
		return conn_run(&w->conn, STMT_rollback); /* nothing to keep: no write, no sync */
	TRY(numbers_write(store));
	TRY(news_send(&w->txn));
	if (store->engine->is_shared)
		TRY(writer_note(store));
	FAULT("store.group.before_commit");
	if (FAULT_FAILS("store.commit"))
		return RC_IO;
	return conn_run(&w->conn, STMT_commit);
}

static void group_committed(struct store *store, const struct group *group)
{
	struct writer *w = &store->writer;
	if (group->failed == group->jobs.count)
		return; /* rolled back: nothing to keep */
	w->txn.numbers.type = 0;
	w->on_disk = w->txn.numbers;
	__atomic_add_fetch(&w->counters.commits, 1, __ATOMIC_RELAXED);
	position_raise(store, w->txn.numbers.pos); /* others may have told of a later one already */
	if (w->is_unsure)
		news_lost(store);
	w->is_unsure = false;
	FAULT("store.group.committed");
}

static void transaction_undo(struct store *store, const struct group *group)
{
	struct writer *w = &store->writer;
	if (conn_in_transaction(&w->conn) && conn_run(&w->conn, STMT_rollback) != RC_OK)
		LOG(LOG_ERROR, "store", "rollback failed", LOG_STR("reason", str_of(conn_message(&w->conn))));
	numbers_restore(store, &group->before);
}

static void group_fail(struct store *store, struct group *group, enum rc rc)
{
	if (group->has_begun)
		transaction_undo(store, group);
	LOG(LOG_ERROR, "store", "a commit failed", LOG_STR("reason", str_of(rc_name(rc))),
	    LOG_STR("said", str_of(conn_message(&store->writer.conn))), LOG_INT("jobs", group->jobs.count));
	group->failed = group->jobs.count;
	for (struct queue_link *link = group->jobs.first; link; link = link->next)
		CONTAINER_OF(link, struct write_job, link)->rc = rc;
}

/* The same jobs in a new transaction, each with a savepoint. */
static enum rc group_again(struct store *store, struct group *group)
{
	group->failed = 0;
	group->is_careful = true;
	group->rc = transaction_begin(store, group);
	store->writer.conn.is_careful = true;
	for (struct queue_link *link = group->jobs.first; link && group->rc == RC_OK; link = link->next)
		group->rc = job_run(store, group, CONTAINER_OF(link, struct write_job, link));
	enum rc rc = transaction_commit(store, group);
	store->writer.conn.is_careful = false;
	return rc;
}

static enum rc outcome_read(struct writer *w, bool *ret_committed)
{
	int64_t group = 0;
	struct query CLEANUP(query_close) q = query_open(&w->conn, STMT_numbers_take, NULL, 0);
	TRY(query_step(&q));
	enum rc rc = NUMBER(&w->txn.ro, &group, writer_committed, I(w->id));
	*ret_committed = rc == RC_OK && group == w->group;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/*
 * The connection was lost, maybe in the commit, of which the answer did not come. The server may still be at it: it
 * holds the lock on the numbers until it is through, and is waited for here.
 */
static enum rc outcome_ask(struct store *store, bool *ret_committed)
{
	struct writer *w = &store->writer;
	int64_t deadline_ms = clock_mono_ms(&clock_system) + WRITER_CONNECT_MS;
	*ret_committed = false;
	enum rc rc;
	do {
		TRY(conn_renew(&w->conn, store, CONN_WRITER, deadline_ms));
		rc = conn_run(&w->conn, STMT_begin_immediate);
		if (rc == RC_OK)
			rc = outcome_read(w, ret_committed);
		if (conn_in_transaction(&w->conn) && conn_run(&w->conn, STMT_rollback) != RC_OK)
			conn_close(&w->conn);
	} while (rc == RC_UNAVAILABLE && clock_mono_ms(&clock_system) < deadline_ms);
	return rc;
}

/* The jobs are told that they failed, and may have been done: whoever repeats them must find them so. */
static enum rc group_unsure(struct store *store, enum rc rc)
{
	store->writer.is_unsure = true;
	return rc;
}

/*
 * What a deferring engine did not take: once more with savepoints, so that the job that failed is known and the others
 * are kept. A lost connection: what was committed stands, the rest is run again on a new one.
 */
static enum rc group_save(struct store *store, struct group *group, enum rc rc)
{
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		struct numbers after = store->writer.txn.numbers;
		bool committed = false, was_careful = group->is_careful;
		transaction_undo(store, group);
		enum rc asked = rc == RC_UNAVAILABLE ? outcome_ask(store, &committed) : RC_OK;
		if (asked != RC_OK)
			return group_unsure(store, asked);
		if (committed) {
			store->writer.txn.numbers = after;
			return RC_OK;
		}
		if (rc == RC_DISK_FULL || rc == RC_NOMEM || rc == RC_FENCED ||
		    (was_careful && rc != RC_UNAVAILABLE && rc != RC_CONFLICT))
			return rc;
		rc = group_again(store, group);
		if (rc == RC_OK)
			return RC_OK;
	}
	return rc == RC_UNAVAILABLE ? group_unsure(store, rc) : rc;
}

static void group_count(struct writer *w, const struct group *group)
{
	__atomic_add_fetch(&w->counters.jobs, group->jobs.count, __ATOMIC_RELAXED);
	__atomic_add_fetch(&w->counters.failed_jobs, group->failed, __ATOMIC_RELAXED);
	if (group->jobs.count > __atomic_load_n(&w->counters.group_max, __ATOMIC_RELAXED))
		__atomic_store_n(&w->counters.group_max, group->jobs.count, __ATOMIC_RELAXED);
}

/* With nobody waiting the hand-over to another thread would only cost; else the next group must start. */
static void group_acknowledge(struct writer *w, struct group *group)
{
	bool waiting = w->interactive.first || w->background.first || queue_count(&w->jobs) > 0;
	if (waiting || !acks_idle(&w->acks))
		acks_hand_over(&w->acks, &group->jobs);
	else
		acks_call(&group->jobs);
}

static void group_run(struct store *store)
{
	struct group group;
	group_begin(store, &group);
	if (group.rc == RC_OK)
		group_fill(store, &group);
	else
		group_refuse(store, &group);
	enum rc rc = transaction_commit(store, &group);
	if (rc != RC_OK && group.has_begun && store->engine->is_deferred)
		rc = group_save(store, &group, rc);
	if (rc == RC_OK)
		group_committed(store, &group);
	else
		group_fail(store, &group, rc);
	group_count(&store->writer, &group);
	group_acknowledge(&store->writer, &group);
	checkpointer_committed(store);
}

static void *writer_run(void *arg)
{
	struct store *store = arg;
	while (jobs_wait(&store->writer))
		group_run(store);
	return NULL;
}

/* ---- life ---- */

/* Draws the tag of a new database; afterwards it only reads it. */
static enum rc tag_read(struct store *store)
{
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 4096);
	str tag;
	TRY(TEXT(&store->writer.txn.ro, &scratch, &tag, tag_get));
	if (tag.n != TAG_LETTERS) {
		tag = rng_text(store->config.rng, &scratch, RNG_UPPERCASE, TAG_LETTERS);
		TRY(arena_status(&scratch));
		TRY(RUN(&store->writer.txn, tag_set, T(tag)));
	}
	memcpy(store->tag, tag.p, TAG_LETTERS);
	return RC_OK;
}

/*
 * Of those that were killed. A process that stands still may ask yet when it wakes, also one that was ended meanwhile: so
 * they stay for a day.
 */
static enum rc writers_drop_ended(struct store *store)
{
	int64_t before_ms = clock_wall_ms(store->config.clock) - WRITER_KEPT_MS;
	return store->engine->is_shared ? RUN(&store->writer.txn, writers_drop_ended, I(before_ms))
					: RC_OK;
}

enum rc writer_start(struct store *store, struct fail *fail)
{
	struct writer *w = &store->writer;
	w->txn.ro = (struct txn_ro){store, &w->conn};
	queue_init(&w->jobs);
	job_list_init(&w->interactive);
	job_list_init(&w->background);
	if (store->engine->is_shared)
		w->id = (int64_t)(rng_u64(&rng_system) >> 1);
	enum rc rc = conn_run(&w->conn, STMT_begin_immediate);
	if (rc == RC_OK)
		rc = numbers_take(store);
	if (rc == RC_OK)
		rc = tag_read(store);
	if (rc == RC_OK)
		rc = writers_drop_ended(store);
	if (rc == RC_OK)
		rc = conn_run(&w->conn, STMT_commit);
	if (rc != RC_OK)
		return fail_set(fail, rc, "Cannot read %s: %s", store->name, conn_message(&w->conn));
	store->committed_pos = w->on_disk.pos;
	rc = acks_start(&w->acks);
	if (rc == RC_OK)
		rc = thread_start(&w->thread, "store-writer", writer_run, store);
	if (rc != RC_OK)
		return fail_set(fail, rc, "Cannot start the writer of %s", store->name);
	w->started = true;
	return RC_OK;
}

/* A row that stays goes when another writer starts. */
static void writer_sign_off(struct writer *w)
{
	int64_t changes;
	if (RUN_COUNTED(&w->txn, &changes, writer_end, I(w->id)) != RC_OK)
		LOG(LOG_DEBUG, "store", "cannot sign off", LOG_STR("reason", str_of(conn_message(&w->conn))));
}

void writer_stop(struct store *store)
{
	struct writer *w = &store->writer;
	if (w->started) {
		queue_close(&w->jobs);
		thread_join(w->thread);
		w->started = false;
		queue_destroy(&w->jobs);
	}
	acks_stop(&w->acks);
	if (store->engine && store->engine->is_shared && w->conn.engine && w->id)
		writer_sign_off(w);
}

void store_submit(struct store *store, struct write_job *job)
{
	job->rc = RC_OK;
	if (!queue_put(&store->writer.jobs, &job->link))
		job->done(job, RC_STOPPING);
}

bool txn_others_wait(struct txn_rw *txn)
{
	struct writer *w = &txn->ro.store->writer;
	jobs_fetch(w);
	return w->interactive.first != NULL;
}

struct write_now {
	struct write_job job;
	write_now_fn *write;
	void *arg;
	struct lock mu;
	struct cond finished;
	bool is_finished GUARDED_BY(mu);
	enum rc rc GUARDED_BY(mu);
};

static enum rc write_now_write(struct txn_rw *txn, struct write_job *job)
{
	struct write_now *now = CONTAINER_OF(job, struct write_now, job);
	return now->write(txn, now->arg, job->fail);
}

static void write_now_done(struct write_job *job, enum rc rc)
{
	struct write_now *now = CONTAINER_OF(job, struct write_now, job);
	lock_take(&now->mu);
	now->rc = rc;
	now->is_finished = true;
	cond_signal(
	    &now->finished); /* under the lock: the waiter destroys both as soon as it has it */
	lock_drop(&now->mu);
}

enum rc store_write(struct store *store, write_now_fn *write, void *arg, struct fail *fail)
{
	struct write_now now = {
	    .job = {.write = write_now_write, .done = write_now_done, .fail = fail},
	    .write = write,
	    .arg = arg,
	};
	lock_init(&now.mu);
	cond_init(&now.finished);
	store_submit(store, &now.job);
	lock_take(&now.mu);
	while (!now.is_finished)
		cond_wait(&now.finished, &now.mu);
	enum rc rc = now.rc;
	lock_drop(&now.mu);
	cond_destroy(&now.finished);
	lock_destroy(&now.mu);
	return rc;
}

struct txn_ro *txn_reading(struct txn_rw *txn)
{
	return &txn->ro;
}

enum rc txn_committed_pos(struct txn_ro *txn, int64_t *ret_pos)
{
	struct writer *w = &txn->store->writer;
	if (txn != &w->txn.ro)
		return NUMBER(txn, ret_pos, numbers_get);
	*ret_pos = w->txn.numbers.pos; /* the table follows when the group commits */
	return RC_OK;
}

int64_t txn_next_pos(struct txn_rw *txn)
{
	return ++txn->numbers.pos;
}
