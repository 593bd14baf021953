/*
 * Several processes of one server, here in one: a troop, each member with a store and a cluster of its own.
 *
 * Nothing depends on how fast anything is: all members share one clock that only the test moves, and each looks at the
 * others when the test says so. PostgreSQL only.
 */
#ifndef EXEUNT_TESTS_UNIT_CORE_CLUSTER_RIG_H
#define EXEUNT_TESTS_UNIT_CORE_CLUSTER_RIG_H

#include "store/other_store.h"

#include "core/cluster/cluster.h"

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
	char address[16], link[16];
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

int troop_setup(void **state);
int troop_teardown(void **state); /* stops all that run */

struct cluster_config member_config(struct member *member); /* its store must be open */
struct member *member_start(struct troop *troop, int number);
void member_stop(struct member *member);

/* What stands in the database. */
int64_t slots_of(const struct troop *troop, int64_t process);
size_t processes(const struct troop *troop);

/* One look and beat, and its outcome is known to the member: the next has begun. */
void member_look(struct member *member);
/* Each of them looks, again and again: enough for all slots to change hands. */
void look_all(struct member *const *members, size_t count);
#define LOOK(...) look_all((struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))
/* Time passes while these are alive and look, so that nobody has anything to excuse. */
void pass(int64_t ms, struct member *const *members, size_t count);
#define PASS(ms, ...) \
	pass((ms), (struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))

/* These and no others are there, and have all slots in equal shares. */
void assert_shared(const struct troop *troop, struct member *const *members, size_t count);
#define SHARED(troop, ...) \
	assert_shared((troop), (struct member *const[]){__VA_ARGS__}, sizeof(struct member *[]){__VA_ARGS__} / sizeof(void *))
/* What a member says of each room is what stands in the database. */
void assert_view(struct member *member);

str room_name(char name[32], int number);

#define TEST(name) cmocka_unit_test_setup_teardown(name, troop_setup, troop_teardown)

#endif
