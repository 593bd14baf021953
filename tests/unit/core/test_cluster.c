/*
 * Several processes of one server, here in one: who has which slot, when they come, stop, die, and are awake again.
 *
 * Nothing here depends on how fast anything is: all members share one clock that only the test moves, and each looks at
 * the others when the test says so.
 */
#include "store/other_store.h"

#include "core/cluster/cluster.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
	MEMBERS_MAX = 4,
	BEAT_MS = 600000, /* none beats by itself during a test */
	LEASE_MS = 4 * BEAT_MS,
	STEP_MS = BEAT_MS / 2,
};

struct member {
	struct other_store other;
	struct cluster *cluster;
	struct troop *troop;
	char address[16];
	int64_t process;
	struct lock mu;
	bool busy GUARDED_BY(mu);             /* no slot settles */
	size_t working[SLOT_COUNT];           /* operations under way in each; of `mu` */
	size_t asked[SLOT_COUNT];             /* how often each was asked to settle; of `mu` */
	size_t changes, fenced;               /* calls; of `mu` */
	void (*on_settle)(struct member *self); /* called once, then NULL */
	struct member *victim;                /* of on_settle */
};

struct troop {
	struct fixture *f;
	struct clock_fake time;
	struct clock clock;
	struct rng rng;
	int64_t lease_ms;
	struct member members[MEMBERS_MAX];
	void (*end)(struct troop *troop); /* what is still under way when a test ends, or fails; NULL: nothing */
};

static bool on_settle(void *self, size_t slot)
{
	struct member *member = self;
	if (member->on_settle)
		TAKE(member->on_settle)(member);
	lock_take(&member->mu);
	member->asked[slot]++;
	bool settled = !member->busy && member->working[slot] == 0;
	lock_drop(&member->mu);
	return settled;
}

static void on_change(void *self)
{
	struct member *member = self;
	lock_take(&member->mu);
	member->changes++;
	lock_drop(&member->mu);
}

static void on_fenced(void *self)
{
	struct member *member = self;
	lock_take(&member->mu);
	member->fenced++;
	lock_drop(&member->mu);
}

static struct cluster_config member_config(struct member *member)
{
	const struct troop *troop = member->troop;
	return (struct cluster_config){
	    .store = member->other.store,
	    .clock = &troop->clock,
	    .rng = &troop->rng,
	    .key_id = STR("ed25519:one"),
	    .beat_ms = BEAT_MS,
	    .lease_ms = troop->lease_ms,
	    .settle = on_settle,
	    .on_change = on_change,
	    .on_fenced = on_fenced,
	    .self = member,
	};
}

static int troop_setup(void **state)
{
	struct troop *troop = calloc(1, sizeof *troop);
	void *f;
	assert_int_equal(fixture_setup(&f), 0);
	troop->f = f;
	troop->time = (struct clock_fake){.wall_ms = 1000000, .mono_ms = 1000000};
	troop->clock = clock_fake_make(&troop->time);
	troop->rng = rng_system;
	troop->lease_ms = LEASE_MS;
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member *member = &troop->members[i];
		member->troop = troop;
		snprintf(member->address, sizeof member->address, "host%d:8008", i);
		lock_init(&member->mu);
	}
	*state = troop;
	return 0;
}

static void member_stop(struct member *member)
{
	cluster_stop(member->cluster);
}

static int troop_teardown(void **state)
{
	struct troop *troop = *state;
	void *f = troop->f;
	if (troop->end)
		troop->end(troop);
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct member *member = &troop->members[i];
		member_stop(member);
		cluster_free(member->cluster);
		other_close(&member->other);
		lock_destroy(&member->mu);
	}
	free(troop);
	return fixture_teardown(&f);
}

/* ---- verbs ---- */

static void owners_read(const struct troop *troop, int64_t owners[SLOT_COUNT])
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(troop->f);
	assert_int_equal(slots_get(txn, owners), RC_OK);
}

static int64_t slots_of(const struct troop *troop, int64_t process)
{
	int64_t owners[SLOT_COUNT], count = 0;
	owners_read(troop, owners);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		count += owners[i] == process;
	return count;
}

/* How many there are, and the beat of one of them; 0 when it is not there. */
static size_t processes_read(const struct troop *troop, int64_t process, int64_t *ret_beat)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(troop->f);
	struct arena arena CLEANUP(arena_release);
	struct process_row *rows;
	size_t count;
	arena_init(&arena, 1 << 16);
	assert_int_equal(process_each(txn, &arena, &rows, &count), RC_OK);
	*ret_beat = 0;
	for (size_t i = 0; i < count; i++)
		if (rows[i].process == process)
			*ret_beat = rows[i].beat;
	return count;
}

