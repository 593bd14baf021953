/*
 * What state costs: its size on disk, inserting in large rooms and long histories, auth differences. Not a test.
 *
 *   state_bench DIRECTORY size [CHANGES]          bytes on disk, by table, in a room of 10,000 members
 *   state_bench DIRECTORY insert                  inserting in rooms of 10 to 100,000 state entries
 *   state_bench DIRECTORY difference              auth differences in rooms of 1,000 to 100,000 events
 *   state_bench DIRECTORY fork                    an event on a fork, by what it changes, 30,000 entries
 *   state_bench DIRECTORY rate [EVENTS]           inserting into one room, up to 1,000,000 events
 *
 * DIRECTORY must be empty, and on the disk in question. Tab-separated values with a head line, for docs/performance.md.
 * Events have the size and the auth events of real ones; the same seed makes the same rooms each time.
 */
#include "store/accounts.h"
#include "store/auth_chains.h"
#include "store/rooms.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ID_BYTES = 44,
	CANONICAL_MAX = 2048,
	MEMBERS_MAX = 100000,
	BATCH = 100,  /* events of a transaction while rooms are filled */
	GROUP = 10,   /* when the rate is measured: as many as share a commit with 64 senders */
	ROUND = 10,  /* timed ones of a transaction, in each room */
	SAMPLES = 800,
};

struct bench {
	struct store *store;
	const char *directory;
	uint64_t seed;
	struct rng rng;
	int64_t bytes; /* canonical ones, of state events */
	int64_t states;
};

/* A room whose events cite what real ones would. */
struct bench_room {
	struct bench *bench;
	int64_t nid, head, depth, count;
	char create[ID_BYTES], power[ID_BYTES], rules[ID_BYTES], newest[ID_BYTES];
	char (*members)[ID_BYTES]; /* the newest event of each; empty: none yet */
	int64_t member_count;
	struct snapshot_edit fork_before, fork_current; /* of the next event, when `forks` */
	bool forks;
};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum rc rc, const char *what)
{
	if (rc == RC_OK)
		return;
	fprintf(stderr, "%s: %s\n", what, rc_name(rc));
	exit(1);
}

