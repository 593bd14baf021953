/* While processes come, stop and stand still, each commit is that of the slot's owner. */
#include "cluster_rig.h"

#include <sched.h>
#include <string.h>

enum { WORKERS = 2, ROOMS = 64 };

struct worker {
	struct member *member;
	int number;
	bool stop;                      /* atomic */
	size_t commits;                 /* atomic */
	size_t turn;                    /* atomic: odd while it commits */
	size_t fenced, violations;
	enum rc rc;                     /* of what went wrong */
	bool is_running;                /* its thread is to be joined */
	bool is_over;                   /* atomic */
	thread thread;
};

struct work {
	struct worker *worker;
	size_t slot;
};

/*
 * With the lock of all write transactions: the slot is the process's that commits now. Or nobody's, when the process signs
 * off in the same transaction: whoever gets the slot comes after it.
 */
static enum rc work_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct work *work = arg;
	int64_t owners[SLOT_COUNT], user;
	char name[48];
	TRY(slots_get(txn_reading(txn), owners));
	work->worker->violations += owners[work->slot] != work->worker->member->process && owners[work->slot] != 0;
	snprintf(name, sizeof name, "@u%d_%zu_%p:x", work->worker->number, work->worker->commits, (void *)work->worker);
	return user_nid_make(txn, str_of(name), &user);
}

static bool owns(struct worker *worker, str room_id)
{
	struct cluster_owner owner;
	enum rc rc = cluster_owner_of(worker->member->cluster, room_id, &owner);
	if (rc != RC_OK && rc != RC_BUSY)
		worker->rc = rc;
	return rc == RC_OK && owner.is_self;
}

static void working_add(struct worker *worker, size_t slot, bool begins)
{
	struct member *member = worker->member;
	lock_take(&member->mu);
	member->working[slot] += begins ? 1 : (size_t)-1;
	lock_drop(&member->mu);
}

/* Asked again when the operation counts as under way: from then on the slot does not settle. */
static void work_once(struct worker *worker, str room_id)
{
	struct work work = {worker, room_slot(room_id)};
	if (!owns(worker, room_id)) {
		sched_yield();
		return;
	}
	working_add(worker, work.slot, true);
	enum rc rc = RC_BUSY;
	if (owns(worker, room_id)) {
		__atomic_add_fetch(&worker->turn, 1, __ATOMIC_RELEASE);
		rc = store_write(worker->member->other.store, work_write, &work, NULL);
		__atomic_add_fetch(&worker->turn, 1, __ATOMIC_RELEASE);
	}
	working_add(worker, work.slot, false);
	if (rc == RC_FENCED)
		worker->fenced++;
	else if (rc != RC_OK && rc != RC_BUSY)
		worker->rc = rc;
	__atomic_add_fetch(&worker->commits, rc == RC_OK, __ATOMIC_RELEASE);
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;
	char name[32];
	for (int i = worker->number; !__atomic_load_n(&worker->stop, __ATOMIC_ACQUIRE) && !worker->fenced; i++)
		work_once(worker, room_name(name, i % ROOMS));
	__atomic_store_n(&worker->is_over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void workers_start(struct worker *workers, struct member *member)
{
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.member = member, .number = i * ROOMS / WORKERS};
		assert_int_equal(thread_start(&workers[i].thread, "worker", worker_run, &workers[i]), RC_OK);
		workers[i].is_running = true;
	}
}

/* Without `stop` they end when they are refused. */
static void workers_join(struct worker *workers, bool stop)
{
	for (int i = 0; i < WORKERS; i++) {
		__atomic_store_n(&workers[i].stop, stop, __ATOMIC_RELEASE);
		thread_join(workers[i].thread);
		workers[i].is_running = false;
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(workers[i].rc, RC_OK);
		assert_int_equal(workers[i].violations, 0);
	}
}

struct progress {
	struct worker *workers;
	size_t wanted;
};

static size_t commits_of(const struct worker *workers)
{
	size_t commits = 0;
	for (int i = 0; i < WORKERS; i++)
		commits += __atomic_load_n(&workers[i].commits, __ATOMIC_ACQUIRE);
	return commits;
}

static bool has_progressed(void *self)
{
	const struct progress *progress = self;
	return commits_of(progress->workers) >= progress->wanted;
}

static void progress_wait(struct worker *workers, size_t commits)
{
	struct progress progress = {workers, commits_of(workers) + commits};
	other_wait(has_progressed, &progress, "commits");
}

/*
 * Waits until no commit of these is older than this call: so none lasts for as many looks as a slot that does not settle
 * is given.
 */
static void commits_drain(struct worker *workers)
{
	for (int i = 0; i < WORKERS; i++) {
		size_t turn = __atomic_load_n(&workers[i].turn, __ATOMIC_ACQUIRE);
		while (turn % 2 == 1 && __atomic_load_n(&workers[i].turn, __ATOMIC_ACQUIRE) == turn)
			sched_yield();
	}
}

struct crew {
	struct member *member;
	struct worker workers[WORKERS];
};

enum { CREWS = 3 };
static struct crew crews_of_test[CREWS];

/* Nobody has to wait any longer. */
static void crews_end(struct troop *troop)
{
	for (int i = 0; i < CREWS * WORKERS; i++) {
		struct worker *worker = &crews_of_test[i / WORKERS].workers[i % WORKERS];
		__atomic_store_n(&worker->stop, true, __ATOMIC_RELEASE);
		while (worker->is_running && !__atomic_load_n(&worker->is_over, __ATOMIC_ACQUIRE)) {
			clock_fake_advance(&troop->time, 10 * LEASE_MS);
			cluster_look(worker->member->cluster);
			sched_yield();
		}
		if (worker->is_running)
			thread_join(worker->thread);
	}
}

static void crews_look(struct crew *crews, size_t count, int rounds)
{
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++) {
			for (size_t j = 0; j < count; j++)
				commits_drain(crews[j].workers);
			member_look(crews[i].member);
		}
}

static void crew_start(struct crew *crew, struct troop *troop, int number)
{
	crew->member = member_start(troop, number);
	workers_start(crew->workers, crew->member);
}

/* Members come, stop, and stand still while they work: each commit is that of the slot's owner. */
static void every_commit_is_its_owners(void **state)
{
	enum { MANY = 40, LOOKS = 15 };
	struct troop *troop = *state;
	struct crew *crews = crews_of_test;
	struct member *members[CREWS];
	memset(crews_of_test, 0, sizeof crews_of_test);
	troop->end = crews_end;
	for (int i = 0; i < CREWS; i++) {
		crew_start(&crews[i], troop, i);
		members[i] = crews[i].member;
		crews_look(crews, (size_t)i + 1, LOOKS);
		assert_shared(troop, members, (size_t)i + 1);
		progress_wait(crews[i].workers, MANY);
	}
	member_stop(members[2]);
	workers_join(crews[2].workers, true);
	crews_look(crews, 2, LOOKS);
	assert_shared(troop, members, 2);
	for (int i = 0; i < 12; i++) { /* the second one works, but its beat stands still */
		clock_fake_advance(&troop->time, STEP_MS);
		crews_look(crews, 1, 1);
		if (processes(troop) == 2)
			progress_wait(crews[1].workers, 1);
	}
	assert_shared(troop, members, 1);
	progress_wait(crews[0].workers, MANY);
	workers_join(crews[1].workers, false);
	workers_join(crews[0].workers, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_commit_is_its_owners),
	};
	if (!fixture_is_on_postgres())
		return FIXTURE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
