/*
 * What a message costs the store, by what it says of others. Not a test.
 *
 *   history_bench DIRECTORY KIND COUNT
 *
 * KIND: plain, edit, thread, reaction. COUNT messages are written in transactions of GROUP; a line tells the CPU time of
 * the writer for each. Under `valgrind --tool=callgrind` the instructions of two kinds can be compared whatever else the
 * machine does.
 */
#include "store/accounts.h"
#include "store/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CANONICAL_BYTES = 700, GROUP = 50, PARENTS = 64 };

struct bench {
	const char *rel_type;
	int64_t room, user, head, depth, count;
	int64_t cpu_ns; /* of the writes */
};

static int64_t thread_cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void id_put(char *id, int64_t number)
{
	static const char letters[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	uint64_t state = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
	id[0] = '$';
	for (int i = 1; i < 44; i++, state = state * UINT64_C(6364136223846793005) + 1)
		id[i] = letters[state >> 58];
}

static enum rc message_write(struct txn_rw *txn, struct bench *bench)
{
	static char canonical[CANONICAL_BYTES];
	char id[44], parent[44];
	int64_t event, pos;
	memset(canonical, 'x', sizeof canonical);
	id_put(id, bench->count);
	id_put(parent, bench->count - 1 - bench->count % PARENTS);
	struct event_insert in = {
	    .room = bench->room,
	    .expected_head = bench->head,
	    .sender = bench->user,
	    .generation = 1,
	    .ts_ms = bench->count,
	    .depth = ++bench->depth,
	    .event_id = {id, sizeof id},
	    .type = STR("m.room.message"),
	    .canonical = {canonical, sizeof canonical},
	};
	if (bench->rel_type && bench->count > PARENTS)
		in.relation = (struct relation_insert){
		    {parent, sizeof parent}, str_of(bench->rel_type), true};
	bench->count++;
	TRY(event_insert(txn, &in, &event, &pos));
	bench->head = event;
	return RC_OK;
}

static enum rc group_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct bench *bench = arg;
	int64_t started = thread_cpu_ns();
	for (int i = 0; i < GROUP; i++)
		TRY(message_write(txn, bench));
	bench->cpu_ns += thread_cpu_ns() - started;
	return RC_OK;
}

static enum rc stage_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct bench *bench = arg;
	TRY(room_add(txn, STR("!bench"), STR("12"), false, &bench->room));
	return account_add(txn, STR("@bench:x"), ACCOUNT_USER, STR_EMPTY, false, 1, &bench->user);
}

static const char *rel_type_of(const char *kind)
{
	static const char *const kinds[][2] = {
	    {"edit", "m.replace"}, {"thread", "m.thread"}, {"reaction", "m.annotation"}};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(kind, kinds[i][0]) == 0)
			return kinds[i][1];
	return NULL;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	struct store *store = NULL;
	if (argc != 4) {
		fprintf(stderr, "usage: history_bench DIRECTORY KIND COUNT\n");
		return 2;
	}
	struct bench bench = {.rel_type = rel_type_of(argv[2])};
	int64_t count = strtoll(argv[3], NULL, 10);
	struct store_config config = {.directory = str_of(argv[1]), .readers_max = 4, .group_max_jobs = 1000,
	    .group_max_ms = 20, .clock = &clock_system, .rng = &rng_system};
	enum rc rc = store_open(&config, &store, &fail);
	if (rc == RC_OK)
		rc = store_write(store, stage_write, &bench, &fail);
	while (rc == RC_OK && bench.count < count)
		rc = store_write(store, group_write, &bench, &fail);
	if (rc != RC_OK) {
		fprintf(stderr, "%s: %s\n", rc_name(rc), fail_message(&fail));
		return 1;
	}
	printf("%s: %.2f us of CPU a message, without the commit\n", argv[2],
	    (double)bench.cpu_ns / 1000 / (double)bench.count);
	store_close(store);
	return 0;
}