static size_t processes(const struct troop *troop)
{
	int64_t beat;
	return processes_read(troop, 0, &beat);
}

static enum rc member_try(struct member *member, struct fail *fail)
{
	struct cluster_config config = member_config(member);
	if (!member->other.store) {
		other_open(member->troop->f, &member->other);
		config.store = member->other.store;
	}
	assert_int_equal(cluster_new(&config, &member->cluster), RC_OK);
	return cluster_start(member->cluster, str_of(member->address), fail);
}

static struct member *member_start(struct troop *troop, int number)
{
	struct member *member = &troop->members[number];
	struct fail fail = {0};
	if (member_try(member, &fail) != RC_OK)
		fail_msg("cluster_start: %s", fail.message);
	member->process = store_process(member->other.store);
	return member;
}

static int64_t beats_of(const struct member *member)
{
	int64_t beat;
	(void)processes_read(member->troop, member->process, &beat);
	return beat;
}

struct beating {
	const struct member *member;
	int64_t beat;
};

static bool has_beaten(void *self)
{
	const struct beating *beating = self;
	return beats_of(beating->member) >= beating->beat;
}

/* One look and beat, and its outcome is known to the member: the next has begun. */
static void member_look(struct member *member)
{
	struct beating beating = {member, beats_of(member) + 1};
	cluster_look(member->cluster);
	other_wait(has_beaten, &beating, "a beat");
	beating.beat++;
	cluster_look(member->cluster);
	other_wait(has_beaten, &beating, "the next beat");
}

/* Each of them looks, again and again: enough for all slots to change hands. */
static void look_all(struct member *const *members, size_t count)
{
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < count; i++)
			member_look(members[i]);
}

#define LOOK(...) look_all((struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))

/* Time passes while these are alive and look, so that nobody has anything to excuse. */
static void pass(int64_t ms, struct member *const *members, size_t count)
{
	for (int64_t passed = 0; passed < ms; passed += STEP_MS) {
		clock_fake_advance(&members[0]->troop->time, STEP_MS);
		for (size_t i = 0; i < count; i++)
			member_look(members[i]);
	}
}

#define PASS(ms, ...) \
	pass((ms), (struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))

static void assert_shared(const struct troop *troop, struct member *const *members, size_t count)
{
	int64_t sum = 0, share = (SLOT_COUNT + (int64_t)count - 1) / (int64_t)count;
	for (size_t i = 0; i < count; i++) {
		int64_t slots = slots_of(troop, members[i]->process);
		assert_in_range(slots, SLOT_COUNT - share * ((int64_t)count - 1), share);
		sum += slots;
		assert_int_equal(cluster_count(members[i]->cluster), count);
	}
	assert_int_equal(sum, SLOT_COUNT);
	assert_int_equal(processes(troop), count);
}

#define SHARED(troop, ...) \
	assert_shared((troop), (struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))

static str room_name(char name[32], int number)
{
	snprintf(name, 32, "!room%d:x", number);
	return str_of(name);
}

static int64_t owner_in_database(const struct troop *troop, str room_id)
{
	int64_t owners[SLOT_COUNT];
	owners_read(troop, owners);
	return owners[room_slot(room_id)];
}

/* What a member says of each room is what stands in the database. */
static void assert_view(struct member *member)
{
	for (int i = 0; i < 50; i++) {
		char name[32];
		struct cluster_owner owner;
		str room_id = room_name(name, i);
		assert_int_equal(cluster_owner_of(member->cluster, room_id, &owner), RC_OK);
		assert_int_equal(owner.process, owner_in_database(member->troop, room_id));
		assert_int_equal(owner.is_self, owner.process == member->process);
		for (int j = 0; j < MEMBERS_MAX; j++) {
			const struct member *other = &member->troop->members[j];
			if (other->process != owner.process)
				continue;
			assert_string_equal(owner.address, other->address);
			assert_true(cluster_is_secret(other->cluster, str_of(owner.secret)));
		}
	}
}

/* ---- coming and stopping ---- */

static void one_has_all(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0);
	SHARED(troop, a);
	assert_view(a);
	assert_true(cluster_is_alive(a->cluster, a->process));
	assert_false(cluster_is_alive(a->cluster, a->process + 1));
	assert_int_equal(a->changes, 1);
}

