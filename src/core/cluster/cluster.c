#include "core/cluster/cluster.h"

#include "base/heap.h"
#include "base/lock.h"
#include "base/log.h"
#include "codec/crypto.h"
#include "store/news.h"

#include <string.h>

enum {
	TICK_ARENA_BYTES = 1 << 20,
	SECRET_ARENA_BYTES = 4096,
	SETTLE_TRIES_MAX = 10,
	/* Processes try a database that was away every second at the latest: so far apart they come back, and some more. */
	COMING_BACK_MS = 2500,
};

/* Another process, as this one has seen it. */
struct peer {
	int64_t process, beat;
	int64_t seen_ms; /* monotonic: when the beat last moved; in the future for one that is excused */
	char link[CLUSTER_ADDRESS_MAX + 1];
	char secret[CLUSTER_SECRET_CHARS + 1];
};

struct cluster {
	struct cluster_config config;
	char secret[CLUSTER_SECRET_CHARS + 1];
	struct lock mu;
	/* 0: not registered. Written with the lock while the thread does not run, which therefore reads it without. */
	int64_t process;
	struct cond changed;                              /* the view, or `look`, or `stopping` */
	struct peer peers[CLUSTER_PROCESSES_MAX] GUARDED_BY(mu);
	size_t peer_count GUARDED_BY(mu);
	int64_t slots[SLOT_COUNT] GUARDED_BY(mu);         /* the process of each */
	bool giving[SLOT_COUNT] GUARDED_BY(mu);           /* ours, but no longer for new operations */
	int64_t looked_ms GUARDED_BY(mu);                 /* monotonic: the last look that succeeded */
	bool look GUARDED_BY(mu);
	bool stopping GUARDED_BY(mu);
	unsigned tries[SLOT_COUNT];                       /* of settling; the thread's */
	thread thread;
	bool started;
};

static void text_copy(char *to, size_t max, str text)
{
	size_t n = text.n < max ? text.n : max;
	if (n)
		memcpy(to, text.p, n);
	to[n] = '\0';
}

enum rc cluster_new(const struct cluster_config *config, struct cluster **ret_cluster)
{
	struct arena arena CLEANUP(arena_release);
	arena_init(&arena, SECRET_ARENA_BYTES);
	str secret = rng_text(config->rng, &arena, RNG_ALPHANUMERIC, CLUSTER_SECRET_CHARS);
	TRY(arena_status(&arena));
	struct cluster *cluster = heap_new(struct cluster);
	if (!cluster)
		return RC_NOMEM;
	cluster->config = *config;
	text_copy(cluster->secret, CLUSTER_SECRET_CHARS, secret);
	lock_init(&cluster->mu);
	cond_init(&cluster->changed);
	*ret_cluster = cluster;
	return RC_OK;
}

void cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	cond_destroy(&cluster->changed);
	lock_destroy(&cluster->mu);
	heap_free(cluster);
}

static void process_set(struct cluster *cluster, int64_t process)
{
	lock_take(&cluster->mu);
	cluster->process = process;
	lock_drop(&cluster->mu);
}

static str self_secret(const struct cluster *cluster)
{
	return str_of(cluster->secret);
}

bool cluster_is_secret(const struct cluster *cluster, str secret)
{
	str mine = self_secret(cluster);
	return mine.n > 0 && secret_equal(secret, mine);
}

/* ---- one look at the database, in a write transaction ---- */

/* What is there, and what this process makes of it. */
struct tick {
	struct cluster *cluster;
	struct arena arena;
	struct process_row *rows;
	size_t count;
	int64_t slots[SLOT_COUNT];
	int64_t given[SLOT_COUNT]; /* to whom each settled slot of ours goes; 0: it stays */
	int64_t ended[CLUSTER_PROCESSES_MAX];
	size_t ended_count;
};

static struct peer *peer_find_locked(struct cluster *cluster, int64_t process) REQUIRES(cluster->mu)
{
	for (size_t i = 0; i < cluster->peer_count; i++)
		if (cluster->peers[i].process == process)
			return &cluster->peers[i];
	return NULL;
}

static bool is_dead(struct cluster *cluster, const struct process_row *row, int64_t now_ms)
{
	lock_take(&cluster->mu);
	const struct peer *peer = peer_find_locked(cluster, row->process);
	bool dead = row->process != cluster->process && peer && peer->beat == row->beat &&
	            now_ms - peer->seen_ms > cluster->config.lease_ms;
	lock_drop(&cluster->mu);
	return dead;
}

