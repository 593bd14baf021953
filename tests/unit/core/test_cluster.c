/* Who has which slot, when processes come, stop, die, and are awake again. */
#include "cluster_rig.h"

#include <string.h>

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
	joining->rc = cluster_start(member->cluster, str_of(member->address), str_of(member->link), &joining->fail);
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
	snprintf(sql, sizeof sql, "INSERT INTO processes(beat, address, link, secret, key_id)"
	         " SELECT 0, convert_to('h'||i, 'UTF8'), '', '', 'ed25519:one' FROM generate_series(2, %d) i", CLUSTER_PROCESSES_MAX);
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
	snprintf(sql, sizeof sql, "INSERT INTO processes(beat, address, link, secret, key_id)"
	         " SELECT 0, convert_to('h'||i, 'UTF8'), '', '', 'ed25519:one' FROM generate_series(1, %d) i", CLUSTER_PROCESSES_MAX);
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
	str longer = str_bytes(address, sizeof address - 1), as_long = str_first(longer, CLUSTER_ADDRESS_MAX);
	assert_int_equal(cluster_start(a->cluster, longer, as_long, &fail), RC_INVALID_PARAM);
	assert_non_null(strstr(fail.message, "255 bytes"));
	assert_int_equal(cluster_start(a->cluster, as_long, longer, &fail), RC_INVALID_PARAM);
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

static void asking_end(struct asking *asking)
{
	other_wait(is_answered, asking, "the owner");
	thread_join(asking->thread);
	assert_int_equal(asking->rc, RC_OK);
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
	asking_end(&asking);
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
	asking_end(&asking);
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
	};
	if (!fixture_is_on_postgres())
		return FIXTURE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
