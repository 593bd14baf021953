/*
 * How many durable messages a second the store takes, and what they cost. Not a test.
 *
 *   store_bench DIRECTORY SENDERS ROOMS SECONDS
 *
 * Each sender has one message in flight: it sends the next one when the last is on disk. A line tells the rate,
 * how many messages shared a commit, CPU time of the store's threads for a message, and one fdatasync of
 * the same disk to compare with.
 */
#include "base/lock.h"
#include "store/accounts.h"
#include "store/rooms.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CANONICAL_BYTES = 700, SENDERS_MAX = 1024, ROOMS_MAX = 1024, LATENCIES_MAX = 1 << 21 };

struct bench_room {
	int64_t nid, head, depth; /* the writer thread's */
};

struct sender {
	struct write_job job;
	struct bench *bench;
	struct bench_room *room;
	int64_t user, device, sent, started_ns;
};

struct bench {
	struct store *store;
	struct bench_room rooms[ROOMS_MAX];
	struct sender senders[SENDERS_MAX];
	size_t rooms_count, senders_count;
	struct lock mu;
	struct cond changed;
	size_t running;
	bool stop;         /* atomic */
	uint64_t messages; /* those of `done`: one thread at a time */
	int64_t *latencies_ns;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum rc message_write(struct txn_rw *txn, struct write_job *job)
{
	struct sender *sender = CONTAINER_OF(job, struct sender, job);
	struct bench_room *room = sender->room;
	static const char letters[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	char event_id[45] = "$", txn_id[32], canonical[CANONICAL_BYTES];
	unsigned char random[43];
	rng_fill(&rng_system, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		event_id[i + 1] = letters[random[i] & 63];
	int n = snprintf(txn_id, sizeof txn_id, "m%" PRId64, sender->sent);
	memset(canonical, 'x', sizeof canonical);
	struct event_insert in = {
	    .room = room->nid,
	    .expected_head = room->head,
	    .sender = sender->user,
	    .generation = 1,
	    .ts_ms = 1,
	    .depth = room->depth + 1,
	    .event_id = {event_id, 44},
	    .type = STR("m.room.message"),
	    .canonical = {canonical, sizeof canonical},
	    .txn_device = sender->device,
	    .txn_id = {txn_id, (size_t)n},
	};
	int64_t event, pos;
	TRY(event_insert(txn, &in, &event, &pos));
	room->head = event;
	room->depth++;
	return RC_OK;
}

static void message_done(struct write_job *job, enum rc rc)
{
	struct sender *sender = CONTAINER_OF(job, struct sender, job);
	struct bench *bench = sender->bench;
	int64_t now = now_ns();
	if (rc != RC_OK) {
		fprintf(stderr, "a message failed: %s\n", rc_name(rc));
		abort();
	}
	if (bench->messages < LATENCIES_MAX)
		bench->latencies_ns[bench->messages] = now - sender->started_ns;
	bench->messages++;
	sender->sent++;
	sender->started_ns = now;
	if (!__atomic_load_n(&bench->stop, __ATOMIC_RELAXED)) {
		store_submit(bench->store, job);
		return;
	}
	lock_take(&bench->mu);
	bench->running--;
	lock_drop(&bench->mu);
	cond_signal(&bench->changed);
}

static enum rc stage_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct bench *bench = arg;
	char name[64];
	for (size_t i = 0; i < bench->rooms_count; i++) {
		snprintf(
		    name, sizeof name, "!bench%zu-%" PRId64, i, store_committed_pos(bench->store));
		TRY(room_add(txn, str_of(name), STR("12"), false, &bench->rooms[i].nid));
	}
	for (size_t i = 0; i < bench->senders_count; i++) {
		struct sender *sender = &bench->senders[i];
		snprintf(name, sizeof name, "@bench%zu-%" PRId64 ":x", i,
		    store_committed_pos(bench->store));
		TRY(account_add(
		    txn, str_of(name), ACCOUNT_USER, STR_EMPTY, false, 1, &sender->user));
		TRY(device_put(txn, sender->user, STR("D"), STR_EMPTY, &sender->device));
		sender->room = &bench->rooms[i % bench->rooms_count];
		sender->bench = bench;
		sender->job = (struct write_job){.write = message_write, .done = message_done};
	}
	return RC_OK;
}

/* Nanoseconds on a CPU of all threads with this name. */
static int64_t thread_cpu_ns(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int64_t sum = 0;
	while (tasks && (entry = readdir(tasks)) != NULL) {
		char path[300], comm[32] = "";
		int64_t ns = 0;
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(comm, sizeof comm, file))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(file);
		snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", entry->d_name);
		file = strcmp(comm, name) == 0 ? fopen(path, "r") : NULL;
		if (file && fscanf(file, "%" SCNd64, &ns) == 1)
			sum += ns;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

/* Bytes that this process has handed to write() and the like. */
static int64_t bytes_written(void)
{
	char line[128];
	int64_t bytes = 0;
	FILE *file = fopen("/proc/self/io", "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "wchar: %" SCNd64, &bytes) == 1)
			break;
	if (file)
		fclose(file);
	return bytes;
}

static int order_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The median of overwriting one page in place and syncing it. */
static double fdatasync_us(const char *directory)
{
	enum { TRIES = 101 };
	char path[4200];
	static char page[4096];
	int64_t took[TRIES];
	snprintf(path, sizeof path, "%s/probe", directory);
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || pwrite(fd, page, sizeof page, 0) < 0 || fsync(fd) != 0)
		return 0;
	for (int i = 0; i < TRIES; i++) {
		int64_t started = now_ns();
		page[0] = (char)i;
		if (pwrite(fd, page, sizeof page, 0) < 0 || fdatasync(fd) != 0)
			break;
		took[i] = now_ns() - started;
	}
	close(fd);
	unlink(path);
	qsort(took, TRIES, sizeof took[0], order_ns);
	return (double)took[TRIES / 2] / 1000;
}

static void run(struct bench *bench, unsigned seconds)
{
	bench->running = bench->senders_count;
	for (size_t i = 0; i < bench->senders_count; i++) {
		bench->senders[i].started_ns = now_ns();
		store_submit(bench->store, &bench->senders[i].job);
	}
	sleep(seconds);
	__atomic_store_n(&bench->stop, true, __ATOMIC_RELAXED);
	lock_take(&bench->mu);
	while (bench->running > 0)
		cond_wait(&bench->changed, &bench->mu);
	lock_drop(&bench->mu);
}

static void report(
    struct bench *bench, double seconds, uint64_t commits, int64_t bytes, const char *directory)
{
	size_t n = bench->messages < LATENCIES_MAX ? bench->messages : LATENCIES_MAX;
	double count = (double)bench->messages;
	qsort(bench->latencies_ns, n, sizeof bench->latencies_ns[0], order_ns);
	printf(
	    "senders %zu rooms %zu: %.0f messages/s, %.1f messages a commit, %.0f commits/s, "
	    "p50 %.0f us, p99 %.0f us, max %.1f ms; CPU a message: writer %.1f us, acks %.1f us, "
	    "checkpoints %.1f us; %.1f kB written a message; fdatasync here %.0f us\n",
	    bench->senders_count, bench->rooms_count, count / seconds, count / (double)commits,
	    (double)commits / seconds, (double)bench->latencies_ns[n / 2] / 1000,
	    (double)bench->latencies_ns[n * 99 / 100] / 1000,
	    (double)bench->latencies_ns[n - 1] / 1e6,
	    (double)thread_cpu_ns("store-writer") / 1000 / count,
	    (double)thread_cpu_ns("store-acks") / 1000 / count,
	    (double)thread_cpu_ns("checkpoint") / 1000 / count, (double)bytes / 1000 / count,
	    fdatasync_us(directory));
}

int main(int argc, char **argv)
{
	static struct bench bench;
	if (argc != 5) {
		fprintf(stderr, "usage: store_bench DIRECTORY SENDERS ROOMS SECONDS\n");
		return 2;
	}
	bench.senders_count = strtoul(argv[2], NULL, 10) % (SENDERS_MAX + 1);
	bench.rooms_count = strtoul(argv[3], NULL, 10) % (ROOMS_MAX + 1);
	unsigned seconds = (unsigned)strtoul(argv[4], NULL, 10);
	bench.latencies_ns = calloc(LATENCIES_MAX, sizeof bench.latencies_ns[0]);
	struct store_config config = {.directory = str_of(argv[1]), .readers_max = 4, .group_max_jobs = 1000,
	                              .group_max_ms = 20, .clock = &clock_system, .rng = &rng_system};
	struct fail fail = {0};
	if (!bench.latencies_ns || bench.senders_count == 0 || bench.rooms_count == 0 ||
	    seconds == 0 || store_open(&config, &bench.store, &fail) != RC_OK) {
		fprintf(stderr, "%s\n", fail_message(&fail));
		return 1;
	}
	lock_init(&bench.mu);
	cond_init(&bench.changed);
	if (store_write(bench.store, stage_write, &bench, &fail) != RC_OK)
		return 1;
	struct store_counters before, after;
	store_counters(bench.store, &before);
	int64_t started = now_ns(), bytes = bytes_written();
	run(&bench, seconds);
	double took = (double)(now_ns() - started) / 1e9;
	store_counters(bench.store, &after);
	report(&bench, took, after.commits - before.commits, bytes_written() - bytes, argv[1]);
	store_close(bench.store);
	free(bench.latencies_ns);
	return 0;
}