static void before_it_starts_it_is_alone(void **state)
{
	struct troop *troop = *state;
	struct member *a = &troop->members[0];
	other_open(troop->f, &a->other);
	struct cluster_config config = member_config(a);
	assert_int_equal(cluster_new(&config, &a->cluster), RC_OK);
	assert_int_equal(cluster_count(a->cluster), 1);
	cluster_look(a->cluster);
	cluster_stop(a->cluster); /* of no consequence */
	assert_int_equal(processes(troop), 0);
}

static void those_that_come_get_their_share(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	assert_int_equal(slots_of(troop, b->process), 0); /* it takes from nobody */
	assert_view(b);
	LOOK(a, b);
	SHARED(troop, a, b);
	assert_view(a);
	assert_view(b);
	struct member *c = member_start(troop, 2);
	LOOK(a, b, c);
	SHARED(troop, a, b, c);
	assert_view(a);
	assert_view(b);
	assert_view(c);
	size_t changes = c->changes;
	LOOK(a, b, c); /* and so it stays */
	SHARED(troop, a, b, c);
	assert_int_equal(c->changes, changes);
}

static void one_that_stops_gives_its_slots_away(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1), *c = member_start(troop, 2);
	LOOK(a, b, c);
	int64_t gone = c->process;
	member_stop(c);
	assert_int_equal(slots_of(troop, 0), SLOT_COUNT - slots_of(troop, a->process) - slots_of(troop, b->process));
	assert_int_equal(slots_of(troop, gone), 0);
	LOOK(a, b);
	SHARED(troop, a, b);
	assert_false(cluster_is_alive(a->cluster, gone));
	assert_view(a);
	member_stop(b);
	LOOK(a);
	SHARED(troop, a);
	member_stop(a);
	assert_int_equal(processes(troop), 0);
	assert_int_equal(slots_of(troop, 0), SLOT_COUNT);
}

/* ---- signing on ---- */

struct joining {
	struct member *member;
	struct fail fail;
	enum rc rc;
	bool is_over; /* atomic */
	thread thread;
};