static void random_text(struct bench *bench, char *text, size_t n)
{
	static const char letters[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	rng_fill(&bench->rng, text, n);
	for (size_t i = 0; i < n; i++)
		text[i] = letters[text[i] & 63];
}

static str id_str(const char id[ID_BYTES])
{
	return (str){id, ID_BYTES};
}

/* ---- events ---- */

struct wish {
	const char *type;
	int64_t user;        /* sender */
	bool is_state;
	const char *content;
	const char *cites[4]; /* ids; NULL: none */
	char *keeps;          /* where its own id goes; may be NULL */
};

static size_t canonical_make(struct bench_room *room, const struct wish *wish, const str *auth,
    size_t auth_count, char text[CANONICAL_MAX])
{
	char hash[43], signature[86];
	size_t n = 0;
	random_text(room->bench, hash, sizeof hash);
	random_text(room->bench, signature, sizeof signature);
#define PUT(...) n += (size_t)snprintf(text + n, CANONICAL_MAX - n, __VA_ARGS__)
	PUT("{\"auth_events\":[");
	for (size_t i = 0; i < auth_count; i++)
		PUT("%s\"%.*s\"", i ? "," : "", STR_ARG(auth[i]));
	PUT("],\"content\":%s,\"depth\":%" PRId64 ",\"hashes\":{\"sha256\":\"%.43s\"},", wish->content,
	    room->depth + 1, hash);
	PUT("\"origin_server_ts\":1750000%06" PRId64 ",\"prev_events\":[\"%.44s\"],", room->count % 1000000,
	    room->newest);
	PUT("\"room_id\":\"!abcdefghijklmnopqr:example.org\",\"sender\":\"@user%" PRId64 ":example.org\",",
	    wish->user);
	PUT("\"signatures\":{\"example.org\":{\"ed25519:auto\":\"%.86s\"}},", signature);
	if (wish->is_state)
		PUT("\"state_key\":\"@user%" PRId64 ":example.org\",", wish->user);
	PUT("\"type\":\"%s\"}", wish->type);
#undef PUT
	return n;
}

static enum rc wish_insert(struct txn_rw *txn, struct bench_room *room, const struct wish *wish)
{
	char id[ID_BYTES] = "$", canonical[CANONICAL_MAX], user_id[48];
	str auth[4];
	size_t auth_count = 0;
	int64_t pos;
	bool is_member = strcmp(wish->type, "m.room.member") == 0;
	for (size_t i = 0; i < COUNT_OF(wish->cites); i++)
		if (wish->cites[i] && wish->cites[i][0])
			auth[auth_count++] = id_str(wish->cites[i]);
	random_text(room->bench, id + 1, ID_BYTES - 1);
	size_t n = canonical_make(room, wish, auth, auth_count, canonical);
	snprintf(user_id, sizeof user_id, "@user%" PRId64 ":example.org", wish->user);
	struct event_insert in = {
	    .room = room->nid,
	    .place = room->forks ? EVENT_ON_FORK : EVENT_AT_HEAD,
	    .expected_head = room->head,
	    .generation = -1,
	    .ts_ms = 1750000000000 + room->count,
	    .depth = ++room->depth,
	    .event_id = id_str(id),
	    .type = str_of(wish->type),
	    .is_state = wish->is_state,
	    .state_key = wish->is_state && (is_member || wish->user > 0) ? str_of(user_id) : STR_EMPTY,
	    .canonical = {canonical, n},
	    .auth_events = auth,
	    .auth_count = wish->is_state ? auth_count : 0,
	    .before = room->fork_before,
	    .current = room->fork_current,
	    .membership = is_member ? MEMBERSHIP_JOIN : MEMBERSHIP_NONE,
	    .member_user_id = is_member ? str_of(user_id) : STR_EMPTY,
	};
	TRY(user_nid_make(txn, str_of(user_id), &in.sender));
	TRY(event_insert(txn, &in, &room->head, &pos));
	memcpy(room->newest, id, ID_BYTES);
	if (wish->keeps)
		memcpy(wish->keeps, id, ID_BYTES);
	room->count++;
	room->bench->states += wish->is_state;
	room->bench->bytes += wish->is_state ? (int64_t)n : 0;
	return RC_OK;
}

static enum rc member_insert(struct txn_rw *txn, struct bench_room *room, int64_t user)
{
	char content[128];
	snprintf(content, sizeof content,
	    "{\"avatar_url\":\"mxc://example.org/abcdefghijklmnopqrstuvwx\",\"displayname\":\"User %" PRId64
	    "\",\"membership\":\"join\"}", user);
	struct wish wish = {"m.room.member", user, true, content,
	    {room->create, room->power, room->rules, room->members[user]}, room->members[user]};
	return wish_insert(txn, room, &wish);
}

static enum rc message_insert(struct txn_rw *txn, struct bench_room *room, int64_t user)
{
	struct wish wish = {"m.room.message", user, false,
	    "{\"body\":\"A message as long as messages are: about a line of text.\",\"msgtype\":\"m.text\"}",
	    {room->create, room->power, room->members[user]}, NULL};
	return wish_insert(txn, room, &wish);
}

static enum rc power_insert(struct txn_rw *txn, struct bench_room *room)
{
	struct wish power = {"m.room.power_levels", 0, true,
	    "{\"ban\":50,\"events\":{\"m.room.name\":50,\"m.room.power_levels\":100},\"events_default\":0,"
	    "\"invite\":0,\"kick\":50,\"redact\":50,\"state_default\":50,\"users\":{\"@user0:example.org\":100},"
	    "\"users_default\":0}",
	    {room->create, room->members[0], room->power}, room->power};
	return wish_insert(txn, room, &power);
}

/* ---- rooms ---- */

struct growth {
	struct bench_room *room;
	int64_t members;  /* that are to be there */
	int64_t messages, changes;
	bool power;       /* new power levels first */
	int batch;
};

static enum rc room_start(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct bench_room *room = arg;
	char name[64];
	(void)fail;
	snprintf(name, sizeof name, "!bench%" PRIu64, room->bench->seed);
	TRY(room_add(txn, str_of(name), STR("11"), false, &room->nid));
	struct wish create = {"m.room.create", 0, true, "{\"room_version\":\"11\"}", {NULL}, room->create};
	TRY(wish_insert(txn, room, &create));
	TRY(member_insert(txn, room, 0));
	TRY(power_insert(txn, room));
	struct wish rules = {"m.room.join_rules", 0, true, "{\"join_rule\":\"public\"}",
	    {room->create, room->power, room->members[0]}, room->rules};
	room->member_count = 1;
	return wish_insert(txn, room, &rules);
}

static enum rc growth_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct growth *growth = arg;
	struct bench_room *room = growth->room;
	const struct rng *rng = &room->bench->rng;
	(void)fail;
	if (growth->power)
		TRY(power_insert(txn, room));
	for (int n = 0; n < growth->batch && room->member_count < growth->members; n++)
		TRY(member_insert(txn, room, room->member_count++));
	for (int n = 0; n < growth->batch && growth->messages > 0; n++, growth->messages--)
		TRY(message_insert(txn, room, (int64_t)rng_below(rng, (uint64_t)room->member_count)));
	for (int n = 0; n < growth->batch && growth->changes > 0; n++, growth->changes--)
		TRY(member_insert(txn, room, (int64_t)rng_below(rng, (uint64_t)room->member_count)));
	growth->power = false;
	return RC_OK;
}

