#include "cluster_rig.h"

#include <stdlib.h>
#include <string.h>

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

struct cluster_config member_config(struct member *member)
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

int troop_setup(void **state)
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
		snprintf(member->link, sizeof member->link, "host%d:9008", i);
		lock_init(&member->mu);
	}
	*state = troop;
	return 0;
}

void member_stop(struct member *member)
{
	cluster_stop(member->cluster);
}

int troop_teardown(void **state)
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

int64_t slots_of(const struct troop *troop, int64_t process)
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

size_t processes(const struct troop *troop)
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
	return cluster_start(member->cluster, str_of(member->address), str_of(member->link), fail);
}

struct member *member_start(struct troop *troop, int number)
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

void member_look(struct member *member)
{
	struct beating beating = {member, beats_of(member) + 1};
	cluster_look(member->cluster);
	other_wait(has_beaten, &beating, "a beat");
	beating.beat++;
	cluster_look(member->cluster);
	other_wait(has_beaten, &beating, "the next beat");
}

void look_all(struct member *const *members, size_t count)
{
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < count; i++)
			member_look(members[i]);
}

void pass(int64_t ms, struct member *const *members, size_t count)
{
	for (int64_t passed = 0; passed < ms; passed += STEP_MS) {
		clock_fake_advance(&members[0]->troop->time, STEP_MS);
		for (size_t i = 0; i < count; i++)
			member_look(members[i]);
	}
}

void assert_shared(const struct troop *troop, struct member *const *members, size_t count)
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

str room_name(char name[32], int number)
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

void assert_view(struct member *member)
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
			assert_string_equal(owner.link, other->link);
			assert_true(cluster_is_secret(other->cluster, str_of(owner.secret)));
		}
	}
}