/*
 * When nobody could beat, or this process could not look, beats have stood still for no fault of theirs. It looks every
 * beat: later than a quarter of the lease after that is too late, also where the lease is two beats only. They are not
 * ended before a new lease is over, nor while they may still be on their way back to the database.
 */
static void peers_excuse(struct cluster *cluster, int64_t now_ms)
{
	const struct cluster_config *config = &cluster->config;
	lock_take(&cluster->mu);
	bool was_blind = now_ms - cluster->looked_ms > config->beat_ms + config->lease_ms / 4;
	int64_t excused_ms = config->lease_ms > COMING_BACK_MS ? config->lease_ms : COMING_BACK_MS;
	for (size_t i = 0; i < cluster->peer_count && was_blind; i++)
		cluster->peers[i].seen_ms = now_ms + excused_ms - config->lease_ms;
	lock_drop(&cluster->mu);
}

static enum rc dead_end(struct txn_rw *txn, struct tick *tick)
{
	struct cluster *cluster = tick->cluster;
	int64_t now_ms = clock_mono_ms(cluster->config.clock);
	size_t alive = 0;
	tick->ended_count = 0;
	peers_excuse(cluster, now_ms);
	for (size_t i = 0; i < tick->count; i++) {
		if (!is_dead(cluster, &tick->rows[i], now_ms)) {
			tick->rows[alive++] = tick->rows[i];
			continue;
		}
		TRY(process_end(txn, tick->rows[i].process));
		tick->ended[tick->ended_count++] = tick->rows[i].process;
	}
	tick->count = alive;
	return RC_OK;
}

static size_t slots_of(const struct tick *tick, int64_t process)
{
	size_t count = 0;
	for (size_t i = 0; i < SLOT_COUNT; i++)
		count += tick->slots[i] == process;
	return count;
}

static int64_t poorest(const struct tick *tick)
{
	int64_t process = tick->rows[0].process;
	for (size_t i = 1; i < tick->count; i++)
		if (slots_of(tick, tick->rows[i].process) < slots_of(tick, process))
			process = tick->rows[i].process;
	return process;
}

static bool is_there(const struct tick *tick, int64_t process)
{
	for (size_t i = 0; i < tick->count; i++)
		if (tick->rows[i].process == process)
			return true;
	return false;
}

static enum rc give(struct txn_rw *txn, struct tick *tick, size_t slot, int64_t to)
{
	TRY(slot_give(txn, slot, tick->slots[slot], to));
	tick->slots[slot] = to;
	return RC_OK;
}

/*
 * Slots that nobody has, or one that is gone, go to whoever has fewest; settled ones of ours to those they were meant
 * for, who may have gone since they were chosen.
 */
static enum rc slots_share(struct txn_rw *txn, struct tick *tick)
{
	for (size_t i = 0; i < SLOT_COUNT; i++) {
		if (!is_there(tick, tick->slots[i]))
			TRY(give(txn, tick, i, poorest(tick)));
		else if (tick->slots[i] == tick->cluster->process && is_there(tick, tick->given[i]))
			TRY(give(txn, tick, i, tick->given[i]));
	}
	return RC_OK;
}

static enum rc tick_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct tick *tick = arg;
	enum rc rc = process_beat(txn, tick->cluster->process);
	if (rc == RC_NOT_FOUND)
		return RC_FENCED;
	TRY(rc);
	arena_clear(&tick->arena);
	TRY(process_each(txn_reading(txn), &tick->arena, &tick->rows, &tick->count));
	if (tick->count == 0 || tick->count > CLUSTER_PROCESSES_MAX)
		return RC_TOO_LARGE;
	TRY(slots_get(txn_reading(txn), tick->slots));
	TRY(dead_end(txn, tick));
	for (size_t i = 0; i < tick->ended_count; i++)
		for (size_t j = 0; j < SLOT_COUNT; j++)
			if (tick->slots[j] == tick->ended[i])
				tick->slots[j] = 0;
	return slots_share(txn, tick);
}

/* ---- the view in memory ---- */