static void *joining_run(void *arg)
{
	struct joining *joining = arg;
	struct member *member = joining->member;
	joining->rc = cluster_start(member->cluster, str_of(member->address), &joining->fail);
	__atomic_store_n(&joining->is_over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Lets time pass until the new member is in, or refused; `alive`, if not NULL, beats meanwhile. */
static void join(struct joining *joining, struct member *alive)
{
	struct member *member = joining->member;
	struct troop *troop = member->troop;
	other_open(troop->f, &member->other);
	struct cluster_config config = member_config(member);
	assert_int_equal(cluster_new(&config, &member->cluster), RC_OK);
	assert_int_equal(thread_start(&joining->thread, "joining", joining_run, joining), RC_OK);
	while (!__atomic_load_n(&joining->is_over, __ATOMIC_ACQUIRE)) {
		clock_fake_advance(&troop->time, STEP_MS);
		if (alive)
			member_look(alive);
		cluster_look(member->cluster);
	}
	thread_join(joining->thread);
	member->process = store_process(member->other.store);
}

static void another_key_is_refused(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0);
	struct joining joining = {.member = &troop->members[1]};
	fixture_sql(troop->f, "UPDATE processes SET key_id='ed25519:two'");
	join(&joining, a);
	assert_int_equal(joining.rc, RC_CONFLICT);
	assert_non_null(strstr(joining.fail.message, "host0:8008 has the signing key ed25519:two, this one ed25519:one"));
	SHARED(troop, a);
}

/* A server whose only process was killed gets another key and address: what is left of it is in nobody's way. */
static void another_key_of_the_dead_is_not_in_the_way(void **state)
{
	struct troop *troop = *state;
	struct joining joining = {.member = &troop->members[1]};
	other_register(troop->f->store, "gone:8008");
	join(&joining, NULL);
	assert_int_equal(joining.rc, RC_OK);
	SHARED(troop, joining.member);
}

static void too_many_are_refused(void **state)
{
	struct troop *troop = *state;
	struct joining joining = {.member = &troop->members[1]};
	struct member *a = member_start(troop, 0);
	char sql[256];
	snprintf(sql, sizeof sql, "INSERT INTO processes(beat, address, secret, key_id)"
	         " SELECT 0, convert_to('h'||i, 'UTF8'), '', 'ed25519:one' FROM generate_series(2, %d) i", CLUSTER_PROCESSES_MAX);
	fixture_sql(troop->f, sql);
	fixture_sql(troop->f, "CREATE FUNCTION beat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	            " UPDATE processes SET beat=beat+1 WHERE address<>'host0:8008'; RETURN NULL; END $$;"
	            "CREATE TRIGGER beat AFTER UPDATE OF beat ON processes FOR EACH STATEMENT WHEN (pg_trigger_depth()=0)"
	            " EXECUTE FUNCTION beat()"); /* all beat when one does */
	join(&joining, a);
	assert_int_equal(joining.rc, RC_CONFLICT);
	assert_non_null(strstr(joining.fail.message, "64 processes"));
	assert_int_equal(processes(troop), CLUSTER_PROCESSES_MAX);
}

/* Their places are free as soon as it is known that they are over. */
static void many_that_are_dead_make_room(void **state)
{
	struct troop *troop = *state;
	struct joining joining = {.member = &troop->members[1]};
	char sql[256];
	snprintf(sql, sizeof sql, "INSERT INTO processes(beat, address, secret, key_id)"
	         " SELECT 0, convert_to('h'||i, 'UTF8'), '', 'ed25519:one' FROM generate_series(1, %d) i", CLUSTER_PROCESSES_MAX);
	fixture_sql(troop->f, sql);
	join(&joining, NULL);
	assert_int_equal(joining.rc, RC_OK);
	SHARED(troop, joining.member);
}

static void a_long_address_is_refused(void **state)
{
	struct troop *troop = *state;
	struct member *a = &troop->members[0];
	struct fail fail = {0};
	char address[CLUSTER_ADDRESS_MAX + 2];
	memset(address, 'a', sizeof address);
	other_open(troop->f, &a->other);
	struct cluster_config config = member_config(a);
	assert_int_equal(cluster_new(&config, &a->cluster), RC_OK);
	assert_int_equal(cluster_start(a->cluster, str_bytes(address, sizeof address - 1), &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail.message, "255 bytes"));
	assert_int_equal(processes(troop), 0);
}

static void a_secret_is_its_owners_only(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	struct cluster_owner owner;
	assert_int_equal(cluster_owner_of(b->cluster, STR("!r:x"), &owner), RC_OK);
	str secret = str_of(owner.secret);
	assert_int_equal(secret.n, CLUSTER_SECRET_CHARS);
	assert_true(cluster_is_secret(a->cluster, secret));
	assert_false(cluster_is_secret(b->cluster, secret));
	assert_false(cluster_is_secret(a->cluster, str_first(secret, secret.n - 1)));
	assert_false(cluster_is_secret(a->cluster, STR("")));
}

static void the_address_of_a_predecessor_is_taken_over(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1), *again = &troop->members[2];
	LOOK(a, b);
	snprintf(again->address, sizeof again->address, "%s", a->address);
	again = member_start(troop, 2);
	assert_false(again->process == a->process);
	assert_int_equal(slots_of(troop, a->process), 0);
	assert_int_equal(slots_of(troop, again->process), SLOT_COUNT / 2);
	LOOK(again, b);
	SHARED(troop, again, b);
	assert_false(cluster_is_alive(b->cluster, a->process));
	a->process = -1; /* its address is another's now */
	assert_view(b);
}

/* ---- handing over ---- */

static size_t asked(struct member *member)
{
	size_t most = 0;
	lock_take(&member->mu);
	for (size_t i = 0; i < SLOT_COUNT; i++)
		most = member->asked[i] > most ? member->asked[i] : most;
	lock_drop(&member->mu);
	return most;
}

static void busy_set(struct member *member, bool busy)
{
	lock_take(&member->mu);
	member->busy = busy;
	lock_drop(&member->mu);
}

static bool is_given(const struct troop *troop, const struct member *to)
{
	return slots_of(troop, to->process) > 0;
}

/* Slots with operations under way are waited for, but not forever. */
static void a_slot_that_does_not_settle_goes_all_the_same(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0);
	busy_set(a, true);
	struct member *b = member_start(troop, 1);
	LOOK(a); /* sees that the other is there, and asks for the first time */
	assert_false(is_given(troop, b));
	while (!is_given(troop, b))
		member_look(a);
	assert_in_range(asked(a), 5, 20);
	LOOK(a, b);
	SHARED(troop, a, b);
}