static void grow(struct bench_room *room, int64_t members, int64_t messages, int64_t changes, int batch)
{
	struct growth growth = {room, members, messages, changes, false, batch};
	while (room->member_count < members || growth.messages > 0 || growth.changes > 0)
		must(store_write(room->bench->store, growth_write, &growth, NULL), "growing a room");
}

static struct bench_room room_new(struct bench *bench)
{
	struct bench_room room = {.bench = bench, .members = calloc(MEMBERS_MAX, ID_BYTES)};
	if (!room.members)
		abort();
	must(store_write(bench->store, room_start, &room, NULL), "making a room");
	return room;
}

/* ---- size ---- */

static void table_size(const struct bench *bench, sqlite3 *db, const char *what, const char *names)
{
	char sql[256];
	sqlite3_stmt *stmt = NULL;
	snprintf(sql, sizeof sql, "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name IN (%s)", names);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW) {
		fprintf(stderr, "dbstat: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	int64_t bytes = sqlite3_column_int64(stmt, 0);
	printf("%s\t%" PRId64 "\t%.1f\n", what, bytes, (double)bytes / (double)bench->states);
	sqlite3_finalize(stmt);
}

static void bench_size(struct bench *bench, int64_t changes)
{
	char path[4200];
	sqlite3 *db = NULL;
	struct bench_room room = room_new(bench);
	grow(&room, 10000, 0, changes, BATCH);
	free(room.members);
	store_close(bench->store);
	bench->store = NULL;
	snprintf(path, sizeof path, "%s/exeunt.db", bench->directory);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		exit(1);
	printf("what\tbytes\ta state event\n");
	printf("canonical bytes\t%" PRId64 "\t%.1f\n", bench->bytes, (double)bench->bytes / (double)bench->states);
	table_size(bench, db, "snapshots", "'state_nodes'");
	table_size(bench, db, "auth chains", "'auth_chains', 'auth_chains_place'");
	table_size(bench, db, "auth links", "'auth_links', 'auth_links_back'");
	table_size(bench, db, "extremities", "'extremities'");
	table_size(bench, db, "all state", "'state_nodes', 'auth_chains', 'auth_chains_place', 'auth_links',"
	    " 'auth_links_back', 'extremities'");
	table_size(bench, db, "events", "'events'");
	sqlite3_close(db);
}

/* ---- inserting ---- */

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median_us(double *samples, size_t count)
{
	qsort(samples, count, sizeof *samples, order);
	return samples[count / 2] * 1e6;
}

/* Times the inserts themselves, inside the transaction; what the commit costs is no matter of the room's size. */
struct timing {
	struct bench_room *rooms;
	size_t room_count, done;
	double (*samples)[2][SAMPLES];
};

static enum rc timing_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct timing *timing = arg;
	(void)fail;
	for (size_t i = timing->done; i < timing->done + ROUND; i++)
		for (size_t r = 0; r < timing->room_count; r++) {
			struct bench_room *room = &timing->rooms[r];
			int64_t user = (int64_t)rng_below(&room->bench->rng, (uint64_t)room->member_count);
			double started = now_s();
			TRY(message_insert(txn, room, user));
			double between = now_s();
			TRY(member_insert(txn, room, user));
			timing->samples[r][0][i] = between - started;
			timing->samples[r][1][i] = now_s() - between;
		}
	timing->done += ROUND;
	return RC_OK;
}

