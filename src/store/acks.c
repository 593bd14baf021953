#include "store/store_int.h"

#include "base/fault.h"

void job_list_init(struct job_list *list)
{
	*list = (struct job_list){.end = &list->first};
}

void job_list_add(struct job_list *list, struct queue_link *link)
{
	link->next = NULL;
	*list->end = link;
	list->end = &link->next;
	list->count++;
}

struct write_job *job_list_take(struct job_list *list)
{
	struct queue_link *link = list->first;
	if (!link)
		return NULL;
	list->first = link->next;
	if (!list->first)
		list->end = &list->first;
	list->count--;
	return CONTAINER_OF(link, struct write_job, link);
}

static void *acks_run(void *arg);

enum rc acks_start(struct acks *acks)
{
	lock_init(&acks->mu);
	cond_init(&acks->filled);
	acks->end = &acks->first;
	TRY(thread_start(&acks->thread, "store-acks", acks_run, acks));
	acks->started = true;
	return RC_OK;
}

void acks_stop(struct acks *acks)
{
	if (!acks->started)
		return;
	lock_take(&acks->mu);
	acks->closed = true;
	lock_drop(&acks->mu);
	cond_signal(&acks->filled);
	thread_join(acks->thread);
	acks->started = false;
	cond_destroy(&acks->filled);
	lock_destroy(&acks->mu);
}

bool acks_idle(const struct acks *acks)
{
	return __atomic_load_n(&acks->pending, __ATOMIC_ACQUIRE) == 0;
}

void acks_hand_over(struct acks *acks, struct job_list *jobs)
{
	if (!jobs->first)
		return;
	__atomic_add_fetch(&acks->pending, (int64_t)jobs->count, __ATOMIC_RELAXED);
	lock_take(&acks->mu);
	*acks->end = jobs->first;
	acks->end = jobs->end;
	lock_drop(&acks->mu);
	cond_signal(&acks->filled);
	job_list_init(jobs);
}

/* The job is its owner's again as soon as `done` is called: nothing of it is read afterwards. */
static void job_done(struct write_job *job)
{
	job->done(job, job->rc);
	FAULT("store.jobs.acknowledged");
}

void acks_call(struct job_list *jobs)
{
	struct write_job *job;
	while ((job = job_list_take(jobs)) != NULL)
		job_done(job);
}

static struct queue_link *acks_take_all(struct acks *acks)
{
	lock_take(&acks->mu);
	while (!acks->first && !acks->closed)
		cond_wait(&acks->filled, &acks->mu);
	struct queue_link *chain = acks->first;
	acks->first = NULL;
	acks->end = &acks->first;
	lock_drop(&acks->mu);
	return chain;
}

static void *acks_run(void *arg)
{
	struct acks *acks = arg;
	struct queue_link *chain;
	while ((chain = acks_take_all(acks)) != NULL) {
		while (chain) {
			struct write_job *job = CONTAINER_OF(chain, struct write_job, link);
			chain = chain->next;
			job_done(job);
			__atomic_sub_fetch(&acks->pending, 1, __ATOMIC_RELEASE);
		}
	}
	return NULL;
}