static bool view_take(struct cluster *cluster, const struct tick *tick)
{
	int64_t now_ms = clock_mono_ms(cluster->config.clock);
	struct peer peers[CLUSTER_PROCESSES_MAX];
	lock_take(&cluster->mu);
	bool changed = tick->count != cluster->peer_count ||
	               memcmp(cluster->slots, tick->slots, sizeof cluster->slots) != 0;
	for (size_t i = 0; i < tick->count; i++) {
		const struct process_row *row = &tick->rows[i];
		const struct peer *known = peer_find_locked(cluster, row->process);
		bool is_excused = known && known->seen_ms > now_ms;
		peers[i] = (struct peer){.process = row->process, .beat = row->beat,
			.seen_ms = is_excused || (known && known->beat == row->beat) ? known->seen_ms : now_ms};
		text_copy(peers[i].link, CLUSTER_ADDRESS_MAX, row->link);
		text_copy(peers[i].secret, CLUSTER_SECRET_CHARS, row->secret);
		changed = changed || !known;
	}
	cluster->looked_ms = now_ms;
	memcpy(cluster->peers, peers, tick->count * sizeof peers[0]);
	cluster->peer_count = tick->count;
	memcpy(cluster->slots, tick->slots, sizeof cluster->slots);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		if (cluster->slots[i] != cluster->process)
			cluster->giving[i] = false;
	lock_drop(&cluster->mu);
	cond_broadcast(&cluster->changed);
	return changed;
}

/* Marks what we have beyond our share: nothing new begins there. The others are ours to use, perhaps again. */
static void surplus_mark(struct cluster *cluster)
{
	size_t mine = 0;
	lock_take(&cluster->mu);
	size_t count = cluster->peer_count > 0 ? cluster->peer_count : 1;
	size_t share = (SLOT_COUNT + count - 1) / count;
	for (size_t i = 0; i < SLOT_COUNT; i++)
		mine += cluster->slots[i] == cluster->process;
	for (size_t i = 0; i < SLOT_COUNT; i++) {
		cluster->giving[i] = cluster->slots[i] == cluster->process && mine > share;
		mine -= cluster->giving[i];
	}
	lock_drop(&cluster->mu);
	cond_broadcast(&cluster->changed);
}

/* The other process that has fewest slots, with what it is to be given now. */
static int64_t taker_locked(struct cluster *cluster, const int64_t given[SLOT_COUNT]) REQUIRES(cluster->mu)
{
	int64_t taker = 0;
	size_t fewest = SLOT_COUNT + 1;
	for (size_t i = 0; i < cluster->peer_count; i++) {
		int64_t process = cluster->peers[i].process;
		size_t has = 0;
		for (size_t j = 0; j < SLOT_COUNT; j++)
			has += cluster->slots[j] == process || given[j] == process;
		if (process == cluster->process || has >= fewest)
			continue;
		taker = process;
		fewest = has;
	}
	return taker;
}

/*
 * Finds out which slots beyond our share have settled, and who is to have them. One that does not settle in time goes all
 * the same: the database refuses an event that is built on a head which is not the newest.
 */
static void slots_plan(struct cluster *cluster, struct tick *tick)
{
	surplus_mark(cluster);
	memset(tick->given, 0, sizeof tick->given);
	for (size_t i = 0; i < SLOT_COUNT; i++) {
		lock_take(&cluster->mu);
		bool giving = cluster->giving[i];
		lock_drop(&cluster->mu);
		if (giving && !cluster->config.settle(cluster->config.self, i) && ++cluster->tries[i] < SETTLE_TRIES_MAX)
			continue;
		cluster->tries[i] = 0;
		if (!giving)
			continue;
		lock_take(&cluster->mu);
		tick->given[i] = taker_locked(cluster, tick->given);
		lock_drop(&cluster->mu);
	}
}

static enum rc tick_once(struct cluster *cluster, struct tick *tick)
{
	slots_plan(cluster, tick);
	TRY(store_write(cluster->config.store, tick_write, tick, NULL));
	for (size_t i = 0; i < tick->ended_count; i++)
		LOG(LOG_WARNING, "cluster", "a process was ended: its beat stood still", LOG_INT("process", tick->ended[i]));
	if (view_take(cluster, tick)) {
		LOG(LOG_INFO, "cluster", "rooms are shared out", LOG_INT("processes", tick->count),
		    LOG_INT("slots", slots_of(tick, cluster->process)));
		cluster->config.on_change(cluster->config.self);
	}
	return RC_OK;
}

/* ---- the thread ---- */

/* False: stop. */
static bool next_beat(struct cluster *cluster)
{
	lock_take(&cluster->mu);
	if (!cluster->look && !cluster->stopping)
		(void)cond_wait_ms(&cluster->changed, &cluster->mu, cluster->config.beat_ms);
	cluster->look = false;
	bool go_on = !cluster->stopping;
	lock_drop(&cluster->mu);
	return go_on;
}