struct asking {
	struct member *member;
	str room_id;
	struct cluster_owner owner;
	enum rc rc;
	bool is_over; /* atomic */
	thread thread;
};

static void *asking_run(void *arg)
{
	struct asking *asking = arg;
	asking->rc = cluster_owner_of(asking->member->cluster, asking->room_id, &asking->owner);
	__atomic_store_n(&asking->is_over, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_answered(void *self)
{
	return __atomic_load_n(&((struct asking *)self)->is_over, __ATOMIC_ACQUIRE);
}

/* A room whose slot is among the first, which are the first to be given. */
static str first_room(char name[32])
{
	for (int i = 0;; i++)
		if (room_slot(room_name(name, i)) < SLOT_COUNT / 4)
			return str_of(name);
}

static void asking_start(struct asking *asking, struct member *member, char name[32])
{
	*asking = (struct asking){.member = member, .room_id = first_room(name)};
	assert_int_equal(thread_start(&asking->thread, "asking", asking_run, asking), RC_OK);
}

/* Who asks for a room that is being handed over waits for the one that gets it. */
static void who_asks_meanwhile_waits(void **state)
{
	struct troop *troop = *state;
	char name[32];
	struct asking asking;
	struct member *a = member_start(troop, 0);
	busy_set(a, true);
	struct member *b = member_start(troop, 1);
	member_look(a);
	asking_start(&asking, a, name);
	assert_false(is_answered(&asking));
	busy_set(a, false);
	member_look(a);
	other_wait(is_answered, &asking, "the owner");
	thread_join(asking.thread);
	assert_int_equal(asking.rc, RC_OK);
	assert_false(asking.owner.is_self);
	assert_int_equal(asking.owner.process, b->process);
}

static void who_waits_for_too_long_is_told(void **state)
{
	struct troop *troop = *state;
	char name[32];
	struct asking asking;
	struct member *a = &troop->members[0];
	other_open(troop->f, &a->other);
	struct cluster_config config = member_config(a);
	assert_int_equal(cluster_new(&config, &a->cluster), RC_OK); /* and never starts: nobody has any slot */
	asking_start(&asking, a, name);
	while (!is_answered(&asking)) {
		clock_fake_advance(&troop->time, LEASE_MS);
		cluster_look(a->cluster);
	}
	thread_join(asking.thread);
	assert_int_equal(asking.rc, RC_BUSY);
}

/* The one that was to have the slots is gone before it got them: they are used again. */
static void slots_that_nobody_takes_stay(void **state)
{
	struct troop *troop = *state;
	char name[32];
	struct asking asking;
	struct member *a = member_start(troop, 0);
	busy_set(a, true);
	struct member *b = member_start(troop, 1);
	member_look(a);
	asking_start(&asking, a, name);
	member_stop(b);
	member_look(a);
	other_wait(is_answered, &asking, "the owner");
	thread_join(asking.thread);
	assert_int_equal(asking.rc, RC_OK);
	assert_true(asking.owner.is_self);
	SHARED(troop, a);
	assert_view(a);
}

static void victim_stop(struct member *self)
{
	cluster_stop(self->victim->cluster);
}

/* It goes between the plan and the transaction that is to give them: no slot may go to who is not there any more. */
static void nothing_is_given_to_one_that_is_gone(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1), *c = member_start(troop, 2);
	fixture_sql(troop->f, "CREATE SEQUENCE lost; CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
	            " IF NEW.process<>0 AND NOT EXISTS(SELECT 1 FROM processes WHERE nid=NEW.process)"
	            " THEN PERFORM nextval('lost'); END IF; RETURN NEW; END $$;"
	            "CREATE TRIGGER look BEFORE UPDATE ON slots FOR EACH ROW EXECUTE FUNCTION look()");
	a->on_settle = victim_stop;
	a->victim = b;
	LOOK(a, c);
	assert_null(a->on_settle);
	SHARED(troop, a, c);
	assert_view(a);
	assert_int_equal(other_number(troop->f, "SELECT is_called::int FROM lost"), 0);
}

/* However it came about. */
static void a_slot_of_nobody_known_is_anybodys(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	LOOK(a, b);
	fixture_sql(troop->f, "UPDATE slots SET process=987654 WHERE slot % 3=0");
	LOOK(a, b);
	SHARED(troop, a, b);
	assert_view(a);
}

/* ---- death ---- */

static void one_that_stands_still_is_ended(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1), *c = member_start(troop, 2);
	LOOK(a, b, c);
	PASS(LEASE_MS - 2 * STEP_MS, a, b);
	assert_int_equal(processes(troop), 3);
	SHARED(troop, a, b, c);
	PASS(4 * STEP_MS, a, b);
	SHARED(troop, a, b);
	assert_int_equal(slots_of(troop, c->process), 0);
	assert_false(cluster_is_alive(a->cluster, c->process));
	assert_false(cluster_is_alive(b->cluster, c->process));
	assert_view(a);
	assert_view(b);
}