static void bench_insert(struct bench *bench)
{
	static const int64_t sizes[] = {10, 100, 1000, 10000, 100000};
	static struct bench_room rooms[COUNT_OF(sizes)];
	static double samples[COUNT_OF(sizes)][2][SAMPLES];
	struct timing timing = {rooms, COUNT_OF(sizes), 0, samples};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		rooms[i] = room_new(bench);
		grow(&rooms[i], sizes[i] - 3, 0, 0, BATCH); /* and create, power levels, join rules */
	}
	while (timing.done < SAMPLES)
		must(store_write(bench->store, timing_write, &timing, NULL), "inserting");
	printf("state entries\tmessage us\tstate event us\n");
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		printf("%" PRId64 "\t%.1f\t%.1f\n", sizes[i], median_us(samples[i][0], SAMPLES),
		    median_us(samples[i][1], SAMPLES));
		free(rooms[i].members);
	}
}

static void bench_rate(struct bench *bench, int64_t events)
{
	enum { STEPS = 20, MEMBERS = 10000 };
	struct bench_room room = room_new(bench);
	grow(&room, MEMBERS, 0, 0, BATCH);
	double first = 0;
	printf("events\tevents/s\tof the first\n");
	for (int i = 0; i < STEPS; i++) {
		double started = now_s();
		int64_t each = events / STEPS, count = room.count;
		grow(&room, MEMBERS, each - each / 5, each / 5, GROUP / 2); /* of both */
		double rate = (double)(room.count - count) / (now_s() - started);
		first = first > 0 ? first : rate;
		printf("%" PRId64 "\t%.0f\t%.2f\n", room.count, rate, rate / first);
		fflush(stdout);
	}
	free(room.members);
}

/* ---- differences ---- */

/* Two branches of the room's newest state, with a hundred changes each; the second with power levels of its own. */
struct branch {
	struct growth growth;
	int64_t base, ends[2];
};

static enum rc branch_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct branch *branch = arg;
	struct bench_room *room = branch->growth.room;
	struct arena CLEANUP(arena_release) arena;
	struct room_row row;
	arena_init(&arena, 1 << 16);
	TRY(room_get(txn_reading(txn), &arena, room->nid, &row));
	branch->base = row.snapshot;
	for (int i = 0; i < 2; i++) {
		char power[ID_BYTES];
		memcpy(power, room->power, ID_BYTES);
		branch->growth.changes = 100;
		branch->growth.power = i == 1;
		/* What the other branch wrote is not cited: the room's state goes back to where they part. */
		TRY(growth_write(txn, &branch->growth, fail));
		memcpy(room->power, power, ID_BYTES);
		arena_clear(&arena);
		TRY(room_get(txn_reading(txn), &arena, room->nid, &row));
		branch->ends[i] = row.snapshot;
		room->forks = true;
		room->fork_before.base = room->fork_current.base = branch->base;
		TRY(message_insert(txn, room, 0));
		room->forks = false;
	}
	return RC_OK;
}

struct differing {
	struct arena *arena;
	int64_t *states[2];
	size_t counts[2];
};

static enum rc differing_add(void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct differing *differing = self;
	if (before->event != 0)
		differing->states[0][differing->counts[0]++] = before->event;
	if (after->event != 0)
		differing->states[1][differing->counts[1]++] = after->event;
	return RC_OK;
}

static void difference_run(struct bench *bench, const struct branch *branch, size_t *ret_places, size_t *ret_events)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	struct arena CLEANUP(arena_release) arena;
	int64_t *events;
	arena_init(&arena, 64 << 20);
	struct differing differing = {&arena, {arena_array(&arena, int64_t, 300), arena_array(&arena, int64_t, 300)}, {0}};
	must(txn_ro_begin(bench->store, &txn), "reading");
	must(snapshot_diff(txn, branch->ends[0], branch->ends[1], differing_add, &differing), "comparing");
	struct auth_states states = {differing.states, differing.counts, 2, branch->ends[0]};
	must(auth_difference(txn, &arena, &states, &events, ret_events), "the auth difference");
	*ret_places = differing.counts[0];
}

