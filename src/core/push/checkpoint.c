/* Checkpoints go to the store in the background; nobody waits for them, and nothing is lost with them. */
#include "base/heap.h"
#include "core/push/unread_int.h"
#include "store/unread.h"

enum { CHECKPOINT_SCRATCH_BYTES = 4 << 20 };

struct checkpoint_job {
	struct write_job job;
	int64_t user, generation;
	struct unread *unread[PUSH_CHECKPOINTS_MAX];
	size_t count;
};

static enum rc put(struct txn_rw *txn, const struct unread *unread)
{
	struct arena scratch CLEANUP(arena_release);
	struct unread_row row = {
	    .user = unread->user,
	    .room = unread->room,
	    .upto = unread->tally.upto,
	    .version = unread->tally.version,
	};
	arena_init(&scratch, CHECKPOINT_SCRATCH_BYTES);
	TRY(tally_text(&scratch, &unread->tally, &row.state));
	return unread_put(txn, &row);
}

static enum rc write_checkpoints(struct txn_rw *txn, struct write_job *write)
{
	const struct checkpoint_job *job = CONTAINER_OF(write, struct checkpoint_job, job);
	TRY(account_check_generation(txn_reading(txn), job->user, job->generation));
	for (size_t i = 0; i < job->count; i++)
		TRY(put(txn, job->unread[i]));
	return RC_OK;
}

static void job_free(struct checkpoint_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		cached_unref(&job->unread[i]->cached);
	heap_free(job);
}

/* Those that fail are made again when they are further. */
static void checkpoints_done(struct write_job *write, enum rc rc)
{
	(void)rc;
	job_free(CONTAINER_OF(write, struct checkpoint_job, job));
}

void checkpoints_store(struct push_run *run)
{
	if (!run->checkpoint_count)
		return;
	struct checkpoint_job *job = heap_new(struct checkpoint_job);
	for (size_t i = 0; i < run->checkpoint_count; i++) {
		if (job)
			job->unread[job->count++] = run->checkpoints[i];
		else
			cached_unref(&run->checkpoints[i]->cached);
	}
	run->checkpoint_count = 0;
	if (!job)
		return;
	job->user = run->session->user;
	job->generation = run->session->generation;
	job->job.write = write_checkpoints;
	job->job.done = checkpoints_done;
	job->job.background = true;
	store_submit(run->push->config.store, &job->job);
}