static void *cluster_run(void *arg)
{
	struct cluster *cluster = arg;
	struct tick tick = {.cluster = cluster};
	arena_init(&tick.arena, TICK_ARENA_BYTES);
	while (next_beat(cluster)) {
		enum rc rc = tick_once(cluster, &tick);
		if (rc == RC_FENCED) {
			LOG(LOG_ERROR, "cluster", "another process has taken over from this one, which stops now");
			cluster->config.on_fenced(cluster->config.self);
			break;
		}
		if (rc != RC_OK && rc != RC_STOPPING)
			LOG(LOG_WARNING, "cluster", "cannot beat", LOG_STR("reason", str_of(rc_sentence(rc))));
	}
	arena_release(&tick.arena);
	return NULL;
}

void cluster_look(struct cluster *cluster)
{
	lock_take(&cluster->mu);
	cluster->look = true;
	lock_drop(&cluster->mu);
	cond_broadcast(&cluster->changed);
}

/* ---- signing on and off ---- */

struct signing_on {
	struct cluster *cluster;
	str address, link;
	int64_t process;
	/* The processes that were there at the first attempt, which was refused a lease ago. */
	struct {
		int64_t process, beat;
	} seen[CLUSTER_PROCESSES_MAX];
	size_t seen_count;
	bool has_waited;
};

static bool stood_still(const struct signing_on *on, const struct process_row *row)
{
	for (size_t i = 0; i < on->seen_count; i++)
		if (on->seen[i].process == row->process)
			return on->has_waited && on->seen[i].beat == row->beat;
	return false;
}

/* Those that are over go: our own predecessor, since the address is ours now, and who has not beaten for a lease. */
static enum rc over_end(struct txn_rw *txn, const struct signing_on *on, struct process_row *rows, size_t *count)
{
	size_t left = 0;
	for (size_t i = 0; i < *count; i++) {
		if (str_eq(rows[i].address, on->address) || stood_still(on, &rows[i]))
			TRY(process_end(txn, rows[i].process));
		else
			rows[left++] = rows[i];
	}
	*count = left;
	return RC_OK;
}

static void seen_keep(struct signing_on *on, const struct process_row *rows, size_t count)
{
	on->seen_count = count < CLUSTER_PROCESSES_MAX ? count : CLUSTER_PROCESSES_MAX;
	for (size_t i = 0; i < on->seen_count; i++) {
		on->seen[i].process = rows[i].process;
		on->seen[i].beat = rows[i].beat;
	}
}

static enum rc sign_on(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct signing_on *on = arg;
	const struct cluster_config *config = &on->cluster->config;
	struct arena arena CLEANUP(arena_release);
	struct process_row *rows;
	size_t count;
	arena_init(&arena, TICK_ARENA_BYTES);
	TRY(process_each(txn_reading(txn), &arena, &rows, &count));
	if (!on->has_waited)
		seen_keep(on, rows, count);
	TRY(over_end(txn, on, rows, &count));
	if (count >= CLUSTER_PROCESSES_MAX)
		return fail_set(fail, RC_CONFLICT, "there are %zu processes over this database already", count);
	for (size_t i = 0; i < count; i++)
		if (!str_eq(rows[i].key_id, config->key_id))
			return fail_set(fail, RC_CONFLICT,
			    "the process at %.*s has the signing key %.*s, this one %.*s: all need the same (server.signing_key)",
			    STR_ARG(rows[i].address), STR_ARG(rows[i].key_id), STR_ARG(config->key_id));
	struct process_row row = {.address = on->address, .link = on->link, .secret = self_secret(on->cluster),
		.key_id = config->key_id};
	return process_add(txn, &row, &on->process);
}

static void lease_wait(struct cluster *cluster)
{
	const struct cluster_config *config = &cluster->config;
	int64_t deadline_ms = clock_mono_ms(config->clock) + config->lease_ms;
	lock_take(&cluster->mu);
	for (int64_t left_ms = config->lease_ms; left_ms > 0; left_ms = deadline_ms - clock_mono_ms(config->clock))
		(void)cond_wait_ms(&cluster->changed, &cluster->mu, left_ms < config->beat_ms ? left_ms : config->beat_ms);
	lock_drop(&cluster->mu);
}