static void bench_difference(struct bench *bench)
{
	static const int64_t sizes[] = {1000, 3000, 10000, 30000, 100000};
	printf("events\tplaces that differ\tauth difference\tms\n");
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		enum { RUNS = 21 };
		double samples[RUNS];
		size_t places = 0, events = 0;
		struct bench_room room = room_new(bench);
		grow(&room, sizes[i] / 10, sizes[i] / 2, sizes[i] - sizes[i] / 2 - sizes[i] / 10, BATCH);
		struct branch branch = {.growth = {.room = &room, .batch = BATCH}};
		must(store_write(bench->store, branch_write, &branch, NULL), "branching");
		for (int run = 0; run < RUNS; run++) {
			double started = now_s();
			difference_run(bench, &branch, &places, &events);
			samples[run] = now_s() - started;
		}
		printf("%" PRId64 "\t%zu\t%zu\t%.2f\n", sizes[i], places, events, median_us(samples, RUNS) / 1000);
		free(room.members);
	}
}

/* ---- forks ---- */

struct forking {
	struct bench_room *room;
	struct state_change *changes;
	size_t count;
	double took;
};

static enum rc forking_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct forking *forking = arg;
	struct bench_room *room = forking->room;
	struct arena CLEANUP(arena_release) arena;
	struct room_row row;
	(void)fail;
	arena_init(&arena, 1 << 16);
	TRY(room_get(txn_reading(txn), &arena, room->nid, &row));
	room->forks = true;
	room->fork_before = (struct snapshot_edit){.base = row.snapshot};
	room->fork_current = (struct snapshot_edit){row.snapshot, forking->changes, forking->count};
	double started = now_s();
	enum rc rc = message_insert(txn, room, 0);
	forking->took = now_s() - started;
	room->forks = false;
	return rc;
}

/* Members' newest events give way to the create event's nid and back: any event will do for the tree and the rows. */
static void bench_fork(struct bench *bench)
{
	enum { ENTRIES = 30000, MOST = 10000 };
	static struct state_change changes[MOST];
	static char keys[MOST][48];
	struct bench_room room = room_new(bench);
	grow(&room, ENTRIES - 3, 0, 0, BATCH);
	printf("changes\tms\tus a change\n");
	for (size_t count = 1; count <= MOST; count *= 10) {
		for (size_t i = 0; i < count; i++) {
			snprintf(keys[i], sizeof keys[i], "@user%zu:example.org", i + 1);
			changes[i] = (struct state_change){STR("m.room.member"), str_of(keys[i]), room.head - ENTRIES / 2 + (int64_t)i};
		}
		struct forking forking = {&room, changes, count, 0};
		must(store_write(bench->store, forking_write, &forking, NULL), "forking");
		printf("%zu\t%.2f\t%.1f\n", count, forking.took * 1000, forking.took * 1e6 / (double)count);
	}
	free(room.members);
}

int main(int argc, char **argv)
{
	struct bench bench = {.directory = argc > 1 ? argv[1] : "", .seed = 4711};
	const char *what = argc > 2 ? argv[2] : "";
	int64_t number = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
	struct fail fail = {0};
	bench.rng = rng_seeded(&bench.seed);
	struct store_config config = {.directory = str_of(bench.directory), .readers_max = 4, .group_max_jobs = 1000,
	                              .group_max_ms = 20, .clock = &clock_system, .rng = &rng_system};
	if (store_open(&config, &bench.store, &fail) != RC_OK) {
		fprintf(stderr, "%s\n", fail_message(&fail));
		return 1;
	}
	if (strcmp(what, "size") == 0)
		bench_size(&bench, number > 0 ? number : 40000);
	else if (strcmp(what, "insert") == 0)
		bench_insert(&bench);
	else if (strcmp(what, "difference") == 0)
		bench_difference(&bench);
	else if (strcmp(what, "fork") == 0)
		bench_fork(&bench);
	else if (strcmp(what, "rate") == 0)
		bench_rate(&bench, number > 0 ? number : 1000000);
	else
		fprintf(stderr, "usage: state_bench DIRECTORY size|insert|difference|fork|rate [NUMBER]\n");
	store_close(bench.store);
	return 0;
}