/* The shortest lease that may be configured is long enough for one to look. */
static void a_lease_of_two_beats_is_observed(void **state)
{
	struct troop *troop = *state;
	troop->lease_ms = 2 * BEAT_MS;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	LOOK(a, b);
	for (int i = 0; i < 4; i++) { /* both beat, as late as they may */
		clock_fake_advance(&troop->time, BEAT_MS + 1);
		LOOK(a, b);
		SHARED(troop, a, b);
	}
	for (int i = 0; i < 4; i++) {
		clock_fake_advance(&troop->time, BEAT_MS + 1);
		LOOK(a);
	}
	SHARED(troop, a);
}

/* Who could not look for a while, ends nobody for what it did not see. */
static void others_are_excused_after_a_blind_time(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	LOOK(a, b);
	for (int i = 0; i < 3; i++) {
		clock_fake_advance(&troop->time, 10 * LEASE_MS);
		member_look(a);
		assert_int_equal(processes(troop), 2);
	}
	PASS(LEASE_MS - 2 * STEP_MS, a);
	assert_int_equal(processes(troop), 2);
	PASS(4 * STEP_MS, a);
	SHARED(troop, a);
	assert_int_equal(slots_of(troop, b->process), 0);
}

static bool is_fenced(void *self)
{
	struct member *member = self;
	lock_take(&member->mu);
	size_t fenced = member->fenced;
	lock_drop(&member->mu);
	return fenced > 0;
}

static enum rc user_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	int64_t user;
	return user_nid_make(txn, str_of(arg), &user);
}

static void one_that_was_ended_cannot_write(void **state)
{
	struct troop *troop = *state;
	struct member *a = member_start(troop, 0), *b = member_start(troop, 1);
	char before[] = "@before:x", after[] = "@after:x";
	LOOK(a, b);
	assert_int_equal(store_write(b->other.store, user_write, before, NULL), RC_OK);
	PASS(LEASE_MS + 2 * STEP_MS, a);
	SHARED(troop, a);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_write(b->other.store, user_write, after, NULL), RC_FENCED);
	assert_int_equal(other_number(troop->f, "SELECT count(*) FROM users"), 1);
	assert_int_equal(store_write(a->other.store, user_write, after, NULL), RC_OK);
	assert_int_equal(b->fenced, 0); /* it does not know yet */
	cluster_look(b->cluster);
	other_wait(is_fenced, b, "that it knows");
	cluster_look(b->cluster);
	member_stop(b);
	assert_int_equal(b->fenced, 1);
	assert_int_equal(a->fenced, 0);
	LOOK(a);
	SHARED(troop, a);
}

/* ---- the invariant ---- */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, troop_setup, troop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(one_has_all),
	    TEST(before_it_starts_it_is_alone),
	    TEST(those_that_come_get_their_share),
	    TEST(one_that_stops_gives_its_slots_away),
	    TEST(another_key_is_refused),
	    TEST(another_key_of_the_dead_is_not_in_the_way),
	    TEST(too_many_are_refused),
	    TEST(many_that_are_dead_make_room),
	    TEST(a_long_address_is_refused),
	    TEST(a_secret_is_its_owners_only),
	    TEST(the_address_of_a_predecessor_is_taken_over),
	    TEST(a_slot_that_does_not_settle_goes_all_the_same),
	    TEST(who_asks_meanwhile_waits),
	    TEST(who_waits_for_too_long_is_told),
	    TEST(slots_that_nobody_takes_stay),
	    TEST(nothing_is_given_to_one_that_is_gone),
	    TEST(a_slot_of_nobody_known_is_anybodys),
	    TEST(one_that_stands_still_is_ended),
	    TEST(a_lease_of_two_beats_is_observed),
	    TEST(others_are_excused_after_a_blind_time),
	    TEST(one_that_was_ended_cannot_write),
	    TEST(every_commit_is_its_owners),
	};
	if (!fixture_is_on_postgres())
		return FIXTURE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