/* What is in the way may be left of processes that were killed: that is known after a lease. */
static enum rc sign_on_patiently(struct cluster *cluster, struct signing_on *on, struct fail *fail)
{
	enum rc rc = store_write(cluster->config.store, sign_on, on, fail);
	if (rc != RC_CONFLICT)
		return rc;
	LOG(LOG_WARNING, "cluster", "cannot join now, trying again when a lease has passed",
	    LOG_STR("reason", str_of(fail->message)));
	lease_wait(cluster);
	on->has_waited = true;
	return store_write(cluster->config.store, sign_on, on, fail);
}

enum rc cluster_start(struct cluster *cluster, str address, str link, struct fail *fail)
{
	const struct cluster_config *config = &cluster->config;
	struct signing_on on = {.cluster = cluster, .address = address, .link = link};
	if (address.n > CLUSTER_ADDRESS_MAX || link.n > CLUSTER_ADDRESS_MAX)
		return fail_set(fail, RC_INVALID_PARAM, "An address of this process is longer than %d bytes", CLUSTER_ADDRESS_MAX);
	TRY(sign_on_patiently(cluster, &on, fail));
	process_set(cluster, on.process);
	store_be_process(config->store, on.process);
	struct tick tick = {.cluster = cluster};
	arena_init(&tick.arena, TICK_ARENA_BYTES);
	enum rc rc = tick_once(cluster, &tick);
	arena_release(&tick.arena);
	if (rc == RC_OK)
		rc = thread_start(&cluster->thread, "cluster", cluster_run, cluster);
	cluster->started = rc == RC_OK;
	return rc;
}

static enum rc sign_off(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct cluster *cluster = arg;
	return process_end(txn, cluster->process);
}

/* Rooms that have come to rest go at once; for the others there is the fence. */
void cluster_stop(struct cluster *cluster)
{
	if (!cluster || cluster->process == 0)
		return;
	if (cluster->started) {
		lock_take(&cluster->mu);
		cluster->stopping = true;
		lock_drop(&cluster->mu);
		cond_broadcast(&cluster->changed);
		thread_join(cluster->thread);
		cluster->started = false;
	}
	enum rc rc = store_write(cluster->config.store, sign_off, cluster, NULL);
	if (rc != RC_OK && rc != RC_FENCED && rc != RC_NOT_FOUND)
		LOG(LOG_WARNING, "cluster", "cannot sign off, the others will notice",
		    LOG_STR("reason", str_of(rc_sentence(rc))));
	process_set(cluster, 0);
}

/* ---- questions ---- */

size_t cluster_count(struct cluster *cluster)
{
	lock_take(&cluster->mu);
	size_t count = cluster->peer_count;
	lock_drop(&cluster->mu);
	return count > 0 ? count : 1;
}

bool cluster_is_alive(struct cluster *cluster, int64_t process)
{
	lock_take(&cluster->mu);
	bool alive = peer_find_locked(cluster, process) != NULL;
	lock_drop(&cluster->mu);
	return alive;
}

static bool owner_locked(struct cluster *cluster, size_t slot, struct cluster_owner *ret_owner) REQUIRES(cluster->mu)
{
	int64_t process = cluster->slots[slot];
	if (process == 0 || cluster->giving[slot])
		return false;
	const struct peer *peer = peer_find_locked(cluster, process);
	if (!peer)
		return false;
	ret_owner->process = process;
	ret_owner->is_self = process == cluster->process;
	memcpy(ret_owner->link, peer->link, sizeof ret_owner->link);
	memcpy(ret_owner->secret, peer->secret, sizeof ret_owner->secret);
	return true;
}

enum rc cluster_owner_of(struct cluster *cluster, str room_id, struct cluster_owner *ret_owner)
{
	const struct cluster_config *config = &cluster->config;
	int64_t deadline_ms = clock_mono_ms(config->clock) + 2 * config->lease_ms;
	size_t slot = room_slot(room_id);
	lock_take(&cluster->mu);
	bool found = owner_locked(cluster, slot, ret_owner);
	for (int64_t left_ms = 1; !found && left_ms > 0; left_ms = deadline_ms - clock_mono_ms(config->clock)) {
		(void)cond_wait_ms(&cluster->changed, &cluster->mu, config->beat_ms);
		found = owner_locked(cluster, slot, ret_owner);
	}
	lock_drop(&cluster->mu);
	return found ? RC_OK : RC_BUSY;
}
